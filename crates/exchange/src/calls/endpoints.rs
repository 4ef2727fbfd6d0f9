//! Endpoints: the clients where a user's calls ring, and whether they can be reached now.
//!
//! An endpoint registers when its event connection opens and stays registered until it says goodbye for good, so that "registered, but
//! offline" and "no endpoint" can be told apart (480/10076 and 480/10037).

use std::time::Duration;

use centrale_model::{EndpointId, Identity, Timestamp};
use centrale_store::{Row, Store, StoreError, Tx};

use crate::{Context, Error, Result};

/// How long after its connection closed an endpoint still rings: a client that changes networks is back within seconds.
///
/// Lower: callers of a phone in a tunnel hear sooner that it is offline. Higher: fewer calls are missed while a client reconnects.
pub(crate) const GRACE: Duration = Duration::from_secs(15);

/// Endpoints that one user may have. Beyond, the one seen longest ago is forgotten.
///
/// Each rings, so this bounds the legs of a call.
pub(crate) const PER_USER: usize = 32;

/// An endpoint, as its row says.
#[derive(Clone, Debug)]
pub(crate) struct Endpoint {
    pub(crate) id: EndpointId,
    pub(crate) is_online: bool,
    pub(crate) seen: Timestamp,
}

/// Registers an endpoint and notes the connection through which it is reached.
///
/// `connection` names one event connection for ever: a late close of an older one changes nothing.
///
/// # Errors
/// `Conflict` when the endpoint belongs to another user.
pub(crate) async fn online(
    ctx: &Context,
    node: &str,
    identity: &Identity,
    endpoint: EndpointId,
    display_name: Option<&str>,
    connection: &str,
) -> Result<()> {
    let now = ctx.now().as_millis();
    let identity = identity.to_string();
    centrale_store::transact!(ctx.store, |tx| {
        let rows = tx
            .query(
                "INSERT INTO endpoints (id, identity, display_name, node, connection, registered_at, seen_at) \
                 VALUES ($1, $2, $3, $4, $5, $6, $6) \
                 ON CONFLICT (id) DO UPDATE SET display_name = COALESCE(excluded.display_name, endpoints.display_name), \
                 node = excluded.node, connection = excluded.connection, seen_at = excluded.seen_at \
                 WHERE endpoints.identity = excluded.identity RETURNING id",
                &[
                    endpoint.to_string().into(),
                    identity.as_str().into(),
                    display_name.into(),
                    node.into(),
                    connection.into(),
                    now.into(),
                ],
            )
            .await?;
        if rows.is_empty() {
            return Err(Error::conflict("This endpoint id belongs to another user.").target("endpointId"));
        }
        forget_beyond(tx, &identity).await?;
        Ok(())
    })
}

/// Notes that a connection closed; nothing when the endpoint has a newer one. Gives whether the endpoint is offline now.
pub(crate) async fn offline(ctx: &Context, endpoint: EndpointId, connection: &str) -> Result<bool> {
    let now = ctx.now().as_millis();
    let changed = centrale_store::transact!(ctx.store, |tx| {
        tx.execute(
            "UPDATE endpoints SET connection = NULL, seen_at = $3 WHERE id = $1 AND connection = $2",
            &[endpoint.to_string().into(), connection.into(), now.into()],
        )
        .await
    })?;
    Ok(changed == 1)
}

/// Forgets an endpoint; nothing when it belongs to somebody else.
pub(crate) async fn forget(ctx: &Context, identity: &Identity, endpoint: EndpointId) -> Result<()> {
    centrale_store::transact!(ctx.store, |tx| {
        tx.execute(
            "DELETE FROM endpoints WHERE id = $1 AND identity = $2",
            &[endpoint.to_string().into(), identity.to_string().into()],
        )
        .await
    })?;
    Ok(())
}

/// Every connection that this node had is gone: it has just started.
pub(crate) async fn node_restarted(ctx: &Context, node: &str) -> Result<()> {
    let now = ctx.now().as_millis();
    centrale_store::transact!(ctx.store, |tx| {
        tx.execute(
            "UPDATE endpoints SET connection = NULL, seen_at = $2 WHERE node = $1 AND connection IS NOT NULL",
            &[node.into(), now.into()],
        )
        .await
    })?;
    Ok(())
}

/// The endpoints of a user, the one seen last first, as the node `here` sees them.
pub(crate) async fn of(ctx: &Context, here: &str, identity: &Identity) -> Result<Vec<Endpoint>> {
    let rows = ctx
        .store
        .read(
            "SELECT endpoints.id, endpoints.seen_at, endpoints.connection, endpoints.node, lease.ends \
             FROM endpoints LEFT JOIN lease ON lease.name = 'node/' || endpoints.node \
             WHERE endpoints.identity = $1 ORDER BY endpoints.seen_at DESC LIMIT $2",
            &[identity.to_string().into(), (PER_USER as u32).into()],
        )
        .await?;
    Ok(rows.iter().map(|row| read(row, here, ctx.now())).collect::<Result<_, StoreError>>()?)
}

/// The name that an endpoint gave when it registered; nothing when it is not an endpoint of this user.
pub(crate) async fn name(
    store: &dyn Store,
    identity: &Identity,
    endpoint: EndpointId,
) -> Result<Option<Option<String>>> {
    let rows = store
        .read(
            "SELECT display_name FROM endpoints WHERE id = $1 AND identity = $2",
            &[endpoint.to_string().into(), identity.to_string().into()],
        )
        .await?;
    match rows.first() {
        Some(row) => Ok(Some(row.opt_text(0)?.map(str::to_owned))),
        None => Ok(None),
    }
}

/// Whether an endpoint has a connection on a node that lives, as the node `here` sees it.
pub(crate) async fn is_online(ctx: &Context, here: &str, endpoint: EndpointId) -> Result<bool> {
    let rows = ctx
        .store
        .read(
            "SELECT endpoints.id, endpoints.seen_at, endpoints.connection, endpoints.node, lease.ends \
             FROM endpoints LEFT JOIN lease ON lease.name = 'node/' || endpoints.node WHERE endpoints.id = $1",
            &[endpoint.to_string().into()],
        )
        .await?;
    match rows.first() {
        Some(row) => Ok(read(row, here, ctx.now())?.is_online),
        None => Ok(false),
    }
}

impl Endpoint {
    /// Whether a call should ring here.
    pub(crate) fn can_ring(&self, now: Timestamp) -> bool {
        self.is_online || now.since(self.seen) < GRACE
    }
}

async fn forget_beyond(tx: &mut dyn Tx, identity: &str) -> Result<(), StoreError> {
    let rows = tx
        .query("SELECT id FROM endpoints WHERE identity = $1 ORDER BY seen_at DESC LIMIT 1000", &[identity.into()])
        .await?;
    for row in rows.iter().skip(PER_USER) {
        tx.execute("DELETE FROM endpoints WHERE id = $1", &[row.text(0)?.into()]).await?;
    }
    Ok(())
}

/// A connection whose node died without a word is gone with it: nobody could note that it closed. This node knows its own.
fn read(row: &Row, here: &str, now: Timestamp) -> Result<Endpoint, StoreError> {
    let is_node_alive = row.opt_text(3)? == Some(here) || row.opt_int(4)?.is_some_and(|ends| ends > now.as_millis());
    Ok(Endpoint {
        id: row.text(0)?.parse().map_err(|_| StoreError::Bug("an endpoint's id is no GUID".into()))?,
        is_online: row.opt_text(2)?.is_some() && is_node_alive,
        seen: Timestamp::from_millis(row.int(1)?),
    })
}
