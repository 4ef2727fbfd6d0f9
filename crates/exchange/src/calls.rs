//! Calls: who is rung, who decides, and what is kept.
//!
//! Each call is one machine ([`centrale_calls::Call`]) hosted by one node, its *owner*. Whatever reaches another node is passed on over the
//! bus. Each step is one transaction: what the clients are told, the facts, the usage and the machine's snapshot are kept
//! together or not at all; then the bells ring. So a call survives its node: the next owner loads the snapshot and goes on, with
//! deadlines that count from the call's birth.
//!
//! - [`Switchboard`]: the door. Start, signal, view, presence.
//! - [`MediaDesk`]: where a media node takes the orders of conferences.
//! - `endpoints`: where a user's calls ring.
//! - `owners`: whose calls are whose, and what becomes of a dead node's; `desk`: what nodes ask each other.
//! - `hosted`: one machine and its clock; `perform`: what a command makes of it.
//! - `courier`: brings a call's orders to its media node, and back what that says; `conference`: what crosses the bus.
//! - `ledger`: the rows.
//! - `explain`: the story told afterwards.
//! - `speak`: wire words to machine words and back.

mod command;
mod conference;
mod courier;
mod desk;
mod endpoints;
pub mod explain;
mod hosted;
mod join;
mod ledger;
mod media_nodes;
mod orders;
mod owners;
mod perform;
mod presence;
mod speak;
mod start;
mod switchboard;

pub use conference::{Asked, MediaDesk, Teller};
pub use presence::{Connection, Farewell, ICE_RENEWAL};
pub use switchboard::{Settings, Switchboard};
