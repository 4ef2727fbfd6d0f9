//! The operator's side: the access keys shown and replaced.

use centrale_store::transact;
use centrale_wire::admin::{Keys, NoRequest, RegenerateKeyRequest};

use super::access::{KeyName, random_secret};
use super::watch::{self, Revocation};
use super::{Caller, sql};
use crate::{Context, Error, Result};

/// Shows both keys and their connection strings to whoever holds one of them.
pub async fn list_keys(ctx: &Context, _caller: &Caller, _request: NoRequest) -> Result<Keys> {
    Ok(keys(ctx))
}

/// Replaces a key by a random one. Requests signed with the old one are refused, and tokens made under it end, on every
/// node at once.
///
/// # Errors
/// `Invalid` when the key is neither `primary` nor `secondary`.
pub async fn regenerate_key(ctx: &Context, _caller: &Caller, request: RegenerateKeyRequest) -> Result<Keys> {
    let name = request
        .key_type
        .as_deref()
        .and_then(KeyName::parse)
        .ok_or_else(|| Error::validation("keyType", "keyType is primary or secondary."))?;
    let secret = random_secret(&*ctx.chance);
    let now = ctx.now();
    transact!(ctx.store, |tx| { sql::replace_access_key(tx, name, &secret, now).await })?;
    ctx.identity.reload_keys(&*ctx.store).await?;
    watch::tell(ctx, Revocation::Key { name }).await;
    tracing::info!(key = name.as_str(), "access key replaced");
    Ok(keys(ctx))
}

fn keys(ctx: &Context) -> Keys {
    let ring = ctx.access_keys();
    let string = |key: &str| format!("endpoint={}/;accesskey={key}", ctx.public_url);
    let [primary, secondary] = ring.both().map(|key| key.secret.reveal().clone());
    Keys {
        primary_connection_string: string(&primary),
        secondary_connection_string: string(&secondary),
        primary_key: primary,
        secondary_key: secondary,
    }
}
