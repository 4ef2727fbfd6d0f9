//! A client: sends voices and pictures that say who made them, repeats what is missed, asks for what it misses, feeds back arrivals.

use core::net::SocketAddr;
use core::time::Duration;
use std::collections::{BTreeMap, BTreeSet, VecDeque};

use centrale_model::Time;

use super::world::Link;
use crate::data::{CONTROL, ChannelId, Message, Opened};
use crate::peer::{Arrived, Output, Peer, RTCP_ROOM, RTP_ROOM, Track};
use crate::receive::Arrivals;
use crate::rtcp::{Packet, Report, SenderInfo, packets, write};
use crate::rtp::{AudioLevel, Extensions, Header, MAX_HEADER, Span};
use crate::sdp::{Kind, LineIndex};

/// What is sent on one stream.
#[derive(Debug)]
pub(super) struct Sending {
    pub(super) line: LineIndex,
    kind: Kind,
    rid: Option<String>,
    pub(super) ssrc: u32,
    rtx_ssrc: u32,
    payload_type: u8,
    rtx_payload_type: Option<u8>,
    sequence: u16,
    rtx_sequence: u16,
    timestamp: u32,
    picture: u16,
    tl0: u8,
    counter: u32,
    pub(super) height: u16,
    /// Packets of a frame, and bytes of each.
    pub(super) packets: usize,
    pub(super) bytes: usize,
    wants_key: bool,
    pub(super) keys: usize,
    pub(super) plis: usize,
    pub(super) nacked: usize,
    sent: BTreeMap<u16, Vec<u8>>,
    total: u32,
    next: Time,
}

/// What came on one stream.
#[derive(Debug, Default)]
pub(super) struct Got {
    pub(super) line: u8,
    /// Extended numbers that came, with timestamp.
    pub(super) numbers: BTreeMap<u64, u32>,
    highest: u64,
    pub(super) by_sender: BTreeMap<u8, usize>,
    /// Layers (heights) in the order in which they came: (time, height).
    pub(super) heights: Vec<(Time, u16)>,
    pub(super) pictures: BTreeSet<u16>,
    pub(super) repaired: usize,
    /// How many came twice otherwise than as a repetition.
    pub(super) copies: usize,
    originals: BTreeSet<u64>,
    asked: BTreeMap<u64, Time>,
    pub(super) reports: Vec<SenderInfo>,
    pub(super) last_at: Time,
    pub(super) markers: usize,
}

impl Got {
    /// Share of numbers between first and last that came, but for the last `behind`.
    pub(super) fn completeness(&self, behind: u64) -> f64 {
        let (Some((first, _)), Some((last, _))) = (self.numbers.first_key_value(), self.numbers.last_key_value())
        else {
            return 0.0;
        };
        let end = last.saturating_sub(behind).max(*first);
        self.numbers.range(first..=&end).count() as f64 / (end - first + 1) as f64
    }
}

/// A client.
#[derive(Debug)]
pub(super) struct Client {
    pub(super) peer: Peer,
    pub(super) name: u8,
    pub(super) address: SocketAddr,
    pub(super) up: Link,
    pub(super) down: Link,
    pub(super) outbox: VecDeque<Vec<u8>>,
    pub(super) sending: Vec<Sending>,
    pub(super) is_silent: bool,
    /// Loudness of its voice, in dB below full.
    pub(super) level: u8,
    pub(super) got: BTreeMap<u32, Got>,
    pub(super) asks: bool,
    pub(super) feeds_back: bool,
    arrivals: Arrivals,
    pub(super) told: Vec<serde_json::Value>,
    pub(super) messages: Vec<(ChannelId, Vec<u8>)>,
    pub(super) opened: Vec<Opened>,
    pub(super) closed: bool,
    pub(super) padding: usize,
    number: u16,
    next_asks: Time,
    next_reports: Time,
    seed: u64,
}

impl Client {
    pub(super) fn new(peer: Peer, name: usize, address: SocketAddr, seed: u64) -> Client {
        Client {
            peer,
            name: name as u8,
            address,
            up: Link::new(10),
            down: Link::new(10),
            outbox: VecDeque::new(),
            sending: Vec::new(),
            is_silent: false,
            level: 30,
            got: BTreeMap::new(),
            asks: true,
            feeds_back: true,
            arrivals: Arrivals::default(),
            told: Vec::new(),
            messages: Vec::new(),
            opened: Vec::new(),
            closed: false,
            padding: 0,
            number: 0,
            next_asks: Time::ZERO,
            next_reports: Time::ZERO,
            seed,
        }
    }

