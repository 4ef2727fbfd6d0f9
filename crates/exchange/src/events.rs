//! Facts in streams, numbered; and the bell that tells of them.
//!
//! A fact is appended in the transaction that makes it true; the number it gets is the next of its stream, taken by updating the
//! stream's row, so numbers follow commits. After the commit the number is published: the *bell*. A reader keeps one number, catches
//! up after any silence by the same query, and needs no promise from the bus.
//!
//! What is kept: streams of users for [`KEPT_FOR_USERS`] (a client that was away longer starts anew), streams of calls for as long as their
//! calls are.

use std::time::Duration;

use bytes::Bytes;
use centrale_bus::{Subject, Subscription};
use centrale_model::{EndpointId, Sequence, StreamName, Timestamp};
use centrale_store::{Row, Store, StoreError, Tx};

use crate::{Context, Error};

/// How long what a user's clients were told is kept.
///
/// Lower: a smaller table. Higher: a client that was away longer still hears of a call that it missed. Calls ring for two minutes, so this
/// is a matter of comfort.
pub const KEPT_FOR_USERS: Duration = Duration::from_secs(24 * 60 * 60);

/// One fact of a stream.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Recorded {
    /// Its number.
    pub number: Sequence,
    /// When it was recorded.
    pub at: Timestamp,
    /// The fact itself, JSON.
    pub body: String,
}

/// Where a stream begins and ends.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Extent {
    /// The number before the first fact that is kept; 0 while all are.
    pub forgotten: Sequence,
    /// The last number given.
    pub last: Sequence,
}

/// Appends a fact to a stream, for everyone or for one endpoint only, and gives its number.
///
/// `body` is JSON. Whoever commits rings the bell afterwards ([`ring`]).
pub async fn append(
    tx: &mut dyn Tx,
    stream: &StreamName,
    at: Timestamp,
    endpoint: Option<EndpointId>,
    body: &str,
) -> Result<Sequence, StoreError> {
    let rows = tx
        .query(
            "INSERT INTO streams (name, last, forgotten) VALUES ($1, 1, 0) \
             ON CONFLICT (name) DO UPDATE SET last = streams.last + 1 RETURNING last",
            &[stream.as_str().into()],
        )
        .await?;
    let number = rows.first().ok_or_else(|| StoreError::Bug("RETURNING gave no row".into()))?.int(0)?;
    tx.execute(
        "INSERT INTO events (stream, number, at, endpoint, body) VALUES ($1, $2, $3, $4, $5)",
        &[
            stream.as_str().into(),
            number.into(),
            at.as_millis().into(),
            endpoint.map(|id| id.to_string()).into(),
            body.into(),
        ],
    )
    .await?;
    Ok(sequence(number))
}

/// Gives the facts after a number that are for everyone or for this endpoint, oldest first, at most `limit`.
pub async fn after(
    store: &dyn Store,
    stream: &StreamName,
    after: Sequence,
    endpoint: Option<EndpointId>,
    limit: u32,
) -> Result<Vec<Recorded>, StoreError> {
    let rows = store
        .read(
            "SELECT number, at, body FROM events WHERE stream = $1 AND number > $2 \
             AND (endpoint IS NULL OR endpoint = $3) ORDER BY number LIMIT $4",
            &[
                stream.as_str().into(),
                i64::try_from(after.0).unwrap_or(i64::MAX).into(),
                endpoint.map(|id| id.to_string()).unwrap_or_default().into(),
                limit.into(),
            ],
        )
        .await?;
    rows.iter().map(recorded).collect()
}

/// Gives every fact of a stream whoever it is for, oldest first, at most `limit`.
pub async fn all(store: &dyn Store, stream: &StreamName, limit: u32) -> Result<Vec<Recorded>, StoreError> {
    let rows = store
        .read(
            "SELECT number, at, body FROM events WHERE stream = $1 ORDER BY number LIMIT $2",
            &[stream.as_str().into(), limit.into()],
        )
        .await?;
    rows.iter().map(recorded).collect()
}

/// Tells where a stream begins and ends; both 0 for one that has no fact yet.
pub async fn extent(store: &dyn Store, stream: &StreamName) -> Result<Extent, StoreError> {
    let rows = store.read("SELECT forgotten, last FROM streams WHERE name = $1", &[stream.as_str().into()]).await?;
    match rows.first() {
        Some(row) => Ok(Extent { forgotten: sequence(row.int(0)?), last: sequence(row.int(1)?) }),
        None => Ok(Extent::default()),
    }
}

/// Rings the bell of a stream: whoever listens looks up what came.
///
/// A bell that cannot be rung is logged and forgotten: the reader's slow heartbeat finds the fact.
pub async fn ring(ctx: &Context, stream: &StreamName, number: Sequence) {
    if let Err(error) = ctx.bus.publish(&bell(stream), Bytes::from(number.to_string())).await {
        tracing::debug!(%error, "a bell was not rung");
    }
}

/// Listens for the bell of a stream.
pub async fn listen(ctx: &Context, stream: &StreamName) -> Result<Subscription, Error> {
    ctx.bus.subscribe(&bell(stream)).await.map_err(|error| Error::unavailable(error.to_string()))
}

/// Forgets what users' clients were told longer ago than [`KEPT_FOR_USERS`]; gives how many facts went.
///
/// Works in slices, so that writers never wait long.
pub async fn forget_old(ctx: &Context) -> Result<u64, Error> {
    const SLICE: u32 = 500;
    let before = ctx.now().minus(KEPT_FOR_USERS).as_millis();
    let mut forgotten = 0;
    loop {
        let gone = centrale_store::transact!(ctx.store, |tx| {
            let rows = tx
                .query(
                    "SELECT stream, number FROM events WHERE at < $1 AND stream LIKE 'user/%' ORDER BY at LIMIT $2",
                    &[before.into(), SLICE.into()],
                )
                .await?;
            for row in &rows {
                let (stream, number) = (row.text(0)?, row.int(1)?);
                tx.execute("DELETE FROM events WHERE stream = $1 AND number = $2", &[stream.into(), number.into()])
                    .await?;
                tx.execute(
                    "UPDATE streams SET forgotten = $2 WHERE name = $1 AND forgotten < $2",
                    &[stream.into(), number.into()],
                )
                .await?;
            }
            Ok::<_, Error>(rows.len())
        })?;
        forgotten += gone as u64;
        if gone < SLICE as usize {
            return Ok(forgotten);
        }
    }
}

fn recorded(row: &Row) -> Result<Recorded, StoreError> {
    Ok(Recorded {
        number: sequence(row.int(0)?),
        at: Timestamp::from_millis(row.int(1)?),
        body: row.text(2)?.to_owned(),
    })
}

fn sequence(number: i64) -> Sequence {
    Sequence(u64::try_from(number).unwrap_or(0))
}

fn bell(stream: &StreamName) -> Subject {
    Subject::of(&["bell", stream.as_str()]).expect("a stream's name is short")
}
