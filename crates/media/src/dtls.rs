//! DTLS: the handshake that makes SRTP keys, and the channel that carries SCTP (RFC 6347, RFC 9147, RFC 5764).
//!
//! The server speaks DTLS 1.2: there the library chooses AES-GCM for SRTP, in 1.3 it follows the client, and Chromium names
//! AES-CM with HMAC-SHA-1 first, which costs five times as much for each packet. Media flows down as early in both. The client
//! speaks both versions.
//!
//! The other side's certificate must have one of the hashes that its description named, otherwise the handshake counts as
//! failed. The library is `dimpl`; no other file names it.

use std::sync::Arc;
use std::time::{Duration, Instant};

use aws_lc_rs::digest;
use dimpl::{DtlsCertificate, Output, SrtpProfile};

use crate::sdp::{Fingerprint, Hash};
use crate::srtp::{Profile, Side};

/// How long the first flight of the handshake waits for an answer; it doubles each time. Shorter: quicker recovery from loss.
/// Longer: fewer repetitions on paths of satellites. RFC 9147 §5.8.2 asks for 1 s or a reason: a whole call waits for it.
const FIRST_FLIGHT: Duration = Duration::from_millis(300);

/// How often a flight is repeated: with [`FIRST_FLIGHT`] for about 38 s, longer than a peer may take to connect.
const REPEATS: usize = 6;

/// The largest datagram that is made, in bytes: what fits through every path that carries WebRTC.
pub(crate) const MTU: usize = 1200;

/// A worker's certificate and DTLS settings, shared by its peers.
#[derive(Debug)]
pub(crate) struct Identity {
    certificate: DtlsCertificate,
    config: Arc<dimpl::Config>,
    /// SHA-256 of the certificate, in hexadecimal with colons.
    pub(crate) fingerprint: String,
}

impl Identity {
    /// Makes a certificate: ECDSA P-256, for this process only, because WebRTC trusts fingerprints (RFC 8827 §6.5).
    pub(crate) fn new() -> Identity {
        let certificate = dimpl::certificate::generate_self_signed_certificate().expect("P-256 keys can be made");
        // No cookies: ICE has shown already that the address is the other side's own.
        let config = dimpl::Config::builder()
            .mtu(MTU)
            .use_server_cookie(false)
            .flight_start_rto(FIRST_FLIGHT)
            .flight_retries(REPEATS)
            .build()
            .expect("these settings fit together");
        let fingerprint = certificate.fingerprint_str();
        Identity { certificate, config: Arc::new(config), fingerprint }
    }
}

/// What the handshake or the channel gave.
#[derive(Debug)]
pub(crate) enum Event {
    /// Send this to the peer.
    Transmit(Vec<u8>),
    /// Keys for SRTP, in the order of [`crate::srtp::from_exported`].
    Keys(Profile, Vec<u8>),
    /// The handshake is done and the certificate is the right one. Without keys before it the other side wants no SRTP.
    Connected,
    /// An SCTP packet.
    Data(Vec<u8>),
    /// The other side said goodbye.
    Closed,
    /// The handshake or the channel broke; nothing else comes.
    Failed,
}

/// One DTLS association.
pub(crate) struct Dtls {
    inner: dimpl::Dtls,
    expected: Vec<Fingerprint>,
    is_verified: bool,
    has_failed: bool,
    next: Option<Instant>,
}

impl core::fmt::Debug for Dtls {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_struct("Dtls")
            .field("inner", &self.inner)
            .field("is_verified", &self.is_verified)
            .finish_non_exhaustive()
    }
}

impl Dtls {
    /// - `expected`: hashes of the other side's certificate, one of which must be right.
    pub(crate) fn new(identity: &Identity, side: Side, expected: Vec<Fingerprint>, now: Instant) -> Dtls {
        let (config, certificate) = (identity.config.clone(), identity.certificate.clone());
        let inner = match side {
            Side::Server => dimpl::Dtls::new_12(config, certificate, now),
            Side::Client => {
                let mut inner = dimpl::Dtls::new_auto(config, certificate, now);
                inner.set_active(true);
                inner
            }
        };
        Dtls { inner, expected, is_verified: false, has_failed: false, next: None }
    }

