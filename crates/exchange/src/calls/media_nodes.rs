//! Nodes with a media processor: who is there, and who has the least to do.

use std::time::Duration;

use centrale_model::Timestamp;

use crate::{Context, Result, lease};

/// How long a media node counts as there after it last said so. It says so at least each third of it.
///
/// Lower: new conferences avoid a dead node sooner. Higher: a node that pauses keeps getting them. Conferences that are there are looked
/// after more often, see [`super::courier`].
pub(crate) const TERM: Duration = Duration::from_secs(9);

/// Notes that a media node is there, and how much it has to do.
pub(crate) async fn announce(ctx: &Context, node: &str, load: u64) -> Result<()> {
    let (now, name) = (ctx.now(), lease_name(node));
    centrale_store::transact!(ctx.store, |tx| {
        lease::take(tx, &name, node, now, TERM).await?;
        tx.execute(
            "INSERT INTO media_nodes (node, load) VALUES ($1, $2) ON CONFLICT (node) DO UPDATE SET load = excluded.load",
            &[node.into(), i64::try_from(load).unwrap_or(i64::MAX).into()],
        )
        .await?;
        Ok::<_, crate::Error>(())
    })
}

/// Notes that a media node takes no more conferences.
pub(crate) async fn retire(ctx: &Context, node: &str) -> Result<()> {
    let name = lease_name(node);
    centrale_store::transact!(ctx.store, |tx| { lease::forget(tx, &name).await })
}

/// The media nodes that are there, the least loaded first; of equals the one that is `here`.
pub(crate) async fn by_load(ctx: &Context, here: &str) -> Result<Vec<String>> {
    let now: Timestamp = ctx.now();
    let rows = ctx
        .store
        .read(
            "SELECT media_nodes.node FROM media_nodes JOIN lease ON lease.name = 'media/' || media_nodes.node \
             WHERE lease.ends > $1 ORDER BY media_nodes.load, CASE WHEN media_nodes.node = $2 THEN 0 ELSE 1 END, \
             media_nodes.node LIMIT 64",
            &[now.as_millis().into(), here.into()],
        )
        .await?;
    Ok(rows.iter().map(|row| Ok(row.text(0)?.to_owned())).collect::<Result<_, centrale_store::StoreError>>()?)
}

fn lease_name(node: &str) -> String {
    format!("media/{node}")
}
