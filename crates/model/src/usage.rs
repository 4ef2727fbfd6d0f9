//! What is metered, and in what (acs-behaviour section 22).

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// What was used.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
pub enum UsageKind {
    /// A participant connected to a call over IP, whatever the modality (B-USE-1).
    #[serde(rename = "VoIP")]
    Voip,
    /// Bytes that a TURN allocation relayed (B-USE-4; mode NAT in the usage log, B-RELAY-4).
    #[serde(rename = "NAT")]
    Relay,
}

impl UsageKind {
    /// The kind's name in rows and on the wire.
    pub const fn as_str(self) -> &'static str {
        match self {
            UsageKind::Voip => "VoIP",
            UsageKind::Relay => "NAT",
        }
    }
}

/// What a quantity counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub enum UsageUnit {
    /// Milliseconds of connection; minutes are for reports.
    Milliseconds,
    /// Bytes of application data relayed; megabytes are for reports.
    Bytes,
}

impl UsageUnit {
    /// The unit's name in rows and on the wire.
    pub const fn as_str(self) -> &'static str {
        match self {
            UsageUnit::Milliseconds => "milliseconds",
            UsageUnit::Bytes => "bytes",
        }
    }
}
