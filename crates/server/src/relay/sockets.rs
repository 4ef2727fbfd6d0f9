//! The UDP sockets of one worker: those that clients come to, and one for each relayed address that somebody may speak to.
//!
//! ```text
//!   relayed address ─┬─ its own socket: any peer
//!                    └─ a second one on the same port, connected to the peer it talks to most: a send there needs no route
//! ```
//!
//! The kernel gives the second one what that peer sends and the first one everything else. It exists while it is used, and only
//! as long as descriptors are plenty: an idle allocation has none.

use std::cell::Cell;
use std::io;
use std::net::{IpAddr, SocketAddr, UdpSocket};

use centrale_relay::{ClientAddr, RelayId};
use socket2::SockRef;

use super::listen;
use super::outgoing::{Destination, Path, Via};
use super::udp::{self, Received};

/// Datagrams to one peer in a row that make it the one a relayed address talks to most. Opening the second socket costs as
/// much as it saves on about fifty.
const STREAK: u8 = 16;
/// A datagram as large as this is video, which comes in runs.
const LARGE: usize = 600;

/// A socket and how it is received from.
pub(super) struct Arriving {
    pub(super) socket: UdpSocket,
    takes_runs: bool,
}

impl Arriving {
    pub(super) fn new(socket: UdpSocket) -> Arriving {
        Arriving { socket, takes_runs: false }
    }

    /// Receives a datagram or a run; nothing when there is none.
    #[inline]
    pub(super) fn receive(&mut self, buffer: &mut [u8]) -> Option<Received> {
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

/// Where UDP clients come.
pub(super) struct Listener {
    pub(super) arriving: Arriving,
    is_wild: bool,
    /// Datagrams taken in one turn; follows what comes.
    pub(super) turn: usize,
    /// Turns in a row that were not enough.
    short: u8,
}

impl Listener {
    pub(super) fn new(socket: UdpSocket) -> io::Result<Listener> {
        let is_wild = socket.local_addr()?.ip().is_unspecified();
        let mut arriving = Arriving::new(socket);
        if is_wild {
            udp::tell_own_address(&arriving.socket)?;
            udp::take_runs(&arriving.socket)?;
            arriving.takes_runs = true;
        }
        Ok(Listener { arriving, is_wild, turn: 1, short: 0 })
    }

    /// Sets the next turn: a datagram more than there is costs a call that only hears "empty".
    #[inline]
    pub(super) fn learn(&mut self, got: usize, most: usize) {
        if got < self.turn {
            (self.turn, self.short) = (got.max(1), 0);
            return;
        }
        self.short += 1;
        if self.short == 3 {
            (self.turn, self.short) = ((self.turn * 2).min(most), 0);
        }
    }
}

/// A relayed address.
pub(super) struct Relayed {
    pub(super) all: Arriving,
    pub(super) paired: Option<Paired>,
    last_peer: Option<SocketAddr>,
    streak: u8,
}

/// The second socket of a relayed address.
pub(super) struct Paired {
    pub(super) arriving: Arriving,
    peer: SocketAddr,
    is_used: Cell<bool>,
}

/// The UDP sockets.
pub(super) struct Datagrams {
    pub(super) listeners: Vec<Listener>,
    relayed: Vec<Option<Box<Relayed>>>,
    /// Addresses of ours that clients of wildcard listeners came to; a door names one, so that answers leave from it.
    own: Vec<IpAddr>,
    /// Second sockets there are, and may be.
    paired: usize,
    most_paired: usize,
}

impl super::outgoing::Sockets for Datagrams {
    #[inline]
    fn path(&self, to: &Destination) -> Option<Path<'_>> {
        match to.via {
            Via::Listener(at) => {
                let listener = self.listeners.get(at as usize)?;
                Some(Path { socket: &listener.arriving.socket, is_connected: false })
            }
            Via::Relayed(at) => {
                let relayed = self.relayed.get(at as usize)?.as_ref()?;
                match &relayed.paired {
                    Some(paired) if paired.peer == to.to => {
                        paired.is_used.set(true);
                        Some(Path { socket: &paired.arriving.socket, is_connected: true })
                    }
                    Some(_) | None => Some(Path { socket: &relayed.all.socket, is_connected: false }),
                }
            }
        }
    }
}

impl Datagrams {
    /// - `most_paired`: relayed addresses that may have a second socket at the same time.
    pub(super) fn new(listeners: Vec<Listener>, most_paired: usize) -> Datagrams {
        Datagrams { listeners, relayed: Vec::new(), own: Vec::new(), paired: 0, most_paired }
    }

