//! Packets of one stream to whole frames, in order.
//!
//! A hole is waited for as long as a retransmission takes; then the stream is useless until its next key frame. A key frame that is
//! whole already ends the waiting at once.

use core::time::Duration;
use std::collections::BTreeMap;

use bytes::Bytes;
use centrale_model::Time;

use super::payload::{add_to_frame, begins_key};
use super::{VideoCodec, VideoPacket};

/// Packets that wait for others: more than two seconds of a large picture. When more come, the stream begins anew at a key frame.
const CAPACITY: usize = 1024;

/// How long a hole is waited for.
///
/// Lower: a retransmission over a long path comes too late and a key frame is asked for. Higher: the picture stands still for longer.
const PATIENCE: Duration = Duration::from_millis(250);

/// The largest frame, in bytes; a larger one is nobody's picture.
const MAX_FRAME: usize = 2 << 20;

#[derive(Clone, Debug)]
struct Packet {
    timestamp: u32,
    is_marked: bool,
    quarter_turns: u8,
    payload: Bytes,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Frame {
    pub(crate) data: Vec<u8>,
    pub(crate) is_key: bool,
    pub(crate) quarter_turns: u8,
}

#[derive(Debug)]
pub(crate) struct Assembler {
    codec: VideoCodec,
    packets: BTreeMap<i64, Packet>,
    /// Sequence number of the packet that begins the next frame; nothing while a key frame is waited for.
    next: Option<i64>,
    /// Newest sequence number, extended so that it does not wrap.
    newest: Option<i64>,
    /// Since when there is a hole in front of something.
    hole: Option<Time>,
}

impl Assembler {
    pub(crate) fn new(codec: VideoCodec) -> Assembler {
        Assembler { codec, packets: BTreeMap::new(), next: None, newest: None, hole: None }
    }

    pub(crate) fn codec(&self) -> VideoCodec {
        self.codec
    }

    /// Whether nothing can be shown before the next key frame.
    pub(crate) fn needs_key(&self) -> bool {
        self.next.is_none()
    }

    /// Gives up what there is: the decoder lost its way.
    pub(crate) fn lose(&mut self) {
        self.next = None;
        self.hole = None;
    }

    pub(crate) fn push(&mut self, packet: &VideoPacket) {
        let sequence = match self.newest {
            None => i64::from(packet.sequence),
            Some(newest) => newest + i64::from(packet.sequence.wrapping_sub(newest as u16) as i16),
        };
        self.newest = Some(self.newest.map_or(sequence, |newest| newest.max(sequence)));
        if self.next.is_some_and(|next| sequence < next) {
            return;
        }
        if self.packets.len() >= CAPACITY {
            self.packets.clear();
            self.lose();
        }
        let packet = Packet {
            timestamp: packet.timestamp,
            is_marked: packet.is_marked,
            quarter_turns: packet.quarter_turns & 3,
            payload: packet.payload.clone(),
        };
        self.packets.entry(sequence).or_insert(packet);
    }

    /// The next frame, when it is whole.
    pub(crate) fn take(&mut self, now: Time) -> Option<Frame> {
        let Some(mut next) = self.next else { return self.take_key() };
        // Padding stands between frames.
        while self.packets.get(&next).is_some_and(|packet| packet.payload.is_empty()) {
            self.packets.remove(&next);
            next += 1;
        }
        self.next = Some(next);
        if let Some(last) = self.end_of(next) {
            self.hole = None;
            return self.build(next, last);
        }
        let has_hole = self.packets.last_key_value().is_some_and(|(last, _)| {
            // As many packets as numbers: nothing is missing, the frame is only not whole yet.
            last - next + 1 > self.packets.len() as i64
        });
        if !has_hole {
            self.hole = None;
            return None;
        }
        if let Some(frame) = self.take_key() {
            return Some(frame);
        }
        if now.since(*self.hole.get_or_insert(now)) > PATIENCE {
            self.lose();
        }
        None
    }

    /// Goes on at a key frame, when one is whole.
    fn take_key(&mut self) -> Option<Frame> {
        let keys = self.packets.iter().filter(|(_, packet)| begins_key(self.codec, &packet.payload));
        let mut starts = keys.map(|(sequence, packet)| (*sequence, packet.timestamp)).collect::<Vec<_>>();
        if starts.is_empty() && self.next.is_none() {
            // Nothing here is of use but perhaps the beginning of a frame whose key part is still to come.
            let newest = self.packets.values().next_back().map(|packet| packet.timestamp);
            self.packets.retain(|_, packet| Some(packet.timestamp) == newest);
            return None;
        }
        // The newest first: what is older is out of date anyway.
        starts.reverse();
        for (sequence, timestamp) in starts {
            let mut first = sequence;
            while self.packets.get(&(first - 1)).is_some_and(|packet| packet.timestamp == timestamp) {
                first -= 1;
            }
            if let Some(last) = self.end_of(first) {
                self.hole = None;
                return self.build(first, last);
            }
        }
        None
    }

