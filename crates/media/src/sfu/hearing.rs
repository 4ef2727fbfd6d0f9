//! Who else than receivers hears a track: the echo test.

use centrale_model::Time;

use super::Sfu;
use super::sending::write_generated;
use crate::timers::Part;

impl Sfu {
    /// The end of a batch: what is pending is heard.
    pub(super) fn hear(&mut self, now: Time) {
        for track in &self.dirty {
            let Some(track) = self.tracks.get(*track as usize).and_then(Option::as_deref) else { continue };
            if !track.is_heard {
                continue;
            }
            let Some(seat) = self.seats.get_mut(track.seat as usize).and_then(Option::as_deref_mut) else { continue };
            let Some(echo) = seat.echo.as_deref_mut() else { continue };
            for (layer, sequence) in &track.pending {
                if let Some((kept, payload)) = track.layer(*layer).and_then(|layer| layer.find(*sequence)) {
                    echo.hear(kept, payload, now);
                }
            }
            if let Some(due) = echo.due() {
                self.timers.want(Part::Seat(track.seat), &mut seat.wake, due);
            }
        }
    }

    /// Plays what is due of an echo.
    pub(super) fn play_echo(&mut self, index: u32, now: Time) {
        let Some(seat) = self.seats.get_mut(index as usize).and_then(Option::as_deref_mut) else { return };
        let Some(mut echo) = seat.echo.take() else { return };
        while let Some((packet, begins)) = echo.play(now) {
            write_generated(seat, &packet.kept, &packet.payload, begins, &mut self.outbox, now);
        }
        seat.echo = Some(echo);
    }
}
