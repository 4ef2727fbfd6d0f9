//! Credentials that are computed, never looked up.
//!
//! A user name carries its own expiry and its user; the password is a keyed hash of the user name. Whoever holds the shared
//! secret can issue them, and a relay needs nothing else to check them. Contract, section 6.

use core::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use centrale_model::Timestamp;
use hmac::{Hmac, Mac};
use md5::{Digest as _, Md5};
use sha1::Sha1;
use sha2::Sha256;

/// A user name and password for the relay, good until an hour it names itself.
#[derive(Clone, PartialEq, Eq)]
pub struct Credential {
    /// `<expiry-unix-seconds>:<user raw id>`.
    pub username: String,
    /// `base64(HMAC-SHA1(secret, username))`.
    pub password: String,
}

impl Credential {
    /// Makes a credential.
    ///
    /// - `secret`: the relay's shared secret, as bytes.
    /// - `user`: the raw id of the user that usage is counted for, at most 480 bytes.
    /// - `ttl`: how long it is good after `now`; whole seconds count.
    pub fn mint(secret: &[u8], user: &str, now: Timestamp, ttl: Duration) -> Credential {
        let expires = now.plus(ttl).as_secs();
        let username = format!("{expires}:{user}");
        let password = password(secret, username.as_bytes());
        Credential { username, password }
    }
}

impl core::fmt::Debug for Credential {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_struct("Credential").finish_non_exhaustive()
    }
}

/// The password that belongs to a user name.
pub(crate) fn password(secret: &[u8], username: &[u8]) -> String {
    let mut mac = Hmac::<Sha1>::new_from_slice(secret).expect("HMAC takes keys of any length");
    mac.update(username);
    STANDARD.encode(mac.finalize().into_bytes())
}

/// What a user name says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Username<'a> {
    /// Seconds since the Unix epoch.
    pub(crate) expires: i64,
    /// The raw id; empty when the name is an expiry alone, as some existing tooling makes them.
    pub(crate) user: &'a str,
}

impl<'a> Username<'a> {
    /// Parses a user name; gives nothing when it does not begin with an expiry or is not text.
    pub(crate) fn parse(bytes: &'a [u8]) -> Option<Username<'a>> {
        if bytes.len() > 508 {
            return None;
        }
        let text = core::str::from_utf8(bytes).ok()?;
        let (expires, user) = text.split_once(':').unwrap_or((text, ""));
        if expires.is_empty() || !expires.bytes().all(|b| b.is_ascii_digit()) {
            return None;
        }
        Some(Username { expires: expires.parse().ok()?, user })
    }
}

/// A long-term key.
#[derive(Clone)]
pub struct LongTermKey {
    bytes: [u8; 32],
    length: usize,
}

impl LongTermKey {
    /// The key of RFC 8489 §9.2.2 with MD5, which is also that of RFC 5389: `MD5(username ":" realm ":" password)`.
    pub fn md5(username: &[u8], realm: &[u8], password: &[u8]) -> LongTermKey {
        let mut hash = Md5::new();
        for part in [username, b":", realm, b":", password] {
            hash.update(part);
        }
        let mut bytes = [0; 32];
        bytes[..16].copy_from_slice(&hash.finalize());
        LongTermKey { bytes, length: 16 }
    }

    /// The key of RFC 8489 §18.5.1.2: `SHA-256(username ":" realm ":" password)`.
    pub fn sha256(username: &[u8], realm: &[u8], password: &[u8]) -> LongTermKey {
        let mut hash = Sha256::new();
        for part in [username, b":", realm, b":", password] {
            hash.update(part);
        }
        LongTermKey { bytes: hash.finalize().into(), length: 32 }
    }

    /// The key's bytes, 16 or 32.
    pub fn as_bytes(&self) -> &[u8] {
        &self.bytes[..self.length]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn raw_ids_keep_their_colons() {
        let name = Username::parse(b"1700000000:8:acs:res_user").expect("a user name");
        assert_eq!(name, Username { expires: 1_700_000_000, user: "8:acs:res_user" });
    }

    #[test]
    fn an_expiry_alone_is_a_user_name_and_other_text_is_not() {
        assert_eq!(Username::parse(b"17").map(|n| n.user), Some(""));
        for wrong in [&b"alice"[..], b":alice", b"-5:alice", b"+5:alice", b"99999999999999999999:x", b"\xff:x", b""] {
            assert_eq!(Username::parse(wrong), None);
        }
    }

    #[test]
    fn a_credential_is_the_known_hash_of_its_name() {
        // Computed with `printf 1700000060:8:acs:a_b | openssl dgst -sha1 -hmac secret -binary | base64`.
        let credential =
            Credential::mint(b"secret", "8:acs:a_b", Timestamp::from_secs(1_700_000_000), Duration::from_secs(60));
        assert_eq!(credential.username, "1700000060:8:acs:a_b");
        assert_eq!(credential.password, "GTG5BOgq0GXKcDXPynGJ/5WLZEs=");
    }
}
