//! The packets of one voice, in order, until they are played.
//!
//! A ring of [`CAPACITY`] packets by sequence number. It says whether a packet is new, keeps it, learns its lateness, and gives the oldest one
//! back. What is played when is the business of [`super::voice`].

use super::delay::Delay;

/// Packets that are kept: 1.28 s of 20 ms packets. When more come unplayed, the oldest make room.
const CAPACITY: usize = 64;

/// The longest payload that is kept, in bytes: more than the longest Opus packet of three frames; longer ones are dropped.
const MAX_PAYLOAD: usize = 1500;

/// A jump of sequence numbers beyond which a stream begins anew (RFC 3550 appendix A.1 tolerates 3000 forward; at 50 packets a second, ten
/// seconds are over here).
const MAX_JUMP: i64 = 500;

#[derive(Debug, Default)]
pub(crate) struct Packet {
    /// Sequence number, extended so that it does not wrap.
    pub(crate) sequence: i64,
    /// Media time of its first sample, in samples of 48 kHz, extended so that it does not wrap.
    pub(crate) media: i64,
    /// Whether the sender called it silence.
    pub(crate) is_silent: bool,
    pub(crate) payload: Vec<u8>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Pushed {
    Kept,
    /// It came too late or twice.
    Discarded,
    /// The stream began anew; everything before is gone.
    Restarted,
}

#[derive(Debug)]
pub(crate) struct Jitter {
    /// Slot `sequence % CAPACITY`; taken when the flag is set.
    slots: Vec<(bool, Packet)>,
    kept: usize,
    /// Newest sequence and media time, against which wrapping numbers are extended.
    newest: Option<(i64, i64)>,
    /// Everything below was played or given up.
    next: i64,
    /// 48 kHz samples in one unit of the RTP clock.
    scale: i64,
    delay: Delay,
}

impl Jitter {
    pub(crate) fn new(scale: i64) -> Jitter {
        Jitter { slots: Vec::new(), kept: 0, newest: None, next: i64::MIN, scale, delay: Delay::new() }
    }

    /// Takes a packet; `arrival` in samples of 48 kHz.
    pub(crate) fn push(
        &mut self,
        sequence: u16,
        timestamp: u32,
        is_silent: bool,
        payload: &[u8],
        arrival: i64,
    ) -> Pushed {
        if payload.len() > MAX_PAYLOAD {
            return Pushed::Discarded;
        }
        let mut pushed = Pushed::Kept;
        let (mut extended, mut media) = self.extend(sequence, timestamp);
        let is_strange = self.newest.is_some_and(|(newest, time)| {
            // Ten seconds is also the bound for times.
            (extended - newest).abs() > MAX_JUMP || (media - time).abs() > MAX_JUMP * 960 + 48_000 * 120
        });
        if is_strange {
            *self = Jitter { slots: core::mem::take(&mut self.slots), ..Jitter::new(self.scale) };
            for slot in &mut self.slots {
                slot.0 = false;
            }
            (extended, media) = self.extend(sequence, timestamp);
            pushed = Pushed::Restarted;
        }
        self.delay.arrived(arrival, media);
        if self.newest.is_none_or(|(newest, _)| extended > newest) {
            self.newest = Some((extended, media));
        }
        if self.slots.is_empty() {
            self.slots.resize_with(CAPACITY, Default::default);
        }
        if extended < self.next {
            return Pushed::Discarded;
        }
        let place = extended.rem_euclid(CAPACITY as i64) as usize;
        let (is_taken, packet) = &mut self.slots[place];
        if *is_taken && packet.sequence >= extended {
            return Pushed::Discarded;
        }
        if !*is_taken {
            self.kept += 1;
        }
        *is_taken = true;
        packet.sequence = extended;
        packet.media = media;
        packet.is_silent = is_silent;
        packet.payload.clear();
        packet.payload.extend_from_slice(payload);
        // Whatever is a whole ring older cannot be found any more.
        self.forget_below(extended - CAPACITY as i64 + 1);
        pushed
    }

    /// The oldest packet that was not played.
    pub(crate) fn head(&self) -> Option<&Packet> {
        if self.kept == 0 {
            return None;
        }
        let (newest, _) = self.newest?;
        let first = self.next.max(newest - CAPACITY as i64 + 1);
        (first..=newest).find_map(|sequence| {
            let (is_taken, packet) = &self.slots[sequence.rem_euclid(CAPACITY as i64) as usize];
            (*is_taken && packet.sequence == sequence).then_some(packet)
        })
    }

