//! Datagrams on their way out.
//!
//! ```text
//!   one datagram  ─▶ its head is written in front of it, where it was received ─▶ send
//!   a run of them ─▶ consecutive ones for the same end are gathered, heads and payloads where they lie ─▶ one segmented send
//! ```
//!
//! Nothing is copied but heads. Nothing waits longer than what was received in one call.

use std::io::{self, IoSlice};
use std::net::{IpAddr, SocketAddr, UdpSocket};
use std::ops::Range;

use super::udp;

/// The longest run, in bytes: what one UDP send may carry.
const LONGEST_RUN: usize = 60_000;
/// The most datagrams of a run (the kernel's own bound is 64 in its older versions).
const MOST_SEGMENTS: usize = 60;
/// The largest datagram of a run, in bytes: what fits an Ethernet frame over IPv6. The kernel refuses a run as a whole when
/// its datagrams are larger than the path's share.
const LARGEST_SEGMENT: usize = 1_452;
/// The longest head: that of a Data indication.
const LONGEST_HEAD: usize = centrale_relay::Head::MOST;

/// A socket, by its number.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Via {
    Listener(u32),
    Relayed(u32),
}

/// Where a datagram goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Destination {
    pub(super) via: Via,
    pub(super) to: SocketAddr,
    /// Our own address to send from, where the socket has several.
    pub(super) source: Option<IpAddr>,
}

/// A datagram in the buffer it arrived in, and what goes around it.
pub(super) struct Parcel<'a> {
    pub(super) head: &'a [u8],
    /// Zero bytes behind the payload.
    pub(super) padding: usize,
    pub(super) payload: Range<usize>,
}

/// The way to an end.
pub(super) struct Path<'a> {
    pub(super) socket: &'a UdpSocket,
    pub(super) is_connected: bool,
}

/// Where the sockets are.
pub(super) trait Sockets {
    /// The way to go, if it is still open.
    fn path(&self, to: &Destination) -> Option<Path<'_>>;
}

/// One datagram of a run.
#[derive(Clone)]
struct Part {
    head: [u8; LONGEST_HEAD],
    head_length: u8,
    padding: u8,
    payload: Range<usize>,
}

impl Part {
    fn length(&self) -> usize {
        usize::from(self.head_length) + self.payload.len() + usize::from(self.padding)
    }

    fn slices<'a>(&'a self, buffer: &'a [u8]) -> [&'a [u8]; 3] {
        let head = &self.head[..usize::from(self.head_length)];
        [head, &buffer[self.payload.clone()], &[0; 3][..usize::from(self.padding)]]
    }
}

/// The way out.
#[derive(Default)]
pub(super) struct Outgoing {
    /// Datagrams that wait for more of their kind.
    parts: Vec<Part>,
    to: Option<Destination>,
    /// Bytes in `parts`.
    length: usize,
    /// The kernel refused a run; one by one until [`Outgoing::forgive`].
    are_runs_refused: bool,
    /// Datagrams that the kernel would not take.
    pub(super) failed: u64,
    /// Sends that carried more than one datagram.
    pub(super) runs: u64,
}

impl Outgoing {
    /// Sends a datagram that came alone. There is room for the head in front of the payload.
    #[inline]
    pub(super) fn send_parcel(
        &mut self,
        to: &Destination,
        parcel: &Parcel<'_>,
        buffer: &mut [u8],
        sockets: &impl Sockets,
    ) {
        let start = parcel.payload.start - parcel.head.len();
        let end = parcel.payload.end + parcel.padding;
        buffer[start..parcel.payload.start].copy_from_slice(parcel.head);
        buffer[parcel.payload.end..end].fill(0);
        self.send(to, &buffer[start..end], sockets);
    }

