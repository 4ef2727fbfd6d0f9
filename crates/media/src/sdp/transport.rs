//! What descriptions say of the transport: ICE credentials, fingerprints, roles.

use core::net::SocketAddr;

use super::OfferError;
use super::parse::{Description, Media, Transport};

/// How the other side is reached and known. It cannot be printed: it holds a password.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct Remote {
    /// Its ICE user name fragment, 4 to 256 characters.
    pub(crate) ufrag: String,
    /// Its ICE password, 22 to 256 characters.
    pub(crate) pwd: String,
    /// Hashes of its certificate; one must be right.
    pub(crate) fingerprints: Vec<Fingerprint>,
    /// Where it may be; a client needs them, an ICE-lite side learns addresses from checks.
    pub(crate) candidates: Vec<SocketAddr>,
}

/// A hash of a certificate (RFC 8122 §5).
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Fingerprint {
    pub(crate) hash: Hash,
    pub(crate) value: Vec<u8>,
}

/// The hash functions that are taken; SHA-1 and MD5 are not (RFC 8122 §5.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Hash {
    Sha256,
    Sha384,
    Sha512,
}

/// What this side says of itself. It cannot be printed: it holds a password.
#[derive(Clone)]
pub(crate) struct Local<'a> {
    pub(crate) ufrag: &'a str,
    pub(crate) pwd: &'a str,
    /// SHA-256 of the certificate, as text with colons.
    pub(crate) fingerprint: &'a str,
    pub(crate) candidates: &'a [SocketAddr],
    /// `passive`, or `actpass` in an offer.
    pub(crate) setup: &'a str,
    pub(crate) is_lite: bool,
}

/// Reads the transport of the bundle: that of the first m-line in it, and of the session for what that does not say.
///
/// - `setups`: which DTLS roles the other side may take.
pub(super) fn remote(description: &Description<'_>, first: &Media<'_>, setups: &[&str]) -> Result<Remote, OfferError> {
    let of = |get: fn(&Transport<'_>) -> Option<String>| get(&first.transport).or_else(|| get(&description.session));
    let ufrag = of(|transport| transport.ufrag.map(str::to_owned)).ok_or(OfferError::MissingIce)?;
    let pwd = of(|transport| transport.pwd.map(str::to_owned)).ok_or(OfferError::MissingIce)?;
    let is_ice = |text: &str| text.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'+' || byte == b'/');
    // Some stacks put `=` and the like into their credentials; what matters is that they cannot break a USERNAME.
    let is_taken = |text: &str| is_ice(text) || text.bytes().all(|byte| byte.is_ascii_graphic() && byte != b':');
    if !(4..=256).contains(&ufrag.len()) || !(22..=256).contains(&pwd.len()) || !is_taken(&ufrag) || !is_taken(&pwd) {
        return Err(OfferError::MissingIce);
    }
    let texts = match &first.transport.fingerprints[..] {
        [] => &description.session.fingerprints,
        _ => &first.transport.fingerprints,
    };
    let fingerprints: Vec<Fingerprint> = texts.iter().filter_map(|(hash, value)| fingerprint(hash, value)).collect();
    if fingerprints.is_empty() {
        return Err(OfferError::MissingFingerprint);
    }
    // Without the attribute an offer means "active" (RFC 4145 §4).
    let setup = of(|transport| transport.setup.map(str::to_owned));
    if !setups.contains(&setup.as_deref().unwrap_or("active")) {
        return Err(OfferError::BadSetup);
    }
    let candidates = [&first.transport.candidates[..], &description.session.candidates].concat();
    Ok(Remote { ufrag, pwd, fingerprints, candidates })
}

fn fingerprint(hash: &str, value: &str) -> Option<Fingerprint> {
    let (hash, length) = match hash.to_ascii_lowercase().as_str() {
        "sha-256" => (Hash::Sha256, 32),
        "sha-384" => (Hash::Sha384, 48),
        "sha-512" => (Hash::Sha512, 64),
        _ => return None,
    };
    let bytes: Option<Vec<u8>> = value.split(':').map(|pair| u8::from_str_radix(pair, 16).ok()).collect();
    let value = bytes.filter(|bytes| bytes.len() == length)?;
    Some(Fingerprint { hash, value })
}
