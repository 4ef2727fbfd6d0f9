//! What a call wants done.

use centrale_model::{
    CallId, EndReason, EndpointId, GroupId, Identity, LegId, ParticipantId, ParticipantRole, ParticipantState,
    ReceiveMode, TransferState,
};
use serde::{Deserialize, Serialize};

use crate::{Candidates, Description, MediaReport, Order, Refusal, Sealed, Sending, TransferTarget};

/// A participant as others see it.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct ParticipantView {
    /// Who.
    pub identity: Identity,
    /// Its place, once a device of it is in the call; before, `None`.
    pub participant_id: Option<ParticipantId>,
    /// Its name, when it gave one.
    pub display_name: Option<String>,
    /// Where it stands.
    pub state: ParticipantState,
    /// What it sends.
    pub sending: Sending,
    /// What it may do.
    pub role: ParticipantRole,
    /// Its hand is up, as the how manyth of the call.
    pub hand_raised: Option<u32>,
    /// It is on everybody's stage.
    pub is_spotlighted: bool,
    /// Others muted it, and it has not unmuted itself since.
    pub is_muted_by_others: bool,
    /// How it receives in a conference, as far as known.
    pub receives: Option<ReceiveMode>,
    /// Why it is out, when it is.
    pub end_reason: Option<EndReason>,
}

/// What a leg's client is told. Each becomes one event in its user's stream, addressed to its endpoint.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub enum Notice {
    /// A call comes in: alert the user.
    Incoming {
        /// Who calls.
        caller: ParticipantView,
        /// The caller's offer; `None` in a conference: the device offers.
        offer: Option<Description>,
        /// The caller's candidates so far.
        candidates: Vec<Candidates>,
        /// Who asked for this call by a transfer.
        transferor: Option<Identity>,
        /// The call of this very device that this one replaces: answer without asking.
        replaces: Option<CallId>,
        /// Custom context of the caller.
        context: Option<Sealed>,
    },
    /// A device of the callee alerts (to the caller).
    Ringing,
    /// The callee answered (to the caller).
    Accepted {
        /// Who, where.
        callee: ParticipantView,
        /// The answer to the offer.
        answer: Description,
        /// The callee's candidates so far are sent after this as [`Notice::Candidates`].
        participant_id: ParticipantId,
    },
    /// The accept was taken: this device is in the call (to the callee's device).
    Joined,
    /// The media processor's answer to this leg's offer.
    Conference(Description),
    /// Offer to the media processor, with a peer connection of this epoch.
    Convene {
        /// Which.
        epoch: u32,
        /// The call is a group call.
        is_group: bool,
    },
    /// Who moved to the media processor is there: the peer connection before the one of this epoch may go.
    Convened {
        /// Which is the one that stays.
        epoch: u32,
    },
    /// The move came to nothing: the peer connection of this epoch goes on.
    Adjourned {
        /// Which is the one that stays.
        epoch: u32,
    },
    /// Somebody muted this leg.
    MutedByOthers(ParticipantId),
    /// Several participants changed; or all others, to a leg that came in.
    Participants(Vec<ParticipantView>),
    /// The call is over for this leg. Nothing follows.
    Ended(EndReason),
    /// The other side describes itself.
    Description(ParticipantId, Description),
    /// The other side's candidates.
    Candidates(ParticipantId, Candidates),
    /// A participant changed: state, name, what it sends.
    Participant(ParticipantView),
    /// The call's own state for this leg changed between connected, local hold and remote hold.
    State(centrale_model::CallState),
    /// Please call somebody else (to the transferee).
    TransferRequested {
        /// Which transfer of this call.
        transfer: u32,
        /// Who asks.
        transferor: Identity,
        /// Whom to call.
        target: TransferTarget,
    },
    /// How the transfer goes (to the transferor).
    Transfer {
        /// Which transfer of this call.
        transfer: u32,
        /// Where it stands.
        state: TransferState,
        /// Why it failed.
        error: Option<EndReason>,
    },
}

