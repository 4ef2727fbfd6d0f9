//! The client API: what browsers and apps ask by REST (`/client/…`), with a user access token.

use centrale_model::{CallId, EndpointId, GroupId, Identity, ParticipantId, ReceiveMode, Scope, Sequence};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::signal::{CallView, Description, IceConfiguration, Sending, ServerFrame, Signal, TransferOf, Welcome};
use crate::{Auth, Limit, Method, Operation, Per, Query, QueryKind};

/// Whoever may start or join calls.
const CALLERS: &[Scope] = &[Scope::Voip, Scope::VoipJoin];

/// Signalling of one client: far above what a person causes, low enough that a runaway client hurts only itself.
const SIGNAL_LIMIT: Limit = Limit { name: "client signalling", count: 600, window_ms: 10_000, per: Per::Caller };

/// Registers a client, so that calls ring there. For clients that cannot open a WebSocket;
/// [`crate::signal::ClientFrame::Hello`] does the same.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct RegisterEndpoint {
    /// This client's endpoint.
    pub endpoint_id: EndpointId,
    /// Name shown to others, at most 256 characters.
    #[serde(default)]
    pub display_name: Option<String>,
    /// The last event number seen.
    #[serde(default)]
    pub after: Option<Sequence>,
}

impl Operation for RegisterEndpoint {
    type Request = RegisterEndpoint;
    type Response = Welcome;
    const NAME: &'static str = "Client_RegisterEndpoint";
    const SUMMARY: &'static str = "Register this client, so that calls ring here.";
    const METHOD: Method = Method::Put;
    const PATH: &'static str = "/client/endpoints/{endpointId}";
    const STATUS: u16 = 200;
    const AUTH: Auth = Auth::User;
    const SCOPES: &'static [Scope] = CALLERS;
    const LIMIT: Option<Limit> = Some(SIGNAL_LIMIT);
}

/// Calls no longer ring here; the endpoint's legs hang up.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct UnregisterEndpoint {
    /// This client's endpoint.
    pub endpoint_id: EndpointId,
}

impl Operation for UnregisterEndpoint {
    type Request = UnregisterEndpoint;
    type Response = ();
    const NAME: &'static str = "Client_UnregisterEndpoint";
    const SUMMARY: &'static str = "Forget this client; its calls hang up.";
    const METHOD: Method = Method::Delete;
    const PATH: &'static str = "/client/endpoints/{endpointId}";
    const STATUS: u16 = 204;
    const AUTH: Auth = Auth::User;
    const SCOPES: &'static [Scope] = CALLERS;
    const LIMIT: Option<Limit> = Some(SIGNAL_LIMIT);
}

/// The page closes or reloads; sent as it goes. A page that does not come back is gone sooner (B-CALL-11).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct LeaveEndpoint {
    /// This client's endpoint.
    pub endpoint_id: EndpointId,
}

impl Operation for LeaveEndpoint {
    type Request = LeaveEndpoint;
    type Response = ();
    const NAME: &'static str = "Client_LeaveEndpoint";
    const SUMMARY: &'static str = "Say that the page closes or reloads.";
    const METHOD: Method = Method::Post;
    const PATH: &'static str = "/client/endpoints/{endpointId}/:leaving";
    const STATUS: u16 = 204;
    const AUTH: Auth = Auth::User;
    const SCOPES: &'static [Scope] = CALLERS;
    const LIMIT: Option<Limit> = Some(SIGNAL_LIMIT);
}

/// Asks for events by long poll.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct PollEvents {
    /// This client's endpoint.
    pub endpoint_id: EndpointId,
    /// The last event number seen.
    pub after: Sequence,
    /// How long to wait for something, in seconds: 0 to 25.
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

impl Operation for PollEvents {
    type Request = PollEvents;
    type Response = Frames;
    const NAME: &'static str = "Client_PollEvents";
    const SUMMARY: &'static str = "Wait for events, where WebSocket is blocked.";
    const METHOD: Method = Method::Get;
    const PATH: &'static str = "/client/events/poll";
    const STATUS: u16 = 200;
    const AUTH: Auth = Auth::User;
    const SCOPES: &'static [Scope] = CALLERS;
    const LIMIT: Option<Limit> = Some(SIGNAL_LIMIT);
    const QUERY: &'static [Query] = &[
        Query { name: "endpointId", kind: QueryKind::Text },
        Query { name: "after", kind: QueryKind::Integer },
        Query { name: "wait", kind: QueryKind::Integer },
    ];
}