    /// When [`Dtls::handle_timeout`] wants to be called.
    pub(crate) fn timeout(&self) -> Option<Instant> {
        self.next
    }

    /// Takes a datagram from the peer.
    pub(crate) fn handle(&mut self, datagram: &[u8], now: Instant, sink: &mut Vec<Event>) {
        if self.has_failed {
            return;
        }
        let result = self.inner.handle_timeout(now).and_then(|()| self.inner.handle_packet(datagram));
        self.drain(result.is_ok(), sink);
    }

    /// Begins the handshake, or repeats what was not answered.
    pub(crate) fn handle_timeout(&mut self, now: Instant, sink: &mut Vec<Event>) {
        if self.has_failed {
            return;
        }
        let result = self.inner.handle_timeout(now);
        self.drain(result.is_ok(), sink);
    }

    /// Sends an SCTP packet.
    pub(crate) fn send(&mut self, packet: &[u8], sink: &mut Vec<Event>) {
        if self.has_failed {
            return;
        }
        let result = self.inner.send_application_data(packet);
        self.drain(result.is_ok(), sink);
    }

    /// Says goodbye.
    pub(crate) fn close(&mut self, sink: &mut Vec<Event>) {
        if self.has_failed {
            return;
        }
        let result = self.inner.close();
        self.drain(result.is_ok(), sink);
        self.has_failed = true;
        self.next = None;
    }

    /// Takes everything that the library has to say.
    fn drain(&mut self, is_alive: bool, sink: &mut Vec<Event>) {
        let mut small = [0; 2048];
        let mut large = Vec::new();
        let mut is_connected = false;
        loop {
            let buffer = if large.is_empty() { &mut small[..] } else { &mut large[..] };
            match self.inner.poll_output(buffer) {
                Output::Packet(bytes) => sink.push(Event::Transmit(bytes.to_vec())),
                Output::BufferTooSmall { needed } => large = vec![0; needed],
                Output::Timeout(next) => {
                    self.next = Some(next);
                    break;
                }
                Output::PeerCert(certificate) => {
                    self.is_verified = self.expected.iter().any(|expected| is_hash_of(expected, certificate));
                    if !self.is_verified {
                        return self.fail(sink);
                    }
                }
                Output::KeyingMaterial(material, profile) => {
                    if let Some(profile) = profile_of(profile) {
                        sink.push(Event::Keys(profile, material.to_vec()));
                    }
                }
                // The library may be connected without a certificate only if it was told not to ask, which it was not.
                Output::Connected if !self.is_verified => return self.fail(sink),
                Output::Connected => is_connected = true,
                Output::ApplicationData(bytes) if self.is_verified => sink.push(Event::Data(bytes.to_vec())),
                Output::ApplicationData(_) => {}
                Output::CloseNotify => sink.push(Event::Closed),
                // The enum may grow; what is not known is not for us.
                _ => {}
            }
        }
        // Behind the keys, which the library gives later.
        if is_connected {
            sink.push(Event::Connected);
        }
        if !is_alive {
            self.fail(sink);
        }
    }

    fn fail(&mut self, sink: &mut Vec<Event>) {
        self.has_failed = true;
        self.next = None;
        sink.push(Event::Failed);
    }
}

fn profile_of(profile: SrtpProfile) -> Option<Profile> {
    match profile {
        SrtpProfile::AES128_CM_SHA1_80 => Some(Profile::Aes128CmSha1),
        SrtpProfile::AEAD_AES_128_GCM => Some(Profile::AeadAes128Gcm),
        SrtpProfile::AEAD_AES_256_GCM => Some(Profile::AeadAes256Gcm),
        _ => None,
    }
}

fn is_hash_of(expected: &Fingerprint, certificate: &[u8]) -> bool {
    let algorithm = match expected.hash {
        Hash::Sha256 => &digest::SHA256,
        Hash::Sha384 => &digest::SHA384,
        Hash::Sha512 => &digest::SHA512,
    };
    digest::digest(algorithm, certificate).as_ref() == expected.value
}
