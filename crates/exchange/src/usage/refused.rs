//! What relays refused to users, so that a call's story can say so.
//!
//! No bill is made of it. Rows go after [`KEPT`].

use std::time::Duration;

use centrale_model::Timestamp;
use centrale_store::{Row, Store, Tx};
use serde::{Deserialize, Serialize};

use super::relayed::transport;
use crate::Result;

/// How long refusals are kept. Longer: older calls can be explained in full.
const KEPT: Duration = Duration::from_secs(30 * 24 * 60 * 60);

/// What a relay refused to one user for one reason, as it travels and as it is kept: one JSON object.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Refused {
    /// Unique for ever; made by the relay.
    pub id: String,
    /// To whom: a raw id.
    pub user: String,
    /// How the client reached the relay: `udp`, `tcp` or `tls`.
    pub transport: String,
    /// Why: a name of [`centrale_relay::Reason`].
    pub reason: String,
    /// How often.
    pub times: u64,
    /// The first time, in milliseconds since 1970.
    pub from: i64,
    /// The last time, in milliseconds since 1970.
    pub to: i64,
}

impl From<&centrale_relay::Refused> for Refused {
    fn from(refused: &centrale_relay::Refused) -> Refused {
        Refused {
            id: refused.id.to_string(),
            user: refused.user.to_string(),
            transport: transport(refused.transport).to_owned(),
            reason: refused.reason.to_string(),
            times: refused.times,
            from: refused.from.as_millis(),
            to: refused.to.as_millis(),
        }
    }
}

impl Refused {
    /// Adds it to a unit of work, once, and lets go of what is too old.
    pub(super) async fn keep(&self, tx: &mut dyn Tx) -> Result<()> {
        let added = tx
            .execute(
                "INSERT INTO relay_refusal (record_id, identity, transport, reason, times, started, ended)
                 VALUES ($1, $2, $3, $4, $5, $6, $7) ON CONFLICT (record_id) DO NOTHING",
                &[
                    (&self.id).into(),
                    (&self.user).into(),
                    (&self.transport).into(),
                    (&self.reason).into(),
                    i64::try_from(self.times).unwrap_or(i64::MAX).into(),
                    self.from.into(),
                    self.to.into(),
                ],
            )
            .await?;
        if added > 0 {
            let oldest = Timestamp::from_millis(self.to).minus(KEPT);
            tx.execute("DELETE FROM relay_refusal WHERE ended < $1", &[oldest.as_millis().into()]).await?;
        }
        Ok(())
    }

    fn read(row: &Row) -> Result<Refused> {
        Ok(Refused {
            id: row.text(0)?.to_owned(),
            user: row.text(1)?.to_owned(),
            transport: row.text(2)?.to_owned(),
            reason: row.text(3)?.to_owned(),
            times: u64::try_from(row.int(4)?).unwrap_or(0),
            from: row.int(5)?,
            to: row.int(6)?,
        })
    }
}

/// What was refused to a user between two moments, the oldest first, at most 100.
pub(crate) async fn refused(store: &dyn Store, user: &str, from: Timestamp, until: Timestamp) -> Result<Vec<Refused>> {
    let rows = store
        .read(
            "SELECT record_id, identity, transport, reason, times, started, ended FROM relay_refusal
             WHERE identity = $1 AND ended >= $2 AND started <= $3 ORDER BY started, record_id LIMIT 100",
            &[user.into(), from.as_millis().into(), until.as_millis().into()],
        )
        .await?;
    rows.iter().map(Refused::read).collect()
}
