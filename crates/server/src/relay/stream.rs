//! One TCP or TLS client: bytes in, messages out, messages in, bytes out. Bounded both ways.

use std::io::{self, Read, Write};
use std::net::{IpAddr, TcpStream};

use centrale_model::Time;
use centrale_relay::ClientAddr;
use centrale_relay::stun::{Frame, frame};
use rustls::ServerConnection;

/// Bytes read from the socket at a time; also the most that one connection gets before others have their turn.
pub(super) const READ_SIZE: usize = 64 * 1024;
/// The longest message: a full STUN message. What arrives and is not yet a message never exceeds it.
const LONGEST_MESSAGE: usize = 20 + 65_535 + 1;

/// One connection.
pub(super) struct Stream {
    pub(super) socket: TcpStream,
    pub(super) client: ClientAddr,
    tls: Option<Box<ServerConnection>>,
    /// The beginning of a message whose rest has not arrived; clear text.
    partial: Vec<u8>,
    /// Clear text for the session, gathered so that several messages share a record.
    clear: Vec<u8>,
    /// Bytes for the socket that it did not take yet; as they go over the wire.
    backlog: Vec<u8>,
    /// The most that `backlog` may hold before relayed data is dropped.
    most: usize,
    pub(super) opened: Time,
    pub(super) last_heard: Time,
    pub(super) has_spoken: bool,
    /// The peer has ended its side.
    is_over: bool,
}

/// What reading gave.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Outcome {
    /// The socket has no more for the moment.
    Idle,
    /// There may be more; come back.
    More,
    /// Close it.
    Over,
}

impl Stream {
    pub(super) fn new(
        socket: TcpStream,
        tls: Option<Box<ServerConnection>>,
        client: ClientAddr,
        most: usize,
        now: Time,
    ) -> Stream {
        let tls = tls.map(|mut session| {
            // What waits is bounded here, by `most`.
            session.set_buffer_limit(None);
            session
        });
        Stream {
            socket,
            client,
            tls,
            partial: Vec::new(),
            clear: Vec::new(),
            backlog: Vec::new(),
            most,
            opened: now,
            last_heard: now,
            has_spoken: false,
            is_over: false,
        }
    }

    pub(super) fn source(&self) -> IpAddr {
        self.client.addr.ip()
    }

    /// Reads what there is and gives each whole message to `take`.
    ///
    /// - `scratch`: at least [`READ_SIZE`] bytes.
    pub(super) fn receive(&mut self, scratch: &mut [u8], now: Time, mut take: impl FnMut(&[u8])) -> Outcome {
        if self.is_over {
            return Outcome::Over;
        }
        let read = match self.tls.is_some() {
            true => self.read_tls(),
            false => self.socket.read(scratch),
        };
        let count = match read {
            Ok(0) => {
                self.is_over = true;
                return Outcome::Over;
            }
            Ok(count) => count,
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Outcome::Idle,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => return Outcome::More,
            Err(_) => return Outcome::Over,
        };
        self.last_heard = now;
        let clear = &mut scratch[..];
        if self.tls.is_some() {
            // Decrypt everything that the bytes complete.
            loop {
                let Some(session) = self.tls.as_mut() else { return Outcome::Over };
                match session.reader().read(clear) {
                    Ok(0) => {
                        self.is_over = true;
                        return Outcome::Over;
                    }
                    Ok(count) => {
                        if self.take_clear(&clear[..count], &mut take).is_err() {
                            return Outcome::Over;
                        }
                    }
                    Err(error) if error.kind() == io::ErrorKind::WouldBlock => break,
                    Err(_) => return Outcome::Over,
                }
            }
            if self.flush().is_err() {
                return Outcome::Over;
            }
            return Outcome::More;
        }
        if self.take_clear(&clear[..count], &mut take).is_err() {
            return Outcome::Over;
        }
        if count < scratch.len() { Outcome::Idle } else { Outcome::More }
    }

