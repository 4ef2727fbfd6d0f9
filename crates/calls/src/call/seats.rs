//! Peer connections to the media processor: offers on their way, answers, paths that break, conferences that are lost.

use centrale_model::{EndReason, LegId, ParticipantId, ParticipantState, ReceiveMode};

use super::{Call, Conference};
use crate::leg::{Pending, Seat, Stage};
use crate::{
    Description, DescriptionKind, Fact, Form, Heard, Leg, LegState, MediaReport, Notice, Order, Refusal, Sealed,
    SeatFact, Why,
};

impl Call {
    /// A leg takes a seat with its first offer.
    pub(super) fn take_seat(&mut self, id: LegId, offer: Description, mode: ReceiveMode, in_response: bool) {
        let Some(leg) = self.leg_mut(id) else { return };
        leg.seat = Some(Seat::of(offer.epoch, mode));
        self.describe_seat(id, offer, in_response);
    }

    /// A leg that is in the call asks to join once more: with a new peer connection, or since the answer was lost.
    pub(super) fn come_back(&mut self, id: LegId, offer: Description, mode: ReceiveMode) {
        let is_repeated = self.leg(id).and_then(|leg| leg.seat.as_ref()).is_some_and(|seat| seat.epoch == offer.epoch);
        if is_repeated {
            let pending = Pending { offer: offer.sdp, is_renewal: false, in_response: true };
            self.send_offer(id, pending);
        } else {
            self.describe_seat(id, offer, true);
        }
        self.receive(id, mode);
    }

    /// An offer for the media processor: of the peer connection that is there, or of one that takes its place when it is connected.
    pub(super) fn describe_seat(&mut self, id: LegId, offer: Description, in_response: bool) {
        let Some(seat) = self.leg_mut(id).and_then(|leg| leg.seat.as_mut()) else { return };
        if offer.kind != DescriptionKind::Offer || offer.epoch < seat.epoch {
            return;
        }
        let is_renewal = offer.epoch == seat.epoch && seat.is_admitted;
        seat.epoch = offer.epoch;
        if !is_renewal {
            (seat.is_admitted, seat.is_up) = (false, false);
        }
        self.seat_epoch = self.seat_epoch.max(offer.epoch);
        self.record(Fact::Described(id, offer.kind, offer.epoch));
        self.send_offer(id, Pending { offer: offer.sdp, is_renewal, in_response });
    }

    fn send_offer(&mut self, id: LegId, pending: Pending) {
        let Some(seat) = self.leg_mut(id).and_then(|leg| leg.seat.as_mut()) else { return };
        seat.pending = Some(pending);
        self.deadlines.set(Why::Admit(id), self.now + self.timers.admit);
        self.order_pending(id);
    }

    fn order_pending(&mut self, id: LegId) {
        let Some(leg) = self.leg(id) else { return };
        let (Some(seat), Some(participant)) = (&leg.seat, self.participants.get(leg.participant)) else { return };
        let (place, epoch) = (leg.participant_id, seat.epoch);
        let Some(Pending { offer, is_renewal, .. }) = seat.pending.clone() else { return };
        let order = if is_renewal {
            Order::Describe { place, epoch, offer }
        } else {
            Order::Admit {
                place,
                epoch,
                display_name: participant.display_name.clone(),
                offer,
                rights: participant.rights(),
                mode: seat.mode,
                is_echo: self.setup.form == Form::Echo,
            }
        };
        self.order(order);
    }

    /// The media processor, or whoever carries orders there, says something.
    pub(super) fn heard(&mut self, heard: Heard) {
        if self.conference == Conference::No || self.is_over().is_some() {
            return;
        }
        match heard {
            Heard::Answered { place, epoch, answer } => self.answered(place, epoch, answer),
            Heard::Refused { place, epoch, because } => self.refused(place, epoch, because),
            Heard::Connected { place, epoch } => {
                if let Some(id) = self.seated(place, epoch) {
                    self.path_is_up(id);
                }
            }
            Heard::Interrupted(place) => {
                if let Some(id) = self.leg_at(place) {
                    self.path_breaks(id);
                }
            }
            Heard::Gone { place, epoch } => {
                if let Some(id) = self.seated(place, epoch) {
                    self.gone(id);
                }
            }
            Heard::Receives(place, mode) => {
                if let Some(id) = self.leg_at(place) {
                    self.receives(id, mode);
                }
            }
            Heard::Lost => self.conference_lost(),
            Heard::Dropped => self.repeat_orders(),
            Heard::Summary(None) => {
                if self.legs.values().filter_map(|leg| leg.seat.as_ref()).any(|seat| seat.is_admitted) {
                    self.conference_lost();
                }
            }
            Heard::Summary(Some(present)) => self.compare(&present),
        }
    }

