//! A node in operation: the real program, real sockets, `kill`, an authority, a bus.
#![allow(unreachable_pub, reason = "the modules of a test program have no outside")]

#[path = "../common/mod.rs"]
mod common;

mod acme;
mod alone;
mod caps;
mod certificates;
mod drain;
mod metering;
mod outside;
mod port;
mod refusals;
mod turn;

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant};

use centrale_server::program::Runtime;
use common::Folder;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::{ClientConfig, ClientConnection, DigitallySignedStruct, SignatureScheme, StreamOwned};

/// The secret of every relay here.
pub const SECRET: &str = "a secret of these tests";

/// A running node of any kind, which need not have an exchange.
pub struct Running {
    pub child: Child,
    pub folder: Folder,
}

impl Running {
    /// Starts `centrale serve` on loopback with these keys, as environment.
    pub fn serve(folder: Folder, keys: &[(&str, &str)]) -> Running {
        let _ = std::fs::remove_file(folder.path().join("runtime.json"));
        let log = std::fs::OpenOptions::new().append(true).create(true).open(folder.path().join("log")).expect("a log");
        let https = keys.iter().find(|(key, _)| *key == "CENTRALE_HTTPS").map_or("127.0.0.1:0", |(_, address)| address);
        let child = common::program("serve", folder.path(), &["--https", https])
            .env("CENTRALE_RELAY_ALLOW_PEERS", "127.0.0.0/8")
            .env("CENTRALE_RELAY_WORKERS", "2")
            // Below the ports that the kernel picks for our peers: on the relay's own address those would be taken for relayed ones.
            .env("CENTRALE_RELAY_PORTS", "10000-31999")
            .envs(keys.iter().copied())
            .stdout(Stdio::null())
            .stderr(log)
            .spawn()
            .expect("the program starts");
        let mut running = Running { child, folder };
        until("the node is ready", Duration::from_secs(60), || {
            let ended = running.child.try_wait().expect("a child");
            assert!(ended.is_none(), "the node ended: {}", running.log());
            running.folder.path().join("runtime.json").exists()
        });
        running
    }

    /// A relay node: nothing but the secret.
    pub fn relay(folder: Folder, keys: &[(&str, &str)]) -> Running {
        let all = [&[("CENTRALE_CLUSTER_ROLES", "relay"), ("CENTRALE_RELAY_SECRET", SECRET)], keys].concat();
        Running::serve(folder, &all)
    }

    pub fn runtime(&self) -> Runtime {
        Runtime::read(self.folder.path()).expect("runtime.json")
    }

    pub fn https(&self) -> SocketAddr {
        let https = self.runtime().https;
        let port = https.rsplit_once(':').expect("a port").1.parse().expect("a port");
        ([127, 0, 0, 1], port).into()
    }

    pub fn log(&self) -> String {
        std::fs::read_to_string(self.folder.path().join("log")).unwrap_or_default()
    }

    pub fn metrics(&self) -> String {
        metrics(self.folder.path())
    }

    pub fn signal(&self, signal: &str) {
        let sent = Command::new("kill").args([signal, &self.child.id().to_string()]).status().expect("kill");
        assert!(sent.success());
    }

    /// Waits until the process ends; gives its exit code.
    pub fn ended(&mut self, patience: Duration) -> Option<i32> {
        let end = Instant::now() + patience;
        loop {
            if let Some(status) = self.child.try_wait().expect("a child") {
                return status.code();
            }
            assert!(Instant::now() < end, "the node goes on: {}", self.log());
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    /// Ends the process at once and keeps its files.
    pub fn kill(mut self) -> Folder {
        self.child.kill().expect("killed");
        self.child.wait().expect("ended");
        std::mem::replace(&mut self.folder, Folder::new())
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Looks until something is so.
#[track_caller]
pub fn until(what: &str, patience: Duration, mut is_so: impl FnMut() -> bool) {
    let end = Instant::now() + patience;
    while !is_so() {
        assert!(Instant::now() < end, "not within {patience:?}: {what}");
        std::thread::sleep(Duration::from_millis(50));
    }
}

/// The counters of the node of a data directory.
pub fn metrics(data: &Path) -> String {
    let address = Runtime::read(data).expect("runtime.json").metrics;
    let mut stream = TcpStream::connect(address).expect("the metrics port");
    stream.write_all(b"GET /metrics HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n").expect("asked");
    let mut text = String::new();
    stream.read_to_string(&mut text).expect("counters");
    text
}

/// One number of the counters.
pub fn number(metrics: &str, name: &str) -> Option<i64> {
    metrics.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(' ')?.parse().ok())
}

/// Takes any certificate: what is looked at here is which one it is.
#[derive(Debug)]
struct Anybody;

impl ServerCertVerifier for Anybody {
    fn verify_server_cert(
        &self,
        _: &CertificateDer<'_>,
        _: &[CertificateDer<'_>],
        _: &ServerName<'_>,
        _: &[u8],
        _: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        _: &[u8],
        _: &CertificateDer<'_>,
        _: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        Ok(HandshakeSignatureValid::assertion())
    }

    fn verify_tls13_signature(
        &self,
        _: &[u8],
        _: &CertificateDer<'_>,
        _: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        Ok(HandshakeSignatureValid::assertion())
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        vec![SignatureScheme::ECDSA_NISTP256_SHA256, SignatureScheme::RSA_PSS_SHA256, SignatureScheme::ED25519]
    }
}

pub type Secure = StreamOwned<ClientConnection, TcpStream>;

/// TLS to an address, without a doubt.
pub fn secure(address: SocketAddr, name: &str) -> std::io::Result<Secure> {
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .expect("versions")
        .dangerous()
        .with_custom_certificate_verifier(Arc::new(Anybody))
        .with_no_client_auth();
    let name = ServerName::try_from(name.to_owned()).expect("a name");
    let session = ClientConnection::new(Arc::new(config), name).expect("a session");
    let socket = TcpStream::connect(address)?;
    socket.set_read_timeout(Some(Duration::from_secs(5)))?;
    let mut stream = StreamOwned::new(session, socket);
    while stream.conn.is_handshaking() {
        stream.conn.complete_io(&mut stream.sock)?;
    }
    Ok(stream)
}

/// The certificate that an address shows.
pub fn leaf(address: SocketAddr, name: &str) -> std::io::Result<Vec<u8>> {
    let stream = secure(address, name)?;
    let chain = stream.conn.peer_certificates().unwrap_or_default();
    Ok(chain.first().expect("a certificate").to_vec())
}

/// A port that nobody has at this moment.
pub fn free_port() -> u16 {
    std::net::TcpListener::bind("127.0.0.1:0").and_then(|listener| listener.local_addr()).expect("a port").port()
}
