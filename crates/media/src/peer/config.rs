//! What a peer connection is given at birth.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Instant;

use aws_lc_rs::hmac;

use crate::dtls::Identity;
use crate::sdp::FormatName;

/// What the peers of one worker share.
#[derive(Debug)]
pub struct Host {
    /// Certificate and DTLS settings, made once.
    pub(crate) identity: Identity,
    /// Where the worker's sockets are reached from outside: the host candidates of answers, the preferred first.
    pub(crate) candidates: Vec<SocketAddr>,
    /// The moment that machines call [`centrale_model::Time::ZERO`]: the libraries below want clock readings.
    pub(crate) epoch: Instant,
}

impl Host {
    /// Makes a certificate and remembers where the worker is.
    ///
    /// - `candidates`: public addresses of the worker's sockets; at most one for each family is useful.
    /// - `epoch`: a clock reading taken when the worker's machine was born.
    pub fn new(candidates: Vec<SocketAddr>, epoch: Instant) -> Host {
        Host { identity: Identity::new(), candidates, epoch }
    }
}

/// What one peer connection is given.
#[derive(Clone)]
pub struct Config {
    /// What it shares with the others of its worker.
    pub host: Arc<Host>,
    /// 32 unpredictable bytes: ICE credentials, SSRCs and checks come from them. The same bytes never twice.
    pub seed: [u8; 32],
    /// Video codecs that are taken, the preferred first: browsers send the first of an answer.
    pub video: Vec<FormatName>,
    /// Whether [`crate::data::CONTROL`] is opened without being asked, when there is an SCTP association.
    pub has_control: bool,
}

impl core::fmt::Debug for Config {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        // The seed is a secret.
        f.debug_struct("Config")
            .field("video", &self.video)
            .field("has_control", &self.has_control)
            .finish_non_exhaustive()
    }
}

impl Config {
    /// Every codec, VP8 first; with the control channel.
    pub fn new(host: Arc<Host>, seed: [u8; 32]) -> Config {
        let video = vec![FormatName::Vp8, FormatName::H264, FormatName::Vp9, FormatName::Av1];
        Config { host, seed, video, has_control: true }
    }
}

/// Chance that was given as a seed: HMAC-SHA-256 of a counter.
#[derive(Clone)]
pub(crate) struct Chance {
    seed: [u8; 32],
    counter: u64,
}

impl core::fmt::Debug for Chance {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        write!(f, "Chance({})", self.counter)
    }
}

impl Chance {
    pub(crate) fn new(seed: &[u8; 32]) -> Chance {
        Chance { seed: *seed, counter: 0 }
    }

    /// The next 32 bytes.
    pub(crate) fn bytes(&mut self) -> [u8; 32] {
        self.counter += 1;
        // The key is made for each use, which is rare: kept, it would be the largest thing in a peer.
        let tag = hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, &self.seed), &self.counter.to_be_bytes());
        let mut bytes = [0; 32];
        bytes.copy_from_slice(tag.as_ref());
        bytes
    }

    /// The next number that is not zero.
    pub(crate) fn number(&mut self) -> u32 {
        loop {
            let bytes = self.bytes();
            let number = u32::from_be_bytes([bytes[0], bytes[1], bytes[2], bytes[3]]);
            if number != 0 {
                return number;
            }
        }
    }

    /// The number of a stream. The three lowest bits are zero, so that simulcast layers can count on from it.
    pub(crate) fn ssrc(&mut self) -> u32 {
        loop {
            let ssrc = self.number() & !7;
            if ssrc != 0 {
                return ssrc;
            }
        }
    }

    /// A text of `length` characters of ICE's alphabet without `+` and `/` (RFC 8839 §5.4); at most 32.
    pub(crate) fn text(&mut self, length: usize) -> String {
        const LETTERS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789xy";
        self.bytes().iter().take(length).map(|byte| char::from(LETTERS[usize::from(byte & 63)])).collect()
    }
}
