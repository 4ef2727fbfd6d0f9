//! SRTP and SRTCP: RFC 3711 with AES-128 in counter mode and HMAC-SHA-1, RFC 7714 with AES-GCM.

/// Room behind an RTP packet for its authentication tag, in bytes.
pub const RTP_ROOM: usize = 16;

/// Room behind an RTCP packet for its authentication tag and index, in bytes.
pub const RTCP_ROOM: usize = 20;

/// How many streams of one peer are kept, each way. 17 m-lines, three layers each, with their retransmissions.
pub const MAX_STREAMS: usize = 128;
