//! Making, finding and ending records.

use core::net::{IpAddr, SocketAddr};
use core::time::Duration;
use std::sync::Arc;

use core::cmp::Reverse;

use centrale_model::Time;

use super::records::{Allocation, Channel, Meter, NONE, Reservation};
use super::{NOBODY, Output, RESERVED, Server, TAKEN};
use crate::index::words;
use crate::{ClientAddr, Family, RelayId};

impl Server {
    fn client_hash(&self, client: ClientAddr) -> u32 {
        let [high, low] = words(client.addr.ip());
        let rest = u64::from(client.addr.port()) | u64::from(client.door) << 16 | (client.transport as u64) << 48;
        self.hasher.hash([high, low, rest])
    }

    fn channel_hash(&self, slot: u32, number: u16) -> u32 {
        self.hasher.hash([u64::from(slot), u64::from(number), 0x4348])
    }

    fn peer_hash(&self, slot: u32, peer: SocketAddr) -> u32 {
        let [high, low] = words(peer.ip());
        self.hasher.hash([high, low, u64::from(peer.port()) | u64::from(slot) << 16])
    }

    /// The allocation of a 5-tuple.
    #[inline]
    pub(super) fn allocation_of(&self, client: ClientAddr) -> Option<u32> {
        self.by_client.find(self.client_hash(client), |slot| self.allocations[slot as usize].client == client)
    }

    /// The channel with this number, lapsed or not.
    #[inline]
    pub(super) fn channel_by_number(&self, slot: u32, number: u16) -> Option<u32> {
        self.by_channel.find(self.channel_hash(slot, number), |channel| {
            let channel = &self.channels[channel as usize];
            channel.allocation == slot && channel.number == number
        })
    }

    /// The channel bound to this peer, lapsed or not.
    #[inline]
    pub(super) fn channel_by_peer(&self, slot: u32, peer: SocketAddr) -> Option<u32> {
        self.by_peer.find(self.peer_hash(slot, peer), |channel| {
            let channel = &self.channels[channel as usize];
            channel.allocation == slot && channel.peer == peer
        })
    }

    /// The allocation that was lent a port of this machine.
    #[inline]
    pub(super) fn allocation_at(&self, family: Family, port: u16) -> Option<u32> {
        let at = port.checked_sub(*self.config.ports.start())?;
        let slot = *self.ports[family as usize].get(usize::from(at))?;
        (slot < TAKEN).then_some(slot)
    }

    /// Whether a port of this machine is in another's hands.
    pub(super) fn is_lent_elsewhere(&self, family: Family, port: u16) -> bool {
        let at = port.checked_sub(*self.config.ports.start());
        at.and_then(|at| self.ports[family as usize].get(usize::from(at))) == Some(&TAKEN)
    }

    /// Makes an allocation with these ports. The caller has checked every limit.
    pub(super) fn open_allocation(
        &mut self,
        client: ClientAddr,
        (user, shares): (Arc<str>, [u32; 3]),
        ports: [u16; 2],
        lifetime: Duration,
        now: Time,
    ) -> u32 {
        let allocation = Allocation {
            client,
            ports,
            open: [false; 2],
            is_live: true,
            is_unbilled: false,
            channel_count: 0,
            first_channel: NONE,
            shares,
            user,
            part: 0,
            serial: self.next_serial,
            meter: Meter::default(),
            expires: now + lifetime,
            started: now,
            billed: now,
            permissions: Vec::new(),
            transaction: [0; 12],
            token: None,
            missing_v6: None,
        };
        let slot = match self.free_allocations.pop() {
            Some(slot) => {
                self.allocations[slot as usize] = allocation;
                slot
            }
            None => {
                self.allocations.push(allocation);
                (self.allocations.len() - 1) as u32
            }
        };
        for family in [Family::V4, Family::V6] {
            self.set_port(family, ports[family as usize], slot);
        }
        self.by_client.insert(self.client_hash(client), slot);
        self.ends.push(Reverse((now + lifetime, slot, self.next_serial)));
        self.next_serial += 1;
        self.live += 1;
        self.stats.allocations += 1;
        slot
    }

    /// Ends an allocation: its last usage, its sockets, its channels, its place in every table.
    pub(super) fn close(&mut self, slot: u32, now: Time) {
        self.bill_one(slot, true, now);
        self.pending.retain(|pending| pending.relay.slot() != slot);
        for family in [Family::V4, Family::V6] {
            self.close_family(slot, family);
        }
        let hash = self.client_hash(self.allocations[slot as usize].client);
        self.by_client.remove(hash, slot);
        let allocation = &mut self.allocations[slot as usize];
        allocation.is_live = false;
        allocation.permissions = Vec::new();
        let shares = allocation.shares;
        self.free_allocations.push(slot);
        self.live -= 1;
        self.stats.ended += 1;
        self.leave_shares(shares);
    }

    /// Gives a relayed address back with all that belongs to its family.
    pub(super) fn close_family(&mut self, slot: u32, family: Family) {
        self.forget_peers(slot, family);
        let allocation = &mut self.allocations[slot as usize];
        let port = core::mem::take(&mut allocation.ports[family as usize]);
        let was_open = core::mem::take(&mut allocation.open[family as usize]);
        if was_open {
            self.outputs.push_back(Output::Close { relay: RelayId::new(slot, family) });
        }
        self.give_port_back(family, port);
    }

    /// Lets a port be lent again, here or where it was borrowed.
    pub(super) fn give_port_back(&mut self, family: Family, port: u16) {
        if port != 0 && !self.config.ports.contains(&port) {
            self.outputs.push_back(Output::Returned { family, port });
        }
        self.set_port(family, port, NOBODY);
    }

