//! Datagrams on their way out: one, or a run of them to the same end.

use std::io::{self, IoSlice};
use std::net::{SocketAddr, UdpSocket};

use crate::packets::udp;

/// The largest datagram of a run, in bytes: what fits an Ethernet frame over IPv6. The kernel refuses a run as a whole when its
/// datagrams are larger than the path's share.
const LARGEST_SEGMENT: usize = 1_452;

/// The way out.
#[derive(Default)]
pub(super) struct Outgoing {
    /// The kernel refused a run; one by one until [`Outgoing::forgive`].
    are_runs_refused: bool,
    /// Datagrams that the kernel would not take.
    pub(super) failed: u64,
    /// Sends that carried more than one datagram.
    pub(super) runs: u64,
    /// Datagrams sent.
    pub(super) sent: u64,
}

impl Outgoing {
    /// Sends datagrams of `segment` bytes each, the last of which may be shorter.
    #[inline]
    pub(super) fn send(&mut self, socket: &UdpSocket, to: SocketAddr, bytes: &[u8], segment: usize) {
        if bytes.len() <= segment {
            return self.send_one(socket, to, bytes);
        }
        if segment <= LARGEST_SEGMENT && !self.are_runs_refused && self.send_run(socket, to, bytes, segment) {
            return;
        }
        for one in bytes.chunks(segment.max(1)) {
            self.send_one(socket, to, one);
        }
    }

    /// Tries runs again after the kernel refused one: it may have been a single odd path.
    pub(super) fn forgive(&mut self) {
        self.are_runs_refused = false;
    }

    #[inline]
    fn send_one(&mut self, socket: &UdpSocket, to: SocketAddr, bytes: &[u8]) {
        match udp::send(socket, bytes, Some(to)) {
            Ok(()) => self.sent += 1,
            Err(error) => self.fail(&error, 1),
        }
    }

    /// Sends a run; says no when it must go one by one.
    fn send_run(&mut self, socket: &UdpSocket, to: SocketAddr, bytes: &[u8], segment: usize) -> bool {
        let count = bytes.len().div_ceil(segment) as u64;
        match udp::send_run(socket, &[IoSlice::new(bytes)], segment as u16, Some(to)) {
            Ok(()) => {
                self.runs += 1;
                self.sent += count;
            }
            // The socket's buffer is full, or there is no way to that address.
            Err(error) if is_lost(&error) => self.fail(&error, count),
            // A path or a device that takes no runs.
            Err(_) => {
                self.are_runs_refused = true;
                return false;
            }
        }
        true
    }

    /// A datagram that cannot leave is lost, as datagrams are.
    fn fail(&mut self, error: &io::Error, count: u64) {
        if self.failed == 0 {
            tracing::debug!(%error, "a datagram of a conference could not be sent");
        }
        self.failed += count;
    }
}

/// Whether sending the datagrams one by one would fail as well.
fn is_lost(error: &io::Error) -> bool {
    use io::ErrorKind::{HostUnreachable, NetworkUnreachable, PermissionDenied, WouldBlock};
    matches!(error.kind(), WouldBlock | HostUnreachable | NetworkUnreachable | PermissionDenied)
}
