//! Revocations, told to every node and to whoever keeps a connection open for a user.

use std::time::Duration;

use bytes::Bytes;
use centrale_bus::{Delivery, Subject, Subscription};
use centrale_model::UserId;
use serde::{Deserialize, Serialize};
use tokio::sync::broadcast;

use super::access::KeyName;
use super::cache::Standing;
use crate::{Context, Error, Result};

/// Tokens that ended before their time.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Revocation {
    /// Those of a user that are older than a generation.
    Tokens {
        /// Whose.
        user: UserId,
        /// The generation from which on tokens are good.
        #[serde(rename = "validFrom")]
        valid_from: i64,
    },
    /// All of a user, who was deleted.
    Deleted {
        /// Whose.
        user: UserId,
    },
    /// Those made under the former access key of this name.
    Key {
        /// Which key was replaced.
        name: KeyName,
    },
}

/// Hears of every revocation, from this node and from others, after it took effect here.
///
/// A listener that falls more than 1024 behind is told that it lagged; it must then ask
/// [`is_still_valid`](super::is_still_valid) for each token it relies on, as it must after [`Revocation::Key`].
pub fn watch_revocations(ctx: &Context) -> broadcast::Receiver<Revocation> {
    ctx.identity.revocations.subscribe()
}

#[derive(Serialize, Deserialize)]
struct Told {
    node: u64,
    revocation: Revocation,
}

/// Tells this node's listeners, then the other nodes. The change is committed and this node's memory is up to date.
pub(super) async fn tell(ctx: &Context, revocation: Revocation) {
    // Nobody listening is no error.
    let _ = ctx.identity.revocations.send(revocation);
    let body = serde_json::to_vec(&Told { node: ctx.node, revocation }).expect("a revocation is plain data");
    if let Err(error) = ctx.bus.publish(&bell(), Bytes::from(body)).await {
        // Other nodes learn it when their belief ends, at most ten seconds from now.
        tracing::warn!(%error, "revocation not told to other nodes");
    }
}

/// Takes in what other nodes tell.
async fn hear(ctx: &Context, body: &[u8]) -> Result<()> {
    let told: Told =
        serde_json::from_slice(body).map_err(|error| Error::bug(format!("a revocation from the bus: {error}")))?;
    if told.node == ctx.node {
        return Ok(());
    }
    let now = ctx.clock.time();
    match told.revocation {
        Revocation::Tokens { user, valid_from } => ctx.identity.users.learn(user, Standing::Is(valid_from), now),
        Revocation::Deleted { user } => ctx.identity.users.learn(user, Standing::Gone, now),
        Revocation::Key { .. } => ctx.identity.reload_keys(&*ctx.store).await?,
    }
    let _ = ctx.identity.revocations.send(told.revocation);
    Ok(())
}

/// The subject on which revocations are told. To whoever does not know users it says that there is something to ask for.
pub fn bell() -> Subject {
    Subject::of(&["identity", "revoked"]).expect("two short words are a subject")
}

/// How often keys are looked at again: those that are due are made, those that other nodes changed are learnt.
const LOOK: Duration = Duration::from_secs(10);

/// Keeps this node's memory of keys and revocations true, until it is dropped. Each node runs it once.
pub async fn keep(ctx: Context) {
    loop {
        match ctx.bus.subscribe(&bell()).await {
            Ok(subscription) => listen(&ctx, subscription).await,
            Err(error) => {
                tracing::warn!(%error, "revocations of other nodes are not heard");
                look(&ctx).await;
                tokio::time::sleep(Duration::from_secs(1)).await;
            }
        }
    }
}

/// Listens until the bus ends the subscription.
async fn listen(ctx: &Context, mut subscription: Subscription) {
    let mut ticks = tokio::time::interval(LOOK);
    loop {
        tokio::select! {
            delivery = subscription.next() => match delivery {
                None => return,
                Some(Delivery::Message(body)) => {
                    if let Err(error) = hear(ctx, &body).await {
                        tracing::warn!(%error, "a revocation was not taken in");
                    }
                }
                // What was lost takes effect when this node's beliefs end; keys at once.
                Some(Delivery::Lagged(_)) => look(ctx).await,
            },
            _ = ticks.tick() => look(ctx).await,
        }
    }
}

async fn look(ctx: &Context) {
    let now = ctx.now();
    let keys = ctx.identity.reload_keys(&*ctx.store).await;
    let signing = ctx.identity.reload_signing(&*ctx.store, now).await;
    for result in [keys, signing] {
        if let Err(error) = result {
            tracing::warn!(%error, "the keys could not be looked at");
        }
    }
}
