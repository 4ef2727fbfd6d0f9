//! The peer connection.

use core::net::SocketAddr;
use std::collections::VecDeque;
use std::sync::Arc;
use std::time::{Duration, Instant};

use centrale_model::Time;

use super::agent::Agent;
use super::route::Note;
use super::{
    Arrived, CONNECT_WITHIN, Chance, CloseReason, Config, DatagramKind, GONE_AFTER, Host, INTERRUPTED_AFTER, Output,
    Rtp, kind,
};
use crate::data::{Association, ChannelId, DataError, Reliability};
use crate::dtls::Dtls;
use crate::ice::Found;
use crate::rtp::Header;
use crate::sdp::{Fingerprint, FormatName, Negotiated};
use crate::srtp::{Opened, Opener, Refused, Sealer, Side};
use crate::{data, dtls, srtp};

/// One peer connection. See the [module](super).
#[derive(Debug)]
pub struct Peer {
    pub(super) host: Arc<Host>,
    pub(super) chance: Chance,
    pub(super) video: Vec<FormatName>,
    pub(super) negotiated: Negotiated,
    pub(super) agent: Agent,
    pub(super) side: Side,
    /// Hashes of the other side's certificate, one of which must be right.
    pub(super) fingerprints: Vec<Fingerprint>,
    dtls: Option<Box<Dtls>>,
    /// Where the handshake came from, while no path is nominated.
    dtls_from: Option<SocketAddr>,
    srtp: Option<Box<Srtp>>,
    data: Option<Box<Association>>,
    has_control: bool,
    phase: Phase,
    /// When something genuine came last.
    heard: Time,
    is_interrupted: bool,
    /// When to look at `heard` again. It is not moved by each packet, so that packets cost no timer.
    look: Time,
    /// Bounded by what one call can cause: it is drained after each.
    outputs: VecDeque<Output>,
    stats: Stats,
}

/// Keys and streams.
#[derive(Debug)]
struct Srtp {
    sealer: Sealer,
    opener: Opener<Note>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Phase {
    /// Checks or handshake go on.
    Connecting,
    /// Packets can be sealed and opened.
    Connected,
    /// Over.
    Closed,
}

/// Why a peer wants to be called again.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Why {
    /// The path: checks, silence, giving up.
    Ice,
    /// The handshake sends again.
    Dtls,
    /// The association sends again, or acknowledges.
    Sctp,
}

/// What was counted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Stats {
    /// RTP packets that could not be opened: forged, damaged, or of another key.
    pub rtp_refused: u64,
    /// RTP packets that came twice, or too late for the window.
    pub rtp_replayed: u64,
    /// RTCP packets that could not be opened or came twice.
    pub rtcp_refused: u64,
    /// Datagrams of a kind nobody knows, before their time, from strangers, or of more streams than [`crate::srtp::MAX_STREAMS`].
    pub dropped: u64,
}

impl Peer {
    pub(super) fn new(
        config: Config,
        chance: Chance,
        negotiated: Negotiated,
        agent: Agent,
        fingerprints: Vec<Fingerprint>,
        now: Time,
    ) -> Peer {
        let side = match agent {
            Agent::Lite(_) => Side::Server,
            Agent::Client(_) => Side::Client,
        };
        Peer {
            host: config.host,
            chance,
            video: config.video,
            negotiated,
            agent,
            side,
            fingerprints,
            dtls: None,
            dtls_from: None,
            srtp: None,
            data: None,
            has_control: config.has_control,
            phase: Phase::Connecting,
            heard: now,
            is_interrupted: false,
            look: now + CONNECT_WITHIN,
            outputs: VecDeque::new(),
            stats: Stats::default(),
        }
    }

    /// Takes a datagram. RTP and RTCP are decrypted in place; they never make [`Peer::timeout`] earlier.
    ///
    /// - `from`: where it came from; it need not be known.
    pub fn datagram(&mut self, from: SocketAddr, bytes: &mut [u8], now: Time) -> Arrived {
        match (kind(bytes), self.phase) {
            (_, Phase::Closed) => {}
            (DatagramKind::Rtp, _) => return self.rtp(bytes, now),
            (DatagramKind::Rtcp, _) => return self.rtcp(bytes, now),
            (DatagramKind::Stun, _) => self.stun(from, bytes, now),
            (DatagramKind::Dtls, _) => self.handshake(from, bytes, now),
            (DatagramKind::Unknown, _) => self.stats.dropped += 1,
        }
        Arrived::Nothing
    }

