//! The SCTP association and its channels. The library is `sctp-proto`; no other file names it.
//!
//! An answering side makes the association when the first packet comes, so that peers without data cost nothing.

use core::net::{Ipv4Addr, SocketAddr};
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Instant;

use bytes::Bytes;
use sctp_proto::{
    AssociationHandle, ClientConfig, DatagramEvent, Endpoint, EndpointConfig, Payload, PayloadProtocolIdentifier,
    ReliabilityType, ServerConfig, StreamEvent, TransportConfig,
};

use super::open::{ACK, Control, Open};
use super::{
    CONTROL, ChannelId, DataError, LOW_WATER, Limit, MAX_BUFFERED, MAX_CHANNELS, MAX_LABEL, MAX_MESSAGE, Message,
    Opened, OpenedBy, Reliability,
};
use crate::srtp::Side;

/// How much may wait for missing parts, of all channels together, in bytes. More: longer messages in parallel. Less: a peer can
/// make us keep less. An association that fills it with incomplete messages is aborted.
const RECEIVE_BUFFER: u32 = 256 * 1024;

/// How much may wait to be sent, of all channels together, in bytes.
const SEND_BUFFER: usize = 4 * MAX_BUFFERED;

/// The largest SCTP packet, in bytes: with DTLS around it it fits into [`crate::dtls::MTU`].
const PACKET: u32 = 1120;

/// First, shortest and longest wait before data is sent again, in milliseconds. RFC 9260 §16 asks for 1 s at least; media paths
/// are short, and browsers wait as little.
const RTO: (u64, u64, u64) = (500, 200, 10_000);

/// The library wants addresses, of which there is only one: the other end of the DTLS association.
const PEER: SocketAddr = SocketAddr::new(core::net::IpAddr::V4(Ipv4Addr::LOCALHOST), 5000);

/// What the association gave.
#[derive(Debug)]
pub(crate) enum Event {
    /// Send this packet through DTLS.
    Transmit(Vec<u8>),
    Opened(Opened),
    Message(ChannelId, Message),
    Drained(ChannelId),
    Closed(ChannelId),
}

/// The association with one peer, and its channels.
pub(crate) struct Association {
    endpoint: Endpoint,
    inner: Option<(AssociationHandle, sctp_proto::Association)>,
    is_up: bool,
    has_control: bool,
    side: Side,
    max_message: usize,
    channels: BTreeMap<u16, Channel>,
    /// Channels of which more than [`LOW_WATER`] waits.
    high: Vec<u16>,
    /// At least as much as waits to be sent on all channels, in bytes; counted anew when it grows large.
    queued: usize,
    /// Asked for before the association was up, in their order.
    waiting: Vec<(ChannelId, Open)>,
}

/// A channel that is open or about to be.
#[derive(Debug)]
struct Channel {
    /// The other side confirmed, or opened it itself, or nobody opens it.
    is_open: bool,
    /// What was asked for, until it is confirmed.
    asked: Option<Open>,
}

impl core::fmt::Debug for Association {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_struct("Association")
            .field("is_up", &self.is_up)
            .field("channels", &self.channels)
            .finish_non_exhaustive()
    }
}

impl Association {
    /// - `side`: of the DTLS handshake; the client opens channels with even numbers (RFC 8832 §6).
    /// - `port`: of both ends.
    /// - `max_message`: what the other side takes, in bytes; 0: any.
    /// - `has_control`: [`CONTROL`] is there without being opened.
    pub(crate) fn new(side: Side, port: u16, max_message: u32, has_control: bool) -> Association {
        let mut server = ServerConfig::new();
        server.transport = Arc::new(transport(port));
        let mut config = EndpointConfig::new();
        config.max_payload_size(PACKET);
        let max_message = if max_message == 0 { MAX_MESSAGE } else { MAX_MESSAGE.min(max_message as usize) };
        Association {
            endpoint: Endpoint::new(Arc::new(config), Some(Arc::new(server))),
            inner: None,
            is_up: false,
            has_control,
            side,
            max_message,
            channels: BTreeMap::new(),
            high: Vec::new(),
            queued: 0,
            waiting: Vec::new(),
        }
    }

    /// Begins the association, which the answering side leaves to the other.
    pub(crate) fn connect(&mut self, port: u16, now: Instant, sink: &mut Vec<Event>) {
        let mut config = ClientConfig::new();
        config.transport = Arc::new(transport(port));
        self.inner = self.endpoint.connect(config, PEER).ok();
        self.drain(now, sink);
    }

