//! Nonces without memory: what is needed to check one is inside it.
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

use crate::ClientAddr;
use crate::index::words;

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
