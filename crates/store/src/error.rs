//! What can go wrong, told by who can mend it.

use std::fmt;

/// Why the store did not do it. Each holds a sentence for the log; none is meant for a caller's eyes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum StoreError {
    /// Somebody else changed the same rows: two units of work crossed, or a row with this key came to exist, or the row
    /// referred to went away. Doing the whole unit again from its first read is right.
    Conflict(String),
    /// The engine cannot be reached, is full, or did not answer in time. After this from `commit`, whether
    /// the unit was kept is not known.
    Unavailable(String),
    /// The database's schema is not the one this program was built for. A person must act.
    Schema(String),
    /// We are wrong: SQL that the engine refuses, a column read as another type, a broken unit used again.
    Bug(String),
}

impl StoreError {
    /// Tells whether doing the whole unit of work again may succeed.
    pub fn is_conflict(&self) -> bool {
        matches!(self, StoreError::Conflict(_))
    }
}

impl fmt::Display for StoreError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            StoreError::Conflict(why) => write!(f, "store conflict: {why}"),
            StoreError::Unavailable(why) => write!(f, "store unavailable: {why}"),
            StoreError::Schema(why) => write!(f, "store schema: {why}"),
            StoreError::Bug(why) => write!(f, "store misused: {why}"),
        }
    }
}

impl std::error::Error for StoreError {}
