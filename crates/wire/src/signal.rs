//! What a client and the exchange say to each other: frames of the event connection, signals of a call.
//!
//! Clients ask by REST (`/client/…`) and are told by *frames*: over a WebSocket at `/client/events`, or, where WebSocket is blocked, by
//! long poll at `/client/events/poll`. Both carry the same frames. Events are numbered per user; a client that was away names the
//! last number it saw and gets the rest, each once.
//!
//! Our own protocol; nothing here is vendor wire. JSON, camelCase, unknown fields ignored.

use centrale_model::{
    CallId, CallState, Direction, EndReason, EndpointId, Identity, ParticipantId, ParticipantState, Sequence,
    TransferState,
};
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
    /// The highest peer connection epoch seen.
    pub epoch: u32,
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
    /// The caller's offer.
    pub offer: Description,
    /// The caller's candidates so far.
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

/// What a client is told.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "type", rename_all = "camelCase", rename_all_fields = "camelCase")]
pub enum Event {
    /// A call rings here.
    IncomingCall(Box<Incoming>),
    /// A device of the callee alerts (to the caller).
    Ringing {
        /// The call.
        call_id: CallId,
    },
    /// The callee answered (to the caller).
    Accepted {
        /// The call.
        call_id: CallId,
        /// Who answered.
        callee: Participant,
        /// The answer to the offer.
        answer: Description,
    },
    /// This device is in the call (to the device that accepted).
    Joined {
        /// The call.
        call_id: CallId,
    },
    /// The call is over for this device. Nothing more comes about it.
    Ended {
        /// The call.
        call_id: CallId,
        /// Why.
        reason: EndReason,
    },
    /// The other side describes itself.
    Description {
        /// The call.
        call_id: CallId,
        /// Who.
        from: ParticipantId,
        /// Offer or answer.
        description: Description,
    },
    /// The other side's candidates.
    Candidates {
        /// The call.
        call_id: CallId,
        /// Who.
        from: ParticipantId,
        /// Its candidates.
        candidates: Candidates,
    },
    /// A participant changed.
    Participant {
        /// The call.
        call_id: CallId,
        /// How it is.
        participant: Participant,
    },
    /// The call's state for this device changed between connected, local hold and remote hold.
    State {
        /// The call.
        call_id: CallId,
        /// How it is.
        state: CallState,
    },
    /// Please call somebody else instead (to the transferee): place a call to the target with `transferOf`.
    TransferRequested {
        /// The call.
        call_id: CallId,
        /// Number of the transfer in this call.
        transfer: u32,
        /// Who asks.
        transferor: Identity,
        /// Whom to call.
        target: TransferTarget,
    },
    /// How a transfer goes (to the transferor).
    Transfer {
        /// The call.
        call_id: CallId,
        /// Number of the transfer in this call.
        transfer: u32,
        /// Where it stands.
        state: TransferState,
        /// Why it failed.
        #[serde(skip_serializing_if = "Option::is_none")]
        error: Option<EndReason>,
    },
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

/// One thing that a client does in a call.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[expect(clippy::large_enum_variant, reason = "at most 32 live at once, and shortly")]
#[serde(tag = "type", rename_all = "camelCase", rename_all_fields = "camelCase")]
pub enum Signal {
    /// The device alerts its user.
    Ringing,
    /// The user answered here.
    Accept {
        /// The answer to the caller's offer.
        answer: Description,
        /// What this device sends.
        #[serde(default)]
        sending: Sending,
    },
    /// The user declined here.
    Decline {
        /// Because of another call, decided by the client.
        #[serde(default)]
        busy: bool,
    },
    /// The user left, or gave up calling.
    HangUp {
        /// End the call for everyone.
        #[serde(default)]
        for_everyone: bool,
    },
    /// A description for the other side.
    Describe {
        /// Offer or answer.
        description: Description,
    },
    /// Candidates for the other side.
    Candidates {
        /// The candidates.
        candidates: Candidates,
    },
    /// What this device sends changed.
    Sending {
        /// What it sends.
        sending: Sending,
    },
    /// Hold.
    Hold,
    /// No longer hold.
    Resume,
    /// Ask the other side to call somebody else.
    Transfer {
        /// Whom.
        target: TransferTarget,
    },
    /// How the media path is.
    Media {
        /// What the client sees.
        report: MediaReport,
    },
}