    /// Takes a datagram of a run. Call [`Outgoing::flush`] before the buffer is used for anything else.
    pub(super) fn push(&mut self, to: Destination, parcel: &Parcel<'_>, buffer: &[u8], sockets: &impl Sockets) {
        let length = parcel.head.len() + parcel.payload.len() + parcel.padding;
        if !self.joins(&to, length) {
            self.flush(buffer, sockets);
            self.to = Some(to);
        }
        let mut head = [0; LONGEST_HEAD];
        head[..parcel.head.len()].copy_from_slice(parcel.head);
        self.length += length;
        self.parts.push(Part {
            head,
            head_length: parcel.head.len() as u8,
            padding: parcel.padding as u8,
            payload: parcel.payload.clone(),
        });
    }

    /// Sends what waits.
    pub(super) fn flush(&mut self, buffer: &[u8], sockets: &impl Sockets) {
        let Some(to) = self.to.take() else { return };
        let parts = std::mem::take(&mut self.parts);
        if self.are_runs_refused || parts.len() == 1 || !self.send_run(&to, &parts, buffer, sockets) {
            for part in &parts {
                self.send(&to, &part.slices(buffer).concat(), sockets);
            }
        }
        self.parts = parts;
        self.parts.clear();
        self.length = 0;
    }

    /// Sends one datagram at once.
    #[inline]
    pub(super) fn send(&mut self, to: &Destination, bytes: &[u8], sockets: &impl Sockets) {
        let Some(path) = sockets.path(to) else { return };
        let send = || match to.source {
            None => udp::send(path.socket, bytes, (!path.is_connected).then_some(to.to)),
            Some(source) => udp::send_from(path.socket, &[IoSlice::new(bytes)], to.to, source),
        };
        let mut outcome = send();
        if path.is_connected && outcome.as_ref().is_err_and(is_about_an_earlier_one) {
            outcome = send();
        }
        if let Err(error) = outcome {
            self.fail(&error, 1);
        }
    }

    fn joins(&self, next: &Destination, length: usize) -> bool {
        let (Some(to), [first, ..], [.., last]) = (&self.to, &self.parts[..], &self.parts[..]) else { return false };
        let segment = first.length();
        to == next
            && next.source.is_none()
            && last.length() == segment
            && length <= segment
            && segment <= LARGEST_SEGMENT
            && self.parts.len() < MOST_SEGMENTS
            && self.length + length <= LONGEST_RUN
    }

    /// Sends a run; says no when it must go one by one.
    fn send_run(&mut self, to: &Destination, parts: &[Part], buffer: &[u8], sockets: &impl Sockets) -> bool {
        let Some(path) = sockets.path(to) else { return true };
        let mut slices = [IoSlice::new(&[]); MOST_SEGMENTS * 3];
        let mut count = 0;
        for slice in parts.iter().flat_map(|part| part.slices(buffer)).filter(|slice| !slice.is_empty()) {
            slices[count] = IoSlice::new(slice);
            count += 1;
        }
        let segment = parts[0].length() as u16;
        let target = (!path.is_connected).then_some(to.to);
        let send = || udp::send_run(path.socket, &slices[..count], segment, target);
        let mut outcome = send();
        if path.is_connected && outcome.as_ref().is_err_and(is_about_an_earlier_one) {
            outcome = send();
        }
        match outcome {
            Ok(()) => self.runs += 1,
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => self.fail(&error, parts.len() as u64),
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
            tracing::debug!(%error, "a datagram could not be sent");
        }
        self.failed += count;
    }

    /// Tries runs again after the kernel refused one: it may have been a single odd path.
    pub(super) fn forgive(&mut self) {
        self.are_runs_refused = false;
    }
}

/// A connected socket reports on a send what became of the one before: the peer's port was closed, say.
fn is_about_an_earlier_one(error: &io::Error) -> bool {
    use io::ErrorKind::{ConnectionRefused, HostUnreachable, NetworkUnreachable};
    matches!(error.kind(), ConnectionRefused | HostUnreachable | NetworkUnreachable)
}
