//! Requests, one by one, in the order of the RFC's steps.

use core::net::SocketAddr;
use core::time::Duration;
use std::sync::Arc;

use centrale_model::Time;

use super::authenticate::Identified;
use super::output::{Asker, Output, Pending, Seal};
use super::records::{Permission, Reservation};
use super::{CHANNEL_LIFETIME, OpenWhen, PERMISSION_LIFETIME, RESERVATION_LIFETIME, Reason, Server, Verdict};
use crate::stun::{Class, Message, Method, Writer, attribute};
use crate::{ClientAddr, Family, RelayId, Transport};

/// The lifetime when the client names none, and the shortest (RFC 8656 §7.2).
const DEFAULT_LIFETIME: Duration = Duration::from_secs(600);
/// How often another port is tried when one would not open.
const OPEN_TRIES: u8 = 8;
/// How long a port that would not open is left alone.
const TAKEN_FOR: Duration = Duration::from_secs(60);

/// Why a request is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Refusal {
    BadRequest,
    Forbidden,
    Mismatch,
    FamilyNotSupported,
    WrongCredentials,
    TransportNotSupported,
    FamilyMismatch,
    Quota(Reason),
    NoCapacity,
    Draining,
}

impl Refusal {
    /// Why, for whoever asks later; nothing when the client is at fault.
    fn reason(self) -> Option<Reason> {
        match self {
            Refusal::Quota(reason) => Some(reason),
            Refusal::NoCapacity => Some(Reason::Capacity),
            Refusal::Draining => Some(Reason::Draining),
            Refusal::Forbidden => Some(Reason::Peer),
            Refusal::BadRequest
            | Refusal::Mismatch
            | Refusal::FamilyNotSupported
            | Refusal::WrongCredentials
            | Refusal::TransportNotSupported
            | Refusal::FamilyMismatch => None,
        }
    }
}

impl Server {
    /// Takes a STUN message from a client.
    pub(super) fn message(&mut self, client: ClientAddr, bytes: &[u8], now: Time) -> Verdict {
        let Ok(message) = Message::parse(bytes) else { return self.drop_garbage() };
        if message.fingerprint() == Some(false) {
            self.stats.bad_fingerprint += 1;
            return Verdict::Nothing;
        }
        match (message.class(), message.method()) {
            (Class::Indication, Method::SEND) => return self.send_indication(client, &message, now),
            (Class::Indication, Method::BINDING) => {} // a keep-alive
            (Class::Request, Method::BINDING) => self.binding(client, &message, now),
            (
                Class::Request,
                Method::ALLOCATE
                | Method::REFRESH
                | Method::CREATE_PERMISSION
                | Method::CHANNEL_BIND
                | Method::CONNECT
                | Method::CONNECTION_BIND,
            ) => self.request(client, &message, now),
            _ => return self.drop_garbage(),
        }
        Verdict::Nothing
    }

    /// Tells a client its address (RFC 8489 §6.3.1). Free, and without credentials, so it is rationed.
    fn binding(&mut self, client: ClientAddr, message: &Message<'_>, now: Time) {
        if !self.may_answer_stranger(client, now) {
            return;
        }
        let asker = Asker {
            client,
            method: Method::BINDING,
            transaction: message.transaction(),
            seal: Seal::None,
            has_fingerprint: message.has(attribute::FINGERPRINT),
        };
        if self.refuse_unknown(&asker, message) {
            return;
        }
        self.stats.bindings += 1;
        let answer = Writer::new(Class::Success, Method::BINDING, asker.transaction)
            .xor_address(attribute::XOR_MAPPED_ADDRESS, client.addr);
        self.send(&asker, answer);
    }

