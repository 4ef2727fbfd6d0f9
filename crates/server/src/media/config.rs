//! What the media room's sockets are told at start.

use std::net::{IpAddr, SocketAddr};

/// The media room of one node.
#[derive(Clone, Debug)]
pub(crate) struct MediaConfig {
    /// Where the first worker listens, at most one address of each family; each further worker one port higher. Port 0: each
    /// picks one.
    pub listen: Vec<SocketAddr>,
    /// The addresses in candidates, the preferred first; each with the port of the worker's socket of its family.
    pub advertised: Vec<IpAddr>,
    /// Threads; 0: one per core.
    pub workers: usize,
    /// The most participants of a conference.
    pub max_participants: usize,
    /// The most peer connections of one worker; joins beyond are refused. About 45 KiB each.
    pub max_peers: usize,
}

impl Default for MediaConfig {
    fn default() -> MediaConfig {
        MediaConfig { listen: Vec::new(), advertised: Vec::new(), workers: 0, max_participants: 350, max_peers: 4000 }
    }
}
