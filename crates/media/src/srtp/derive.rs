//! Session keys from a master key (RFC 3711 §4.3, RFC 7714 §11). The key derivation rate is zero: keys are derived once.

use aws_lc_rs::cipher::{AES_128, AES_256, EncryptingKey, EncryptionContext, UnboundCipherKey};

/// What a derived key is for (RFC 3711 §4.3.2).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Label {
    RtpEncryption = 0,
    RtpAuthentication = 1,
    RtpSalt = 2,
    RtcpEncryption = 3,
    RtcpAuthentication = 4,
    RtcpSalt = 5,
}

/// A master key and its salt.
pub(super) struct Master {
    key: EncryptingKey,
    /// 112 bits; a shorter salt stands in front (RFC 7714 §11).
    salt: [u8; 14],
    /// Length of the master key, which that of the session keys equals.
    pub(super) key_length: usize,
}

impl Master {
    /// - `key`: 16 or 32 bytes.
    /// - `salt`: at most 14 bytes.
    pub(super) fn new(key: &[u8], salt: &[u8]) -> Master {
        let mut whole = [0; 14];
        whole[..salt.len()].copy_from_slice(salt);
        Master { key: counter_key(key), salt: whole, key_length: key.len() }
    }

    /// Fills `out` with the session key for `label`.
    pub(super) fn derive(&self, label: Label, out: &mut [u8]) {
        let mut block = [0; 16];
        block[..14].copy_from_slice(&self.salt);
        block[7] ^= label as u8;
        out.fill(0);
        counter_mode(&self.key, block, out);
    }
}

/// A key for counter mode, of 16 or 32 bytes.
pub(super) fn counter_key(key: &[u8]) -> EncryptingKey {
    let algorithm = if key.len() == 32 { &AES_256 } else { &AES_128 };
    UnboundCipherKey::new(algorithm, key).and_then(EncryptingKey::ctr).expect("the key has the algorithm's length")
}

/// Encrypts or decrypts in counter mode, beginning with this counter block.
pub(super) fn counter_mode(key: &EncryptingKey, block: [u8; 16], in_out: &mut [u8]) {
    let context = EncryptionContext::Iv128(block.into());
    key.less_safe_encrypt(in_out, context).expect("counter mode takes any length");
}
