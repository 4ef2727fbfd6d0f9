//! Doing a unit of work again when it crossed another.

use std::time::Duration;

use crate::StoreError;

/// How often a unit is tried before its conflict is told.
///
/// Lower: callers see conflicts under contention. Higher: a hot row makes its writers wait longer.
const ATTEMPTS: u32 = 8;

/// The pause after the first conflict; it doubles each time, up to 64 of these.
const PAUSE: Duration = Duration::from_millis(2);

/// An error of which can be told whether doing the unit again may help.
pub trait Retry: From<StoreError> {
    /// Tells whether two units crossed.
    fn is_conflict(&self) -> bool;
}

impl Retry for StoreError {
    fn is_conflict(&self) -> bool {
        StoreError::is_conflict(self)
    }
}

/// Counts the attempts of one unit of work; what [`transact!`](crate::transact) keeps beside its loop.
#[derive(Debug, Default)]
pub struct Attempts {
    made: u32,
}

impl Attempts {
    /// Tells whether to do the unit again after this error, having waited as long as is fitting.
    pub async fn again(&mut self, error: &impl Retry) -> bool {
        self.made += 1;
        if self.made >= ATTEMPTS || !error.is_conflict() {
            return false;
        }
        tokio::time::sleep(PAUSE * (1 << self.made.min(6))).await;
        true
    }
}

/// Runs a unit of work that writes, commits it, and runs it again (eight times at most) while it conflicts.
///
/// ```
/// # use centrale_store::{Store, StoreError};
/// async fn visit(store: &dyn Store, id: &str) -> Result<i64, StoreError> {
///     centrale_store::transact!(store, |tx| {
///         let rows = tx.query("UPDATE visits SET seen = seen + 1 WHERE id = $1 RETURNING seen", &[id.into()]).await?;
///         rows.first().map_or(Ok(0), |row| row.int(0))
///     })
/// }
/// ```
///
/// The store is a `&dyn Store` or an `Arc<dyn Store>`; `tx` is a `&mut dyn Tx`; the block ends in a `Result` whose error is
/// a [`Retry`](crate::Retry) (`?` inside leaves the block). The block may run several times, so it must change
/// nothing but the store. When it fails for another reason than a conflict, that is told at once and nothing is kept.
///
/// A macro, because the future of a closure that borrows the unit cannot be shown to be `Send`.
#[macro_export]
macro_rules! transact {
    ($store:expr, |$tx:ident| $work:block) => {{
        let mut attempts = $crate::Attempts::default();
        loop {
            let outcome = async {
                let mut unit = $crate::Store::begin(&*$store, $crate::Access::Write).await?;
                let done = async {
                    let $tx: &mut dyn $crate::Tx = &mut *unit;
                    $work
                }
                .await;
                match done {
                    Ok(value) => {
                        unit.commit().await?;
                        Ok(value)
                    }
                    Err(error) => Err(error),
                }
            }
            .await;
            match outcome {
                Err(error) if attempts.again(&error).await => {}
                outcome => break outcome,
            }
        }
    }};
}
