//! What one seat does by itself from time to time: reports, questions for what is missing, padding, its transport's deadlines.

use core::time::Duration;

use centrale_model::Time;

use super::Sfu;
use super::seat::{REPORTS, Seat};
use crate::forward::Carries;
use crate::outbox::Outbox;
use crate::peer::RTCP_ROOM;
use crate::rtcp::{Report, write};
use crate::timers::Part;

/// The most numbers in one NACK: it fits into one datagram even when none are neighbours.
const MAX_NACK: usize = 200;

/// Time between the bursts of a probe.
const PROBE_BURST: Duration = Duration::from_millis(5);

impl Sfu {
    /// A seat's deadline has come.
    pub(super) fn serve(&mut self, index: u32, now: Time) {
        let Some(seat) = self.seat_mut(index) else { return };
        if seat.peer.timeout().is_some_and(|(at, _)| at <= now) {
            seat.peer.handle_timeout(now);
            self.drain(index, now);
        }
        if self.seat(index).is_some_and(Seat::is_connected) {
            self.release(index, now);
            self.play_echo(index, now);
            self.ask(index, now);
            self.report_arrivals(index, now);
            self.report(index, now);
            self.probe(index, now);
        }
        self.schedule(index);
    }

    /// Wants the seat to be served at the earliest of its deadlines.
    fn schedule(&mut self, index: u32) {
        let Some(seat) = self.seats.get_mut(index as usize).and_then(Option::as_deref_mut) else { return };
        let mut next = seat.peer.timeout().map_or(Time::FOREVER, |(at, _)| at);
        if seat.is_connected() {
            next = next.min(seat.reports_at);
            let soon = [
                seat.pacer.due(),
                seat.arrivals.due(),
                seat.echo.as_ref().and_then(|echo| echo.due()),
                seat.probe.map(|(_, _, at)| at),
            ];
            next = soon.into_iter().flatten().fold(next, Time::min);
            for track in &seat.incoming {
                let Some(track) = self.tracks.get_mut(*track as usize).and_then(Option::as_deref_mut) else { continue };
                next = track.streams().filter_map(|(_, layer)| layer.due()).fold(next, Time::min);
            }
        }
        self.timers.want(Part::Seat(index), &mut seat.wake, next);
    }

    /// Only the transport's deadline may have changed.
    pub(super) fn follow_transport(&mut self, index: u32) {
        let Some(seat) = self.seats.get_mut(index as usize).and_then(Option::as_deref_mut) else { return };
        if let Some((at, _)) = seat.peer.timeout() {
            self.timers.want(Part::Seat(index), &mut seat.wake, at);
        }
    }

    /// Asks a sender for what is missing and for key pictures.
    fn ask(&mut self, index: u32, now: Time) {
        let Some(seat) = self.seats.get_mut(index as usize).and_then(Option::as_deref_mut) else { return };
        let (out, numbers) = (&mut self.scratch.rtcp, &mut self.scratch.numbers);
        out.clear();
        for track in &seat.incoming {
            let Some(track) = self.tracks.get_mut(*track as usize).and_then(Option::as_deref_mut) else { continue };
            for (_, layer) in track.streams().filter(|(_, layer)| layer.due().is_some_and(|at| at <= now)) {
                numbers.clear();
                layer.ask_missing(MAX_NACK, now, |number| numbers.push(number));
                if out.is_empty() {
                    write::receiver_report(out, seat.ssrc, &[]);
                }
                if !numbers.is_empty() {
                    write::nack(out, seat.ssrc, layer.ssrc, numbers);
                }
                if layer.ask_key(now) {
                    write::pli(out, seat.ssrc, layer.ssrc);
                }
                send(&mut seat.peer, out, &mut self.outbox);
            }
        }
    }

