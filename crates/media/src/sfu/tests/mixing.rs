//! One stream of each kind for those who can take no more.

use serde_json::json;

use super::world::{World, who};
use super::{browser, line, simple};
use crate::command::{Event, Mode};
use crate::sdp::Kind;

#[test]
fn who_asks_for_a_mix_hears_one_stream_and_is_told() {
    let mut world = World::new();
    world.join(0, &browser(2));
    world.join(1, &browser(2));
    world.join_as(2, 1, &browser(2), Mode::Mixed, false).expect("answered");
    assert!(world.run_until(3000, |world| world.connected() == 3));
    for client in &mut world.clients[..2] {
        client.send(Kind::Audio, 0, &[(None, 0, 1, 80)]);
    }
    world.run(3000);
    let voices: Vec<_> =
        world.clients[2].got.values().filter(|got| got.heights.is_empty() && !got.numbers.is_empty()).collect();
    assert_eq!(voices.len(), 1);
    let receives = world
        .events
        .iter()
        .rfind(|event| matches!(event, Event::Receives { participant, .. } if *participant == who(2)));
    assert!(matches!(receives, Some(Event::Receives { mode: Mode::Mixed, .. })), "{receives:?}");
    let mode = world.clients[2].told.iter().rfind(|told| told["type"] == "mode").expect("told");
    assert_eq!(mode["mode"], "mixed");
    let slots = world.clients[2].told.iter().rfind(|told| told["type"] == "slots").expect("told");
    assert_eq!(slots["slots"][0], json!({"mid": "0", "source": "mix"}));
}

#[test]
fn whoever_can_take_one_stream_only_is_mixed_when_two_others_speak() {
    let mut world = World::new();
    world.join_as(0, 1, &[line(Kind::Audio, true, true, &[])], Mode::Auto, false).expect("answered");
    world.join(1, &simple());
    assert!(world.run_until(3000, |world| world.connected() == 2));
    world.clients[1].send(Kind::Audio, 0, &[(None, 0, 1, 80)]);
    world.run(1000);
    let mode = |world: &World| match world
        .events
        .iter()
        .rfind(|event| matches!(event, Event::Receives { participant, .. } if *participant == who(0)))
    {
        Some(Event::Receives { mode, .. }) => Some(*mode),
        _ => None,
    };
    assert_eq!(mode(&world), Some(Mode::Forwarded));
    world.join(2, &simple());
    assert!(world.run_until(3000, |world| world.connected() == 3));
    world.clients[2].send(Kind::Audio, 0, &[(None, 0, 1, 80)]);
    world.run(1000);
    assert_eq!(mode(&world), Some(Mode::Mixed));
}
