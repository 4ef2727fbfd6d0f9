//! Every test that touches the store, once more on PostgreSQL: each statement of each chapter runs on both engines.
//!
//! The tests are the files beside this one. Their houses and worlds look at the name of the program that they are in: here each
//! has an empty database of its own on one server, which starts with the first test and ends with the program.
#![expect(
    clippy::duplicate_mod,
    reason = "each file is a test of its own, and here they all run again on another engine"
)]

#[path = "calls.rs"]
mod calls;
#[path = "groups.rs"]
mod groups;
#[path = "identity.rs"]
mod identity;
#[path = "relay.rs"]
mod relay;
#[path = "usage.rs"]
mod usage;
