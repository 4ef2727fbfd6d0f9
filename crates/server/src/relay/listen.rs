//! Opening sockets.

use std::io;
use std::net::{SocketAddr, TcpListener, UdpSocket};

use socket2::{Domain, Protocol, SockAddr, Socket, Type};

/// Bytes the kernel may hold for a listening socket. Larger: longer bursts survive a busy moment, and wait longer.
const LISTEN_BUFFER: usize = 4 * 1024 * 1024;

/// Connections that may wait to be accepted.
const BACKLOG: i32 = 1024;

/// A socket on which one worker's share of the UDP clients arrives.
pub(super) fn udp(address: SocketAddr) -> io::Result<UdpSocket> {
    let socket = socket(address, Type::DGRAM, Protocol::UDP)?;
    socket.set_reuse_port(true)?;
    // The kernel grants what its own bound allows; less is not an error.
    socket.set_recv_buffer_size(LISTEN_BUFFER)?;
    socket.set_send_buffer_size(LISTEN_BUFFER)?;
    socket.bind(&SockAddr::from(address))?;
    Ok(socket.into())
}

/// A socket on which one worker's share of the TCP or TLS clients arrives.
pub(super) fn tcp(address: SocketAddr) -> io::Result<TcpListener> {
    let socket = socket(address, Type::STREAM, Protocol::TCP)?;
    socket.set_reuse_address(true)?;
    socket.set_reuse_port(true)?;
    socket.bind(&SockAddr::from(address))?;
    socket.listen(BACKLOG)?;
    Ok(socket.into())
}

/// The socket of a relayed address. It shares its port with nobody.
pub(super) fn relayed(address: SocketAddr) -> io::Result<UdpSocket> {
    let socket = socket(address, Type::DGRAM, Protocol::UDP)?;
    socket.bind(&SockAddr::from(address))?;
    Ok(socket.into())
}

/// A second socket at a relayed address, for what one peer sends there. The first must allow it for this moment.
pub(super) fn paired(address: SocketAddr, peer: SocketAddr) -> io::Result<UdpSocket> {
    let socket = socket(address, Type::DGRAM, Protocol::UDP)?;
    socket.set_reuse_port(true)?;
    socket.bind(&SockAddr::from(address))?;
    socket.connect(&SockAddr::from(peer))?;
    Ok(socket.into())
}

/// Raises the number of descriptors this process may have as far as it is allowed to; gives the number.
pub(super) fn raise_descriptors() -> u64 {
    use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
    let Rlimit { current, maximum } = getrlimit(Resource::Nofile);
    let raised = setrlimit(Resource::Nofile, Rlimit { current: maximum, maximum });
    if raised.is_ok() { maximum } else { current }.unwrap_or(u64::MAX)
}

fn socket(address: SocketAddr, kind: Type, protocol: Protocol) -> io::Result<Socket> {
    let socket = Socket::new(Domain::for_address(address), kind.nonblocking().cloexec(), Some(protocol))?;
    if address.is_ipv6() {
        socket.set_only_v6(true)?;
    }
    Ok(socket)
}