    /// Takes a request that needs credentials.
    fn request(&mut self, client: ClientAddr, message: &Message<'_>, now: Time) {
        if self.redirect_stranger(client, message, now) {
            return;
        }
        let Some(Identified { asker, user }) = self.authenticate(client, message, now) else { return };
        if self.refuse_unknown(&asker, message) {
            return;
        }
        let slot = self.allocation_of(client);
        let owner = slot.map(|slot| self.allocations[slot as usize].user.clone());
        let outcome = match (asker.method, slot) {
            // Whoever holds the 5-tuple is told of the mismatch first, whatever its name.
            (Method::ALLOCATE, Some(slot)) => self.allocate_again(slot, &asker, now),
            (Method::ALLOCATE, None) => self.allocate(user, &asker, message, now),
            (Method::CONNECT | Method::CONNECTION_BIND, _) => Err(Refusal::TransportNotSupported),
            (_, None) => Err(Refusal::Mismatch),
            (_, Some(_)) if owner.as_deref() != Some(user) => Err(Refusal::WrongCredentials),
            (Method::REFRESH, Some(slot)) => self.refresh(slot, &asker, message, now),
            (Method::CREATE_PERMISSION, Some(slot)) => self.create_permission(slot, &asker, message, now),
            (_, Some(slot)) => self.channel_bind(slot, &asker, message, now),
        };
        if let Err(refusal) = outcome {
            if let Some(reason) = refusal.reason() {
                self.note_refusal(Arc::from(user), client.transport, reason, now);
            }
            self.refuse(&asker, refusal);
        }
    }

    /// Sends a stranger who wants an allocation to another server while this one drains (RFC 8489 §10).
    ///
    /// Before it is asked who it is: a browser that has shown its credentials here gives up when the next server, whose
    /// nonces are its own, asks for them again.
    fn redirect_stranger(&mut self, client: ClientAddr, message: &Message<'_>, now: Time) -> bool {
        let is_stranger =
            !message.has(attribute::MESSAGE_INTEGRITY) && !message.has(attribute::MESSAGE_INTEGRITY_SHA256);
        if message.method() != Method::ALLOCATE || !is_stranger || self.alternate(client).is_none() {
            return false;
        }
        if self.may_answer_stranger(client, now) {
            let asker = Asker {
                client,
                method: Method::ALLOCATE,
                transaction: message.transaction(),
                seal: Seal::None,
                has_fingerprint: message.has(attribute::FINGERPRINT),
            };
            self.refuse(&asker, Refusal::Draining);
        }
        true
    }

    /// The server that a client is sent to while this one drains: one of its family. None over TLS: by an address alone nobody
    /// can tell whose certificate to expect there.
    fn alternate(&self, client: ClientAddr) -> Option<SocketAddr> {
        let family = Family::of(client.addr.ip());
        let servers = self.drain.as_deref().unwrap_or(&[]);
        let is_of_use = |server: &&SocketAddr| Family::of(server.ip()) == family && client.transport != Transport::Tls;
        servers.iter().find(is_of_use).copied()
    }

    /// Answers 420 when the request has attributes that must be understood and are not (RFC 8489 §6.3.1).
    fn refuse_unknown(&mut self, asker: &Asker, message: &Message<'_>) -> bool {
        let unknown: Vec<u8> = message
            .covered()
            .filter(|a| a.kind < 0x8000 && !is_known(a.kind))
            .take(16)
            .flat_map(|a| a.kind.to_be_bytes())
            .collect();
        if unknown.is_empty() {
            return false;
        }
        self.stats.refused_unknown_attribute += 1;
        let answer = Writer::new(Class::Error, asker.method, asker.transaction)
            .error_code(420, "")
            .attribute(attribute::UNKNOWN_ATTRIBUTES, &unknown);
        self.send(asker, answer);
        true
    }

    /// Allocate on a 5-tuple that has an allocation (RFC 8656 §7.2 step 2).
    fn allocate_again(&mut self, slot: u32, asker: &Asker, now: Time) -> Result<(), Refusal> {
        if self.allocations[slot as usize].transaction != asker.transaction.0 {
            return Err(Refusal::Mismatch);
        }
        // A repeat of the request that made it. While its socket is being opened the answer is on its way.
        if !self.pending.iter().any(|pending| pending.relay.slot() == slot) {
            self.succeed(slot, asker, now);
        }
        Ok(())
    }

