//! What the relay's sockets are told at start.

use std::net::SocketAddr;
use std::ops::RangeInclusive;
use std::sync::Arc;
use std::time::Duration;

use centrale_relay::{Limits, OpenWhen, PeerRules, RelayAddress};

/// The relay of one node.
#[derive(Clone)]
pub(crate) struct RelayConfig {
    /// Where UDP clients come. Port 0: pick one. With several addresses on the machine, name each rather than `0.0.0.0`.
    pub udp: Vec<SocketAddr>,
    /// Where TCP clients come.
    pub tcp: Vec<SocketAddr>,
    /// Where TLS clients come; needs `tls_config`.
    pub tls: Vec<SocketAddr>,
    /// Certificate and key; exchanged later by [`super::RelayHandle::set_tls`].
    pub tls_config: Option<Arc<rustls::ServerConfig>>,
    /// Realm of the credentials: the public name.
    pub realm: String,
    /// Shared secret that passwords are computed from.
    pub secret: Vec<u8>,
    /// 32 bytes of chance, fresh at each start.
    pub seed: [u8; 32],
    /// Fresh at each start and for each node; the workers count on from it. Part of the usage records' ids.
    pub instance: u64,
    /// Where IPv4 ports are lent from, and what is advertised.
    pub relay_v4: Option<RelayAddress>,
    /// Where IPv6 ports are lent from, and what is advertised.
    pub relay_v6: Option<RelayAddress>,
    /// The ports that are lent, shared out among the workers.
    pub ports: RangeInclusive<u16>,
    /// Further addresses of ours that nobody is relayed to (HTTPS, SIP, metrics).
    pub listeners: Vec<SocketAddr>,
    pub peers: PeerRules,
    pub limits: Limits,
    pub open: OpenWhen,
    /// Threads; 0: one per core.
    pub workers: usize,
    pub nonce_lifetime: Duration,
    /// How often usage is put out; what a crash can lose. At most a few seconds.
    pub usage_interval: Duration,
    pub streams: StreamLimits,
}

/// Bounds for TCP and TLS clients, for each worker.
#[derive(Clone, Debug)]
pub(crate) struct StreamLimits {
    /// Connections; beyond: closed at once.
    pub connections: usize,
    /// Connections of one source address; beyond: closed at once.
    pub per_source: u32,
    /// Until the TLS handshake is through and the first message is there; then until there is an allocation.
    pub patience: Duration,
    /// A connection without an allocation and without bytes is closed after this.
    pub idle: Duration,
    /// Bytes that wait for a slow reader. Full: relayed data is dropped, as UDP would, and counted; when answers no
    /// longer fit either, the connection is closed.
    pub backlog: usize,
}

impl Default for StreamLimits {
    fn default() -> StreamLimits {
        StreamLimits {
            connections: 10_000,
            per_source: 512,
            patience: Duration::from_secs(10),
            idle: Duration::from_secs(60),
            backlog: 256 * 1024,
        }
    }
}

impl Default for RelayConfig {
    fn default() -> RelayConfig {
        RelayConfig {
            udp: Vec::new(),
            tcp: Vec::new(),
            tls: Vec::new(),
            tls_config: None,
            realm: String::from("localhost"),
            secret: Vec::new(),
            seed: [0; 32],
            instance: 0,
            relay_v4: None,
            relay_v6: None,
            ports: 49_152..=65_535,
            listeners: Vec::new(),
            peers: PeerRules::default(),
            limits: Limits::default(),
            open: OpenWhen::default(),
            workers: 0,
            nonce_lifetime: Duration::from_secs(600),
            usage_interval: Duration::from_secs(5),
            streams: StreamLimits::default(),
        }
    }
}
