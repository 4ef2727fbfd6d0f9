//! Many allocations that do nothing: what one of them weighs in the server and in the kernel. With `--bound yes` each
//! has a channel, and so a permission and a socket that a server may have saved until then.

use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use serde_json::json;

use crate::args::Args;
use crate::client::{self, Session, Step};
use crate::link::{loopback, udp_socket};
use crate::scenario::Outcome;

/// How long the kernel may take to free what was closed: sockets wait for an RCU grace period, and meanwhile count as used.
const GRACE: Duration = Duration::from_millis(700);

pub(crate) fn run(args: &Args) -> io::Result<Outcome> {
    let target = args.target()?;
    let meter = args.meter()?;
    let flows: usize = args.number("flows", 8_000)?;
    let first: u64 = args.number("first", 0)?;
    let is_bound = args.text("bound", "no") == "yes";
    let is_v6 = target.server.is_ipv6();
    let peers: Vec<SocketAddr> = vec![udp_socket(loopback(is_v6))?.local_addr()?; flows];

    // A few first, so that pools and caches which exist once are not charged to the many.
    let mut few = client::allocate(&target, first..first + 64, is_v6)?;
    client::bind(&target, &mut few, &peers[..64])?;
    // The generator's own sockets are there before the first reading: only the server's sockets come after it.
    let mut sessions =
        (0..flows as u64).map(|number| Session::open(&target, first + 64 + number)).collect::<io::Result<Vec<_>>>()?;
    std::thread::sleep(GRACE);
    let before = meter.memory();
    client::take(&mut sessions, Step::Challenge)?;
    client::take(&mut sessions, Step::Allocate { is_v6 })?;
    if is_bound {
        client::bind(&target, &mut sessions, &peers)?;
    }
    std::thread::sleep(GRACE);
    let after = meter.memory();
    client::delete(&target, &mut sessions)?;
    client::delete(&target, &mut few)?;

    let each = |before: u64, after: u64| (after as f64 - before as f64) / flows as f64;
    let resident = each(before.resident, after.resident);
    let kernel = each(before.socket_slabs, after.socket_slabs);
    let figures = json!({
        "allocations": flows, "resident_bytes": resident, "kernel_bytes": kernel,
        "descriptors": each(before.descriptors, after.descriptors), "bytes_per_allocation": resident + kernel,
        "resident_total": after.resident, "lost": 0, "altered": 0, "misplaced": 0,
    });
    Ok((figures, true))
}
