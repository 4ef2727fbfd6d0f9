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
    is_about_nobody(&text);
}

/// No label is a person's, an address's or a call's: each is one of a few words that the program has.
pub fn is_about_nobody(metrics: &str) {
    assert!(!metrics.contains("8:acs:") && !metrics.contains("127.0.0.1"), "{metrics}");
    for line in metrics.lines().filter(|line| !line.starts_with('#')) {
        let Some((_, labels)) = line.split_once('{') else { continue };
        let labels = labels.split_once('}').expect("labels end").0;
        for label in labels.split(',') {
            let (name, value) = label.split_once('=').expect("a label");
            assert!(["transport", "direction", "reason", "operation", "status", "version"].contains(&name), "{line}");
            let is_a_word = value.trim_matches('"').chars().all(|c| c.is_ascii_alphanumeric() || "_.-".contains(c));
            assert!(is_a_word && value.len() < 60, "{line}");
        }
    }
}

/// Bytes that the records have, by transport and direction.
fn kept(node: &Running, transport: &str, direction: &str) -> u64 {
    let page = usage(node);
    let records = page["value"].as_array().expect("records").iter();
    let is_it = |record: &&Value| record["transport"] == transport && record["direction"] == direction;
    records.filter(is_it).map(|record| record["quantity"].as_u64().expect("a quantity")).sum()
}

#[test]
fn a_crash_loses_at_most_ten_seconds_and_doubles_nothing_on_every_transport() {
    let node = exchange(Folder::new());
    let relay = node.runtime().relay;
    let peer = echo();
    let lines = [
        ("udp", Line::udp(relay.udp[0])),
        ("tcp", Line::tcp(relay.tcp[0])),
        ("tls", Line::tls(secure(relay.tls[0], "localhost").expect("TLS"))),
    ];
    let mut clients = lines.map(|(name, line)| {
        let mut client = Client::meet(line, SECRET, USER);
        client.allocate();
        client.bind(0x4000, peer);
        (name, client)
    });
    let begun = Instant::now();
    // The same on each transport, each way.
    let mut spoken: Vec<(Duration, u64)> = Vec::new();
    let mut sum = 0;
    while begun.elapsed() < Duration::from_secs(17) {
        for (_, client) in &mut clients {
            client.say(0x4000, &[7; 101]);
            client.hear().expect("an echo");
        }
        sum += 101;
        spoken.push((begun.elapsed(), sum));
        std::thread::sleep(Duration::from_millis(10));
    }
    let killed = begun.elapsed();
    let folder = node.kill();
    let before = spoken.iter().rev().find(|(at, _)| *at + Duration::from_secs(10) <= killed).map_or(0, |(_, sum)| *sum);
    assert!(before > 0, "there was something to lose");

    let node = exchange(folder);
    let mut all = 0;
    for (transport, _) in &clients {
        for direction in ["sent", "received"] {
            let kept = kept(&node, transport, direction);
            assert!(kept >= before, "{transport} {direction}: {kept} of {before} that were ten seconds old");
            assert!(kept <= sum, "{transport} {direction}: {kept} of {sum} that there were");
            assert_eq!(kept % 101, 0, "{transport} {direction}: a packet counts whole or not at all");
            all += kept;
        }
    }
    std::thread::sleep(Duration::from_secs(6));
    let after = total(&node, BYTES, Some("sent")) + total(&node, BYTES, Some("received"));
    assert_eq!(after, all, "a restart writes nothing again");
    let page = usage(&node);
    let records = page["value"].as_array().expect("records");
    let ids: BTreeSet<String> = records.iter().map(|record| record["recordId"].to_string()).collect();
    assert!(!records.is_empty() && ids.len() == records.len(), "each record once");
}
