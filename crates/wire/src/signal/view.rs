//! A call and its participants, as a client sees them.

use centrale_model::{
    CallId, CallState, Direction, EndReason, GroupId, Identity, ParticipantId, ParticipantRole, ParticipantState,
    ReceiveMode,
};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{Candidates, Description, IceConfiguration, Sending};

/// A participant as others see it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Participant {
    /// Raw id.
    pub identity: Identity,
    /// Its place in the call, once a device of it is in.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub participant_id: Option<ParticipantId>,
    /// Its name, when it gave one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub display_name: Option<String>,
    /// Where it stands.
    pub state: ParticipantState,
    /// What it sends.
    pub sending: Sending,
    /// What it may do.
    #[serde(default)]
    pub role: ParticipantRole,
    /// When it raised its hand: the lower, the earlier; absent while the hand is down.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hand_raised: Option<u32>,
    /// It is on everybody's stage.
    #[serde(default)]
    pub is_spotlighted: bool,
    /// Somebody else muted it, and it has not unmuted itself since.
    #[serde(default)]
    pub is_muted_by_others: bool,
    /// How it receives, once it does in a conference: forwarded or mixed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub receives: Option<ReceiveMode>,
    /// Why it is not in the call (any more), while `state` is `Disconnected`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub end_reason: Option<EndReason>,
}

/// A call as one of its legs may see it: enough for a page that was reloaded to go on.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct CallView {
    /// The call.
    pub call_id: CallId,
    /// This leg's place in it.
    pub participant_id: ParticipantId,
    /// Who placed it, as this leg sees it.
    pub direction: Direction,
    /// Its state for this leg.
    pub state: CallState,
    /// It is a group call: placed or joined as one, or somebody was added.
    #[serde(default)]
    pub is_group: bool,
    /// The id under which it was joined.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub group_id: Option<GroupId>,
    /// Media goes to the media processor: this client offers, to nobody in particular, and the exchange brings the answer.
    #[serde(default)]
    pub conference: bool,
    /// The highest peer connection epoch seen. In a conference each device counts its own.
    pub epoch: u32,
    /// This leg as others see it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub own: Option<Participant>,
    /// What this leg sends.
    pub sending: Sending,
    /// Everybody else.
    pub participants: Vec<Participant>,
    /// The call as it rings here, when it still rings.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub incoming: Option<Incoming>,
}

/// A call that rings.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Incoming {
    /// The call.
    pub call_id: CallId,
    /// The place this device would have in it.
    pub participant_id: ParticipantId,
    /// Who calls.
    pub caller: Participant,
    /// The call is a conference: accept with an offer.
    #[serde(default)]
    pub conference: bool,
    /// The caller's offer; absent in a conference.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub offer: Option<Description>,
    /// The caller's candidates so far.
    #[serde(default)]
    pub candidates: Vec<Candidates>,
    /// Who asked for this call by a transfer.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub transferor: Option<Identity>,
    /// The call of this very device that this one replaces: answer without asking.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub replaces: Option<CallId>,
    /// Custom context of the caller, as it gave it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub custom_context: Option<serde_json::Value>,
    /// ICE servers for this call.
    pub ice: IceConfiguration,
}
