//! The packets of one stream, kept once for all who receive it.
//!
//! Payloads stand in plaintext in a ring of bytes; a second ring, indexed by sequence number, says where. Forwarding reads from
//! here, and so does every repetition that a receiver asks for. Both rings grow with the stream's bitrate until a turn lasts
//! [`Limits::age`], and never past their bound: then the oldest is overwritten.

use core::time::Duration;

use centrale_model::Time;

use crate::picture::Picture;
use crate::rtp::{AudioLevel, Orientation};

/// How much is kept.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Limits {
    /// What should be kept, if there is room.
    pub(crate) age: Duration,
    /// The most that payloads may take, in bytes; a power of two.
    pub(crate) bytes: usize,
    /// The most packets; a power of two.
    pub(crate) packets: usize,
}

/// Video: repetitions are asked for within a second, or not at all.
///
/// Higher: receivers on very long paths are repaired. Lower: less memory for each sender. A megabyte is a second of 8 Mbit/s.
pub(crate) const VIDEO: Limits = Limits { age: Duration::from_millis(1000), bytes: 1 << 20, packets: 2048 };

/// Audio is not repeated; it only waits for the end of its batch.
pub(crate) const AUDIO: Limits = Limits { age: Duration::from_millis(150), bytes: 1 << 16, packets: 128 };

const FIRST_BYTES: usize = 1 << 12;
const FIRST_PACKETS: usize = 16;

/// A packet that is kept, without its payload.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Kept {
    /// Extended sequence number.
    pub(crate) sequence: u64,
    /// Where its payload begins, counted since the stream's birth.
    begin: u64,
    /// When it came.
    pub(crate) arrival: Time,
    /// Media time of the sender.
    pub(crate) timestamp: u32,
    /// Length of the payload, in bytes.
    pub(crate) length: u16,
    /// The marker bit.
    pub(crate) is_marked: bool,
    /// What was seen in it.
    pub(crate) picture: Picture,
    /// How loud it is.
    pub(crate) level: Option<AudioLevel>,
    /// How the picture is turned.
    pub(crate) orientation: Option<Orientation>,
}

impl Kept {
    /// A packet that is to be kept.
    pub(crate) fn new(sequence: u64, timestamp: u32, is_marked: bool, arrival: Time) -> Kept {
        Kept {
            sequence,
            begin: 0,
            arrival,
            timestamp,
            length: 0,
            is_marked,
            picture: Picture::default(),
            level: None,
            orientation: None,
        }
    }
}

/// The store of one stream.
#[derive(Debug)]
pub(crate) struct Store {
    limits: Limits,
    bytes: Vec<u8>,
    /// Bytes written since birth; the ring is the end of that.
    written: u64,
    /// Which turn of the ring is being written, and since when.
    turn: u64,
    turn_began: Time,
    index: Vec<Option<Kept>>,
}

impl Store {
    pub(crate) fn new(limits: Limits) -> Store {
        Store {
            limits,
            bytes: vec![0; FIRST_BYTES],
            written: 0,
            turn: 0,
            turn_began: Time::ZERO,
            index: vec![None; FIRST_PACKETS],
        }
    }

    /// Keeps a packet. A payload longer than 65,535 bytes, or than the ring may be, is not kept.
    pub(crate) fn keep(&mut self, mut packet: Kept, payload: &[u8]) {
        let Ok(length) = u16::try_from(payload.len()) else { return };
        let mut begin = self.place_for(length);
        // A turn of the ring ends: if it took less time than packets should be kept, the ring is too small.
        while begin / self.size() != self.turn
            && self.bytes.len() < self.limits.bytes
            && (packet.arrival - self.turn_began < self.limits.age || payload.len() > self.bytes.len())
        {
            self.grow_bytes();
            begin = self.place_for(length);
        }
        if payload.len() > self.bytes.len() {
            return;
        }
        if begin / self.size() != self.turn {
            self.turn = begin / self.size();
            self.turn_began = packet.arrival;
        }
        let place = (begin % self.size()) as usize;
        self.bytes[place..place + payload.len()].copy_from_slice(payload);
        self.written = begin + u64::from(length);
        packet.begin = begin;
        packet.length = length;
        while self.index.len() < self.limits.packets
            && self
                .cell(packet.sequence)
                .is_some_and(|old| self.is_whole(&old) && packet.arrival - old.arrival < self.limits.age)
        {
            self.grow_index();
        }
        let mask = self.index.len() - 1;
        self.index[packet.sequence as usize & mask] = Some(packet);
    }