    /// Takes a packet from DTLS.
    pub(crate) fn handle(&mut self, packet: Vec<u8>, now: Instant, sink: &mut Vec<Event>) {
        match self.endpoint.handle(now, PEER, None, None, Bytes::from(packet)) {
            Some((_, DatagramEvent::AssociationEvent(event))) => {
                if let Some((_, inner)) = &mut self.inner {
                    inner.handle_event(event);
                }
            }
            Some((handle, DatagramEvent::NewAssociation(inner))) => {
                // One for each peer connection: a side that begins anew describes a new one.
                self.endpoint.reject_new_associations();
                self.inner = Some((handle, inner));
            }
            None => {}
        }
        self.drain(now, sink);
    }

    pub(crate) fn timeout(&self) -> Option<Instant> {
        self.inner.as_ref().and_then(|(_, inner)| inner.poll_timeout())
    }

    pub(crate) fn handle_timeout(&mut self, now: Instant, sink: &mut Vec<Event>) {
        if let Some((_, inner)) = &mut self.inner {
            inner.handle_timeout(now);
            self.drain(now, sink);
        }
    }

    /// See [`crate::peer::Peer::open_channel`].
    pub(crate) fn open(
        &mut self,
        label: &str,
        protocol: &str,
        reliability: Reliability,
        now: Instant,
        sink: &mut Vec<Event>,
    ) -> Result<ChannelId, DataError> {
        if label.len() > MAX_LABEL || protocol.len() > MAX_LABEL {
            return Err(DataError::TooLong);
        }
        let open = Open { reliability, label: label.to_owned(), protocol: protocol.to_owned() };
        let channel = self.free_channel().ok_or(DataError::TooMany)?;
        self.channels.insert(channel.0, Channel { is_open: false, asked: Some(open.clone()) });
        if self.is_up {
            self.ask(channel, &open);
        } else {
            self.waiting.push((channel, open));
        }
        self.drain(now, sink);
        Ok(channel)
    }

    /// See [`crate::peer::Peer::send`].
    pub(crate) fn send(
        &mut self,
        channel: ChannelId,
        is_text: bool,
        bytes: &[u8],
        now: Instant,
        sink: &mut Vec<Event>,
    ) -> Result<(), DataError> {
        if bytes.len() > self.max_message {
            return Err(DataError::TooLong);
        }
        self.channels.get(&channel.0).filter(|state| state.is_open).ok_or(DataError::NotOpen)?;
        if self.queued > SEND_BUFFER / 2 {
            self.queued = self.channels.keys().map(|id| buffered(&mut self.inner, *id)).sum();
        }
        let (_, inner) = self.inner.as_mut().ok_or(DataError::NotOpen)?;
        let mut stream = inner.stream(channel.0).map_err(|_| DataError::NotOpen)?;
        let buffered = stream.buffered_amount().unwrap_or(0);
        if buffered + bytes.len() > MAX_BUFFERED || self.queued + bytes.len() > SEND_BUFFER {
            return Err(DataError::Full);
        }
        // SCTP has no empty messages: a byte of a type that says so stands for them (RFC 8831 §6.6).
        let (identifier, bytes) = match (is_text, bytes.is_empty()) {
            (true, false) => (PayloadProtocolIdentifier::String, bytes),
            (false, false) => (PayloadProtocolIdentifier::Binary, bytes),
            (true, true) => (PayloadProtocolIdentifier::StringEmpty, &[0][..]),
            (false, true) => (PayloadProtocolIdentifier::BinaryEmpty, &[0][..]),
        };
        stream.write_with_ppi(bytes, identifier).map_err(|_| DataError::NotOpen)?;
        self.queued += bytes.len();
        if buffered + bytes.len() > LOW_WATER && !self.high.contains(&channel.0) {
            self.high.push(channel.0);
        }
        self.drain(now, sink);
        Ok(())
    }

    /// How many bytes of a channel wait.
    pub(crate) fn buffered(&mut self, channel: ChannelId) -> usize {
        buffered(&mut self.inner, channel.0)
    }

    /// Closes a channel: resets its stream (RFC 8831 §6.7).
    pub(crate) fn close(&mut self, channel: ChannelId, now: Instant, sink: &mut Vec<Event>) {
        if self.channels.remove(&channel.0).is_none() {
            return;
        }
        self.waiting.retain(|(waiting, _)| *waiting != channel);
        if let Some((_, inner)) = &mut self.inner
            && let Ok(mut stream) = inner.stream(channel.0)
        {
            // A stream that cannot be reset (any more) ends with its association.
            let _ = stream.close();
        }
        sink.push(Event::Closed(channel));
        self.drain(now, sink);
    }