    /// Lends a relayed address (RFC 8656 §7.2; steps 1 and 2 are behind us).
    fn allocate(&mut self, user: &str, asker: &Asker, message: &Message<'_>, now: Time) -> Result<(), Refusal> {
        // 3. Only UDP is relayed.
        match message.get(attribute::REQUESTED_TRANSPORT) {
            Some([17, _, _, _]) => {}
            Some([_, _, _, _]) => return Err(Refusal::TransportNotSupported),
            _ => return Err(Refusal::BadRequest),
        }
        // 4. DONT-FRAGMENT is understood.
        // 5. to 7. Which families, and which kind of port.
        let token = message.get(attribute::RESERVATION_TOKEN);
        let even = message.get(attribute::EVEN_PORT);
        let requested = message.get(attribute::REQUESTED_ADDRESS_FAMILY);
        let additional = message
            .get(attribute::ADDITIONAL_ADDRESS_FAMILY)
            .or_else(|| message.get(attribute::ADDITIONAL_ADDRESS_FAMILY_COTURN));
        if token.is_some() && (even.is_some() || requested.is_some() || additional.is_some()) {
            return Err(Refusal::BadRequest);
        }
        if requested.is_some() && additional.is_some() {
            return Err(Refusal::BadRequest);
        }
        let pair = match even {
            None => false,
            Some([bits]) => bits & 0x80 != 0,
            Some(_) => return Err(Refusal::BadRequest),
        };
        if pair && additional.is_some() {
            return Err(Refusal::BadRequest);
        }
        let family = match requested {
            None => Family::V4,
            Some(value) => requested_family(value)?,
        };
        match additional.map(requested_family) {
            None | Some(Ok(Family::V6)) => {}
            Some(_) => return Err(Refusal::BadRequest),
        }
        let lifetime = self.lifetime(message)?.max(DEFAULT_LIFETIME);
        if self.drain.is_some() {
            return Err(Refusal::Draining);
        }
        // 8. Shares.
        if self.live >= self.config.limits.allocations {
            return Err(Refusal::NoCapacity);
        }
        let user: Arc<str> = Arc::from(user);
        let places = self.check_shares(&user, asker.client, now).map_err(Refusal::Quota)?;
        // 9. Ports.
        let mut ports = [0; 2];
        let mut new_token = None;
        let mut missing = None;
        if let Some(token) = token {
            let (family, port) = self.nonces.reserved(token, &user, now).ok_or(Refusal::NoCapacity)?;
            if self.config.ports.contains(&port) {
                let is_it = |r: &Reservation| r.token.is_some() && r.family == family && r.port == port;
                let at = self.reservations.iter().position(is_it).ok_or(Refusal::NoCapacity)?;
                self.reservations.swap_remove(at);
            } else {
                // Another machine of the node keeps it back.
                self.outputs.push_back(Output::Borrowed { family, port });
            }
            ports[family as usize] = port;
        } else {
            if self.config.relay(family).is_none() {
                return Err(Refusal::FamilyNotSupported);
            }
            ports[family as usize] = self.pick_port(family, even.is_some(), pair).ok_or(Refusal::NoCapacity)?;
            if additional.is_some() {
                match self.config.relay(Family::V6).and_then(|_| self.pick_port(Family::V6, even.is_some(), false)) {
                    Some(port) => ports[Family::V6 as usize] = port,
                    None => missing = Some(if self.config.relay_v6.is_some() { 508 } else { 440 }),
                }
            }
        }
        // 10. The record.
        let Some(shares) = self.enter_shares(places) else {
            for family in [Family::V4, Family::V6] {
                self.give_port_back(family, ports[family as usize]);
            }
            return Err(Refusal::NoCapacity);
        };
        let slot = self.open_allocation(asker.client, (user.clone(), shares), ports, lifetime, now);
        if pair {
            let (port, until) = (ports[family as usize] + 1, now + RESERVATION_LIFETIME);
            let token = self.nonces.token(port, family, &user, until);
            self.reserve(family, port, Some(token), until);
            new_token = Some(token);
        }
        let allocation = &mut self.allocations[slot as usize];
        allocation.transaction = asker.transaction.0;
        allocation.token = new_token;
        allocation.missing_v6 = missing;
        for family in [Family::V4, Family::V6].into_iter().filter(|family| ports[*family as usize] != 0) {
            self.ask_to_open(slot, family, asker);
        }
        Ok(())
    }

    /// Prolongs or ends an allocation, or one family of it (RFC 8656 §8.2).
    fn refresh(&mut self, slot: u32, asker: &Asker, message: &Message<'_>, now: Time) -> Result<(), Refusal> {
        let family = message.get(attribute::REQUESTED_ADDRESS_FAMILY).map(requested_family).transpose()?;
        let ports = self.allocations[slot as usize].ports;
        if family.is_some_and(|family| ports[family as usize] == 0) {
            return Err(Refusal::FamilyMismatch);
        }
        let wanted = self.lifetime(message)?;
        let lifetime = if wanted.is_zero() { wanted } else { wanted.max(DEFAULT_LIFETIME) };
        self.stats.refreshes += 1;
        let answer = Writer::new(Class::Success, Method::REFRESH, asker.transaction)
            .number(attribute::LIFETIME, lifetime.as_secs() as u32);
        if lifetime.is_zero() {
            match family {
                Some(family) if ports.iter().all(|port| *port != 0) => self.close_family(slot, family),
                _ => self.close(slot, now),
            }
        } else {
            // Lengthening needs no new entry in the order of ends: the old one comes up first and is put back. Shortening does.
            let allocation = &mut self.allocations[slot as usize];
            let sooner = now + lifetime < allocation.expires;
            allocation.expires = now + lifetime;
            if sooner {
                self.ends.push(core::cmp::Reverse((now + lifetime, slot, self.allocations[slot as usize].serial)));
            }
        }
        self.send(asker, answer);
        Ok(())
    }

