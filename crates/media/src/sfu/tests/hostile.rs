//! Peers that mean no good.

use core::time::Duration;

use super::world::{CONFERENCE, World, who};
use super::{LAYERS, PLAIN, browser, simple, viewer};
use crate::command::{Command, Mode, RefusedBecause, Rights};
use crate::rtcp::write;
use crate::sdp::Kind;

#[test]
fn joins_that_never_finish_are_bounded_and_forgotten() {
    let mut world = World::with(|settings| settings.max_peers = 500);
    let mut refused = 0;
    for n in 0..600u32 {
        let offer = world.dial(&viewer()).offer().to_owned();
        let conference = crate::ConferenceId(centrale_model::CallId::from_u128(u128::from(n / 10)));
        let participant = who(n as usize);
        let (display_name, rights, mode) = (None, Rights::ALL, Mode::Auto);
        let join =
            Command::Join { conference, participant, epoch: 1, display_name, offer, rights, mode, is_echo: false };
        refused += usize::from(world.ask(join, participant, 1) == Err(RefusedBecause::Full));
    }
    assert_eq!((refused, world.sfu.peers()), (100, 500));
    world.run_until(40_000, |world| world.sfu.peers() == 0);
    assert_eq!((world.sfu.peers(), world.sfu.by_id.len(), world.sfu.by_ufrag.len()), (0, 0, 0));
}

#[test]
fn floods_of_wishes_and_questions_cost_the_sender_and_the_others_little() {
    let mut world = World::new();
    world.join(0, &simple());
    world.join(1, &viewer());
    world.join(2, &viewer());
    assert!(world.run_until(2000, |world| world.connected() == 3));
    world.clients[0].send(Kind::Video, 0, &PLAIN);
    world.run(2000);
    let keys = world.clients[0].sending[0].keys;
    let (media, newest) = {
        let (ssrc, got) = world.clients[1].got.iter().find(|(_, got)| !got.pictures.is_empty()).expect("pictures");
        (*ssrc, *got.numbers.last_key_value().expect("numbers").0 as u16)
    };
    let repeated = world.sfu.stats().repeated;
    for _ in 0..1000 {
        let mut out = Vec::new();
        (0..20).for_each(|_| write::pli(&mut out, 1, media));
        let all: Vec<u16> = (0..200).map(|back| newest.wrapping_sub(back)).collect();
        write::nack(&mut out, 1, media, &all);
        write::nack(&mut out, 1, 0xdead, &all);
        world.clients[1].rtcp(&out);
        world.run(1);
    }
    assert!(world.clients[0].sending[0].keys - keys <= 3, "{} key pictures", world.clients[0].sending[0].keys - keys);
    let repeated = world.sfu.stats().repeated - repeated;
    assert!(repeated <= 400, "{repeated} repetitions");
    let got = world.clients[2].got.values().find(|got| !got.pictures.is_empty()).expect("pictures");
    assert!(world.now - got.last_at < Duration::from_millis(100));
    assert!(got.completeness(10) >= 0.999);
}

#[test]
fn strangers_and_replays_change_nothing() {
    let mut world = World::new();
    world.join(0, &simple());
    world.join(1, &viewer());
    assert!(world.run_until(2000, |world| world.connected() == 2));
    world.clients[0].send(Kind::Audio, 0, &[(None, 0, 1, 80)]);
    world.run(500);
    let client = &mut world.clients[0];
    client.tick(world.now + Duration::from_millis(20));
    let datagram =
        client.outbox.iter().find(|bytes| bytes[0] >> 6 == 2 && bytes[1] < 192 | 128).cloned().expect("a packet");
    let from = client.address;
    let before = world.sfu.stats();
    world.intrude(from, datagram.clone());
    for _ in 0..100 {
        world.intrude(from, datagram.clone());
    }
    assert!(world.sfu.stats().received <= before.received + 1);
    for n in 0..200u8 {
        world.intrude("198.51.100.9:9".parse().expect("an address"), vec![n; usize::from(n)]);
    }
    assert!(world.sfu.stats().strangers >= before.strangers + 200);
    world.command(Command::Leave { conference: CONFERENCE, participant: who(7) });
    world.run(500);
    assert!(world.heard()[&(1, 0)] > 30);
}

#[test]
fn a_stranger_cannot_take_over_by_a_forged_check() {
    let mut world = World::new();
    world.join(0, &simple());
    world.join(1, &simple());
    assert!(world.run_until(2000, |world| world.connected() == 2));
    world.clients.iter_mut().for_each(|client| client.send(Kind::Audio, 0, &[(None, 0, 1, 80)]));
    world.run(500);
    let ufrag = world.sfu.by_ufrag.iter().find(|(_, at)| **at == 1).map(|(ufrag, _)| ufrag.clone()).expect("a name");
    let name = format!("{ufrag}:xxxx");
    // A binding request with the right name and no proof.
    let mut check = vec![0, 1, 0, 0, 0x21, 0x12, 0xa4, 0x42];
    check.extend_from_slice(&[9; 12]);
    check.extend_from_slice(&[0, 6]);
    check.extend_from_slice(&(name.len() as u16).to_be_bytes());
    check.extend_from_slice(name.as_bytes());
    check.resize(check.len().next_multiple_of(4), 0);
    let length = (check.len() - 20) as u16;
    check[2..4].copy_from_slice(&length.to_be_bytes());
    for _ in 0..50 {
        world.intrude("198.51.100.9:9".parse().expect("an address"), check.clone());
    }
    assert_eq!(world.sfu.by_address.find("198.51.100.9:9".parse().expect("an address")), None);
    let before = world.heard()[&(1, 0)];
    world.run(1000);
    assert!(world.heard()[&(1, 0)] > before + 40);
}

#[test]
fn nonsense_inside_the_encryption_is_survived() {
    let mut world = World::new();
    for n in 0..3 {
        world.join(n, &browser(2));
    }
    assert!(world.run_until(2000, |world| world.connected() == 3));
    for client in &mut world.clients {
        client.send(Kind::Video, 0, &LAYERS);
        client.send(Kind::Audio, 0, &[(None, 0, 1, 80)]);
    }
    world.run(1000);
    let mut chance = 7u64;
    let mut next = || {
        chance = chance.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (chance >> 33) as u32
    };
    let known: Vec<u32> = world.clients[1].got.keys().copied().collect();
    for round in 0..3000u32 {
        let length = next() as usize % 60 * 4 + 8;
        let mut compound: Vec<u8> = (0..length).map(|_| next() as u8).collect();
        compound[0] = 0x80 | (next() as u8 & 0x3f);
        compound[1] = 200 + (next() % 8) as u8;
        let words = if next() % 4 == 0 { next() as u16 } else { (length / 4 - 1) as u16 };
        compound[2..4].copy_from_slice(&words.to_be_bytes());
        if length >= 12 && next() % 2 == 0 {
            compound[8..12].copy_from_slice(&known[next() as usize % known.len()].to_be_bytes());
        }
        world.clients[1].rtcp(&compound);
        let payload: Vec<u8> = (0..next() % 40).map(|_| next() as u8).collect();
        let sending = next() as usize % world.clients[1].sending.len();
        world.clients[1].nonsense(sending, next() as u16, next() % 3 == 0, &payload);
        if round % 8 == 0 {
            world.run(1);
        }
    }
    let before = world.heard();
    world.run(1500);
    let after = world.heard();
    assert!(after[&(0, 2)] > before[&(0, 2)] + 100, "the others go on");
    assert!(after[&(2, 0)] > before[&(2, 0)] + 100, "the others go on");
}
