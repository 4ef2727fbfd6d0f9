//! The end of a batch: each receiver gets its share of what came, as runs of packets of equal length.

use core::net::SocketAddr;

use centrale_model::Time;

use super::seat::Seat;
use super::{Scratch, Sfu, Stats};
use crate::forward::{Carries, Passed};
use crate::outbox::Outbox;
use crate::pacer::Waiting;
use crate::peer::RTP_ROOM;
use crate::receive::{Kept, Track};
use crate::rtp::{ExtensionIds, Extensions, Header, MAX_HEADER};
use crate::sdp::Kind;
use crate::timers::Part;

/// A slot of a receiver that has something to do: seat, slot and track.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Work {
    seat: u32,
    slot: u8,
    track: u32,
}

/// Size of a padding packet's payload, in bytes: what its count byte can say.
const PADDING: usize = 255;

impl Sfu {
    /// Sends what is pending.
    pub(super) fn forward(&mut self, now: Time, send: &mut impl FnMut(SocketAddr, &[u8], usize)) {
        if self.dirty.is_empty() {
            return;
        }
        let mut scratch = core::mem::take(&mut self.scratch);
        scratch.work.clear();
        for track in &self.dirty {
            let Some(subscribers) = self.track(*track).map(|track| &track.subscribers) else { continue };
            scratch.work.extend(subscribers.iter().map(|to| Work { seat: to.seat, slot: to.slot, track: *track }));
        }
        if self.dirty.len() > 1 {
            // One receiver's packets of all tracks leave together.
            scratch.work.sort_unstable();
        }
        let Scratch { run, work, .. } = &mut scratch;
        for share in work.chunk_by(|one, other| one.seat == other.seat) {
            self.forward_to(share, run, now);
            run.drain(&mut *send);
        }
        self.scratch = scratch;
        self.hear(now);
        for track in core::mem::take(&mut self.dirty) {
            if let Some(track) = self.track_mut(track) {
                track.pending.clear();
            }
        }
    }

    /// One receiver's share.
    fn forward_to(&mut self, share: &[Work], run: &mut Outbox, now: Time) {
        let Some(first) = share.first() else { return };
        let Some(seat) = self.seats.get_mut(first.seat as usize).and_then(Option::as_deref_mut) else { return };
        let Some(to) = seat.peer.path().filter(|_| seat.is_connected()) else { return };
        for work in share {
            let Some(track) = self.tracks.get(work.track as usize).and_then(Option::as_deref) else { continue };
            for (layer, sequence) in &track.pending {
                let packet = Waiting { slot: work.slot, layer: *layer, track: work.track, sequence: *sequence };
                if track.kind == Kind::Video {
                    let Some(slot) = seat.slots.get(usize::from(work.slot)) else { break };
                    if slot.current() != Some(*layer) && slot.target() != Some(*layer) {
                        continue;
                    }
                    if seat.pacer.is_waiting() || !seat.pacer.is_open(now) {
                        self.stats.paced += 1;
                        self.stats.overdue += u64::from(!seat.pacer.wait(packet));
                        continue;
                    }
                }
                pass(seat, track, packet, to, run, &mut self.stats, now);
            }
        }
        if let Some(due) = seat.pacer.due() {
            self.timers.want(Part::Seat(first.seat), &mut seat.wake, due);
        }
    }

    /// Sends what waited in a receiver's pacer and may leave.
    pub(super) fn release(&mut self, index: u32, now: Time) {
        let Some(seat) = self.seats.get_mut(index as usize).and_then(Option::as_deref_mut) else { return };
        let Some(to) = seat.peer.path() else { return };
        while let Some(packet) = seat.pacer.next(now) {
            if let Some(track) = self.tracks.get(packet.track as usize).and_then(Option::as_deref) {
                pass(seat, track, packet, to, &mut self.outbox, &mut self.stats, now);
            }
        }
    }

