//! Who may ask: nonces, passwords, hours, algorithms, other people's allocations.

mod support;

use core::time::Duration;

use centrale_model::Timestamp;
use centrale_relay::stun::{Class, Method, Writer, attribute};
use centrale_relay::{Credential, LongTermKey, Output, Transport};
use support::*;

#[test]
fn a_challenge_is_small_and_has_no_integrity() {
    let mut world = World::new(config());
    let mut client = Client::udp("198.51.100.7:4000", "ann");
    let bare = Writer::new(Class::Request, Method::ALLOCATE, client.transaction());
    let answer = world.ask(client.addr, &udp(bare).finish());
    assert_eq!(code(&answer), 401);
    assert!(answer.len() <= 100, "{} bytes", answer.len());
    assert!(!has(&answer, attribute::MESSAGE_INTEGRITY));
    assert_eq!(value(&answer, attribute::PASSWORD_ALGORITHMS), [0, 2, 0, 0, 0, 1, 0, 0]);
}

#[test]
fn wrong_passwords_realms_and_names_are_refused() {
    let mut world = World::new(config());
    let mut client = Client::udp("198.51.100.7:4000", "ann");
    client.meet(&mut world);
    let good = client.key.clone();
    client.key = LongTermKey::md5(client.username.as_bytes(), REALM.as_bytes(), b"guess");
    assert_eq!(code(&client.ask(&mut world, Method::ALLOCATE, udp)), 401);
    client.key = good;
    for name in ["ann", "never:ann", ""] {
        client.username = name.into();
        assert_eq!(code(&client.ask(&mut world, Method::ALLOCATE, udp)), 401, "{name}");
    }
    assert_eq!(world.server.stats().refused_credentials, 4);
}

#[test]
fn an_expired_credential_is_refused() {
    let mut world = World::new(config());
    let mut client = Client::udp("198.51.100.7:4000", "ann");
    let credential = Credential::mint(SECRET, "ann", WALL, Duration::from_secs(60));
    client.key = LongTermKey::md5(credential.username.as_bytes(), REALM.as_bytes(), credential.password.as_bytes());
    client.username = credential.username;
    client.allocate(&mut world);
    world.pass(Duration::from_secs(51));
    assert_eq!(client.refresh(&mut world, 600), 401);
    assert_eq!(world.server.stats().refused_expired, 1);
    // The wall clock was wrong and is set back.
    world.server.set_wall_clock(Timestamp::from_secs(1_700_000_001), world.now);
    assert_eq!(client.refresh(&mut world, 600), 0);
}

#[test]
fn a_nonce_is_good_for_its_client_and_its_time_only() {
    let mut world = World::new(config());
    let mut client = Client::udp("198.51.100.7:4000", "ann");
    client.allocate(&mut world);
    let mut other = Client::udp("198.51.100.7:4001", "ann");
    other.nonce = client.nonce.clone();
    let answer = other.ask(&mut world, Method::ALLOCATE, udp);
    assert_eq!(code(&answer), 438);
    other.nonce = value(&answer, attribute::NONCE);
    assert_eq!(code(&other.ask(&mut world, Method::ALLOCATE, udp)), 0, "the answer holds a fresh one");
    assert_eq!(client.refresh(&mut world, 3_600), 0);
    world.pass(Duration::from_secs(601));
    assert_eq!(client.refresh(&mut world, 600), 438);
    client.nonce[20] ^= 1;
    assert_eq!(client.refresh(&mut world, 600), 438);
}

#[test]
fn sha256_is_spoken_when_the_list_comes_back_unaltered() {
    let mut world = World::new(config());
    let mut client = Client::udp("198.51.100.7:4000", "ann");
    client.meet(&mut world);
    let credential = Credential::mint(SECRET, "ann", WALL, Duration::from_secs(86_400));
    let md5 = client.key.clone();
    let sha256 = LongTermKey::sha256(credential.username.as_bytes(), REALM.as_bytes(), credential.password.as_bytes());
    let list = [0, 2, 0, 0, 0, 1, 0, 0];
    let choose = |algorithm: u8, list: &'static [u8]| {
        move |w: Writer| {
            udp(w)
                .attribute(attribute::PASSWORD_ALGORITHMS, list)
                .attribute(attribute::PASSWORD_ALGORITHM, &[0, algorithm, 0, 0])
        }
    };
    let list: &'static [u8] = Box::leak(Box::new(list));
    client.key = sha256;
    client.sha256 = true;
    // A list with the stronger one taken out, a choice without a list, a choice that was not offered: all downgrades.
    let bad = client.request(Method::ALLOCATE, choose(1, &[0, 1, 0, 0]));
    assert_eq!(code(&world.ask(client.addr, &bad)), 400);
    let bad = client.request(Method::ALLOCATE, choose(3, list));
    assert_eq!(code(&world.ask(client.addr, &bad)), 400);
    let bad = client.request(Method::ALLOCATE, |w| udp(w).attribute(attribute::PASSWORD_ALGORITHM, &[0, 2, 0, 0]));
    assert_eq!(code(&world.ask(client.addr, &bad)), 400);
    // A nonce whose feature bits were cleared is not ours.
    let kept = client.nonce.clone();
    client.nonce[9..13].copy_from_slice(b"AAAA");
    let bad = client.request(Method::ALLOCATE, udp);
    assert_eq!(code(&world.ask(client.addr, &bad)), 438);
    client.nonce = kept;
    assert_eq!(code(&client.ask(&mut world, Method::ALLOCATE, choose(2, list))), 0);
    // The same password with MD5 and with the older integrity, side by side.
    let mut old = Client::udp("198.51.100.7:4001", "ann");
    old.meet(&mut world);
    old.key = md5;
    assert_eq!(code(&old.ask(&mut world, Method::ALLOCATE, choose(1, list))), 0);
}

