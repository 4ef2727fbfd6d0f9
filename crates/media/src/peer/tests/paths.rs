//! Silence, moving, restarting.

use std::time::Duration;

use super::world::*;
use crate::peer::{CloseReason, Output, stun_username};
use crate::sdp::OfferError;

#[test]
fn silence_is_told_and_so_is_its_end() {
    let mut world = World::connected();
    world.is_cut = true;
    world.run(Duration::from_secs(16));
    assert_eq!(world.told(End::Server), [Output::Interrupted]);
    world.is_cut = false;
    world.run(Duration::from_secs(7));
    assert_eq!(world.told(End::Server), [Output::Resumed]);
    assert!(world.server.is_connected());
}

#[test]
fn long_silence_ends_it() {
    let mut world = World::connected();
    world.is_cut = true;
    world.run(Duration::from_secs(45));
    for end in [End::Server, End::Client] {
        assert_eq!(world.told(end), [Output::Interrupted, Output::Closed(CloseReason::ConsentExpired)]);
    }
}

#[test]
fn media_counts_as_a_sign_of_life() {
    let mut world = World::connected();
    let stream = world.client.negotiated().lines[0].stream.expect("it sends");
    for second in 0..40u16 {
        world.send_rtp(End::Client, &header(111, second, stream.ssrc), &[], b"x");
        world.run(Duration::from_secs(1));
    }
    assert_eq!(world.told(End::Server), []);
}

#[test]
fn a_client_that_moves_is_followed_by_its_next_check() {
    let mut world = World::connected();
    let old = world.client_at;
    world.client_at = "198.51.100.7:50001".parse().expect("an address");
    let new = world.client_at;
    world.run(Duration::from_secs(7));
    assert_eq!(world.told(End::Server), [Output::Reachable(new), Output::PathChanged(new)]);
    assert_eq!(world.server.path(), Some(new));
    assert_ne!(old, new);
}

#[test]
fn ice_restarts_without_a_new_handshake() {
    let mut world = World::connected();
    let old = world.server.ufrag().to_owned();
    world.client_at = "198.51.100.99:50002".parse().expect("an address");
    let new_address = world.client_at;
    let reoffer = world.client.reoffer(true).expect("it dialed");
    let now = world.now;
    let answer = world.server.redescribe(reoffer.offer(), now).expect("an offer");
    assert_ne!(world.server.ufrag(), old);
    assert!(answer.contains(&format!("a=ice-ufrag:{}\r\n", world.server.ufrag())));
    world.client.reconnect(reoffer, &answer, now).expect("an answer");
    world.run(Duration::from_millis(100));
    assert_eq!(world.server.path(), Some(new_address));
    let stream = world.client.negotiated().lines[0].stream.expect("it sends");
    world.send_rtp(End::Client, &with_mid(header(111, 1, stream.ssrc), b"0"), b"0", b"x");
    world.run(Duration::from_secs(60));
    assert_eq!(world.received(End::Server).len(), 1);
    assert!(world.server.is_connected());
    assert_eq!(world.told(End::Server), [Output::Reachable(new_address), Output::PathChanged(new_address)]);
}

#[test]
fn renegotiation_keeps_credentials_streams_and_certificate() {
    let mut world = World::connected();
    let (ufrag, before) = (world.server.ufrag().to_owned(), world.server.negotiated().clone());
    let reoffer = world.client.reoffer(false).expect("it dialed");
    let now = world.now;
    let answer = world.server.redescribe(reoffer.offer(), now).expect("an offer");
    assert_eq!(world.server.ufrag(), ufrag);
    assert_eq!(world.server.negotiated(), &before);
    let other = reoffer.offer().replace(&host().identity.fingerprint, &["AB"; 32].join(":"));
    assert_eq!(world.server.redescribe(&other, now), Err(OfferError::OtherPeer));
    assert_eq!(world.client.redescribe(reoffer.offer(), now), Err(OfferError::OtherPeer));
    world.client.reconnect(reoffer, &answer, now).expect("an answer");
}

#[test]
fn a_check_names_whom_it_is_for() {
    let mut world = World::new();
    let now = world.now;
    world.client.handle_timeout(now);
    let Some(Output::Transmit { bytes, .. }) = world.client.poll() else { panic!("a check is due") };
    assert_eq!(stun_username(&bytes), Some(world.server.ufrag()));
    assert_eq!(stun_username(&bytes[..40]), None);
    assert_eq!(stun_username(&[]), None);
}
