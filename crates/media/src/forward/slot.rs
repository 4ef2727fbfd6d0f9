//! One receiving slot: an m-line on which this side sends, with one SSRC for ever, and whatever it carries at the moment.

use core::time::Duration;

use centrale_model::Time;

use super::history::{Again, History, Source};
use super::rewrite::{Numbers, Rewriter};
use crate::receive::{Kept, Layer};
use crate::rtcp::SenderInfo;
use crate::rtp::{ExtensionIds, Header};
use crate::sdp::{Codec, Kind, Line, LineIndex, SendingStream};

/// What a slot carries.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Carries {
    /// Nothing.
    #[default]
    Nothing,
    /// A track, by its index.
    Track(u32),
    /// The mix of everybody else's voices.
    Mix,
}

/// Chance for a slot's first numbers.
#[derive(Clone, Copy, Debug)]
pub(crate) struct SlotKey {
    pub(crate) sequence: u16,
    pub(crate) rtx_sequence: u16,
    pub(crate) timestamp: u32,
}

/// A packet that is to be sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Passed {
    pub(crate) numbers: Numbers,
    pub(crate) is_marked: bool,
    /// The source began with this packet, although newer ones of it came before: they follow.
    pub(crate) is_late_beginning: bool,
}

/// A repetition that is to be sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Repeated {
    pub(crate) again: Again,
    pub(crate) payload_type: u8,
    pub(crate) ssrc: u32,
    pub(crate) sequence: u16,
}

/// One slot.
#[derive(Debug)]
pub(crate) struct Slot {
    pub(crate) line: LineIndex,
    pub(crate) kind: Kind,
    pub(crate) stream: SendingStream,
    /// Numbers of the line's header extensions.
    pub(crate) extensions: ExtensionIds,
    carries: Carries,
    /// How packets of what it carries are numbered for this receiver.
    payload_type: u8,
    rtx_payload_type: Option<u8>,
    /// Whether the receiver feeds back when its packets came.
    feeds_back: bool,
    rewriter: Rewriter,
    history: History,
    rtx_sequence: u16,
    /// The layer that is sent.
    current: Option<u8>,
    /// The layer that should be sent; another than `current` while its key picture is awaited.
    target: Option<u8>,
    /// The highest temporal layer that is sent, and the one that should be: more begin where the sender made a place for it.
    temporal: u8,
    temporal_target: u8,
    /// Number of the last packet that was made here.
    generated: u64,
    packets: u32,
    packets_reported: u32,
    bytes: u32,
}

impl Slot {
    /// The slot of a line on which this side sends.
    pub(crate) fn new(index: LineIndex, line: &Line, stream: SendingStream, key: SlotKey) -> Slot {
        Slot {
            line: index,
            kind: line.kind,
            stream,
            extensions: line.extensions,
            carries: Carries::Nothing,
            payload_type: 0,
            rtx_payload_type: None,
            feeds_back: false,
            rewriter: Rewriter::new(key.sequence, key.timestamp),
            history: History::default(),
            rtx_sequence: key.rtx_sequence,
            current: None,
            target: None,
            temporal: u8::MAX,
            temporal_target: u8::MAX,
            generated: 1 << 16,
            packets: 0,
            packets_reported: 0,
            bytes: 0,
        }
    }

    /// What it carries.
    pub(crate) fn carries(&self) -> Carries {
        self.carries
    }

    /// The layer that is sent.
    pub(crate) fn current(&self) -> Option<u8> {
        self.current
    }

    /// The layer that should be sent.
    pub(crate) fn target(&self) -> Option<u8> {
        self.target
    }

    /// The stream's clock, in units per second.
    pub(crate) fn clock_rate(&self) -> u32 {
        if self.kind == Kind::Audio { 48_000 } else { 90_000 }
    }

