//! Which side of ICE a peer connection plays.

use core::net::SocketAddr;

use centrale_model::Time;

use crate::ice::{Check, Client, Found, Lite};

#[derive(Debug)]
pub(super) enum Agent {
    Lite(Lite),
    Client(Box<Client>),
}

impl Agent {
    /// Takes a STUN datagram; gives whether it shows that the other side is there.
    pub(super) fn handle(&mut self, from: SocketAddr, datagram: &[u8], now: Time, found: &mut Vec<Found>) -> bool {
        match self {
            Agent::Lite(lite) => lite.handle(from, datagram, found) == Check::Right,
            Agent::Client(client) => client.handle(from, datagram, now, found),
        }
    }

    pub(super) fn selected(&self) -> Option<SocketAddr> {
        match self {
            Agent::Lite(lite) => lite.selected(),
            Agent::Client(client) => client.selected(),
        }
    }

    /// Whether a right check came from, or was answered by, this address.
    pub(super) fn knows(&self, address: SocketAddr) -> bool {
        match self {
            Agent::Lite(lite) => lite.knows(address),
            Agent::Client(client) => client.selected() == Some(address),
        }
    }

    pub(super) fn ufrag(&self) -> &str {
        match self {
            Agent::Lite(lite) => lite.ufrag(),
            Agent::Client(client) => client.ufrag(),
        }
    }

    pub(super) fn timeout(&self) -> Option<Time> {
        match self {
            Agent::Lite(_) => None,
            Agent::Client(client) => Some(client.timeout()),
        }
    }
}
