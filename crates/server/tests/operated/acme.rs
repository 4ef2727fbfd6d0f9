//! Certificates over ACME, from `pebble`, a Debian package: the first one, a renewal, and an authority that is gone.

use std::net::UdpSocket;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use crate::common::Folder;
use crate::{Running, free_port, leaf, number, until};

const NAME: &str = "comms.example.org";

struct Ended(Child);

impl Drop for Ended {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// An authority that looks for every name on this machine, at one port.
fn authority(folder: &Path, tls_port: u16) -> (Ended, Ended, String) {
    let dns = UdpSocket::bind("127.0.0.1:0").and_then(|socket| socket.local_addr()).expect("a port");
    let names = Command::new("pebble-challtestsrv")
        .args(["-defaultIPv4", "127.0.0.1", "-defaultIPv6", "", "-http01", "", "-https01", "", "-tlsalpn01", ""])
        .args(["-dns01", &dns.to_string(), "-management", &format!("127.0.0.1:{}", free_port())])
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .expect("pebble-challtestsrv (a Debian package: pebble)");
    let listen = format!("127.0.0.1:{}", free_port());
    let config = serde_json::json!({ "pebble": {
        "listenAddress": listen,
        "managementListenAddress": format!("127.0.0.1:{}", free_port()),
        "certificate": folder.join("cert.pem"),
        "privateKey": folder.join("key.pem"),
        "httpPort": free_port(),
        "tlsPort": tls_port,
        "ocspResponderURL": "",
        "externalAccountBindingRequired": false,
    } });
    std::fs::write(folder.join("pebble.json"), config.to_string()).expect("written");
    crate::certificates::write(folder, 2090);
    let pebble = Command::new("pebble")
        .arg("-config")
        .arg(folder.join("pebble.json"))
        .args(["-dnsserver", &dns.to_string()])
        .env("PEBBLE_VA_NOSLEEP", "1")
        .env("PEBBLE_WFE_NONCEREJECT", "5")
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .expect("pebble (a Debian package)");
    until("the authority listens", Duration::from_secs(10), || std::net::TcpStream::connect(&listen).is_ok());
    let port = listen.rsplit_once(':').expect("a port").1;
    (Ended(names), Ended(pebble), format!("https://localhost:{port}/dir"))
}

#[test]
fn a_certificate_is_issued_on_the_shared_port_kept_over_a_restart_and_renewed() {
    let files = Folder::new();
    let port = free_port();
    let (names, pebble, directory) = authority(files.path(), port);
    let https = format!("127.0.0.1:{port}");
    let roots = files.path().join("cert.pem");
    let keys = [
        ("CENTRALE_PUBLIC_NAME", NAME),
        ("CENTRALE_HTTPS", https.as_str()),
        ("CENTRALE_TLS_ACME_DIRECTORY", directory.as_str()),
        ("CENTRALE_TLS_ACME_CONTACT", "operator@example.org"),
        ("CENTRALE_TLS_ACME_ROOTS", roots.to_str().expect("text")),
    ];
    let node = Running::relay(Folder::new(), &keys);
    let address = ([127, 0, 0, 1], port).into();
    let issued = |leaf: &[u8]| String::from_utf8_lossy(leaf).contains("Pebble Intermediate CA");
    until("a certificate is issued", Duration::from_secs(40), || issued(&leaf(address, NAME).expect("TLS")));
    let first = leaf(address, NAME).expect("TLS");
    assert_eq!(leaf(node.runtime().relay.tls[0], NAME).expect("TLS"), first, "for TURN as well");
    for file in ["tls/acme.pem", "tls/acme-account.json"] {
        let mode = std::fs::metadata(node.folder.path().join(file)).expect(file).permissions().mode();
        assert_eq!(mode & 0o777, 0o600, "{file}");
    }
    let left = number(&node.metrics(), "centrale_certificate_expires_seconds").expect("an end");
    assert!(left > 0, "{left}");
    assert_eq!(number(&node.metrics(), "centrale_certificate_failures_total"), Some(0), "{}", node.log());

    // The same certificate after a restart, without asking again.
    let folder = node.kill();
    let kept = std::fs::read(folder.path().join("tls/acme.pem")).expect("the certificate");
    let node = Running::relay(folder, &keys);
    assert_eq!(leaf(address, NAME).expect("TLS"), first);
    std::thread::sleep(Duration::from_secs(6));
    assert_eq!(std::fs::read(node.folder.path().join("tls/acme.pem")).expect("the certificate"), kept);

    // One that is nearly over is renewed.
    let folder = node.kill();
    let old = nearly_over(folder.path(), &directory);
    let node = Running::relay(folder, &keys);
    until("the certificate is renewed", Duration::from_secs(40), || {
        assert_eq!(number(&node.metrics(), "centrale_certificate_failures_total"), Some(0), "{}", node.log());
        issued(&leaf(address, NAME).expect("TLS"))
    });
    let kept_now = std::fs::read(node.folder.path().join("tls/acme.pem")).expect("the certificate");
    assert!(kept_now != kept && kept_now != old);

    // And stays in use when the authority is gone.
    drop((names, pebble));
    let folder = node.kill();
    nearly_over(folder.path(), &directory);
    let node = Running::relay(folder, &keys);
    let held = leaf(address, NAME).expect("TLS");
    assert!(!issued(&held), "the old one, from disk");
    until("the failure is counted", Duration::from_secs(60), || {
        number(&node.metrics(), "centrale_certificate_failures_total").is_some_and(|failures| failures > 0)
    });
    assert_eq!(leaf(address, NAME).expect("TLS goes on"), held);
    assert!(node.log().contains("the one in use stays"), "{}", node.log());
}

/// Puts a certificate in the place of the issued one that has three of its ninety days left.
fn nearly_over(data: &Path, directory: &str) -> Vec<u8> {
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).expect("after 1970").as_secs();
    let day = |days: i64| {
        let second = i64::try_from(now).expect("not so late") + days * 86_400;
        time::OffsetDateTime::from_unix_timestamp(second).expect("a date")
    };
    let mut params = rcgen::CertificateParams::new(vec![NAME.to_owned()]).expect("a name");
    (params.not_before, params.not_after) = (day(-87), day(3));
    let key = rcgen::KeyPair::generate().expect("a key");
    let certificate = params.self_signed(&key).expect("a certificate");
    let text = format!("For {NAME} from {directory}\n{}\n{}", key.serialize_pem(), certificate.pem());
    std::fs::write(data.join("tls/acme.pem"), &text).expect("written");
    text.into_bytes()
}
