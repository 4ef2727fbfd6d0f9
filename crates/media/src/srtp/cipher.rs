//! One direction's cipher for RTP or for RTCP: encrypts and authenticates, or checks and decrypts, in place.

use aws_lc_rs::aead::{AES_128_GCM, AES_256_GCM, Aad, LessSafeKey, Nonce, UnboundKey};
use aws_lc_rs::cipher::EncryptingKey;
use aws_lc_rs::constant_time::verify_slices_are_equal;
use aws_lc_rs::hmac;

use super::derive::{Label, Master, counter_key, counter_mode};
use super::{ENCRYPTED, Profile};

/// Length of GCM's tag, in bytes (RFC 7714 §13.2).
const GCM_TAG: usize = 16;

/// Length of the shortened HMAC, in bytes: 80 bits.
const HMAC_TAG: usize = 10;

/// Which packets a cipher is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Purpose {
    Rtp,
    Rtcp,
}

/// The packet's own numbers, which the initialization vector is made of.
#[derive(Clone, Copy, Debug)]
pub(super) struct Which {
    pub(super) ssrc: u32,
    /// Rollover counter and sequence number (48 bits), or the SRTCP index (31 bits).
    pub(super) index: u64,
}

/// A cipher with its session keys.
#[derive(Debug)]
pub(super) enum Cipher {
    Gcm { key: LessSafeKey, salt: [u8; 12] },
    Cm { key: Box<EncryptingKey>, authentication: Box<hmac::Key>, salt: [u8; 14] },
}

impl Cipher {
    pub(super) fn derived(profile: Profile, master: &Master, purpose: Purpose) -> Cipher {
        let (encryption, authentication, salting) = match purpose {
            Purpose::Rtp => (Label::RtpEncryption, Label::RtpAuthentication, Label::RtpSalt),
            Purpose::Rtcp => (Label::RtcpEncryption, Label::RtcpAuthentication, Label::RtcpSalt),
        };
        let mut key = [0; 32];
        let key = &mut key[..master.key_length];
        master.derive(encryption, key);
        match profile {
            Profile::AeadAes128Gcm | Profile::AeadAes256Gcm => {
                let mut salt = [0; 12];
                master.derive(salting, &mut salt);
                Cipher::gcm(key, salt)
            }
            Profile::Aes128CmSha1 => {
                let (mut salt, mut code) = ([0; 14], [0; 20]);
                master.derive(salting, &mut salt);
                master.derive(authentication, &mut code);
                Cipher::cm(key, salt, &code)
            }
        }
    }

    /// - `key`: 16 or 32 bytes.
    pub(super) fn gcm(key: &[u8], salt: [u8; 12]) -> Cipher {
        let algorithm = if key.len() == 32 { &AES_256_GCM } else { &AES_128_GCM };
        let key = UnboundKey::new(algorithm, key).expect("the key has the algorithm's length");
        Cipher::Gcm { key: LessSafeKey::new(key), salt }
    }

    fn cm(key: &[u8], salt: [u8; 14], code: &[u8; 20]) -> Cipher {
        Cipher::Cm {
            key: Box::new(counter_key(key)),
            authentication: Box::new(hmac::Key::new(hmac::HMAC_SHA1_FOR_LEGACY_USE_ONLY, code)),
            salt,
        }
    }

    /// Encrypts an RTP packet that fills `buffer` but for room behind; gives the whole length, or nothing when the room is too short.
    ///
    /// - `header`: length of what stays in plain.
    /// - `length`: of the packet.
    pub(super) fn seal_rtp(&self, which: Which, buffer: &mut [u8], header: usize, length: usize) -> Option<usize> {
        match self {
            Cipher::Gcm { key, salt } => {
                let packet = buffer.get_mut(..length + GCM_TAG)?;
                let (head, rest) = packet.split_at_mut(header);
                let (body, tag) = rest.split_at_mut(length - header);
                let nonce = gcm_nonce(salt, which.ssrc, which.index);
                let made = key.seal_in_place_separate_tag(nonce, Aad::from(&*head), body).ok()?;
                tag.copy_from_slice(made.as_ref());
                Some(length + GCM_TAG)
            }
            Cipher::Cm { key, authentication, salt } => {
                let packet = buffer.get_mut(..length + HMAC_TAG)?;
                let (plain, tag) = packet.split_at_mut(length);
                counter_mode(key, cm_block(salt, which), &mut plain[header..]);
                let made = rtp_code(authentication, plain, which.index);
                tag.copy_from_slice(&made.as_ref()[..HMAC_TAG]);
                Some(length + HMAC_TAG)
            }
        }
    }

    /// Checks and decrypts an RTP packet in place; gives its length without tag, or nothing when it is not genuine.
    ///
    /// - `header`: length of what is in plain.
    pub(super) fn open_rtp(&self, which: Which, packet: &mut [u8], header: usize) -> Option<usize> {
        match self {
            Cipher::Gcm { key, salt } => {
                let length = packet.len().checked_sub(GCM_TAG).filter(|length| *length >= header)?;
                let (head, body) = packet.split_at_mut(header);
                let nonce = gcm_nonce(salt, which.ssrc, which.index);
                key.open_in_place(nonce, Aad::from(&*head), body).ok()?;
                Some(length)
            }
            Cipher::Cm { key, authentication, salt } => {
                let length = packet.len().checked_sub(HMAC_TAG).filter(|length| *length >= header)?;
                let (sealed, tag) = packet.split_at_mut(length);
                let made = rtp_code(authentication, sealed, which.index);
                verify_slices_are_equal(&made.as_ref()[..HMAC_TAG], tag).ok()?;
                counter_mode(key, cm_block(salt, which), &mut sealed[header..]);
                Some(length)
            }
        }
    }

