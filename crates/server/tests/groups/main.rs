//! Group calls through the whole program: the client API, WHIP and WHEP, and media over real sockets.

#[path = "../../src/media/tests/client.rs"]
mod client;
#[path = "../common/mod.rs"]
mod common;

mod joining;
mod operating;
mod whip;

use std::time::Duration;

use common::Exchange;
use serde_json::{Value, json};

const PATIENCE: Duration = Duration::from_secs(30);

const GROUP: &str = "6f1cbf2a-3f0f-4c5e-9a51-0a52b3a1d001";

/// A fresh GUID of its own for each of a test's things.
fn guid(number: u32) -> String {
    format!("6f1cbf2a-3f0f-4c5e-9a51-0a52{number:08x}")
}

/// Joins a group with a device that polls, as a browser without WebSocket does; gives the answer.
fn join(exchange: &Exchange, token: &str, number: u32, offer: &str) -> Value {
    let (endpoint, bearer) = (guid(0x1000 + number), format!("Bearer {token}"));
    let headers = [("authorization", bearer.as_str()), ("content-type", "application/json")];
    let registered = exchange.plain("PUT", &format!("/client/endpoints/{endpoint}"), &headers, b"{}");
    assert_eq!(registered.status, 200, "{}", registered.json());
    let request = json!({
        "locator": { "kind": "group", "groupId": GROUP },
        "endpointId": endpoint,
        "requestId": format!("join-{number}"),
        "offer": { "kind": "offer", "epoch": 0, "sdp": offer },
        "sending": { "muted": false, "video": true },
        "media": "forwarded",
    });
    let joined = exchange.plain("POST", "/client/calls/:join", &headers, request.to_string().as_bytes());
    assert_eq!(joined.status, 200, "{}", joined.json());
    joined.json()
}