    /// Begins to send on the `nth` line of a kind on which it may; each layer has a rid (or nothing), a height, packets and bytes.
    pub(super) fn send(&mut self, kind: Kind, nth: usize, layers: &[(Option<&str>, u16, usize, usize)]) {
        let lines = &self.peer.negotiated().lines;
        let (index, line) =
            lines.iter().enumerate().filter(|(_, l)| l.kind == kind && l.sends).nth(nth).expect("a line");
        let codec = line.codecs.first().expect("a codec");
        let stream = line.stream.expect("a stream");
        for (n, (rid, height, packets, bytes)) in layers.iter().enumerate() {
            self.seed = self.seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(99);
            let chance = (self.seed >> 32) as u32;
            let is_layered = rid.is_some();
            self.sending.push(Sending {
                line: LineIndex(index as u8),
                kind,
                rid: rid.map(str::to_owned),
                ssrc: if is_layered { stream.ssrc ^ (0x100 * (n as u32 + 1)) } else { stream.ssrc },
                rtx_ssrc: match stream.rtx {
                    Some(rtx) if !is_layered => rtx,
                    _ => stream.ssrc ^ (0x1_0000 * (n as u32 + 1)),
                },
                payload_type: codec.payload_type,
                rtx_payload_type: codec.rtx,
                sequence: chance as u16,
                rtx_sequence: 0,
                timestamp: chance,
                picture: chance as u16 & 0x7fff,
                tl0: 0,
                counter: 0,
                height: *height,
                packets: *packets,
                bytes: *bytes,
                wants_key: true,
                keys: 0,
                plis: 0,
                nacked: 0,
                sent: BTreeMap::new(),
                total: 0,
                next: Time::ZERO,
            });
        }
    }

    pub(super) fn datagram(&mut self, from: SocketAddr, bytes: &mut [u8], now: Time) {
        match self.peer.datagram(from, bytes, now) {
            Arrived::Rtp(rtp) => {
                if let Some(number) = rtp.header.extensions.transport_sequence {
                    self.arrivals.take(number, now);
                }
                let payload = bytes[rtp.payload()].to_vec();
                let ssrc = rtp.header.ssrc;
                let Some(track) = rtp.track else { panic!("a stream that was not announced: {ssrc}") };
                if track.is_repair {
                    if payload.len() < 2 {
                        self.padding += 1;
                        return;
                    }
                    let lines = &self.peer.negotiated().lines;
                    let media = lines[usize::from(track.line.0)].announced.iter().find(|r| r.rtx == Some(ssrc));
                    let media = media.expect("the stream that is repaired is announced").ssrc;
                    let number = u16::from_be_bytes([payload[0], payload[1]]);
                    self.take(media, track, number, &rtp.header, &payload[2..], now);
                } else {
                    self.take(ssrc, track, rtp.header.sequence, &rtp.header, &payload, now);
                }
            }
            Arrived::Rtcp { begin, end } => {
                let compound = bytes[begin..end].to_vec();
                self.take_rtcp(&compound, now);
            }
            Arrived::Nothing => {}
        }
        self.drain(now);
    }