    /// Encrypts an RTCP packet; gives the whole length, or nothing when the room is too short.
    ///
    /// ```text
    /// GCM   | header 8 | encrypted | tag 16 | E + index 4 |
    /// CM    | header 8 | encrypted | E + index 4 | tag 10 |
    /// ```
    pub(super) fn seal_rtcp(&self, which: Which, buffer: &mut [u8], length: usize) -> Option<usize> {
        let word = (which.index as u32 | ENCRYPTED).to_be_bytes();
        match self {
            Cipher::Gcm { key, salt } => {
                let packet = buffer.get_mut(..length + GCM_TAG + 4)?;
                let (head, rest) = packet.split_at_mut(8);
                let (body, tail) = rest.split_at_mut(length - 8);
                let nonce = gcm_nonce(salt, which.ssrc, which.index);
                let made = key.seal_in_place_separate_tag(nonce, Aad::from(gcm_rtcp_aad(head, word)), body).ok()?;
                tail[..GCM_TAG].copy_from_slice(made.as_ref());
                tail[GCM_TAG..].copy_from_slice(&word);
                Some(length + GCM_TAG + 4)
            }
            Cipher::Cm { key, authentication, salt } => {
                let packet = buffer.get_mut(..length + 4 + HMAC_TAG)?;
                counter_mode(key, cm_block(salt, which), &mut packet[8..length]);
                packet[length..length + 4].copy_from_slice(&word);
                let (covered, tag) = packet.split_at_mut(length + 4);
                tag.copy_from_slice(&hmac::sign(authentication, covered).as_ref()[..HMAC_TAG]);
                Some(length + 4 + HMAC_TAG)
            }
        }
    }

    /// Where the index word of an RTCP packet is: how far behind its end the packet in plain ends, and the word's place in between.
    fn rtcp_tail(&self) -> (usize, usize) {
        match self {
            Cipher::Gcm { .. } => (GCM_TAG + 4, GCM_TAG),
            Cipher::Cm { .. } => (HMAC_TAG + 4, 0),
        }
    }

    /// The index of an RTCP packet; nothing when it is too short or in plain, which WebRTC never is.
    pub(super) fn rtcp_index(&self, packet: &[u8]) -> Option<u32> {
        let (tail, place) = self.rtcp_tail();
        let length = packet.len().checked_sub(tail).filter(|length| *length >= 8)?;
        let word = packet.get(length + place..length + place + 4)?;
        let word = u32::from_be_bytes(word.try_into().ok()?);
        (word & ENCRYPTED != 0).then_some(word & !ENCRYPTED)
    }

    /// Checks and decrypts an RTCP packet in place whose index was read before; gives its length in plain, or nothing when it is
    /// not genuine.
    pub(super) fn open_rtcp(&self, which: Which, packet: &mut [u8]) -> Option<usize> {
        let (tail, _) = self.rtcp_tail();
        let length = packet.len().checked_sub(tail).filter(|length| *length >= 8)?;
        let word = (which.index as u32 | ENCRYPTED).to_be_bytes();
        match self {
            Cipher::Gcm { key, salt } => {
                let (head, body) = packet[..length + GCM_TAG].split_at_mut(8);
                let nonce = gcm_nonce(salt, which.ssrc, which.index);
                key.open_in_place(nonce, Aad::from(gcm_rtcp_aad(head, word)), body).ok()?;
            }
            Cipher::Cm { key, authentication, salt } => {
                let (covered, tag) = packet.split_at_mut(length + 4);
                let made = hmac::sign(authentication, covered);
                verify_slices_are_equal(&made.as_ref()[..HMAC_TAG], tag).ok()?;
                counter_mode(key, cm_block(salt, which), &mut covered[8..length]);
            }
        }
        Some(length)
    }
}

/// Two zero bytes, SSRC and 48 bits of index, mixed with the salt (RFC 7714 §8.1, §9.1).
fn gcm_nonce(salt: &[u8; 12], ssrc: u32, index: u64) -> Nonce {
    let mut nonce = [0; 12];
    nonce[2..6].copy_from_slice(&ssrc.to_be_bytes());
    nonce[6..].copy_from_slice(&index.to_be_bytes()[2..]);
    for (byte, salt) in nonce.iter_mut().zip(salt) {
        *byte ^= salt;
    }
    Nonce::assume_unique_for_key(nonce)
}

/// What GCM authenticates of an RTCP packet beside what it encrypts (RFC 7714 §9.2).
fn gcm_rtcp_aad(head: &[u8], word: [u8; 4]) -> [u8; 12] {
    let mut aad = [0; 12];
    aad[..8].copy_from_slice(head);
    aad[8..].copy_from_slice(&word);
    aad
}

/// The first counter block: salt, SSRC and index at their places (RFC 3711 §4.1.1).
fn cm_block(salt: &[u8; 14], which: Which) -> [u8; 16] {
    let mut block = [0; 16];
    block[4..8].copy_from_slice(&which.ssrc.to_be_bytes());
    block[8..14].copy_from_slice(&which.index.to_be_bytes()[2..]);
    for (byte, salt) in block.iter_mut().zip(salt) {
        *byte ^= salt;
    }
    block
}

/// The code over a packet and its rollover counter (RFC 3711 §4.2).
fn rtp_code(key: &hmac::Key, packet: &[u8], index: u64) -> hmac::Tag {
    let mut context = hmac::Context::with_key(key);
    context.update(packet);
    context.update(&((index >> 16) as u32).to_be_bytes());
    context.sign()
}
