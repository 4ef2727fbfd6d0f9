//! The resource: found in the store, or made at the first start.

use centrale_model::{ResourceId, Timestamp};
use centrale_store::{Store, transact};

use super::access::{KeyName, random_secret};
use super::sql;
use crate::{Chance, Error, Result, WellKnown};

/// The resource id of the developer's exchange (contract section 3).
const DEVELOPER: ResourceId = ResourceId::from_u128(0x0000_0000_0000_4000_8000_0000_0000_cafe);

/// Finds the resource, or makes it and its two access keys.
pub(crate) async fn found(
    store: &dyn Store,
    chance: &dyn Chance,
    now: Timestamp,
    well_known: Option<&WellKnown>,
) -> Result<ResourceId> {
    let mut random = [0; 16];
    chance.fill(&mut random);
    let wanted = well_known.map_or(ResourceId::from_random(random), |known| known.resource);
    let primary = well_known.map_or_else(|| random_secret(chance), |known| known.primary_key.reveal().clone());
    let secondary = random_secret(chance);
    let resource: ResourceId = transact!(store, |tx| {
        if let Some(text) = sql::setting(tx, "resource").await? {
            return text.parse().map_err(|_| Error::bug("the resource id in the store is not a GUID"));
        }
        sql::put_setting(tx, "resource", &wanted.to_string()).await?;
        sql::insert_access_key(tx, KeyName::Primary, &primary, now).await?;
        sql::insert_access_key(tx, KeyName::Secondary, &secondary, now).await?;
        Ok::<_, Error>(wanted)
    })?;
    match well_known {
        Some(known) if known.resource != resource => Err(Error::invalid(
            "The data directory belongs to `centrale serve`: give `centrale dev` another one with --data",
        )),
        None if resource == DEVELOPER => Err(Error::invalid(
            "The data directory was made by `centrale dev`, whose access key everybody knows: give `centrale serve` another one with --data",
        )),
        Some(_) | None => Ok(resource),
    }
}