    fn answered(&mut self, place: ParticipantId, epoch: u32, answer: Sealed) {
        let Some(id) = self.seated(place, epoch) else { return };
        let Some(leg) = self.leg_mut(id) else { return };
        let Some(seat) = &mut leg.seat else { return };
        let Some(pending) = seat.pending.take() else { return };
        seat.is_admitted = true;
        let (is_up, is_holding, stage_is_joining) = (seat.is_up, leg.is_holding(), leg.stage == Stage::Joining);
        let number = leg.participant;
        self.deadlines.clear(Why::Admit(id));
        self.record(Fact::Seat(id, SeatFact::Answered(epoch)));
        if stage_is_joining {
            self.come_in(id, pending.in_response);
        }
        if self.setup.form == Form::Echo {
            self.bot_answers();
        }
        if !pending.in_response {
            let description = Description { kind: DescriptionKind::Answer, epoch, sdp: answer };
            self.tell(id, Notice::Conference(description));
        }
        if !pending.is_renewal {
            if is_holding {
                self.order(Order::Hold(place, true));
            }
            if self.group.as_ref().is_some_and(|group| group.stage.contains(&number)) {
                self.order_spotlight();
            }
        }
        if !is_up {
            self.await_path(id);
        }
    }

    /// The echo bot is in as soon as the caller's offer is answered.
    fn bot_answers(&mut self) {
        let super::Phase::Gathering { .. } = self.phase else { return };
        self.phase = super::Phase::Talking { had_media: false };
        self.connect_caller();
        self.tell(super::CALLER, Notice::State(centrale_model::CallState::Connected));
        if let Some(bot) = self.participants.get_mut(1) {
            bot.state = ParticipantState::Connected;
            self.announce(1, None);
        }
    }

    fn refused(&mut self, place: ParticipantId, epoch: u32, because: Refusal) {
        let Some(id) = self.seated(place, epoch) else { return };
        let Some(seat) = self.leg_mut(id).and_then(|leg| leg.seat.as_mut()) else { return };
        let Some(pending) = seat.pending.take() else { return };
        let is_moving = seat.is_moving;
        self.deadlines.clear(Why::Admit(id));
        self.record(Fact::Seat(id, SeatFact::Refused(epoch, because)));
        match because {
            Refusal::Unknown if pending.is_renewal => self.convene_again(id),
            _ if is_moving => self.convene_expired(),
            Refusal::BadOffer => self.seat_fails(id, EndReason::OFFER_REFUSED),
            Refusal::Full | Refusal::Unknown | Refusal::Unreachable => self.seat_fails(id, EndReason::NO_MEDIA_PATH),
        }
    }

    fn path_is_up(&mut self, id: LegId) {
        let Some(seat) = self.leg_mut(id).and_then(|leg| leg.seat.as_mut()) else { return };
        let epoch = seat.epoch;
        if core::mem::replace(&mut seat.is_up, true) {
            return;
        }
        seat.had_media = true;
        self.record(Fact::Seat(id, SeatFact::Up(epoch)));
        self.deadlines.clear(Why::Seat(id));
        self.deadlines.clear(Why::MediaLost(id));
        self.look_at_move();
    }

    fn path_breaks(&mut self, id: LegId) {
        let Some(seat) = self.leg_mut(id).and_then(|leg| leg.seat.as_mut()) else { return };
        if core::mem::replace(&mut seat.is_up, false) {
            self.record(Fact::Seat(id, SeatFact::Interrupted));
            self.await_path(id);
        }
    }

    /// A peer connection is over at the media processor: its client is asked for another, unless one is on its way.
    fn gone(&mut self, id: LegId) {
        let Some(seat) = self.leg(id).and_then(|leg| leg.seat.as_ref()) else { return };
        if seat.pending.is_none() && (seat.is_admitted || seat.is_up) {
            let epoch = seat.epoch;
            self.record(Fact::Seat(id, SeatFact::Gone(epoch)));
            self.convene_again(id);
        }
    }

    /// The conference is gone: what is on its way goes again, whoever was there builds a new peer connection.
    ///
    /// Heard twice it changes nothing more: who was asked for a peer connection is not asked again before it offers.
    fn conference_lost(&mut self) {
        self.record(Fact::ConferenceLost);
        for (id, _) in self.seats() {
            let Some(seat) = self.leg(id).and_then(|leg| leg.seat.as_ref()) else { continue };
            match &seat.pending {
                Some(pending) if !pending.is_renewal => self.order_pending(id),
                Some(_) => self.convene_again(id),
                None if seat.is_admitted => self.convene_again(id),
                None => {}
            }
        }
    }

    /// Makes the call's picture of the conference and the conference one again, whatever was lost between them.
    fn compare(&mut self, present: &[(ParticipantId, u32, bool)]) {
        for (place, epoch, is_up) in present {
            let Some(id) = self.leg_at(*place) else {
                self.order(Order::Expel(*place));
                continue;
            };
            let Some(seat) = self.leg(id).and_then(|leg| leg.seat.as_ref()) else {
                self.order(Order::Expel(*place));
                continue;
            };
            if seat.epoch == *epoch && seat.is_admitted {
                if *is_up { self.path_is_up(id) } else { self.path_breaks(id) }
            }
        }
        for (id, _) in self.seats() {
            let Some(leg) = self.leg(id) else { continue };
            if !present.iter().any(|(place, ..)| *place == leg.participant_id) {
                self.gone(id);
            }
        }
    }

