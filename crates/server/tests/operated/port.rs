//! One port, four protocols, told apart by their first bytes; and those that are none of them.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::{Duration, Instant};

use crate::common::Folder;
use crate::turn::{Client, Line, binding, code, echo};
use crate::{Running, SECRET, leaf, secure};

fn echoes(mut client: Client) {
    client.allocate();
    client.bind(0x4000, echo());
    client.say(0x4000, b"through the shared port");
    assert_eq!(client.hear().expect("an echo"), b"through the shared port");
    client.leave();
}

#[test]
fn https_websocket_and_turn_with_and_without_tls_share_a_port() {
    let node = Running::serve(Folder::new(), &[("CENTRALE_RELAY_SECRET", SECRET)]);
    let port = node.https();
    let ask = |request: &str| {
        let mut stream = secure(port, "localhost").expect("TLS");
        stream.write_all(request.as_bytes()).and_then(|()| stream.flush()).expect("asked");
        let mut bytes = [0; 512];
        let count = stream.read(&mut bytes).expect("an answer");
        String::from_utf8_lossy(&bytes[..count]).into_owned()
    };
    let live = ask("GET /health/live HTTP/1.1\r\nHost: localhost\r\n\r\n");
    assert!(live.starts_with("HTTP/1.1 200"), "{live}");
    let (_, token) = user(&node);
    let upgrade = ask(&format!(
        "GET /client/events?token={token} HTTP/1.1\r\nHost: localhost\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\
         Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nAuthorization: Bearer {token}\r\n\r\n"
    ));
    assert!(upgrade.starts_with("HTTP/1.1 101"), "{upgrade}");
    echoes(Client::meet(Line::tls(secure(port, "localhost").expect("TLS")), SECRET, "8:acs:a_b"));
    echoes(Client::meet(Line::tcp(port), SECRET, "8:acs:a_b"));
}

fn user(node: &Running) -> (String, String) {
    let caller = centrale_server::command::Caller::find(node.folder.path()).expect("a running exchange");
    let body = br#"{"createTokenWithScopes":["voip"]}"#;
    let made =
        caller.call("POST", "/identities?api-version=2023-10-01", body).expect("an answer").good().expect("a user");
    let text = |value: &serde_json::Value| value.as_str().expect("text").to_owned();
    (text(&made["identity"]["id"]), text(&made["accessToken"]["token"]))
}

#[test]
fn first_bytes_may_come_one_by_one_and_garbage_is_closed() {
    let node = Running::relay(Folder::new(), &[]);
    let port = node.https();
    // A STUN request in crumbs.
    let mut slow = TcpStream::connect(port).expect("connected");
    slow.set_nodelay(true).expect("set");
    slow.set_read_timeout(Some(Duration::from_secs(5))).expect("set");
    for byte in binding() {
        slow.write_all(&[byte]).expect("sent");
        std::thread::sleep(Duration::from_millis(15));
    }
    let mut answer = vec![0; 32];
    slow.read_exact(&mut answer).expect("an answer");
    assert_eq!(code(&answer), 0);
    // What is none of the four is closed, without a byte in answer and before any deadline.
    for garbage in [
        &b"GET / HTTP/1.1\r\nHost: x\r\n\r\n"[..],
        &[0; 64],
        &[0xFF; 64],
        b"\x16\x02\x00\x00\x00\x00\x00\x00",
        b"\x00\x01\x00\x00\x00\x00\x00\x00",
    ] {
        let begun = Instant::now();
        let mut stream = TcpStream::connect(port).expect("connected");
        stream.set_read_timeout(Some(Duration::from_secs(5))).expect("set");
        stream.write_all(garbage).expect("sent");
        let mut bytes = [0; 64];
        let heard = stream.read(&mut bytes);
        let is_closed = matches!(&heard, Ok(0))
            || heard.as_ref().is_err_and(|error| error.kind() == std::io::ErrorKind::ConnectionReset);
        assert!(is_closed && begun.elapsed() < Duration::from_secs(4), "{garbage:?}: {heard:?}");
    }
    // Nobody waits for one that says nothing.
    let silent = TcpStream::connect(port).expect("connected");
    assert!(leaf(port, "localhost").is_ok());
    drop(silent);
}
