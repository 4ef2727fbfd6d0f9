//! What a publisher sends: one stream of voice or of pictures.

use std::time::Duration;

use centrale_media::peer::{Peer, RTP_ROOM};
use centrale_media::rtp::{AudioLevel, Extensions, Header, MAX_HEADER, Span};
use centrale_media::sdp::Kind;
use centrale_model::Time;

use crate::content::{Mark, Picture};

/// Packets kept for those who missed some.
const KEPT: usize = 1024;
/// Bytes of a voice's packet: 32 kbit/s.
const VOICE: usize = 80;
const VOICE_EVERY: Duration = Duration::from_millis(20);

/// What a picture is made of.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Shape {
    /// Packets of a picture.
    pub(crate) packets: usize,
    /// Bytes of a packet's payload.
    pub(crate) size: usize,
    /// Pictures per second.
    pub(crate) rate: u32,
}

pub(crate) struct Outgoing {
    mid: String,
    kind: Kind,
    shape: Shape,
    publisher: u16,
    payload_type: u8,
    repair_type: Option<u8>,
    pub(crate) ssrc: u32,
    repair_ssrc: Option<u32>,
    sequence: u16,
    repair_sequence: u16,
    timestamp: u32,
    picture: u16,
    counter: u32,
    pub(crate) wants_key: bool,
    /// Packets sent, and key pictures among them.
    pub(crate) packets: u64,
    pub(crate) keys: u64,
    pub(crate) repeated: u64,
    next: Option<Time>,
    kept: std::collections::VecDeque<(u16, Vec<u8>)>,
}

impl Outgoing {
    /// The streams of every line on which a peer sends.
    pub(crate) fn all(peer: &Peer, publisher: u16, shape: Shape) -> Vec<Outgoing> {
        let lines = peer.negotiated().lines.iter();
        lines
            .filter_map(|line| {
                let (codec, stream) = (line.codecs.first()?, line.stream.filter(|_| line.sends)?);
                Some(Outgoing {
                    mid: line.mid.to_string(),
                    kind: line.kind,
                    shape,
                    publisher,
                    payload_type: codec.payload_type,
                    repair_type: codec.rtx,
                    ssrc: stream.ssrc,
                    repair_ssrc: stream.rtx,
                    sequence: publisher.wrapping_mul(7919),
                    repair_sequence: 1,
                    timestamp: u32::from(publisher) * 104_729,
                    picture: publisher & 0x7FFF,
                    counter: 0,
                    wants_key: true,
                    packets: 0,
                    keys: 0,
                    repeated: 0,
                    next: None,
                    kept: std::collections::VecDeque::new(),
                })
            })
            .collect()
    }

    pub(crate) fn due(&self) -> Option<Time> {
        self.next
    }

    /// Sends what is due.
    pub(crate) fn send(&mut self, peer: &mut Peer, number: &mut u16, now: Time, out: &mut impl FnMut(&[u8])) {
        let every = match self.kind {
            Kind::Audio => VOICE_EVERY,
            _ => Duration::from_secs(1) / self.shape.rate,
        };
        let next = *self.next.get_or_insert(now);
        if next > now {
            return;
        }
        // Somebody who was held up goes on from now, and does not make up for it.
        self.next = Some(if now - next > Duration::from_millis(200) { now + every } else { next + every });
        match self.kind {
            Kind::Audio => {
                self.timestamp = self.timestamp.wrapping_add(960);
                self.send_one(peer, number, now, VOICE, None, true, out);
            }
            _ => {
                self.timestamp = self.timestamp.wrapping_add(90_000 / self.shape.rate);
                self.picture = (self.picture + 1) & 0x7FFF;
                let is_key = std::mem::take(&mut self.wants_key);
                self.keys += u64::from(is_key);
                for packet in 0..self.shape.packets {
                    let picture = Picture { number: self.picture, is_key, is_first: packet == 0 };
                    let is_last = packet + 1 == self.shape.packets;
                    self.send_one(peer, number, now, self.shape.size, Some(&picture), is_last, out);
                }
            }
        }
    }

    #[expect(clippy::too_many_arguments, reason = "each says another thing of one packet")]
    fn send_one(
        &mut self,
        peer: &mut Peer,
        number: &mut u16,
        now: Time,
        size: usize,
        picture: Option<&Picture>,
        is_last: bool,
        out: &mut impl FnMut(&[u8]),
    ) {
        let mark = Mark { publisher: self.publisher, counter: self.counter, sent: now.as_nanos() };
        self.counter += 1;
        self.sequence = self.sequence.wrapping_add(1);
        self.packets += 1;
        let mut payload = vec![0; size];
        match picture {
            Some(picture) => mark.write_picture(picture, &mut payload),
            None => mark.write(&mut payload),
        }
        let header = Header {
            is_marked: is_last && picture.is_some(),
            payload_type: self.payload_type,
            sequence: self.sequence,
            timestamp: self.timestamp,
            ssrc: self.ssrc,
            extensions: self.extensions(number),
        };
        self.seal(peer, &header, &payload, out);
        if self.repair_type.is_some() {
            if self.kept.len() == KEPT {
                self.kept.pop_front();
            }
            self.kept.push_back((self.sequence, payload));
        }
    }

    fn extensions(&self, number: &mut u16) -> Extensions {
        *number = number.wrapping_add(1);
        Extensions {
            audio_level: (self.kind == Kind::Audio).then_some(AudioLevel { is_voice: true, below_full: 25 }),
            transport_sequence: Some(*number),
            mid: Span::whole(self.mid.as_bytes()),
            ..Extensions::default()
        }
    }

    fn seal(&self, peer: &mut Peer, header: &Header, payload: &[u8], out: &mut impl FnMut(&[u8])) {
        let ids = peer.negotiated().extensions;
        let mut buffer = vec![0; MAX_HEADER + payload.len() + RTP_ROOM];
        let Some(begin) = header.write(self.mid.as_bytes(), &ids, &mut buffer) else { return };
        buffer[begin..begin + payload.len()].copy_from_slice(payload);
        if let Some(length) = peer.seal_rtp(&mut buffer, begin + payload.len()) {
            out(&buffer[..length]);
        }
    }

    /// Sends a packet again that somebody missed (RFC 4588).
    pub(crate) fn repeat(&mut self, peer: &mut Peer, missed: u16, number: &mut u16, out: &mut impl FnMut(&[u8])) {
        let (Some(payload_type), Some(ssrc)) = (self.repair_type, self.repair_ssrc) else { return };
        let Some((_, kept)) = self.kept.iter().find(|(sequence, _)| *sequence == missed) else { return };
        let payload = [&missed.to_be_bytes()[..], kept].concat();
        self.repair_sequence = self.repair_sequence.wrapping_add(1);
        self.repeated += 1;
        let header = Header {
            is_marked: false,
            payload_type,
            sequence: self.repair_sequence,
            timestamp: self.timestamp,
            ssrc,
            extensions: Extensions { audio_level: None, ..self.extensions(number) },
        };
        self.seal(peer, &header, &payload, out);
    }

    pub(crate) fn timestamp(&self) -> u32 {
        self.timestamp
    }
}