    /// The last packet of the frame that begins at `first`, when all of it is there.
    fn end_of(&self, first: i64) -> Option<i64> {
        let timestamp = self.packets.get(&first)?.timestamp;
        for (expected, (sequence, packet)) in (first..).zip(self.packets.range(first..)) {
            if *sequence != expected {
                return None;
            }
            if packet.timestamp != timestamp {
                // Somebody forgot the marker.
                return Some(expected - 1);
            }
            if packet.is_marked {
                return Some(expected);
            }
        }
        None
    }

    fn build(&mut self, first: i64, last: i64) -> Option<Frame> {
        let rest = self.packets.split_off(&(last + 1));
        let packets = core::mem::replace(&mut self.packets, rest);
        self.next = Some(last + 1);
        let mut frame = Frame { data: Vec::new(), is_key: false, quarter_turns: 0 };
        for packet in packets.range(first..).map(|(_, packet)| packet).filter(|packet| !packet.payload.is_empty()) {
            frame.is_key |= begins_key(self.codec, &packet.payload);
            frame.quarter_turns = packet.quarter_turns;
            let is_read = add_to_frame(self.codec, &packet.payload, &mut frame.data);
            if !is_read || frame.data.len() > MAX_FRAME {
                self.lose();
                return None;
            }
        }
        Some(frame)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A VP8 packet whose frame is made of its number.
    fn packet(sequence: u16, timestamp: u32, place: &str, is_key: bool) -> VideoPacket {
        let begins = place.starts_with('b');
        let first = if begins { 0x10 } else { 0 };
        VideoPacket {
            codec: VideoCodec::Vp8,
            ssrc: 1,
            sequence,
            timestamp,
            is_marked: place.ends_with('e'),
            quarter_turns: 0,
            payload: Bytes::copy_from_slice(&[first, u8::from(!is_key), sequence as u8]),
        }
    }

    fn numbers(assembler: &mut Assembler, now: u64) -> Vec<(bool, Vec<u8>)> {
        core::iter::from_fn(|| assembler.take(Time::from_millis(now)))
            .map(|frame| (frame.is_key, frame.data.chunks(2).map(|pair| pair[1]).collect()))
            .collect()
    }

    #[test]
    fn frames_come_in_order_whatever_the_order_of_packets() {
        let mut assembler = Assembler::new(VideoCodec::Vp8);
        assert!(assembler.needs_key());
        assembler.push(&packet(65_534, 1, "be", false));
        assert_eq!(numbers(&mut assembler, 0), []);
        for packet in [
            packet(0, 2, "m", true),
            packet(65_535, 2, "b", true),
            packet(2, 3, "be", false),
            packet(1, 2, "e", true),
            packet(4, 4, "e", false),
        ] {
            assembler.push(&packet);
        }
        assert_eq!(numbers(&mut assembler, 0), [(true, vec![255, 0, 1]), (false, vec![2])]);
        assembler.push(&packet(3, 4, "b", false));
        assembler.push(&packet(3, 4, "b", false));
        assert_eq!(numbers(&mut assembler, 100), [(false, vec![3, 4])]);
        assert!(assembler.packets.is_empty() && !assembler.needs_key());
    }

    #[test]
    fn a_hole_is_waited_for_and_then_a_key_frame() {
        let mut assembler = Assembler::new(VideoCodec::Vp8);
        assembler.push(&packet(10, 1, "be", true));
        assembler.push(&packet(12, 3, "be", false));
        assert_eq!(numbers(&mut assembler, 0), [(true, vec![10])]);
        assert_eq!(numbers(&mut assembler, 240), []);
        assert!(!assembler.needs_key());
        assert_eq!(numbers(&mut assembler, 260), []);
        assert!(assembler.needs_key());
        assembler.push(&packet(13, 4, "be", false));
        assert_eq!(numbers(&mut assembler, 270), []);
        assembler.push(&packet(14, 5, "b", true));
        assembler.push(&packet(15, 5, "e", true));
        assert_eq!(numbers(&mut assembler, 280), [(true, vec![14, 15])]);
    }

    #[test]
    fn a_whole_key_frame_ends_the_waiting() {
        let mut assembler = Assembler::new(VideoCodec::Vp8);
        assembler.push(&packet(10, 1, "be", true));
        assert_eq!(numbers(&mut assembler, 0).len(), 1);
        assembler.push(&packet(12, 3, "be", false));
        assembler.push(&packet(13, 4, "be", true));
        assembler.push(&packet(14, 5, "be", false));
        assert_eq!(numbers(&mut assembler, 10), [(true, vec![13]), (false, vec![14])]);
    }

    #[test]
    fn padding_is_passed_over_and_a_flood_is_bounded() {
        let mut assembler = Assembler::new(VideoCodec::Vp8);
        assembler.push(&packet(10, 1, "be", true));
        for sequence in 11..14 {
            assembler.push(&VideoPacket { payload: Bytes::new(), ..packet(sequence, 1, "e", false) });
        }
        assembler.push(&packet(14, 2, "be", false));
        assert_eq!(numbers(&mut assembler, 0), [(true, vec![10]), (false, vec![14])]);
        for sequence in 20..5000 {
            assembler.push(&packet(sequence, 9, "m", false));
        }
        assert!(assembler.packets.len() <= CAPACITY && assembler.needs_key());
    }
}
