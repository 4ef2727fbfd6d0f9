//! What a call's owner is asked, by its own node or over the bus.

use centrale_calls::{Input, Target};
use centrale_model::{CallId, EndpointId, Identity, ParticipantId, ReceiveMode};
use centrale_wire::signal::{CallView, Description, Sending, Signal, TransferTarget};
use serde::{Deserialize, Serialize};

use crate::{Error, Kind};

/// Something for one call.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Command {
    pub(crate) call: CallId,
    pub(crate) what: What,
}

/// What a call is asked.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) enum What {
    /// A client does things. Answers `Taken`. `targets`: where those whom it adds can ring, in the order of its signals.
    Signals {
        identity: Identity,
        endpoint: EndpointId,
        request: String,
        signals: Vec<Signal>,
        #[serde(default)]
        targets: Vec<Target>,
    },
    /// A client joins. Answers `Joined`, when the media processor has answered its offer.
    Join(Box<Join>),
    /// A media node was chosen for the conference. Answers `Node` with the one that holds it, which another may have chosen before.
    Seat { node: String },
    /// The media node that held the conference does not answer any more. Answers `Done`.
    Unseat { node: String },
    /// A client's event connection came, went, or said that it leaves. Answers `Done`.
    Presence { endpoint: EndpointId, presence: Presence },
    /// An online device of a rung identity that may not ring yet. Answers `Done`.
    DeviceAppeared { identity: Identity, endpoint: EndpointId },
    /// An input from another call or from time. Answers `Done`.
    Input(Input),
    /// Whether a user was asked for this transfer. Answers `Transfer`.
    TransferAsked { identity: Identity, transfer: u32 },
    /// How the call looks from this device. Answers `View`.
    View { endpoint: EndpointId },
}

/// How a client joins.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Join {
    pub(crate) identity: Identity,
    pub(crate) endpoint: EndpointId,
    /// The place it gets when it has none.
    pub(crate) participant_id: ParticipantId,
    pub(crate) display_name: Option<String>,
    pub(crate) request: String,
    pub(crate) offer: Description,
    pub(crate) sending: Sending,
    pub(crate) mode: ReceiveMode,
}

/// How a device can be reached.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Presence {
    /// Its event connection is there.
    Online,
    /// Its event connection is gone.
    Offline,
    /// It said that its page closes or reloads.
    Leaving,
    /// It said goodbye for good.
    Gone,
    /// Its token is over and was not refreshed.
    TokenOver,
}

/// What a call's owner answers.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) enum Answer {
    Done,
    Taken {
        fresh: bool,
    },
    View(Option<Box<CallView>>),
    /// An offer is on its way to the media processor; whoever did the command waits for the answer.
    Offered {
        place: ParticipantId,
        epoch: u32,
    },
    Joined {
        answer: Description,
        view: Box<CallView>,
    },
    Node(String),
    Transfer(Option<(Identity, TransferTarget)>),
    /// The asker's fault, with the sentence that its caller reads.
    Refused {
        kind: Refusal,
        message: String,
    },
    /// The call is not hosted here, or the host is in trouble: look again who owns it.
    Elsewhere,
}

/// The kinds of refusal that cross the bus.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Refusal {
    NotFound,
    Forbidden,
    Invalid,
    Conflict,
    /// The call has as many participants as it may have.
    Full,
    Gone,
    Unavailable,
}

/// The code of the error that tells that a call is full.
const FULL: &str = "CallIsFull";

/// The call has as many participants as it may have.
pub(crate) fn is_full() -> Error {
    Error::forbidden("The call has as many participants as it may have.").code(FULL)
}

impl Answer {
    /// The answer that tells of an error.
    pub(crate) fn refusing(error: &Error) -> Answer {
        let kind = match error.kind() {
            Kind::NotFound => Refusal::NotFound,
            Kind::Forbidden if error.wire_code() == FULL => Refusal::Full,
            Kind::Forbidden | Kind::Unauthenticated => Refusal::Forbidden,
            Kind::Invalid => Refusal::Invalid,
            Kind::Conflict => Refusal::Conflict,
            Kind::Gone => Refusal::Gone,
            Kind::TooMany | Kind::Unavailable | Kind::Bug => Refusal::Unavailable,
        };
        Answer::Refused { kind, message: error.message().to_owned() }
    }

    /// The error that a refusal tells of; other answers pass.
    pub(crate) fn into_result(self) -> Result<Answer, Error> {
        match self {
            Answer::Refused { kind, message } => Err(match kind {
                Refusal::NotFound => Error::not_found(message),
                Refusal::Forbidden => Error::forbidden(message),
                Refusal::Invalid => Error::invalid(message),
                Refusal::Conflict => Error::conflict(message),
                Refusal::Full => Error::forbidden(message).code(FULL),
                Refusal::Gone => Error::gone(message),
                Refusal::Unavailable => Error::unavailable(message),
            }),
            Answer::Elsewhere => Err(Error::unavailable("no node hosts the call")),
            Answer::Done
            | Answer::Taken { .. }
            | Answer::View(_)
            | Answer::Offered { .. }
            | Answer::Joined { .. }
            | Answer::Node(_)
            | Answer::Transfer(_) => Ok(self),
        }
    }
}
