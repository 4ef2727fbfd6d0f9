//! REST: one adapter between HTTP and the functions of `exchange`, and the table of what is mounted.
//!
//! To add an operation: its shape in `wire`, its function in `exchange`, and one line in [`routes`].

mod answer;
mod auth;
mod body;
mod cors;
mod dev;
mod health;
mod hmac;
mod limit;
mod mount;
mod node;
mod openapi;
mod router;
mod routes;
mod service;
mod status;
mod text;
mod web;
mod well_known;

pub(crate) use answer::error_as;
pub use answer::{Answer, error, json};
pub use auth::bearer_of;
pub(crate) use body::read_all as read_body;
pub use limit::Limiter;
pub use mount::Operate;
pub use node::{Counters, Node, Setting};
pub use openapi::document;
pub use router::{Incoming, Router, Routes};
pub use routes::routes;
pub use service::answer;
pub(crate) use text::query;