    /// Cuts clear text into messages; keeps an unfinished one.
    pub(super) fn take_clear(&mut self, mut bytes: &[u8], take: &mut impl FnMut(&[u8])) -> Result<(), Broken> {
        // First the message that was begun before: only as many bytes as it still needs.
        while !self.partial.is_empty() {
            match frame(&self.partial) {
                Frame::Whole { message, .. } => {
                    self.has_spoken = true;
                    take(&self.partial[..message]);
                    self.partial.clear();
                }
                Frame::Partial { needed } if needed <= LONGEST_MESSAGE => {
                    if bytes.is_empty() {
                        return Ok(());
                    }
                    let (now, later) = bytes.split_at(bytes.len().min(needed - self.partial.len()));
                    self.partial.extend_from_slice(now);
                    bytes = later;
                }
                Frame::Partial { .. } | Frame::Garbage => return Err(Broken),
            }
        }
        while !bytes.is_empty() {
            match frame(bytes) {
                Frame::Whole { message, taken } => {
                    self.has_spoken = true;
                    take(&bytes[..message]);
                    bytes = &bytes[taken..];
                }
                Frame::Partial { needed } if needed <= LONGEST_MESSAGE => {
                    self.partial.extend_from_slice(bytes);
                    return Ok(());
                }
                Frame::Partial { .. } | Frame::Garbage => return Err(Broken),
            }
        }
        // An idle connection costs no buffer.
        self.partial = Vec::new();
        Ok(())
    }

    /// Takes a message for the client, unless its reader is slow.
    ///
    /// - `is_answer`: an answer to a request, which may use twice the room.
    ///
    /// Gives whether it was taken.
    pub(super) fn send(&mut self, parts: [&[u8]; 3], is_answer: bool) -> bool {
        let length: usize = parts.iter().map(|part| part.len()).sum();
        let room = if is_answer { self.most * 2 } else { self.most };
        if self.backlog.len() + self.clear.len() + length > room {
            return false;
        }
        let queue = if self.tls.is_some() { &mut self.clear } else { &mut self.backlog };
        for part in parts {
            queue.extend_from_slice(part);
        }
        true
    }

    /// Whether something waits for the socket.
    pub(super) fn has_backlog(&self) -> bool {
        !self.backlog.is_empty() || !self.clear.is_empty()
    }

    /// Gives the socket what waits, as far as it takes it.
    pub(super) fn flush(&mut self) -> Result<(), Broken> {
        if let Some(session) = self.tls.as_mut() {
            if !self.clear.is_empty() {
                session.writer().write_all(&self.clear).map_err(|_| Broken)?;
                self.clear.clear();
                if self.clear.capacity() > 16 * 1024 {
                    self.clear = Vec::new();
                }
            }
            while session.wants_write() {
                session.write_tls(&mut self.backlog).map_err(|_| Broken)?;
            }
        }
        let mut sent = 0;
        let outcome = loop {
            if sent == self.backlog.len() {
                break Ok(());
            }
            match self.socket.write(&self.backlog[sent..]) {
                Ok(0) => break Err(Broken),
                Ok(count) => sent += count,
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => break Ok(()),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(_) => break Err(Broken),
            }
        };
        self.backlog.drain(..sent);
        if self.backlog.is_empty() && self.backlog.capacity() > 16 * 1024 {
            self.backlog = Vec::new();
        }
        outcome
    }

    /// Reads from the socket into the session; gives how many bytes.
    fn read_tls(&mut self) -> io::Result<usize> {
        let Some(session) = self.tls.as_mut() else { return Ok(0) };
        let count = session.read_tls(&mut self.socket)?;
        if count > 0 && session.process_new_packets().is_err() {
            // The alert goes out as far as it can; then the end.
            let mut alert = Vec::new();
            while session.wants_write() && session.write_tls(&mut alert).is_ok() {}
            if self.socket.write(&alert).is_err() {
                tracing::trace!("a TLS alert could not be sent");
            }
            return Err(io::ErrorKind::InvalidData.into());
        }
        Ok(count)
    }
}

/// The stream cannot go on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Broken;
