//! SRTP and SRTCP: RFC 3711 with AES-128 in counter mode and HMAC-SHA-1, RFC 7714 with AES-GCM.
//!
//! A [`Sealer`] encrypts what this side sends, an [`Opener`] checks and decrypts what comes; both work in place and keep a few
//! words for each stream. Keys come from the DTLS handshake (RFC 5764 §4.2).
//!
//! Not here: key lifetimes. 2^48 packets of one stream are more than a peer connection lives to see; SRTCP stops at 2^31 packets
//! (RFC 3711 §9.2).

mod cipher;
mod derive;
mod open;
mod seal;
mod window;

#[cfg(test)]
mod tests;

pub(crate) use open::{Opened, Opener, Refused};
pub(crate) use seal::Sealer;

use cipher::{Cipher, Purpose};

/// Room behind an RTP packet for its authentication tag, in bytes.
pub const RTP_ROOM: usize = 16;

/// Room behind an RTCP packet for its authentication tag and index, in bytes.
pub const RTCP_ROOM: usize = 20;

/// How many streams of one peer are kept, each way. 17 m-lines, three layers each, with their retransmissions.
pub const MAX_STREAMS: usize = 128;

/// The bit of the SRTCP index word that says "encrypted" (RFC 3711 §3.4).
const ENCRYPTED: u32 = 1 << 31;

/// How packets are protected (RFC 5764 §4.1.2, RFC 7714 §14.2).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Profile {
    /// SRTP_AES128_CM_HMAC_SHA1_80.
    Aes128CmSha1,
    /// SRTP_AEAD_AES_128_GCM.
    AeadAes128Gcm,
    /// SRTP_AEAD_AES_256_GCM.
    AeadAes256Gcm,
}

impl Profile {
    /// Length of a master key, in bytes.
    fn key_length(self) -> usize {
        match self {
            Profile::Aes128CmSha1 | Profile::AeadAes128Gcm => 16,
            Profile::AeadAes256Gcm => 32,
        }
    }

    /// Length of a master salt, in bytes.
    fn salt_length(self) -> usize {
        match self {
            Profile::Aes128CmSha1 => 14,
            Profile::AeadAes128Gcm | Profile::AeadAes256Gcm => 12,
        }
    }
}

/// Which side of the DTLS handshake this is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Side {
    /// It began.
    Client,
    /// It answered.
    Server,
}

/// Makes both directions from what DTLS exported: client key, server key, client salt, server salt.
///
/// Nothing when the material is too short for the profile.
///
/// RFC 5764 §4.2.
pub(crate) fn from_exported(profile: Profile, material: &[u8], side: Side) -> Option<(Sealer, Opener)> {
    let (keys, salts) = material.split_at_checked(2 * profile.key_length())?;
    let (client_key, server_key) = keys.split_at(profile.key_length());
    let (client_salt, rest) = salts.split_at_checked(profile.salt_length())?;
    let server_salt = rest.get(..profile.salt_length())?;
    let direction = |key: &[u8], salt: &[u8]| {
        let derived = derive::Master::new(key, salt);
        let cipher = |purpose| Cipher::derived(profile, &derived, purpose);
        (cipher(Purpose::Rtp), cipher(Purpose::Rtcp))
    };
    let client = direction(client_key, client_salt);
    let server = direction(server_key, server_salt);
    let (mine, theirs) = match side {
        Side::Client => (client, server),
        Side::Server => (server, client),
    };
    Some((Sealer::new(mine.0, mine.1), Opener::new(theirs.0, theirs.1)))
}

/// The index of a packet whose low 16 bits are `sequence`: the one that is nearest to `highest` (RFC 3711 §3.3.1).
fn nearest_index(highest: u64, sequence: u16) -> u64 {
    let distance = sequence.wrapping_sub(highest as u16) as i16;
    match highest.checked_add_signed(i64::from(distance)) {
        Some(index) => index,
        // Before the first packet: it can only be one that is ahead.
        None => u64::from(sequence),
    }
}
