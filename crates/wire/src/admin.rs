//! What the operator's console and commands ask (contract section 4, `/admin/…`).

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{Auth, Method, Operation, Query, QueryKind};

/// Nothing is asked.
#[derive(Clone, Debug, Default, Deserialize, Serialize, JsonSchema)]
pub struct NoRequest {}

/// How this node is.
pub struct GetStatus;

/// How a node is.
#[derive(Clone, Debug, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Status {
    /// The program's version.
    pub version: String,
    /// The resource's id.
    pub resource_id: String,
    /// The public HTTPS address.
    pub public_url: String,
    /// Seconds since the node was ready.
    pub uptime_seconds: u64,
    /// Whether the node takes no new calls and will soon end.
    pub draining: bool,
    /// Whether this is `centrale dev`.
    pub dev: bool,
    /// Whether requests over a limit are refused.
    pub limits: bool,
    /// Whether TURN is offered.
    pub relay_enabled: bool,
    /// Users that exist.
    pub users: u64,
}

impl Operation for GetStatus {
    type Request = NoRequest;
    type Response = Status;
    const NAME: &'static str = "Admin_GetStatus";
    const SUMMARY: &'static str = "How this node is.";
    const METHOD: Method = Method::Get;
    const PATH: &'static str = "/admin/status";
    const STATUS: u16 = 200;
    const AUTH: Auth = Auth::AccessKey;
}

/// What was used.
pub struct ListUsage;

/// Which usage records.
#[derive(Clone, Debug, Default, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ListUsageRequest {
    /// Only of this kind: `VoIP` or `NAT`.
    #[serde(default)]
    pub kind: Option<String>,
    /// Only of this identity (raw id).
    #[serde(default)]
    pub identity: Option<String>,
    /// Only of this call.
    #[serde(default)]
    pub call: Option<String>,
    /// Only records that ended at or after this moment, in milliseconds since 1970.
    #[serde(default)]
    pub from: Option<i64>,
    /// Only records that began before this moment, in milliseconds since 1970.
    #[serde(default)]
    pub until: Option<i64>,
    /// Records per page: 1 to 1000; 100 when absent.
    #[serde(default)]
    pub top: Option<i64>,
    /// The cursor of an earlier page.
    #[serde(default)]
    pub after: Option<String>,
}

/// One metered quantity.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct UsageRecord {
    /// Unique for ever; a record that is written twice counts once.
    pub record_id: String,
    /// `VoIP` or `NAT`.
    pub kind: String,
    /// `milliseconds` or `bytes`.
    pub unit: String,
    /// How much.
    pub quantity: u64,
    /// Whose: a raw id.
    pub identity: String,
    /// In which call.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub call_id: Option<String>,
    /// Which participant of the call.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub participant_id: Option<String>,
    /// For relayed bytes, how the client reached the relay: `udp`, `tcp` or `tls`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub transport: Option<String>,
    /// For relayed bytes, which way: `sent` by the client or `received` by it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub direction: Option<String>,
    /// When it began, in milliseconds since 1970.
    pub started: i64,
    /// When it ended, in milliseconds since 1970.
    pub ended: i64,
}

/// The sum of one kind in one unit.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct UsageTotal {
    /// `VoIP` or `NAT`.
    pub kind: String,
    /// `milliseconds` or `bytes`.
    pub unit: String,
    /// `sent` or `received`, for relayed bytes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub direction: Option<String>,
    /// How much.
    pub quantity: u64,
    /// How many records.
    pub records: u64,
}

/// A page of records, and the totals of everything that matched.
#[derive(Clone, Debug, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct UsagePage {
    /// The records, oldest first.
    pub value: Vec<UsageRecord>,
    /// Totals over all pages.
    pub totals: Vec<UsageTotal>,
    /// Where the next page is; absent at the end.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next_link: Option<String>,
}

impl Operation for ListUsage {
    type Request = ListUsageRequest;
    type Response = UsagePage;
    const NAME: &'static str = "Admin_ListUsage";
    const SUMMARY: &'static str = "What was used: records and totals.";
    const METHOD: Method = Method::Get;
    const PATH: &'static str = "/admin/usage";
    const STATUS: u16 = 200;
    const AUTH: Auth = Auth::AccessKey;
    const QUERY: &'static [Query] = &[
        Query { name: "kind", kind: QueryKind::Text },
        Query { name: "identity", kind: QueryKind::Text },
        Query { name: "call", kind: QueryKind::Text },
        Query { name: "from", kind: QueryKind::Integer },
        Query { name: "until", kind: QueryKind::Integer },
        Query { name: "top", kind: QueryKind::Integer },
        Query { name: "after", kind: QueryKind::Text },
    ];
}

/// The two access keys.
pub struct ListKeys;
/// Makes one of the access keys anew and ends every token that was made under the old one (B-TOK-5).
pub struct RegenerateKey;

/// Which key.
#[derive(Clone, Debug, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct RegenerateKeyRequest {
    /// `primary` or `secondary`, in any case.
    #[serde(default)]
    pub key_type: Option<String>,
}

/// The access keys of the resource and their connection strings.
#[derive(Clone, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Keys {
    /// The primary key, base64.
    pub primary_key: String,
    /// The secondary key, base64.
    pub secondary_key: String,
    /// The connection string of the primary key.
    pub primary_connection_string: String,
    /// The connection string of the secondary key.
    pub secondary_connection_string: String,
}

impl core::fmt::Debug for Keys {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str("Keys(…)")
    }
}

impl Operation for ListKeys {
    type Request = NoRequest;
    type Response = Keys;
    const NAME: &'static str = "Admin_ListKeys";
    const SUMMARY: &'static str = "The access keys and their connection strings.";
    const METHOD: Method = Method::Get;
    const PATH: &'static str = "/admin/keys";
    const STATUS: u16 = 200;
    const AUTH: Auth = Auth::AccessKey;
}

impl Operation for RegenerateKey {
    type Request = RegenerateKeyRequest;
    type Response = Keys;
    const NAME: &'static str = "Admin_RegenerateKey";
    const SUMMARY: &'static str = "Replace an access key; tokens made under the old one end at once.";
    const METHOD: Method = Method::Post;
    const PATH: &'static str = "/admin/keys/:regenerate";
    const STATUS: u16 = 200;
    const AUTH: Auth = Auth::AccessKey;
}

/// ICE servers for a browser, as the command prints them.
pub struct IssueIceServers;

/// For whom and how long.
#[derive(Clone, Debug, Default, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct IssueIceServersRequest {
    /// The user's raw id; nobody in particular when absent.
    #[serde(default)]
    pub identity: Option<String>,
    /// Seconds: 0 to 172 800; a day when absent.
    #[serde(default)]
    pub ttl_seconds: Option<i64>,
}

/// What goes into `RTCConfiguration.iceServers`.
#[derive(Clone, Debug, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct IceServers {
    /// The servers.
    pub ice_servers: Vec<crate::relay::IceServer>,
    /// When their credentials end.
    pub expires_on: String,
}

impl Operation for IssueIceServers {
    type Request = IssueIceServersRequest;
    type Response = IceServers;
    const NAME: &'static str = "Admin_IssueIceServers";
    const SUMMARY: &'static str = "ICE servers with credentials, for a browser.";
    const METHOD: Method = Method::Post;
    const PATH: &'static str = "/admin/iceServers";
    const STATUS: u16 = 200;
    const AUTH: Auth = Auth::AccessKey;
}
