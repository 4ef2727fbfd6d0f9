//! A certificate of an authority that speaks ACME (RFC 8555), proven on the HTTPS port itself (RFC 8737).
//!
//! The authority connects to port 443 of each name, asks for the protocol `acme-tls/1` and is shown a certificate with the answer
//! to its challenge; HTTP, WebSocket and TURN on the same port notice nothing. Until there is a certificate, our own authority's
//! is in use; when a renewal fails, the old one stays, the log and a counter say so, and it is tried again, less and less often.

mod http;

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use centrale_exchange::Clock;
use centrale_model::Timestamp;
use instant_acme::{
    Account, AccountCredentials, AuthorizationStatus, ChallengeType, Identifier, NewAccount, NewOrder, OrderStatus,
    RetryPolicy,
};
use rcgen::{CertificateParams, CustomExtension, KeyPair};
use rustls::crypto::aws_lc_rs::sign::any_supported_type;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer};
use rustls::sign::CertifiedKey;
use serde::{Deserialize, Serialize};

use super::authority::write_private;
use super::certificate::{CertificateError, Certified, key_of};
use super::expiry::validity;
use crate::config::Acme;

/// How often it is looked whether the certificate is due.
const LOOK: Duration = Duration::from_secs(5);
/// After the first failure; doubles with each further one. Shorter: authorities bound how often a name may fail in an hour.
const PAUSE: Duration = Duration::from_secs(60);
/// The longest pause between two tries.
const LONGEST_PAUSE: Duration = Duration::from_secs(6 * 3600);
/// How long an authority may take to look at us, and then to issue.
const PATIENCE: Duration = Duration::from_secs(90);

/// Where certificate and account are kept.
pub(super) struct Shelf {
    certificate: PathBuf,
    account: PathBuf,
}

#[derive(Serialize, Deserialize)]
struct KeptAccount {
    directory: String,
    credentials: AccountCredentials,
}

impl Shelf {
    pub(super) fn new(folder: &Path) -> Shelf {
        Shelf { certificate: folder.join("acme.pem"), account: folder.join("acme-account.json") }
    }

    /// The certificate of an earlier order, when it is for these names.
    pub(super) fn read(&self, acme: &Acme) -> Option<CertifiedKey> {
        let text = fs::read_to_string(&self.certificate).ok()?;
        (text.lines().next() == Some(label(acme).as_str())).then(|| parse(&text).ok()).flatten()
    }

    fn write(&self, acme: &Acme, chain: &str, key: &str) -> Result<CertifiedKey, CertificateError> {
        let text = format!("{}\n{key}\n{chain}", label(acme));
        let certified = parse(&text)?;
        write_private(&self.certificate, text.as_bytes())?;
        Ok(certified)
    }

    async fn account(&self, acme: &Acme) -> Result<Account, CertificateError> {
        let kept = fs::read(&self.account).ok().and_then(|text| serde_json::from_slice::<KeptAccount>(&text).ok());
        if let Some(kept) = kept.filter(|kept| kept.directory == acme.directory) {
            return Account::builder_with_http(http::client(acme.roots.as_deref())?)
                .from_credentials(kept.credentials)
                .await
                .map_err(told);
        }
        let contact: Vec<&str> = acme.contact.as_deref().into_iter().collect();
        let wanted = NewAccount { contact: &contact, terms_of_service_agreed: true, only_return_existing: false };
        let (account, credentials) = Account::builder_with_http(http::client(acme.roots.as_deref())?)
            .create(&wanted, acme.directory.clone(), None)
            .await
            .map_err(told)?;
        let kept = KeptAccount { directory: acme.directory.clone(), credentials };
        let text = serde_json::to_vec(&kept).map_err(CertificateError::made)?;
        write_private(&self.account, &text)?;
        Ok(account)
    }
}

/// The first line of the file: for whom and from whom it is.
fn label(acme: &Acme) -> String {
    format!("For {} from {}", acme.domains.join(", "), acme.directory)
}

fn parse(text: &str) -> Result<CertifiedKey, CertificateError> {
    let chain: Vec<_> =
        CertificateDer::pem_slice_iter(text.as_bytes()).collect::<Result<_, _>>().map_err(CertificateError::made)?;
    let key = PrivateKeyDer::from_pem_slice(text.as_bytes()).map_err(CertificateError::made)?;
    key_of(chain, &key)
}