    /// Encrypts an RTP packet in place, for [`Peer::path`]. Allocates nothing (but for the first packet of a stream).
    ///
    /// - `buffer`: the packet, with at least [`super::RTP_ROOM`] bytes behind it.
    /// - `length`: of the packet in plain.
    ///
    /// Gives the length to send, or nothing: not connected, no room, or not an RTP packet.
    ///
    /// Sequence numbers of one SSRC begin below 2^15 (or a receiver that misses the first packets counts wraps wrongly, RFC 3711
    /// §3.3.1) and may come in any order within 2^15 of each other. One number twice with other content breaks secrecy: send
    /// retransmissions by RTX, or the same bytes.
    pub fn seal_rtp(&mut self, buffer: &mut [u8], length: usize) -> Option<usize> {
        self.srtp.as_mut()?.sealer.seal_rtp(buffer, length)
    }

    /// Encrypts an RTCP compound packet in place, for [`Peer::path`].
    ///
    /// - `buffer`: the packet, with at least [`super::RTCP_ROOM`] bytes behind it.
    /// - `length`: of the packet in plain.
    ///
    /// Gives the length to send, or nothing: not connected, no room, or not an RTCP packet.
    pub fn seal_rtcp(&mut self, buffer: &mut [u8], length: usize) -> Option<usize> {
        self.srtp.as_mut()?.sealer.seal_rtcp(buffer, length)
    }

    /// Opens a data channel towards the other side; may be called before the association is up, and is then sent when it is.
    ///
    /// - `label`, `protocol`: at most [`crate::data::MAX_LABEL`] bytes.
    ///
    /// # Errors
    /// `NotOpen` when the description has no data channels, `TooLong`, `TooMany`.
    pub fn open_channel(
        &mut self,
        label: &str,
        protocol: &str,
        reliability: Reliability,
        now: Time,
    ) -> Result<ChannelId, DataError> {
        let (instant, mut events) = (self.instant(now), Vec::new());
        let opened = self.association()?.open(label, protocol, reliability, instant, &mut events);
        self.data_events(events, now);
        opened
    }

    /// Queues a message on an open channel. Empty messages are allowed (RFC 8831 §6.6).
    ///
    /// # Errors
    /// `NotOpen`, `TooLong`, or `Full`: then nothing was queued.
    pub fn send(&mut self, channel: ChannelId, is_text: bool, bytes: &[u8], now: Time) -> Result<(), DataError> {
        let (instant, mut events) = (self.instant(now), Vec::new());
        let sent = self.association()?.send(channel, is_text, bytes, instant, &mut events);
        self.data_events(events, now);
        sent
    }

    /// How many bytes wait to be sent on a channel.
    pub fn buffered(&mut self, channel: ChannelId) -> usize {
        self.data.as_mut().map_or(0, |data| data.buffered(channel))
    }

    /// Closes a data channel, both ways (RFC 8831 §6.7); [`Output::ChannelClosed`] follows.
    pub fn close_channel(&mut self, channel: ChannelId, now: Time) {
        let (instant, mut events) = (self.instant(now), Vec::new());
        if let Some(data) = &mut self.data {
            data.close(channel, instant, &mut events);
        }
        self.data_events(events, now);
    }

    /// Says goodbye (DTLS close_notify, which is to be sent once) and is over.
    pub fn close(&mut self, now: Time) {
        let mut events = Vec::new();
        if let Some(dtls) = &mut self.dtls {
            dtls.close(&mut events);
        }
        events.retain(|event| matches!(event, dtls::Event::Transmit(_)));
        self.dtls_events(events, now);
        self.over(CloseReason::Local);
    }

    /// What is to be done next; call until nothing comes.
    pub fn poll(&mut self) -> Option<Output> {
        self.outputs.pop_front()
    }

    /// When to call [`Peer::handle_timeout`], and why.
    pub fn timeout(&self) -> Option<(Time, Why)> {
        if self.phase == Phase::Closed {
            return None;
        }
        let dtls = self.dtls.as_ref().and_then(|dtls| dtls.timeout()).map(|at| (self.time(at), Why::Dtls));
        let sctp = self.data.as_ref().and_then(|data| data.timeout()).map(|at| (self.time(at), Why::Sctp));
        let ice = self.agent.timeout().map_or(self.look, |next| next.min(self.look));
        [Some((ice, Why::Ice)), dtls, sctp].into_iter().flatten().min()
    }

