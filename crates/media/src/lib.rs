//! Conferences: who sends what to whom, as a machine without sockets.
//!
//! One [`Command`] or one datagram goes in at one moment; datagrams, [`Event`]s and a deadline come out. A worker thread of the
//! server drives one of them per core.
//!
//! ```text
//!   commands ──▶ ┌ Sfu ─────────────────────────────────┐ ──▶ events
//!                │  conference: tracks ─▶ slots ─▶ pacer │
//!                │                 └────▶ mix ───┘       │
//!   datagrams ─▶ │  peer: ICE · DTLS · SRTP · data       │ ──▶ datagrams
//!                └───────────────────────────────────────┘
//! ```
//!
//! Not here: sockets and threads (the server's), who may join and what a participant may do (the `calls` machine and the exchange).

pub mod data;
pub mod mix;
pub mod peer;
pub mod rtcp;
pub mod rtp;
pub mod sdp;
pub mod srtp;

mod bandwidth;
mod command;
mod conference;
mod dtls;
mod echo;
mod forward;
mod ice;
mod index;
mod mixing;
mod outbox;
mod pacer;
mod picture;
mod receive;
mod sfu;
mod slots;
mod speakers;
mod timers;

pub use command::{Command, ConferenceId, Event, Mode, RefusedBecause, Rights, Source, Summary, Want};
pub use mixing::Job;
pub use sfu::{Settings, Sfu, Stats, Why};

#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
