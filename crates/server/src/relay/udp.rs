//! The system calls of the packet path: one datagram or one run of them, in and out.
//!
//! A run is what the kernel calls a segmented datagram: many of equal size (the last may be shorter) between the same two ends,
//! handed over in one call in either direction. Options that put something beside each datagram cost on each datagram, so
//! only those are set whose answer is read. Single datagrams go past the C library: its calls may be cancelled by other
//! threads, which costs a twelfth of a packet.

use std::io::{self, IoSlice, IoSliceMut};
use std::net::{IpAddr, SocketAddr, UdpSocket};
use std::os::fd::AsRawFd;

use nix::libc;
use nix::sys::socket::{
    ControlMessage, ControlMessageOwned, MsgFlags, SockaddrStorage, recvmsg, sendmsg, setsockopt, sockopt,
};
use rustix::net::{RecvFlags, SendFlags};
use socket2::{MsgHdr, SockAddr, SockRef};

/// Room for the notes of one receive: a size and an address.
const NOTES: usize = 128;

/// What was received: one datagram, or several of `stride` bytes each.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Received {
    pub(super) length: usize,
    pub(super) stride: usize,
    pub(super) from: SocketAddr,
    /// Where it was sent to, if that was asked for.
    pub(super) to: Option<IpAddr>,
}

/// Lets a socket take runs; whoever does so must receive with [`receive_run`] from then on.
pub(super) fn take_runs(socket: &UdpSocket) -> io::Result<()> {
    Ok(setsockopt(socket, sockopt::UdpGroSegment, &true)?)
}

/// Has the kernel say to which of our addresses each datagram came.
pub(super) fn tell_own_address(socket: &UdpSocket) -> io::Result<()> {
    match socket.local_addr()? {
        SocketAddr::V4(_) => Ok(setsockopt(socket, sockopt::Ipv4PacketInfo, &true)?),
        SocketAddr::V6(_) => Ok(setsockopt(socket, sockopt::Ipv6RecvPacketInfo, &true)?),
    }
}

/// Receives one datagram from a socket that takes no runs.
#[inline]
pub(super) fn receive(socket: &UdpSocket, buffer: &mut [u8]) -> io::Result<Received> {
    let (_, length, from) = rustix::net::recvfrom(socket, buffer, RecvFlags::empty())?;
    let from = from.and_then(|from| SocketAddr::try_from(from).ok()).ok_or(io::ErrorKind::InvalidData)?;
    Ok(Received { length, stride: length, from, to: None })
}

/// Receives a datagram or a run.
#[inline]
pub(super) fn receive_run(socket: &UdpSocket, buffer: &mut [u8]) -> io::Result<Received> {
    let mut notes = [0; NOTES];
    let mut slices = [IoSliceMut::new(buffer)];
    let message = recvmsg::<SockaddrStorage>(socket.as_raw_fd(), &mut slices, Some(&mut notes), MsgFlags::empty())?;
    let mut received = Received {
        length: message.bytes,
        stride: message.bytes,
        from: message.address.as_ref().and_then(address).ok_or(io::ErrorKind::InvalidData)?,
        to: None,
    };
    for note in message.cmsgs()? {
        match note {
            ControlMessageOwned::UdpGroSegments(stride) => received.stride = stride.unsigned_abs() as usize,
            ControlMessageOwned::Ipv4PacketInfo(info) => {
                received.to = Some(IpAddr::from(info.ipi_addr.s_addr.to_ne_bytes()));
            }
            ControlMessageOwned::Ipv6PacketInfo(info) => received.to = Some(IpAddr::from(info.ipi6_addr.s6_addr)),
            _ => {}
        }
    }
    Ok(received)
}

fn address(storage: &SockaddrStorage) -> Option<SocketAddr> {
    if let Some(v4) = storage.as_sockaddr_in() {
        return Some(SocketAddr::from((v4.ip(), v4.port())));
    }
    storage.as_sockaddr_in6().map(|v6| SocketAddr::from((v6.ip(), v6.port())))
}

/// Sends one datagram; `to` is nothing when the socket is connected.
#[inline]
pub(super) fn send(socket: &UdpSocket, bytes: &[u8], to: Option<SocketAddr>) -> io::Result<()> {
    match to {
        None => rustix::net::send(socket, bytes, SendFlags::empty())?,
        Some(SocketAddr::V4(to)) => rustix::net::sendto(socket, bytes, SendFlags::empty(), &to)?,
        Some(SocketAddr::V6(to)) => rustix::net::sendto(socket, bytes, SendFlags::empty(), &to)?,
    };
    Ok(())
}

