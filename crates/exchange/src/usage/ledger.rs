//! What relays measured and refused, on its way to the store in batches.

use std::collections::VecDeque;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use centrale_relay::Fact;
use centrale_store::transact;

use super::relayed::Told;
use crate::{Context, Error, Result};

/// Measurements waiting to be written.
///
/// The relay's worker threads put in, one task writes. Each measurement becomes up to three records: bytes sent, bytes
/// received, and the time they took; their ids come from the relay's own, so that a batch that was written although the
/// store said otherwise counts once.
#[derive(Default)]
pub struct Ledger {
    waiting: Mutex<VecDeque<Fact>>,
}

impl Ledger {
    /// How often [`Ledger::flush`] shall be called. With the relay's own pace it is what a crash may lose.
    pub const EVERY: Duration = Duration::from_secs(4);
    /// Measurements kept while the store is away: about 150 bytes each. When it is full, the oldest are lost, and the log says so.
    const WAITING: usize = 500_000;
    /// Measurements written in one unit of work.
    const BATCH: usize = 200;

    /// An empty ledger.
    pub fn new() -> Ledger {
        Ledger::default()
    }

    /// Adds a measurement or a refusal. Quick, from any thread.
    pub fn add(&self, fact: impl Into<Fact>) {
        let mut waiting = self.waiting.lock().unwrap_or_else(PoisonError::into_inner);
        if waiting.len() >= Ledger::WAITING {
            waiting.pop_front();
            if waiting.len().is_multiple_of(10_000) {
                tracing::error!("the store has been away so long that relay usage is lost");
            }
        }
        waiting.push_back(fact.into());
    }

    /// Writes everything put in so far. What could not be written is kept for the next call.
    ///
    /// Only one task may call it at a time.
    ///
    /// # Errors
    /// `Unavailable` or `Bug` when the store does not take it.
    pub async fn flush(&self, ctx: &Context) -> Result<()> {
        loop {
            let batch: Vec<Fact> = {
                let waiting = self.waiting.lock().unwrap_or_else(PoisonError::into_inner);
                waiting.iter().take(Ledger::BATCH).cloned().collect()
            };
            if batch.is_empty() {
                return Ok(());
            }
            let told: Vec<Told> = batch.iter().map(Told::from).collect();
            transact!(ctx.store, |tx| {
                for told in &told {
                    told.keep(tx).await?;
                }
                Ok::<_, Error>(())
            })?;
            let mut waiting = self.waiting.lock().unwrap_or_else(PoisonError::into_inner);
            for written in &batch {
                // The oldest may have been pushed out meanwhile.
                if waiting.front().is_some_and(|first| first.id() == written.id()) {
                    waiting.pop_front();
                }
            }
        }
    }
}
