//! What is done to the server. Each scenario gives one JSON value and whether nothing was lost or altered.

pub(crate) mod churn;
pub(crate) mod flood;
pub(crate) mod hold;
pub(crate) mod open;
pub(crate) mod pair;
pub(crate) mod steady;

use std::io;
use std::net::{SocketAddr, UdpSocket};
use std::rc::Rc;
use std::time::{Duration, Instant};

use crate::client::{self, CHANNEL, Session, Target};
use crate::link::{is_patience, loopback, udp_socket};

pub(crate) type Outcome = (serde_json::Value, bool);

/// Peers are shared between flows beyond this number: a process may hold 20,000 descriptors here.
const PEERS: usize = 512;
/// How long a packet in lock-step may take before it is counted as lost.
pub(crate) const LOST: Duration = Duration::from_secs(1);
/// Biggest frame that is sent or received, in bytes.
pub(crate) const FRAME: usize = 2048;

/// Allocations with a channel each towards a peer of ours.
pub(crate) struct Field {
    pub(crate) sessions: Vec<Session>,
    pub(crate) peers: Vec<UdpSocket>,
}

impl Field {
    pub(crate) fn open(target: &Rc<Target>, flows: usize, first: u64, is_v6: bool) -> io::Result<Field> {
        let peers = (0..flows.min(PEERS)).map(|_| udp_socket(loopback(is_v6))).collect::<io::Result<Vec<_>>>()?;
        let mut sessions = client::allocate(target, first..first + flows as u64, is_v6)?;
        let addresses = peers.iter().map(UdpSocket::local_addr).collect::<io::Result<Vec<_>>>()?;
        let addresses: Vec<SocketAddr> = (0..flows).map(|flow| addresses[flow % addresses.len()]).collect();
        client::bind(target, &mut sessions, &addresses)?;
        Ok(Field { sessions, peers })
    }

    pub(crate) fn peer(&self, flow: usize) -> &UdpSocket {
        &self.peers[flow % self.peers.len()]
    }
}

/// Puts the ChannelData header in front of a payload that lies at offset 4 (RFC 8656 §12.4).
pub(crate) fn head(frame: &mut [u8]) {
    let size = frame.len() - 4;
    frame[..2].copy_from_slice(&CHANNEL.to_be_bytes());
    frame[2..4].copy_from_slice(&(size as u16).to_be_bytes());
}

/// The payload of a ChannelData message of our channel, when it is one.
pub(crate) fn body(frame: &[u8]) -> Option<&[u8]> {
    let head = frame.get(..4)?;
    let size = usize::from(u16::from_be_bytes([head[2], head[3]]));
    (head[..2] == CHANNEL.to_be_bytes() && frame.len() == 4 + size).then_some(&frame[4..])
}

/// Spins until `receive` gives something, for at most [`LOST`].
pub(crate) fn spin<T>(mut receive: impl FnMut() -> io::Result<Option<T>>) -> io::Result<Option<T>> {
    let mut until = None;
    for spins in 0_u64.. {
        if let Some(something) = receive()? {
            return Ok(Some(something));
        }
        if spins % 64 == 63 && Instant::now() > *until.get_or_insert_with(|| Instant::now() + LOST) {
            return Ok(None);
        }
    }
    Ok(None)
}

/// One datagram with its sender, or `None` when none is there.
pub(crate) fn datagram(socket: &UdpSocket, into: &mut [u8]) -> io::Result<Option<(usize, SocketAddr)>> {
    match socket.recv_from(into) {
        Ok(received) => Ok(Some(received)),
        Err(error) if is_patience(&error) => Ok(None),
        Err(error) => Err(error),
    }
}

/// Counts of one run.
#[derive(Default)]
pub(crate) struct Tally {
    pub(crate) packets: u64,
    pub(crate) lost: u64,
    pub(crate) altered: u64,
    pub(crate) misplaced: u64,
}

impl Tally {
    pub(crate) fn is_sound(&self) -> bool {
        self.lost + self.altered + self.misplaced == 0
    }
}
