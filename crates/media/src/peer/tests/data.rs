//! Data channels from end to end.

use std::time::Duration;

use super::world::*;
use crate::data::{
    CONTROL, ChannelId, DataError, LOW_WATER, Limit, MAX_BUFFERED, MAX_MESSAGE, Message, Opened, OpenedBy, Reliability,
};
use crate::peer::{Output, Peer};
use crate::sdp::Kind;

fn text(text: &str) -> Message {
    Message { is_text: true, bytes: text.into() }
}

fn messages(outputs: Vec<Output>) -> Vec<(ChannelId, Message)> {
    outputs
        .into_iter()
        .filter_map(|output| match output {
            Output::ChannelMessage { channel, message } => Some((channel, message)),
            _ => None,
        })
        .collect()
}

#[test]
fn both_sides_have_the_control_channel() {
    let mut world = World::connected();
    let now = world.now;
    world.client.send(CONTROL, true, b"to the server", now).expect("open");
    world.server.send(CONTROL, true, b"to the client", now).expect("open");
    world.run(Duration::from_millis(100));
    assert_eq!(messages(world.told(End::Server)), [(CONTROL, text("to the server"))]);
    assert_eq!(messages(world.told(End::Client)), [(CONTROL, text("to the client"))]);
}

#[test]
fn channels_are_opened_by_either_side_with_their_settings() {
    for (by, other, id) in [(End::Client, End::Server, 2), (End::Server, End::Client, 1)] {
        let mut world = World::connected();
        let reliability = Reliability { is_ordered: false, limit: Limit::Lifetime(700) };
        let now = world.now;
        let channel = world.peer(by).open_channel("data/1/s/Lossy", "p", reliability, now).expect("there is room");
        assert_eq!(channel, ChannelId(id));
        assert_eq!(world.peer(by).send(channel, true, b"early", now), Err(DataError::NotOpen));
        world.run(Duration::from_millis(100));
        let opened = |by| Opened { channel, label: "data/1/s/Lossy".into(), protocol: "p".into(), reliability, by };
        assert_eq!(world.told(other), [Output::ChannelOpened(opened(OpenedBy::Them))]);
        assert_eq!(world.told(by), [Output::ChannelOpened(opened(OpenedBy::Us))]);
        let now = world.now;
        world.peer(by).send(channel, false, &[1, 2, 3], now).expect("open");
        world.peer(other).send(channel, true, b"", now).expect("open");
        world.run(Duration::from_millis(100));
        assert_eq!(messages(world.told(other)), [(channel, Message { is_text: false, bytes: vec![1, 2, 3] })]);
        assert_eq!(messages(world.told(by)), [(channel, text(""))]);
    }
}

#[test]
fn a_channel_asked_for_early_is_opened_when_there_is_an_association() {
    let mut world = World::new();
    let now = world.now;
    let channel = world.server.open_channel("early", "", Reliability::DURABLE, now).expect("there is room");
    world.run(Duration::from_secs(2));
    let opened = world.told(End::Client);
    assert!(opened.iter().any(|output| matches!(output, Output::ChannelOpened(opened) if opened.channel == channel)));
}

#[test]
fn long_messages_arrive_whole_through_loss() {
    let mut world = World::connected();
    (world.lost, world.repeated) = (25, 10);
    let long: Vec<u8> = (0..MAX_MESSAGE).map(|n| n as u8).collect();
    let now = world.now;
    for _ in 0..3 {
        world.server.send(CONTROL, false, &long, now).expect("there is room");
    }
    assert_eq!(world.server.send(CONTROL, false, &[0; MAX_MESSAGE + 1], now), Err(DataError::TooLong));
    world.run(Duration::from_secs(30));
    let received = messages(world.told(End::Client));
    assert_eq!(received.len(), 3);
    assert!(received.iter().all(|(_, message)| message.bytes == long));
}

