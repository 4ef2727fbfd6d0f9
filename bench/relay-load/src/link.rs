//! The way from a client to its relay: UDP, TCP, or TLS, one frame at a time.
//!
//! All sockets are non-blocking and the generator spins: a sleeping receiver would make the server pay for
//! waking it, which is not the work that is measured.

use std::io::{self, ErrorKind, Read, Write};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, TcpStream, UdpSocket};
use std::sync::Arc;

use quinn_udp::{Transmit, UdpSockRef, UdpSocketState};
use rustls::ClientConnection;
use socket2::{Domain, SockRef, Socket, Type};

/// Receive buffer of each socket, in bytes. Bigger: bursts survive a slow generator. The kernel caps it.
const BUFFER: usize = 1 << 20;

#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Transport {
    Udp,
    Tcp,
    Tls,
}

impl Transport {
    pub(crate) fn named(name: &str) -> Option<Transport> {
        match name {
            "udp" => Some(Transport::Udp),
            "tcp" => Some(Transport::Tcp),
            "tls" => Some(Transport::Tls),
            _ => None,
        }
    }
}

pub(crate) enum Link {
    Udp(UdpSocket),
    Tcp(Box<Stream>, TcpStream),
    Tls(Box<Stream>, TcpStream, Box<ClientConnection>),
}

impl Link {
    pub(crate) fn open(
        transport: Transport,
        source: IpAddr,
        server: SocketAddr,
        tls: &Arc<rustls::ClientConfig>,
    ) -> io::Result<Link> {
        let source = SocketAddr::new(source, 0);
        if transport == Transport::Udp {
            let socket = udp_socket(source)?;
            socket.connect(server)?;
            return Ok(Link::Udp(socket));
        }
        let socket = Socket::new(Domain::for_address(server), Type::STREAM, None)?;
        socket.bind(&source.into())?;
        socket.connect(&server.into())?;
        let socket = TcpStream::from(socket);
        socket.set_nodelay(true)?;
        socket.set_nonblocking(true)?;
        if transport == Transport::Tcp {
            return Ok(Link::Tcp(Box::default(), socket));
        }
        let name = rustls::pki_types::ServerName::IpAddress(server.ip().into());
        let session = ClientConnection::new(tls.clone(), name).map_err(io::Error::other)?;
        Ok(Link::Tls(Box::default(), socket, Box::new(session)))
    }

    /// Sends one STUN message or one ChannelData message, padded where the transport asks for it (RFC 8656 §12.5).
    pub(crate) fn send(&mut self, frame: &[u8]) -> io::Result<()> {
        match self {
            Link::Udp(socket) => insist(|| socket.send(frame)).map(|_| ()),
            Link::Tcp(stream, socket) => {
                let padded = stream.padded(frame);
                let mut sent = 0;
                while sent < padded.len() {
                    sent += insist(|| socket.write(&padded[sent..]))?;
                }
                Ok(())
            }
            Link::Tls(stream, socket, session) => {
                session.writer().write_all(stream.padded(frame))?;
                while session.wants_write() {
                    insist(|| session.write_tls(socket))?;
                }
                Ok(())
            }
        }
    }

    /// Sends frames of `size` bytes each that lie one behind another. Over UDP they leave as one run (GSO), as
    /// the packets of a video frame reach a server together.
    pub(crate) fn send_run(&mut self, run: &Run, frames: &[u8], size: usize) -> io::Result<()> {
        match self {
            Link::Udp(socket) => run.send(socket, socket.peer_addr()?, frames, size),
            Link::Tcp(..) | Link::Tls(..) => frames.chunks(size).try_for_each(|frame| self.send(frame)),
        }
    }

    /// One frame without its padding, or `None` when none is there.
    pub(crate) fn receive<'a>(&'a mut self, into: &'a mut [u8]) -> io::Result<Option<&'a [u8]>> {
        match self {
            Link::Udp(socket) => match socket.recv(into) {
                Ok(size) => Ok(Some(&into[..size])),
                Err(error) if is_patience(&error) => Ok(None),
                Err(error) => Err(error),
            },
            Link::Tcp(stream, socket) => {
                if stream.next().is_none() {
                    stream.fill(socket)?;
                }
                Ok(stream.take())
            }
            Link::Tls(stream, socket, session) => {
                if stream.next().is_none() {
                    match session.read_tls(socket) {
                        Ok(0) => return Err(ErrorKind::UnexpectedEof.into()),
                        Ok(_) => {}
                        Err(error) if is_patience(&error) => {}
                        Err(error) => return Err(error),
                    }
                    session.process_new_packets().map_err(io::Error::other)?;
                    while session.wants_write() {
                        insist(|| session.write_tls(socket))?;
                    }
                    match stream.fill(&mut session.reader()) {
                        Err(error) if error.kind() == ErrorKind::UnexpectedEof => return Err(error),
                        other => other?,
                    }
                }
                Ok(stream.take())
            }
        }
    }
}