    /// The deadline has come. Calling early or late does no harm.
    pub fn handle_timeout(&mut self, now: Time) {
        if self.phase == Phase::Closed {
            return;
        }
        let mut found = Vec::new();
        if let Agent::Client(client) = &mut self.agent {
            client.handle_timeout(now, &mut found);
        }
        self.found(found, now);
        let instant = self.instant(now);
        let mut events = Vec::new();
        if let Some(dtls) = self.dtls.as_mut().filter(|dtls| dtls.timeout().is_some_and(|at| at <= instant)) {
            dtls.handle_timeout(instant, &mut events);
        }
        self.dtls_events(events, now);
        let mut events = Vec::new();
        if let Some(data) = self.data.as_mut().filter(|data| data.timeout().is_some_and(|at| at <= instant)) {
            data.handle_timeout(instant, &mut events);
        }
        self.data_events(events, now);
        if now >= self.look {
            self.listen(now);
        }
    }

    /// What both sides agreed on.
    pub fn negotiated(&self) -> &Negotiated {
        &self.negotiated
    }

    /// Where media goes to, once there is a nominated path.
    pub fn path(&self) -> Option<SocketAddr> {
        self.agent.selected()
    }

    /// Whether packets can be sealed and opened.
    pub fn is_connected(&self) -> bool {
        self.phase == Phase::Connected
    }

    /// The ufrag of this side's latest description: what checks for this peer begin with, see [`super::stun_username`].
    pub fn ufrag(&self) -> &str {
        self.agent.ufrag()
    }

    /// What was counted so far.
    pub fn stats(&self) -> Stats {
        self.stats
    }

    fn rtp(&mut self, bytes: &mut [u8], now: Time) -> Arrived {
        let Some(srtp) = &mut self.srtp else {
            self.stats.dropped += 1;
            return Arrived::Nothing;
        };
        let Opened { length, note } = match srtp.opener.open_rtp(bytes) {
            Ok(opened) => opened,
            Err(refused) => {
                match refused {
                    Refused::Replayed => self.stats.rtp_replayed += 1,
                    Refused::Forged | Refused::Malformed => self.stats.rtp_refused += 1,
                    Refused::TooMany => self.stats.dropped += 1,
                }
                return Arrived::Nothing;
            }
        };
        let packet = &bytes[..length];
        let Ok((header, layout)) = Header::parse(packet, &self.negotiated.extensions) else {
            self.stats.rtp_refused += 1;
            return Arrived::Nothing;
        };
        let track = note.track(&self.negotiated, &header, packet);
        self.hear(now);
        Arrived::Rtp(Rtp { header, layout, track })
    }

    fn rtcp(&mut self, bytes: &mut [u8], now: Time) -> Arrived {
        let Some(srtp) = &mut self.srtp else {
            self.stats.dropped += 1;
            return Arrived::Nothing;
        };
        match srtp.opener.open_rtcp(bytes) {
            Ok(length) => {
                self.hear(now);
                Arrived::Rtcp { begin: 0, end: length }
            }
            Err(_) => {
                self.stats.rtcp_refused += 1;
                Arrived::Nothing
            }
        }
    }

    fn stun(&mut self, from: SocketAddr, bytes: &[u8], now: Time) {
        let mut found = Vec::new();
        if self.agent.handle(from, bytes, now, &mut found) {
            self.hear(now);
        } else {
            self.stats.dropped += 1;
        }
        self.found(found, now);
    }

    fn found(&mut self, found: Vec<Found>, now: Time) {
        for found in found {
            match found {
                Found::Transmit(to, bytes) => self.outputs.push_back(Output::Transmit { to, bytes }),
                Found::Reachable(address) => self.outputs.push_back(Output::Reachable(address)),
                Found::Forgotten(address) => self.outputs.push_back(Output::Forgotten(address)),
                Found::Selected(address) => {
                    self.outputs.push_back(Output::PathChanged(address));
                    if self.side == Side::Client && self.dtls.is_none() {
                        self.begin_handshake(now);
                    }
                }
            }
        }
    }

    fn begin_handshake(&mut self, now: Time) {
        let instant = self.instant(now);
        let mut dtls = self.dtls_association(instant);
        let mut events = Vec::new();
        dtls.handle_timeout(instant, &mut events);
        self.dtls = Some(dtls);
        self.dtls_events(events, now);
    }

    fn dtls_association(&self, now: Instant) -> Box<Dtls> {
        Box::new(Dtls::new(&self.host.identity, self.side, self.fingerprints.clone(), now))
    }

    fn handshake(&mut self, from: SocketAddr, bytes: &[u8], now: Time) {
        // Only who has answered for its address may make us compute.
        if !self.agent.knows(from) {
            self.stats.dropped += 1;
            return;
        }
        self.dtls_from = Some(from);
        let instant = self.instant(now);
        let mut dtls = match self.dtls.take() {
            Some(dtls) => dtls,
            None => self.dtls_association(instant),
        };
        let mut events = Vec::new();
        dtls.handle(bytes, instant, &mut events);
        self.dtls = Some(dtls);
        self.dtls_events(events, now);
    }