/// A fact for the call's own stream: what `explain`, events and usage are made from.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub enum Fact {
    /// The call was placed.
    Started {
        /// Who placed it.
        caller: Identity,
        /// Whom.
        targets: Vec<Identity>,
    },
    /// A group call began with somebody who joined it.
    Opened {
        /// Who.
        identity: Identity,
        /// The group, when it has an id.
        group: Option<GroupId>,
    },
    /// Somebody was called into the call.
    Added(LegId, Identity),
    /// Somebody was taken out of the call.
    Removed(LegId, Identity),
    /// A device asked to join, or answered in a conference.
    Joining(LegId, Identity, EndpointId),
    /// What happened to a leg's peer connection to the media processor.
    Seat(LegId, SeatFact),
    /// The call moves to the media processor.
    Convening,
    /// The call is at the media processor.
    Convened,
    /// The call did not get to the media processor.
    Adjourned,
    /// The conference was lost with its media processor.
    ConferenceLost,
    /// A leg muted others: these.
    Muted(LegId, Vec<LegId>),
    /// A leg's hand went up or down.
    Hand(LegId, bool),
    /// A leg is on everybody's stage or no longer.
    Spotlight(LegId, bool),
    /// A leg's role changed.
    Role(LegId, ParticipantRole),
    /// How a leg receives changed.
    Receives(LegId, ReceiveMode),
    /// A device was rung.
    Rung(LegId, Identity, EndpointId),
    /// A device alerts.
    Alerting(LegId),
    /// A device declined.
    Declined(LegId, EndReason),
    /// A device was told to stop ringing, or was not rung because it is busy.
    NotAnswered(LegId, EndReason),
    /// A participant is connected (B-EVT-6: added and joined).
    Connected(LegId, Identity, ParticipantId),
    /// What a leg said of its media path.
    Media(LegId, MediaReport),
    /// A leg's event connection was lost or came back.
    Presence(LegId, bool),
    /// A leg holds or resumed.
    Hold(LegId, bool),
    /// A leg changed what it sends.
    Sending(LegId, Sending),
    /// A leg described itself again (renegotiation).
    Described(LegId, crate::DescriptionKind, u32),
    /// A transfer moved on.
    Transfer(u32, TransferState),
    /// A connected participant left.
    ///
    /// `connected_ms`: how long it was connected, in milliseconds: the quantity of its usage record (B-USE-1).
    Left {
        /// Its leg.
        leg: LegId,
        /// Who.
        identity: Identity,
        /// Its place.
        participant_id: ParticipantId,
        /// Why.
        reason: EndReason,
        /// Milliseconds from connected to left.
        connected_ms: u64,
    },
    /// The call is over. The last fact.
    Ended(EndReason),
}

/// What happens to a leg's peer connection to the media processor.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub enum SeatFact {
    /// Its offer was answered: epoch.
    Answered(u32),
    /// Its offer was not taken.
    Refused(u32, Refusal),
    /// Its path is up.
    Up(u32),
    /// Its path is broken at the moment.
    Interrupted,
    /// It is over.
    Gone(u32),
    /// The client was asked for another.
    Convene(u32),
}

/// A change of another call that follows from this one.
/// For: the switchboard, which feeds it to that call.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub enum Change {
    /// This call is the transferee's new call, and it was answered or is over.
    TransferProgress {
        /// The call in which the transfer was asked for.
        call: CallId,
        /// Which transfer of that call.
        transfer: u32,
        /// Answered, or over with a reason.
        outcome: Result<(), EndReason>,
    },
    /// This call took the place of that one.
    Replaced {
        /// The call that is over now.
        call: CallId,
    },
}

/// What a call wants done.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub enum Output {
    /// Tell the client of a leg. For: the switchboard (one event in the user's stream).
    Tell(LegId, Notice),
    /// Keep a fact. For: the switchboard (call stream, usage).
    Record(Fact),
    /// Change another call.
    Change(Change),
    /// Tell the media processor. For: whoever carries orders, one after the other.
    Order(Order),
}
