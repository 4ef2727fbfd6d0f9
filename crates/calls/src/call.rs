//! The call itself: its state, its face, and who does what.
//!
//! ```text
//!            Start                 Accept               hang-up, loss, time …
//!   Fresh ─────────▶ Ringing ─────────────▶ Talking ─────────────▶ Over
//!     │                 └── decline, cancel, time … ──────────────▶ ▲
//!     └─▶ Gathering ─────────────────────────▲ └────────────────────┘
//!         a group call: Start or Join        somebody is in
//! ```
//!
//! Between two: `setup` brings it from the first ring to the answer, `talk` passes on what the sides say to each other,
//! `media` watches their path, `transfer` sends one side elsewhere. In a group: `join` and `invite` bring people in, `manners` is what they do to each
//! other. `convene` moves a call between two to the media processor, `seats` looks after the peer connections there. `presence` watches who
//! gets lost, `end` ends it.

mod convene;
mod end;
mod invite;
mod join;
mod manners;
mod media;
mod permit;
mod presence;
mod seats;
mod setup;
mod talk;
mod transfer;
mod view;

pub use view::CallView;

use std::collections::VecDeque;

use centrale_model::{CallId, CallState, EndReason, EndpointId, GroupId, Identity, LegId, ParticipantId, Time};
use serde::{Deserialize, Serialize};

use crate::leg::{Answer, Stage};
use crate::numbered::Numbered;
use crate::participant::Mute;
use crate::timer::Deadlines;
use crate::trickle::Trickle;
use crate::{
    Change, Description, Fact, Form, Input, Leg, LegState, Notice, Order, Origin, Output, Participant, ParticipantView,
    Sealed, Timers, Why,
};
use transfer::Transfer;

/// One call, from the first ring to the last hang-up.
///
/// - [`handle`](Call::handle) takes one input at one moment. Deadlines that have come by then take effect first; a moment before
///   the last one counts as the last one. Inputs that make no sense are ignored: they are late, repeated, or of a leg that is over.
/// - [`poll`](Call::poll) gives what the call wants done, until `None`. One input, then drain.
/// - [`timeout`](Call::timeout) says when to come back with [`Input::Tick`].
///
/// Serialized, it is its own snapshot: a call that was restored goes on as if nothing had happened. Outputs that were not
/// polled are not part of it, so a snapshot is taken after draining.
///
/// Each device is told [`Notice::Ended`] once and nothing after it; [`Fact::Ended`] is the last output of all. Nothing
/// follows it whatever comes in.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Call {
    id: CallId,
    timers: Timers,
    phase: Phase,
    setup: Setup,
    /// The caller, or who joined first, and then the others. In a group call who is out is forgotten, but for the first.
    participants: Numbered<Participant>,
    /// Bound: [`Call::MAX_LEGS`] between two; in a group call [`Call::MAX_GROUP_LEGS`] that live and [`Call::KEPT_LEGS`] that are over.
    legs: Numbered<Leg>,
    /// What makes it a group call.
    group: Option<Group>,
    conference: Conference,
    /// The highest peer connection epoch that was described between two.
    epoch: u32,
    /// The highest epoch of any peer connection to the media processor.
    seat_epoch: u32,
    /// Hands raised so far.
    hands: u32,
    /// How many participants there may be.
    limit: usize,
    /// The latest transfer.
    transfer: Option<Transfer>,
    deadlines: Deadlines,
    /// The latest moment seen.
    now: Time,
    /// Bound: a few for each leg, since callers drain after each input.
    #[serde(skip)]
    outputs: VecDeque<Output>,
}

/// How far the call is.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
enum Phase {
    /// Not placed yet.
    Fresh,
    /// Placed, not answered.
    Ringing {
        /// The caller's latest offer.
        offer: Description,
        /// The caller's candidates so far, for devices that appear later.
        gathered: Trickle,
        /// Some device has alerted its user, and the caller knows.
        has_alerted: bool,
    },
    /// A group call or one to the echo bot in which nobody is yet.
    Gathering {
        /// Some device has alerted its user, and the caller knows.
        has_alerted: bool,
    },
    /// Answered.
    Talking {
        /// Some leg has said that media flows, on whatever peer connection between two.
        had_media: bool,
    },
    Over(EndReason),
}

/// What makes a call a group call.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
struct Group {
    /// The id under which it was joined.
    id: Option<GroupId>,
    /// Who is on everybody's stage, by number, in order. Bound: [`Call::MAX_SPOTLIGHTED`].
    stage: Vec<u32>,
    /// Why those who were called did not come, while nobody is in. Bound: as many as were called.
    unreached: Vec<EndReason>,
}