/// Places a call. Asked twice with the same `callId` it is one call.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct StartCall {
    /// The call's id, chosen at random by the client.
    pub call_id: CallId,
    /// This client's endpoint.
    pub endpoint_id: EndpointId,
    /// Raw ids of those to call: one for a one-to-one call; two or more make a group call.
    pub targets: Vec<Identity>,
    /// Make a group call whatever the number of targets.
    #[serde(default)]
    pub group: bool,
    /// The offer: to the one who is called, or, in a group call or a call to the echo bot, to the media processor.
    pub offer: Description,
    /// What this client sends.
    #[serde(default)]
    pub sending: Sending,
    /// Name shown to the callee, at most 256 characters.
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
    /// The media processor's answer, when the offer went there.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub answer: Option<Description>,
    /// Fresh ICE servers.
    pub ice: IceConfiguration,
}

impl Operation for StartCall {
    type Request = StartCall;
    type Response = CallStarted;
    const NAME: &'static str = "Client_StartCall";
    const SUMMARY: &'static str = "Place a call.";
    const METHOD: Method = Method::Post;
    const PATH: &'static str = "/client/calls";
    const STATUS: u16 = 201;
    const AUTH: Auth = Auth::User;
    const SCOPES: &'static [Scope] = &[Scope::Voip];
    const LIMIT: Option<Limit> = Some(Limit { name: "start call", count: 30, window_ms: 10_000, per: Per::Caller });
    const BODY_LIMIT: usize = 128 * 1024;
}

/// Which call is joined.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "kind", rename_all = "camelCase", rename_all_fields = "camelCase")]
pub enum Locator {
    /// The call of a group; made when there is none (B-CALL-7).
    Group {
        /// The group, a GUID that the app chose.
        group_id: GroupId,
    },
    /// A group call that lives.
    Call {
        /// The call.
        call_id: CallId,
    },
}

/// Joins a group call.
///
/// A device that is in the call already (a page was reloaded) is the same participant as before, with a new peer connection; its offer is of
/// a higher epoch than the one before. The same request again gives the same answer.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct JoinCall {
    /// Which call.
    pub locator: Locator,
    /// This client's endpoint.
    pub endpoint_id: EndpointId,
    /// Names this request among those of the endpoint: 1 to 64 characters, random.
    pub request_id: String,
    /// The offer to the media processor.
    pub offer: Description,
    /// What this client sends.
    #[serde(default)]
    pub sending: Sending,
    /// Name shown to others, at most 256 characters.
    #[serde(default)]
    pub display_name: Option<String>,
    /// How this client wants to receive.
    #[serde(default)]
    pub media: ReceiveMode,
}

/// The answer to [`JoinCall`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct CallJoined {
    /// The call.
    pub call_id: CallId,
    /// This client's place in it.
    pub participant_id: ParticipantId,
    /// The media processor's answer.
    pub answer: Description,
    /// Fresh ICE servers.
    pub ice: IceConfiguration,
    /// The call as this client sees it.
    pub call: CallView,
}

impl Operation for JoinCall {
    type Request = JoinCall;
    type Response = CallJoined;
    const NAME: &'static str = "Client_JoinCall";
    const SUMMARY: &'static str = "Join a group call, or begin it.";
    const METHOD: Method = Method::Post;
    const PATH: &'static str = "/client/calls/:join";
    const STATUS: u16 = 200;
    const AUTH: Auth = Auth::User;
    const SCOPES: &'static [Scope] = CALLERS;
    const LIMIT: Option<Limit> = Some(Limit { name: "join call", count: 30, window_ms: 10_000, per: Per::Caller });
    const BODY_LIMIT: usize = 128 * 1024;
}

/// Does things in a call, in order.
///
/// A client sends one request at a time and repeats it, unchanged, when the answer was lost: the exchange remembers the last 16 request
/// ids of each leg, and a request that was taken already is answered again and changes nothing.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct SendSignals {
    /// The call.
    pub call_id: CallId,
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

impl Operation for SendSignals {
    type Request = SendSignals;
    type Response = SignalsTaken;
    const NAME: &'static str = "Client_SendSignals";
    const SUMMARY: &'static str = "Do things in a call: answer, describe, mute, hang up.";
    const METHOD: Method = Method::Post;
    const PATH: &'static str = "/client/calls/{callId}/:signal";
    const STATUS: u16 = 200;
    const AUTH: Auth = Auth::User;
    const SCOPES: &'static [Scope] = CALLERS;
    const LIMIT: Option<Limit> = Some(SIGNAL_LIMIT);
    const BODY_LIMIT: usize = 256 * 1024;
}
