//! Moving a call between two to the media processor, make before break.
//!
//! ```text
//!   No ── somebody is added, or Convene ──▶ Convening ── both are there ──▶ Held
//!    ▲                                         │  115 s, or refused
//!    └──────── nobody else is in, and the direct path works ── (else who is missing is out)
//! ```

use centrale_model::{EndReason, LegId};

use super::{Call, Conference, Phase};
use crate::leg::{Leg, Seat};
use crate::{Fact, LegState, MediaReport, Notice, Order, Why};

impl Call {
    /// Both sides are asked for a peer connection to the media processor; the one between them goes on.
    pub(super) fn convene(&mut self) {
        self.conference = Conference::Convening;
        let epoch = self.epoch.max(self.seat_epoch) + 1;
        self.seat_epoch = epoch;
        self.record(Fact::Convening);
        self.deadlines.clear(Why::MediaSetup);
        for id in self.connected_legs() {
            self.deadlines.clear(Why::MediaLost(id));
            if let Some(leg) = self.leg_mut(id) {
                leg.seat = Some(Seat { is_moving: true, ..Seat::of(epoch, Default::default()) });
            }
            let is_group = self.is_group();
            self.tell(id, Notice::Convene { epoch, is_group });
        }
        self.deadlines.set(Why::Convene, self.now + self.timers.convene);
    }

    /// Whether all who move are there: then the peer connections between them may go.
    pub(super) fn look_at_move(&mut self) {
        let moving = self.moving();
        if self.conference == Conference::Convening && moving.iter().all(|(_, is_up)| *is_up) {
            self.arrive(moving.into_iter().map(|(id, _)| id).collect());
        }
    }

    /// Time is up: whoever is there stays, if it is not alone there; else all is as before.
    pub(super) fn convene_expired(&mut self) {
        let moving = self.moving();
        let missing: Vec<LegId> = moving.iter().filter(|(_, is_up)| !is_up).map(|(id, _)| *id).collect();
        let is_third = |leg: &Leg| leg.seat.as_ref().is_some_and(|seat| !seat.is_moving && seat.is_up);
        if missing.is_empty() || self.legs.values().any(is_third) {
            self.arrive(moving.iter().filter(|(_, is_up)| *is_up).map(|(id, _)| *id).collect());
            for id in missing {
                self.seat_fails(id, EndReason::NO_MEDIA_PATH);
            }
        } else {
            self.adjourn();
        }
    }

    /// The move comes to nothing. Without a direct path that works the call is over.
    pub(super) fn adjourn(&mut self) {
        self.record(Fact::Adjourned);
        let moving = self.moving();
        let gave_up = |id: &LegId| {
            self.leg(*id).and_then(Leg::connected).is_some_and(|leg| leg.media == Some(MediaReport::Failed))
        };
        let has_path =
            matches!(self.phase, Phase::Talking { had_media: true }) && !moving.iter().any(|(id, _)| gave_up(id));
        if moving.len() != 2 || !has_path {
            return self.end_connected(EndReason::NO_MEDIA_PATH);
        }
        let before = self.talk_states();
        for (number, leg) in self.strangers() {
            match leg {
                Some(id) => self.leg_out(id, EndReason::NO_MEDIA_PATH, EndReason::NO_MEDIA_PATH),
                None => self.give_up_calling(number, EndReason::CANCELLED),
            }
        }
        self.conference = Conference::No;
        self.group = None;
        self.deadlines.clear(Why::Convene);
        self.order(Order::Close);
        let epoch = self.epoch;
        for (id, _) in moving {
            for why in [Why::Admit(id), Why::Seat(id), Why::MediaLost(id)] {
                self.deadlines.clear(why);
            }
            if let Some(leg) = self.leg_mut(id) {
                leg.seat = None;
            }
            self.tell(id, Notice::Adjourned { epoch });
        }
        for id in self.legs_without_path() {
            self.await_mending(id);
        }
        self.tell_states_after(before);
    }

    /// The call is at the media processor, with these of those who moved.
    fn arrive(&mut self, there: Vec<LegId>) {
        self.conference = Conference::Held;
        self.deadlines.clear(Why::Convene);
        self.record(Fact::Convened);
        for leg in self.legs.values_mut() {
            if let Some(seat) = &mut leg.seat {
                seat.is_moving = false;
            }
        }
        for id in there {
            if let Some(epoch) = self.epoch_of(id) {
                self.tell(id, Notice::Convened { epoch });
            }
        }
    }

    /// The two who talked directly, as far as they are still in the call, and whether each is at the media processor.
    fn moving(&self) -> Vec<(LegId, bool)> {
        let moving = self.legs.values().filter(|leg| leg.state() == LegState::Connected);
        let seats = moving.filter_map(|leg| Some((leg.id, leg.seat.as_ref()?)));
        seats.filter(|(_, seat)| seat.is_moving).map(|(id, seat)| (id, seat.is_up)).collect()
    }

    /// Who is in the call, or called, and is not one of the two: by number, with its leg once it has answered.
    fn strangers(&self) -> Vec<(u32, Option<LegId>)> {
        let moving = self.moving();
        let is_one_of_two = |leg: &Option<LegId>| leg.is_some_and(|leg| moving.iter().any(|(id, _)| *id == leg));
        let is_out = |number: u32| {
            self.participants.get(number).is_none_or(|one| one.state == centrale_model::ParticipantState::Disconnected)
        };
        let all = self.participants.iter().map(|(number, one)| (number, one.leg));
        all.filter(|(number, leg)| !is_one_of_two(leg) && !is_out(*number)).collect()
    }
}