/// Sends one datagram from one of our addresses: for sockets that have several.
pub(super) fn send_from(socket: &UdpSocket, parts: &[IoSlice<'_>], to: SocketAddr, from: IpAddr) -> io::Result<()> {
    let (v4, v6);
    let note = match from {
        IpAddr::V4(ip) => {
            let source = libc::in_addr { s_addr: u32::from_ne_bytes(ip.octets()) };
            v4 = libc::in_pktinfo { ipi_ifindex: 0, ipi_spec_dst: source, ipi_addr: libc::in_addr { s_addr: 0 } };
            ControlMessage::Ipv4PacketInfo(&v4)
        }
        IpAddr::V6(ip) => {
            v6 = libc::in6_pktinfo { ipi6_addr: libc::in6_addr { s6_addr: ip.octets() }, ipi6_ifindex: 0 };
            ControlMessage::Ipv6PacketInfo(&v6)
        }
    };
    sendmsg(socket.as_raw_fd(), parts, &[note], MsgFlags::empty(), Some(&SockaddrStorage::from(to)))?;
    Ok(())
}

/// Sends a run, gathered from `parts`, as datagrams of `segment` bytes each.
///
/// - `to`: nothing when the socket is connected.
pub(super) fn send_run(
    socket: &UdpSocket,
    parts: &[IoSlice<'_>],
    segment: u16,
    to: Option<SocketAddr>,
) -> io::Result<()> {
    let note = segment_note(segment);
    let to = to.map(SockAddr::from);
    let mut message = MsgHdr::new().with_buffers(parts).with_control(&note);
    if let Some(to) = &to {
        message = message.with_addr(to);
    }
    SockRef::from(socket).sendmsg(&message, 0)?;
    Ok(())
}

/// The size of a control message's head: its length as a word, its level and its kind.
const NOTE_HEAD: usize = size_of::<usize>() + 8;
const NOTE: usize = NOTE_HEAD + size_of::<usize>();

/// The control message that has the kernel cut a run, as `cmsg(3)` lays it out. Written here because the wrappers at hand put
/// each one into fresh memory.
fn segment_note(segment: u16) -> [u8; NOTE] {
    let mut note = [0; NOTE];
    let word = size_of::<usize>();
    note[..word].copy_from_slice(&(NOTE_HEAD + 2).to_ne_bytes());
    note[word..word + 4].copy_from_slice(&libc::SOL_UDP.to_ne_bytes());
    note[word + 4..word + 8].copy_from_slice(&libc::UDP_SEGMENT.to_ne_bytes());
    note[NOTE_HEAD..NOTE_HEAD + 2].copy_from_slice(&segment.to_ne_bytes());
    note
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pair() -> (UdpSocket, UdpSocket) {
        let socket = || UdpSocket::bind("127.0.0.1:0").expect("a socket on loopback");
        (socket(), socket())
    }

    #[test]
    fn a_run_arrives_as_a_run_where_runs_are_taken_and_as_datagrams_elsewhere() {
        let (here, there) = pair();
        let to = there.local_addr().expect("bound");
        let (head, body, end) = ([1; 4], [2; 96], [3; 50]);
        let parts = [IoSlice::new(&head), IoSlice::new(&body), IoSlice::new(&end)];
        let mut buffer = [0; 2048];

        send_run(&here, &parts, 100, Some(to)).expect("sent");
        assert_eq!(receive(&there, &mut buffer).expect("the first").length, 100);
        assert_eq!((buffer[3], buffer[4]), (1, 2));
        assert_eq!(receive(&there, &mut buffer).expect("the last").length, 50);

        take_runs(&there).expect("an option of every kernel since 5.0");
        here.connect(to).expect("connected");
        send_run(&here, &parts, 100, None).expect("sent");
        let received = receive_run(&there, &mut buffer).expect("the run");
        assert_eq!((received.length, received.stride), (150, 100));
        assert_eq!(received.from, here.local_addr().expect("bound"));

        here.send(b"alone").expect("sent");
        let received = receive_run(&there, &mut buffer).expect("a single one");
        assert_eq!((received.length, received.stride), (5, 5));
    }

    #[test]
    fn an_answer_leaves_from_the_address_that_was_asked() {
        let server = UdpSocket::bind("0.0.0.0:0").expect("a socket");
        tell_own_address(&server).expect("told");
        let client = UdpSocket::bind("127.0.0.1:0").expect("a socket");
        let port = server.local_addr().expect("bound").port();
        client.connect(("127.0.0.7", port)).expect("connected");
        client.send(b"question").expect("sent");
        let mut buffer = [0; 64];
        let question = receive_run(&server, &mut buffer).expect("received");
        let own = question.to.expect("our address");
        assert_eq!(own, IpAddr::from([127, 0, 0, 7]));
        send_from(&server, &[IoSlice::new(b"answer")], question.from, own).expect("sent");
        assert_eq!(client.recv(&mut buffer).expect("from where it was asked"), 6);
    }
}
