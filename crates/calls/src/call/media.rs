//! Whether media flows: what the legs' clients say of it, and what follows when it does not.

use core::time::Duration;

use centrale_model::{EndReason, LegId, Time};

use super::{CALLER, Call, Conference, Phase};
use crate::leg::Connected;
use crate::{Fact, Leg, MediaReport, Why};

/// How long a verdict on media waits at least for a side that is away: it comes back or its own window ends.
///
/// Guards against a loop when `Timers::media_setup` is zero.
const LEAST_PATIENCE: Duration = Duration::from_secs(1);

impl Call {
    /// A connected leg's client says how its media path is.
    pub(super) fn media(&mut self, id: LegId, report: MediaReport) {
        let Some(connected) = self.leg_mut(id).and_then(Leg::connected_mut) else {
            return;
        };
        if connected.media.replace(report) == Some(report) {
            return;
        }
        connected.had_media |= report == MediaReport::Connected;
        let had_media_here = connected.had_media;
        self.record(Fact::Media(id, report));
        match self.conference {
            Conference::No => {}
            // It may be about either peer connection: the media processor's word counts, and a deadline of its own.
            Conference::Convening => return,
            Conference::Held => return self.seat_media(id, report),
        }
        match report {
            MediaReport::Connected => {
                self.phase = Phase::Talking { had_media: true };
                self.deadlines.clear(Why::MediaSetup);
                self.deadlines.clear(Why::MediaLost(id));
                for other in self.legs_without_path() {
                    self.await_mending(other);
                }
            }
            MediaReport::Interrupted => self.await_mending(id),
            MediaReport::Failed if self.deadlines.at(Why::MediaSetup).is_some() => {
                if self.all_gave_up() && !self.is_somebody_away() {
                    self.end_connected(self.setup_failure());
                }
            }
            MediaReport::Failed if self.is_somebody_away() => self.await_mending(id),
            MediaReport::Failed if had_media_here => self.end_connected(EndReason::NETWORK_LOST),
            MediaReport::Failed => self.end_connected(self.no_path()),
        }
    }

    /// A fresh peer connection is described: what was said of the one before no longer counts.
    pub(super) fn rebuild_media(&mut self) {
        if !self.is_connected() {
            return;
        }
        for id in self.connected_legs() {
            self.deadlines.clear(Why::MediaLost(id));
            if let Some(connected) = self.leg_mut(id).and_then(Leg::connected_mut) {
                connected.media = None;
            }
        }
        self.deadlines.set(Why::MediaSetup, self.now + self.timers.media_setup);
    }

    /// A leg is back: a path that broke meanwhile gets time to be mended.
    pub(super) fn extend_mending(&mut self) {
        let least = self.patience();
        for id in self.connected_legs() {
            if let Some(at) = self.deadlines.at(Why::MediaLost(id)) {
                self.deadlines.set(Why::MediaLost(id), at.max(least));
            }
        }
    }

    pub(super) fn media_setup_expired(&mut self) {
        let had_media = matches!(self.phase, Phase::Talking { had_media: true });
        if had_media && self.is_somebody_away() {
            self.deadlines.set(Why::MediaSetup, self.patience());
        } else {
            self.end_connected(self.setup_failure());
        }
    }

    /// While a side is away, its own window decides.
    pub(super) fn media_lost_expired(&mut self, id: LegId) {
        if self.leg(id).is_some_and(|leg| leg.seat.is_some()) {
            self.seat_lost_expired(id);
        } else if self.is_somebody_away() {
            self.deadlines.set(Why::MediaLost(id), self.patience());
        } else {
            self.end_connected(EndReason::NETWORK_LOST);
        }
    }

    /// Gives an interrupted path its window, from the first moment of the interruption. While media is being set up that
    /// deadline covers it.
    pub(super) fn await_mending(&mut self, id: LegId) {
        let why = Why::MediaLost(id);
        if self.deadlines.at(Why::MediaSetup).is_none() && self.deadlines.at(why).is_none() {
            self.deadlines.set(why, self.now + self.timers.media_lost);
        }
    }

    /// Why media could not be set up.
    fn setup_failure(&self) -> EndReason {
        let lost_leg = self.legs.values().filter(|leg| leg.connected().is_some() && leg.is_lost).map(Leg::id).max();
        match (&self.phase, lost_leg) {
            (Phase::Talking { had_media: true }, _) => EndReason::NETWORK_LOST,
            (_, Some(CALLER)) => EndReason::VANISHED,
            (_, Some(_)) => EndReason::SETUP_UNFINISHED,
            (_, None) => self.no_path(),
        }
    }

    pub(super) fn no_path(&self) -> EndReason {
        if self.setup.is_relay_allowed { EndReason::NO_PATH_AT_SETUP } else { EndReason::NETWORK_MISCONFIGURED }
    }

    pub(super) fn patience(&self) -> Time {
        self.now + self.timers.media_setup.max(LEAST_PATIENCE)
    }

    pub(super) fn connected_legs(&self) -> Vec<LegId> {
        self.legs_that(crate::LegState::Connected)
    }

    pub(super) fn legs_without_path(&self) -> Vec<LegId> {
        let broken = |connected: &Connected| match connected.media {
            Some(MediaReport::Interrupted | MediaReport::Failed) => true,
            Some(MediaReport::Connected) | None => false,
        };
        self.legs.values().filter(|leg| leg.connected().is_some_and(broken)).map(Leg::id).collect()
    }

    fn is_somebody_away(&self) -> bool {
        self.legs.values().any(|leg| leg.connected().is_some() && leg.is_lost)
    }

    fn all_gave_up(&self) -> bool {
        self.legs.values().filter_map(Leg::connected).all(|connected| connected.media == Some(MediaReport::Failed))
    }
}