/// Where media goes.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
enum Conference {
    /// From one side to the other.
    #[default]
    No,
    /// To the other side still, while both build their peer connections to the media processor.
    Convening,
    /// To the media processor.
    Held,
}

/// What the call was placed with and never changes.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
struct Setup {
    form: Form,
    origin: Origin,
    context: Option<Sealed>,
    is_relay_allowed: bool,
}

/// The caller's leg: the first.
const CALLER: LegId = LegId(0);

impl Call {
    /// How many legs a call can have, devices that once rang included. Further devices do not ring.
    pub const MAX_LEGS: usize = 64;

    /// How many legs of a group call live at once: 350 participants, each with a device, and devices that ring. Further devices do not ring.
    pub const MAX_GROUP_LEGS: usize = 2048;

    /// How many legs of a group call are remembered when they are over, so that late requests of their devices are told "gone".
    pub const KEPT_LEGS: usize = 64;

    /// How many participants a call has at most, unless it is told otherwise (acs-behaviour section 21).
    pub const MAX_PARTICIPANTS: usize = 350;

    /// How many are on everybody's stage at most.
    pub const MAX_SPOTLIGHTED: usize = 7;

    /// Ends a call between two that was placed to nobody, or to several.
    pub const NOT_ONE_TO_ONE: EndReason = EndReason::new(405, 0);

    /// Ends a call whose callee was found online, but where no device alerted its user in time.
    pub const UNREACHABLE: EndReason = EndReason::new(480, 10078);

    /// What a transfer failed with when it led nowhere in time.
    pub const TIMED_OUT: EndReason = EndReason::new(408, 4506);

    /// A call that has not been placed yet: waits for [`Input::Start`].
    pub fn new(id: CallId, timers: Timers) -> Call {
        Call {
            id,
            timers,
            phase: Phase::Fresh,
            setup: Setup { form: Form::Pair, origin: Origin::Dialled, context: None, is_relay_allowed: true },
            participants: Numbered::default(),
            legs: Numbered::default(),
            group: None,
            conference: Conference::No,
            epoch: 0,
            seat_epoch: 0,
            hands: 0,
            limit: Call::MAX_PARTICIPANTS,
            transfer: None,
            deadlines: Deadlines::default(),
            now: Time::ZERO,
            outputs: VecDeque::new(),
        }
    }

    /// The same call, for at most so many participants at once.
    #[must_use]
    pub fn limited_to(mut self, participants: usize) -> Call {
        self.limit = participants;
        self
    }

    /// Takes one input at one moment.
    pub fn handle(&mut self, input: Input, now: Time) {
        self.now = self.now.max(now);
        if input == Input::TakenOver {
            self.deadlines.put_off(self.now + Timers::TAKE_OVER_GRACE);
        }
        while let Some(why) = self.deadlines.take_due(self.now) {
            self.expire(why);
        }
        if self.permits(&input).is_err() {
            return;
        }
        match input {
            Input::Start {
                caller,
                endpoint,
                participant_id,
                display_name,
                form,
                targets,
                offer,
                sending,
                origin,
                context,
                is_relay_allowed,
            } => {
                if self.phase != Phase::Fresh {
                    return;
                }
                self.setup = Setup { form, origin, context, is_relay_allowed };
                let participant =
                    Participant { display_name, leg: Some(CALLER), ..Participant::new(caller.clone(), sending) };
                let participant = self.participants.push(participant);
                self.legs.push(Leg {
                    id: CALLER,
                    endpoint,
                    identity: caller,
                    participant_id,
                    participant,
                    is_lost: false,
                    stage: Stage::Calling,
                    seat: None,
                });
                match form {
                    Form::Pair => self.start(targets, offer),
                    Form::Group => self.start_group(targets, offer),
                    Form::Echo => self.start_echo(targets, offer),
                }
            }
            Input::Join {
                identity,
                endpoint,
                participant_id,
                display_name,
                group,
                offer,
                sending,
                mode,
                role,
                is_relay_allowed,
            } => {
                if self.phase == Phase::Fresh {
                    self.open(identity.clone(), group, is_relay_allowed);
                }
                let joiner = join::Joiner { identity, endpoint, participant_id, display_name, sending, mode, role };
                self.join(joiner, offer);
            }
            Input::Add { leg, target } => self.add(leg, &target),
            Input::Remove { leg, who } => self.remove(leg, &who),
            Input::MuteOthers { leg, whom } => self.mute_others(leg, whom.as_deref()),
            Input::RaiseHand(leg, is_up) => self.raise_hand(leg, is_up),
            Input::LowerHands { leg: _, whose } => self.lower_hands(whose.as_deref()),
            Input::Spotlight { leg: _, who, is_on } => self.spotlight(who.as_deref(), is_on),
            Input::Receive(leg, mode) => self.receive(leg, mode),
            Input::Convene(_) => self.convene(),
            Input::Role { identity, role } => self.change_role(&identity, role),
            Input::Heard(heard) => self.heard(heard),
            Input::DeviceAppeared { identity, device } => self.device_appeared(&identity, device),
            Input::Ringing(leg) => self.ringing(leg),
            Input::Accept { leg, display_name, answer, sending } => {
                self.accept(leg, Answer { display_name, description: answer, sending })
            }
            Input::Decline { leg, is_busy } => self.decline(leg, is_busy),
            Input::HangUp { leg, for_everyone } => self.hang_up(leg, for_everyone),
            Input::Describe(leg, description) => self.describe(leg, description),
            Input::Candidates(leg, candidates) => self.candidates(leg, candidates),
            Input::Sending(leg, sending) => self.sending(leg, sending),
            Input::Hold(leg) => self.hold(leg, true),
            Input::Resume(leg) => self.hold(leg, false),
            Input::Transfer(leg, target) => self.request_transfer(leg, target),
            Input::TransferProgress { transfer, outcome } => {
                self.transfer_progress(transfer, outcome);
            }
            Input::Replaced => self.replaced(),
            Input::Media(leg, report) => self.media(leg, report),
            Input::Lost { leg, is_leaving } => self.lost(leg, is_leaving),
            Input::Back(leg) => self.back(leg),
            Input::TokenOver(leg) => self.token_over(leg),
            Input::TakenOver => self.repeat_orders(),
            Input::Tick => {}
        }
    }

