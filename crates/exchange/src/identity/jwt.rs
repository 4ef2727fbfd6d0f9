//! The form of user access tokens: a JWT (RFC 7519) in compact form, signed with ES256 (RFC 7518 section 3.4).

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::{Deserialize, Serialize};

use super::access::KeyName;

/// What a token says (wire notes 4.2, contract section 5), and two numbers of ours.
///
/// All text in it is ASCII without `>`, `?` and `~`: one vendor package decodes it with the wrong base64 alphabet.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Claims {
    /// The raw id of the user without `8:`.
    pub(super) skypeid: String,
    /// A number that real tokens carry for voip and chat.
    pub(super) scp: u32,
    /// When it was issued, in unix seconds, as text.
    pub(super) csi: String,
    /// When it ends, in unix seconds.
    pub(super) exp: i64,
    /// A region.
    pub(super) rgn: String,
    /// The scopes, as a comma list.
    #[serde(rename = "acsScope")]
    pub(super) acs_scope: String,
    /// The resource.
    #[serde(rename = "resourceId")]
    pub(super) resource_id: String,
    /// A location.
    #[serde(rename = "resourceLocation")]
    pub(super) resource_location: String,
    /// When it was issued, in unix seconds.
    pub(super) iat: i64,
    /// The public HTTPS address of the exchange.
    pub(super) iss: String,
    /// The user's generation when it was issued.
    #[serde(rename = "userGeneration")]
    pub(super) user_generation: i64,
    /// The access key it was asked for with.
    #[serde(rename = "keyName")]
    pub(super) key_name: KeyName,
    /// That key's generation.
    #[serde(rename = "keyGeneration")]
    pub(super) key_generation: i64,
}

#[derive(Deserialize)]
struct Header<'a> {
    #[serde(borrow)]
    alg: std::borrow::Cow<'a, str>,
    #[serde(borrow)]
    kid: std::borrow::Cow<'a, str>,
    crit: Option<serde::de::IgnoredAny>,
}

/// The first part of every token that a key signs.
pub(super) fn header(kid: &str) -> String {
    URL_SAFE_NO_PAD.encode(format!(r#"{{"alg":"ES256","kid":"{kid}","typ":"JWT"}}"#))
}

/// The text that is signed.
pub(super) fn signed_text(header: &str, claims: &Claims) -> String {
    let payload = serde_json::to_vec(claims).expect("claims are plain text and numbers");
    let mut text = String::with_capacity(header.len() + payload.len() * 4 / 3 + 100);
    text.push_str(header);
    text.push('.');
    URL_SAFE_NO_PAD.encode_string(payload, &mut text);
    text
}

/// Puts the signature behind the text that was signed.
pub(super) fn finish(mut text: String, signature: &[u8]) -> String {
    text.push('.');
    URL_SAFE_NO_PAD.encode_string(signature, &mut text);
    text
}

/// A token taken apart, not yet verified.
pub(super) struct Parts<'a> {
    pub(super) kid: String,
    /// Header and payload, as they were signed.
    pub(super) signed: &'a str,
    payload: &'a str,
    pub(super) signature: [u8; 64],
}

/// The longest token that is looked at, in bytes. Ours have about 900.
const LONGEST: usize = 8192;

impl<'a> Parts<'a> {
    /// Takes a token apart; gives nothing when it is not a compact JWT with the algorithm that we sign with.
    pub(super) fn take(token: &'a str) -> Option<Parts<'a>> {
        if token.len() > LONGEST {
            return None;
        }
        let (signed, signature) = token.rsplit_once('.')?;
        let (header, payload) = signed.split_once('.')?;
        if payload.contains('.') {
            return None;
        }
        let header = URL_SAFE_NO_PAD.decode(header).ok()?;
        let header: Header<'_> = serde_json::from_slice(&header).ok()?;
        if header.alg != "ES256" || header.crit.is_some() {
            return None;
        }
        let signature = URL_SAFE_NO_PAD.decode(signature).ok()?;
        Some(Parts { kid: header.kid.into_owned(), signed, payload, signature: signature.try_into().ok()? })
    }

    /// Reads what the token says. Only after its signature was verified.
    pub(super) fn claims(&self) -> Option<Claims> {
        let payload = URL_SAFE_NO_PAD.decode(self.payload).ok()?;
        serde_json::from_slice(&payload).ok()
    }
}
