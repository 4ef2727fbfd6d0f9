//! The packet path: client to peer, peer to client, and across.

use core::net::SocketAddr;
use core::ops::Range;

use centrale_model::Time;

use super::records::Permission;
use super::{Head, Server, Verdict};
use crate::stun::attribute::write_xor_address;
use crate::stun::{Class, HEADER, MAGIC_COOKIE, Message, Method, TransactionId, attribute};
use crate::{ClientAddr, Family, PeerAddr, RelayId};

impl Server {
    /// Takes ChannelData from a client (RFC 8656 §12.6).
    #[inline]
    pub(super) fn channel_data(&mut self, client: ClientAddr, bytes: &[u8], now: Time) -> Verdict {
        let [a, b, c, d, ..] = *bytes else { return self.drop_garbage() };
        let number = u16::from_be_bytes([a, b]);
        let end = 4 + usize::from(u16::from_be_bytes([c, d]));
        if end > bytes.len() {
            return self.drop_garbage();
        }
        let Some(slot) = self.allocation_of(client) else {
            self.stats.dropped_no_allocation += 1;
            return Verdict::Nothing;
        };
        let channel = self.channel_by_number(slot, number).map(|index| self.channels[index as usize]);
        let Some(channel) = channel.filter(|channel| channel.until > now) else {
            self.stats.dropped_no_channel += 1;
            return Verdict::Nothing;
        };
        self.toward_peer(slot, channel.peer, 4..end, false, now)
    }

    /// Takes a Send indication (RFC 8656 §11.2). It is never answered.
    pub(super) fn send_indication(&mut self, client: ClientAddr, message: &Message<'_>, now: Time) -> Verdict {
        let mut peer = None;
        let mut data = None;
        let mut dont_fragment = false;
        for attribute in message.covered() {
            match attribute.kind {
                attribute::XOR_PEER_ADDRESS if peer.is_none() => {
                    peer = attribute::read_xor_address(attribute.value, message.transaction());
                }
                attribute::DATA if data.is_none() => {
                    data = Some(attribute.at + 4..attribute.at + 4 + attribute.value.len());
                }
                attribute::DONT_FRAGMENT => dont_fragment = true,
                // Repeats are ignored; an attribute that must be understood and is not spoils the indication.
                kind if kind >= 0x8000 || kind == attribute::XOR_PEER_ADDRESS || kind == attribute::DATA => {}
                _ => return self.drop_garbage(),
            }
        }
        let (Some(peer), Some(data)) = (peer, data) else { return self.drop_garbage() };
        let Some(slot) = self.allocation_of(client) else {
            self.stats.dropped_no_allocation += 1;
            return Verdict::Nothing;
        };
        let permission = self.permission(slot, peer, now).copied();
        let is_allowed = permission.is_some_and(|permission| permission.is_whole || self.is_ours(peer));
        if !is_allowed || self.is_listener(peer) {
            self.stats.dropped_no_permission += 1;
            return Verdict::Nothing;
        }
        self.toward_peer(slot, peer, data, dont_fragment, now)
    }

    /// Takes a whole datagram that arrived at a relayed address (RFC 8656 §11.3, §12.7).
    ///
    /// The verdict's payload is all of it.
    #[inline]
    pub fn from_peer(&mut self, relay: RelayId, peer: PeerAddr, bytes: &[u8], now: Time) -> Verdict {
        let (slot, family) = (relay.slot(), relay.family());
        let is_open = self.allocations.get(slot as usize).is_some_and(|a| a.is_live && a.open[family as usize]);
        if !is_open || Family::of(peer.0.ip()) != family {
            self.stats.dropped_no_allocation += 1;
            return Verdict::Nothing;
        }
        let peer = self.as_advertised(peer.0);
        self.toward_client(slot, peer, 0..bytes.len(), now)
    }

    /// Sends towards a peer, or across when the peer is one of our own relayed addresses.
    #[inline]
    fn toward_peer(
        &mut self,
        slot: u32,
        peer: SocketAddr,
        payload: Range<usize>,
        dont_fragment: bool,
        now: Time,
    ) -> Verdict {
        let family = Family::of(peer.ip());
        let allocation = &self.allocations[slot as usize];
        if !allocation.open[family as usize] {
            self.stats.dropped_no_permission += 1;
            return Verdict::Nothing;
        }
        let port = allocation.ports[family as usize];
        let length = payload.len() as u64;
        if !self.admit(slot, length, now) {
            return Verdict::Nothing;
        }
        let meter = &mut self.allocations[slot as usize].meter;
        meter.bytes_up += length;
        meter.packets_up += 1;
        self.stats.bytes_up += length;
        self.stats.packets_up += 1;
        self.note_unbilled(slot, now);
        if !self.is_ours(peer) {
            return Verdict::ToPeer { relay: RelayId::new(slot, family), to: PeerAddr(peer), payload, dont_fragment };
        }
        let relay = self.config.relay(family).expect("an address of ours has a relay address");
        if self.config.ports.contains(&peer.port()) && !self.is_lent_elsewhere(family, peer.port()) {
            let Some(target) = self.allocation_at(family, peer.port()) else {
                self.stats.dropped_no_allocation += 1;
                return Verdict::Nothing;
            };
            let from = SocketAddr::new(relay.advertised, port);
            let verdict = self.toward_client(target, from, payload, now);
            self.stats.packets_across += u64::from(verdict != Verdict::Nothing);
            return verdict;
        }
        // Another machine of this node: through the kernel, to where its socket really is.
        let local = if relay.local.is_unspecified() { relay.advertised } else { relay.local };
        let to = PeerAddr(SocketAddr::new(local, peer.port()));
        Verdict::ToPeer { relay: RelayId::new(slot, family), to, payload, dont_fragment }
    }

