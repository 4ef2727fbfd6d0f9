//! The smallest relay that the sockets of this machine allow: receive, look up, send. No TURN, no credentials, no
//! permissions, no timers. It shows how much of a relay's cost is the kernel's and cannot be saved.

use std::collections::HashMap;
use std::io;
use std::net::{SocketAddr, UdpSocket};
use std::time::{Duration, Instant};

use mio::unix::SourceFd;
use mio::{Events, Interest, Poll, Token};
use socket2::SockRef;

use std::os::fd::AsRawFd;

use crate::link::{Link, is_patience, loopback, udp_socket};

const GREETING: u8 = b'!';
const FAREWELL: u8 = b'.';
const FRONT: Token = Token(usize::MAX);

/// Asks the floor for a socket towards `peer`; gives the address of that socket.
pub(crate) fn greet(link: &mut Link, peer: SocketAddr) -> io::Result<SocketAddr> {
    let mut question = vec![GREETING];
    question.extend_from_slice(peer.to_string().as_bytes());
    let mut buffer = [0; 128];
    for _ in 0..10 {
        link.send(&question)?;
        let until = Instant::now() + Duration::from_millis(200);
        while Instant::now() < until {
            if let Some(answer) = link.receive(&mut buffer)? {
                let text = std::str::from_utf8(answer).map_err(io::Error::other)?;
                return text.parse().map_err(io::Error::other);
            }
        }
    }
    Err(io::Error::other("the floor does not answer"))
}

/// Tells the floor that its socket is not needed any more.
pub(crate) fn leave(link: &mut Link) -> io::Result<()> {
    link.send(&[FAREWELL])
}

struct Pair {
    client: SocketAddr,
    socket: UdpSocket,
}

/// Serves for ever. Prints the address it listens on.
pub(crate) fn serve(listen: SocketAddr) -> io::Result<()> {
    let front = UdpSocket::bind(listen)?;
    front.set_nonblocking(true)?;
    SockRef::from(&front).set_recv_buffer_size(4 << 20)?;
    println!("{}", front.local_addr()?);
    let mut poll = Poll::new()?;
    poll.registry().register(&mut SourceFd(&front.as_raw_fd()), FRONT, Interest::READABLE)?;
    let mut pairs: Vec<Option<Pair>> = Vec::new();
    let mut by_client: HashMap<SocketAddr, usize> = HashMap::new();
    let mut events = Events::with_capacity(256);
    let mut buffer = [0; 2048];
    loop {
        poll.poll(&mut events, None)?;
        for event in &events {
            if event.token() != FRONT {
                let Some(pair) = &pairs[event.token().0] else { continue };
                while let Ok(size) = pair.socket.recv(&mut buffer[4..]) {
                    buffer[..2].copy_from_slice(&crate::client::CHANNEL.to_be_bytes());
                    buffer[2..4].copy_from_slice(&(size as u16).to_be_bytes());
                    let _ = front.send_to(&buffer[..4 + size], pair.client);
                }
                continue;
            }
            loop {
                let (size, client) = match front.recv_from(&mut buffer) {
                    Ok(received) => received,
                    Err(error) if is_patience(&error) => break,
                    Err(error) => return Err(error),
                };
                if buffer[0] == FAREWELL {
                    if let Some(place) = by_client.remove(&client) {
                        pairs[place] = None;
                    }
                    continue;
                }
                if buffer[0] != GREETING {
                    if let Some(pair) = by_client.get(&client).and_then(|place| pairs[*place].as_ref()) {
                        let _ = pair.socket.send(&buffer[4..size]);
                    }
                    continue;
                }
                let peer: SocketAddr = match std::str::from_utf8(&buffer[1..size]).map(str::parse) {
                    Ok(Ok(peer)) => peer,
                    Ok(Err(_)) | Err(_) => continue,
                };
                let known = by_client.get(&client).and_then(|place| pairs[*place].as_ref());
                let relayed = match known {
                    Some(pair) => pair.socket.local_addr()?,
                    None => {
                        let socket = udp_socket(loopback(peer.is_ipv6()))?;
                        socket.connect(peer)?;
                        let token = Token(pairs.len());
                        poll.registry().register(&mut SourceFd(&socket.as_raw_fd()), token, Interest::READABLE)?;
                        by_client.insert(client, pairs.len());
                        let relayed = socket.local_addr()?;
                        pairs.push(Some(Pair { client, socket }));
                        relayed
                    }
                };
                front.send_to(relayed.to_string().as_bytes(), client)?;
            }
        }
    }
}
