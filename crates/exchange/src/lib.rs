//! What the platform does: one async function per operation, with its SQL beside its rule.
//!
//! A function takes the [`Context`] (the seams, the clock, chance, the resource), the [`Caller`](identity::Caller) and a
//! wire request, and gives a wire response or an [`Error`] whose kind says who can mend it. Nothing here knows HTTP, and
//! nothing here opens a socket.
//!
//! Chapters use one another's front doors downward only: calls, then relay, then identity and usage, then lease.

pub mod calls;
mod context;
mod error;
pub mod events;
pub mod identity;
pub mod lease;
pub mod relay;
mod schema;
pub mod usage;

pub use context::{Chance, Clock, Context, Inner, Parts, RelaySettings, SystemChance, SystemClock, WellKnown};
pub use error::{Error, Kind, Result};
