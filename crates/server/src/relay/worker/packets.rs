//! The packet path: what arrives is handed to the machine, and its verdict is followed where the bytes are.

use std::net::SocketAddr;
use std::ops::Range;

use centrale_model::Time;
use centrale_relay::{ClientAddr, PeerAddr, RelayId, Transport, Verdict};

use super::super::outgoing::{Destination, Parcel, Via};
use super::super::ready::Source;
use super::super::udp::Received;
use super::{HEADROOM, SLOT, TURN, Worker, unfragmented};

/// Datagrams that one listener gives before others have their turn. Higher: fewer turns; lower: fairer.
const MOST: usize = 64;

/// Where received bytes begin: in front is room for the longest head, behind for its padding.
const BODY: Range<usize> = HEADROOM..SLOT - 4;

impl Worker {
    pub(super) fn receive_from_clients(&mut self, at: u32, now: Time) {
        let turn = self.datagrams.listeners[at as usize].turn;
        let mut got = 0;
        while got < turn {
            let arriving = &mut self.datagrams.listeners[at as usize].arriving;
            let Some(received) = arriving.receive(&mut self.buffer[BODY]) else { break };
            got += 1;
            let door = self.datagrams.door(at, received.to);
            let client = ClientAddr { addr: received.from, transport: Transport::Udp, door };
            let is_run = received.length > received.stride;
            for range in segments(&received) {
                let verdict = self.server.datagram(client, &self.buffer[range.clone()], now);
                self.follow(verdict, range.start, is_run);
                if self.server.has_output() {
                    self.drain_outputs(now);
                }
            }
            if is_run {
                self.outgoing.flush(&self.buffer, &self.datagrams);
            }
        }
        self.ready.note(got);
        self.datagrams.listeners[at as usize].learn(got, MOST);
    }

    /// - `is_paired`: from the second socket of the relayed address.
    pub(super) fn receive_from_peers(&mut self, at: u32, is_paired: bool, now: Time) {
        for _ in 0..self.peers_turn {
            let Some(relayed) = self.datagrams.relayed(at) else { return };
            let arriving = match (&mut relayed.paired, is_paired) {
                (Some(paired), true) => &mut paired.arriving,
                (None, true) => return,
                (_, false) => &mut relayed.all,
            };
            let Some(received) = arriving.receive(&mut self.buffer[BODY]) else { return };
            self.ready.note(1);
            let is_run = received.length > received.stride;
            for range in segments(&received) {
                let bytes = &self.buffer[range.clone()];
                let verdict = self.server.from_peer(RelayId(at), PeerAddr(received.from), bytes, now);
                self.follow(verdict, range.start, is_run);
            }
            if is_run {
                self.outgoing.flush(&self.buffer, &self.datagrams);
            }
        }
    }

    /// Does what a verdict says about a datagram that begins at `start` of the buffer.
    #[inline]
    fn follow(&mut self, verdict: Verdict, start: usize, is_run: bool) {
        match verdict {
            Verdict::Nothing => {}
            Verdict::ToPeer { relay, to, payload, dont_fragment } => {
                if dont_fragment && payload.len() > unfragmented(to.0) {
                    self.outgoing.failed += 1;
                    return;
                }
                if self.datagrams.note(relay.0, to.0) {
                    self.pair(relay.0, to.0);
                }
                let to = Destination { via: Via::Relayed(relay.0), to: to.0, source: None };
                let payload = start + payload.start..start + payload.end;
                if is_run {
                    let parcel = Parcel { head: &[], padding: 0, payload };
                    self.outgoing.push(to, &parcel, &self.buffer, &self.datagrams);
                } else {
                    self.outgoing.send(&to, &self.buffer[payload], &self.datagrams);
                }
            }
            Verdict::ToClient { client, head, payload } => {
                let payload = start + payload.start..start + payload.end;
                if client.transport.is_stream() {
                    let bytes = &self.buffer[payload];
                    self.streams.send(client, &head, bytes, &mut self.stats);
                    return;
                }
                let to = self.datagrams.to_client(client);
                let parcel = Parcel { head: head.as_bytes(), padding: head.padding(), payload };
                if is_run {
                    self.outgoing.push(to, &parcel, &self.buffer, &self.datagrams);
                } else {
                    self.outgoing.send_parcel(&to, &parcel, &mut self.buffer, &self.datagrams);
                }
            }
        }
    }

    fn pair(&mut self, at: u32, peer: SocketAddr) {
        let watched = self.datagrams.pair(at, peer).and_then(|socket| self.ready.watch(socket, Source::Paired(at)));
        if let Err(error) = watched {
            // The first socket goes on alone.
            tracing::debug!(%error, "a second socket could not be opened");
        }
    }

    /// Sets how much to take from one relayed address at a time: when only one or two are busy, asking again at once pays.
    pub(super) fn set_turns(&mut self, ready: usize) {
        self.peers_turn = if ready <= 2 && self.ready.is_pressed() { TURN } else { 1 };
    }
}

/// The datagrams of one receive, as ranges of the buffer.
#[inline]
fn segments(received: &Received) -> impl Iterator<Item = Range<usize>> + use<> {
    let (end, stride) = (HEADROOM + received.length, received.stride.max(1));
    // An empty datagram is a datagram as well.
    let count = if received.length <= stride { 1 } else { received.length.div_ceil(stride) };
    (0..count).map(move |at| HEADROOM + at * stride..(HEADROOM + (at + 1) * stride).min(end))
}
