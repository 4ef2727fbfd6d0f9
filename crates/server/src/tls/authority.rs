//! A certificate authority for one exchange, so that TLS works before anybody has bought a certificate.

use std::fs;
use std::io::Write;
use std::net::IpAddr;
use std::path::{Path, PathBuf};

use centrale_model::Timestamp;
use rcgen::{
    BasicConstraints, CertificateParams, DistinguishedName, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair,
    KeyUsagePurpose, SanType,
};
use rustls::pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer};
use time::OffsetDateTime;

use super::certificate::CertificateError;

/// Our own authority.
pub struct Authority {
    issuer: Issuer<'static, KeyPair>,
    /// Where clients find what to trust.
    pub ca_file: PathBuf,
}

impl Authority {
    /// Finds the authority in `folder`, or makes it: `ca.pem` for everybody, `ca.key` for us alone.
    ///
    /// # Errors
    /// When the files cannot be read or written.
    pub fn open(folder: &Path, now: Timestamp) -> Result<Authority, CertificateError> {
        make_private_folder(folder)?;
        let (ca_file, key_file) = (folder.join("ca.pem"), folder.join("ca.key"));
        let key = match fs::read_to_string(&key_file) {
            Ok(pem) => KeyPair::from_pem(&pem).map_err(|error| CertificateError::unreadable(&key_file, error))?,
            Err(_) => {
                let key = KeyPair::generate().map_err(CertificateError::made)?;
                write_private(&key_file, key.serialize_pem().as_bytes())?;
                let _ = fs::remove_file(&ca_file);
                key
            }
        };
        let params = authority_params(&key, now);
        if !ca_file.exists() {
            let certificate = params.self_signed(&key).map_err(CertificateError::made)?;
            fs::write(&ca_file, certificate.pem()).map_err(|error| CertificateError::unreadable(&ca_file, error))?;
        }
        Ok(Authority { issuer: Issuer::new(params, key), ca_file })
    }

    /// Makes a certificate for these names and addresses, good for ninety days.
    pub fn issue(
        &self,
        names: &[String],
        addresses: &[IpAddr],
        now: Timestamp,
    ) -> Result<(Vec<CertificateDer<'static>>, PrivateKeyDer<'static>), CertificateError> {
        let key = KeyPair::generate().map_err(CertificateError::made)?;
        let mut params = CertificateParams::new(names.to_vec()).map_err(CertificateError::made)?;
        for address in addresses {
            let name = SanType::IpAddress(*address);
            if !params.subject_alt_names.contains(&name) {
                params.subject_alt_names.push(name);
            }
        }
        params.distinguished_name = DistinguishedName::new();
        params.distinguished_name.push(DnType::CommonName, names.first().map_or("centrale", String::as_str));
        params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
        params.use_authority_key_identifier_extension = true;
        (params.not_before, params.not_after) = (day(now, -1), day(now, LEAF_DAYS));
        let leaf = params.signed_by(&key, &self.issuer).map_err(CertificateError::made)?;
        Ok((vec![leaf.der().clone()], PrivatePkcs8KeyDer::from(key.serialize_der()).into()))
    }
}

/// How long a leaf is good.
pub(super) const LEAF_DAYS: i64 = 90;

fn authority_params(key: &KeyPair, now: Timestamp) -> CertificateParams {
    let mut params = CertificateParams::default();
    // Each authority has a name of its own, so that trust stores do not mistake one for another.
    let print = aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA256, key.public_key_raw());
    let print: String = print.as_ref().iter().take(4).map(|byte| format!("{byte:02x}")).collect();
    params.distinguished_name = DistinguishedName::new();
    params.distinguished_name.push(DnType::CommonName, format!("Centrale own authority {print}"));
    params.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
    params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
    (params.not_before, params.not_after) = (day(now, -1), day(now, 3650));
    params
}

/// Midnight so many days from now, in the type that the certificate library wants.
fn day(now: Timestamp, days: i64) -> OffsetDateTime {
    let date = Timestamp::from_secs(now.as_secs() + days * 86_400).to_string();
    let number = |range: std::ops::Range<usize>| date.get(range).and_then(|text| text.parse::<u16>().ok()).unwrap_or(1);
    let small = |range| u8::try_from(number(range)).unwrap_or(1);
    rcgen::date_time_ymd(i32::from(number(0..4)), small(5..7), small(8..10))
}

/// Makes a folder that only we may look into.
pub fn make_private_folder(folder: &Path) -> Result<(), CertificateError> {
    use std::os::unix::fs::DirBuilderExt;
    fs::DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(folder)
        .map_err(|error| CertificateError::unreadable(folder, error))
}

/// Writes a file that only we may read, whole or not at all.
pub fn write_private(path: &Path, content: &[u8]) -> Result<(), CertificateError> {
    use std::os::unix::fs::OpenOptionsExt;
    let draft = path.with_extension(format!("draft-{}", std::process::id()));
    let written = fs::OpenOptions::new()
        .write(true)
        .create(true)
        .truncate(true)
        .mode(0o600)
        .open(&draft)
        .and_then(|mut file| file.write_all(content).and_then(|()| file.sync_all()))
        .and_then(|()| fs::rename(&draft, path));
    written.map_err(|error| CertificateError::unreadable(path, error))
}