    /// Puts a track into the slot; nothing of it is sent before [`Slot::aim`].
    ///
    /// - `codec`: how its packets are numbered for this receiver.
    pub(crate) fn put(&mut self, track: u32, codec: &Codec) {
        self.carries = Carries::Track(track);
        self.payload_type = codec.payload_type;
        self.rtx_payload_type = codec.rtx;
        self.feeds_back = codec.has_transport_feedback;
        self.current = None;
        self.target = None;
        self.temporal = u8::MAX;
        self.temporal_target = u8::MAX;
    }

    /// Puts the mix into the slot.
    pub(crate) fn put_mix(&mut self) {
        self.clear();
        self.carries = Carries::Mix;
    }

    /// Takes out what is in it.
    pub(crate) fn clear(&mut self) {
        self.carries = Carries::Nothing;
        self.current = None;
        self.target = None;
    }

    /// A track is gone, and its index may be given to another.
    pub(crate) fn forget(&mut self, track: u32) {
        if self.carries == Carries::Track(track) {
            self.clear();
        }
        self.history.forget(track);
    }

    /// Says which layer should be sent; nothing: pauses. Says whether a key picture of that layer is needed.
    pub(crate) fn aim(&mut self, layer: Option<u8>) -> bool {
        let is_new = self.target != layer;
        self.target = layer;
        if layer.is_none() {
            self.current = None;
        }
        is_new && layer.is_some() && self.current != layer && self.kind == Kind::Video
    }

    /// Says whether only the temporal base should be sent.
    pub(crate) fn thin(&mut self, is_base_only: bool) {
        self.temporal_target = if is_base_only { 0 } else { u8::MAX };
    }

    /// Whether it waits for a key picture, and of which layer.
    pub(crate) fn awaits_key(&self) -> Option<u8> {
        self.target.filter(|target| self.kind == Kind::Video && self.current != Some(*target))
    }

    /// Decides about a packet of the track that it carries.
    ///
    /// - `stream`: the packet's layer; `before`: the layer that was sent until now, where it is another.
    #[inline]
    pub(crate) fn forward(
        &mut self,
        packet: &Kept,
        layer: u8,
        stream: &Layer,
        before: Option<&Layer>,
        now: Time,
    ) -> Option<Passed> {
        if packet.length == 0 {
            // Padding of the sender: nobody behind us needs it.
            if self.current == Some(layer) {
                self.rewriter.skip(packet);
            }
            return None;
        }
        let mut begins = false;
        if self.current != Some(layer) {
            if self.target != Some(layer) || (self.kind == Kind::Video && !packet.picture.is_key) {
                return None;
            }
            self.begin(packet, layer, stream, before, now);
            begins = true;
        }
        if packet.picture.begins {
            self.follow_temporal(packet);
        }
        if packet.picture.temporal > self.temporal {
            self.rewriter.skip(packet);
            return None;
        }
        let numbers = self.rewriter.pass(packet, now)?;
        if self.kind == Kind::Video {
            if self.history.has(numbers.sequence) {
                return None;
            }
            self.history.sent(numbers.sequence, packet.sequence as u16, numbers.picture_offset, now);
        }
        self.packets = self.packets.wrapping_add(1);
        self.bytes = self.bytes.wrapping_add(u32::from(packet.length));
        Some(Passed {
            numbers,
            is_marked: packet.is_marked || (begins && self.kind == Kind::Audio),
            is_late_beginning: begins && packet.sequence < stream.highest(),
        })
    }

    /// Numbers a packet that no track brought: the mix, the echo.
    ///
    /// - `begins`: it is the first of its source.
    pub(crate) fn generate(&mut self, packet: &Kept, codec: &Codec, begins: bool, now: Time) -> Option<Passed> {
        self.payload_type = codec.payload_type;
        self.feeds_back = codec.has_transport_feedback;
        self.generated += 1;
        let mut packet = *packet;
        packet.sequence = self.generated;
        let begins = begins || self.current.is_none();
        if begins {
            self.rewriter.begin(&packet, self.clock_rate(), None, now);
            self.current = Some(0);
        }
        let numbers = self.rewriter.pass(&packet, now)?;
        self.packets = self.packets.wrapping_add(1);
        self.bytes = self.bytes.wrapping_add(u32::from(packet.length));
        Some(Passed { numbers, is_marked: packet.is_marked || begins, is_late_beginning: false })
    }

