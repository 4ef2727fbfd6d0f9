//! How nodes talk: one seam, two implementations.
//!
//! A [`Bus`] rings bells ([`Bus::publish`], [`Bus::subscribe`]) and carries questions ([`Bus::ask`], [`Bus::serve`]).
//! Channels serve a node that is alone, NATS serves nodes that are together; nothing above this crate knows which. [`open`] picks.
//!
//! The bus is only the bell: it carries numbers and questions, never state. **What is promised** is the list in
//! [`suite`], which is run against each implementation:
//!
//! - A message arrives at most once at each subscription, and the messages of one publisher in their order.
//! - A subscription hears whatever is published after `subscribe` returned, and nothing after it was dropped.
//! - Every queue is bounded ([`QUEUE`], [`QUEUE_BYTES`]). What does not fit is lost, and the subscriber is told [`Delivery::Lagged`]
//!   at that place; publishers never wait for subscribers.
//! - A question reaches exactly one of those who serve its subject, or fails within its limit.
//! - Bodies have at most [`BODY_LIMIT`] bytes.
//!
//! Any message may be lost, when a node dies or the connection to NATS breaks; after a break each
//! subscription is told `Lagged`, so that its owner looks into the store. A plain NATS server is enough (no JetStream, 2.9 or later).

mod bus;
mod error;
mod local;
mod mailbox;
mod nats;
mod subject;
pub mod suite;
#[cfg(feature = "testing")]
pub mod testing;

pub use bus::{BODY_LIMIT, Bus, Delivery, Question, Questions, Reply, Subscription, open};
pub use error::BusError;
pub use mailbox::{QUEUE, QUEUE_BYTES};
pub use subject::{SUBJECT_LIMIT, Subject};

#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
