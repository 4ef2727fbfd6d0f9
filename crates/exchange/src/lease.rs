//! Leases: a named thing has one owner at a time, until a moment; a dead owner's things are taken over.
//!
//! Renew at a third of the term. The term number grows with every change of owner, so that a late writer who lost its
//! lease can be told from the present owner.

use std::time::Duration;

use centrale_model::Timestamp;
use centrale_store::Tx;

use crate::Result;

/// A lease that is held.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Lease {
    /// What is owned.
    pub name: String,
    /// By whom: a node's name.
    pub owner: String,
    /// How often the owner has changed, from 1.
    pub term: u64,
    /// Until when.
    pub ends: Timestamp,
}

/// Takes a lease that is free, over, or already ours; gives nothing when somebody else holds it.
///
/// Taking one's own lease again renews it and keeps its term.
pub async fn take(tx: &mut dyn Tx, name: &str, owner: &str, now: Timestamp, length: Duration) -> Result<Option<Lease>> {
    let ends = now.plus(length);
    let rows = tx
        .query(
            "INSERT INTO lease (name, owner, term, ends) VALUES ($1, $2, 1, $3)
             ON CONFLICT (name) DO UPDATE SET
                 term = CASE WHEN lease.owner = excluded.owner THEN lease.term ELSE lease.term + 1 END,
                 owner = excluded.owner,
                 ends = excluded.ends
             WHERE lease.owner = excluded.owner OR lease.ends <= $4
             RETURNING term",
            &[name.into(), owner.into(), ends.as_millis().into(), now.as_millis().into()],
        )
        .await?;
    let Some(row) = rows.first() else { return Ok(None) };
    Ok(Some(Lease {
        name: name.to_owned(),
        owner: owner.to_owned(),
        term: u64::try_from(row.int(0)?).unwrap_or(0),
        ends,
    }))
}

/// Renews a lease that is still ours in the same term, even when its end has passed and nobody took it.
///
/// Gives `false` when it was lost.
pub async fn renew(tx: &mut dyn Tx, lease: &Lease, now: Timestamp, length: Duration) -> Result<bool> {
    let changed = tx
        .execute(
            "UPDATE lease SET ends = $1 WHERE name = $2 AND owner = $3 AND term = $4",
            &[
                now.plus(length).as_millis().into(),
                (&lease.name).into(),
                (&lease.owner).into(),
                i64::try_from(lease.term).unwrap_or(i64::MAX).into(),
            ],
        )
        .await?;
    Ok(changed == 1)
}

/// Gives a lease back: it is over at once, and the next owner's term is the next one. Nothing happens when it was lost already.
pub async fn release(tx: &mut dyn Tx, lease: &Lease) -> Result<()> {
    tx.execute(
        "UPDATE lease SET ends = 0 WHERE name = $1 AND owner = $2 AND term = $3",
        &[(&lease.name).into(), (&lease.owner).into(), i64::try_from(lease.term).unwrap_or(i64::MAX).into()],
    )
    .await?;
    Ok(())
}

/// Forgets a thing that will never be owned again, so that its row does not stay for ever.
pub async fn forget(tx: &mut dyn Tx, name: &str) -> Result<()> {
    tx.execute("DELETE FROM lease WHERE name = $1", &[name.into()]).await?;
    Ok(())
}

/// Who owns a thing now; nobody when the lease is over.
pub async fn holder(tx: &mut dyn Tx, name: &str, now: Timestamp) -> Result<Option<Lease>> {
    let rows = tx
        .query(
            "SELECT owner, term, ends FROM lease WHERE name = $1 AND ends > $2",
            &[name.into(), now.as_millis().into()],
        )
        .await?;
    let Some(row) = rows.first() else { return Ok(None) };
    Ok(Some(Lease {
        name: name.to_owned(),
        owner: row.text(0)?.to_owned(),
        term: u64::try_from(row.int(1)?).unwrap_or(0),
        ends: Timestamp::from_millis(row.int(2)?),
    }))
}