    fn take(&mut self, ssrc: u32, track: Track, number: u16, header: &Header, payload: &[u8], now: Time) {
        let (line, is_repair) = (track.line.0, track.is_repair);
        let kind = self.peer.negotiated().lines[usize::from(line)].kind;
        let got = self.got.entry(ssrc).or_default();
        got.line = line;
        if got.numbers.is_empty() {
            got.highest = 0x1_0000 | u64::from(number);
        }
        let sequence = got.highest.saturating_add_signed(i64::from(number.wrapping_sub(got.highest as u16) as i16));
        got.highest = got.highest.max(sequence);
        if !is_repair && !got.originals.insert(sequence) {
            got.copies += 1;
        }
        if got.numbers.insert(sequence, header.timestamp).is_some() {
            return;
        }
        got.repaired += usize::from(is_repair);
        got.markers += usize::from(header.is_marked);
        got.last_at = now;
        if payload.len() < 19 {
            return; // Nonsense of a hostile client.
        }
        match kind {
            Kind::Audio => *got.by_sender.entry(payload[0]).or_default() += 1,
            Kind::Video => {
                // Descriptor of six bytes, frame tag of ten, then who and how high.
                got.pictures.insert(u16::from_be_bytes([payload[2] & 0x7f, payload[3]]));
                let (sender, height) = (payload[16], u16::from_be_bytes([payload[17], payload[18]]));
                *got.by_sender.entry(sender).or_default() += 1;
                if !is_repair && got.heights.last().is_none_or(|(_, last)| *last != height) {
                    got.heights.push((now, height));
                }
            }
            Kind::Data => {}
        }
    }

    fn take_rtcp(&mut self, compound: &[u8], now: Time) {
        for packet in packets(compound) {
            match packet {
                Packet::Pli { media } => {
                    for sending in self.sending.iter_mut().filter(|sending| sending.ssrc == media) {
                        sending.wants_key = true;
                        sending.plis += 1;
                    }
                }
                Packet::Nack { media, missing } => {
                    let Some(at) = self.sending.iter().position(|sending| sending.ssrc == media) else { continue };
                    for number in missing {
                        self.repeat(at, number, now);
                    }
                }
                Packet::SenderReport { ssrc, info, .. } => {
                    self.got.entry(ssrc).or_default().reports.push(info);
                }
                _ => {}
            }
        }
    }

    fn repeat(&mut self, at: usize, number: u16, now: Time) {
        let sending = &mut self.sending[at];
        sending.nacked += 1;
        let (Some(packet), Some(payload_type)) = (sending.sent.get(&number), sending.rtx_payload_type) else { return };
        let ids = self.peer.negotiated().extensions;
        let (header, layout) = Header::parse(packet, &ids).expect("what was sent");
        sending.rtx_sequence = sending.rtx_sequence.wrapping_add(1);
        let rid = sending.rid.clone().unwrap_or_default();
        let mid = self.peer.negotiated().lines[usize::from(sending.line.0)].mid.clone();
        let names = format!("{rid}{mid}");
        let mut extensions = Extensions { transport_sequence: Some(self.number), ..Extensions::default() };
        self.number = self.number.wrapping_add(1);
        if !rid.is_empty() {
            extensions.repaired_rid = Span::part(0..rid.len());
        }
        extensions.mid = Span::part(rid.len()..names.len());
        let header =
            Header { payload_type, sequence: sending.rtx_sequence, ssrc: sending.rtx_ssrc, extensions, ..header };
        let payload = [&number.to_be_bytes()[..], &packet[layout.payload_range()]].concat();
        self.transmit(&header, names.as_bytes(), &payload, now);
    }

    fn transmit(&mut self, header: &Header, names: &[u8], payload: &[u8], _now: Time) -> Vec<u8> {
        let ids = self.peer.negotiated().extensions;
        let mut buffer = vec![0; MAX_HEADER + payload.len() + RTP_ROOM];
        let begin = header.write(names, &ids, &mut buffer).expect("room");
        buffer[begin..begin + payload.len()].copy_from_slice(payload);
        let plain = buffer[..begin + payload.len()].to_vec();
        if let Some(length) = self.peer.seal_rtp(&mut buffer, begin + payload.len()) {
            buffer.truncate(length);
            self.outbox.push_back(buffer);
        }
        plain
    }

    pub(super) fn rtcp(&mut self, compound: &[u8]) {
        let mut buffer = vec![0; compound.len() + RTCP_ROOM];
        buffer[..compound.len()].copy_from_slice(compound);
        if let Some(length) = self.peer.seal_rtcp(&mut buffer, compound.len()) {
            buffer.truncate(length);
            self.outbox.push_back(buffer);
        }
    }

