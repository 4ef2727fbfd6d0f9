//! Usage adds up: to the byte, over a crash, never twice, and STUN is free.

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use centrale_server::command::Caller;
use serde_json::{Value, json};

use crate::common::Folder;
use crate::turn::{Client, Line, binding, echo};
use crate::{Running, SECRET, number, secure, until};

const BYTES: &str = "bytes";
const MILLISECONDS: &str = "milliseconds";

pub const USER: &str = "8:acs:00000000-0000-4000-8000-00000000cafe_00000000-0000-0000-0000-000000000001";

/// What the operator is told of relayed usage.
pub fn usage(node: &Running) -> Value {
    let caller = Caller::find(node.folder.path()).expect("a running exchange");
    let reply = caller.call("GET", "/admin/usage?kind=NAT&top=1000", b"").expect("an answer");
    reply.good().expect("usage")
}

/// A sum of it.
pub fn total(node: &Running, unit: &str, direction: Option<&str>) -> u64 {
    let page = usage(node);
    let totals = page["totals"].as_array().expect("totals").clone();
    let is_it = |total: &&Value| total["unit"] == unit && total["direction"] == json!(direction);
    totals.iter().find(is_it).and_then(|total| total["quantity"].as_u64()).unwrap_or(0)
}

fn exchange(folder: Folder) -> Running {
    Running::serve(folder, &[("CENTRALE_RELAY_SECRET", SECRET)])
}

#[test]
fn sums_are_the_packets_of_both_ends_to_the_byte_on_every_transport() {
    let node = exchange(Folder::new());
    let relay = node.runtime().relay;
    let peer = echo();
    // STUN is free: it leaves no record.
    for _ in 0..20 {
        let mut line = Line::udp(relay.udp[0]);
        line.send(&binding());
        line.receive().expect("an answer");
    }
    let (mut sent, mut received) = (0, 0);
    let mut by_transport = Vec::new();
    let begun = Instant::now();
    for (name, line) in [
        ("udp", Line::udp(relay.udp[0])),
        ("tcp", Line::tcp(relay.tcp[0])),
        ("tls", Line::tls(secure(relay.tls[0], "localhost").expect("TLS"))),
    ] {
        let mut client = Client::meet(line, SECRET, USER);
        client.allocate();
        client.bind(0x4000, peer);
        let mut mine = 0;
        for length in (0..1200).step_by(13) {
            let data = vec![length as u8; length];
            client.say(0x4000, &data);
            assert_eq!(client.hear().expect("an echo"), data);
            mine += length as u64;
        }
        client.leave();
        sent += mine;
        received += mine;
        by_transport.push((name, mine));
    }
    let lasted = begun.elapsed();
    until("everything is written", Duration::from_secs(12), || total(&node, BYTES, Some("received")) >= received);
    assert_eq!(total(&node, BYTES, Some("sent")), sent);
    assert_eq!(total(&node, BYTES, Some("received")), received);
    // Time is metered too, and never more of it than passed.
    let time = total(&node, MILLISECONDS, None);
    assert!(time > 0 && u128::from(time) <= lasted.as_millis() + 3, "{time} of {lasted:?}");

    let text = node.metrics();
    for (transport, mine) in by_transport {
        for direction in ["sent", "received"] {
            let name = format!("centrale_relay_bytes_total{{transport=\"{transport}\",direction=\"{direction}\"}}");
            assert_eq!(number(&text, &name), Some(i64::try_from(mine).expect("small")), "{name}");
        }
    }
    assert_eq!(number(&text, "centrale_relay_bindings_total"), Some(20));
    assert_eq!(number(&text, "centrale_relay_allocations"), Some(0));
    assert_eq!(number(&text, "centrale_relay_allocations_total"), Some(3));
    assert!(number(&text, "centrale_relay_refusals_total{reason=\"credentials\"}").is_some(), "{text}");
    assert!(number(&text, "centrale_relay_drops_total{reason=\"no_permission\"}").is_some(), "{text}");
    assert!(!text.contains("8:acs:") && !text.contains("127.0.0.1"), "nothing personal in the counters");
}

#[test]
fn a_crash_loses_at_most_ten_seconds_and_doubles_nothing() {
    let node = exchange(Folder::new());
    let relay = node.runtime().relay;
    let mut client = Client::meet(Line::udp(relay.udp[0]), SECRET, USER);
    client.allocate();
    client.bind(0x4000, echo());
    let begun = Instant::now();
    let mut spoken: Vec<(Duration, u64)> = Vec::new();
    let mut sum = 0;
    while begun.elapsed() < Duration::from_secs(17) {
        client.say(0x4000, &[7; 100]);
        client.hear().expect("an echo");
        sum += 100;
        spoken.push((begun.elapsed(), sum));
        std::thread::sleep(Duration::from_millis(10));
    }
    let killed = begun.elapsed();
    let folder = node.kill();
    let before = spoken.iter().rev().find(|(at, _)| *at + Duration::from_secs(10) <= killed).map_or(0, |(_, sum)| *sum);
    assert!(before > 0, "there was something to lose");

    let node = exchange(folder);
    for direction in ["sent", "received"] {
        let kept = total(&node, BYTES, Some(direction));
        assert!(kept >= before, "{direction}: {kept} of {before} that were ten seconds old");
        assert!(kept <= sum, "{direction}: {kept} of {sum} that there were");
    }
    let kept = total(&node, BYTES, Some("sent"));
    std::thread::sleep(Duration::from_secs(6));
    assert_eq!(total(&node, BYTES, Some("sent")), kept, "a restart writes nothing again");
    let page = usage(&node);
    let records = page["value"].as_array().expect("records");
    let ids: BTreeSet<String> = records.iter().map(|record| record["recordId"].to_string()).collect();
    assert!(!records.is_empty() && ids.len() == records.len(), "each record once");
}
