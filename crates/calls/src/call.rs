//! The call itself: its state, its face, and who does what.
//!
//! ```text
//!            Start                 Accept               hang-up, loss, time …
//!   Fresh ─────────▶ Ringing ─────────────▶ Talking ─────────────▶ Over
//!                       └── decline, cancel, time … ──────────────▶
//! ```
//!
//! `call/setup` brings it from the first ring to the answer, `call/talk` passes on what the sides say to each other,
//! `call/media` and `call/presence` watch what gets lost, `transfer` sends one side elsewhere, `call/end` ends it.

mod end;
mod media;
mod presence;
mod setup;
mod talk;
mod transfer;
mod view;

pub use view::CallView;

use std::collections::VecDeque;

use centrale_model::{CallId, CallState, EndReason, EndpointId, Identity, LegId, ParticipantState, Time};
use serde::{Deserialize, Serialize};

use crate::leg::{Answer, Stage};
use crate::timer::Deadlines;
use crate::trickle::Trickle;
use crate::{
    Change, Description, Fact, Input, Leg, LegState, Notice, Origin, Output, Participant, ParticipantView, Sealed,
    Timers, Why,
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
    /// The caller first, then the called.
    participants: Vec<Participant>,
    /// By number: `legs[n]` is leg `n`. Bound: [`Call::MAX_LEGS`].
    legs: Vec<Leg>,
    /// The highest peer connection epoch that was described.
    epoch: u32,
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
    /// Answered.
    Talking {
        /// Some leg has said that media flows, on whatever peer connection.
        had_media: bool,
    },
    Over(EndReason),
}

/// What the call was placed with and never changes.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
struct Setup {
    origin: Origin,
    context: Option<Sealed>,
    is_relay_allowed: bool,
}

/// The caller's leg: the first.
const CALLER: LegId = LegId(0);

impl Call {
    /// How many legs a call can have, devices that once rang included. Further devices do not ring.
    pub const MAX_LEGS: usize = 64;

    /// Ends a call that was placed to nobody, or to several: calls of three or more are not made here yet.
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
            setup: Setup { origin: Origin::Dialled, context: None, is_relay_allowed: true },
            participants: Vec::new(),
            legs: Vec::new(),
            epoch: 0,
            transfer: None,
            deadlines: Deadlines::default(),
            now: Time::ZERO,
            outputs: VecDeque::new(),
        }
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
        match input {
            Input::Start {
                caller,
                endpoint,
                participant_id,
                display_name,
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
                self.setup = Setup { origin, context, is_relay_allowed };
                let caller = Participant {
                    identity: caller,
                    display_name,
                    state: ParticipantState::Connecting,
                    sending,
                    leg: Some(CALLER),
                };
                self.legs.push(Leg {
                    id: CALLER,
                    endpoint,
                    identity: caller.identity.clone(),
                    participant_id,
                    participant: 0,
                    is_lost: false,
                    stage: Stage::Calling,
                });
                self.participants.push(caller);
                self.start(targets, offer);
            }
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
            Input::TakenOver | Input::Tick => {}
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
            Phase::Fresh | Phase::Ringing { .. } | Phase::Talking { .. } => None,
        }
    }

    /// Whether the call was answered and still goes on.
    pub fn is_connected(&self) -> bool {
        matches!(self.phase, Phase::Talking { .. })
    }

    /// Who is, or was, in the call or called: the caller first.
    pub fn participants(&self) -> impl Iterator<Item = &Participant> {
        self.participants.iter()
    }

    /// Every device that called, rang or talked, in order of number, over or not.
    pub fn legs(&self) -> impl Iterator<Item = &Leg> {
        self.legs.iter()
    }

    /// The leg of this number.
    pub fn leg(&self, leg: LegId) -> Option<&Leg> {
        self.legs.get(usize::try_from(leg.0).ok()?)
    }

    /// The live leg of a device.
    pub fn leg_of(&self, endpoint: EndpointId) -> Option<LegId> {
        self.legs.iter().find(|leg| leg.endpoint == endpoint && leg.is_live()).map(Leg::id)
    }

    /// Who placed the call, once it was placed.
    pub fn caller(&self) -> Option<&Identity> {
        self.participants.first().map(Participant::identity)
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

    fn leg_mut(&mut self, leg: LegId) -> Option<&mut Leg> {
        self.legs.get_mut(usize::try_from(leg.0).ok()?)
    }

    fn is_leg(&self, leg: LegId, state: LegState) -> bool {
        self.leg(leg).is_some_and(|leg| leg.state() == state)
    }

    fn legs_that(&self, are: LegState) -> Vec<LegId> {
        self.legs.iter().filter(|leg| leg.state() == are).map(Leg::id).collect()
    }

    /// A participant as others see it.
    fn view_of_participant(&self, participant: &Participant) -> ParticipantView {
        ParticipantView {
            identity: participant.identity.clone(),
            participant_id: participant.leg.and_then(|leg| self.leg(leg)).map(Leg::participant_id),
            display_name: participant.display_name.clone(),
            state: participant.state,
            sending: participant.sending,
        }
    }

    /// The call as a connected leg sees it: its own hold wins over the other side's (B-CALL-5).
    fn talk_state(&self, leg: LegId) -> CallState {
        let somebody_holds = self.legs.iter().any(|other| other.is_holding());
        if self.leg(leg).is_some_and(Leg::is_holding) {
            CallState::LocalHold
        } else if somebody_holds {
            CallState::RemoteHold
        } else {
            CallState::Connected
        }
    }
}