    /// Lets peers send to the relayed address (RFC 8656 §10.2). All of them or none.
    fn create_permission(&mut self, slot: u32, asker: &Asker, message: &Message<'_>, now: Time) -> Result<(), Refusal> {
        let mut peers = Vec::new();
        for attribute in message.covered().filter(|a| a.kind == attribute::XOR_PEER_ADDRESS) {
            let peer =
                attribute::read_xor_address(attribute.value, message.transaction()).ok_or(Refusal::BadRequest)?;
            self.check_family(slot, peer)?;
            // A permission is for an address; the port counts nothing (RFC 8656 §9).
            if !self.config.peers.allows(peer.ip()) && !self.is_our_ip(peer.ip()) {
                return Err(Refusal::Forbidden);
            }
            peers.push(peer);
        }
        if peers.is_empty() {
            return Err(Refusal::BadRequest);
        }
        self.permit(slot, &peers, now)?;
        self.stats.permissions += 1;
        self.succeed_when_open(slot, &peers, asker, now);
        Ok(())
    }

    /// Binds a channel to a peer (RFC 8656 §12.2).
    fn channel_bind(&mut self, slot: u32, asker: &Asker, message: &Message<'_>, now: Time) -> Result<(), Refusal> {
        let number = match message.get(attribute::CHANNEL_NUMBER) {
            Some([high, low, _, _]) => u16::from_be_bytes([*high, *low]),
            _ => return Err(Refusal::BadRequest),
        };
        // RFC 8656 ends at 0x4FFF, RFC 5766 at 0x7FFF; clients of the older one are still about.
        if !(0x4000..=0x7FFF).contains(&number) {
            return Err(Refusal::BadRequest);
        }
        let peer = message.get(attribute::XOR_PEER_ADDRESS).ok_or(Refusal::BadRequest)?;
        let peer = attribute::read_xor_address(peer, message.transaction()).ok_or(Refusal::BadRequest)?;
        self.check_family(slot, peer)?;
        let is_reachable = self.config.peers.allows(peer.ip()) || self.is_ours(peer);
        if !is_reachable || self.is_listener(peer) || peer.port() == 0 {
            return Err(Refusal::Forbidden);
        }
        self.remove_channels(slot, |channel| channel.until <= now);
        let by_number = self.channel_by_number(slot, number);
        let by_peer = self.channel_by_peer(slot, peer);
        if by_number != by_peer {
            return Err(Refusal::BadRequest);
        }
        if by_number.is_none() && self.allocations[slot as usize].channel_count >= self.config.limits.channels {
            return Err(Refusal::NoCapacity);
        }
        self.permit(slot, &[peer], now)?;
        match by_number {
            Some(channel) => self.channels[channel as usize].until = now + CHANNEL_LIFETIME,
            None => self.add_channel(slot, number, peer, now + CHANNEL_LIFETIME),
        }
        self.stats.channel_binds += 1;
        self.succeed_when_open(slot, &[peer], asker, now);
        Ok(())
    }

    fn check_family(&self, slot: u32, peer: SocketAddr) -> Result<(), Refusal> {
        let has = self.allocations[slot as usize].ports[Family::of(peer.ip()) as usize] != 0;
        if has { Ok(()) } else { Err(Refusal::FamilyMismatch) }
    }