fn told(error: instant_acme::Error) -> CertificateError {
    CertificateError::made(format!("tls.acme.directory: {error}"))
}

/// Keeps a certificate in use until it is dropped: ordered when there is none, and when a third of its life is left.
pub(super) async fn keep(certified: Arc<Certified>, acme: Acme, shelf: Shelf, clock: Arc<dyn Clock>) {
    let mut held = shelf.read(&acme);
    let mut pause = PAUSE;
    loop {
        if held.as_ref().is_some_and(|key| !is_due(key, clock.now())) {
            tokio::time::sleep(LOOK).await;
            continue;
        }
        let ordered = tokio::time::timeout(PATIENCE * 3, order(&certified, &acme, &shelf)).await;
        certified.end_challenges();
        match ordered.unwrap_or_else(|_| Err(CertificateError::made("the authority took too long"))) {
            Ok(key) => {
                certified.set(key.clone());
                held = Some(key);
                pause = PAUSE;
                tracing::info!(names = acme.domains.join(", "), "certificate issued");
                // Lives shorter than this are for tests; a broken clock must not make us ask without end.
                tokio::time::sleep(LOOK).await;
            }
            Err(error) => {
                certified.count_failure();
                tracing::warn!(%error, again_in_seconds = pause.as_secs(), "no certificate was issued; the one in use stays");
                tokio::time::sleep(pause).await;
                pause = (pause * 2).min(LONGEST_PAUSE);
            }
        }
    }
}

/// Whether a third of its life or less is left.
pub(super) fn is_due(key: &CertifiedKey, now: Timestamp) -> bool {
    let Some((begin, end)) = key.cert.first().and_then(|leaf| validity(leaf)) else { return true };
    now.plus(end.since(begin) / 3) >= end
}

async fn order(certified: &Certified, acme: &Acme, shelf: &Shelf) -> Result<CertifiedKey, CertificateError> {
    let account = shelf.account(acme).await?;
    let names: Vec<Identifier> = acme.domains.iter().cloned().map(Identifier::Dns).collect();
    let mut order = account.new_order(&NewOrder::new(&names)).await.map_err(told)?;
    let mut authorizations = order.authorizations();
    while let Some(authorization) = authorizations.next().await {
        let mut authorization = authorization.map_err(told)?;
        match authorization.status {
            AuthorizationStatus::Valid => continue,
            AuthorizationStatus::Pending => {}
            other => return Err(CertificateError::made(format!("the authority holds a name for {other:?}"))),
        }
        let mut challenge = authorization
            .challenge(ChallengeType::TlsAlpn01)
            .ok_or_else(|| CertificateError::made("tls.acme.directory: the authority does not offer tls-alpn-01"))?;
        let name = challenge.identifier().to_string();
        let answer = challenge_certificate(&name, challenge.key_authorization().digest().as_ref())?;
        certified.challenge(name, answer);
        challenge.set_ready().await.map_err(told)?;
    }
    let patience = RetryPolicy::default().timeout(PATIENCE);
    match order.poll_ready(&patience).await.map_err(told)? {
        OrderStatus::Ready => {}
        _ => return Err(CertificateError::made("the authority does not believe that the names are ours")),
    }
    let key = order.finalize().await.map_err(told)?;
    let chain = order.poll_certificate(&patience).await.map_err(told)?;
    shelf.write(acme, &chain, &key)
}

/// What the authority is shown (RFC 8737 section 3).
fn challenge_certificate(name: &str, digest: &[u8]) -> Result<CertifiedKey, CertificateError> {
    let key = KeyPair::generate().map_err(CertificateError::made)?;
    let mut params = CertificateParams::new(vec![name.to_owned()]).map_err(CertificateError::made)?;
    params.custom_extensions = vec![CustomExtension::new_acme_identifier(digest)];
    let certificate = params.self_signed(&key).map_err(CertificateError::made)?;
    let private = PrivatePkcs8KeyDer::from(key.serialize_der()).into();
    let key = any_supported_type(&private).map_err(CertificateError::made)?;
    Ok(CertifiedKey::new(vec![certificate.der().clone()], key))
}
