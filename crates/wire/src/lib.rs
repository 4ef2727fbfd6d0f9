//! How the nouns are said on the wire: the shape of every REST operation, and the frames between client and exchange.
//!
//! A shape is plain data with `serde` and a schema. An operation's shape also declares what the one adapter in the
//! server needs to know about it ([`Operation`]): method, path, who may call, how often, which versions. The OpenAPI
//! document is made from these declarations, so it cannot drift from what is answered.
//!
//! Not here: behaviour. No store, no socket, no clock, no chance.

pub mod admin;
mod error;
pub mod identity;
mod operation;
pub mod relay;

pub use error::{ErrorBody, ErrorDetail, InnerError};
pub use operation::{Auth, Limit, Method, Operation, Per, Query, QueryKind, Versions};

pub mod client;
pub mod explain;
pub mod signal;

#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