    /// Hands a peer's bytes to the client of an allocation.
    #[inline]
    fn toward_client(&mut self, slot: u32, peer: SocketAddr, payload: Range<usize>, now: Time) -> Verdict {
        if self.permission(slot, peer, now).is_none() {
            self.stats.dropped_no_permission += 1;
            return Verdict::Nothing;
        }
        let length = payload.len() as u64;
        if !self.admit(slot, length, now) {
            return Verdict::Nothing;
        }
        let channel = self.channel_by_peer(slot, peer).map(|index| &self.channels[index as usize]);
        let number = channel.filter(|channel| channel.until > now).map(|channel| channel.number);
        let client = self.allocations[slot as usize].client;
        let head = match number {
            Some(number) => channel_head(number, payload.len(), client.transport.is_stream()),
            None => {
                let chance = self.chance();
                data_head(peer, payload.len(), chance)
            }
        };
        let meter = &mut self.allocations[slot as usize].meter;
        meter.bytes_down += length;
        meter.packets_down += 1;
        self.stats.bytes_down += length;
        self.stats.packets_down += 1;
        self.note_unbilled(slot, now);
        Verdict::ToClient { client, head, payload }
    }

    /// The permission that is in force for a peer.
    #[inline]
    fn permission(&self, slot: u32, peer: SocketAddr, now: Time) -> Option<&Permission> {
        let ip = peer.ip();
        self.allocations[slot as usize].permissions.iter().find(|p| p.ip == ip).filter(|p| p.until > now)
    }

    /// A relayed address of ours as the world knows it: a packet between two machines of this node carries the local one.
    fn as_advertised(&self, peer: SocketAddr) -> SocketAddr {
        match self.config.relay(Family::of(peer.ip())) {
            Some(relay) if relay.local == peer.ip() && self.config.node_ports.contains(&peer.port()) => {
                SocketAddr::new(relay.advertised, peer.port())
            }
            _ => peer,
        }
    }
}

/// The head of ChannelData (RFC 8656 §12.4); on streams padded to four bytes (§12.5).
#[inline]
fn channel_head(number: u16, length: usize, is_stream: bool) -> Head {
    let mut bytes = [0; Head::MOST];
    bytes[..2].copy_from_slice(&number.to_be_bytes());
    bytes[2..4].copy_from_slice(&(length as u16).to_be_bytes());
    let padding = if is_stream { length.wrapping_neg() as u8 & 3 } else { 0 };
    Head { bytes, length: 4, padding }
}

/// The head of a Data indication (RFC 8656 §11.6).
fn data_head(peer: SocketAddr, length: usize, chance: u64) -> Head {
    let mut transaction = TransactionId::default();
    transaction.0[..8].copy_from_slice(&chance.to_be_bytes());
    transaction.0[8..].copy_from_slice(&(chance >> 13).to_be_bytes()[4..]);
    let mut address = [0; 20];
    let address_length = write_xor_address(peer, transaction, &mut address);
    let padding = length.wrapping_neg() & 3;
    let head = HEADER + 4 + address_length + 4;
    let mut bytes = [0; Head::MOST];
    let mut at = 0;
    let mut put = |part: &[u8]| {
        bytes[at..at + part.len()].copy_from_slice(part);
        at += part.len();
    };
    put(&crate::stun::type_word(Class::Indication, Method::DATA).to_be_bytes());
    put(&((head - HEADER + length + padding) as u16).to_be_bytes());
    put(&MAGIC_COOKIE.to_be_bytes());
    put(&transaction.0);
    put(&attribute::XOR_PEER_ADDRESS.to_be_bytes());
    put(&(address_length as u16).to_be_bytes());
    put(&address[..address_length]);
    put(&attribute::DATA.to_be_bytes());
    put(&(length as u16).to_be_bytes());
    Head { bytes, length: head as u8, padding: padding as u8 }
}
