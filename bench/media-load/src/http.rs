//! As much HTTP/1.1 as signalling needs: one request after the other on one connection, in the clear or over TLS.

use std::io::{self, BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::sync::Arc;
use std::time::Duration;

use rustls::pki_types::ServerName;
use rustls::{ClientConfig, ClientConnection, StreamOwned};

/// How long an answer may take. A poll for events is answered after half a minute at the latest.
const PATIENCE: Duration = Duration::from_secs(60);
/// The longest body that is read, in bytes.
const LONGEST: usize = 4 << 20;

trait Stream: Read + Write + Send {}
impl<S: Read + Write + Send> Stream for S {}

/// A connection that is opened anew when the other side has closed it.
pub(crate) struct Http {
    server: SocketAddr,
    tls: Option<Arc<ClientConfig>>,
    stream: Option<BufReader<Box<dyn Stream>>>,
}

/// An answer.
pub(crate) struct Reply {
    pub(crate) status: u16,
    head: Vec<(String, String)>,
    pub(crate) body: String,
}

impl Reply {
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.head.iter().find(|(known, _)| known.eq_ignore_ascii_case(name)).map(|(_, value)| value.as_str())
    }
}

impl Http {
    pub(crate) fn new(server: SocketAddr, tls: Option<Arc<ClientConfig>>) -> Http {
        Http { server, tls, stream: None }
    }

    /// Opens the connection, so that the first request need not.
    pub(crate) fn open(&mut self) -> io::Result<()> {
        if self.stream.is_some() {
            return Ok(());
        }
        let tcp = TcpStream::connect(self.server)?;
        tcp.set_nodelay(true)?;
        tcp.set_read_timeout(Some(PATIENCE))?;
        let stream: Box<dyn Stream> = match &self.tls {
            None => Box::new(tcp),
            Some(config) => {
                let name = ServerName::try_from("localhost").map_err(io::Error::other)?;
                let mut session = ClientConnection::new(config.clone(), name).map_err(io::Error::other)?;
                let mut tcp = tcp;
                while session.is_handshaking() {
                    session.complete_io(&mut tcp)?;
                }
                Box::new(StreamOwned::new(session, tcp))
            }
        };
        self.stream = Some(BufReader::new(stream));
        Ok(())
    }

    pub(crate) fn send(
        &mut self,
        method: &str,
        target: &str,
        headers: &[(&str, &str)],
        body: &str,
    ) -> io::Result<Reply> {
        self.open()?;
        let mut request =
            format!("{method} {target} HTTP/1.1\r\nHost: localhost\r\nContent-Length: {}\r\n", body.len());
        for (name, value) in headers {
            request.push_str(&format!("{name}: {value}\r\n"));
        }
        request.push_str("\r\n");
        request.push_str(body);
        let stream = self.stream.as_mut().ok_or(io::ErrorKind::NotConnected)?;
        stream.get_mut().write_all(request.as_bytes())?;
        stream.get_mut().flush()?;
        let reply = read(stream);
        let closes = reply
            .as_ref()
            .is_ok_and(|reply| reply.header("connection").is_some_and(|value| value.eq_ignore_ascii_case("close")));
        if closes || reply.is_err() {
            self.stream = None;
        }
        reply
    }
}

fn read(stream: &mut impl BufRead) -> io::Result<Reply> {
    let first = line(stream)?;
    let status = first.split(' ').nth(1).and_then(|word| word.parse().ok()).ok_or(io::ErrorKind::InvalidData)?;
    let mut head = Vec::new();
    loop {
        let text = line(stream)?;
        if text.is_empty() {
            break;
        }
        let (name, value) = text.split_once(':').ok_or(io::ErrorKind::InvalidData)?;
        head.push((name.to_owned(), value.trim().to_owned()));
    }
    let mut reply = Reply { status, head, body: String::new() };
    let mut body = Vec::new();
    if reply.header("transfer-encoding").is_some_and(|value| value.eq_ignore_ascii_case("chunked")) {
        loop {
            let length = usize::from_str_radix(line(stream)?.trim(), 16).map_err(io::Error::other)?;
            take(stream, length, &mut body)?;
            line(stream)?;
            if length == 0 {
                break;
            }
        }
    } else if status != 204 {
        let length = reply.header("content-length").and_then(|value| value.parse().ok()).unwrap_or(0);
        take(stream, length, &mut body)?;
    }
    reply.body = String::from_utf8(body).map_err(io::Error::other)?;
    Ok(reply)
}

fn line(stream: &mut impl BufRead) -> io::Result<String> {
    let mut text = String::new();
    if stream.take(64 * 1024).read_line(&mut text)? == 0 {
        return Err(io::ErrorKind::UnexpectedEof.into());
    }
    Ok(text.trim_end().to_owned())
}

fn take(stream: &mut impl Read, length: usize, body: &mut Vec<u8>) -> io::Result<()> {
    if body.len() + length > LONGEST {
        return Err(io::ErrorKind::InvalidData.into());
    }
    let begin = body.len();
    body.resize(begin + length, 0);
    stream.read_exact(&mut body[begin..])
}
