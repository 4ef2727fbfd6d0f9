//! A datagram comes in.

use core::net::SocketAddr;

use centrale_model::Time;

use super::Sfu;
use super::seat::NO_TRACK;
use crate::peer::{Arrived, DatagramKind, Rtp, kind, stun_username};

impl Sfu {
    pub(super) fn arrive(&mut self, from: SocketAddr, bytes: &mut [u8], now: Time) {
        let Some(index) = self.whose(from, bytes) else {
            self.stats.strangers += 1;
            return;
        };
        let Some(seat) = self.seats.get_mut(index as usize).and_then(Option::as_deref_mut) else { return };
        match seat.peer.datagram(from, bytes, now) {
            Arrived::Rtp(rtp) => {
                self.take_rtp(index, &rtp, bytes, now);
                self.drain(index, now);
            }
            Arrived::Rtcp { begin, end } => {
                if let Some(compound) = bytes.get(begin..end) {
                    self.take_rtcp(index, compound, now);
                }
                self.drain(index, now);
            }
            Arrived::Nothing => {
                self.drain(index, now);
                self.follow_transport(index);
            }
        }
    }

    /// By address; a check from an unknown one names its peer (RFC 8445 §7.2.2).
    fn whose(&self, from: SocketAddr, bytes: &[u8]) -> Option<u32> {
        if let Some(index) = self.by_address.find(from) {
            // A client behind the same address that began anew is told by the name in its checks.
            if kind(bytes) != DatagramKind::Stun {
                return Some(index);
            }
            let named = stun_username(bytes).and_then(|ufrag| self.by_ufrag.get(ufrag));
            return Some(named.copied().unwrap_or(index));
        }
        if kind(bytes) != DatagramKind::Stun {
            return None;
        }
        self.by_ufrag.get(stun_username(bytes)?).copied()
    }

    fn take_rtp(&mut self, index: u32, rtp: &Rtp, bytes: &[u8], now: Time) {
        let Some(seat) = self.seats[index as usize].as_deref_mut() else { return };
        if let Some(number) = rtp.header.extensions.transport_sequence {
            seat.arrivals.take(number, now);
            if let Some(due) = seat.arrivals.due() {
                self.timers.want(crate::timers::Part::Seat(index), &mut seat.wake, due);
            }
        }
        let Some(about) = rtp.track else { return };
        let line = usize::from(about.line.0);
        let at = seat.incoming.get(line).copied().unwrap_or(NO_TRACK);
        let (Some(track), Some(line)) =
            (self.tracks.get_mut(at as usize).and_then(Option::as_deref_mut), seat.peer.negotiated().lines.get(line))
        else {
            return;
        };
        let Some((codec, _)) = line.codec(rtp.header.payload_type) else { return };
        if !track.is_allowed {
            self.stats.forbidden += 1;
            return;
        }
        self.stats.received += 1;
        let received = track.receive(rtp, codec, bytes.get(rtp.payload()).unwrap_or_default(), now);
        if received.is_first {
            self.dirty.push(at);
        }
        if let Some(due) = received.due {
            self.timers.want(crate::timers::Part::Seat(index), &mut seat.wake, due);
        }
        let (conference, participant) = (seat.conference, seat.participant);
        if received.is_awake {
            self.stale(conference, now);
        }
        if let (Some(level), false) = (rtp.header.extensions.audio_level, about.is_repair)
            && let Some(conference) = self.conference_mut(conference)
        {
            conference.speakers.take(participant, level, now);
        }
    }
}
