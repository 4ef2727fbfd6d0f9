//! What the relay counts, as metrics: by transport, direction and reason; never by user or address.

use std::fmt::Write;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use centrale_exchange::usage;
use centrale_relay::{Fact, Stats, Transport};

use crate::metrics::{self, Source};
use crate::relay::RelayHandle;

/// Sums of the usage that the relay put out, by transport and direction: the same numbers that are billed.
#[derive(Default)]
pub(super) struct Meter {
    lanes: [Lane; 3],
}

#[derive(Default)]
struct Lane {
    bytes: [AtomicU64; 2],
    packets: [AtomicU64; 2],
    milliseconds: AtomicU64,
}

const TRANSPORTS: [Transport; 3] = [Transport::Udp, Transport::Tcp, Transport::Tls];
const DIRECTIONS: [&str; 2] = ["sent", "received"];

impl Meter {
    /// Adds a measurement. From any thread. Refusals are in the machines' own counters.
    pub(super) fn add(&self, fact: &Fact) {
        let Fact::Relayed(usage) = fact else { return };
        let lane = &self.lanes[match usage.transport {
            Transport::Udp => 0,
            Transport::Tcp => 1,
            Transport::Tls => 2,
        }];
        let add = |counter: &AtomicU64, amount| counter.fetch_add(amount, Ordering::Relaxed);
        add(&lane.bytes[0], usage.bytes_up);
        add(&lane.bytes[1], usage.bytes_down);
        add(&lane.packets[0], usage.packets_up);
        add(&lane.packets[1], usage.packets_down);
        add(&lane.milliseconds, u64::try_from(usage.to.since(usage.from).as_millis()).unwrap_or(0));
    }

    fn write(&self, out: &mut String) {
        type Of = fn(&Lane) -> &[AtomicU64; 2];
        let families: [(&str, &str, Of); 2] = [
            ("centrale_relay_bytes_total", "Payload bytes relayed, sent by clients or received by them.", |lane| {
                &lane.bytes
            }),
            ("centrale_relay_packets_total", "Packets relayed, sent by clients or received by them.", |lane| {
                &lane.packets
            }),
        ];
        for (name, help, of) in families {
            metrics::head(out, name, "counter", help);
            for (transport, lane) in TRANSPORTS.into_iter().zip(&self.lanes) {
                for (direction, counter) in DIRECTIONS.iter().zip(of(lane)) {
                    let (transport, value) = (usage::transport(transport), counter.load(Ordering::Relaxed));
                    let _ = writeln!(out, "{name}{{transport=\"{transport}\",direction=\"{direction}\"}} {value}");
                }
            }
        }
        let name = "centrale_relay_allocation_seconds_total";
        metrics::head(out, name, "counter", "Time that allocations lasted, as far as it is metered.");
        for (transport, lane) in TRANSPORTS.into_iter().zip(&self.lanes) {
            let seconds = lane.milliseconds.load(Ordering::Relaxed) as f64 / 1000.0;
            let _ = writeln!(out, "{name}{{transport=\"{}\"}} {seconds}", usage::transport(transport));
        }
    }
}

/// The relay's counters.
pub(super) fn counters(relay: &Arc<RelayHandle>, meter: &Arc<Meter>) -> Source {
    let (relay, meter) = (relay.clone(), meter.clone());
    Arc::new(move |out| {
        let stats = relay.stats();
        let shell = stats.shell;
        metrics::line(out, "centrale_relay_allocations", "gauge", "Allocations there are.", stats.allocations);
        metrics::line(
            out,
            "centrale_relay_connections",
            "gauge",
            "TCP and TLS connections of relay clients.",
            shell.connections,
        );
        for (name, help, value) in [
            ("accepted_connections", "TCP and TLS connections taken.", shell.accepted),
            ("refused_connections", "Connections closed at once: too many.", shell.refused_connections),
            (
                "timed_out_connections",
                "Connections closed: no handshake, message or allocation in time.",
                shell.timed_out,
            ),
            ("failed_sends", "Datagrams that the kernel would not take.", shell.failed_sends),
            ("failed_opens", "Relayed addresses whose socket would not open.", shell.failed_opens),
        ] {
            metrics::line(out, &format!("centrale_relay_{name}_total"), "counter", help, value);
        }
        machine(out, &stats.relay, shell.dropped_slow_reader);
        meter.write(out);
    })
}

/// The machine's counters: refusals and drops by reason, everything else under its own name.
fn machine(out: &mut String, stats: &Stats, dropped_slow_reader: u64) {
    let name = "centrale_relay_refusals_total";
    metrics::head(out, name, "counter", "Requests answered with an error, by reason.");
    for (reason, value) in stats.entries() {
        if let Some(reason) = reason.strip_prefix("refused_") {
            let _ = writeln!(out, "{name}{{reason=\"{reason}\"}} {value}");
        }
    }
    let name = "centrale_relay_drops_total";
    metrics::head(out, name, "counter", "Packets of clients and peers that were not relayed, by reason.");
    for (reason, value) in stats.entries() {
        if let Some(reason) = reason.strip_prefix("dropped_") {
            let _ = writeln!(out, "{name}{{reason=\"{reason}\"}} {value}");
        }
    }
    let _ = writeln!(out, "{name}{{reason=\"slow_reader\"}} {dropped_slow_reader}");
    for (counter, value) in stats.entries() {
        let help = match counter {
            "bindings" => "STUN requests answered.",
            "allocations" => "Allocations made.",
            "ended" => "Allocations ended.",
            "expired" => "Allocations ended because nobody refreshed them.",
            "refreshes" => "Allocations refreshed.",
            "permissions" => "Permissions made or refreshed.",
            "channel_binds" => "Channels made or refreshed.",
            "packets_across" => "Packets from one allocation to another on this node.",
            "garbage" => "Datagrams that are neither STUN nor ChannelData.",
            "bad_fingerprint" => "Messages whose FINGERPRINT did not fit.",
            "stranger_limited" => "Unauthenticated requests not answered: their source asks too often.",
            "challenged" => "Requests without credentials, answered with 401: the ordinary first round.",
            "stale_nonces" => "Requests with an old nonce, answered with 438.",
            // Told above, or by transport.
            "packets_up" | "bytes_up" | "packets_down" | "bytes_down" => continue,
            other if other.starts_with("refused_") || other.starts_with("dropped_") => continue,
            _ => "A counter of the relay.",
        };
        metrics::line(out, &format!("centrale_relay_{counter}_total"), "counter", help, value);
    }
}