    /// A packet of a stream (or of its repairs) with any number and payload.
    pub(super) fn nonsense(&mut self, sending: usize, sequence: u16, is_repair: bool, payload: &[u8]) {
        let sending = &self.sending[sending];
        let mid = self.peer.negotiated().lines[usize::from(sending.line.0)].mid.clone();
        let rid = sending.rid.clone().unwrap_or_default();
        let names = format!("{rid}{mid}");
        let rid = Span::part(0..rid.len()).filter(|_| !rid.is_empty());
        let extensions = Extensions {
            rid: rid.filter(|_| !is_repair),
            repaired_rid: rid.filter(|_| is_repair),
            mid: Span::part(names.len() - mid.len()..names.len()),
            transport_sequence: Some(sequence.wrapping_mul(31)),
            ..Extensions::default()
        };
        let (ssrc, payload_type) = match (is_repair, sending.rtx_payload_type) {
            (true, Some(rtx)) => (sending.rtx_ssrc, rtx),
            _ => (sending.ssrc, sending.payload_type),
        };
        let header =
            Header { payload_type, sequence, timestamp: u32::from(sequence) << 9, ssrc, extensions, is_marked: false };
        self.transmit(&header, names.as_bytes(), payload, Time::ZERO);
    }

    pub(super) fn say(&mut self, text: &str, now: Time) {
        self.peer.send(CONTROL, true, text.as_bytes(), now).expect("the control channel is open");
    }

    pub(super) fn drain(&mut self, now: Time) {
        while let Some(output) = self.peer.poll() {
            match output {
                Output::Transmit { bytes, .. } => self.outbox.push_back(bytes),
                Output::ChannelMessage { channel: CONTROL, message: Message { bytes, .. } } => {
                    self.told.push(serde_json::from_slice(&bytes).expect("JSON"));
                }
                Output::ChannelMessage { channel, message } => self.messages.push((channel, message.bytes)),
                Output::ChannelOpened(opened) => self.opened.push(opened),
                Output::Closed(_) => self.closed = true,
                _ => {}
            }
        }
        let _ = now;
    }

    /// A millisecond has passed.
    pub(super) fn tick(&mut self, now: Time) {
        if self.peer.timeout().is_some_and(|(at, _)| at <= now) {
            self.peer.handle_timeout(now);
        }
        self.drain(now);
        if !self.peer.is_connected() {
            return;
        }
        if !self.is_silent {
            for at in 0..self.sending.len() {
                if self.sending[at].next <= now {
                    match self.sending[at].kind {
                        Kind::Audio => self.send_voice(at, now),
                        Kind::Video => self.send_frame(at, now),
                        Kind::Data => {}
                    }
                }
            }
        }
        if self.feeds_back && self.arrivals.due().is_some_and(|at| at <= now) {
            let mut all = Vec::new();
            self.arrivals.report(1, 2, &mut Vec::new(), |out| {
                all.push(out.clone());
                out.clear();
            });
            all.iter().for_each(|feedback| self.rtcp(feedback));
        }
        if self.asks && now >= self.next_asks {
            self.next_asks = now + Duration::from_millis(10);
            self.ask(now);
        }
        if now >= self.next_reports {
            self.next_reports = now + Duration::from_millis(1000);
            self.report(now);
        }
    }

    fn ask(&mut self, now: Time) {
        let mut out = Vec::new();
        for (ssrc, got) in &mut self.got {
            let line = &self.peer.negotiated().lines[usize::from(got.line)];
            if line.kind != Kind::Video || got.numbers.is_empty() {
                continue;
            }
            let (first, _) = got.numbers.first_key_value().expect("not empty");
            let begin = (*first).max(got.highest.saturating_sub(400));
            let missing: Vec<u64> = (begin..got.highest)
                .filter(|n| !got.numbers.contains_key(n))
                .filter(|n| got.asked.get(n).is_none_or(|at| now - *at >= Duration::from_millis(60)))
                .collect();
            got.asked.extend(missing.iter().map(|n| (*n, now)));
            let numbers: Vec<u16> = missing.iter().map(|n| *n as u16).collect();
            if !numbers.is_empty() {
                write::nack(&mut out, 1, *ssrc, &numbers);
            }
        }
        if !out.is_empty() {
            self.rtcp(&out);
        }
    }

