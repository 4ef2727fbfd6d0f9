//! RTCP comes in: reports, what receivers miss, what they wish.

use core::time::Duration;

use centrale_model::{Bitrate, Time};

use super::Sfu;
use crate::forward::Carries;
use crate::receive::Reported;
use crate::rtcp::{Packet, Report, SenderInfo, packets};

/// The most numbers of one NACK that are looked at. A browser asks for at most a few dozen at a time.
const MAX_NACKS: usize = 512;

impl Sfu {
    pub(super) fn take_rtcp(&mut self, index: u32, compound: &[u8], now: Time) {
        let mut has_feedback = false;
        for packet in packets(compound) {
            match packet {
                Packet::SenderReport { ssrc, info, reports } => {
                    self.take_info(index, ssrc, &info, now);
                    reports.for_each(|report| self.take_report(index, &report, now));
                }
                Packet::ReceiverReport { reports, .. } => {
                    reports.for_each(|report| self.take_report(index, &report, now));
                }
                Packet::Nack { media, missing } => {
                    if let Some(slot) = self.seat(index).and_then(|seat| seat.slot_of(media)) {
                        self.repeat(index, slot, missing.take(MAX_NACKS), now);
                    }
                }
                Packet::Pli { media } => self.take_wish(index, media, now),
                Packet::Fir(wishes) => wishes.take(32).for_each(|(media, _)| self.take_wish(index, media, now)),
                Packet::Remb(remb) => {
                    if let Some(seat) = self.seat_mut(index) {
                        seat.estimator.set_remb(Bitrate(remb.bitrate));
                        has_feedback = true;
                    }
                }
                Packet::TransportFeedback(feedback) => {
                    let Some(seat) = self.seat_mut(index) else { return };
                    for arrival in feedback.arrivals() {
                        seat.estimator.feedback(arrival.sequence, arrival.at);
                    }
                    seat.estimator.feedback_ends(now);
                    has_feedback = true;
                }
                Packet::Description | Packet::Goodbye(_) | Packet::Unknown { .. } => {}
            }
        }
        if has_feedback {
            self.follow_estimate(index, now);
        }
    }

    fn take_info(&mut self, index: u32, ssrc: u32, info: &SenderInfo, now: Time) {
        let Some(seat) = self.seats[index as usize].as_deref() else { return };
        for track in &seat.incoming {
            let Some(track) = self.tracks.get_mut(*track as usize).and_then(Option::as_deref_mut) else { continue };
            if let Some((_, layer)) = track.streams().find(|(_, layer)| layer.ssrc == ssrc) {
                layer.reported = Some(Reported { ntp: info.ntp, timestamp: info.timestamp, at: now });
            }
        }
    }

    fn take_report(&mut self, index: u32, report: &Report, now: Time) {
        let middle = (self.ntp(now) >> 16) as u32;
        let Some(seat) = self.seat_mut(index) else { return };
        let Some(slot) = seat.slot_of(report.ssrc) else { return };
        if let Some(trip) = report.round_trip(middle) {
            let trip = Duration::from_nanos((u64::from(trip) * 1_000_000_000) >> 16);
            seat.estimator.set_round_trip(trip.min(Duration::from_secs(5)));
        }
        let packets = seat.slots[slot].packets_since_report();
        seat.estimator.report(report.fraction_lost, packets, now);
        if seat.slots[slot].carries() == Carries::Mix {
            let (index, who) = (seat.conference, seat.participant);
            let percent = (u32::from(report.fraction_lost) * 100 / 256) as u8;
            if let Some(conference) = self.conference_mut(index) {
                conference.mixing.audio.with(move |mixer| mixer.set_loss(who, percent));
            }
        }
    }

    /// A receiver cannot go on without a key picture: the sender of what the slot carries is asked.
    fn take_wish(&mut self, index: u32, media: u32, now: Time) {
        let Some(seat) = self.seat(index) else { return };
        let Some(slot) = seat.slot_of(media).map(|slot| &seat.slots[slot]) else { return };
        let (Carries::Track(track), Some(layer)) = (slot.carries(), slot.current().or(slot.target())) else { return };
        let who = seat.participant;
        match self.track(track).and_then(|track| track.made_by) {
            None => self.want_key(track, layer, now),
            Some(conference) => {
                if let Some(conference) = self.conference_mut(conference) {
                    conference.mixing.video.with(move |composer| composer.request_key_frame(who));
                }
            }
        }
    }

    /// Asks the sender of a track for a key picture, as soon as that is due.
    pub(super) fn want_key(&mut self, track: u32, layer: u8, now: Time) {
        let Some(track) = self.track_mut(track) else { return };
        track.want_key(layer);
        let due = track.layer(layer).and_then(|layer| layer.due());
        let seat = track.seat;
        if let Some(due) = due {
            self.wake_seat(seat, due.max(now));
        }
    }
}
