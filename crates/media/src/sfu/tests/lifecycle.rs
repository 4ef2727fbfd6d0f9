//! Joining, leaving, coming again; limits; who is told what.

use serde_json::json;

use super::world::{CONFERENCE, World, who};
use super::{PLAIN, browser, simple, viewer};
use crate::command::{Command, Event, Mode, RefusedBecause, Rights, Summary};
use crate::sdp::Kind;

#[test]
fn a_new_epoch_takes_over_when_it_is_connected_and_not_before() {
    let mut world = World::new();
    world.join(0, &simple());
    world.join(1, &simple());
    assert!(world.run_until(2000, |world| world.connected() == 2));
    world.clients.iter_mut().for_each(|client| client.send(Kind::Audio, 0, &[(None, 0, 1, 80)]));
    world.run(500);
    let next = world.join_as(0, 2, &simple(), Mode::Forwarded, false).expect("answered");
    assert!(!world.clients[0].closed, "the old one goes on until the new one is up");
    assert!(world.run_until(2000, |world| world.connected() == 3));
    world.clients[next].send(Kind::Audio, 0, &[(None, 0, 1, 80)]);
    world.run(1000);
    assert!(world.clients[0].closed, "the old one was told");
    assert_eq!(world.sfu.peers(), 2);
    assert_eq!(world.count(|event| matches!(event, Event::Gone { .. })), 0);
    assert!(world.heard()[&(next, 1)] > 30);
    let before = world.heard()[&(1, 0)];
    world.run(500);
    assert!(world.heard()[&(1, 0)] > before + 15);
    // An older epoch is refused.
    assert_eq!(world.join_as(0, 1, &simple(), Mode::Forwarded, false), Err(RefusedBecause::Unknown));
}

#[test]
fn leaving_ends_streams_and_the_last_one_takes_the_conference_along() {
    let mut world = World::new();
    for n in 0..3 {
        world.join(n, &browser(2));
    }
    assert!(world.run_until(2000, |world| world.connected() == 3));
    world.clients.iter_mut().for_each(|client| client.send(Kind::Audio, 0, &[(None, 0, 1, 80)]));
    world.run(1000);
    world.command(Command::Leave { conference: CONFERENCE, participant: who(2) });
    world.run(300);
    assert!(world.clients[2].closed);
    let slots = world.clients[0].told.iter().rfind(|told| told["type"] == "slots").expect("it was told");
    let people: Vec<_> = slots["slots"].as_array().expect("a list").iter().map(|slot| &slot["participant"]).collect();
    assert_eq!(people, [&json!(who(1))]);
    world.command(Command::Ask { conference: CONFERENCE });
    let summary = Summary { participants: vec![(who(0), 1, true), (who(1), 1, true)] };
    let answer = Event::Summary { conference: CONFERENCE, summary: Some(summary) };
    assert_eq!(world.events.pop(), Some(answer));
    world.command(Command::Close { conference: CONFERENCE });
    assert_eq!((world.sfu.peers(), world.sfu.by_id.len(), world.sfu.dirty.len()), (0, 0, 0));
    assert!(world.sfu.tracks.iter().all(Option::is_none));
    assert!(world.sfu.by_ufrag.is_empty());
    world.command(Command::Ask { conference: CONFERENCE });
    assert_eq!(world.events.pop(), Some(Event::Summary { conference: CONFERENCE, summary: None }));
}

#[test]
fn a_repeated_join_gets_the_same_answer_and_full_conferences_refuse() {
    let mut world = World::with(|settings| settings.max_participants = 2);
    let dialing = world.dial(&simple());
    let join = Command::Join {
        conference: CONFERENCE,
        participant: who(0),
        epoch: 1,
        display_name: None,
        offer: dialing.offer().to_owned(),
        rights: Rights::ALL,
        mode: Mode::Auto,
        is_echo: false,
    };
    let first = world.ask(join.clone(), who(0), 1).expect("answered");
    assert_eq!(world.ask(join, who(0), 1), Ok(first));
    assert_eq!(world.sfu.peers(), 1);
    world.join(1, &simple());
    assert_eq!(world.join_as(2, 1, &simple(), Mode::Auto, false), Err(RefusedBecause::Full));
    let bad = Command::Join {
        conference: CONFERENCE,
        participant: who(1),
        epoch: 2,
        display_name: None,
        offer: "v=0".into(),
        rights: Rights::ALL,
        mode: Mode::Auto,
        is_echo: false,
    };
    assert_eq!(world.ask(bad, who(1), 2), Err(RefusedBecause::BadOffer));
}

#[test]
fn somebody_who_vanishes_is_interrupted_and_then_gone() {
    let mut world = World::new();
    world.join(0, &simple());
    world.join(1, &simple());
    assert!(world.run_until(2000, |world| world.connected() == 2));
    world.clients[1].up.loss_percent = 100;
    world.clients[1].down.loss_percent = 100;
    world.run(10_000);
    assert_eq!(world.count(|event| *event == Event::Interrupted { conference: CONFERENCE, participant: who(1) }), 1);
    assert_eq!(world.count(|event| matches!(event, Event::Gone { .. })), 0);
    world.run(35_000);
    let gone = Event::Gone { conference: CONFERENCE, participant: who(1), epoch: 1 };
    assert_eq!(world.count(|event| *event == gone), 1);
    assert_eq!(world.sfu.peers(), 1);
}

#[test]
fn a_client_that_changes_its_address_goes_on() {
    let mut world = World::new();
    world.join(0, &simple());
    world.join(1, &simple());
    assert!(world.run_until(2000, |world| world.connected() == 2));
    world.clients.iter_mut().for_each(|client| client.send(Kind::Audio, 0, &[(None, 0, 1, 80)]));
    world.run(1000);
    world.clients[1].address = "10.9.9.9:5555".parse().expect("an address");
    world.run(4000);
    let before = world.heard();
    world.run(1000);
    let after = world.heard();
    assert!(after[&(1, 0)] > before[&(1, 0)] + 30, "it receives at its new address");
    assert!(after[&(0, 1)] > before[&(0, 1)] + 30, "it is heard from its new address");
}

#[test]
fn storms_of_joins_and_leaves_leave_nothing_behind() {
    let mut world = World::new();
    world.join(100, &simple());
    assert!(world.run_until(2000, |world| world.connected() == 1));
    world.clients[0].send(Kind::Video, 0, &PLAIN);
    world.clients[0].send(Kind::Audio, 0, &[(None, 0, 1, 80)]);
    let idle = world.references();
    for round in 0..6 {
        for n in 0..8 {
            let at = world.join(n, &viewer());
            if n % 2 == 0 {
                world.run(40);
            }
            if n % 3 == 0 {
                world.command(Command::Leave { conference: CONFERENCE, participant: who(n) });
                world.clients[at].peer.close(world.now);
            }
        }
        world.run(500);
        for n in 0..8 {
            world.command(Command::Leave { conference: CONFERENCE, participant: who(n) });
        }
        world.run(200);
        assert_eq!(world.sfu.peers(), 1, "round {round}");
    }
    assert_eq!(world.references(), idle);
    assert!(world.sfu.seats.len() <= 10 && world.sfu.tracks.len() <= 4);
    let subscribers: usize = world.sfu.tracks.iter().flatten().map(|track| track.subscribers.len()).sum();
    assert_eq!(subscribers, 0);
}