    fn dtls_events(&mut self, events: Vec<dtls::Event>, now: Time) {
        for event in events {
            match event {
                dtls::Event::Transmit(bytes) => {
                    if let Some(to) = self.agent.selected().or(self.dtls_from) {
                        self.outputs.push_back(Output::Transmit { to, bytes });
                    }
                }
                dtls::Event::Keys(profile, material) => {
                    let keys = srtp::from_exported(profile, &material, self.side);
                    self.srtp = keys.map(|(sealer, opener)| Box::new(Srtp { sealer, opener: opener.remembering() }));
                }
                dtls::Event::Connected => self.connected(now),
                dtls::Event::Data(packet) => {
                    self.hear(now);
                    self.sctp(packet, now);
                }
                dtls::Event::Closed => self.over(CloseReason::ByPeer),
                dtls::Event::Failed => self.over(CloseReason::Handshake),
            }
        }
    }

    fn connected(&mut self, now: Time) {
        if self.phase != Phase::Connecting {
            return;
        }
        self.phase = Phase::Connected;
        self.heard = now;
        self.look = now + INTERRUPTED_AFTER;
        self.outputs.push_back(Output::Connected);
        // The answering side leaves it to the other to begin, and has no association until then.
        let Some(port) = self.negotiated.sctp_port.filter(|_| self.side == Side::Client) else { return };
        let (instant, mut events) = (self.instant(now), Vec::new());
        if let Ok(association) = self.association() {
            association.connect(port, instant, &mut events);
        }
        self.data_events(events, now);
    }

    fn sctp(&mut self, packet: Vec<u8>, now: Time) {
        let (instant, mut events) = (self.instant(now), Vec::new());
        if let Ok(association) = self.association() {
            association.handle(packet, instant, &mut events);
        }
        self.data_events(events, now);
    }

    /// The association, made when it is first needed.
    fn association(&mut self) -> Result<&mut Association, DataError> {
        let port = self.negotiated.sctp_port.filter(|_| self.phase != Phase::Closed).ok_or(DataError::NotOpen)?;
        let make = || Box::new(Association::new(self.side, port, self.negotiated.max_message_size, self.has_control));
        Ok(self.data.get_or_insert_with(make))
    }

    fn data_events(&mut self, events: Vec<data::Event>, now: Time) {
        for event in events {
            let output = match event {
                data::Event::Transmit(packet) => {
                    let mut events = Vec::new();
                    if let Some(dtls) = &mut self.dtls {
                        dtls.send(&packet, &mut events);
                    }
                    self.dtls_events(events, now);
                    continue;
                }
                data::Event::Opened(opened) => Output::ChannelOpened(opened),
                data::Event::Message(channel, message) => Output::ChannelMessage { channel, message },
                data::Event::Drained(channel) => Output::ChannelDrained(channel),
                data::Event::Closed(channel) => Output::ChannelClosed(channel),
            };
            self.outputs.push_back(output);
        }
    }

    /// Something genuine came.
    pub(super) fn hear(&mut self, now: Time) {
        self.heard = now;
        if self.is_interrupted {
            self.is_interrupted = false;
            self.look = now + INTERRUPTED_AFTER;
            self.outputs.push_back(Output::Resumed);
        }
    }

    /// Looks how long it has been quiet.
    fn listen(&mut self, now: Time) {
        let silence = now - self.heard;
        match self.phase {
            Phase::Closed => {}
            Phase::Connecting => self.over(CloseReason::NeverConnected),
            Phase::Connected if silence >= GONE_AFTER => self.over(CloseReason::ConsentExpired),
            Phase::Connected if silence >= INTERRUPTED_AFTER => {
                self.look = self.heard + GONE_AFTER;
                if !self.is_interrupted {
                    self.is_interrupted = true;
                    self.outputs.push_back(Output::Interrupted);
                }
            }
            Phase::Connected => self.look = self.heard + INTERRUPTED_AFTER,
        }
    }

    fn over(&mut self, because: CloseReason) {
        if self.phase != Phase::Closed {
            self.phase = Phase::Closed;
            self.srtp = None;
            self.data = None;
            self.outputs.push_back(Output::Closed(because));
        }
    }

    fn instant(&self, now: Time) -> Instant {
        self.host.epoch + Duration::from_nanos(now.as_nanos())
    }

    fn time(&self, instant: Instant) -> Time {
        Time::ZERO + instant.saturating_duration_since(self.host.epoch)
    }
}