    /// Gives the next thing to do, until there is none.
    pub fn poll(&mut self) -> Option<Output> {
        self.outputs.pop_front()
    }

    /// Says when to come back without input, and why. `None` before the start, after the end, and while nothing is awaited.
    pub fn timeout(&self) -> Option<(Time, Why)> {
        self.deadlines.first()
    }

    /// The call's id.
    pub fn id(&self) -> CallId {
        self.id
    }

    /// Why the call ended, once it has.
    pub fn is_over(&self) -> Option<EndReason> {
        match &self.phase {
            Phase::Over(reason) => Some(*reason),
            Phase::Fresh | Phase::Ringing { .. } | Phase::Gathering { .. } | Phase::Talking { .. } => None,
        }
    }

    /// Whether it is a group call.
    pub fn is_group(&self) -> bool {
        self.group.is_some()
    }

    /// The id under which a group call was joined.
    pub fn group_id(&self) -> Option<GroupId> {
        self.group.as_ref()?.id
    }

    /// Whether media goes to the media processor, or begins to.
    pub fn is_conference(&self) -> bool {
        self.conference != Conference::No
    }

    /// The epoch of a device's peer connection to the media processor: the latest that was described or asked for.
    pub fn epoch_of(&self, leg: LegId) -> Option<u32> {
        Some(self.leg(leg)?.seat.as_ref()?.epoch)
    }

    /// Whether a device has described a peer connection of this epoch to the media processor already.
    pub fn is_described(&self, leg: LegId, epoch: u32) -> bool {
        let seat = self.leg(leg).and_then(|leg| leg.seat.as_ref());
        seat.is_some_and(|seat| seat.epoch == epoch && (seat.is_admitted || seat.pending.is_some()))
    }

    /// Whether the call was answered and still goes on.
    pub fn is_connected(&self) -> bool {
        matches!(self.phase, Phase::Talking { .. })
    }

    /// Who is, or was, in the call or called: the caller first.
    pub fn participants(&self) -> impl Iterator<Item = &Participant> {
        self.participants.values()
    }

    /// Every device that called, rang or talked, in order of number, over or not.
    pub fn legs(&self) -> impl Iterator<Item = &Leg> {
        self.legs.values()
    }

    /// The leg of this number.
    pub fn leg(&self, leg: LegId) -> Option<&Leg> {
        self.legs.get(leg.0)
    }

    /// The live leg of a device.
    pub fn leg_of(&self, endpoint: EndpointId) -> Option<LegId> {
        self.legs.values().find(|leg| leg.endpoint == endpoint && leg.is_live()).map(Leg::id)
    }

    /// Who placed the call, once it was placed.
    pub fn caller(&self) -> Option<&Identity> {
        self.participants.get(0).map(Participant::identity)
    }

    /// Where the call comes from.
    pub fn origin(&self) -> &Origin {
        &self.setup.origin
    }

    // What follows is for the parts of the machine.