    /// Does what the library asks for until it is quiet.
    fn drain(&mut self, now: Instant, sink: &mut Vec<Event>) {
        while let Some((_, inner)) = &mut self.inner {
            if let Some(event) = inner.poll() {
                self.library_event(event, sink);
            } else if let Some(transmit) = inner.poll_transmit(now) {
                if let Payload::RawEncode(packets) = transmit.payload {
                    sink.extend(packets.into_iter().map(|packet| Event::Transmit(packet.into())));
                }
            } else {
                break;
            }
        }
        if let Some((handle, inner)) = &mut self.inner {
            while let Some(event) = inner.poll_endpoint_event() {
                self.endpoint.handle_event(*handle, event);
            }
        }
        self.tell_drained(sink);
    }

    fn library_event(&mut self, event: sctp_proto::Event, sink: &mut Vec<Event>) {
        match event {
            sctp_proto::Event::Connected => self.up(sink),
            sctp_proto::Event::HandshakeFailed { .. } | sctp_proto::Event::AssociationLost { .. } => {
                self.is_up = false;
                self.forget_channels(sink);
            }
            sctp_proto::Event::Stream(StreamEvent::Opened { id } | StreamEvent::Readable { id }) => self.read(id, sink),
            // The other side closed: our half follows, which frees the number (RFC 8831 §6.7).
            sctp_proto::Event::Stream(StreamEvent::Finished { id }) => {
                sink.extend(self.channels.remove(&id).map(|_| Event::Closed(ChannelId(id))));
            }
            _ => {}
        }
    }

    fn up(&mut self, sink: &mut Vec<Event>) {
        self.is_up = true;
        if self.has_control && self.ensure_stream(CONTROL.0) {
            self.channels.insert(CONTROL.0, Channel { is_open: true, asked: None });
            sink.push(Event::Opened(Opened {
                channel: CONTROL,
                label: String::new(),
                protocol: String::new(),
                reliability: Reliability::DURABLE,
                by: OpenedBy::Agreement,
            }));
        }
        for (channel, open) in core::mem::take(&mut self.waiting) {
            self.ask(channel, &open);
        }
    }

    /// Reads everything that has come on a stream.
    fn read(&mut self, id: u16, sink: &mut Vec<Event>) {
        loop {
            let Some((_, inner)) = &mut self.inner else { return };
            let Ok(mut stream) = inner.stream(id) else { return };
            let Ok(Some(chunks)) = stream.read_sctp() else { return };
            let mut bytes = vec![0; chunks.len()];
            let identifier = chunks.ppi;
            if chunks.read(&mut bytes).is_err() {
                continue;
            }
            let (is_text, is_empty) = match identifier {
                PayloadProtocolIdentifier::Dcep => {
                    self.control(id, &bytes, sink);
                    continue;
                }
                PayloadProtocolIdentifier::String => (true, false),
                PayloadProtocolIdentifier::Binary => (false, false),
                PayloadProtocolIdentifier::StringEmpty => (true, true),
                PayloadProtocolIdentifier::BinaryEmpty => (false, true),
                PayloadProtocolIdentifier::Unknown => continue,
            };
            // Data before the confirmation confirms too (RFC 8832 §6); data of a channel that nobody opened has no meaning.
            self.confirm(id, sink);
            if self.channels.contains_key(&id) {
                let bytes = if is_empty { Vec::new() } else { bytes };
                sink.push(Event::Message(ChannelId(id), Message { is_text, bytes }));
            }
        }
    }

    fn control(&mut self, id: u16, bytes: &[u8], sink: &mut Vec<Event>) {
        match Control::parse(bytes) {
            Some(Control::Acknowledged) => self.confirm(id, sink),
            Some(Control::Open(open)) => {
                // One that is there already is not opened again, but for the number that both know: a client that does not know
                // our control channel may take it for its own.
                let is_ours = id == CONTROL.0 && self.has_control;
                if (self.channels.contains_key(&id) && !is_ours) || self.channels.len() >= MAX_CHANNELS {
                    return;
                }
                self.channels.insert(id, Channel { is_open: true, asked: None });
                self.write_control(id, &ACK);
                self.set_reliability(id, open.reliability);
                let Open { reliability, label, protocol } = open;
                sink.push(Event::Opened(Opened {
                    channel: ChannelId(id),
                    label,
                    protocol,
                    reliability,
                    by: OpenedBy::Them,
                }));
            }
            None => {}
        }
    }

