//! What relays measured and refused, as it travels and is kept; from other nodes asked of us over the bus until we say that it is written.
//!
//! A relay node has no store. It keeps its measurements in a file, sends them in batches and lets go of a batch when it hears
//! that it is written; a batch that comes twice is written once, since each record has an id of its own.

use std::time::Duration;

use bytes::Bytes;
use centrale_bus::{Bus, Subject};
use centrale_model::{Timestamp, UsageKind, UsageUnit};
use centrale_relay::{Fact, Transport, Usage};
use centrale_store::{Tx, transact};
use serde::{Deserialize, Serialize};

use super::refused::Refused;
use super::{Record, record};
use crate::{Context, Error, Result};

/// Measurements in one batch: about a fifth of what a message may hold.
pub const BATCH: usize = 400;
/// How long a relay waits for the answer to a batch.
const PATIENCE: Duration = Duration::from_secs(10);
/// What "written" looks like.
const WRITTEN: &[u8] = b"written";

/// One thing that a relay tells.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum Told {
    Relayed(Relayed),
    Refused(Refused),
}

impl From<&Fact> for Told {
    fn from(fact: &Fact) -> Told {
        match fact {
            Fact::Relayed(usage) => Told::Relayed(usage.into()),
            Fact::Refused(refused) => Told::Refused(refused.into()),
        }
    }
}

impl Told {
    /// Adds it to a unit of work, once.
    pub(super) async fn keep(&self, tx: &mut dyn Tx) -> Result<()> {
        match self {
            Told::Relayed(relayed) => {
                for line in &relayed.records() {
                    record(tx, line).await?;
                }
                Ok(())
            }
            Told::Refused(refused) => refused.keep(tx).await,
        }
    }
}

/// What an allocation relayed in one stretch of time, as it travels and as it is kept: one JSON object.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Relayed {
    /// Unique for ever; made by the relay.
    pub id: String,
    /// Whose: a raw id.
    pub user: String,
    /// How the client reaches the relay: `udp`, `tcp` or `tls`.
    pub transport: String,
    /// Bytes from the client.
    pub sent: u64,
    /// Bytes to the client.
    pub received: u64,
    /// When the stretch began, in milliseconds since 1970.
    pub from: i64,
    /// When it ended, in milliseconds since 1970.
    pub to: i64,
}

impl From<&Usage> for Relayed {
    fn from(usage: &Usage) -> Relayed {
        Relayed {
            id: usage.id.to_string(),
            user: usage.user.to_string(),
            transport: transport(usage.transport).to_owned(),
            sent: usage.bytes_up,
            received: usage.bytes_down,
            from: usage.from.as_millis(),
            to: usage.to.as_millis(),
        }
    }
}

impl Relayed {
    /// The records of one measurement: bytes each way, and the time they took.
    fn records(&self) -> Vec<Record> {
        let line = |suffix: &str, unit, quantity, direction: Option<&str>| Record {
            record_id: format!("{}-{suffix}", self.id),
            kind: UsageKind::Relay,
            unit,
            quantity,
            identity: self.user.clone(),
            call_id: None,
            participant_id: None,
            transport: Some(self.transport.clone()),
            direction: direction.map(str::to_owned),
            started: Timestamp::from_millis(self.from),
            ended: Timestamp::from_millis(self.to),
        };
        let span = u64::try_from(self.to.saturating_sub(self.from)).unwrap_or(0);
        let mut lines = Vec::with_capacity(3);
        if self.sent > 0 {
            lines.push(line("sent", UsageUnit::Bytes, self.sent, Some("sent")));
        }
        if self.received > 0 {
            lines.push(line("received", UsageUnit::Bytes, self.received, Some("received")));
        }
        if span > 0 {
            lines.push(line("time", UsageUnit::Milliseconds, span, None));
        }
        lines
    }
}

/// The name of a transport in records and counters.
pub fn transport(transport: Transport) -> &'static str {
    match transport {
        Transport::Udp => "udp",
        Transport::Tcp => "tcp",
        Transport::Tls => "tls",
    }
}

fn subject() -> Result<Subject> {
    Subject::parse("usage.relay").map_err(|error| Error::bug(error.to_string()))
}

/// Writes what other relays measured, until the bus ends.
///
/// # Errors
/// `Bug` or `Unavailable` when the subject cannot be served at all. A batch that cannot be written is left unanswered.
pub async fn serve_relays(ctx: &Context) -> Result<()> {
    let mut questions =
        ctx.bus.serve(&subject()?).await.map_err(|error| Error::unavailable(format!("usage.relay: {error}")))?;
    while let Some(question) = questions.next().await {
        match write(ctx, &question.body).await {
            Ok(()) => {
                if let Err(error) = question.reply.send(Bytes::from_static(WRITTEN)) {
                    tracing::warn!(%error, "a relay was not told that its usage is written");
                }
            }
            // Unanswered, it comes again.
            Err(error) => tracing::warn!(%error, "usage of another relay waits to be written"),
        }
    }
    Ok(())
}

async fn write(ctx: &Context, body: &[u8]) -> Result<()> {
    let batch: Vec<Told> =
        serde_json::from_slice(body).map_err(|error| Error::invalid(format!("not a batch of usage: {error}")))?;
    transact!(ctx.store, |tx| {
        for told in &batch {
            told.keep(tx).await?;
        }
        Ok::<_, Error>(())
    })
}

/// Hands a batch to whichever node writes usage. `Ok` means that it is written.
///
/// # Errors
/// `Unavailable` when nobody said so; it may be written all the same, and can be sent again.
pub async fn report(bus: &dyn Bus, batch: &[Told]) -> Result<()> {
    let body = serde_json::to_vec(batch).map_err(|error| Error::bug(error.to_string()))?;
    let answer = bus.ask(&subject()?, body.into(), PATIENCE).await;
    match answer {
        Ok(answer) if answer == WRITTEN => Ok(()),
        Ok(_) => Err(Error::unavailable("usage.relay was answered with something else")),
        Err(error) => Err(Error::unavailable(format!("usage.relay: {error}"))),
    }
}