    #[cold]
    fn begin(&mut self, packet: &Kept, layer: u8, stream: &Layer, before: Option<&Layer>, now: Time) {
        let rate = self.clock_rate();
        let passed = before.and_then(|before| self.passed(packet, stream, before, now));
        self.rewriter.begin(packet, rate, passed, now);
        self.current = Some(layer);
        if let (Carries::Track(track), Kind::Video) = (self.carries, self.kind) {
            self.history.begin(Source {
                track,
                layer,
                rtx_payload_type: self.rtx_payload_type,
                timestamp_offset: self.rewriter.timestamp_offset(),
                tl0_offset: self.rewriter.tl0_offset(),
            });
        }
    }

    /// Fewer temporal layers may begin with any picture, more only with a key picture or one that refers to nothing that was left out.
    fn follow_temporal(&mut self, packet: &Kept) {
        let picture = &packet.picture;
        let may_rise = picture.is_key || (picture.is_switch_up && picture.temporal > self.temporal);
        if self.temporal_target < self.temporal || may_rise {
            self.temporal = self.temporal_target;
        }
    }

    /// Media time between the picture that was sent last, of another layer, and this one, by the sender's own clock: layers of one camera
    /// have unlike timestamps, and their reports say how they relate.
    fn passed(&self, packet: &Kept, stream: &Layer, before: &Layer, now: Time) -> Option<u32> {
        let rate = self.clock_rate();
        let (timestamp, at) = self.rewriter.stands_at()?;
        let theirs = timestamp.wrapping_sub(self.rewriter.timestamp_offset());
        let micros = stream.captured(packet.timestamp, rate)? - before.captured(theirs, rate)?;
        // Within what really passed, or one of the reports was wrong. The same picture in two layers: one unit later.
        let limit = (now - at).as_micros() as i64 + 500_000;
        (0..limit).contains(&micros).then(|| ((micros * i64::from(rate) / 1_000_000) as u32).max(1))
    }

    /// The packet that was sent under a number, when it may be sent again at this moment.
    pub(crate) fn repeat(&mut self, number: u16, round_trip: Duration, now: Time) -> Option<Repeated> {
        let again = self.history.again(number, round_trip, now)?;
        let (payload_type, ssrc) = (again.source.rtx_payload_type?, self.stream.rtx?);
        Some(Repeated { again, payload_type, ssrc, sequence: self.next_repair() })
    }

    /// The header of a packet of padding, on the retransmission stream of what it carries (RFC 4588 has nothing against empty ones).
    pub(crate) fn padding(&mut self) -> Option<Header> {
        let (payload_type, ssrc) = (self.rtx_payload_type?, self.stream.rtx?);
        let (timestamp, _) = self.rewriter.stands_at().unwrap_or_default();
        Some(Header { payload_type, sequence: self.next_repair(), timestamp, ssrc, ..Header::default() })
    }

    /// Whether the receiver feeds back when its packets came.
    pub(crate) fn feeds_back(&self) -> bool {
        self.feeds_back
    }

    /// The payload type of what it carries.
    pub(crate) fn payload_type(&self) -> u8 {
        self.payload_type
    }

    /// What a sender report says (RFC 3550 §6.4.1), once something was sent.
    ///
    /// - `ntp`: this moment on the wall clock.
    pub(crate) fn report(&self, ntp: u64, now: Time) -> Option<SenderInfo> {
        let (timestamp, at) = self.rewriter.stands_at()?;
        let passed = super::rewrite::units(now - at, self.clock_rate());
        Some(SenderInfo { ntp, timestamp: timestamp.wrapping_add(passed), packets: self.packets, bytes: self.bytes })
    }

