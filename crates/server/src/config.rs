//! What the operator chose: option beats environment beats file beats default.
//!
//! Every value begins as text with a note of where it came from, so that a wrong one stops the start with one sentence
//! that names the key and says what to write.

mod file;
mod nearest;
mod parse;
mod role;
mod sample;
mod value;

use std::net::{IpAddr, SocketAddr};
use std::ops::RangeInclusive;
use std::path::PathBuf;
use std::time::Duration;

use centrale_model::Private;
use centrale_relay::Network;

pub use parse::resolve;
pub use role::{Role, Roles};
pub use sample::sample;
pub use value::{ConfigError, Given};

/// Which command is being configured.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    /// `centrale dev`.
    Dev,
    /// `centrale serve`.
    Serve,
}

/// Everything that can be chosen.
#[derive(Clone, Debug)]
pub struct Config {
    /// Which command.
    pub mode: Mode,
    /// Where files are kept.
    pub data: PathBuf,
    /// Where the node listens.
    pub listen: Listen,
    /// What clients are told.
    pub public: Public,
    /// The certificate, when it is not our own authority's.
    pub tls: Option<Certificate>,
    /// Who issues certificates over ACME, when somebody does.
    pub acme: Option<Acme>,
    /// The relay.
    pub relay: Relay,
    /// Whether requests over a limit are refused.
    pub limits: bool,
    /// How long live calls may go on after SIGTERM.
    pub drain_deadline: Duration,
    /// How logs are written.
    pub log: LogFormat,
    /// Store and bus shared with other nodes.
    pub cluster: Cluster,
}

/// Where the node listens. Port 0: pick a free one and say it in `runtime.json`.
#[derive(Clone, Debug)]
pub struct Listen {
    /// HTTPS, and TURN over TLS.
    pub https: SocketAddr,
    /// STUN and TURN over UDP and TCP.
    pub relay: SocketAddr,
    /// TURN over TLS.
    pub relay_tls: SocketAddr,
    /// Media of group calls.
    pub media: SocketAddr,
    /// SIP over UDP and TCP.
    pub sip: SocketAddr,
    /// Counters.
    pub metrics: SocketAddr,
}

/// What clients are told.
#[derive(Clone, Debug)]
pub struct Public {
    /// The name in the certificate and in every address.
    pub name: String,
    /// The addresses that candidates and relays advertise.
    pub addresses: Vec<IpAddr>,
    /// Whether the operator wrote them; else they are what we found ourselves.
    pub are_addresses_given: bool,
    /// From where we may have ourselves looked at.
    pub vantage: Option<Vantage>,
}

/// Somebody outside who tells what can be seen of us.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Vantage {
    /// Another node of ours: `https://host:port`. It tries each port.
    Node {
        /// Its name or address.
        host: String,
        /// Its HTTPS port.
        port: u16,
    },
    /// Any STUN server: `stun:host:port`. It tells our address and nothing of ports.
    Stun {
        /// Its name or address.
        host: String,
        /// Its UDP port.
        port: u16,
    },
}

/// Certificates over ACME (RFC 8555), by the challenge that needs no other port (RFC 8737).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Acme {
    /// The directory's address.
    pub directory: String,
    /// Whom the authority writes to, `mailto:…`.
    pub contact: Option<String>,
    /// The names in the certificate.
    pub domains: Vec<String>,
    /// Whom to trust as the directory, PEM; the system's authorities when absent.
    pub roots: Option<PathBuf>,
}

/// A certificate of somebody else's authority. Both files are read again when they change.
#[derive(Clone, Debug)]
pub struct Certificate {
    /// The chain, PEM, the leaf first.
    pub certificate: PathBuf,
    /// The key, PEM.
    pub key: PathBuf,
}

/// The relay.
#[derive(Clone, Debug)]
pub struct Relay {
    /// Whether TURN is offered. STUN always is.
    pub enabled: bool,
    /// The secret that credentials are computed from; generated in the data directory when absent.
    pub secret: Option<Private<String>>,
    /// The ports lent to clients.
    pub ports: RangeInclusive<u16>,
    /// Addresses that may be relayed to although they are not public.
    pub allowed_peers: Vec<Network>,
    /// Addresses that may not be relayed to although they are public.
    pub denied_peers: Vec<Network>,
    /// What one user may have.
    pub user: Cap,
    /// What one address may have.
    pub source: Cap,
    /// What all users of a resource may have together.
    pub resource: Cap,
    /// Threads; 0 for one per core.
    pub workers: usize,
    /// Where clients are sent while this relay drains.
    pub alternates: Vec<SocketAddr>,
    /// The relays whose names clients are given, when they are other nodes.
    pub servers: Vec<RelayServer>,
}

/// What somebody may have of the relay; 0 for no bound.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Cap {
    /// Allocations at a time.
    pub allocations: u32,
    /// Relayed bytes per second, both directions together.
    pub bytes_per_second: u64,
    /// Relayed bytes per day (UTC), both directions together.
    pub bytes_per_day: u64,
}

/// A relay on another node.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RelayServer {
    /// Its public name.
    pub host: String,
    /// Its UDP and TCP port.
    pub port: u16,
}

/// How logs are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LogFormat {
    /// For people.
    Text,
    /// For machines: one object per line.
    Json,
}

/// What is shared with other nodes; empty when alone.
#[derive(Clone, Debug)]
pub struct Cluster {
    /// `postgres://…`
    pub store: Option<Private<String>>,
    /// `nats://…`
    pub bus: Option<Private<String>>,
    /// This node's name.
    pub node: String,
    /// What this node does.
    pub roles: Roles,
}
