//! A socket and how it is received from.

use std::io;
use std::net::UdpSocket;

use super::udp::{self, Received};

/// A datagram as large as this is video, which comes in runs.
const LARGE: usize = 600;

/// A socket and how it is received from.
pub(crate) struct Arriving {
    pub(crate) socket: UdpSocket,
    takes_runs: bool,
}

impl Arriving {
    pub(crate) fn new(socket: UdpSocket) -> Arriving {
        Arriving { socket, takes_runs: false }
    }

    /// A socket that takes runs from its first datagram on.
    pub(crate) fn in_runs(socket: UdpSocket) -> io::Result<Arriving> {
        udp::take_runs(&socket)?;
        Ok(Arriving { socket, takes_runs: true })
    }

    /// Receives a datagram or a run; nothing when there is none.
    #[inline]
    pub(crate) fn receive(&mut self, buffer: &mut [u8]) -> Option<Received> {
        loop {
            let outcome = match self.takes_runs {
                true => udp::receive_run(&self.socket, buffer),
                false => udp::receive(&self.socket, buffer),
            };
            match outcome {
                Ok(received) => {
                    if received.length >= LARGE && !self.takes_runs {
                        // A kernel that cannot is asked again and again, which costs little and harms nothing.
                        self.takes_runs = udp::take_runs(&self.socket).is_ok();
                    }
                    return Some(received);
                }
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return None,
                // A peer's port is closed, say; the next call gives the datagrams.
                Err(_) => {}
            }
        }
    }
}

/// How many datagrams of a socket are taken before others have their turn; follows what comes.
pub(crate) struct Turn {
    length: usize,
    /// Turns in a row that were not enough.
    short: u8,
}

impl Default for Turn {
    fn default() -> Turn {
        Turn { length: 1, short: 0 }
    }
}

impl Turn {
    #[inline]
    pub(crate) fn length(&self) -> usize {
        self.length
    }

    /// Sets the next turn: a datagram more than there is costs a call that only hears "empty".
    #[inline]
    pub(crate) fn learn(&mut self, got: usize, most: usize) {
        if got < self.length {
            (self.length, self.short) = (got.max(1), 0);
            return;
        }
        self.short += 1;
        if self.short == 3 {
            (self.length, self.short) = ((self.length * 2).min(most), 0);
        }
    }
}
