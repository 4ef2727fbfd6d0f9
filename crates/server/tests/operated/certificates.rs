//! Certificates from files: exchanged while the node runs, and their end is a number.

use std::path::Path;
use std::time::Duration;

use crate::common::Folder;
use crate::{Running, leaf, number, until};

/// Writes a certificate for `localhost` that is good for so many days; gives it.
pub fn write(folder: &Path, year: i32) -> Vec<u8> {
    let mut params = rcgen::CertificateParams::new(vec!["localhost".to_owned()]).expect("a name");
    params.not_before = rcgen::date_time_ymd(2020, 1, 1);
    params.not_after = rcgen::date_time_ymd(year, 1, 1);
    let key = rcgen::KeyPair::generate().expect("a key");
    let certificate = params.self_signed(&key).expect("a certificate");
    std::fs::write(folder.join("key.pem"), key.serialize_pem()).expect("written");
    std::fs::write(folder.join("cert.pem"), certificate.pem()).expect("written");
    certificate.der().to_vec()
}

#[test]
fn a_new_file_is_used_without_a_restart_and_a_broken_one_is_not() {
    let files = Folder::new();
    let first = write(files.path(), 2090);
    let (certificate, key) = (files.path().join("cert.pem"), files.path().join("key.pem"));
    let keys = [
        ("CENTRALE_TLS_CERTIFICATE", certificate.to_str().expect("text")),
        ("CENTRALE_TLS_KEY", key.to_str().expect("text")),
    ];
    let node = Running::relay(Folder::new(), &keys);
    let (https, turns) = (node.https(), node.runtime().relay.tls[0]);
    assert_eq!(leaf(https, "localhost").expect("TLS"), first);
    assert_eq!(leaf(turns, "localhost").expect("TLS"), first);
    let expires = "centrale_certificate_expires_seconds";
    let before = number(&node.metrics(), expires).expect("an end");
    assert!(before > 86_400 * 365 * 60, "{before}");

    let second = write(files.path(), 2080);
    until("the new certificate is in use", Duration::from_secs(25), || {
        leaf(https, "localhost").expect("TLS") == second
    });
    assert_eq!(leaf(turns, "localhost").expect("TLS"), second);
    let after = number(&node.metrics(), expires).expect("an end");
    assert!(before - after > 86_400 * 365 * 9, "ten years less: {before} and {after}");

    std::fs::write(&certificate, "half a fi").expect("written");
    let failures = "centrale_certificate_failures_total";
    until("the broken one is noticed", Duration::from_secs(25), || number(&node.metrics(), failures) == Some(1));
    assert_eq!(leaf(https, "localhost").expect("TLS"), second, "the good one stays");
}
