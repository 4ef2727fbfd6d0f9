//! Speaks to a running exchange: found by its `runtime.json`, over TLS that trusts its authority, signed with its key.

use std::fmt;
use std::io::{Read, Write};
use std::net::{IpAddr, SocketAddr, TcpStream, ToSocketAddrs};
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use aws_lc_rs::{digest, hmac};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConfig, ClientConnection, RootCertStore, StreamOwned};

use crate::program::Runtime;

/// Why a command did not work: one sentence.
#[derive(Debug)]
pub struct Failure(pub String);

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for Failure {}

fn failure(what: impl fmt::Display) -> Failure {
    Failure(what.to_string())
}

/// An answer.
#[derive(Debug)]
pub struct Reply {
    /// The status.
    pub status: u16,
    /// The head, as it came.
    pub head: String,
    /// The body.
    pub body: Vec<u8>,
}

impl Reply {
    /// The body as JSON.
    pub fn json(&self) -> serde_json::Value {
        serde_json::from_slice(&self.body).unwrap_or_default()
    }

    /// A header's value.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.head.lines().skip(1).find_map(|line| {
            let (known, value) = line.split_once(':')?;
            known.eq_ignore_ascii_case(name).then(|| value.trim())
        })
    }

    /// The body as JSON, or the error that it tells of.
    pub fn good(&self) -> Result<serde_json::Value, Failure> {
        let json = self.json();
        if (200..300).contains(&self.status) {
            return Ok(json);
        }
        let told = json["error"]["message"].as_str().unwrap_or("no reason given");
        Err(Failure(format!("the exchange answered {}: {told}", self.status)))
    }
}

/// A caller with an access key.
pub struct Caller {
    host: String,
    port: u16,
    key: Vec<u8>,
    tls: Arc<ClientConfig>,
}

impl Caller {
    /// Finds the running exchange of a data directory.
    pub fn find(data: &Path) -> Result<Caller, Failure> {
        let path = data.join("runtime.json");
        let text = std::fs::read(&path).map_err(|_| {
            Failure(format!(
                "no exchange runs with the data directory {}: start one (centrale dev), or name its directory with --data",
                data.display()
            ))
        })?;
        let runtime: Runtime =
            serde_json::from_slice(&text).map_err(|error| Failure(format!("{}: {error}", path.display())))?;
        let ca = std::fs::read(&runtime.ca).ok();
        Caller::new(&runtime.connection_string, ca.as_deref())
    }

    /// A caller with a connection string, that trusts these certificates besides nobody.
    pub fn new(connection_string: &str, ca_pem: Option<&[u8]>) -> Result<Caller, Failure> {
        let part = |name: &str| connection_string.split(';').find_map(|part| part.strip_prefix(name));
        let endpoint = part("endpoint=https://").ok_or_else(|| failure("the connection string has no endpoint"))?;
        let key = part("accesskey=").ok_or_else(|| failure("the connection string has no access key"))?;
        let host = endpoint.trim_end_matches('/').to_owned();
        let port =
            host.rsplit_once(':').filter(|(_, port)| !port.contains(']')).and_then(|(_, port)| port.parse().ok());
        let mut roots = RootCertStore::empty();
        for certificate in CertificateDer::pem_slice_iter(ca_pem.unwrap_or_default()).flatten() {
            roots.add(certificate).map_err(failure)?;
        }
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let tls = ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .map_err(failure)?
            .with_root_certificates(roots)
            .with_no_client_auth();
        Ok(Caller {
            host,
            port: port.unwrap_or(443),
            key: STANDARD.decode(key).map_err(|_| failure("the access key is not base64"))?,
            tls: Arc::new(tls),
        })
    }

    /// The `Host` header that requests carry.
    pub fn host(&self) -> &str {
        &self.host
    }

    /// Sends a signed request and reads the answer.
    pub fn call(&self, method: &str, target: &str, body: &[u8]) -> Result<Reply, Failure> {
        let headers = self.sign(method, target, body, SystemTime::now());
        self.send(method, target, &headers, body)
    }