    /// Takes word from another machine of the node: it lends one of our ports, or no longer does (see [`Output::Borrowed`]).
    pub fn lent_elsewhere(&mut self, family: Family, port: u16, is_lent: bool) {
        let at = self.reservations.iter().position(|r| r.family == family && r.port == port);
        if let Some(at) = at {
            self.reservations.swap_remove(at);
        }
        let owner = port.checked_sub(*self.config.ports.start());
        let owner = owner.and_then(|at| self.ports[family as usize].get(usize::from(at))).copied();
        // A port that was lent here in the meantime stays so; whoever opens it second is told that it is taken.
        if owner.is_some_and(|owner| owner >= TAKEN) {
            self.set_port(family, port, if is_lent { TAKEN } else { NOBODY });
        }
    }

    /// Ends every permission and channel of a family.
    pub(super) fn forget_peers(&mut self, slot: u32, family: Family) {
        let allocation = &mut self.allocations[slot as usize];
        allocation.permissions.retain(|permission| Family::of(permission.ip) != family);
        self.remove_channels(slot, |channel| Family::of(channel.peer.ip()) == family);
    }

    /// Adds a channel. The caller has checked that neither number nor peer is bound.
    pub(super) fn add_channel(&mut self, slot: u32, number: u16, peer: SocketAddr, until: Time) {
        let allocation = &mut self.allocations[slot as usize];
        let channel = Channel { peer, until, allocation: slot, next: allocation.first_channel, number };
        let index = match self.free_channels.pop() {
            Some(index) => {
                self.channels[index as usize] = channel;
                index
            }
            None => {
                self.channels.push(channel);
                (self.channels.len() - 1) as u32
            }
        };
        allocation.first_channel = index;
        allocation.channel_count += 1;
        self.by_channel.insert(self.channel_hash(slot, number), index);
        self.by_peer.insert(self.peer_hash(slot, peer), index);
    }

    /// Removes the channels of an allocation that `is_over` holds for.
    pub(super) fn remove_channels(&mut self, slot: u32, is_over: impl Fn(&Channel) -> bool) {
        let mut kept = NONE;
        let mut next = self.allocations[slot as usize].first_channel;
        while next != NONE {
            let index = next;
            let channel = self.channels[index as usize];
            next = channel.next;
            if is_over(&channel) {
                self.by_channel.remove(self.channel_hash(slot, channel.number), index);
                self.by_peer.remove(self.peer_hash(slot, channel.peer), index);
                self.channels[index as usize].allocation = NONE;
                self.free_channels.push(index);
                self.allocations[slot as usize].channel_count -= 1;
            } else {
                self.channels[index as usize].next = kept;
                kept = index;
            }
        }
        self.allocations[slot as usize].first_channel = kept;
    }

    /// Looks for a free port, beginning anywhere: one that cannot be guessed is harder to send to blindly (RFC 6056).
    ///
    /// - `even`: only even ones.
    /// - `pair`: the port above must be free as well.
    pub(super) fn pick_port(&mut self, family: Family, even: bool, pair: bool) -> Option<u16> {
        let width = self.ports[family as usize].len();
        if width == 0 {
            return None;
        }
        let first = *self.config.ports.start();
        let begin = (self.chance() % width as u64) as usize;
        let table = &self.ports[family as usize];
        let is_free = |at: usize| table.get(at).is_some_and(|slot| *slot == NOBODY);
        let at = (begin..width).chain(0..begin).find(|at| {
            let is_even = (usize::from(first) + at) % 2 == 0;
            is_free(*at) && (!even || is_even) && (!pair || is_free(at + 1))
        })?;
        Some(first + at as u16)
    }

    pub(super) fn set_port(&mut self, family: Family, port: u16, owner: u32) {
        let Some(at) = port.checked_sub(*self.config.ports.start()) else { return };
        if let Some(cell) = self.ports[family as usize].get_mut(usize::from(at)) {
            *cell = owner;
        }
    }

    /// Keeps a port back for whoever shows the token; without a token, from everybody.
    pub(super) fn reserve(&mut self, family: Family, port: u16, token: Option<[u8; 8]>, until: Time) {
        self.set_port(family, port, if token.is_some() { RESERVED } else { TAKEN });
        self.reservations.push(Reservation { token, family, port, until });
    }

    pub(super) fn release_reservations(&mut self, now: Time) {
        let mut at = 0;
        while let Some(reservation) = self.reservations.get(at) {
            if reservation.until > now {
                at += 1;
                continue;
            }
            let reservation = self.reservations.swap_remove(at);
            self.set_port(reservation.family, reservation.port, NOBODY);
        }
    }

    /// Whether a peer's address is one that the machines of this node lend.
    #[inline]
    pub(super) fn is_ours(&self, peer: SocketAddr) -> bool {
        self.config.node_ports.contains(&peer.port()) && self.is_our_ip(peer.ip())
    }

    #[inline]
    pub(super) fn is_our_ip(&self, ip: IpAddr) -> bool {
        self.config.relay(Family::of(ip)).is_some_and(|relay| relay.advertised == ip)
    }

    /// Whether an address is one that we listen on: whoever could be relayed to it would be the relay's own client.
    pub(super) fn is_listener(&self, peer: SocketAddr) -> bool {
        self.config.listeners.iter().any(|listener| {
            let relay = self.config.relay(Family::of(peer.ip()));
            let is_wild = listener.ip().is_unspecified()
                && (peer.ip().is_loopback()
                    || relay.is_some_and(|r| r.local == peer.ip() || r.advertised == peer.ip()));
            listener.port() == peer.port() && (listener.ip() == peer.ip() || is_wild)
        })
    }
}
