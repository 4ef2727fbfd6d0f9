//! Mixing: for participants that can take only one stream of each kind, one voice mix without their own voice and one composed picture.
//!
//! ```text
//!  voices ──▶ jitter buffer ─▶ decode ─▶ sum ─┬─ minus own ─▶ limit ─▶ encode ──▶ each who speaks
//!             (one per speaker)               └────────────── limit ─▶ encode ──▶ all who are silent, together
//!
//!  pictures ─▶ reorder ─▶ decode ─▶ scale into a tile ─▶ canvas ─▶ encode once per quality ─▶ packets, the same for all its viewers
//! ```
//!
//! [`Mixer`] and [`Composer`] are two machines that know nothing of one another and nothing of peers: payloads and time go in, payloads
//! come out. Both are plain [`Send`] data without handles, so that a shell may keep either on another thread than the sockets: what goes
//! in and comes out is small and owned ([`bytes::Bytes`]).
//!
//! How a worker drives them:
//!
//! 1. It hands in each RTP payload of a sender ([`Mixer::push`], [`Composer::push`]) as it comes, decrypted, header taken off.
//! 2. It calls `tick` when `timeout` has passed, then `poll` until there is nothing. One tick is one unit of work (one 20 ms frame, one picture).
//! 3. It puts its own header in front of what comes out: sequence numbers, SSRC and payload type belong to the receiving peer.
//!
//! Not here: RTP headers, SRTP, RTCP, and the choice who is mixed and who is forwarded.

mod audio;
mod video;

pub use audio::{AudioFormat, AudioPacket, Mixed, Mixer, MixerSettings, MixerStats};
pub use video::{
    Composed, Composer, ComposerSettings, ComposerStats, Layout, Quality, VideoCodec, VideoPacket, View, Visible,
};