    /// The other side knows a channel that this side asked for.
    fn confirm(&mut self, id: u16, sink: &mut Vec<Event>) {
        let Some(channel) = self.channels.get_mut(&id) else { return };
        let Some(Open { reliability, label, protocol }) = channel.asked.take() else { return };
        channel.is_open = true;
        self.set_reliability(id, reliability);
        sink.push(Event::Opened(Opened { channel: ChannelId(id), label, protocol, reliability, by: OpenedBy::Us }));
    }

    /// Sends the message that opens a channel; in order and surely, whatever the channel will be (RFC 8832 §6).
    fn ask(&mut self, channel: ChannelId, open: &Open) {
        if self.ensure_stream(channel.0) {
            self.write_control(channel.0, &open.write());
        }
    }

    fn ensure_stream(&mut self, id: u16) -> bool {
        let Some((_, inner)) = &mut self.inner else { return false };
        inner.stream(id).is_ok() || inner.open_stream(id, PayloadProtocolIdentifier::Binary).is_ok()
    }

    fn write_control(&mut self, id: u16, bytes: &[u8]) {
        if let Some((_, inner)) = &mut self.inner
            && let Ok(mut stream) = inner.stream(id)
        {
            let _ = stream.write_with_ppi(bytes, PayloadProtocolIdentifier::Dcep);
        }
    }

    fn set_reliability(&mut self, id: u16, reliability: Reliability) {
        let (kind, value) = match reliability.limit {
            Limit::Never => (ReliabilityType::Reliable, 0),
            Limit::Retransmits(count) => (ReliabilityType::Rexmit, count),
            Limit::Lifetime(millis) => (ReliabilityType::Timed, millis),
        };
        if let Some((_, inner)) = &mut self.inner
            && let Ok(mut stream) = inner.stream(id)
        {
            let _ = stream.set_reliability_params(!reliability.is_ordered, kind, value);
        }
    }

    /// The lowest number of this side that neither a channel nor a stream being reset has.
    fn free_channel(&mut self) -> Option<ChannelId> {
        if self.channels.len() >= MAX_CHANNELS {
            return None;
        }
        let first = match self.side {
            Side::Client => 2,
            Side::Server => 1,
        };
        (first..u16::MAX).step_by(2).find(|id| !self.channels.contains_key(id) && !self.has_stream(*id)).map(ChannelId)
    }

    fn has_stream(&mut self, id: u16) -> bool {
        self.inner.as_mut().is_some_and(|(_, inner)| inner.stream(id).is_ok())
    }

    fn forget_channels(&mut self, sink: &mut Vec<Event>) {
        self.waiting.clear();
        sink.extend(core::mem::take(&mut self.channels).into_keys().map(|id| Event::Closed(ChannelId(id))));
    }

    fn tell_drained(&mut self, sink: &mut Vec<Event>) {
        let (inner, channels) = (&mut self.inner, &self.channels);
        self.high.retain(|id| {
            let is_high = buffered(inner, *id) > LOW_WATER;
            if !is_high && channels.contains_key(id) {
                sink.push(Event::Drained(ChannelId(*id)));
            }
            is_high
        });
    }
}

/// How much of a stream waits, in bytes; nothing waits on one that is not there.
fn buffered(inner: &mut Option<(AssociationHandle, sctp_proto::Association)>, id: u16) -> usize {
    let stream = inner.as_mut().and_then(|(_, inner)| inner.stream(id).ok());
    stream.and_then(|stream| stream.buffered_amount().ok()).unwrap_or(0)
}

fn transport(port: u16) -> TransportConfig {
    TransportConfig::default()
        .with_local_port(port)
        .with_remote_port(port)
        .with_max_receive_buffer_size(RECEIVE_BUFFER)
        .with_max_send_message_size(MAX_MESSAGE as u32)
        .with_max_receive_message_size(MAX_MESSAGE as u32)
        // ICE says when the other side is gone; until then both go on.
        .with_max_init_retransmits(None)
        .with_max_data_retransmits(None)
        .with_rto_initial_ms(RTO.0)
        .with_rto_min_ms(RTO.1)
        .with_rto_max_ms(RTO.2)
}