    /// Takes the oldest packet out, into `packet`; gives whether there was one.
    pub(crate) fn take(&mut self, into: &mut Packet) -> bool {
        let Some(sequence) = self.head().map(|packet| packet.sequence) else { return false };
        let (is_taken, packet) = &mut self.slots[sequence.rem_euclid(CAPACITY as i64) as usize];
        *is_taken = false;
        core::mem::swap(packet, into);
        self.kept -= 1;
        self.next = sequence + 1;
        true
    }

    pub(crate) fn delay(&self) -> &Delay {
        &self.delay
    }

    /// Throws everything away that was not played.
    pub(crate) fn clear(&mut self) {
        if let Some((newest, _)) = self.newest {
            self.forget_below(newest + 1);
            self.next = newest + 1;
        }
    }

    fn forget_below(&mut self, bound: i64) {
        if bound <= self.next {
            return;
        }
        if self.kept > 0 {
            for (is_taken, packet) in &mut self.slots {
                if *is_taken && packet.sequence < bound {
                    *is_taken = false;
                    self.kept -= 1;
                }
            }
        }
        if self.next > i64::MIN {
            self.next = bound;
        }
    }

    /// The numbers without wrapping: those nearest to the newest ones.
    fn extend(&self, sequence: u16, timestamp: u32) -> (i64, i64) {
        match self.newest {
            None => (i64::from(sequence), i64::from(timestamp) * self.scale),
            Some((newest, media)) => {
                let step = sequence.wrapping_sub(newest as u16) as i16;
                // The media time is a whole number of units, since it only ever came from them.
                let units = media / self.scale;
                let turn = timestamp.wrapping_sub(units as u32) as i32;
                (newest + i64::from(step), (units + i64::from(turn)) * self.scale)
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn order(jitter: &mut Jitter) -> Vec<(i64, i64)> {
        let mut packet = Packet::default();
        let mut order = Vec::new();
        while jitter.take(&mut packet) {
            order.push((packet.sequence, packet.media));
        }
        order
    }

    #[test]
    fn packets_come_out_in_order_and_once_across_the_wrap() {
        let mut jitter = Jitter::new(1);
        let pushed = [0_u16, 2, 1, 1, 5, 3].map(|n| {
            let sequence = 65_534_u16.wrapping_add(n);
            let timestamp = (u32::MAX - 959).wrapping_add(u32::from(n) * 960);
            jitter.push(sequence, timestamp, false, &[1], i64::from(n) * 960)
        });
        use Pushed::{Discarded, Kept};
        assert_eq!(pushed, [Kept, Kept, Kept, Discarded, Kept, Kept]);
        let base = i64::from(u32::MAX - 959);
        let expected: Vec<(i64, i64)> = [0, 1, 2, 3, 5].map(|n| (65_534 + n, base + n * 960)).to_vec();
        assert_eq!(order(&mut jitter), expected);
        assert_eq!(jitter.push(65_535, 0, false, &[1], 0), Pushed::Discarded);
        assert!(jitter.head().is_none());
    }

    #[test]
    fn a_full_ring_keeps_the_newest() {
        let mut jitter = Jitter::new(1);
        for n in 0..200_u16 {
            jitter.push(n, u32::from(n) * 960, false, &[1], i64::from(n) * 960);
        }
        let order = order(&mut jitter);
        assert_eq!(order.len(), CAPACITY);
        assert_eq!(order[0].0, 136);
    }

    #[test]
    fn a_jump_begins_a_stream_anew() {
        let mut jitter = Jitter::new(1);
        jitter.push(10, 960, false, &[1], 0);
        assert_eq!(jitter.push(30_000, 5_000_000, false, &[2], 960), Pushed::Restarted);
        assert_eq!(order(&mut jitter), [(30_000, 5_000_000)]);
    }

    #[test]
    fn a_slower_clock_is_scaled() {
        let mut jitter = Jitter::new(6);
        jitter.push(1, 1000, false, &[1], 0);
        jitter.push(2, 1160, false, &[1], 960);
        assert_eq!(order(&mut jitter), [(1, 6000), (2, 6960)]);
    }
}
