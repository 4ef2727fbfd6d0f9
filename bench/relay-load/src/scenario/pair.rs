//! Both ends on the server: two allocations that are each other's peer. A packet goes in on one client's channel and
//! comes out on the other client's.

use std::io;
use std::net::SocketAddr;

use serde_json::json;

use crate::args::Args;
use crate::client;
use crate::payload::{Mint, SMALLEST};
use crate::scenario::{FRAME, Outcome, Tally, body, head, spin};

pub(crate) fn run(args: &Args) -> io::Result<Outcome> {
    let target = args.target()?;
    let meter = args.meter()?;
    let flows: usize = args.number::<usize>("flows", 200)?.next_multiple_of(2);
    let size: usize = args.number::<usize>("size", 160)?.clamp(SMALLEST, FRAME - 4);
    let window: usize = args.number("window", 64)?;
    let packets: u64 = args.number("packets", 100_000)?;
    let first: u64 = args.number("first", 0)?;

    let mut sessions = client::allocate(&target, first..first + flows as u64, target.server.is_ipv6())?;
    let others: Vec<SocketAddr> = (0..flows).map(|flow| sessions[flow ^ 1].relayed).collect();
    client::bind(&target, &mut sessions, &others)?;

    let mint = Mint::new();
    let mut tally = Tally::default();
    let mut sequences = vec![0_u64; flows];
    let mut frame = vec![0; size + 4];
    let mut buffer = vec![0; FRAME];
    let mut flow = 0;
    let mut before = 0;
    let mut start = std::time::Instant::now();
    let warm = flows as u64 * 2;
    let mut done = 0;
    while done < packets + warm {
        if done >= warm && before == 0 {
            (before, start) = (meter.cpu(), std::time::Instant::now());
            tally.packets = 0;
        }
        let mut flight = Vec::with_capacity(window);
        for _ in 0..window {
            mint.write(flow as u32, sequences[flow], &mut frame[4..]);
            head(&mut frame);
            sessions[flow].link.send(&frame)?;
            flight.push((flow, sequences[flow]));
            sequences[flow] += 1;
            flow = (flow + 1) % flows;
        }
        for (sender, sequence) in flight {
            let link = &mut sessions[sender ^ 1].link;
            let seal = spin(|| {
                Ok(link.receive(&mut buffer)?.map(|frame| body(frame).and_then(|bytes| mint.read(bytes, size))))
            })?;
            match seal {
                None => tally.lost += 1,
                Some(None) => tally.altered += 1,
                Some(Some(seal)) => {
                    tally.packets += 1;
                    if (seal.flow as usize, seal.sequence) != (sender, sequence) {
                        tally.misplaced += 1;
                    }
                }
            }
            done += 1;
        }
    }
    let (spent, wall) = (meter.cpu() - before, start.elapsed());
    client::delete(&target, &mut sessions)?;
    let figures = json!({
        "packets": tally.packets, "cpu_ns": spent, "ns_per_packet": spent as f64 / tally.packets.max(1) as f64,
        "wall_ns": wall.as_nanos() as u64, "busy": spent as f64 / wall.as_nanos() as f64,
        "lost": tally.lost, "altered": tally.altered, "misplaced": tally.misplaced,
    });
    Ok((figures, tally.is_sound()))
}
