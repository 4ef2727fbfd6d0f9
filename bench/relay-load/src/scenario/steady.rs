//! A fixed number of packets in flight, one flow after the other, in one direction.
//!
//! `--direction up|down`, `--flows N`, `--size BYTES` of payload, `--window N` in flight, `--burst N` packets of one
//! flow in a row, `--packets N`, `--chunk N` packets that are awaited before the next ones leave.

use std::collections::VecDeque;
use std::io;

use serde_json::json;

use crate::args::Args;
use crate::client;
use crate::link::{Run, insist};
use crate::payload::{Mint, SMALLEST};
use crate::scenario::{FRAME, Field, Outcome, Tally, body, datagram, head, spin};

struct Load {
    field: Field,
    mint: Mint,
    run: Run,
    is_up: bool,
    size: usize,
    burst: usize,
    sent: Vec<u64>,
    seen: Vec<u64>,
    frame: Vec<u8>,
    buffer: Vec<u8>,
    tally: Tally,
}

pub(crate) fn run(args: &Args) -> io::Result<Outcome> {
    let target = args.target()?;
    let meter = args.meter()?;
    let flows: usize = args.number("flows", 200)?;
    let size: usize = args.number::<usize>("size", 160)?.clamp(SMALLEST, FRAME - 4);
    let window: usize = args.number("window", 64)?;
    let burst: usize = args.number("burst", 1)?;
    let chunk: usize = args.number("chunk", window)?.max(burst);
    let packets: u64 = args.number("packets", 100_000)?;
    let is_up = args.text("direction", "up") == "up";
    let first: u64 = args.number("first", 0)?;
    let field = Field::open(&target, flows, first, target.server.is_ipv6())?;
    let mut load = Load {
        field,
        mint: Mint::new(),
        run: Run::new()?,
        is_up,
        size,
        burst,
        sent: vec![0; flows],
        seen: vec![0; flows],
        frame: vec![0; burst * (size + 4)],
        buffer: vec![0; FRAME],
        tally: Tally::default(),
    };
    // Every flow once, so that the first packet of a flow is not part of the figure.
    load.drive((flows * burst) as u64 * 2, window, chunk)?;
    let (before, warm) = (meter.cpu(), load.tally.packets);
    let start = std::time::Instant::now();
    load.drive(packets, window, chunk)?;
    let (spent, wall) = (meter.cpu() - before, start.elapsed());
    let Load { mut field, tally, .. } = load;
    client::delete(&target, &mut field.sessions)?;
    let counted = tally.packets - warm;
    let figures = json!({
        "packets": counted, "cpu_ns": spent, "ns_per_packet": spent as f64 / counted.max(1) as f64,
        "wall_ns": wall.as_nanos() as u64, "busy": spent as f64 / wall.as_nanos() as f64,
        "lost": tally.lost, "altered": tally.altered, "misplaced": tally.misplaced,
    });
    Ok((figures, tally.is_sound()))
}

impl Load {
    fn drive(&mut self, packets: u64, window: usize, chunk: usize) -> io::Result<()> {
        let flows = self.field.sessions.len();
        let mut flight: VecDeque<usize> = VecDeque::with_capacity(window + self.burst);
        let mut left = packets.next_multiple_of(self.burst as u64);
        let mut flow = 0;
        while left > 0 || !flight.is_empty() {
            while left > 0 && flight.len() + self.burst <= window.max(self.burst) {
                self.send(flow)?;
                flight.extend(std::iter::repeat_n(flow, self.burst));
                left -= self.burst as u64;
                flow = (flow + 1) % flows;
            }
            for _ in 0..chunk {
                let Some(flow) = flight.pop_front() else { break };
                self.receive(flow)?;
            }
        }
        Ok(())
    }

    fn send(&mut self, flow: usize) -> io::Result<()> {
        let lead = if self.is_up { 4 } else { 0 };
        let step = lead + self.size;
        for place in 0..self.burst {
            let frame = &mut self.frame[place * step..][..step];
            self.mint.write(flow as u32, self.sent[flow], &mut frame[lead..]);
            if self.is_up {
                head(frame);
            }
            self.sent[flow] += 1;
        }
        let frames = &self.frame[..self.burst * step];
        let session = &mut self.field.sessions[flow];
        let to = session.relayed;
        match (self.is_up, self.burst) {
            (true, 1) => session.link.send(frames),
            (true, _) => session.link.send_run(&self.run, frames, step),
            (false, 1) => insist(|| self.field.peer(flow).send_to(frames, to)).map(|_| ()),
            (false, _) => self.run.send(self.field.peer(flow), to, frames, step),
        }
    }

    /// Takes one packet from where a packet of this flow must arrive. Flows that share a peer may change places.
    fn receive(&mut self, flow: usize) -> io::Result<()> {
        let Load { field, mint, buffer, size, .. } = self;
        let relayed = field.sessions[flow].relayed;
        let is_alone = field.peers.len() == field.sessions.len();
        let seal = if self.is_up {
            let peer = &field.peers[flow % field.peers.len()];
            let received = spin(|| datagram(peer, buffer))?;
            received.map(|(length, from)| mint.read(&buffer[..length], *size).filter(|_| !is_alone || from == relayed))
        } else {
            let link = &mut field.sessions[flow].link;
            spin(|| Ok(link.receive(buffer)?.map(|frame| body(frame).and_then(|bytes| mint.read(bytes, *size)))))?
        };
        match seal {
            None => self.tally.lost += 1,
            Some(None) => self.tally.altered += 1,
            Some(Some(seal)) => {
                let flow = seal.flow as usize;
                match self.seen.get_mut(flow) {
                    Some(seen) if *seen == seal.sequence => *seen += 1,
                    Some(seen) => {
                        *seen = seal.sequence + 1;
                        self.tally.misplaced += 1;
                    }
                    None => self.tally.altered += 1,
                }
                self.tally.packets += 1;
            }
        }
        Ok(())
    }
}
