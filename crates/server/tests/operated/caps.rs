//! What somebody may have of the relay, and who is told when it is over: the client by an error, the operator by a counter and a story.

use std::process::Command;
use std::time::Duration;

use centrale_server::command::Caller;
use serde_json::json;

use crate::common::Folder;
use crate::metering::is_about_nobody;
use crate::turn::{Client, Line, code, echo};
use crate::{Running, SECRET, number, until};

const CALL: &str = "86c85ce7-9981-4cc4-8692-1f0fa4803618";

/// A user who has just tried to call somebody: `(raw id, the exchange's caller)`.
fn caller_of(node: &Running) -> (String, Caller) {
    let caller = Caller::find(node.folder.path()).expect("a running exchange");
    let body = json!({ "createTokenWithScopes": ["voip"] }).to_string();
    let made = caller.call("POST", "/identities?api-version=2023-10-01", body.as_bytes()).expect("an answer");
    let made = made.good().expect("a user");
    let id = made["identity"]["id"].as_str().expect("an id").to_owned();
    let token = made["accessToken"]["token"].as_str().expect("a token");
    let headers = [
        ("authorization".to_owned(), format!("Bearer {token}")),
        ("content-type".to_owned(), "application/json".to_owned()),
    ];
    let endpoint = "63fe209c-4b5a-4c58-8121-19daf7178181";
    let registered = caller.send("PUT", &format!("/client/endpoints/{endpoint}"), &headers, b"{}").expect("an answer");
    registered.good().expect("an endpoint");
    let call = json!({
        "callId": CALL,
        "endpointId": endpoint,
        "targets": ["8:acs:00000000-0000-4000-8000-00000000cafe_00000000-0000-4000-8000-0000000000ff"],
        "offer": { "kind": "offer", "epoch": 0, "sdp": "v=0\r\n" },
        "sending": { "muted": false, "video": false, "screen": false },
    });
    let placed = caller.send("POST", "/client/calls", &headers, call.to_string().as_bytes()).expect("an answer");
    placed.good().expect("a call");
    (id, caller)
}

fn explained(node: &Running) -> String {
    let mut command = Command::new(env!("CARGO_BIN_EXE_centrale"));
    let output = command.env_clear().arg("explain").arg(CALL).arg("--data").arg(node.folder.path()).output();
    String::from_utf8(output.expect("it runs").stdout).expect("text")
}

#[test]
fn a_refused_relay_is_an_error_a_counter_and_a_line_of_explain() {
    let keys = [
        ("CENTRALE_RELAY_SECRET", SECRET),
        // Shares are each thread's.
        ("CENTRALE_RELAY_WORKERS", "1"),
        ("CENTRALE_RELAY_ALLOCATIONS_PER_USER", "1"),
        ("CENTRALE_RELAY_BYTES_PER_DAY_PER_SOURCE", "5000"),
        ("CENTRALE_RELAY_BYTES_PER_SECOND_PER_RESOURCE", "1000000"),
    ];
    let node = Running::serve(Folder::new(), &keys);
    let (user, caller) = caller_of(&node);
    let relay = node.runtime().relay;
    let mut first = Client::meet(Line::udp(relay.udp[0]), SECRET, &user);
    first.allocate();
    first.bind(0x4000, echo());
    let mut second = Client::meet(Line::tcp(relay.tcp[0]), SECRET, &user);
    for _ in 0..2 {
        assert_eq!(code(&second.try_allocate()), 486);
    }
    // 2,000 bytes there and back, then 1,000 there; of the rest nothing.
    for _ in 0..9 {
        first.say(0x4000, &[7; 1_000]);
        std::thread::sleep(Duration::from_millis(20));
    }
    let mut other = Client::meet(Line::udp(relay.udp[0]), SECRET, "8:acs:somebody_else");
    assert_eq!(code(&other.try_allocate()), 486);
    let text = node.metrics();
    let counts = |reason: &str| number(&text, reason);
    assert_eq!(counts("centrale_relay_refusals_total{reason=\"user_allocations\"}"), Some(2));
    assert_eq!(counts("centrale_relay_refusals_total{reason=\"source_day\"}"), Some(1));
    assert!(counts("centrale_relay_drops_total{reason=\"source_day_bytes\"}") >= Some(4));
    is_about_nobody(&text);

    let lines = [
        "is refused an allocation (486): its user has as many as one may have, by the relay over tcp, 2 times",
        "is refused packets (dropped): its address's bytes of the day are used up, by the relay over udp",
    ];
    until("the story tells", Duration::from_secs(20), || {
        let story = explained(&node);
        lines.iter().all(|line| story.contains(line))
    });
    let story = explained(&node);
    assert!(story.contains(&format!("call {CALL}")) && !story.contains("somebody"), "{story}");
    // What was relayed is in the ledger, to the byte: each packet whole, or not at all.
    first.leave();
    until("it is written", Duration::from_secs(12), || {
        let usage = caller.call("GET", "/admin/usage?kind=NAT", b"").expect("an answer").good().expect("usage");
        let bytes: u64 = usage["totals"]
            .as_array()
            .expect("totals")
            .iter()
            .filter(|total| total["unit"] == "bytes")
            .map(|total| total["quantity"].as_u64().expect("a number"))
            .sum();
        bytes == 5_000
    });
}
