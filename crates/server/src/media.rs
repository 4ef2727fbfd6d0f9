//! The media room's sockets: UDP towards everybody in a conference.
//!
//! ```text
//!             ┌ worker 0: its port ─ centrale_media::Sfu ┐            ┌─▶ answers
//!   kernel ───┤                                          ├─ commands ─┤
//!             └ worker 1: its port ─ centrale_media::Sfu ┘            └─▶ events
//! ```
//!
//! One plain thread per core, each with its own port, its own machine and its own conferences. No lock and no channel on the packet
//! path: the port that a peer was given says which thread it belongs to. What is received in one turn is handed in first and then sent, so
//! that one receiver's share of a picture leaves as one segmented send. Commands come between turns.
//!
//! A worker that panics loses its conferences and nothing else: each is told as lost, and the worker begins anew.
//!
//! Not here: what is forwarded to whom (`centrale_media`), who may be in a call (`exchange`).

mod config;
mod handle;
mod outgoing;
mod seats;
mod studio;
mod worker;

#[cfg(test)]
mod tests;

pub(crate) use config::MediaConfig;
pub(crate) use handle::{Heard, MediaHandle, start};