    fn expire(&mut self, why: Why) {
        match why {
            Why::Establish => self.end_unanswered(Call::UNREACHABLE),
            Why::Ring => self.end_unanswered(EndReason::NOT_ANSWERED),
            Why::MediaSetup => self.media_setup_expired(),
            Why::MediaLost(leg) => self.media_lost_expired(leg),
            Why::Reconnect(leg) => self.leg_vanished(leg, EndReason::NETWORK_LOST),
            Why::Leaving(leg) => self.leg_vanished(leg, EndReason::VANISHED),
            Why::Transfer(_) => self.fail_transfer(Call::TIMED_OUT),
            Why::Alert(participant) => self.give_up_calling(participant, Call::UNREACHABLE),
            Why::Answer(participant) => self.give_up_calling(participant, EndReason::NOT_ANSWERED),
            Why::Convene => self.convene_expired(),
            Why::Admit(leg) => self.admit_expired(leg),
            Why::Seat(leg) => self.seat_expired(leg),
        }
    }

    fn tell(&mut self, leg: LegId, notice: Notice) {
        self.outputs.push_back(Output::Tell(leg, notice));
    }

    fn record(&mut self, fact: Fact) {
        self.outputs.push_back(Output::Record(fact));
    }

    fn change(&mut self, change: Change) {
        self.outputs.push_back(Output::Change(change));
    }

    fn order(&mut self, order: Order) {
        self.outputs.push_back(Output::Order(order));
    }

    fn leg_mut(&mut self, leg: LegId) -> Option<&mut Leg> {
        self.legs.get_mut(leg.0)
    }

    fn is_leg(&self, leg: LegId, state: LegState) -> bool {
        self.leg(leg).is_some_and(|leg| leg.state() == state)
    }

    fn legs_that(&self, are: LegState) -> Vec<LegId> {
        self.legs.values().filter(|leg| leg.state() == are).map(Leg::id).collect()
    }

    /// The participant that a leg speaks for.
    fn participant_mut(&mut self, leg: LegId) -> Option<&mut Participant> {
        let participant = self.leg(leg)?.participant;
        self.participants.get_mut(participant)
    }

    /// A participant as others see it.
    fn view_of(&self, number: u32) -> Option<ParticipantView> {
        let participant = self.participants.get(number)?;
        Some(ParticipantView {
            identity: participant.identity.clone(),
            participant_id: participant.leg.and_then(|leg| self.leg(leg)).map(Leg::participant_id),
            display_name: participant.display_name.clone(),
            state: participant.state,
            sending: participant.sending,
            role: participant.role,
            hand_raised: participant.hand,
            is_spotlighted: self.group.as_ref().is_some_and(|group| group.stage.contains(&number)),
            is_muted_by_others: participant.mute != Mute::Own,
            receives: participant.receives,
            end_reason: participant.end_reason,
        })
    }

    /// Tells everybody who is in, but for `except`, how a participant is.
    fn announce(&mut self, number: u32, except: Option<LegId>) {
        let Some(view) = self.view_of(number) else { return };
        for leg in self.audience(except) {
            self.tell(leg, Notice::Participant(view.clone()));
        }
    }

    /// Tells everybody who is in how these participants are.
    fn announce_all(&mut self, numbers: &[u32]) {
        if let [number] = numbers {
            return self.announce(*number, None);
        }
        let views: Vec<ParticipantView> = numbers.iter().filter_map(|number| self.view_of(*number)).collect();
        if !views.is_empty() {
            for leg in self.audience(None) {
                self.tell(leg, Notice::Participants(views.clone()));
            }
        }
    }

    /// The legs that are in the call, and the caller's while nobody else is.
    fn audience(&self, except: Option<LegId>) -> Vec<LegId> {
        let hears = |leg: &&Leg| matches!(leg.stage, Stage::Connected(_) | Stage::Calling) && Some(leg.id) != except;
        self.legs.values().filter(hears).map(Leg::id).collect()
    }

    /// The live leg at a place.
    fn leg_at(&self, place: ParticipantId) -> Option<LegId> {
        self.legs.values().find(|leg| leg.participant_id == place && leg.is_live()).map(Leg::id)
    }

    /// The call as a connected leg sees it: its own hold wins over the other side's (B-CALL-5).
    fn talk_state(&self, leg: LegId) -> CallState {
        // In a group hold concerns the own device alone.
        let somebody_holds = self.group.is_none() && self.legs.values().any(Leg::is_holding);
        if self.leg(leg).is_some_and(Leg::is_holding) {
            CallState::LocalHold
        } else if somebody_holds {
            CallState::RemoteHold
        } else {
            CallState::Connected
        }
    }
}
