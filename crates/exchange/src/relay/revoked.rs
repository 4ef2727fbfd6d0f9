//! Deleted users, told to relays, which know no users.
//!
//! A relay computes passwords and looks nobody up, so a credential that was given out is good until its hour, 48 hours at most. Who is
//! deleted before is remembered in the store for as long ([`REMEMBERED`]), and every relay asks for what is new: at its start, when the bell
//! of revocations rings ([`identity::bell`]), and every few seconds besides, since a bell may be lost. A relay without a store asks
//! over the bus.

use std::time::Duration;

use centrale_bus::{Bus, Subject};
use centrale_model::{Identity, Timestamp, UserId};
use serde::{Deserialize, Serialize};

use crate::identity::{self, REMEMBERED};
use crate::{Context, Error, Result};

/// Users in one answer, of about 150 bytes each: less than a message may hold.
const PAGE: u32 = 1_000;
/// How long a relay waits for an answer.
const PATIENCE: Duration = Duration::from_secs(5);

/// Where a relay goes on: after the user `after` among those deleted at the moment `from`, and with all who were deleted later.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Since {
    /// Milliseconds since 1970.
    pub from: i64,
    /// A user's id; empty: with the first.
    pub after: String,
}

/// A user who was deleted.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Revoked {
    /// The raw id, as credentials name it.
    pub user: String,
    /// When, in milliseconds since 1970.
    pub deleted: i64,
    /// The user's id, for [`Since::after`].
    pub id: UserId,
}

impl Revoked {
    /// Until when credentials of the user may be about.
    pub fn until(&self) -> Timestamp {
        Timestamp::from_millis(self.deleted).plus(REMEMBERED)
    }
}

/// A page of deleted users, the earliest first. Where it ends the next one begins; an empty one is the end.
pub async fn revoked(ctx: &Context, since: &Since) -> Result<Vec<Revoked>> {
    let users = identity::deleted_users(ctx, Timestamp::from_millis(since.from), &since.after, PAGE).await?;
    let told = |(id, deleted): (UserId, Timestamp)| Revoked {
        user: Identity::user(ctx.resource, id).to_string(),
        deleted: deleted.as_millis(),
        id,
    };
    Ok(users.into_iter().map(told).collect())
}

/// Answers the relays that have no store, until the bus ends.
///
/// # Errors
/// `Bug` or `Unavailable` when the subject cannot be served at all. A question that cannot be answered is left alone.
pub async fn serve_revoked(ctx: &Context) -> Result<()> {
    let mut questions =
        ctx.bus.serve(&subject()?).await.map_err(|error| Error::unavailable(format!("relay.revoked: {error}")))?;
    while let Some(question) = questions.next().await {
        match answer(ctx, &question.body).await {
            Ok(body) => {
                if let Err(error) = question.reply.send(body.into()) {
                    tracing::warn!(%error, "a relay was not told who is deleted");
                }
            }
            Err(error) => tracing::warn!(%error, "a relay cannot be told who is deleted"),
        }
    }
    Ok(())
}

/// The same as [`revoked`], of whichever node has the store.
///
/// # Errors
/// `Unavailable` when nobody answers.
pub async fn ask_revoked(bus: &dyn Bus, since: &Since) -> Result<Vec<Revoked>> {
    let body = serde_json::to_vec(since).map_err(|error| Error::bug(error.to_string()))?;
    let answer = bus.ask(&subject()?, body.into(), PATIENCE).await;
    let answer = answer.map_err(|error| Error::unavailable(format!("relay.revoked: {error}")))?;
    serde_json::from_slice(&answer)
        .map_err(|error| Error::unavailable(format!("relay.revoked was answered with {error}")))
}

async fn answer(ctx: &Context, body: &[u8]) -> Result<Vec<u8>> {
    let since: Since = serde_json::from_slice(body)
        .map_err(|error| Error::invalid(format!("not a question for the deleted: {error}")))?;
    let users = revoked(ctx, &since).await?;
    serde_json::to_vec(&users).map_err(|error| Error::bug(error.to_string()))
}

fn subject() -> Result<Subject> {
    Subject::parse("relay.revoked").map_err(|error| Error::bug(error.to_string()))
}
