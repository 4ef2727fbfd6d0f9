//! Trying one port.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::time::Duration;

use aws_lc_rs::rand::{SecureRandom, SystemRandom};
use centrale_relay::stun::{Class, Message, Method, TransactionId, Writer, attribute};
use rustls::pki_types::ServerName;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::{TcpStream, UdpSocket};
use tokio::time::timeout;
use tokio_rustls::TlsConnector;

use super::{Check, Over, tls};

/// How long a connection, and then an answer, is waited for.
const PATIENCE: Duration = Duration::from_secs(3);
/// How often a datagram is sent: one may be lost.
const TRIES: u32 = 4;
/// How long each datagram's answer is waited for.
const TRY: Duration = Duration::from_millis(700);

/// Tries a port. The error says what was seen instead of an answer.
pub(super) async fn look(check: Check) -> Result<(), String> {
    match check.over {
        Over::Udp => mapped(check.address).await.map(|_| ()),
        Over::Tcp => over_stream(connect(check.address).await?).await,
        Over::Tls => over_stream(secure(check.address).await?).await,
        Over::Https => secure(check.address).await.map(|_| ()),
    }
}

/// The address that a STUN server sees us come from.
pub(super) async fn mapped(server: SocketAddr) -> Result<SocketAddr, String> {
    let any: IpAddr = if server.is_ipv4() { Ipv4Addr::UNSPECIFIED.into() } else { Ipv6Addr::UNSPECIFIED.into() };
    let socket = UdpSocket::bind(SocketAddr::new(any, 0)).await.map_err(|error| error.to_string())?;
    let (request, transaction) = request();
    let mut elsewhere = None;
    for _ in 0..TRIES {
        socket.send_to(&request, server).await.map_err(|error| error.to_string())?;
        let mut bytes = [0; 1500];
        let heard = timeout(TRY, async {
            loop {
                let Ok((count, from)) = socket.recv_from(&mut bytes).await else { continue };
                match read(&bytes[..count], transaction) {
                    Some(mapped) if from == server => return mapped,
                    Some(_) => elsewhere = Some(from),
                    None => {}
                }
            }
        });
        if let Ok(mapped) = heard.await {
            return Ok(mapped);
        }
    }
    Err(match elsewhere {
        Some(from) => format!("the answer comes from {from} and not from the address that was asked"),
        None => "no answer to STUN requests".to_owned(),
    })
}

async fn connect(address: SocketAddr) -> Result<TcpStream, String> {
    match timeout(PATIENCE, TcpStream::connect(address)).await {
        Ok(Ok(stream)) => Ok(stream),
        Ok(Err(error)) => Err(format!("no connection ({error})")),
        Err(_) => Err("no connection: silence, as from a firewall".to_owned()),
    }
}

async fn secure(address: SocketAddr) -> Result<tokio_rustls::client::TlsStream<TcpStream>, String> {
    let stream = connect(address).await?;
    let connector = TlsConnector::from(tls::client().map_err(|error| error.to_string())?);
    match timeout(PATIENCE, connector.connect(ServerName::from(address.ip()), stream)).await {
        Ok(Ok(stream)) => Ok(stream),
        Ok(Err(error)) => Err(format!("the TLS handshake fails ({error})")),
        Err(_) => Err("a connection, and no TLS in it".to_owned()),
    }
}

async fn over_stream(mut stream: impl AsyncRead + AsyncWrite + Unpin) -> Result<(), String> {
    let (request, transaction) = request();
    let exchange = async {
        stream.write_all(&request).await?;
        stream.flush().await?;
        let mut bytes = vec![0; 20];
        stream.read_exact(&mut bytes).await?;
        let rest = u16::from_be_bytes([bytes[2], bytes[3]]);
        bytes.resize(20 + usize::from(rest), 0);
        stream.read_exact(&mut bytes[20..]).await?;
        std::io::Result::Ok(bytes)
    };
    match timeout(PATIENCE, exchange).await {
        Ok(Ok(bytes)) if read(&bytes, transaction).is_some() => Ok(()),
        Ok(Ok(_)) => Err("a connection, and something other than STUN in it".to_owned()),
        Ok(Err(error)) => Err(format!("a connection, and no STUN in it ({error})")),
        Err(_) => Err("a connection, and no STUN in it".to_owned()),
    }
}

fn request() -> (Vec<u8>, TransactionId) {
    let mut transaction = [0; 12];
    // Not a secret: it only tells answers apart.
    if SystemRandom::new().fill(&mut transaction).is_err() {
        transaction = *b"centrale-doc";
    }
    let transaction = TransactionId(transaction);
    (Writer::new(Class::Request, Method::BINDING, transaction).fingerprint().finish(), transaction)
}

/// The mapped address in the answer to our request; none when it is something else.
fn read(bytes: &[u8], transaction: TransactionId) -> Option<SocketAddr> {
    let message = Message::parse(bytes).ok()?;
    let is_ours = message.class() == Class::Success
        && message.method() == Method::BINDING
        && message.transaction() == transaction;
    let value = is_ours.then(|| message.get(attribute::XOR_MAPPED_ADDRESS)).flatten()?;
    attribute::read_xor_address(value, transaction)
}
