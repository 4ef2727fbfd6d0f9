//! The certificate in use, exchanged while connections go on.

use std::fmt::{self, Display};
use std::net::IpAddr;
use std::path::Path;
use std::sync::{Arc, PoisonError, RwLock};
use std::time::{Duration, SystemTime};

use centrale_exchange::Clock;
use centrale_model::Timestamp;
use rustls::crypto::aws_lc_rs::sign::any_supported_type;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::{ClientHello, ResolvesServerCert};
use rustls::sign::CertifiedKey;

use super::authority::{Authority, LEAF_DAYS};
use crate::config::Certificate;

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
pub struct Certified(RwLock<Arc<CertifiedKey>>);

impl fmt::Debug for Certified {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Certified")
    }
}

impl ResolvesServerCert for Certified {
    fn resolve(&self, _: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        Some(self.0.read().unwrap_or_else(PoisonError::into_inner).clone())
    }
}

impl Certified {
    fn set(&self, key: CertifiedKey) {
        *self.0.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(key);
    }
}

/// Where the certificate comes from.
pub enum Origin {
    /// Files that somebody else keeps.
    Files(Certificate),
    /// Our own authority, for these names and addresses.
    Own { authority: Authority, names: Vec<String>, addresses: Vec<IpAddr> },
}

/// Loads the operator's certificate, or makes one.
///
/// # Errors
/// One sentence that names the file.
pub fn load(origin: &Origin, now: Timestamp) -> Result<Arc<Certified>, CertificateError> {
    Ok(Arc::new(Certified(RwLock::new(Arc::new(certify(origin, now)?)))))
}

fn certify(origin: &Origin, now: Timestamp) -> Result<CertifiedKey, CertificateError> {
    let (chain, key) = match origin {
        Origin::Files(files) => read(files)?,
        Origin::Own { authority, names, addresses } => authority.issue(names, addresses, now)?,
    };
    let key = any_supported_type(&key).map_err(CertificateError::made)?;
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
    let key = PrivateKeyDer::from_pem_file(&files.key)
        .map_err(|error| CertificateError::unreadable(&files.key, error))?;
    Ok((chain, key))
}

/// How often files are looked at.
const LOOK: Duration = Duration::from_secs(10);

/// Keeps the certificate fresh until it is dropped: files are read again when they change, our own is renewed when a third
/// of its life is left.
pub async fn keep_fresh(certified: Arc<Certified>, origin: Origin, clock: Arc<dyn Clock>) {
    let mut seen = stamp(&origin);
    let mut made = clock.now();
    loop {
        tokio::time::sleep(LOOK).await;
        let now = clock.now();
        let is_due = match &origin {
            Origin::Files(_) => stamp(&origin) != seen,
            Origin::Own { .. } => now.since(made) > Duration::from_secs(86_400 * LEAF_DAYS.unsigned_abs() * 2 / 3),
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
            Err(error) => tracing::warn!(%error, "the new certificate cannot be used"),
        }
    }
}

fn stamp(origin: &Origin) -> Vec<Option<SystemTime>> {
    match origin {
        Origin::Files(files) => [&files.certificate, &files.key]
            .map(|path| std::fs::metadata(path).and_then(|data| data.modified()).ok())
            .to_vec(),
        Origin::Own { .. } => Vec::new(),
    }
}
