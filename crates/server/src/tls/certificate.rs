//! The certificate in use, exchanged while connections go on.

use std::collections::BTreeMap;
use std::fmt::{self, Display, Write};
use std::net::IpAddr;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, PoisonError, RwLock};
use std::time::{Duration, SystemTime};

use centrale_exchange::Clock;
use centrale_model::Timestamp;
use rustls::crypto::aws_lc_rs::sign::any_supported_type;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::{ClientHello, ResolvesServerCert};
use rustls::sign::CertifiedKey;

use super::acme::{self, Shelf};
use super::authority::{Authority, LEAF_DAYS};
use super::expiry::validity;
use crate::config::{Acme, Certificate};
use crate::metrics::{self, Source};

/// Why there is no certificate: one sentence.
#[derive(Clone, Debug)]
pub struct CertificateError(String);

impl CertificateError {
    pub(super) fn unreadable(path: &Path, error: impl Display) -> CertificateError {
        CertificateError(format!("{}: {error}", path.display()))
    }

    pub(super) fn made(error: impl Display) -> CertificateError {
        CertificateError(format!("a certificate could not be made: {error}"))
    }
}

impl Display for CertificateError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for CertificateError {}

/// The certificate in use.
pub struct Certified {
    key: RwLock<Arc<CertifiedKey>>,
    /// What an authority is shown that asks for it, by name.
    challenges: RwLock<BTreeMap<String, Arc<CertifiedKey>>>,
    /// Certificates that could not be made, read or ordered.
    failures: AtomicU64,
}

/// The protocol in which an authority looks for the answer to its challenge (RFC 8737 section 6.2).
pub(super) const CHALLENGE: &[u8] = b"acme-tls/1";

impl fmt::Debug for Certified {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Certified")
    }
}

impl ResolvesServerCert for Certified {
    fn resolve(&self, hello: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        if hello.alpn().is_some_and(|mut names| names.next() == Some(CHALLENGE) && names.next().is_none()) {
            let challenges = self.challenges.read().unwrap_or_else(PoisonError::into_inner);
            return challenges.get(hello.server_name()?).cloned();
        }
        Some(self.key.read().unwrap_or_else(PoisonError::into_inner).clone())
    }
}

impl Certified {
    pub(super) fn set(&self, key: CertifiedKey) {
        *self.key.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(key);
    }

    /// Shows this to an authority that looks for `name`.
    pub(super) fn challenge(&self, name: String, answer: CertifiedKey) {
        self.challenges.write().unwrap_or_else(PoisonError::into_inner).insert(name, Arc::new(answer));
    }

    pub(super) fn end_challenges(&self) {
        self.challenges.write().unwrap_or_else(PoisonError::into_inner).clear();
    }

    pub(super) fn count_failure(&self) {
        self.failures.fetch_add(1, Ordering::Relaxed);
    }

    /// When the certificate in use ends.
    pub fn expires(&self) -> Option<Timestamp> {
        let key = self.key.read().unwrap_or_else(PoisonError::into_inner);
        key.cert.first().and_then(|leaf| validity(leaf)).map(|(_, end)| end)
    }

    /// What can be seen of it from outside.
    pub fn counters(self: &Arc<Certified>, clock: Arc<dyn Clock>) -> Source {
        let certified = self.clone();
        Arc::new(move |out| {
            let name = "centrale_certificate_expires_seconds";
            metrics::head(out, name, "gauge", "Seconds until the certificate in use ends; below zero when it has.");
            if let Some(end) = certified.expires() {
                let _ = writeln!(out, "{name} {}", end.as_secs() - clock.now().as_secs());
            }
            let failures = certified.failures.load(Ordering::Relaxed);
            let help = "Certificates that could not be read, made or ordered.";
            metrics::line(out, "centrale_certificate_failures_total", "counter", help, failures);
        })
    }
}

/// Where the certificate comes from.
pub enum Origin {
    /// Files that somebody else keeps.
    Files(Certificate),
    /// Our own authority, for these names and addresses.
    Own { authority: Authority, names: Vec<String>, addresses: Vec<IpAddr> },
    /// An authority that speaks ACME; until it has issued one, our own.
    Acme { acme: Acme, folder: PathBuf, own: Box<Origin> },
}

