//! Finding one another, and the handshake.

use std::time::Duration;

use centrale_model::Time;

use super::world::*;
use crate::data::{CONTROL, Opened, OpenedBy, Reliability};
use crate::peer::{CloseReason, Output, Peer, Why};

#[test]
fn two_peers_connect_and_say_so_once() {
    let mut world = World::new();
    assert_eq!(world.client.timeout(), Some((Time::ZERO, Why::Ice)));
    world.run(Duration::from_secs(3));
    let control = Output::ChannelOpened(Opened {
        channel: CONTROL,
        label: String::new(),
        protocol: String::new(),
        reliability: Reliability::DURABLE,
        by: OpenedBy::Agreement,
    });
    let client_at = world.client_at;
    assert_eq!(
        world.told(End::Server),
        [Output::Reachable(client_at), Output::PathChanged(client_at), Output::Connected, control.clone()]
    );
    assert_eq!(
        world.told(End::Client),
        [Output::Reachable(SERVER), Output::PathChanged(SERVER), Output::Connected, control]
    );
    assert_eq!((world.server.path(), world.client.path()), (Some(client_at), Some(SERVER)));
}

#[test]
fn six_trips_of_ten_milliseconds_connect_both_sides() {
    let mut world = World::new();
    // Check and answer; hello and the server's flight, the client's flight; the server may send when that came.
    world.run(Duration::from_millis(50));
    assert!(world.server.is_connected() && !world.client.is_connected());
    world.run(Duration::from_millis(10));
    assert!(world.client.is_connected());
}

#[test]
fn a_third_of_all_datagrams_may_get_lost_and_others_come_twice() {
    let mut world = World::new();
    (world.lost, world.repeated) = (85, 40);
    world.run(Duration::from_secs(25));
    assert!(world.client.is_connected() && world.server.is_connected());
}

#[test]
fn nothing_wakes_an_idle_pair_more_often_than_consent_demands() {
    let mut world = World::connected();
    world.run(Duration::from_secs(5));
    let begin = world.now;
    let mut wakes = 0;
    while world.now - begin < Duration::from_secs(60) {
        let (at, _) = world.server.timeout().expect("it lives");
        let step = (at - world.now).max(Duration::from_millis(1));
        world.run(step);
        wakes += 1;
    }
    assert!(wakes <= 20, "{wakes} wakes in a minute");
    assert_eq!(world.told(End::Server), []);
}

#[test]
fn who_is_never_called_gives_up() {
    let mut world = World::new();
    world.is_cut = true;
    world.run(Duration::from_secs(31));
    assert_eq!(world.told(End::Server), [Output::Closed(CloseReason::NeverConnected)]);
    assert_eq!(world.told(End::Client), [Output::Closed(CloseReason::NeverConnected)]);
    assert_eq!(world.server.timeout(), None);
}

#[test]
fn another_certificate_than_the_described_one_ends_it() {
    let dialing = Peer::dial(config(1), &usual_lines());
    let forged = dialing.offer().replace(&host().identity.fingerprint, &["AB"; 32].join(":"));
    let (server, answer) = Peer::answer(config(2), &forged, Time::ZERO).expect("an offer");
    let client = dialing.connect(&answer, Time::ZERO).expect("an answer");
    let mut world = World::between(client, server);
    world.run(Duration::from_secs(3));
    assert!(world.told(End::Server).contains(&Output::Closed(CloseReason::Handshake)));
    assert!(!world.server.is_connected());
}

#[test]
fn a_goodbye_arrives() {
    let mut world = World::connected();
    let now = world.now;
    world.client.close(now);
    world.run(Duration::from_secs(1));
    assert_eq!(world.told(End::Server), [Output::Closed(CloseReason::ByPeer)]);
    assert_eq!(world.told(End::Client), [Output::Closed(CloseReason::Local)]);
    assert_eq!(world.server.timeout(), None);
}

#[test]
fn handshakes_of_strangers_are_not_begun() {
    let mut world = World::new();
    let stranger = "203.0.113.9:9".parse().expect("an address");
    let mut hello = vec![22; 200];
    let before = world.server.stats().dropped;
    world.server.datagram(stranger, &mut hello, Time::ZERO);
    assert_eq!(world.server.stats().dropped, before + 1);
    assert!(world.server.poll().is_none());
}

proptest::proptest! {
    #![proptest_config(proptest::test_runner::Config::with_cases(64))]

    #[test]
    fn whatever_comes_before_and_after_connecting_is_survived(
        mut datagrams in proptest::collection::vec(proptest::collection::vec(0u8..=255, 0..80), 1..20)
    ) {
        let mut world = World::new();
        for round in 0..2 {
            let from = world.client_at;
            let now = world.now;
            for datagram in &mut datagrams {
                world.server.datagram(from, datagram, now);
                world.client.datagram(SERVER, datagram, now);
                if let [first, ..] = &mut datagram[..] {
                    *first = [0, 22, 128, 144][usize::from(*first % 4)];
                }
                world.server.datagram(from, datagram, now);
                world.client.datagram(SERVER, datagram, now);
            }
            world.run(Duration::from_secs(3));
            assert!(round == 0 || world.server.is_connected());
        }
    }
}
