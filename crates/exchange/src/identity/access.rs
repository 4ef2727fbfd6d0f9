//! The two access keys of the resource (B-AUTH-2).

use std::fmt;

use aws_lc_rs::hmac;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use centrale_model::Private;
use serde::{Deserialize, Serialize};

use crate::{Error, Result};

/// Which of the two keys.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum KeyName {
    /// The key in the printed connection string.
    Primary,
    /// The key to use while the primary is replaced.
    Secondary,
}

impl KeyName {
    /// Both.
    pub const ALL: [KeyName; 2] = [KeyName::Primary, KeyName::Secondary];

    /// The name in rows and tokens.
    pub const fn as_str(self) -> &'static str {
        match self {
            KeyName::Primary => "primary",
            KeyName::Secondary => "secondary",
        }
    }

    /// The key of this name, in any case.
    pub fn parse(text: &str) -> Option<KeyName> {
        KeyName::ALL.into_iter().find(|name| name.as_str().eq_ignore_ascii_case(text))
    }
}

/// Which key in which generation: what a token remembers of how it was asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct KeyUse {
    /// Which key.
    pub name: KeyName,
    /// Its generation, from 1.
    pub generation: i64,
}

/// One access key, ready to check signatures.
#[derive(Clone)]
pub struct AccessKey {
    /// Which key in which generation.
    pub key: KeyUse,
    /// The key as connection strings hold it, base64.
    pub secret: Private<String>,
    hmac: hmac::Key,
}

impl AccessKey {
    /// A key from its text, which must be base64.
    pub fn new(key: KeyUse, secret: String) -> Result<AccessKey> {
        let bytes = STANDARD
            .decode(&secret)
            .map_err(|_| Error::bug(format!("the {} access key in the store is not base64", key.name.as_str())))?;
        Ok(AccessKey { key, secret: Private::new(secret), hmac: hmac::Key::new(hmac::HMAC_SHA256, &bytes) })
    }

    /// Whether `signature` is this key's HMAC-SHA256 over `text`. Takes the same time for any wrong signature.
    pub fn verifies(&self, text: &[u8], signature: &[u8]) -> bool {
        hmac::verify(&self.hmac, text, signature).is_ok()
    }
}

impl fmt::Debug for AccessKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("AccessKey").field(&self.key).finish()
    }
}

/// The two keys.
#[derive(Clone, Debug)]
pub struct KeyRing {
    /// The key in the printed connection string.
    pub primary: AccessKey,
    /// The other.
    pub secondary: AccessKey,
}

impl KeyRing {
    /// The key of a name.
    pub fn get(&self, name: KeyName) -> &AccessKey {
        match name {
            KeyName::Primary => &self.primary,
            KeyName::Secondary => &self.secondary,
        }
    }

    /// Both keys, the primary first.
    pub fn both(&self) -> [&AccessKey; 2] {
        [&self.primary, &self.secondary]
    }
}

/// A new key: 32 random bytes in base64.
pub(crate) fn random_secret(chance: &dyn crate::Chance) -> String {
    let mut bytes = [0; 32];
    chance.fill(&mut bytes);
    STANDARD.encode(bytes)
}