/// Loads the operator's certificate, or makes one.
///
/// # Errors
/// One sentence that names the file.
pub fn load(origin: &Origin, now: Timestamp) -> Result<Arc<Certified>, CertificateError> {
    let key = RwLock::new(Arc::new(certify(origin, now)?));
    Ok(Arc::new(Certified { key, challenges: RwLock::default(), failures: AtomicU64::new(0) }))
}

fn certify(origin: &Origin, now: Timestamp) -> Result<CertifiedKey, CertificateError> {
    let (chain, key) = match origin {
        Origin::Files(files) => read(files)?,
        Origin::Own { authority, names, addresses } => authority.issue(names, addresses, now)?,
        Origin::Acme { acme, folder, own } => {
            let kept = Shelf::new(folder).read(acme);
            // One that has ended is worse than our own, which says at least what it is.
            let is_good =
                |key: &CertifiedKey| key.cert.first().and_then(|leaf| validity(leaf)).is_some_and(|(_, end)| end > now);
            return kept.filter(is_good).map_or_else(|| certify(own, now), Ok);
        }
    };
    key_of(chain, &key)
}

/// A chain with its key, when they belong together.
pub(super) fn key_of(
    chain: Vec<CertificateDer<'static>>,
    key: &PrivateKeyDer<'static>,
) -> Result<CertifiedKey, CertificateError> {
    let key = any_supported_type(key).map_err(CertificateError::made)?;
    let certified = CertifiedKey::new(chain, key);
    match certified.keys_match() {
        Ok(()) => Ok(certified),
        Err(rustls::Error::InconsistentKeys(rustls::InconsistentKeys::Unknown)) => Ok(certified),
        Err(error) => Err(CertificateError(format!("tls.key does not belong to tls.certificate ({error})"))),
    }
}

fn read(files: &Certificate) -> Result<(Vec<CertificateDer<'static>>, PrivateKeyDer<'static>), CertificateError> {
    let chain: Vec<_> = CertificateDer::pem_file_iter(&files.certificate)
        .and_then(Iterator::collect)
        .map_err(|error| CertificateError::unreadable(&files.certificate, error))?;
    if chain.is_empty() {
        return Err(CertificateError::unreadable(&files.certificate, "no certificate in it"));
    }
    let key =
        PrivateKeyDer::from_pem_file(&files.key).map_err(|error| CertificateError::unreadable(&files.key, error))?;
    Ok((chain, key))
}

/// How often files are looked at.
const LOOK: Duration = Duration::from_secs(10);

/// Keeps the certificate fresh until it is dropped: files are read again when they change, our own is renewed when a third
/// of its life is left.
pub async fn keep_fresh(certified: Arc<Certified>, origin: Origin, clock: Arc<dyn Clock>) {
    if let Origin::Acme { acme, folder, .. } = origin {
        return acme::keep(certified, acme, Shelf::new(&folder), clock).await;
    }
    let mut seen = stamp(&origin);
    let mut made = clock.now();
    loop {
        tokio::time::sleep(LOOK).await;
        let now = clock.now();
        let is_due = match &origin {
            Origin::Files(_) => stamp(&origin) != seen,
            Origin::Own { .. } => now.since(made) > Duration::from_secs(86_400 * LEAF_DAYS.unsigned_abs() * 2 / 3),
            Origin::Acme { .. } => false,
        };
        if !is_due {
            continue;
        }
        seen = stamp(&origin);
        match certify(&origin, now) {
            Ok(key) => {
                certified.set(key);
                made = now;
                tracing::info!("certificate exchanged");
            }
            // The old one stays in use; the files may be half written and are looked at again when they change.
            Err(error) => {
                certified.count_failure();
                tracing::warn!(%error, "the new certificate cannot be used");
            }
        }
    }
}

fn stamp(origin: &Origin) -> Vec<Option<SystemTime>> {
    match origin {
        Origin::Files(files) => [&files.certificate, &files.key]
            .map(|path| std::fs::metadata(path).and_then(|data| data.modified()).ok())
            .to_vec(),
        Origin::Own { .. } | Origin::Acme { .. } => Vec::new(),
    }
}
