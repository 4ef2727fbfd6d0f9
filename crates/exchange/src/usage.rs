//! What is metered: records that are only ever added (acs-behaviour section 22).
//!
//! A record's id is given by whoever meters, made of what was measured and never of chance, so that writing it again after
//! a doubtful failure counts once.

mod ledger;
mod list;
mod refused;
mod relayed;

pub use ledger::Ledger;
pub use list::{Filter, list, list_usage, totals};
pub use refused::Refused;
pub(crate) use refused::refused;
pub use relayed::{BATCH, Relayed, Told, report, serve_relays, transport};

use centrale_model::{Timestamp, UsageKind, UsageUnit};
use centrale_store::Tx;

use crate::Result;

/// One metered quantity.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Record {
    /// Unique for ever.
    pub record_id: String,
    /// What was used.
    pub kind: UsageKind,
    /// What the quantity counts.
    pub unit: UsageUnit,
    /// How much.
    pub quantity: u64,
    /// Whose: a raw id.
    pub identity: String,
    /// In which call.
    pub call_id: Option<String>,
    /// Which participant of the call.
    pub participant_id: Option<String>,
    /// For relayed bytes, how the client reached the relay: `udp`, `tcp` or `tls`.
    pub transport: Option<String>,
    /// For relayed bytes, `sent` by the client or `received` by it.
    pub direction: Option<String>,
    /// When it began.
    pub started: Timestamp,
    /// When it ended.
    pub ended: Timestamp,
}

/// Adds a record to a unit of work. Gives `false` when it was there already.
///
/// A record that names no call is counted to the one its identity was in last at that time: relays know users, not calls.
pub async fn record(tx: &mut dyn Tx, record: &Record) -> Result<bool> {
    let added = tx
        .execute(
            "INSERT INTO usage_record (record_id, kind, unit, quantity, identity, call_id, participant_id,
                 transport, direction, started, ended)
             VALUES ($1, $2, $3, $4, $5,
                 COALESCE(CAST($6 AS TEXT), (SELECT call_id FROM call_legs WHERE call_legs.identity = $5
                     AND since <= $11 AND (until IS NULL OR until >= $10) ORDER BY since DESC LIMIT 1)),
                 $7, $8, $9, $10, $11)
             ON CONFLICT (record_id) DO NOTHING",
            &[
                (&record.record_id).into(),
                record.kind.as_str().into(),
                record.unit.as_str().into(),
                i64::try_from(record.quantity).unwrap_or(i64::MAX).into(),
                (&record.identity).into(),
                record.call_id.as_ref().into(),
                record.participant_id.as_ref().into(),
                record.transport.as_ref().into(),
                record.direction.as_ref().into(),
                record.started.as_millis().into(),
                record.ended.as_millis().into(),
            ],
        )
        .await?;
    Ok(added > 0)
}
