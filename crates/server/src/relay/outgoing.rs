//! Datagrams on their way out: at most one destination waits, so that a run to it can leave as one send.
//!
//! ```text
//!   verdict ─▶ same destination as what waits?
//!                 yes: both into the run (copied; a run of ten costs one trip through the kernel instead of ten)
//!                 no:  send what waits, let this one wait in the buffer it arrived in
//!   end of the batch ─▶ send what waits
//! ```

use std::io;
use std::net::{IpAddr, SocketAddr};
use std::ops::Range;

use mio::net::UdpSocket;
use quinn_udp::{Transmit, UdpSocketState};

/// The longest run, in bytes: what one UDP send may carry.
const LONGEST_RUN: usize = 60_000;
/// The most datagrams of a run (the kernel's own bound is 64 in its older versions).
const MOST_SEGMENTS: usize = 60;
/// The largest datagram of a run, in bytes: what fits an Ethernet frame over IPv6. The kernel refuses a run as a whole when
/// its datagrams are larger than the path's share.
const LARGEST_SEGMENT: usize = 1_452;

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

/// What waits.
enum Waiting {
    Nothing,
    /// One datagram, head and all, still where it was received.
    Single(Destination, Range<usize>),
    /// Datagrams in `run`, all of `segment` bytes but perhaps the last, which then closes the run.
    Run {
        to: Destination,
        segment: usize,
        count: usize,
        is_closed: bool,
    },
}

/// Where the sockets are.
pub(super) trait Sockets {
    /// The socket with this number, if it is still open.
    fn socket(&self, via: Via) -> Option<&UdpSocket>;
}

/// The way out.
pub(super) struct Outgoing {
    waiting: Waiting,
    run: Vec<u8>,
    segmenter: UdpSocketState,
    /// Datagrams that the kernel would not take.
    pub(super) failed: u64,
    /// Sends that carried more than one datagram.
    pub(super) runs: u64,
}

impl Outgoing {
    /// - `probe`: a UDP socket that is not used for anything else; it is asked what this kernel can do.
    pub(super) fn new(probe: &UdpSocket) -> io::Result<Outgoing> {
        let segmenter = UdpSocketState::new(probe.into())?;
        Ok(Outgoing { waiting: Waiting::Nothing, run: Vec::with_capacity(65_536), segmenter, failed: 0, runs: 0 })
    }

    /// Takes a datagram. Call [`Outgoing::flush`] before the buffer is used for anything else.
    pub(super) fn push(&mut self, to: Destination, parcel: Parcel<'_>, buffer: &mut [u8], sockets: &impl Sockets) {
        let length = parcel.head.len() + parcel.payload.len() + parcel.padding;
        if self.joins(to, length) {
            self.append(to, &parcel, length, buffer);
            return;
        }
        self.flush(buffer, sockets);
        if parcel.padding > 0 || parcel.payload.start < parcel.head.len() {
            // Padding may not overwrite the datagram behind.
            self.run.clear();
            self.waiting = Waiting::Run { to, segment: length, count: 0, is_closed: false };
            self.append(to, &parcel, length, buffer);
            return;
        }
        // What lay in front has left, so the head may stand there.
        let start = parcel.payload.start - parcel.head.len();
        buffer[start..parcel.payload.start].copy_from_slice(parcel.head);
        self.waiting = Waiting::Single(to, start..parcel.payload.end);
    }

    /// Sends what waits.
    pub(super) fn flush(&mut self, buffer: &[u8], sockets: &impl Sockets) {
        match core::mem::replace(&mut self.waiting, Waiting::Nothing) {
            Waiting::Nothing => {}
            Waiting::Single(to, range) => self.send(to, &buffer[range], sockets),
            Waiting::Run { to, segment, count, .. } => {
                let run = core::mem::take(&mut self.run);
                self.send_run(to, &run, segment, count, sockets);
                self.run = run;
            }
        }
    }

    /// Sends one datagram at once.
    pub(super) fn send(&mut self, to: Destination, bytes: &[u8], sockets: &impl Sockets) {
        let Some(socket) = sockets.socket(to.via) else { return };
        let outcome = match to.source {
            None => socket.send_to(bytes, to.to).map(|_| ()),
            Some(_) => {
                let transmit =
                    Transmit { destination: to.to, ecn: None, contents: bytes, segment_size: None, src_ip: to.source };
                self.segmenter.try_send(socket.into(), &transmit)
            }
        };
        if let Err(error) = outcome {
            self.fail(&error, 1);
        }
    }

    fn joins(&self, next: Destination, length: usize) -> bool {
        match &self.waiting {
            Waiting::Nothing => false,
            Waiting::Single(to, range) => *to == next && length <= range.len() && range.len() <= LARGEST_SEGMENT,
            Waiting::Run { to, segment, count, is_closed } => {
                *to == next
                    && !is_closed
                    && length <= *segment
                    && *segment <= LARGEST_SEGMENT
                    && *count < MOST_SEGMENTS
                    && self.run.len() + length <= LONGEST_RUN
            }
        }
    }

    /// Adds to the run; a single datagram that waits becomes the run's first.
    fn append(&mut self, next: Destination, parcel: &Parcel<'_>, length: usize, buffer: &[u8]) {
        let (segment, count) = match &self.waiting {
            Waiting::Nothing => (length, 0),
            Waiting::Single(_, range) => {
                self.run.clear();
                self.run.extend_from_slice(&buffer[range.clone()]);
                (range.len(), 1)
            }
            Waiting::Run { segment, count, .. } => (*segment, *count),
        };
        self.run.extend_from_slice(parcel.head);
        self.run.extend_from_slice(&buffer[parcel.payload.clone()]);
        self.run.resize(self.run.len() + parcel.padding, 0);
        self.waiting = Waiting::Run { to: next, segment, count: count + 1, is_closed: length < segment };
    }

    fn send_run(&mut self, to: Destination, run: &[u8], segment: usize, count: usize, sockets: &impl Sockets) {
        let Some(socket) = sockets.socket(to.via) else { return };
        if count == 1 {
            self.send(to, run, sockets);
            return;
        }
        if self.segmenter.max_gso_segments() >= count {
            let transmit = Transmit {
                destination: to.to,
                ecn: None,
                contents: run,
                segment_size: Some(segment),
                src_ip: to.source,
            };
            match self.segmenter.try_send(socket.into(), &transmit) {
                Ok(()) => {
                    self.runs += 1;
                    return;
                }
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                    self.fail(&error, count as u64);
                    return;
                }
                // A path or a device that takes no runs: one by one.
                Err(_) => {}
            }
        }
        for datagram in run.chunks(segment) {
            self.send(to, datagram, sockets);
        }
    }

    /// A datagram that cannot leave is lost, as datagrams are.
    fn fail(&mut self, error: &io::Error, count: u64) {
        if self.failed == 0 {
            tracing::debug!(%error, "a datagram could not be sent");
        }
        self.failed += count;
    }

    /// Tries runs again after the kernel refused one: it may have been a single odd path.
    pub(super) fn forgive(&mut self, probe: &UdpSocket) {
        if self.segmenter.max_gso_segments() == 1
            && let Ok(fresh) = UdpSocketState::new(probe.into())
        {
            self.segmenter = fresh;
        }
    }
}