    /// Installs or refreshes permissions, or none of them when there would be too many.
    fn permit(&mut self, slot: u32, peers: &[SocketAddr], now: Time) -> Result<(), Refusal> {
        let until = now + PERMISSION_LIFETIME;
        let permissions = &mut self.allocations[slot as usize].permissions;
        permissions.retain(|permission| permission.until > now);
        let before = permissions.len();
        for peer in peers {
            let ip = peer.ip();
            if permissions.iter().any(|permission| permission.ip == ip) {
                continue;
            }
            if permissions.len() >= self.config.limits.permissions {
                permissions.truncate(before);
                return Err(Refusal::NoCapacity);
            }
            let is_whole = self.config.peers.allows(ip);
            permissions.push(Permission { ip, until, is_whole });
        }
        for permission in permissions.iter_mut().filter(|p| peers.iter().any(|peer| peer.ip() == p.ip)) {
            permission.until = until;
        }
        Ok(())
    }

    /// Answers success, after the sockets of the peers' families are open.
    fn succeed_when_open(&mut self, slot: u32, peers: &[SocketAddr], asker: &Asker, now: Time) {
        let mut waits = false;
        for family in [Family::V4, Family::V6] {
            let is_open = self.allocations[slot as usize].open[family as usize];
            if !is_open && peers.iter().any(|peer| Family::of(peer.ip()) == family) {
                self.ask_to_open(slot, family, asker);
                waits = true;
            }
        }
        if !waits {
            self.succeed(slot, asker, now);
        }
    }

    fn ask_to_open(&mut self, slot: u32, family: Family, asker: &Asker) {
        let relay = RelayId::new(slot, family);
        let is_asked = self.pending.iter().any(|pending| pending.relay == relay);
        self.pending.push(Pending { relay, asker: asker.clone(), tries: 0 });
        if !is_asked {
            self.push_open(relay, asker.method);
        }
    }

    /// Asks for a socket; for an Allocate perhaps only whether it could be had.
    fn push_open(&mut self, relay: RelayId, method: Method) {
        let is_probe = method == Method::ALLOCATE && self.config.open == OpenWhen::Permitted;
        self.outputs.push_back(if is_probe { Output::Probe { relay } } else { Output::Open { relay } });
    }

    /// Takes the outcome of [`Output::Open`] or [`Output::Probe`]: whether the socket is open, or could be. Whoever waits for it is answered.
    ///
    /// A port that would not open is left alone for a minute; an Allocate gets another one, a permission 508.
    pub fn opened(&mut self, relay: RelayId, is_open: bool, now: Time) {
        let (slot, family) = (relay.slot(), relay.family());
        let mut waiting = Vec::new();
        self.pending.retain_mut(|pending| {
            let is_this = pending.relay == relay;
            if is_this {
                waiting.push((pending.asker.clone(), pending.tries));
            }
            !is_this
        });
        let Some((first, tries)) = waiting.first().cloned() else { return };
        if is_open {
            let is_probe = first.method == Method::ALLOCATE && self.config.open == OpenWhen::Permitted;
            self.allocations[slot as usize].open[family as usize] = !is_probe;
            for (asker, _) in waiting {
                // An Allocate of two families waits for both.
                let waits =
                    self.pending.iter().any(|p| p.relay.slot() == slot && p.asker.transaction == asker.transaction);
                if !waits {
                    self.succeed(slot, &asker, now);
                }
            }
            return;
        }
        let allocation = &self.allocations[slot as usize];
        let (port, user) = (allocation.ports[family as usize], allocation.user.clone());
        if first.method == Method::ALLOCATE {
            self.reserve(family, port, None, now + TAKEN_FOR);
            let next = if tries < OPEN_TRIES { self.pick_port(family, false, false) } else { None };
            if let Some(next) = next {
                self.allocations[slot as usize].ports[family as usize] = next;
                self.set_port(family, next, slot);
                self.pending.push(Pending { relay, asker: first, tries: tries + 1 });
                self.push_open(relay, Method::ALLOCATE);
                return;
            }
            self.allocations[slot as usize].ports[family as usize] = 0;
            self.close(slot, now);
        } else {
            self.forget_peers(slot, family);
        }
        for (asker, _) in waiting {
            self.note_refusal(user.clone(), asker.client.transport, Reason::Capacity, now);
            self.refuse(&asker, Refusal::NoCapacity);
        }
    }

