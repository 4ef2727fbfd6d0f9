//! A relay that is told to go: nothing new, everything live until the deadline.

use std::time::{Duration, Instant};

use centrale_relay::stun::attribute;

use crate::common::Folder;
use crate::turn::{Client, Line, code, echo, knock, value};
use crate::{Running, SECRET};

fn speak(client: &mut Client, text: &[u8]) {
    client.say(0x4000, text);
    assert_eq!(client.hear().expect("an echo"), text);
}

#[test]
fn live_allocations_go_on_new_ones_are_sent_elsewhere_and_the_last_one_ends_the_node() {
    let keys = [("CENTRALE_RELAY_ALTERNATES", "[2001:db8::8]:3478,127.0.0.9:3999"), ("CENTRALE_DRAIN_DEADLINE", "60s")];
    let mut node = Running::relay(Folder::new(), &keys);
    let relay = node.runtime().relay;
    let mut live = Client::meet(Line::udp(relay.udp[0]), SECRET, "8:acs:a_b");
    live.allocate();
    live.bind(0x4000, echo());
    speak(&mut live, b"before");
    let mut known = Client::meet(Line::tcp(relay.tcp[0]), SECRET, "8:acs:c_d");
    node.signal("-TERM");
    // Strangers are asked who they are until the workers have heard of it.
    let mut told = Vec::new();
    crate::until("the drain begins", Duration::from_secs(5), || {
        told = knock(&mut Line::udp(relay.udp[0]));
        code(&told) != 401
    });
    assert_eq!(code(&told), 300);
    assert_eq!(
        value(&told, attribute::ALTERNATE_SERVER),
        [0, 1, 0x0F, 0x9F, 127, 0, 0, 9],
        "the one of the client's family"
    );
    crate::until("every worker drains", Duration::from_secs(5), || code(&knock(&mut Line::tcp(relay.tcp[0]))) == 300);
    assert_eq!(code(&known.try_allocate()), 300);
    let text = node.metrics();
    assert_eq!(crate::number(&text, "centrale_draining"), Some(1));
    for _ in 0..10 {
        speak(&mut live, b"during");
        std::thread::sleep(Duration::from_millis(100));
    }
    assert!(node.child.try_wait().expect("a child").is_none(), "an allocation is live");
    live.leave();
    assert_eq!(node.ended(Duration::from_secs(10)), Some(0));
    assert!(!node.folder.path().join("runtime.json").exists());
}

#[test]
fn without_an_alternate_new_clients_are_told_that_there_is_no_room_and_the_deadline_is_kept() {
    let mut node = Running::relay(Folder::new(), &[("CENTRALE_DRAIN_DEADLINE", "3s")]);
    let relay = node.runtime().relay;
    let mut live = Client::meet(Line::udp(relay.udp[0]), SECRET, "8:acs:a_b");
    live.allocate();
    live.bind(0x4000, echo());
    let told = Instant::now();
    node.signal("-TERM");
    crate::until("the drain begins", Duration::from_secs(2), || {
        let mut late = Client::meet(Line::udp(relay.udp[0]), SECRET, "8:acs:c_d");
        match code(&late.try_allocate()) {
            0 => {
                late.leave();
                false
            }
            other => {
                assert_eq!(other, 508);
                true
            }
        }
    });
    speak(&mut live, b"during");
    assert_eq!(node.ended(Duration::from_secs(12)), Some(0));
    assert!(told.elapsed() >= Duration::from_secs(3), "not before the deadline");
}
