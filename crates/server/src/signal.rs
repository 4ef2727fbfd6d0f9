//! The event connection: one WebSocket for each client, through which it is told what happens.
//!
//! The socket carries frames ([`centrale_wire::signal`]) and nothing else: what a client wants done it asks by REST. This room decides
//! nothing: it verifies the token, keeps the connection alive from both ends, and sends what the switchboard has for the client
//! whenever its bell rings, or every few seconds in case a bell was lost.

mod keep;
mod routes;
mod socket;
mod upgrade;

pub use keep::{counters, forget_old_events};
pub use routes::mount;