    /// Answers success, with what the method promises.
    fn succeed(&mut self, slot: u32, asker: &Asker, now: Time) {
        let mut answer = Writer::new(Class::Success, asker.method, asker.transaction);
        if asker.method == Method::ALLOCATE {
            let allocation = &self.allocations[slot as usize];
            for family in [Family::V4, Family::V6] {
                let port = allocation.ports[family as usize];
                if let Some(relay) = self.config.relay(family).filter(|_| port != 0) {
                    let relayed = SocketAddr::new(relay.advertised, port);
                    answer = answer.xor_address(attribute::XOR_RELAYED_ADDRESS, relayed);
                }
            }
            let lifetime = allocation.expires.since(now).as_secs() as u32;
            answer = answer
                .xor_address(attribute::XOR_MAPPED_ADDRESS, asker.client.addr)
                .number(attribute::LIFETIME, lifetime);
            if let Some(token) = allocation.token {
                answer = answer.attribute(attribute::RESERVATION_TOKEN, &token);
            }
            if let Some(code) = allocation.missing_v6 {
                let value = [attribute::IPV6, 0, (code / 100) as u8, (code % 100) as u8];
                answer = answer.attribute(attribute::ADDRESS_ERROR_CODE, &value);
            }
        }
        self.send(asker, answer);
    }

    fn refuse(&mut self, asker: &Asker, refusal: Refusal) {
        let alternate = self.alternate(asker.client).filter(|_| refusal == Refusal::Draining);
        let stats = &mut self.stats;
        let (code, reason, counter) = match refusal {
            Refusal::BadRequest => (400, "Bad Request", &mut stats.refused_bad_request),
            Refusal::Forbidden => (403, "Forbidden", &mut stats.refused_peer),
            Refusal::Mismatch => (437, "Allocation Mismatch", &mut stats.refused_mismatch),
            Refusal::FamilyNotSupported => (440, "Address Family not Supported", &mut stats.refused_family),
            Refusal::WrongCredentials => (441, "Wrong Credentials", &mut stats.refused_wrong_user),
            Refusal::TransportNotSupported => (442, "Unsupported Transport Protocol", &mut stats.refused_transport),
            Refusal::FamilyMismatch => (443, "Peer Address Family Mismatch", &mut stats.refused_family),
            Refusal::Quota(reason) => (486, "Allocation Quota Reached", stats.of(reason)),
            Refusal::NoCapacity => (508, "Insufficient Capacity", &mut stats.refused_capacity),
            Refusal::Draining => match alternate {
                Some(_) => (300, "Try Alternate", &mut stats.refused_draining),
                None => (508, "Insufficient Capacity", &mut stats.refused_draining),
            },
        };
        *counter += 1;
        let mut answer = Writer::new(Class::Error, asker.method, asker.transaction).error_code(code, reason);
        if let Some(alternate) = alternate {
            answer = answer.plain_address(attribute::ALTERNATE_SERVER, alternate);
        }
        self.send(asker, answer);
    }

    /// What LIFETIME asks for, at most ours; the default when there is none.
    fn lifetime(&self, message: &Message<'_>) -> Result<Duration, Refusal> {
        match message.get(attribute::LIFETIME) {
            None => Ok(DEFAULT_LIFETIME),
            Some([a, b, c, d]) => {
                let wanted = Duration::from_secs(u32::from_be_bytes([*a, *b, *c, *d]).into());
                Ok(wanted.min(self.config.limits.lifetime.max(DEFAULT_LIFETIME)))
            }
            Some(_) => Err(Refusal::BadRequest),
        }
    }
}

/// The family an attribute asks for; one that does not exist is not supported (RFC 8656 §7.2 step 6).
fn requested_family(value: &[u8]) -> Result<Family, Refusal> {
    match value {
        [family, _, _, _] => Family::from_byte(*family).ok_or(Refusal::FamilyNotSupported),
        _ => Err(Refusal::BadRequest),
    }
}

/// Attributes below 0x8000 that a TURN server understands.
fn is_known(kind: u16) -> bool {
    use attribute::*;
    matches!(
        kind,
        MAPPED_ADDRESS
            | USERNAME
            | MESSAGE_INTEGRITY
            | ERROR_CODE
            | UNKNOWN_ATTRIBUTES
            | CHANNEL_NUMBER
            | LIFETIME
            | XOR_PEER_ADDRESS
            | DATA
            | REALM
            | NONCE
            | XOR_RELAYED_ADDRESS
            | REQUESTED_ADDRESS_FAMILY
            | EVEN_PORT
            | REQUESTED_TRANSPORT
            | DONT_FRAGMENT
            | MESSAGE_INTEGRITY_SHA256
            | PASSWORD_ALGORITHM
            | USERHASH
            | XOR_MAPPED_ADDRESS
            | RESERVATION_TOKEN
    )
}
