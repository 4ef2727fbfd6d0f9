//! DTLS: the handshake that makes SRTP keys, and the channel that carries SCTP (RFC 6347, RFC 9147, RFC 5764).
//!
//! The library is `dimpl`; no other file names it.

use std::sync::Arc;

/// A worker's certificate and DTLS settings, shared by its peers.
#[derive(Debug)]
pub(crate) struct Identity {
    certificate: dimpl::DtlsCertificate,
    config: Arc<dimpl::Config>,
}

impl Identity {
    /// Makes a certificate: ECDSA P-256, for this process only, because WebRTC trusts fingerprints (RFC 8827 §6.5).
    pub(crate) fn new() -> Identity {
        let certificate = dimpl::certificate::generate_self_signed_certificate().expect("P-256 keys can be made");
        Identity { certificate, config: Arc::default() }
    }
}
