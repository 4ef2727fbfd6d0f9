//! What can happen to a call.

use centrale_model::{
    CallId, EndReason, EndpointId, GroupId, Identity, LegId, ParticipantId, ParticipantRole, ReceiveMode,
};
use serde::{Deserialize, Serialize};

use crate::Heard;

/// Text that passes through without being read: SDP, a candidate line, a custom context.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Sealed(pub String);

/// Which half of an offer/answer exchange a description is (RFC 8829).
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub enum DescriptionKind {
    /// An offer.
    Offer,
    /// An answer.
    Answer,
}

/// An SDP description on its way from one leg to the other.
///
/// `epoch` counts the peer connections of the call, from 0: a page that was reloaded describes itself with the next epoch, and
/// the other side then builds a peer connection anew. The machine remembers the highest epoch seen.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Description {
    /// Offer or answer.
    pub kind: DescriptionKind,
    /// Which peer connection it belongs to.
    pub epoch: u32,
    /// The SDP.
    pub sdp: Sealed,
}

/// Candidates on their way from one leg to the other.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Candidates {
    /// Which peer connection they belong to.
    pub epoch: u32,
    /// Each as the client wrote it (a JSON `RTCIceCandidateInit`).
    pub list: Vec<Sealed>,
}

/// What a leg sends at the moment.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
pub struct Sending {
    /// The microphone is muted.
    pub muted: bool,
    /// A camera picture is sent.
    pub video: bool,
    /// A screen is sent.
    pub screen: bool,
}

/// A device of a called identity, as the switchboard found it.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Device {
    /// Which one.
    pub endpoint: EndpointId,
    /// The place it would have in the call (made by the switchboard, since the machine knows no chance).
    pub participant_id: ParticipantId,
    /// Already in as many calls as it takes.
    pub is_busy: bool,
}

/// An identity to be called, with the devices that can ring now.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Target {
    /// Who.
    pub identity: Identity,
    /// Devices to ring. Empty: none is online.
    pub devices: Vec<Device>,
    /// Why the call ends when there is no device to ring: no endpoint, offline, no trunk.
    pub absence: EndReason,
}

/// What kind of call is placed.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
pub enum Form {
    /// Between two, media by the most direct path.
    #[default]
    Pair,
    /// A group call: media by way of the media processor, any number of targets.
    Group,
    /// With the media processor itself, which plays back what it hears (B-CALL-12). The one target has no device.
    Echo,
}

/// Who of a call is meant.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub enum Who {
    /// One device's place.
    Place(ParticipantId),
    /// All places of somebody, and whatever still rings.
    Everything(Identity),
}

/// Where a call comes from when it is not simply dialled.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub enum Origin {
    /// A person asked for it.
    Dialled,
    /// A transferee calls the target of a transfer made in another call.
    TransferOf {
        /// The call in which the transfer was asked for.
        call: CallId,
        /// Which transfer of that call.
        transfer: u32,
        /// Who asked for it.
        transferor: Identity,
        /// The call of the target that this one takes the place of (consultative transfer); the target's device
        /// answers by itself.
        replaces: Option<CallId>,
    },
}

/// Where a transfer should lead.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub enum TransferTarget {
    /// Somebody not in a call with the transferor (blind transfer).
    Identity(Identity),
    /// The other side of another call of the transferor (consultative transfer).
    Call {
        /// That call.
        call: CallId,
        /// The other side of it.
        identity: Identity,
    },
}

/// What a leg's client says about its media path.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub enum MediaReport {
    /// A pair is nominated and media flows.
    Connected,
    /// The path is interrupted; the client tries to mend it.
    Interrupted,
    /// The client has given up on a path.
    Failed,
}

