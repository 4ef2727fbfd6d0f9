//! The client API: what browsers and apps ask by REST (`/client/…`), with a user access token.

use centrale_model::{CallId, EndpointId, Identity, ParticipantId, Sequence};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::signal::{
    Description, IceConfiguration, Sending, ServerFrame, Signal, TransferOf, Welcome,
};

/// `PUT /client/endpoints/{endpointId}`: registers this client, so that calls ring here. Answers [`Welcome`].
///
/// Only for clients that cannot open a WebSocket; [`crate::signal::ClientFrame::Hello`] does the same.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct RegisterEndpoint {
    /// Name shown to others.
    pub display_name: Option<String>,
    /// The last event number seen.
    pub after: Option<Sequence>,
}

/// The answer to [`RegisterEndpoint`].
pub type Registered = Welcome;

/// `GET /client/events/poll?endpointId=…&after=…&wait=…`: events by long poll. Answers [`Frames`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct PollEvents {
    /// This client's endpoint.
    pub endpoint_id: EndpointId,
    /// The last event number seen.
    pub after: Sequence,
    /// How long to wait for something, in seconds, 0 to 25.
    #[serde(default)]
    pub wait: u32,
}

/// Frames in order.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Frames {
    /// At most 100 frames.
    pub frames: Vec<ServerFrame>,
    /// The number to ask after next.
    pub seq: Sequence,
}

/// `POST /client/calls`: places a call. Answers 201 and [`CallStarted`]; asked twice with the same `callId` it is one call.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct StartCall {
    /// The call's id, chosen at random by the client.
    pub call_id: CallId,
    /// This client's endpoint.
    pub endpoint_id: EndpointId,
    /// Raw ids of those to call; one for a one-to-one call.
    pub targets: Vec<Identity>,
    /// The offer.
    pub offer: Description,
    /// What this client sends.
    #[serde(default)]
    pub sending: Sending,
    /// Name shown to the callee.
    #[serde(default)]
    pub display_name: Option<String>,
    /// The transfer that this call carries out.
    #[serde(default)]
    pub transfer_of: Option<TransferOf>,
    /// Custom context for the callee, at most 4 KiB of JSON.
    #[serde(default)]
    pub custom_context: Option<serde_json::Value>,
    /// Caller id for calls to telephones.
    #[serde(default)]
    pub alternate_caller_id: Option<String>,
}

/// The answer to [`StartCall`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct CallStarted {
    /// The call.
    pub call_id: CallId,
    /// The caller's place in it.
    pub participant_id: ParticipantId,
    /// Fresh ICE servers.
    pub ice: IceConfiguration,
}

/// `POST /client/calls/{callId}/:signal`: things that this client does in a call, in order. Answers [`SignalsTaken`].
///
/// A client sends one request at a time and repeats it, unchanged, when the answer was lost: the exchange remembers the last 16 request ids
/// of each leg, and a request that was taken already is answered again and changes nothing.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct SendSignals {
    /// This client's endpoint.
    pub endpoint_id: EndpointId,
    /// Names this request among those of the leg: 1 to 64 characters, random.
    pub request_id: String,
    /// 1 to 32 signals.
    pub signals: Vec<Signal>,
}

/// The answer to [`SendSignals`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct SignalsTaken {
    /// False when the request had been taken before.
    pub fresh: bool,
}

/// `POST /client/endpoints/{endpointId}/:leaving`: the page closes or reloads (sent with `keepalive`). Answers 204.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct LeaveEndpoint {}

/// `DELETE /client/endpoints/{endpointId}`: calls no longer ring here; the endpoint's legs hang up. Answers 204.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct UnregisterEndpoint {}