    fn report(&mut self, now: Time) {
        let ntp = |now: Time| ((u128::from(now.as_nanos()) << 32) / 1_000_000_000) as u64;
        let mut out = Vec::new();
        for sending in &self.sending {
            let info = SenderInfo { ntp: ntp(now), timestamp: sending.timestamp, packets: sending.total, bytes: 0 };
            write::sender_report(&mut out, sending.ssrc, &info, &[]);
        }
        let reports: Vec<Report> = self
            .got
            .iter()
            .filter_map(|(ssrc, got)| {
                let last = got.reports.last()?;
                Some(Report { ssrc: *ssrc, last_report: last.middle(), delay: 0, ..Report::default() })
            })
            .collect();
        if out.is_empty() || !reports.is_empty() {
            write::receiver_report(&mut out, 1, &reports);
        }
        self.rtcp(&out);
    }

    fn send_voice(&mut self, at: usize, now: Time) {
        let level = AudioLevel { is_voice: self.level < 60, below_full: self.level };
        let sending = &mut self.sending[at];
        sending.next = if sending.next == Time::ZERO { now } else { sending.next } + Duration::from_millis(20);
        sending.timestamp = sending.timestamp.wrapping_add(960);
        sending.sequence = sending.sequence.wrapping_add(1);
        sending.counter += 1;
        sending.total += 1;
        let mut payload = vec![self.name];
        payload.extend_from_slice(&sending.counter.to_be_bytes());
        payload.resize(80, 0xaa);
        let extensions =
            Extensions { audio_level: Some(level), transport_sequence: Some(self.number), ..Extensions::default() };
        self.number = self.number.wrapping_add(1);
        let header = Header {
            payload_type: sending.payload_type,
            sequence: sending.sequence,
            timestamp: sending.timestamp,
            ssrc: sending.ssrc,
            extensions,
            ..Header::default()
        };
        self.transmit(&header, &[], &payload, now);
    }

    fn send_frame(&mut self, at: usize, now: Time) {
        let name = self.name;
        let sending = &mut self.sending[at];
        sending.next = if sending.next == Time::ZERO { now } else { sending.next } + Duration::from_millis(33);
        sending.timestamp = sending.timestamp.wrapping_add(2970);
        sending.picture = (sending.picture + 1) & 0x7fff;
        sending.tl0 = sending.tl0.wrapping_add(1);
        let is_key = core::mem::take(&mut sending.wants_key);
        sending.keys += usize::from(is_key);
        let count = if is_key { sending.packets * 3 } else { sending.packets };
        for n in 0..count {
            let sending = &mut self.sending[at];
            sending.sequence = sending.sequence.wrapping_add(1);
            sending.total += 1;
            let begins = n == 0;
            let mut payload = vec![if begins { 0x90 } else { 0x80 }, 0xe0];
            payload.extend_from_slice(&(sending.picture | 0x8000).to_be_bytes());
            payload.extend_from_slice(&[sending.tl0, 0x00]);
            let width = sending.height * 16 / 9;
            payload.extend_from_slice(&[u8::from(!is_key), 0, 0, 0x9d, 0x01, 0x2a]);
            payload.extend_from_slice(&width.to_le_bytes());
            payload.extend_from_slice(&sending.height.to_le_bytes());
            payload.push(name);
            payload.extend_from_slice(&sending.height.to_be_bytes());
            payload.resize(sending.bytes, 0x55);
            let rid = sending.rid.clone().unwrap_or_default();
            let mid = self.peer.negotiated().lines[usize::from(sending.line.0)].mid.clone();
            let names = format!("{rid}{mid}");
            let mut extensions = Extensions { transport_sequence: Some(self.number), ..Extensions::default() };
            self.number = self.number.wrapping_add(1);
            if !rid.is_empty() {
                extensions.rid = Span::part(0..rid.len());
            }
            extensions.mid = Span::part(rid.len()..names.len());
            let header = Header {
                is_marked: n + 1 == count,
                payload_type: sending.payload_type,
                sequence: sending.sequence,
                timestamp: sending.timestamp,
                ssrc: sending.ssrc,
                extensions,
            };
            let number = sending.sequence;
            let plain = self.transmit(&header, names.as_bytes(), &payload, now);
            let sent = &mut self.sending[at].sent;
            sent.insert(number, plain);
            if sent.len() > 2000 {
                sent.remove(&number.wrapping_sub(1500));
            }
        }
    }
}
