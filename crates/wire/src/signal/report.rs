//! What a client sees of its media path.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// What a client's media path looks like, for the machine and for `explain`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct MediaReport {
    /// How the path is.
    pub state: MediaState,
    /// The pair in use.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub selected: Option<PairReport>,
    /// All pairs that were tried, at most 64: what `explain` tells about the ones that failed.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub pairs: Vec<PairReport>,
    /// Milliseconds from the start of this client's part of set-up to the connected path.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub setup_ms: Option<u32>,
    /// Media quality so far, one entry per stream, at most 16.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub streams: Vec<StreamReport>,
}

/// How a media path is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub enum MediaState {
    /// A pair is nominated and media flows.
    Connected,
    /// Interrupted; the client tries to mend it.
    Interrupted,
    /// The client has given up.
    Failed,
    /// Only figures: nothing changed.
    Quality,
}

/// A candidate pair, as `getStats` shows it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct PairReport {
    /// The own candidate.
    pub local: CandidateReport,
    /// The other side's candidate.
    pub remote: CandidateReport,
    /// `frozen`, `waiting`, `in-progress`, `failed`, `succeeded`.
    pub state: String,
    /// Whether it was nominated.
    pub nominated: bool,
    /// Checks sent.
    pub requests_sent: u32,
    /// Answers received.
    pub responses_received: u32,
    /// Round-trip time in milliseconds, when known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rtt_ms: Option<u32>,
}

/// A candidate, as `getStats` shows it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct CandidateReport {
    /// `host`, `srflx`, `prflx` or `relay`.
    #[serde(rename = "type")]
    pub kind: String,
    /// `udp` or `tcp`.
    pub protocol: String,
    /// Between client and relay: `udp`, `tcp` or `tls`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub relay_protocol: Option<String>,
    /// Address, when the browser shows it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub address: Option<String>,
    /// Port.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub port: Option<u16>,
}

/// Quality of one stream (B-LOG-2).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct StreamReport {
    /// `audio`, `video` or `screen`.
    pub media: String,
    /// `send` or `receive`.
    pub direction: String,
    /// Codec name, for example `opus`.
    pub codec: String,
    /// Packets so far.
    pub packets: u64,
    /// Packets lost so far.
    pub packets_lost: u64,
    /// Bytes so far.
    pub bytes: u64,
    /// Jitter in milliseconds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub jitter_ms: Option<u32>,
    /// Round-trip time in milliseconds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rtt_ms: Option<u32>,
    /// Frames decoded or encoded so far.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub frames: Option<u64>,
}