#[test]
fn a_slow_receiver_fills_the_buffer_and_its_draining_is_told() {
    let mut world = World::connected();
    world.is_cut = true;
    let now = world.now;
    let mut sent = 0;
    while world.server.send(CONTROL, false, &[7; 16_384], now).is_ok() {
        sent += 1;
        assert!(sent < 1000, "there is no bound");
    }
    assert_eq!(world.server.send(CONTROL, false, &[7; 16_384], now), Err(DataError::Full));
    let buffered = world.server.buffered(CONTROL);
    assert!(buffered <= MAX_BUFFERED && buffered > MAX_BUFFERED - 16_384, "{buffered} bytes wait");
    world.is_cut = false;
    world.run(Duration::from_secs(20));
    assert!(world.told(End::Server).contains(&Output::ChannelDrained(CONTROL)));
    assert!(world.server.buffered(CONTROL) <= LOW_WATER);
    assert_eq!(messages(world.told(End::Client)).len(), sent);
}

#[test]
fn lossy_messages_are_not_sent_again() {
    let mut world = World::connected();
    let now = world.now;
    let channel = world.client.open_channel("lossy", "", Reliability::LOSSY, now).expect("there is room");
    world.run(Duration::from_millis(100));
    world.outputs.clear();
    world.lost = 80;
    for n in 0..60u8 {
        let now = world.now;
        world.client.send(channel, false, &[n], now).expect("open");
        world.run(Duration::from_millis(20));
    }
    world.lost = 0;
    world.run(Duration::from_secs(10));
    let received = messages(world.told(End::Server)).len();
    assert!((20..60).contains(&received), "{received} of 60 arrived");
    let now = world.now;
    world.client.send(channel, false, b"after", now).expect("open");
    world.run(Duration::from_secs(2));
    assert_eq!(messages(world.told(End::Server)).len(), 1);
}

#[test]
fn a_closed_channel_is_closed_on_both_sides_and_its_number_is_free_again() {
    let mut world = World::connected();
    let now = world.now;
    let channel = world.client.open_channel("first", "", Reliability::DURABLE, now).expect("there is room");
    world.run(Duration::from_millis(200));
    let now = world.now;
    world.outputs.clear();
    world.client.close_channel(channel, now);
    world.run(Duration::from_secs(2));
    assert_eq!(world.told(End::Server), [Output::ChannelClosed(channel)]);
    assert_eq!(world.told(End::Client), [Output::ChannelClosed(channel)]);
    let now = world.now;
    assert_eq!(world.client.send(channel, true, b"x", now), Err(DataError::NotOpen));
    let second = world.client.open_channel("second", "", Reliability::DURABLE, now).expect("there is room");
    assert_eq!(second, channel);
    world.run(Duration::from_secs(1));
    let opened = world.told(End::Server);
    assert!(matches!(&opened[..], [Output::ChannelOpened(opened)] if opened.label == "second"), "{opened:?}");
}

#[test]
fn without_an_m_line_there_are_no_channels() {
    let mut world = World::with(Peer::dial(config(1), &[line(Kind::Audio, true, true, &[])]));
    world.run(Duration::from_secs(1));
    assert!(world.server.is_connected());
    let now = world.now;
    assert_eq!(world.server.open_channel("x", "", Reliability::DURABLE, now), Err(DataError::NotOpen));
    assert_eq!(world.server.send(CONTROL, true, b"x", now), Err(DataError::NotOpen));
}

#[test]
fn a_foreign_client_may_open_its_own_channel_on_the_number_of_ours() {
    let dialing = Peer::dial(
        crate::peer::Config { has_control: false, ..config(1) },
        &[line(Kind::Audio, true, true, &[]), line(Kind::Data, false, false, &[])],
    );
    let mut world = World::with(dialing);
    world.run(Duration::from_secs(1));
    world.outputs.clear();
    let now = world.now;
    let channel = world.client.open_channel("chat", "", Reliability::DURABLE, now).expect("there is room");
    world.run(Duration::from_millis(200));
    assert!(matches!(&world.told(End::Server)[..], [Output::ChannelOpened(opened)] if opened.label == "chat"));
    let now = world.now;
    world.server.send(channel, true, b"hello", now).expect("open");
    world.run(Duration::from_millis(200));
    assert_eq!(messages(world.told(End::Client)).len(), 1);
}
