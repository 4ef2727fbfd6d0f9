//! Network traversal: ICE servers for an identity (wire notes section 10).

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{Auth, Limit, Method, Operation, Per, Versions};

/// *Issue relay configuration*: STUN and TURN addresses with credentials that end by themselves (B-RELAY-1).
pub struct IssueRelayConfiguration;

/// Asks for ICE servers.
#[derive(Clone, Debug, Default, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct IssueRelayConfigurationRequest {
    /// The raw id of the user that will relay; absent for nobody in particular.
    #[serde(default)]
    pub id: Option<String>,
    /// `any` or `nearest`, in any case; both when absent.
    #[serde(default)]
    pub route_type: Option<String>,
    /// How long the credential shall last, in seconds: 0 to 172 800, which is also the default.
    #[serde(default)]
    pub ttl: Option<i64>,
}

/// ICE servers and their end.
#[derive(Clone, Debug, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct RelayConfiguration {
    /// When the credentials end: RFC 3339 with seven fraction digits and a numeric offset.
    pub expires_on: String,
    /// At most one entry per route, each with at most two addresses (B-RELAY-2).
    pub ice_servers: Vec<RouteIceServer>,
}

/// One ICE server of the network traversal service; all four fields are always there.
#[derive(Clone, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct RouteIceServer {
    /// STUN and TURN URIs (RFC 7064, RFC 7065).
    pub urls: Vec<String>,
    /// The TURN user name: `<end in unix seconds>:<raw id>`.
    pub username: String,
    /// The TURN password.
    pub credential: String,
    /// `any` or `nearest`.
    pub route_type: String,
}

impl core::fmt::Debug for RouteIceServer {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_struct("RouteIceServer")
            .field("urls", &self.urls)
            .field("route_type", &self.route_type)
            .finish_non_exhaustive()
    }
}

impl Operation for IssueRelayConfiguration {
    type Request = IssueRelayConfigurationRequest;
    type Response = RelayConfiguration;
    const NAME: &'static str = "CommunicationNetworkTraversal_IssueRelayConfiguration";
    const SUMMARY: &'static str = "Issue ICE servers with credentials for an identity.";
    const METHOD: Method = Method::Post;
    const PATH: &'static str = "/networkTraversal/:issueRelayConfiguration";
    const ALIASES: &'static [&'static str] = &["/networkRelay/:issueRelayConfiguration"];
    const STATUS: u16 = 200;
    const AUTH: Auth = Auth::AccessKey;
    const LIMIT: Option<Limit> =
        Some(Limit { name: "relay.configuration", count: 30_000, window_ms: 5_000, per: Per::Resource });
    const VERSIONS: Versions = Versions(&[
        "2021-02-22-preview1",
        "2021-06-21-preview",
        "2021-10-08-preview",
        "2022-02-01",
        "2022-03-01-preview",
    ]);
}

/// One entry of a browser's `RTCConfiguration.iceServers`.
#[derive(Clone, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
pub struct IceServer {
    /// STUN or TURN URIs (RFC 7064, RFC 7065).
    pub urls: Vec<String>,
    /// The TURN user name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub username: Option<String>,
    /// The TURN password.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub credential: Option<String>,
}

impl core::fmt::Debug for IceServer {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_struct("IceServer").field("urls", &self.urls).finish_non_exhaustive()
    }
}