    /// The door of a client that came to `listener` at `local`.
    pub(super) fn door(&mut self, listener: u32, local: Option<IpAddr>) -> u32 {
        let Some(local) = local.filter(|_| self.listeners[listener as usize].is_wild) else { return listener };
        let at = match self.own.iter().position(|ip| *ip == local) {
            Some(at) => at,
            // More addresses than a machine has: the kernel chooses for the rest.
            None if self.own.len() >= 4096 => return listener,
            None => {
                self.own.push(local);
                self.own.len() - 1
            }
        };
        listener | (at as u32 + 1) << 8
    }

    /// How to send to a UDP client.
    #[inline]
    pub(super) fn to_client(&self, client: ClientAddr) -> Destination {
        let source = (client.door >> 8).checked_sub(1).and_then(|at| self.own.get(at as usize)).copied();
        Destination { via: Via::Listener(client.door & 0xFF), to: client.addr, source }
    }

    pub(super) fn relayed(&mut self, at: u32) -> Option<&mut Relayed> {
        self.relayed.get_mut(at as usize)?.as_deref_mut()
    }

    /// Keeps the socket of a relayed address.
    pub(super) fn open(&mut self, relay: RelayId, socket: UdpSocket) {
        let at = relay.0 as usize;
        if self.relayed.len() <= at {
            self.relayed.resize_with(at + 1, || None);
        }
        let relayed = Relayed { all: Arriving::new(socket), paired: None, last_peer: None, streak: 0 };
        self.relayed[at] = Some(Box::new(relayed));
    }

    pub(super) fn close(&mut self, relay: RelayId) {
        let relayed = self.relayed.get_mut(relay.0 as usize).and_then(Option::take);
        self.paired -= usize::from(relayed.is_some_and(|relayed| relayed.paired.is_some()));
    }

    /// Notes that a datagram goes to a peer; says whether it is time for a second socket.
    #[inline]
    pub(super) fn note(&mut self, at: u32, peer: SocketAddr) -> bool {
        let Some(relayed) = self.relayed.get_mut(at as usize).and_then(Option::as_mut) else { return false };
        if relayed.paired.as_ref().is_some_and(|paired| paired.peer == peer) {
            relayed.streak = 0;
            return false;
        }
        if relayed.last_peer != Some(peer) {
            (relayed.last_peer, relayed.streak) = (Some(peer), 0);
        }
        relayed.streak = (relayed.streak + 1) % (2 * STREAK);
        relayed.streak == STREAK && (relayed.paired.is_some() || self.paired < self.most_paired)
    }

    /// Opens the second socket of a relayed address, connected to `peer`.
    pub(super) fn pair(&mut self, at: u32, peer: SocketAddr) -> io::Result<&UdpSocket> {
        let relayed = self.relayed.get_mut(at as usize).and_then(Option::as_mut).ok_or(io::ErrorKind::NotFound)?;
        // The port is shared for this moment only and with nobody else: another program would find it taken.
        let first = SockRef::from(&relayed.all.socket);
        first.set_reuse_port(true)?;
        let second = listen::paired(relayed.all.socket.local_addr()?, peer);
        first.set_reuse_port(false)?;
        let paired = Paired { arriving: Arriving::new(second?), peer, is_used: Cell::new(true) };
        self.paired += usize::from(relayed.paired.is_none());
        Ok(&relayed.paired.insert(paired).arriving.socket)
    }

    /// Closes second sockets that nothing was sent on since the last time.
    pub(super) fn part_idle(&mut self) {
        for relayed in self.relayed.iter_mut().flatten() {
            if relayed.paired.as_ref().is_some_and(|paired| !paired.is_used.replace(false)) {
                (relayed.paired, relayed.last_peer) = (None, None);
                self.paired -= 1;
            }
        }
    }
}
