//! A relay node by itself, and together with an exchange that has none.

use std::collections::BTreeSet;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use centrale_server::command::Caller;

use crate::common::Folder;
use crate::metering::{USER, total, usage};
use crate::turn::{Client, Line, code, echo};
use crate::{Running, SECRET, free_port, number, until};

struct Nats(Child, String);

impl Nats {
    fn on(port: u16) -> Nats {
        let mut command = Command::new("nats-server");
        let port = port.to_string();
        let child = command.args(["-a", "127.0.0.1", "-p", &port]).stdout(Stdio::null()).stderr(Stdio::null()).spawn();
        Nats(child.expect("nats-server (a Debian package)"), format!("nats://127.0.0.1:{port}"))
    }
}

impl Drop for Nats {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

#[test]
fn a_relay_alone_needs_the_secret_only_and_answers_nothing_but_its_health() {
    let node = Running::relay(Folder::new(), &[]);
    let caller = Caller::find(node.folder.path()).expect("a running node");
    for (path, status) in
        [("/health/live", 200), ("/health/ready", 200), ("/identities", 404), ("/admin/usage", 404), ("/", 404)]
    {
        assert_eq!(caller.call("GET", path, b"").expect("an answer").status, status, "{path}");
    }
    let unsigned = caller.call("POST", "/relay/vantage", b"{}").expect("an answer");
    assert_eq!(unsigned.status, 401);
    assert!(!node.folder.path().join("centrale.db").exists(), "no store");
    let mut client = Client::meet(Line::udp(node.runtime().relay.udp[0]), SECRET, USER);
    client.allocate();
    client.bind(0x4000, echo());
    client.say(0x4000, b"alone");
    assert_eq!(client.hear().expect("an echo"), b"alone");
    client.leave();
    let bytes = "centrale_relay_bytes_total{transport=\"udp\",direction=\"sent\"}";
    until("it is counted", Duration::from_secs(10), || number(&node.metrics(), bytes) == Some(5));
    assert!(node.log().contains("an allocation ended") && !node.log().contains("8:acs:"), "{}", node.log());
}

#[test]
fn usage_of_a_relay_reaches_the_exchange_once_whatever_ends_in_between() {
    let port = free_port();
    let address = format!("nats://127.0.0.1:{port}");
    let bus = [("CENTRALE_CLUSTER_BUS", address.as_str())];
    // Neither bus nor exchange is there; the relay works.
    let relay = Running::relay(Folder::new(), &bus);
    let speak = |relay: &Running, times: u64| {
        let mut client = Client::meet(Line::udp(relay.runtime().relay.udp[0]), SECRET, USER);
        client.allocate();
        client.bind(0x4000, echo());
        for _ in 0..times {
            client.say(0x4000, &[7; 500]);
            client.hear().expect("an echo");
        }
        client.leave();
    };
    speak(&relay, 100);
    until("usage is on disk", Duration::from_secs(12), || {
        number(&relay.metrics(), "centrale_usage_spooled_bytes").is_some_and(|bytes| bytes > 0)
    });
    let folder = relay.kill();

    let relay = Running::relay(folder, &bus);
    let nats = Nats::on(port);
    assert_eq!(nats.1, address);
    std::thread::sleep(Duration::from_millis(500));
    let exchange = Running::serve(
        Folder::new(),
        &[
            bus[0],
            ("CENTRALE_RELAY_SECRET", SECRET),
            ("CENTRALE_CLUSTER_ROLES", "api"),
            ("CENTRALE_RELAY_SERVERS", "turn.example.org,turn2.example.org:4000"),
        ],
    );
    until("usage is reported", Duration::from_secs(40), || total(&exchange, "bytes", Some("sent")) == 50_000);
    assert_eq!(total(&exchange, "bytes", Some("received")), 50_000);
    assert!(total(&exchange, "milliseconds", None) > 0);
    speak(&relay, 10);
    until("so is later usage", Duration::from_secs(20), || total(&exchange, "bytes", Some("sent")) == 55_000);
    until("nothing is left on disk", Duration::from_secs(10), || {
        number(&relay.metrics(), "centrale_usage_spooled_bytes") == Some(0)
    });
    let page = usage(&exchange);
    let records = page["value"].as_array().expect("records");
    let ids: BTreeSet<String> = records.iter().map(|record| record["recordId"].to_string()).collect();
    assert_eq!(ids.len(), records.len(), "each record once");
    assert_eq!(number(&relay.metrics(), "centrale_usage_lost_total"), Some(0));

    // The exchange has no relay and hands out those that there are.
    assert!(exchange.runtime().relay.udp.is_empty());
    let caller = Caller::find(exchange.folder.path()).expect("a running exchange");
    let ice = caller.call("POST", "/networkRelay/:issueRelayConfiguration?api-version=2022-03-01-preview", b"{}");
    let ice = ice.expect("an answer").good().expect("ICE servers").to_string();
    assert!(ice.contains("turn.example.org") && !ice.contains("localhost") && !ice.contains("127.0.0.1"), "{ice}");
    let mut hosts = BTreeSet::new();
    for _ in 0..40 {
        let ice = caller.call("POST", "/networkRelay/:issueRelayConfiguration?api-version=2022-03-01-preview", b"{}");
        let ice = ice.expect("an answer").good().expect("ICE servers");
        hosts.insert(ice["iceServers"][0]["urls"][0].as_str().expect("an address").to_owned());
    }
    assert_eq!(hosts.len(), 2, "identities are spread over the relays: {hosts:?}");
}

/// A new user of an exchange.
fn user(caller: &Caller) -> String {
    let made = caller.call("POST", "/identities?api-version=2023-10-01", b"{}").expect("an answer");
    made.good().expect("a user")["identity"]["id"].as_str().expect("an id").to_owned()
}

fn delete(caller: &Caller, user: &str) {
    let path = format!("/identities/{user}?api-version=2023-10-01");
    caller.call("DELETE", &path, b"").expect("an answer").good().expect("deleted");
}

/// What an Allocate with a credential of the user is answered.
fn answer(node: &Running, user: &str) -> u16 {
    let mut client = Client::meet(Line::udp(node.runtime().relay.udp[0]), SECRET, user);
    let code = code(&client.try_allocate());
    if code == 0 {
        client.try_leave();
    }
    code
}

#[test]
fn a_deleted_user_is_put_out_of_every_relay_whoever_was_away() {
    let port = free_port();
    let address = format!("nats://127.0.0.1:{port}");
    let bus = [("CENTRALE_CLUSTER_BUS", address.as_str())];
    let nats = Nats::on(port);
    std::thread::sleep(Duration::from_millis(500));
    let keys = [bus[0], ("CENTRALE_RELAY_SECRET", SECRET)];
    let exchange = Running::serve(Folder::new(), &keys);
    let caller = Caller::find(exchange.folder.path()).expect("a running exchange");
    let relay = Running::relay(Folder::new(), &bus);
    let [here, away, last, kept] = [(); 4].map(|()| user(&caller));

    // A relay that listens, and the exchange's own: at once, allocations that live included.
    let peer = echo();
    let mut speakers = [&relay, &exchange].map(|node| {
        let mut client = Client::meet(Line::tcp(node.runtime().relay.tcp[0]), SECRET, &here);
        client.allocate();
        client.bind(0x4000, peer);
        client.say(0x4000, b"before");
        assert_eq!(client.hear().expect("an echo"), b"before");
        client
    });
    delete(&caller, &here);
    for client in &mut speakers {
        // The connection is closed; a read says so before its patience of three seconds is over.
        let told = std::time::Instant::now();
        assert!(client.hear().is_err());
        assert!(told.elapsed() < Duration::from_millis(2_500), "not by patience");
    }
    for node in [&relay, &exchange] {
        until("each thread of a relay hears it", Duration::from_secs(5), || answer(node, &here) == 401);
        assert_eq!(answer(node, &kept), 0, "others go on");
    }
    assert!(
        number(&relay.metrics(), "centrale_relay_refusals_total{reason=\"revoked\"}").is_some_and(|count| count >= 1)
    );

    // Somebody is deleted while the relay is away, and another while the exchange restarts.
    let folder = relay.kill();
    delete(&caller, &away);
    let exchange = Running::serve(exchange.kill(), &keys);
    until("the exchange remembers", Duration::from_secs(5), || {
        answer(&exchange, &here) == 401 && answer(&exchange, &away) == 401
    });
    let relay = Running::relay(folder, &bus);
    assert_eq!(answer(&relay, &here), 401, "known from before, at its first moment");
    until("the relay hears what it missed", Duration::from_secs(15), || answer(&relay, &away) == 401);

    // Nobody is there to ask: what was known is kept.
    let folder = relay.kill();
    drop(nats);
    let relay = Running::relay(folder, &bus);
    for user in [&here, &away] {
        assert_eq!(answer(&relay, user), 401);
    }
    assert_eq!(answer(&relay, &last), 0);

    // The bus comes back, and with it what happened meanwhile.
    let caller = Caller::find(exchange.folder.path()).expect("a running exchange");
    delete(&caller, &last);
    // Its own relay is told by a thread, not by the bus.
    until("the exchange's own relay hears it", Duration::from_secs(5), || answer(&exchange, &last) == 401);
    let _nats = Nats::on(port);
    until("the relay hears it when the bus is back", Duration::from_secs(40), || answer(&relay, &last) == 401);
    assert_eq!(answer(&relay, &kept), 0);
    assert!(!relay.log().contains(&here), "{}", relay.log());
}
