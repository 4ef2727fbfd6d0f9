//! What operators see of calls: the list, and why a call went the way it did.

use centrale_model::{CallId, EndReason, EndpointId, GroupId, Identity, ParticipantId, ReceiveMode};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::admin::UsageRecord;
use crate::signal::{CandidateReport, PairReport, StreamReport};
use crate::{Auth, Method, Operation, Query, QueryKind};

/// The latest calls.
#[derive(Clone, Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct ListCalls {
    /// At most this many, 1 to 200; 50 when absent.
    pub top: Option<u32>,
    /// Only calls with this identity.
    pub identity: Option<Identity>,
    /// Only calls that are not over.
    pub active: Option<bool>,
}

/// One call, in a line.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct CallSummary {
    /// The call.
    pub call_id: CallId,
    /// Who placed it.
    pub caller: Identity,
    /// Whom; nobody for a group call that was joined.
    pub targets: Vec<Identity>,
    /// It is, or was, a group call.
    pub is_group: bool,
    /// The id under which it was joined.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub group_id: Option<GroupId>,
    /// The node whose media processor held its conference last.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub media_node: Option<String>,
    /// When it was placed, milliseconds since the Unix epoch.
    pub started: i64,
    /// When it was over.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ended: Option<i64>,
    /// Why it was over.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub end_reason: Option<EndReason>,
}

/// Calls, newest first.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
pub struct CallList {
    /// The calls.
    pub value: Vec<CallSummary>,
}

impl Operation for ListCalls {
    type Request = ListCalls;
    type Response = CallList;
    const NAME: &'static str = "Admin_ListCalls";
    const SUMMARY: &'static str = "The latest calls.";
    const METHOD: Method = Method::Get;
    const PATH: &'static str = "/admin/calls";
    const STATUS: u16 = 200;
    const AUTH: Auth = Auth::AccessKey;
    const QUERY: &'static [Query] = &[
        Query { name: "top", kind: QueryKind::Integer },
        Query { name: "identity", kind: QueryKind::Text },
        Query { name: "active", kind: QueryKind::Bool },
    ];
}

/// Why a call went the way it did.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ExplainCall {
    /// Which call.
    pub call_id: CallId,
}

/// One step of a call.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Step {
    /// Milliseconds since the call was placed.
    pub at_ms: u64,
    /// Whose leg, when it is about one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub leg: Option<u32>,
    /// What happened, in words.
    pub what: String,
}

/// One leg of a call.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct LegStory {
    /// Its number.
    pub leg: u32,
    /// Whose.
    pub identity: Identity,
    /// On which device.
    pub endpoint_id: EndpointId,
    /// Its place in the call.
    pub participant_id: ParticipantId,
    /// How it came in: `caller`, `callee` or `joined`.
    pub role: String,
    /// How it received in a conference, last: forwarded or mixed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub receives: Option<ReceiveMode>,
    /// How many peer connections to the media processor it needed.
    pub media_connections: u32,
    /// Milliseconds it was connected.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub connected_ms: Option<u64>,
    /// Why it ended.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub end_reason: Option<EndReason>,
    /// The candidates that it sent.
    pub candidates: Vec<CandidateReport>,
    /// The pair it used last.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub selected: Option<PairReport>,
    /// All pairs of its last report.
    pub pairs: Vec<PairReport>,
    /// Why the better pairs failed, one sentence each.
    pub why_not_better: Vec<String>,
    /// Milliseconds to the first connected path.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub setup_ms: Option<u32>,
    /// Quality as last reported.
    pub streams: Vec<StreamReport>,
}

/// The story of a call.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Explanation {
    /// The call in a line.
    pub call: CallSummary,
    /// The media path in words.
    pub path: String,
    /// Its legs.
    pub legs: Vec<LegStory>,
    /// What happened, in order.
    pub steps: Vec<Step>,
    /// What it used.
    pub usage: Vec<UsageRecord>,
    /// Bytes relayed for it, both directions.
    pub relayed_bytes: u64,
    /// All of it as text, for a terminal.
    pub text: String,
}

impl Operation for ExplainCall {
    type Request = ExplainCall;
    type Response = Explanation;
    const NAME: &'static str = "Admin_ExplainCall";
    const SUMMARY: &'static str = "Why a call went the way it did.";
    const METHOD: Method = Method::Get;
    const PATH: &'static str = "/admin/calls/{callId}/explain";
    const STATUS: u16 = 200;
    const AUTH: Auth = Auth::AccessKey;
}
