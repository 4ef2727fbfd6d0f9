//! The sockets, and the program `centrale`.
//!
//! - [`rest`]: one adapter between HTTP and the functions of `exchange`, and the route table.
//! - [`listener`]: the HTTPS port, on which HTTP and TURN are told apart.
//! - [`relay`]: STUN and TURN.
//! - `media`: the packets of group calls.
//! - `packets`: what rooms with packets share.
//! - [`signal`]: event connections of clients.
//! - `whip`: group calls over plain HTTP: WHIP and WHEP.
//! - [`config`], [`tls`], [`logs`], [`metrics`]: what a node needs to begin.
//! - [`vantage`]: what another node sees of this one.
//! - [`program`]: the node from start to drain; [`command`]: the command line.
//!
//! Decides nothing: receives, hands in, sends.

pub mod command;
pub mod config;
pub mod listener;
pub mod logs;
mod media;
pub mod metrics;
mod packets;
pub mod program;
pub mod relay;
pub mod rest;
pub mod signal;
pub mod tls;
pub mod vantage;
mod whip;
