//! What operators see of group calls: ports, counters, the end.

use std::net::{SocketAddr, UdpSocket};

use serde_json::Value;

use super::client::{Client, drive};
use super::common::{Exchange, Folder, program};
use super::{PATIENCE, join};

fn runtime(exchange: &Exchange) -> Value {
    let text = std::fs::read_to_string(exchange.folder.path().join("runtime.json")).expect("runtime.json");
    serde_json::from_str(&text).expect("JSON")
}

fn counter(exchange: &Exchange, name: &str) -> f64 {
    use std::io::{Read, Write};
    let address = runtime(exchange)["metrics"].as_str().expect("an address").to_owned();
    let mut stream = std::net::TcpStream::connect(address).expect("a connection");
    stream.write_all(b"GET /metrics HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n").expect("sent");
    let mut text = String::new();
    stream.read_to_string(&mut text).expect("an answer");
    let line = text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(' '));
    line.unwrap_or_else(|| panic!("no {name} in\n{text}")).parse().expect("a number")
}

#[test]
fn each_worker_has_a_port_and_what_it_does_is_counted() {
    let folder = Folder::new();
    let file = folder.path().join("centrale.toml");
    std::fs::write(&file, "[media]\nworkers = 3\n").expect("a file");
    let exchange = Exchange::dev(&["--config", file.to_str().expect("text")]);
    let runtime = runtime(&exchange);
    let ports: Vec<SocketAddr> = serde_json::from_value(runtime["media"]["udp"].clone()).expect("addresses");
    assert_eq!(ports.len(), 3, "{runtime}");
    assert!(ports.iter().all(|port| UdpSocket::bind(port).is_err()), "they are listened on");

    let (_, token) = exchange.user(&["voip"]);
    let dialing = Client::dial(1);
    let joined = join(&exchange, &token, 1, dialing.offer());
    let mut clients = [Client::connect(dialing, 1, joined["answer"]["sdp"].as_str().expect("an answer"))];
    drive(&mut clients, PATIENCE, |clients| clients[0].is_connected());
    assert!(ports.iter().any(|port| port.port() == clients[0].server_port()));
    assert_eq!(counter(&exchange, "centrale_media_peers"), 1.0);
    assert_eq!(counter(&exchange, "centrale_media_conferences"), 1.0);
    drive(&mut clients, PATIENCE, |_| counter(&exchange, "centrale_media_received_packets_total") > 20.0);
}

#[test]
fn ports_that_nobody_chose_give_way_and_ports_that_somebody_chose_do_not() {
    let held = UdpSocket::bind("127.0.0.1:0").expect("a port");
    let taken = held.local_addr().expect("an address").to_string();
    let folder = Folder::new();
    let refused = program("dev", folder.path(), &["--media", &taken]).output().expect("the program runs");
    let text = String::from_utf8_lossy(&refused.stderr);
    assert_eq!(refused.status.code(), Some(2), "{text}");
    assert!(text.contains("listen.media") && text.contains(&taken), "{text}");

    // The usual port is in use, by us or by somebody else.
    let _usual = UdpSocket::bind("127.0.0.1:3480");
    let exchange = Exchange::with_usual_media(&[]);
    let runtime = runtime(&exchange);
    let ports: Vec<SocketAddr> = serde_json::from_value(runtime["media"]["udp"].clone()).expect("addresses");
    assert!(!ports.is_empty() && ports.iter().all(|port| port.port() != 3480), "{ports:?}");
}

#[test]
fn a_call_goes_on_while_a_node_drains() {
    let mut exchange = Exchange::dev(&[]);
    let (_, token) = exchange.user(&["voip"]);
    let clients = [1u8, 2].map(|number| {
        let dialing = Client::dial(number);
        let joined = join(&exchange, &token, number.into(), dialing.offer());
        Client::connect(dialing, number, joined["answer"]["sdp"].as_str().expect("an answer"))
    });
    let mut clients = clients;
    drive(&mut clients, PATIENCE, |clients| clients.iter().all(|client| client.voices > 0));
    std::process::Command::new("kill").args(["-TERM", &exchange.pid()]).status().expect("kill");
    let before: Vec<usize> = clients.iter().map(|client| client.voices).collect();
    drive(&mut clients, PATIENCE, |clients| {
        clients.iter().zip(&before).all(|(client, before)| client.voices > before + 100)
    });
    // Told twice it ends at once, and says goodbye.
    assert_eq!(exchange.end("-TERM"), Some(0));
    drive(&mut clients, PATIENCE, |clients| clients.iter().all(|client| client.is_closed));
}