    /// The headers that sign a request at a moment (wire notes 3.1).
    pub fn sign(&self, method: &str, target: &str, body: &[u8], at: SystemTime) -> Vec<(String, String)> {
        let date = httpdate::fmt_http_date(at);
        let hash = STANDARD.encode(digest::digest(&digest::SHA256, body));
        let text = format!("{method}\n{target}\n{date};{};{hash}", self.host);
        let tag = hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, &self.key), text.as_bytes());
        let signature = STANDARD.encode(tag);
        let authorization =
            format!("HMAC-SHA256 SignedHeaders=x-ms-date;host;x-ms-content-sha256&Signature={signature}");
        vec![
            ("x-ms-date".to_owned(), date),
            ("x-ms-content-sha256".to_owned(), hash),
            ("authorization".to_owned(), authorization),
        ]
    }

    /// Sends a request with these headers and reads the answer.
    pub fn send(
        &self,
        method: &str,
        target: &str,
        headers: &[(String, String)],
        body: &[u8],
    ) -> Result<Reply, Failure> {
        let mut head = format!(
            "{method} {target} HTTP/1.1\r\nHost: {}\r\nConnection: close\r\nContent-Length: {}\r\n",
            self.host,
            body.len()
        );
        if !headers.iter().any(|(name, _)| name.eq_ignore_ascii_case("content-type")) {
            head.push_str("Content-Type: application/json\r\n");
        }
        for (name, value) in headers {
            head.push_str(&format!("{name}: {value}\r\n"));
        }
        head.push_str("\r\n");
        let mut stream = self.connect()?;
        // A server that refuses a long body may answer and close before all of it is sent.
        let sent =
            stream.write_all(head.as_bytes()).and_then(|()| stream.write_all(body)).and_then(|()| stream.flush());
        let mut bytes = Vec::new();
        let received = stream.read_to_end(&mut bytes);
        if bytes.is_empty() {
            sent.and(received.map(|_| ())).map_err(failure)?;
        }
        parse(&bytes)
    }

    /// Opens a TLS connection.
    pub fn connect(&self) -> Result<StreamOwned<ClientConnection, TcpStream>, Failure> {
        let bare = self.host.strip_suffix(&format!(":{}", self.port)).unwrap_or(&self.host);
        let bare = bare.trim_start_matches('[').trim_end_matches(']');
        let stream = reach(bare, self.port)?;
        let limit = Some(Duration::from_secs(30));
        stream.set_read_timeout(limit).and_then(|()| stream.set_write_timeout(limit)).map_err(failure)?;
        let name = match bare.parse::<IpAddr>() {
            Ok(ip) => ServerName::from(ip),
            Err(_) => ServerName::try_from(bare.to_owned()).map_err(failure)?,
        };
        let session = ClientConnection::new(self.tls.clone(), name).map_err(failure)?;
        Ok(StreamOwned::new(session, stream))
    }
}

fn reach(host: &str, port: u16) -> Result<TcpStream, Failure> {
    let addresses: Vec<SocketAddr> =
        (host, port).to_socket_addrs().map_err(|error| Failure(format!("{host} cannot be found: {error}")))?.collect();
    let mut last = Failure(format!("{host} has no address"));
    for address in addresses {
        match TcpStream::connect_timeout(&address, Duration::from_secs(5)) {
            Ok(stream) => return Ok(stream),
            Err(error) => last = Failure(format!("{address} cannot be reached: {error}")),
        }
    }
    Err(last)
}

/// Takes an answer apart. Ours carry their length or end with the connection.
fn parse(bytes: &[u8]) -> Result<Reply, Failure> {
    let end = bytes
        .windows(4)
        .position(|window| window == b"\r\n\r\n")
        .ok_or_else(|| failure("the exchange did not answer in full"))?;
    let (head, rest) = bytes.split_at(end);
    let head = String::from_utf8_lossy(head).into_owned();
    let status = head
        .split_ascii_whitespace()
        .nth(1)
        .and_then(|text| text.parse().ok())
        .ok_or_else(|| failure("the exchange did not answer in HTTP"))?;
    let reply = Reply { status, head, body: rest.get(4..).unwrap_or_default().to_vec() };
    if reply.header("transfer-encoding").is_some_and(|value| value.eq_ignore_ascii_case("chunked")) {
        let body = unchunk(&reply.body).ok_or_else(|| failure("the exchange's answer is cut"))?;
        return Ok(Reply { body, ..reply });
    }
    Ok(reply)
}

fn unchunk(mut rest: &[u8]) -> Option<Vec<u8>> {
    let mut body = Vec::new();
    loop {
        let line = rest.windows(2).position(|window| window == b"\r\n")?;
        let size = std::str::from_utf8(rest.get(..line)?).ok()?;
        let size = usize::from_str_radix(size.split(';').next()?.trim(), 16).ok()?;
        let start = line + 2;
        if size == 0 {
            return Some(body);
        }
        body.extend_from_slice(rest.get(start..start.checked_add(size)?)?);
        rest = rest.get(start + size + 2..)?;
    }
}
