//! What the machine puts out besides verdicts.

use std::io;
use std::net::UdpSocket;

use centrale_model::Time;
use centrale_relay::{Family, Output, RelayId};

use super::super::handle::Command;
use super::super::listen;
use super::super::ready::Source;
use super::Worker;
use super::connections::STREAM_DOOR;

impl Worker {
    /// Does what the machine puts out.
    pub(super) fn drain_outputs(&mut self, now: Time) {
        while let Some(output) = self.server.poll() {
            match output {
                Output::Reply { client, bytes } if client.transport.is_stream() => {
                    self.streams.answer(client, bytes);
                }
                Output::Reply { client, bytes } => {
                    let to = self.datagrams.to_client(client);
                    self.outgoing.send(&to, &bytes, &self.datagrams);
                }
                Output::Probe { relay } => {
                    let outcome = self.relayed_socket(relay);
                    self.opened(relay, outcome.map(drop), now);
                }
                Output::Open { relay } => {
                    let outcome = self.open(relay);
                    self.opened(relay, outcome, now);
                }
                Output::Close { relay } => self.datagrams.close(relay),
                Output::Disconnect { client } => self.close_stream(client.door & !STREAM_DOOR, now),
                Output::Borrowed { family, port } => self.tell_neighbours(family, port, true),
                Output::Returned { family, port } => self.tell_neighbours(family, port, false),
                Output::Usage(usage) => (self.sink)(usage),
            }
        }
    }

    fn tell_neighbours(&self, family: Family, port: u16, is_lent: bool) {
        for neighbour in &self.neighbours {
            neighbour.tell(Command::LentElsewhere { family, port, is_lent });
        }
    }

    fn opened(&mut self, relay: RelayId, outcome: io::Result<()>, now: Time) {
        if let Err(error) = &outcome {
            self.stats.failed_opens += 1;
            tracing::debug!(%error, "a relayed address could not be opened");
        }
        self.server.opened(relay, outcome.is_ok(), now);
    }

    fn relayed_socket(&self, relay: RelayId) -> io::Result<UdpSocket> {
        let address = self.server.local_address(relay).ok_or(io::ErrorKind::AddrNotAvailable)?;
        listen::relayed(address)
    }

    fn open(&mut self, relay: RelayId) -> io::Result<()> {
        let socket = self.relayed_socket(relay)?;
        self.ready.watch(&socket, Source::Relayed(relay.0))?;
        self.datagrams.open(relay, socket);
        Ok(())
    }
}
