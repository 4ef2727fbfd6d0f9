//! Data between participants, and the echo test.

use super::world::{CONFERENCE, World, who};
use super::{browser, line, simple};
use crate::command::{Command, Mode, Rights};
use crate::data::{OpenedBy, Reliability};
use crate::sdp::Kind;

fn message(number: u32, targets: &[usize], payload: &[u8]) -> Vec<u8> {
    let mut bytes = number.to_be_bytes().to_vec();
    bytes.push(targets.len() as u8);
    targets.iter().for_each(|n| bytes.extend_from_slice(&who(*n).to_u128().to_be_bytes()));
    bytes.extend_from_slice(payload);
    bytes
}

#[test]
fn messages_reach_whom_they_name_on_channels_that_name_the_sender() {
    let mut world = World::new();
    for n in 0..3 {
        world.join(n, &browser(1));
    }
    assert!(world.run_until(3000, |world| world.connected() == 3));
    world.run(500);
    let now = world.now;
    let channel =
        world.clients[0].peer.open_channel("data/7/s1/Durable", "", Reliability::DURABLE, now).expect("opens");
    world.run(300);
    let now = world.now;
    for (number, targets) in [(1, &[][..]), (2, &[1]), (3, &[0, 2])] {
        world.clients[0].peer.send(channel, false, &message(number, targets, b"hello"), now).expect("sends");
    }
    world.run(500);
    let got = |n: usize| -> Vec<&[u8]> { world.clients[n].messages.iter().map(|(_, bytes)| &bytes[..]).collect() };
    assert_eq!(got(1), [b"\0\0\0\x01hello", b"\0\0\0\x02hello"]);
    assert_eq!(got(2), [b"\0\0\0\x01hello", b"\0\0\0\x03hello"]);
    assert!(got(0).is_empty());
    let label = format!("data/7/s1/Durable/{}", who(0));
    let opened = world.clients[1].opened.iter().find(|opened| opened.by == OpenedBy::Them).expect("opened");
    assert_eq!((&opened.label, opened.reliability), (&label, Reliability::DURABLE));
    // Without the right nothing passes; with it again, it does.
    let rights = Rights { data: false, ..Rights::ALL };
    world.command(Command::Allow { conference: CONFERENCE, participant: who(0), rights });
    let now = world.now;
    world.clients[0].peer.send(channel, false, &message(4, &[], b"muted"), now).expect("sends");
    world.run(300);
    assert_eq!(world.clients[1].messages.len(), 2);
}

#[test]
fn floods_are_cut_and_odd_messages_are_dropped() {
    let mut world = World::new();
    world.join(0, &browser(1));
    world.join(1, &browser(1));
    assert!(world.run_until(3000, |world| world.connected() == 2));
    world.run(500);
    let now = world.now;
    let channel = world.clients[0].peer.open_channel("data/7/s1/Lossy", "", Reliability::LOSSY, now).expect("opens");
    world.run(300);
    for n in 0..2000u32 {
        let now = world.now;
        let _ = world.clients[0].peer.send(channel, false, &message(n, &[], &[0; 600]), now);
        let _ = world.clients[0].peer.send(channel, false, &[1, 2], now);
        if n % 4 == 0 {
            world.run(1);
        }
    }
    world.run(1000);
    let count = world.clients[1].messages.len();
    assert!((100..=500).contains(&count), "{count} of 2000");
    let now = world.now;
    for _ in 0..500 {
        let _ = world.clients[0].peer.send(crate::data::CONTROL, true, b"{\"type\":\"want\",\"videos\":[]}", now);
        let _ = world.clients[0].peer.send(crate::data::CONTROL, true, b"not json", now);
    }
    world.run(500);
    assert_eq!(world.connected(), 2);
}

#[test]
fn the_echo_test_plays_back_what_was_said() {
    let mut world = World::new();
    let lines = [line(Kind::Audio, true, true, &[]), line(Kind::Data, true, true, &[])];
    world.join_as(0, 1, &lines, Mode::Auto, true).expect("answered");
    assert!(world.run_until(2000, |world| world.connected() == 1));
    world.clients[0].send(Kind::Audio, 0, &[(None, 0, 1, 80)]);
    world.run(4000);
    assert!(world.heard().is_empty());
    world.run(6300);
    let count = world.heard()[&(0, 0)];
    assert!((230..=260).contains(&count), "{count}");
    let got = world.clients[0].got.values().find(|got| !got.numbers.is_empty()).expect("a voice");
    assert!((got.completeness(0) - 1.0).abs() < f64::EPSILON);
    assert_eq!(got.markers, 1);
    world.run(4500);
    assert_eq!(world.heard()[&(0, 0)], count);
    world.run(6000);
    assert!(world.heard()[&(0, 0)] > count + 100);
}

#[test]
fn speakers_are_told() {
    let mut world = World::new();
    for n in 0..2 {
        world.join(n, &simple());
    }
    assert!(world.run_until(3000, |world| world.connected() == 2));
    for client in &mut world.clients {
        client.send(Kind::Audio, 0, &[(None, 0, 1, 80)]);
    }
    world.clients[0].level = 100;
    world.clients[1].level = 20;
    world.run(2000);
    let told = world.clients[0].told.iter().rfind(|told| told["type"] == "speakers").expect("it was told");
    assert_eq!(told["dominant"][0], serde_json::json!(who(1)));
    assert_eq!(told["speaking"], serde_json::json!([who(1)]));
}