    /// Packets sent since this was last asked: what a receiver's report is about.
    pub(crate) fn packets_since_report(&mut self) -> u32 {
        self.packets.wrapping_sub(core::mem::replace(&mut self.packets_reported, self.packets))
    }

    fn next_repair(&mut self) -> u16 {
        self.rtx_sequence = self.rtx_sequence.wrapping_add(1);
        self.rtx_sequence
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::peer::{Rtp, Track as About};
    use crate::picture::Picture;
    use crate::rtp::Layout;
    use crate::sdp::Format;

    const CODEC: Codec = Codec {
        payload_type: 96,
        rtx: Some(97),
        format: Format::Vp8,
        has_transport_feedback: true,
        has_nack: true,
        has_pli: true,
        has_fir: false,
        has_remb: false,
    };

    fn slot() -> Slot {
        let line = Line {
            mid: "1".into(),
            kind: Kind::Video,
            is_rejected: false,
            receives: false,
            sends: true,
            codecs: Box::new([CODEC]),
            extensions: ExtensionIds::default(),
            rids: Box::default(),
            stream: None,
            announced: Box::default(),
        };
        let key = SlotKey { sequence: 1, rtx_sequence: 1, timestamp: 0 };
        let mut slot = Slot::new(LineIndex(1), &line, SendingStream { ssrc: 5, rtx: Some(6) }, key);
        slot.put(0, &CODEC);
        slot
    }

    fn layer() -> Layer {
        let about = About { line: LineIndex(0), rid: None, is_repair: false };
        let rtp = Rtp { header: Header::default(), layout: Layout::default(), track: Some(about) };
        Layer::new(&rtp, Kind::Video, Time::ZERO)
    }

    fn packet(sequence: u64, temporal: u8, is_key: bool, is_switch_up: bool) -> Kept {
        let mut kept = Kept::new(sequence, sequence as u32 * 3000, true, Time::ZERO);
        kept.length = 100;
        kept.picture = Picture { is_key, begins: true, temporal, is_switch_up, ..Picture::default() };
        kept
    }

    #[test]
    fn nothing_is_sent_before_a_key_picture_and_then_without_a_gap() {
        let (mut slot, layer) = (slot(), layer());
        assert!(slot.aim(Some(0)));
        let mut sent = |sequence, is_key| {
            slot.forward(&packet(sequence, 0, is_key, false), 0, &layer, None, Time::ZERO)
                .map(|passed| passed.numbers.sequence)
        };
        assert_eq!([sent(10, false), sent(11, true), sent(12, false), sent(12, false)], [None, Some(1), Some(2), None]);
    }

    #[test]
    fn temporal_layers_are_left_out_at_once_and_come_back_where_they_may() {
        let (mut slot, layer) = (slot(), layer());
        slot.aim(Some(0));
        let mut sequence = 10;
        let mut sent = |slot: &mut Slot, temporal, is_key, is_switch_up| {
            sequence += 1;
            let packet = packet(sequence, temporal, is_key, is_switch_up);
            slot.forward(&packet, 0, &layer, None, Time::ZERO).map(|passed| passed.numbers.sequence)
        };
        assert_eq!(sent(&mut slot, 0, true, false), Some(1));
        assert_eq!(sent(&mut slot, 1, false, true), Some(2));
        slot.thin(true);
        assert_eq!(sent(&mut slot, 1, false, false), None);
        assert_eq!(sent(&mut slot, 0, false, false), Some(3));
        slot.thin(false);
        assert_eq!(sent(&mut slot, 1, false, false), None);
        assert_eq!(sent(&mut slot, 0, false, false), Some(4));
        assert_eq!(sent(&mut slot, 1, false, true), Some(5));
    }
}
