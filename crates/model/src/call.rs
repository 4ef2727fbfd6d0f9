//! Words about calls that every room uses: states, directions, end reasons.

use core::fmt;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Who placed the call, as one participant sees it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
pub enum Direction {
    /// This side was called.
    Incoming,
    /// This side called.
    Outgoing,
}

/// A call as one of its legs sees it (acs-behaviour section 9, client view).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
pub enum CallState {
    /// Placed, nothing rings yet.
    Connecting,
    /// The other side is being alerted; `Incoming` on the callee (B-CALL-1).
    Ringing,
    /// Waits to be let in.
    InLobby,
    /// Answered.
    Connected,
    /// This side holds (the other may hold too).
    LocalHold,
    /// The other side holds and this one does not.
    RemoteHold,
    /// Over.
    Disconnected,
}

/// A participant as the others see it (B-CALL-3).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
pub enum ParticipantState {
    /// Known, nothing has happened.
    Idle,
    /// Being reached.
    Connecting,
    /// A device alerts.
    Ringing,
    /// Waits to be let in.
    InLobby,
    /// In the call.
    Connected,
    /// In the call, holding.
    Hold,
    /// Gone.
    Disconnected,
}

/// What a participant may do in a call (B-ROOM-3). What each role may is in the call machine's `Rights` and `Act`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
pub enum ParticipantRole {
    /// Everything: send, and act on others. Who has no other role has this one.
    #[default]
    Presenter,
    /// Sends voice, picture and screen.
    Collaborator,
    /// Sends voice and picture.
    Attendee,
    /// Only receives.
    Consumer,
}

/// How a participant receives the others in a conference.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub enum ReceiveMode {
    /// As the media processor chooses.
    #[default]
    Auto,
    /// Each sender's streams.
    Forwarded,
    /// One mixed voice and one composed picture.
    Mixed,
}

/// Where a transfer stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
pub enum TransferState {
    /// Asked for; the transferee has not taken it yet.
    Transferring,
    /// The transferee talks to the target.
    Transferred,
    /// Nothing came of it.
    Failed,
}

/// A kind of media that a participant sends.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub enum MediaKind {
    /// Microphone.
    Audio,
    /// Camera.
    Video,
    /// Screen.
    Screen,
}

/// Why a call ended: a SIP-like code and a sub-code (acs-behaviour section 10).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct EndReason {
    /// 0, or 4xx, 5xx, 6xx as in SIP.
    pub code: u16,
    /// Narrows the code down.
    pub sub_code: u32,
}

impl EndReason {
    /// This side hung up.
    pub const HUNG_UP: EndReason = EndReason::new(0, 0);
    /// The caller gave up before an answer.
    pub const CANCELLED: EndReason = EndReason::new(487, 0);
    /// The one device rung, declined.
    pub const DECLINED: EndReason = EndReason::new(603, 0);
    /// Every device of the callee declined.
    pub const DECLINED_BY_ALL: EndReason = EndReason::new(487, 10024);
    /// Another device of the same identity answered.
    pub const ACCEPTED_ELSEWHERE: EndReason = EndReason::new(487, 10003);
    /// Nobody answered in time.
    pub const NOT_ANSWERED: EndReason = EndReason::new(487, 10004);
    /// The callee has no registered endpoint.
    pub const NO_ENDPOINT: EndReason = EndReason::new(480, 10037);
    /// The callee is registered, but offline.
    pub const OFFLINE: EndReason = EndReason::new(480, 10076);
    /// The callee is in another call and takes no second one.
    pub const BUSY: EndReason = EndReason::new(486, 0);
    /// The callee answered and did not finish set-up.
    pub const SETUP_UNFINISHED: EndReason = EndReason::new(408, 10057);
    /// The other client vanished.
    pub const VANISHED: EndReason = EndReason::new(0, 4521);
    /// Ended for everyone by its organiser.
    pub const ENDED_FOR_ALL: EndReason = EndReason::new(0, 4097);
    /// Removed by another participant.
    pub const REMOVED: EndReason = EndReason::new(0, 5300);
    /// Moved to another call by a transfer.
    pub const TRANSFERRED: EndReason = EndReason::new(0, 7015);
    /// The clients' networks gave no media path while the call was being set up.
    pub const NO_PATH_AT_SETUP: EndReason = EndReason::new(410, 3100);
    /// The service could not make a media path while the call was being set up.
    pub const NO_MEDIA_PATH: EndReason = EndReason::new(410, 301_004);
    /// The media path was lost in mid-call and did not come back.
    pub const MEDIA_LOST: EndReason = EndReason::new(410, 301_005);
    /// A telephone was called and no trunk leads there.
    pub const NO_TRUNK: EndReason = EndReason::new(403, 511_532);
    /// The media processor did not take the offer.
    pub const OFFER_REFUSED: EndReason = EndReason::new(410, 3111);
    /// The network of this client failed in mid-call.
    pub const NETWORK_LOST: EndReason = EndReason::new(410, 3101);
    /// A network configuration (relay switched off, say) leaves no path.
    pub const NETWORK_MISCONFIGURED: EndReason = EndReason::new(410, 3112);
    /// The token is invalid, revoked or over and was not refreshed.
    pub const TOKEN_INVALID: EndReason = EndReason::new(401, 10009);

    /// A reason from its two numbers.
    pub const fn new(code: u16, sub_code: u32) -> EndReason {
        EndReason { code, sub_code }
    }
}

impl fmt::Display for EndReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.code, self.sub_code)
    }
}
