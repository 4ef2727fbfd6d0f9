//! Nonces and reservation tokens without memory: what is needed to check one is inside it.
//!
//! ```text
//!   obMatJos2 gAAA │ base64( seconds:4 │ HMAC-SHA256(key, client and seconds):8 )
//!   cookie    bits │  29 bytes in all: unauthenticated answers stay small
//! ```
//!
//! Bound to the client's address and transport, so that one overheard is of no use elsewhere. The cookie and the bits say that
//! PASSWORD-ALGORITHMS was offered; they are under the hash with the rest, so they cannot be stripped (RFC 8489 §9.2, §9.2.1).

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use core::time::Duration;

use centrale_model::Time;
use hmac::{Hmac, Mac};
use sha2::Sha256;
use subtle::ConstantTimeEq;

use super::RESERVATION_LIFETIME;
use crate::index::words;
use crate::{ClientAddr, Family};

/// The nonce cookie, and the security features with only bit 0 (password algorithms) set.
const PREFIX: &[u8; 13] = b"obMatJos2gAAA";

/// Length of a nonce, in bytes.
pub(super) const LENGTH: usize = 29;

pub(super) struct Nonces {
    mac: Hmac<Sha256>,
}

impl Nonces {
    pub(super) fn new(seed: &[u8; 32]) -> Nonces {
        let mut mac = Hmac::<Sha256>::new_from_slice(seed).expect("HMAC takes keys of any length");
        mac.update(b"nonce");
        Nonces { mac }
    }

    /// The nonce of a client at this moment.
    pub(super) fn make(&self, client: ClientAddr, now: Time) -> [u8; LENGTH] {
        let seconds = (now.as_secs() as u32).to_be_bytes();
        let mut body = [0; 12];
        body[..4].copy_from_slice(&seconds);
        body[4..].copy_from_slice(&self.code(client, seconds));
        let mut nonce = [0; LENGTH];
        nonce[..13].copy_from_slice(PREFIX);
        STANDARD.encode_slice(body, &mut nonce[13..]).expect("twelve bytes are sixteen characters");
        nonce
    }

    /// Whether a nonce is ours, this client's, and not older than `lifetime`.
    pub(super) fn is_good(&self, nonce: &[u8], client: ClientAddr, lifetime: Duration, now: Time) -> bool {
        let Some(text) = nonce.strip_prefix(PREFIX) else { return false };
        let mut body = [0; 12];
        if text.len() != 16 || STANDARD.decode_slice(text, &mut body) != Ok(12) {
            return false;
        }
        let seconds = [body[0], body[1], body[2], body[3]];
        let is_ours = bool::from(self.code(client, seconds).ct_eq(&body[4..]));
        let made = Time::from_secs(u64::from(u32::from_be_bytes(seconds)));
        is_ours && made <= now && now.since(made) <= lifetime
    }

    /// The token for a reserved port (RFC 8656 §18.9). It says itself which port and until when, so that any machine of the
    /// node can honour it.
    ///
    /// ```text
    ///   port:2 │ family:1 bit, seconds when it lapses:15 bits │ HMAC-SHA256 of these and the user:4
    /// ```
    pub(super) fn token(&self, port: u16, family: Family, user: &str, until: Time) -> [u8; 8] {
        let lapses = (until.as_secs() & 0x7FFF) as u16 | (family as u16) << 15;
        let mut token = [0; 8];
        token[..2].copy_from_slice(&port.to_be_bytes());
        token[2..4].copy_from_slice(&lapses.to_be_bytes());
        let code = self.token_code(&token, user);
        token[4..].copy_from_slice(&code);
        token
    }

    /// The port that a token is good for; nothing when it is not ours, not this user's, or has lapsed.
    pub(super) fn reserved(&self, token: &[u8], user: &str, now: Time) -> Option<(Family, u16)> {
        let token: &[u8; 8] = token.try_into().ok()?;
        if !bool::from(self.token_code(token, user).ct_eq(&token[4..])) {
            return None;
        }
        let lapses = u16::from_be_bytes([token[2], token[3]]);
        let family = if lapses >> 15 == 0 { Family::V4 } else { Family::V6 };
        let left = u64::from(lapses).wrapping_sub(now.as_secs()) & 0x7FFF;
        (left <= RESERVATION_LIFETIME.as_secs()).then_some((family, u16::from_be_bytes([token[0], token[1]])))
    }

    fn token_code(&self, token: &[u8; 8], user: &str) -> [u8; 4] {
        let mut mac = self.mac.clone();
        mac.update(b"token");
        mac.update(&token[..4]);
        mac.update(user.as_bytes());
        let whole = mac.finalize().into_bytes();
        [whole[0], whole[1], whole[2], whole[3]]
    }

    fn code(&self, client: ClientAddr, seconds: [u8; 4]) -> [u8; 8] {
        let mut mac = self.mac.clone();
        let [high, low] = words(client.addr.ip());
        mac.update(&high.to_be_bytes());
        mac.update(&low.to_be_bytes());
        mac.update(&client.addr.port().to_be_bytes());
        mac.update(&[client.transport as u8]);
        mac.update(&seconds);
        let whole = mac.finalize().into_bytes();
        let mut code = [0; 8];
        code.copy_from_slice(&whole[..8]);
        code
    }
}