    /// Sends packets again that a receiver misses.
    ///
    /// - `slot`: index of the slot whose numbers these are.
    pub(super) fn repeat(&mut self, index: u32, slot: usize, missing: impl Iterator<Item = u16>, now: Time) {
        let Some(seat) = self.seats.get_mut(index as usize).and_then(Option::as_deref_mut) else { return };
        let Some(to) = seat.peer.path() else { return };
        let round_trip = seat.estimator.round_trip();
        let estimate = seat.estimator.estimate();
        for number in missing {
            let Some(repeated) = seat.slots[slot].repeat(number, round_trip, now) else {
                self.stats.not_repeated += 1;
                continue;
            };
            let source = repeated.again.source;
            let found = self
                .tracks
                .get(source.track as usize)
                .and_then(Option::as_deref)
                .and_then(|track| track.layer(source.layer)?.find_low(repeated.again.sequence));
            let Some((kept, payload)) = found.filter(|(_, p)| seat.repairs.spend(p.len() + 40, estimate, now)) else {
                self.stats.not_repeated += 1;
                continue;
            };
            let header = Header {
                is_marked: kept.is_marked,
                payload_type: repeated.payload_type,
                sequence: repeated.sequence,
                timestamp: kept.timestamp.wrapping_add(source.timestamp_offset),
                ssrc: repeated.ssrc,
                extensions: Extensions { orientation: kept.orientation, ..Extensions::default() },
            };
            // RFC 4588 §4: the original number, then the original payload.
            let body = Body {
                front: &number.to_be_bytes(),
                payload,
                padding: 0,
                ids: seat.slots[slot].extensions,
                feeds_back: seat.slots[slot].feeds_back(),
                kept: Some((kept, repeated.again.picture_offset, source.tl0_offset)),
            };
            if write(seat, header, &body, 0, to, &mut self.outbox, now).is_some() {
                self.stats.repeated += 1;
            }
        }
    }

    /// Sends padding of a probe: at most `bytes`; gives how many were sent.
    pub(super) fn pad(&mut self, index: u32, cluster: u8, bytes: usize, now: Time) -> usize {
        let Some(seat) = self.seats.get_mut(index as usize).and_then(Option::as_deref_mut) else { return 0 };
        let Some(to) = seat.peer.path() else { return 0 };
        let mut sent = 0;
        while sent < bytes {
            let mut feeding = seat.slots.iter_mut().filter(|slot| slot.feeds_back());
            let Some((header, ids)) = feeding.find_map(|slot| Some((slot.padding()?, slot.extensions))) else { break };
            let body = Body { front: &[], payload: &[], padding: PADDING, ids, feeds_back: true, kept: None };
            let Some(length) = write(seat, header, &body, cluster, to, &mut self.outbox, now) else { break };
            sent += length;
            self.stats.padding += 1;
        }
        sent
    }
}

/// Passes one packet on to one receiver.
fn pass(
    seat: &mut Seat,
    track: &Track,
    packet: Waiting,
    to: SocketAddr,
    out: &mut Outbox,
    stats: &mut Stats,
    now: Time,
) {
    let Some(slot) = seat.slots.get_mut(usize::from(packet.slot)) else { return };
    if slot.carries() != Carries::Track(packet.track) {
        return; // The slot was given to another while the packet waited.
    }
    let Some(layer) = track.layer(packet.layer) else { return };
    let Some((kept, payload)) = layer.find(packet.sequence) else { return };
    let before = slot.current().filter(|current| *current != packet.layer).and_then(|current| track.layer(current));
    let Some(passed) = slot.forward(kept, packet.layer, layer, before, now) else { return };
    stats.forwarded += u64::from(send_passed(seat, packet.slot, kept, payload, passed, to, out, now));
    if passed.is_late_beginning {
        // The first packet of a key picture came last: what came before it was passed over and follows. Those that are pending go
        // with it; the slot's memory sees to it that none is sent twice.
        for sequence in packet.sequence + 1..=layer.highest() {
            let Some((kept, payload)) = layer.find(sequence) else { continue };
            let Some(slot) = seat.slots.get_mut(usize::from(packet.slot)) else { return };
            let Some(passed) = slot.forward(kept, packet.layer, layer, None, now) else { continue };
            stats.forwarded += u64::from(send_passed(seat, packet.slot, kept, payload, passed, to, out, now));
        }
    }
}