/// What can happen to a call.
///
/// `leg` names who says it; the switchboard has checked that the speaker owns that leg. Inputs that make no sense in the call's
/// state are ignored: repeated and late inputs are normal.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub enum Input {
    /// Places the call. Must be the first input; the caller becomes leg 0.
    /// From: the switchboard. Effect: rings every device that is not busy, or ends the call.
    Start {
        /// Who calls.
        caller: Identity,
        /// On which device.
        endpoint: EndpointId,
        /// The caller's place in the call.
        participant_id: ParticipantId,
        /// The caller's name, as the callee shows it.
        display_name: Option<String>,
        /// Between two, a group, or the echo bot.
        form: Form,
        /// Whom to call: exactly one for a one-to-one call.
        targets: Vec<Target>,
        /// The caller's offer; in other forms than [`Form::Pair`] it goes to the media processor, and its answer is no notice.
        offer: Description,
        /// What the caller sends.
        sending: Sending,
        /// Dialled, or by way of a transfer.
        origin: Origin,
        /// Custom context for the callee.
        context: Option<Sealed>,
        /// Whether clients may use a relay (B-FLOW-11): decides the reason when no path is found.
        is_relay_allowed: bool,
    },
    /// A device joins a group call, or comes back with a new peer connection. As the first input it begins the call.
    /// From: the switchboard. Effect: [`Order::Admit`](crate::Order::Admit); the answer is no notice.
    ///
    /// Ignored: a call between two; one that is full ([`Call::is_full`](crate::Call::is_full)); an offer of an epoch that is over
    /// ([`Call::epoch_of`](crate::Call::epoch_of)).
    Join {
        /// Who.
        identity: Identity,
        /// On which device. Its leg, when it has one that lives, keeps its place.
        endpoint: EndpointId,
        /// Its place in the call, when it is not in it.
        participant_id: ParticipantId,
        /// Its name.
        display_name: Option<String>,
        /// The group, for the first who joins.
        group: Option<GroupId>,
        /// Its offer.
        offer: Description,
        /// What it sends.
        sending: Sending,
        /// How it wants to receive.
        mode: ReceiveMode,
        /// What it may do.
        role: ParticipantRole,
        /// Whether clients may use a relay; counts for the first who joins.
        is_relay_allowed: bool,
    },
    /// A leg calls somebody into the call.
    Add {
        /// Which leg.
        leg: LegId,
        /// Whom.
        target: Target,
    },
    /// A leg takes somebody out of a group call.
    Remove {
        /// Which leg.
        leg: LegId,
        /// Whom.
        who: Who,
    },
    /// A leg mutes others of a group call (B-CALL-6).
    MuteOthers {
        /// Which leg.
        leg: LegId,
        /// Whom; `None`: all others.
        whom: Option<Vec<ParticipantId>>,
    },
    /// A leg raises or lowers its hand.
    RaiseHand(LegId, bool),
    /// A leg lowers hands of others.
    LowerHands {
        /// Which leg.
        leg: LegId,
        /// Whose; `None`: everybody's.
        whose: Option<Vec<ParticipantId>>,
    },
    /// A leg puts participants of a group call on everybody's stage, or takes them off it.
    Spotlight {
        /// Which leg.
        leg: LegId,
        /// Who; `None`: all who are on it.
        who: Option<Vec<ParticipantId>>,
        /// On or off.
        is_on: bool,
    },
    /// A leg says how it wants to receive.
    Receive(LegId, ReceiveMode),
    /// A leg asks to move the call to the media processor (B-TOPO-2).
    Convene(LegId),
    /// Somebody's role changed. From: whoever gives roles.
    Role {
        /// Whose.
        identity: Identity,
        /// The role.
        role: ParticipantRole,
    },
    /// Something of the conference. From: whoever carries the call's orders.
    Heard(Heard),
    /// A device of a ringing identity came online.
    /// From: the switchboard. Effect: it rings too, unless the call was answered.
    DeviceAppeared {
        /// Whose device.
        identity: Identity,
        /// The device.
        device: Device,
    },
    /// The device alerts its user. Effect: the caller hears ringing, once.
    Ringing(LegId),
    /// The user answered on this device. The first wins (B-CALL-9).
    Accept {
        /// Which device.
        leg: LegId,
        /// Its user's name.
        display_name: Option<String>,
        /// Its answer to the caller's offer; in a conference its offer.
        answer: Description,
        /// What it sends.
        sending: Sending,
    },
    /// The user declined on this device.
    Decline {
        /// Which device.
        leg: LegId,
        /// Because it is in another call, by its own decision.
        is_busy: bool,
    },
    /// The user left the call, or gave up calling.
    HangUp {
        /// Which device.
        leg: LegId,
        /// Ends the call for everyone.
        for_everyone: bool,
    },
    /// A description for the other side (renegotiation, ICE restart, glare is settled by the clients); in a conference an offer.
    Describe(LegId, Description),
    /// Candidates for the other side. Before the answer they go to every ringing device.
    Candidates(LegId, Candidates),
    /// The leg changed what it sends.
    Sending(LegId, Sending),
    /// The leg holds (B-CALL-5).
    Hold(LegId),
    /// The leg no longer holds.
    Resume(LegId),
    /// The leg asks the other side to call somebody else.
    Transfer(LegId, TransferTarget),
    /// The transferee's new call got somewhere.
    /// From: the switchboard, from the other call's outputs.
    TransferProgress {
        /// Which transfer of this call.
        transfer: u32,
        /// Answered, or over with a reason.
        outcome: Result<(), EndReason>,
    },
    /// The other call took this one's place (consultative transfer): ends with `TRANSFERRED`.
    Replaced,
    /// The leg's client says how its media path is.
    Media(LegId, MediaReport),
    /// The leg's event connection is gone.
    /// From: the switchboard. Effect: the reconnect window begins (B-CALL-2), shorter when the page said that it was leaving.
    Lost {
        /// Which leg.
        leg: LegId,
        /// The page said goodbye (closed or reloading, B-CALL-11).
        is_leaving: bool,
    },
    /// The leg's event connection is there again.
    Back(LegId),
    /// The leg's token is over or revoked and was not refreshed.
    TokenOver(LegId),
    /// The call's host was away, and the call was restored from its snapshot.
    /// From: the switchboard, as the first input after restoring. Effect: deadlines that passed meanwhile are given
    /// [`Timers::TAKE_OVER_GRACE`](crate::Timers::TAKE_OVER_GRACE), so that nobody pays for a silence that was the host's.
    TakenOver,
    /// Nothing but time.
    Tick,
}
