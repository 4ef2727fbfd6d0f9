//! Allocate, bind a channel, delete: the life of an allocation, as a new client lives it, 401 included.

use std::io;
use std::net::SocketAddr;

use serde_json::json;

use crate::args::Args;
use crate::client;
use crate::link::{loopback, udp_socket};
use crate::scenario::Outcome;

const GROUP: u64 = 64;

pub(crate) fn run(args: &Args) -> io::Result<Outcome> {
    let target = args.target()?;
    let meter = args.meter()?;
    let lives: u64 = args.number::<u64>("packets", 4_000)?.next_multiple_of(GROUP);
    let first: u64 = args.number("first", 0)?;
    let is_v6 = target.server.is_ipv6();
    let peers: Vec<SocketAddr> = vec![udp_socket(loopback(is_v6))?.local_addr()?; GROUP as usize];
    let mut before = 0;
    let mut start = std::time::Instant::now();
    for life in (first..first + lives + GROUP).step_by(GROUP as usize) {
        if life == first + GROUP {
            (before, start) = (meter.cpu(), std::time::Instant::now());
        }
        let mut sessions = client::allocate(&target, life..life + GROUP, is_v6)?;
        client::bind(&target, &mut sessions, &peers)?;
        client::delete(&target, &mut sessions)?;
    }
    let (spent, wall) = (meter.cpu() - before, start.elapsed());
    let figures = json!({
        "packets": lives, "cpu_ns": spent, "ns_per_packet": spent as f64 / lives as f64,
        "wall_ns": wall.as_nanos() as u64, "busy": spent as f64 / wall.as_nanos() as f64,
        "lost": 0, "altered": 0, "misplaced": 0,
    });
    Ok((figures, true))
}
