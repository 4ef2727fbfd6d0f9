//! Where state is kept: one seam, two engines.
//!
//! A [`Store`] begins units of work ([`Tx`]) in one portable SQL. SQLite serves a node that is alone, PostgreSQL
//! serves nodes that are together; nothing above this crate knows which. [`open`] picks by the address.
//!
//! **The SQL that both engines speak.** `$1` placeholders in order; ids are `TEXT`, times, amounts and flags
//! are `BIGINT` (a flag is 0 or 1), bytes are `BLOB`; `ON CONFLICT`, `RETURNING`; no JSON functions, no engine names, no bare
//! literals in `SELECT` lists. A parameter whose type nothing in the statement tells is written `CAST($1 AS TEXT)`.
//!
//! **What is promised** is the list in [`suite`], which is run against each engine:
//!
//! - A unit of work sees one moment, changes everything or nothing, and is undone by dropping it.
//! - Units that write behave as if they ran one after another. Where an engine cannot arrange that it answers
//!   [`StoreError::Conflict`], and doing the whole unit again is right: [`transact!`] does so.
//! - Readers do not wait for writers (except in `:memory:`, which has a single connection).
//! - `begin` answers within a limit, with [`StoreError::Unavailable`] when it must.
//!
//! Durability: a committed unit survives the death of the process (`kill -9`). On SQLite the last moments
//! before a power cut may be lost, never torn; PostgreSQL keeps its own promises.
//!
//! Not done here: what tables there are (each chapter's migrations), and blobs outside the database.

mod error;
mod migrate;
mod postgres;
mod retry;
mod script;
mod sqlite;
mod store;
pub mod suite;
#[cfg(feature = "testing")]
pub mod testing;
mod value;

pub use error::StoreError;
pub use migrate::{Migration, migrate};
pub use retry::{Attempts, Retry};
pub use store::{Access, Limits, Store, Tx, open, open_with};
pub use value::{Row, Value};

#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