    /// The packet with this extended sequence number, while it is kept, and its payload.
    #[inline]
    pub(crate) fn find(&self, sequence: u64) -> Option<(&Kept, &[u8])> {
        let mask = self.index.len() - 1;
        let kept = self.index[sequence as usize & mask].as_ref()?;
        if kept.sequence != sequence || !self.is_whole(kept) {
            return None;
        }
        let place = (kept.begin % self.bytes.len() as u64) as usize;
        Some((kept, &self.bytes[place..place + usize::from(kept.length)]))
    }

    /// Memory that is held, in bytes.
    #[cfg(test)]
    pub(crate) fn footprint(&self) -> usize {
        self.bytes.len() + self.index.len() * size_of::<Option<Kept>>()
    }

    fn cell(&self, sequence: u64) -> Option<Kept> {
        self.index[sequence as usize & (self.index.len() - 1)]
    }

    /// Whether the payload still stands in the ring.
    fn is_whole(&self, kept: &Kept) -> bool {
        self.written - kept.begin <= self.bytes.len() as u64
    }

    fn size(&self) -> u64 {
        self.bytes.len() as u64
    }

    /// Where the next payload begins: it stands in one piece, so what would cross the end of the ring begins at its beginning.
    fn place_for(&self, length: u16) -> u64 {
        let at = self.written % self.size();
        if at + u64::from(length) > self.size() { self.written + self.size() - at } else { self.written }
    }

    /// Doubles the ring of bytes. A piece that stood inside one turn of the small ring stands inside one turn of the large one.
    fn grow_bytes(&mut self) {
        let old = self.bytes.len() as u64;
        let mut bytes = vec![0; self.bytes.len() * 2];
        let new = bytes.len() as u64;
        let mut at = self.written.saturating_sub(old);
        while at < self.written {
            let end = (at / old + 1).saturating_mul(old).min(self.written);
            let (from, to) = ((at % old) as usize, (at % new) as usize);
            let length = (end - at) as usize;
            bytes[to..to + length].copy_from_slice(&self.bytes[from..from + length]);
            at = end;
        }
        self.bytes = bytes;
        self.turn = self.written / new;
    }

    fn grow_index(&mut self) {
        let mut index = vec![None; self.index.len() * 2];
        let mask = index.len() - 1;
        for kept in self.index.iter().flatten() {
            index[kept.sequence as usize & mask] = Some(*kept);
        }
        self.index = index;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn kept(sequence: u64, now: Time) -> Kept {
        Kept::new(sequence, 0, false, now)
    }

    #[test]
    fn a_second_of_fast_video_is_kept_and_older_is_not() {
        let mut store = Store::new(VIDEO);
        let payload = |n: u64| [n as u8; 1100];
        // 400 packets a second for five seconds.
        for n in 0..2000 {
            store.keep(kept(n, Time::from_nanos(n * 2_500_000)), &payload(n));
        }
        for n in 1600..2000 {
            let (found, bytes) = store.find(n).unwrap_or_else(|| panic!("packet {n} is kept"));
            assert_eq!((found.sequence, bytes), (n, &payload(n)[..]));
        }
        assert!(store.find(200).is_none());
        assert!(store.footprint() <= VIDEO.bytes + VIDEO.packets * 128);
    }

    #[test]
    fn a_slow_stream_takes_little() {
        let mut store = Store::new(VIDEO);
        for n in 0..1000 {
            store.keep(kept(n, Time::from_millis(n * 100)), &[0; 100]);
        }
        assert!(store.footprint() < 16 << 10, "{} bytes", store.footprint());
        assert!(store.find(990).is_some());
    }

    #[test]
    fn bounds_hold_whatever_comes() {
        let mut store = Store::new(AUDIO);
        for n in 0..5000 {
            store.keep(kept(n, Time::ZERO), &[1; 1400]);
        }
        assert!(store.footprint() <= AUDIO.bytes + AUDIO.packets * 128);
        let (_, bytes) = store.find(4999).expect("the newest is kept");
        assert_eq!(bytes, [1; 1400]);
        store.keep(kept(5000, Time::ZERO), &vec![0; 70_000]);
        assert!(store.find(5000).is_none());
    }

    #[test]
    fn late_packets_find_their_place() {
        let mut store = Store::new(VIDEO);
        for n in [10u64, 12, 13, 11] {
            store.keep(kept(n, Time::from_millis(n)), &[n as u8]);
        }
        assert_eq!(store.find(11).expect("kept").1, [11]);
        assert!(store.find(9).is_none());
    }
}