#[test]
fn another_users_allocation_is_not_to_be_touched() {
    let mut world = World::new(config());
    let mut ann = Client::udp("198.51.100.7:4000", "ann");
    ann.allocate(&mut world);
    let mut eve = Client::udp("198.51.100.7:4000", "eve");
    eve.meet(&mut world);
    assert_eq!(eve.refresh(&mut world, 0), 441);
    assert_eq!(eve.permit(&mut world, addr("8.8.8.8:1")), 441);
    assert_eq!(world.server.allocation_count(), 1);
}

#[test]
fn requests_without_an_allocation_are_a_mismatch() {
    let mut world = World::new(config());
    let mut client = Client::udp("198.51.100.7:4000", "ann");
    client.meet(&mut world);
    assert_eq!(client.refresh(&mut world, 600), 437);
    assert_eq!(client.permit(&mut world, addr("8.8.8.8:1")), 437);
    assert_eq!(client.bind(&mut world, 0x4000, addr("8.8.8.8:1")), 437);
}

#[test]
fn integrity_without_a_name_is_a_bad_request() {
    let mut world = World::new(config());
    let mut client = Client::udp("198.51.100.7:4000", "ann");
    let request = Writer::new(Class::Request, Method::ALLOCATE, client.transaction()).integrity(b"key").finish();
    assert_eq!(code(&world.ask(client.addr, &request)), 400);
}

#[test]
fn strangers_are_rationed_by_source_over_udp_only() {
    let mut world = World::new(config());
    let mut client = Client::udp("198.51.100.7:4000", "ann");
    let request =
        |client: &mut Client| udp(Writer::new(Class::Request, Method::ALLOCATE, client.transaction())).finish();
    let bytes = request(&mut client);
    let answers = (0..1_000).filter(|_| !world.give(client.addr, &bytes).1.is_empty()).count();
    assert_eq!(answers, 200, "a burst of four seconds");
    assert_eq!(world.server.stats().stranger_limited, 800);
    let mut elsewhere = Client::udp("198.51.100.8:4000", "ann");
    elsewhere.meet(&mut world);
    let tcp = centrale_relay::ClientAddr { transport: Transport::Tcp, ..client.addr };
    assert!((0..1_000).all(|_| !world.give(tcp, &bytes).1.is_empty()));
    world.pass(Duration::from_secs(1));
    let answers = (0..1_000).filter(|_| !world.give(client.addr, &bytes).1.is_empty()).count();
    assert_eq!(answers, 50);
}

#[test]
fn a_revoked_user_is_put_out_and_stays_out_until_then() {
    let mut world = World::new(config());
    let mut ann = Client::udp("198.51.100.7:4000", "ann");
    let mut ben = Client::udp("198.51.100.8:4000", "ben");
    ann.allocate(&mut world);
    ben.allocate(&mut world);
    let tcp = centrale_relay::ClientAddr { transport: Transport::Tcp, ..ann.addr };
    let mut ann_too = Client::new(tcp, "ann");
    ann_too.allocate(&mut world);
    let until = world.now + Duration::from_secs(100);
    world.server.revoke("ann", until, world.now);
    world.drain();
    assert_eq!(world.server.allocation_count(), 1);
    assert_eq!(world.others, [Output::Disconnect { client: tcp }]);
    assert_eq!(code(&ann.ask(&mut world, Method::ALLOCATE, udp)), 401);
    world.pass(Duration::from_secs(100));
    assert_eq!(code(&ann.ask(&mut world, Method::ALLOCATE, udp)), 0);
}