    /// Transport-wide feedback for a sender.
    fn report_arrivals(&mut self, index: u32, now: Time) {
        let Some(seat) = self.seats.get_mut(index as usize).and_then(Option::as_deref_mut) else { return };
        if seat.arrivals.due().is_none_or(|at| at > now) {
            return;
        }
        let out = &mut self.scratch.rtcp;
        out.clear();
        let media = seat.incoming.iter().find_map(|track| {
            let track = self.tracks.get_mut(*track as usize)?.as_deref_mut()?;
            let (_, layer) = track.streams().next()?;
            Some(layer.ssrc)
        });
        let (peer, outbox, ssrc) = (&mut seat.peer, &mut self.outbox, seat.ssrc);
        // A compound packet begins with a report, unless reduced-size ones are agreed (RFC 5506).
        let is_reduced = peer.negotiated().is_reduced_rtcp;
        let head = |out: &mut Vec<u8>| {
            if !is_reduced {
                write::receiver_report(out, ssrc, &[]);
            }
        };
        head(out);
        seat.arrivals.report(ssrc, media.unwrap_or(0), out, |out| {
            send(peer, out, outbox);
            head(out);
        });
    }

    /// Sender and receiver reports.
    fn report(&mut self, index: u32, now: Time) {
        let ntp = self.ntp(now);
        let Some(seat) = self.seats.get_mut(index as usize).and_then(Option::as_deref_mut) else { return };
        if seat.reports_at > now {
            return;
        }
        seat.reports_at = now + REPORTS;
        let mut blocks = [Report::default(); write::MAX_REPORTS];
        let mut count = 0;
        for track in &seat.incoming {
            let Some(track) = self.tracks.get_mut(*track as usize).and_then(Option::as_deref_mut) else { continue };
            let kind = track.kind;
            for (_, layer) in track.streams().filter(|(_, layer)| layer.is_active(kind, now)) {
                if count == blocks.len() {
                    break;
                }
                let block = layer.report();
                let (last_report, delay) = layer.reported.map_or((0, 0), |reported| {
                    let delay = ((now - reported.at).as_nanos() << 16) / 1_000_000_000;
                    ((reported.ntp >> 16) as u32, u32::try_from(delay).unwrap_or(u32::MAX))
                });
                blocks[count] = Report {
                    ssrc: layer.ssrc,
                    fraction_lost: block.fraction_lost,
                    lost: block.lost,
                    highest_sequence: block.highest,
                    jitter: block.jitter,
                    last_report,
                    delay,
                };
                count += 1;
            }
        }
        let out = &mut self.scratch.rtcp;
        out.clear();
        let mut rest = &blocks[..count];
        for slot in seat.slots.iter().filter(|slot| slot.carries() != Carries::Nothing) {
            if let Some(info) = slot.report(ntp, now) {
                write::sender_report(out, slot.stream.ssrc, &info, rest);
                rest = &[];
            }
        }
        if !rest.is_empty() {
            write::receiver_report(out, seat.ssrc, rest);
        }
        if !out.is_empty() {
            send(&mut seat.peer, out, &mut self.outbox);
        }
    }

    /// Begins a probe when one is due, and sends the next burst of it.
    fn probe(&mut self, index: u32, now: Time) {
        let Some(seat) = self.seat_mut(index) else { return };
        if seat.probe.is_none() {
            let wanted = seat.wanted;
            seat.probe = seat.estimator.probe(wanted, now).map(|cluster| (cluster, cluster.bytes, now));
        }
        let Some((cluster, left, at)) = seat.probe else { return };
        if at > now {
            return;
        }
        let burst = (cluster.rate.bytes_per_second() as f64 * PROBE_BURST.as_secs_f64()) as usize;
        let sent = self.pad(index, cluster.number, left.min(burst.max(600)), now);
        let Some(seat) = self.seat_mut(index) else { return };
        let left = left.saturating_sub(sent);
        seat.probe = (sent > 0 && left > 0).then_some((cluster, left, now + PROBE_BURST));
    }
}

/// Seals a compound packet into the outbox and empties it.
fn send(peer: &mut crate::peer::Peer, out: &mut Vec<u8>, outbox: &mut Outbox) {
    if let Some(to) = peer.path() {
        let buffer = outbox.room(out.len() + RTCP_ROOM);
        buffer[..out.len()].copy_from_slice(out);
        if let Some(length) = peer.seal_rtcp(buffer, out.len()) {
            outbox.push(to, length);
        }
    }
    out.clear();
}
