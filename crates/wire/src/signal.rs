//! What a client and the exchange say to each other: frames of the event connection, signals of a call.
//!
//! Clients ask by REST (`/client/…`) and are told by *frames*: over a WebSocket at `/client/events`, or, where WebSocket is blocked, by
//! long poll at `/client/events/poll`. Both carry the same frames. Events are numbered per user; a client that was away names the
//! last number it saw and gets the rest, each once.
//!
//! Our own protocol; nothing here is vendor wire. JSON, camelCase, unknown fields ignored.

mod doing;
mod event;
mod report;
mod view;

pub use doing::Signal;
pub use event::Event;
pub use report::{CandidateReport, MediaReport, MediaState, PairReport, StreamReport};
pub use view::{CallView, Incoming, Participant};

use centrale_model::{CallId, EndpointId, Identity, Sequence};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// How long either side may be silent on the event connection before the other treats it as dead, in seconds.
///
/// The exchange sends [`ServerFrame::Ping`] after [`PING_AFTER_SECONDS`] of silence. Lower: quicker recovery after a NAT reboot;
/// higher: fewer packets on idle phones.
pub const SILENCE_SECONDS: u64 = 12;

/// After how many seconds of silence the exchange pings.
pub const PING_AFTER_SECONDS: u64 = 5;

/// One ICE server, as `RTCIceServer` wants it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct IceServer {
    /// `stun:`, `turn:` and `turns:` addresses.
    pub urls: Vec<String>,
    /// User name, for `turn:` and `turns:`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub username: Option<String>,
    /// Password, for `turn:` and `turns:`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub credential: Option<String>,
}

/// What a client may use to find a media path.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct IceConfiguration {
    /// STUN servers: free, used from the first moment.
    pub stun: Vec<IceServer>,
    /// TURN servers: used when no direct path is found. Empty when the resource has its relay switched off (B-FLOW-11).
    pub turn: Vec<IceServer>,
    /// When the credentials are over, milliseconds since the Unix epoch. The exchange sends fresh ones before.
    pub expires_at: i64,
}

/// Which half of an offer/answer exchange a description is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub enum DescriptionKind {
    /// An offer.
    Offer,
    /// An answer.
    Answer,
}

/// An SDP description.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Description {
    /// Offer or answer.
    pub kind: DescriptionKind,
    /// Which peer connection of the call it belongs to, from 0. A higher one than known: build a peer connection anew.
    pub epoch: u32,
    /// The SDP, at most 64 KiB.
    pub sdp: String,
}

/// ICE candidates.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Candidates {
    /// Which peer connection of the call they belong to.
    pub epoch: u32,
    /// At most 64 at once, each at most 2 KiB of JSON.
    pub list: Vec<Candidate>,
}

/// One candidate, as `RTCIceCandidateInit` has it. An empty `candidate` marks the end of candidates.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Candidate {
    /// The candidate attribute's value.
    pub candidate: String,
    /// Media stream identification tag.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sdp_mid: Option<String>,
    /// Index of the media description.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sdp_m_line_index: Option<u16>,
    /// ICE user name fragment of the generation.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub username_fragment: Option<String>,
}

/// What a participant sends at the moment.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct Sending {
    /// The microphone is muted.
    pub muted: bool,
    /// A camera picture is sent.
    pub video: bool,
    /// A screen is sent.
    pub screen: bool,
}

/// Whom a transfer leads to.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "kind", rename_all = "camelCase", rename_all_fields = "camelCase")]
pub enum TransferTarget {
    /// Somebody the transferor does not talk to.
    Participant {
        /// Raw id.
        identity: Identity,
    },
    /// The other side of another call of the transferor.
    Call {
        /// That call.
        call_id: CallId,
        /// The other side of it. Filled in by the exchange.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        identity: Option<Identity>,
    },
}

/// Which transfer a new call belongs to.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct TransferOf {
    /// The call in which the transfer was asked for.
    pub call_id: CallId,
    /// Its number in that call.
    pub transfer: u32,
}

/// A frame from the exchange.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "type", rename_all = "camelCase", rename_all_fields = "camelCase")]
pub enum ServerFrame {
    /// The connection is accepted.
    Welcome(Welcome),
    /// Something happened. Numbers rise; there are gaps where events went to other devices of the user.
    Event {
        /// Its number in the user's stream.
        seq: Sequence,
        /// When, milliseconds since the Unix epoch.
        at: i64,
        /// What.
        event: Event,
    },
    /// Say something. The client answers [`ClientFrame::Pong`].
    Ping,
    /// Fresh ICE servers, sent before the old ones are over.
    Ice {
        /// The ICE servers.
        ice: IceConfiguration,
    },
    /// The token was taken (answer to [`ClientFrame::Token`]).
    TokenTaken,
    /// The token is over, revoked or wrong: the connection closes with code 4401.
    TokenRefused {
        /// Why, for people.
        message: String,
    },
}

/// The first frame of an event connection, and the answer to registering an endpoint.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Welcome {
    /// Who the token says the client is.
    pub identity: Identity,
    /// The number after which events follow. Equal to the `after` that was asked for unless `reset`.
    pub seq: Sequence,
    /// The events after the asked number are no longer kept (or none was asked for): `calls` is the whole truth.
    pub reset: bool,
    /// The calls in which this endpoint has a living leg.
    pub calls: Vec<CallView>,
    /// ICE servers for the next call.
    pub ice: IceConfiguration,
    /// The exchange's clock, milliseconds since the Unix epoch.
    pub server_time: i64,
}

/// A frame from a client.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "type", rename_all = "camelCase", rename_all_fields = "camelCase")]
pub enum ClientFrame {
    /// The first frame: who this is, and what it saw last. Registers the endpoint.
    Hello {
        /// User access token with scope `voip` or `voip.join`.
        token: String,
        /// This client's endpoint, kept over page reloads.
        endpoint_id: EndpointId,
        /// The last number seen; absent on the first connection.
        #[serde(default)]
        after: Option<Sequence>,
        /// Name shown to others.
        #[serde(default)]
        display_name: Option<String>,
    },
    /// A newer token, in place.
    Token {
        /// User access token of the same user.
        token: String,
    },
    /// Answer to a ping.
    Pong,
}
