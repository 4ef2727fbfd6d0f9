//! Facts in streams, numbered; and the bell that tells of them.
//!
//! A fact is appended in the transaction that makes it true; the number it gets is the next of its stream, taken by updating the
//! stream's row, so numbers follow commits. After the commit the number is published: the *bell*. A reader keeps one number, catches
//! up after any silence by the same query, and needs no promise from the bus.
//!
//! What is kept: streams of users for [`KEPT_FOR_USERS`] (a client that was away longer starts anew), streams of calls for as long as their
//! calls are.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use centrale_bus::{Subject, Subscription};
use centrale_model::{EndpointId, Sequence, StreamName, Timestamp};
use centrale_store::{Row, Store, StoreError, Tx, Value};

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

/// A fact for a stream, for everyone or for one endpoint only.
#[derive(Clone, Debug)]
pub struct Post {
    /// Which stream.
    pub stream: StreamName,
    /// For whom.
    pub endpoint: Option<EndpointId>,
    /// The fact, JSON.
    pub body: Arc<str>,
}

/// Appends facts to streams, those of one stream in their order, and gives the last number of each stream.
///
/// A change in a call of hundreds is a fact for each of them: this takes a handful of statements for all of them. Streams are taken in order of
/// name, so that two units of work that touch the same ones wait for each other and not in a circle.
pub async fn append_all(
    tx: &mut dyn Tx,
    at: Timestamp,
    posts: &[Post],
) -> Result<Vec<(StreamName, Sequence)>, StoreError> {
    let mut counts: BTreeMap<&StreamName, i64> = BTreeMap::new();
    for post in posts {
        *counts.entry(&post.stream).or_default() += 1;
    }
    let mut numbers: BTreeMap<String, i64> = BTreeMap::new();
    let all: Vec<(&StreamName, i64)> = counts.iter().map(|(stream, count)| (*stream, *count)).collect();
    for some in chunks(&all) {
        let sql = format!(
            "INSERT INTO streams (name, last, forgotten) VALUES {} \
             ON CONFLICT (name) DO UPDATE SET last = streams.last + excluded.last RETURNING name, last",
            tuples(some.len(), 2, ", 0")
        );
        let values: Vec<Value> =
            some.iter().flat_map(|(name, count)| [name.as_str().into(), (*count).into()]).collect();
        for row in tx.query(&sql, &values).await? {
            numbers.insert(row.text(0)?.to_owned(), row.int(1)?);
        }
    }
    let last = |stream: &StreamName| {
        numbers.get(stream.as_str()).copied().ok_or_else(|| StoreError::Bug("RETURNING left a row out".into()))
    };
    let mut rows = Vec::with_capacity(posts.len());
    for post in posts {
        let left = counts.entry(&post.stream).or_default();
        *left -= 1;
        rows.push((post, last(&post.stream)? - *left));
    }
    for some in chunks(&rows) {
        let sql =
            format!("INSERT INTO events (stream, number, at, endpoint, body) VALUES {}", tuples(some.len(), 5, ""));
        let values: Vec<Value> = some
            .iter()
            .flat_map(|(post, number)| {
                let endpoint = post.endpoint.map(|id| id.to_string());
                [
                    post.stream.as_str().into(),
                    (*number).into(),
                    at.as_millis().into(),
                    endpoint.into(),
                    (&*post.body).into(),
                ]
            })
            .collect();
        tx.execute(&sql, &values).await?;
    }
    all.iter().map(|(stream, _)| Ok(((*stream).clone(), sequence(last(stream)?)))).collect()
}

/// Slices of a few sizes only, so that engines prepare a few statements and not one for each number of rows.
fn chunks<T>(all: &[T]) -> impl Iterator<Item = &[T]> {
    let mut rest = all;
    std::iter::from_fn(move || {
        let size = [64, 16, 4, 1].into_iter().find(|size| *size <= rest.len())?;
        let (some, others) = rest.split_at(size);
        rest = others;
        Some(some)
    })
}

/// `($1, $2), ($3, $4)`: so many tuples of so many values, each with the same end.
fn tuples(count: usize, width: usize, end: &str) -> String {
    let tuple = |at: usize| {
        let values: Vec<String> = (1..=width).map(|value| format!("${}", at * width + value)).collect();
        format!("({}{end})", values.join(", "))
    };
    (0..count).map(tuple).collect::<Vec<_>>().join(", ")
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