    /// Asks a client for another peer connection to the media processor.
    fn convene_again(&mut self, id: LegId) {
        let Some(seat) = self.leg_mut(id).and_then(|leg| leg.seat.as_mut()) else { return };
        seat.epoch += 1;
        (seat.pending, seat.is_admitted, seat.is_up) = (None, false, false);
        let epoch = seat.epoch;
        self.seat_epoch = self.seat_epoch.max(epoch);
        let is_group = self.is_group();
        self.record(Fact::Seat(id, SeatFact::Convene(epoch)));
        self.tell(id, Notice::Convene { epoch, is_group });
        self.deadlines.clear(Why::Admit(id));
        self.await_path(id);
    }

    /// Gives a path its window, from the first moment that it is missing: neither a new offer nor a new loss makes it longer.
    fn await_path(&mut self, id: LegId) {
        let Some(seat) = self.leg(id).and_then(|leg| leg.seat.as_ref()) else { return };
        let (why, window) = if seat.had_media {
            (Why::MediaLost(id), self.timers.media_lost)
        } else {
            (Why::Seat(id), self.timers.media_setup)
        };
        if !seat.is_moving && self.deadlines.at(why).is_none() {
            self.deadlines.set(why, self.now + window);
        }
    }

    /// What a client says of its path to the media processor. Whose path never was up and who gives up is out; otherwise the media
    /// processor's word and time decide.
    pub(super) fn seat_media(&mut self, id: LegId, report: MediaReport) {
        let Some(seat) = self.leg(id).and_then(|leg| leg.seat.as_ref()) else { return };
        let (is_up, had_media, is_admitted) = (seat.is_up, seat.had_media, seat.is_admitted);
        match report {
            MediaReport::Connected if is_up => self.deadlines.clear(Why::MediaLost(id)),
            MediaReport::Connected => {}
            MediaReport::Failed if !had_media && is_admitted => self.seat_fails(id, self.no_path()),
            MediaReport::Interrupted | MediaReport::Failed => self.await_path(id),
        }
    }

    pub(super) fn admit_expired(&mut self, id: LegId) {
        let is_moving = self.leg(id).and_then(|leg| leg.seat.as_ref()).is_some_and(|seat| seat.is_moving);
        if is_moving {
            self.convene_again(id);
        } else {
            self.seat_fails(id, EndReason::NO_MEDIA_PATH);
        }
    }

    /// A path that never was up. While its client is away, the client's own window decides.
    pub(super) fn seat_expired(&mut self, id: LegId) {
        if self.leg(id).is_some_and(Leg::is_lost) {
            self.deadlines.set(Why::Seat(id), self.patience());
        } else {
            self.seat_fails(id, self.no_path());
        }
    }

    pub(super) fn seat_lost_expired(&mut self, id: LegId) {
        if self.leg(id).is_some_and(Leg::is_lost) {
            self.deadlines.set(Why::MediaLost(id), self.patience());
        } else {
            self.seat_fails(id, EndReason::NETWORK_LOST);
        }
    }

    /// A leg has no place at the media processor: it is out, and a call that is no group call with it.
    pub(super) fn seat_fails(&mut self, id: LegId, reason: EndReason) {
        if self.is_group() {
            self.leg_out(id, reason, reason);
        } else {
            self.end_all(reason, |_| reason);
        }
    }

    /// Orders may not have been carried, since the host was away or its carrier fell behind. Each can be carried twice.
    pub(super) fn repeat_orders(&mut self) {
        if self.conference == Conference::No || self.is_over().is_some() {
            return;
        }
        for (id, _) in self.seats() {
            self.order_pending(id);
            let Some(leg) = self.leg(id) else { continue };
            let (Some(seat), Some(participant)) = (&leg.seat, self.participants.get(leg.participant)) else { continue };
            if seat.is_admitted {
                let (place, mode, rights) = (leg.participant_id, seat.mode, participant.rights());
                let is_holding = leg.is_holding();
                self.order(Order::Allow(place, rights));
                self.order(Order::Receive(place, mode));
                self.order(Order::Hold(place, is_holding));
            }
        }
        if self.is_group() {
            self.order_spotlight();
        }
    }

    /// The live legs that have a seat, with its epoch.
    pub(super) fn seats(&self) -> Vec<(LegId, u32)> {
        let live = self.legs.values().filter(|leg| leg.is_live());
        live.filter_map(|leg| Some((leg.id, leg.seat.as_ref()?.epoch))).collect()
    }

    fn seated(&self, place: ParticipantId, epoch: u32) -> Option<LegId> {
        let id = self.leg_at(place)?;
        (self.epoch_of(id) == Some(epoch) && !self.is_leg(id, LegState::Ringing)).then_some(id)
    }
}
