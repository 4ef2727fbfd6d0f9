//! Layers follow the path.

use super::world::World;
use super::{LAYERS, browser, simple};
use crate::sdp::Kind;

fn heights(world: &World, client: usize) -> Vec<u16> {
    let all = world.clients[client].got.values().flat_map(|got| got.heights.iter().copied());
    let mut all: Vec<_> = all.collect();
    all.sort_unstable();
    all.into_iter().map(|(_, height)| height).collect()
}

#[test]
fn a_path_that_shrinks_gets_smaller_pictures_and_recovers() {
    let mut world = World::new();
    world.join(0, &browser(1));
    world.join(1, &simple());
    assert!(world.run_until(2000, |world| world.connected() == 2));
    world.clients[0].send(Kind::Video, 0, &LAYERS);
    world.clients[0].send(Kind::Audio, 0, &[(None, 0, 1, 80)]);
    world.clients[1].down.kilobits = Some(5000);
    world.run(6000);
    assert_eq!(heights(&world, 1).last(), Some(&720));
    world.clients[1].down.kilobits = Some(400);
    world.run(6000);
    let low = *heights(&world, 1).last().expect("pictures");
    assert!(low <= 180, "{low}");
    let before = world.clients[1].got.values().filter(|got| got.heights.is_empty()).map(|got| got.numbers.len()).max();
    world.run(1000);
    let after = world.clients[1].got.values().filter(|got| got.heights.is_empty()).map(|got| got.numbers.len()).max();
    assert!(after.unwrap_or(0) >= before.unwrap_or(0) + 45, "voices are whole on a slow path: {before:?} {after:?}");
    world.clients[1].down.kilobits = Some(5000);
    world.run(20_000);
    assert_eq!(heights(&world, 1).last(), Some(&720));
    let got = world.clients[1].got.values().find(|got| !got.pictures.is_empty()).expect("pictures");
    // Across all the changes it is one stream: what was lost on the slow path was repaired, or given up.
    assert!(got.completeness(50) > 0.97, "{}", got.completeness(50));
}

#[test]
fn with_too_little_for_any_picture_voices_remain() {
    let mut world = World::new();
    world.join(0, &browser(1));
    world.join(1, &simple());
    assert!(world.run_until(2000, |world| world.connected() == 2));
    world.clients[0].send(Kind::Video, 0, &LAYERS);
    world.clients[0].send(Kind::Audio, 0, &[(None, 0, 1, 80)]);
    world.clients[1].down.kilobits = Some(110);
    world.run(12_000);
    let before = world.heard()[&(1, 0)];
    let pictures = |world: &World| -> usize { world.clients[1].got.values().map(|got| got.pictures.len()).sum() };
    let seen = pictures(&world);
    world.run(2000);
    let voices = world.heard()[&(1, 0)] - before;
    assert!(voices >= 90, "{voices} packets in two seconds");
    assert!(pictures(&world) - seen <= 20, "{} pictures", pictures(&world) - seen);
}

#[test]
fn a_layer_that_the_sender_stops_is_replaced() {
    let mut world = World::new();
    world.join(0, &browser(1));
    world.join(1, &simple());
    assert!(world.run_until(2000, |world| world.connected() == 2));
    world.clients[0].send(Kind::Video, 0, &LAYERS);
    world.run(5000);
    assert_eq!(heights(&world, 1).last(), Some(&720));
    world.clients[0].sending.retain(|sending| sending.height != 720);
    world.run(4000);
    assert_eq!(heights(&world, 1).last(), Some(&360));
}