/// Sends a packet that was made here, or recorded, on a receiver's first audio slot.
///
/// - `begins`: it is the first of its source.
pub(super) fn write_generated(seat: &mut Seat, kept: &Kept, payload: &[u8], begins: bool, out: &mut Outbox, now: Time) {
    let Some(to) = seat.peer.path() else { return };
    let Some(at) = seat.slots.iter().position(|slot| slot.kind == Kind::Audio) else { return };
    let line = usize::from(seat.slots[at].line.0);
    let Some(codec) = seat.peer.negotiated().lines.get(line).and_then(|line| line.codecs.first()) else { return };
    if let Some(passed) = seat.slots[at].generate(kept, codec, begins, now) {
        send_passed(seat, at as u8, kept, payload, passed, to, out, now);
    }
}

#[expect(
    clippy::too_many_arguments,
    reason = "the innermost step of the hot path: a struct would be filled for each packet"
)]
#[inline]
fn send_passed(
    seat: &mut Seat,
    slot: u8,
    kept: &Kept,
    payload: &[u8],
    passed: Passed,
    to: SocketAddr,
    out: &mut Outbox,
    now: Time,
) -> bool {
    let slot = &seat.slots[usize::from(slot)];
    let header = Header {
        is_marked: passed.is_marked,
        payload_type: slot.payload_type(),
        sequence: passed.numbers.sequence,
        timestamp: passed.numbers.timestamp,
        ssrc: slot.stream.ssrc,
        extensions: Extensions { audio_level: kept.level, orientation: kept.orientation, ..Extensions::default() },
    };
    let (feeds_back, ids) = (slot.feeds_back(), slot.extensions);
    let kept = Some((kept, passed.numbers.picture_offset, passed.numbers.tl0_offset));
    write(seat, header, &Body { front: &[], payload, padding: 0, ids, feeds_back, kept }, 0, to, out, now).is_some()
}

/// What stands behind a header.
struct Body<'a> {
    front: &'a [u8],
    payload: &'a [u8],
    /// Bytes of padding, the count included; less than 256.
    padding: usize,
    /// Numbers of the header extensions.
    ids: ExtensionIds,
    /// Whether it takes a transport-wide number.
    feeds_back: bool,
    /// What was seen in the payload, and what is added to VP8's numbers in the copy.
    kept: Option<(&'a Kept, u16, u8)>,
}

/// Writes a packet behind the others of its run and seals it there; gives its length.
#[inline]
fn write(
    seat: &mut Seat,
    mut header: Header,
    body: &Body<'_>,
    cluster: u8,
    to: SocketAddr,
    out: &mut Outbox,
    now: Time,
) -> Option<usize> {
    let inside = body.front.len() + body.payload.len() + body.padding;
    if body.feeds_back && seat.estimator.has_feedback() {
        header.extensions.transport_sequence = Some(seat.estimator.sent(inside + 36, cluster, now));
    } else {
        header.extensions.absolute_send_time = Some(send_time(now));
    }
    let buffer = out.room(MAX_HEADER + inside + RTP_ROOM);
    let begin = header.write(&[], &body.ids, buffer)?;
    let front = begin + body.front.len();
    let end = front + body.payload.len();
    buffer[begin..front].copy_from_slice(body.front);
    buffer[front..end].copy_from_slice(body.payload);
    if let Some((kept, picture, tl0)) = body.kept
        && let Some(numbers) = kept.picture.vp8
    {
        let (_, id, _) = numbers.picture_id.unwrap_or_default();
        let (_, index) = numbers.tl0.unwrap_or_default();
        numbers.patch(&mut buffer[front..end], id.wrapping_add(picture), index.wrapping_add(tl0));
    }
    let mut length = end;
    if body.padding > 0 {
        length = end + body.padding;
        buffer[end..length].fill(0);
        buffer[length - 1] = body.padding as u8;
        buffer[0] |= 0x20;
    }
    let sealed = seat.peer.seal_rtp(buffer, length)?;
    seat.pacer.spend(sealed);
    out.push(to, sealed);
    Some(sealed)
}

/// 24 bits of seconds with 18 bits behind the point.
fn send_time(now: Time) -> u32 {
    ((u128::from(now.as_nanos()) << 18) / 1_000_000_000) as u32 & 0x00ff_ffff
}