/// Bytes of a stream that wait to be whole frames.
#[derive(Default)]
pub(crate) struct Stream {
    bytes: Vec<u8>,
    start: usize,
    end: usize,
    out: Vec<u8>,
}

impl Stream {
    fn padded(&mut self, frame: &[u8]) -> &[u8] {
        self.out.clear();
        self.out.extend_from_slice(frame);
        self.out.resize(frame.len().next_multiple_of(4), 0);
        &self.out
    }

    fn fill(&mut self, source: &mut impl Read) -> io::Result<()> {
        if self.bytes.is_empty() {
            self.bytes.resize(1 << 16, 0);
        }
        if self.start > 0 {
            self.bytes.copy_within(self.start..self.end, 0);
            self.end -= self.start;
            self.start = 0;
        }
        match source.read(&mut self.bytes[self.end..]) {
            Ok(0) => Err(ErrorKind::UnexpectedEof.into()),
            Ok(size) => {
                self.end += size;
                Ok(())
            }
            Err(error) if is_patience(&error) => Ok(()),
            Err(error) => Err(error),
        }
    }

    /// Size of the next frame without and with padding, when it is there as a whole.
    fn next(&self) -> Option<(usize, usize)> {
        let ready = &self.bytes[self.start..self.end];
        let head = ready.get(..4)?;
        let length = usize::from(u16::from_be_bytes([head[2], head[3]]));
        let size = if head[0] & 0xc0 == 0 { 20 + length } else { 4 + length };
        let padded = size.next_multiple_of(4);
        (ready.len() >= padded).then_some((size, padded))
    }

    fn take(&mut self) -> Option<&[u8]> {
        let (size, padded) = self.next()?;
        let start = self.start;
        self.start += padded;
        Some(&self.bytes[start..start + size])
    }
}

/// Sends many datagrams of one size to one place with one call.
pub(crate) struct Run {
    state: UdpSocketState,
    _probe: UdpSocket,
}

impl Run {
    pub(crate) fn new() -> io::Result<Run> {
        // The state sets receive offload on the socket it is made with. A probe keeps the real sockets plain,
        // so that no server gains from a receiver that takes whole runs.
        let probe = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0))?;
        Ok(Run { state: UdpSocketState::new(UdpSockRef::from(&probe))?, _probe: probe })
    }

    pub(crate) fn send(&self, socket: &UdpSocket, to: SocketAddr, frames: &[u8], size: usize) -> io::Result<()> {
        let transmit =
            Transmit { destination: to, ecn: None, contents: frames, segment_size: Some(size), src_ip: None };
        insist(|| self.state.try_send(UdpSockRef::from(socket), &transmit))
    }
}

pub(crate) fn udp_socket(address: SocketAddr) -> io::Result<UdpSocket> {
    let socket = UdpSocket::bind(address)?;
    socket.set_nonblocking(true)?;
    SockRef::from(&socket).set_recv_buffer_size(BUFFER)?;
    Ok(socket)
}

/// Any free port of the loopback address of a family.
pub(crate) fn loopback(is_v6: bool) -> SocketAddr {
    let ip: IpAddr = if is_v6 { Ipv6Addr::LOCALHOST.into() } else { Ipv4Addr::LOCALHOST.into() };
    SocketAddr::new(ip, 0)
}

/// Nothing there yet, or the kernel reports that an earlier datagram met a closed port.
pub(crate) fn is_patience(error: &io::Error) -> bool {
    matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::Interrupted | ErrorKind::ConnectionRefused)
}

/// Repeats while the socket is full.
pub(crate) fn insist<T>(mut act: impl FnMut() -> io::Result<T>) -> io::Result<T> {
    loop {
        match act() {
            Err(error) if is_patience(&error) => std::hint::spin_loop(),
            other => return other,
        }
    }
}
