//! Whatever comes, in whatever order: parsers give back what was written, and the server keeps its promises.

mod support;

use core::time::Duration;
use std::collections::BTreeMap;

use centrale_relay::stun::{Class, Frame, Message, Method, TransactionId, Writer, attribute, frame};
use centrale_relay::{Config, Limits, OpenWhen, PeerAddr, Verdict};
use proptest::prelude::*;
use support::*;

fn any_address() -> impl Strategy<Value = core::net::SocketAddr> {
    (any::<core::net::IpAddr>(), any::<u16>()).prop_map(|(ip, port)| core::net::SocketAddr::new(ip, port))
}

proptest! {
    #[test]
    fn any_bytes_parse_or_not_and_never_panic(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
        let _ = frame(&bytes);
        if let Ok(message) = Message::parse(&bytes) {
            let _ = (message.class(), message.method(), message.fingerprint(), message.has_integrity(b"key"));
            prop_assert!(message.attributes().all(|a| a.at + 4 + a.value.len() <= bytes.len()));
        }
        let mut world = World::new(config());
        let client = Client::udp("198.51.100.7:4000", "ann");
        prop_assert_eq!(world.server.datagram(client.addr, &bytes, world.now), Verdict::Nothing);
    }

    #[test]
    fn what_is_written_is_read_back(
        method in 0_u16..0x1000,
        class in 0..4,
        transaction in any::<[u8; 12]>(),
        attributes in proptest::collection::vec((0x100_u16..0x7000, proptest::collection::vec(any::<u8>(), 0..40)), 0..8),
        address in any_address(),
        key in proptest::collection::vec(any::<u8>(), 1..40),
    ) {
        let class = [Class::Request, Class::Indication, Class::Success, Class::Error][class as usize];
        let transaction = TransactionId(transaction);
        let writer = attributes.iter().fold(Writer::new(class, Method(method), transaction), |w, (kind, v)| w.attribute(*kind, v));
        let bytes = writer
            .xor_address(attribute::XOR_MAPPED_ADDRESS, address)
            .integrity(&key)
            .integrity_sha256(&key)
            .fingerprint()
            .finish();
        let message = Message::parse(&bytes).expect("what was written parses");
        prop_assert_eq!((message.class(), message.method(), message.transaction()), (class, Method(method), transaction));
        let read: Vec<_> = message.covered().filter(|a| a.kind != attribute::XOR_MAPPED_ADDRESS).map(|a| (a.kind, a.value.to_vec())).collect();
        prop_assert_eq!(read, attributes);
        prop_assert_eq!(support::address(&bytes, attribute::XOR_MAPPED_ADDRESS), address);
        prop_assert!(message.has_integrity(&key) && message.has_integrity_sha256(&key));
        prop_assert_eq!(message.fingerprint(), Some(true));
        prop_assert_eq!(frame(&bytes), Frame::Whole { message: bytes.len(), taken: bytes.len() });
    }
}

/// What can happen.
#[derive(Clone, Debug)]
enum Step {
    Allocate { who: usize, families: u8 },
    Refresh { who: usize, seconds: u32 },
    Permit { who: usize, peer: usize },
    Bind { who: usize, number: u16, peer: usize },
    ChannelData { who: usize, number: u16, size: usize },
    Send { who: usize, peer: usize, size: usize },
    FromPeer { relay: usize, peer: usize, size: usize },
    Pass { seconds: u64 },
    Disconnect { who: usize },
    Garble { who: usize, bytes: Vec<u8> },
}

fn any_step() -> impl Strategy<Value = Step> {
    let who = 0..4_usize;
    let peer = 0..6_usize;
    let number = 0x4000..0x4004_u16;
    prop_oneof![
        3 => (who.clone(), 0..4_u8).prop_map(|(who, families)| Step::Allocate { who, families }),
        1 => (who.clone(), prop_oneof![Just(0), Just(600), Just(3_600)]).prop_map(|(who, seconds)| Step::Refresh { who, seconds }),
        3 => (who.clone(), peer.clone()).prop_map(|(who, peer)| Step::Permit { who, peer }),
        4 => (who.clone(), number.clone(), peer.clone()).prop_map(|(who, number, peer)| Step::Bind { who, number, peer }),
        8 => (who.clone(), number, 0..300_usize).prop_map(|(who, number, size)| Step::ChannelData { who, number, size }),
        4 => (who.clone(), peer.clone(), 0..300_usize).prop_map(|(who, peer, size)| Step::Send { who, peer, size }),
        8 => (0..8_usize, peer, 0..300_usize).prop_map(|(relay, peer, size)| Step::FromPeer { relay, peer, size }),
        2 => prop_oneof![Just(1), Just(100), Just(299), Just(301), Just(599), Just(700)].prop_map(|seconds| Step::Pass { seconds }),
        1 => who.clone().prop_map(|who| Step::Disconnect { who }),
        1 => (who, proptest::collection::vec(any::<u8>(), 0..60)).prop_map(|(who, bytes)| Step::Garble { who, bytes }),
    ]
}

/// What ought to be true of one client, kept with plain maps.
#[derive(Clone, Default)]
struct Believed {
    ports: [Option<core::net::SocketAddr>; 2],
    expires: u64,
    permissions: BTreeMap<core::net::IpAddr, u64>,
    channels: BTreeMap<u16, (core::net::SocketAddr, u64)>,
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 256, ..ProptestConfig::default() })]

    #[test]
    fn the_server_forwards_exactly_what_a_simpler_server_would(
        steps in proptest::collection::vec(any_step(), 1..120),
        eager in any::<bool>(),
    ) {
        let open = if eager { OpenWhen::Allocated } else { OpenWhen::Permitted };
        let limits = Limits { stranger_answers_per_second: 0, stranger_answers_in_all: 0, ..Limits::default() };
        let mut world = World::new(Config { open, limits, nonce_lifetime: Duration::from_secs(1_000_000), ..config() });
        let outside = [addr("8.8.8.8:1"), addr("8.8.8.8:2"), addr("1.1.1.1:1"), addr("[2606:4700::1]:1"), addr("10.0.0.1:1")];
        let mut clients: Vec<Client> = (0..4).map(|n| Client::udp(&format!("198.51.100.{n}:4000"), &format!("user{n}"))).collect();
        let mut believed: Vec<Option<Believed>> = vec![None; 4];
        for client in &mut clients {
            client.meet(&mut world);
        }
        let mut relayed_bytes = 0;
        for step in steps {
            let now = world.now.as_secs();
            // Peer 5 is another client's relayed address, when it has one.
            let other = |who: usize| believed[(who + 1) % 4].as_ref().and_then(|b| b.ports[0]).unwrap_or(outside[0]);
            let peer_of = |who: usize, peer: usize| outside.get(peer).copied().unwrap_or_else(|| other(who));
            match step {
                Step::Allocate { who, families } => {
                    let answer = clients[who].ask(&mut world, Method::ALLOCATE, |w| match families {
                        0 | 1 => udp(w),
                        2 => udp(w).attribute(attribute::REQUESTED_ADDRESS_FAMILY, &[2, 0, 0, 0]),
                        _ => udp(w).attribute(attribute::ADDITIONAL_ADDRESS_FAMILY, &[2, 0, 0, 0]),
                    });
                    prop_assert_eq!(code(&answer), if believed[who].is_some() { 437 } else { 0 });
                    if believed[who].is_none() {
                        let mut fresh = Believed { expires: now + 600, ..Believed::default() };
                        let message = Message::parse(&answer).expect("a message");
                        for a in message.attributes().filter(|a| a.kind == attribute::XOR_RELAYED_ADDRESS) {
                            let at = attribute::read_xor_address(a.value, message.transaction()).expect("an address");
                            fresh.ports[usize::from(at.is_ipv6())] = Some(at);
                        }
                        believed[who] = Some(fresh);
                    }
                }
                Step::Refresh { who, seconds } => {
                    let got = clients[who].refresh(&mut world, seconds);
                    prop_assert_eq!(got, if believed[who].is_some() { 0 } else { 437 });
                    if seconds == 0 {
                        believed[who] = None;
                    } else if let Some(b) = &mut believed[who] {
                        b.expires = now + u64::from(seconds);
                    }
                }
                Step::Permit { who, peer } => {
                    let peer = peer_of(who, peer);
                    let got = clients[who].permit(&mut world, peer);
                    let expected = match &believed[who] {
                        None => 437,
                        Some(b) if b.ports[usize::from(peer.is_ipv6())].is_none() => 443,
                        Some(_) if peer.ip() == outside[4].ip() => 403,
                        Some(_) => 0,
                    };
                    prop_assert_eq!(got, expected);
                    if let (0, Some(b)) = (got, &mut believed[who]) {
                        b.permissions.insert(peer.ip(), now + 300);
                    }
                }
                Step::Bind { who, number, peer } => {
                    let peer = peer_of(who, peer);
                    let got = clients[who].bind(&mut world, number, peer);
                    let expected = match &mut believed[who] {
                        None => 437,
                        Some(b) if b.ports[usize::from(peer.is_ipv6())].is_none() => 443,
                        Some(_) if peer.ip() == outside[4].ip() => 403,
                        Some(b) => {
                            b.channels.retain(|_, (_, until)| *until > now);
                            let clash = b.channels.iter().any(|(n, (p, _))| (*n == number) != (*p == peer));
                            if clash { 400 } else { 0 }
                        }
                    };
                    prop_assert_eq!(got, expected);
                    if let (0, Some(b)) = (got, &mut believed[who]) {
                        b.permissions.insert(peer.ip(), now + 300);
                        b.channels.insert(number, (peer, now + 600));
                    }
                }
                Step::ChannelData { who, number, size } => {
                    let (verdict, replies) = world.give(clients[who].addr, &channel_data(number, &vec![1; size]));
                    prop_assert!(replies.is_empty());
                    let peer = believed[who].as_ref().and_then(|b| b.channels.get(&number)).filter(|(_, until)| *until > now);
                    relayed_bytes += check_up(&believed, &mut world, who, peer.map(|(peer, _)| *peer), verdict, 4..4 + size, now)?;
                }
                Step::Send { who, peer, size } => {
                    let peer = peer_of(who, peer);
                    let bytes = clients[who].send(peer, &vec![1; size]);
                    let (verdict, replies) = world.give(clients[who].addr, &bytes);
                    prop_assert!(replies.is_empty());
                    let permitted = believed[who].as_ref().and_then(|b| b.permissions.get(&peer.ip())).is_some_and(|until| *until > now);
                    let start = if peer.is_ipv4() { 36 } else { 48 };
                    relayed_bytes += check_up(&believed, &mut world, who, permitted.then_some(peer), verdict, start..start + size, now)?;
                }
                Step::FromPeer { relay, peer, size } => {
                    let relay = centrale_relay::RelayId(relay as u32);
                    let peer = outside.get(peer).copied().unwrap_or(outside[1]);
                    let local = world.server.local_address(relay);
                    let verdict = world.server.from_peer(relay, PeerAddr(peer), &vec![1; size], world.now);
                    let owner = believed.iter().position(|b| b.as_ref().is_some_and(|b| local.is_some() && b.ports.contains(&local)));
                    let permitted = relay.family() == centrale_relay::Family::of(peer.ip()) && owner.and_then(|o| believed[o].as_ref()).and_then(|b| b.permissions.get(&peer.ip())).is_some_and(|until| *until > now);
                    match verdict {
                        Verdict::ToClient { client, payload, .. } => {
                            prop_assert!(permitted);
                            prop_assert_eq!(client, clients[owner.expect("somebody's")].addr);
                            prop_assert_eq!(payload, 0..size);
                            relayed_bytes += size as u64;
                        }
                        other => {
                            prop_assert_eq!(other, Verdict::Nothing);
                            prop_assert!(!permitted);
                        }
                    }
                }
                Step::Pass { seconds } => {
                    world.pass(Duration::from_secs(seconds));
                    let now = world.now.as_secs();
                    for b in &mut believed {
                        if b.as_ref().is_some_and(|b| b.expires <= now) {
                            *b = None;
                        }
                    }
                }
                Step::Disconnect { who } => {
                    world.server.disconnected(clients[who].addr, world.now);
                    world.drain();
                    believed[who] = None;
                }
                Step::Garble { who, bytes } => {
                    prop_assume!(bytes.first().is_none_or(|first| first >> 6 != 1));
                    prop_assert_eq!(world.give(clients[who].addr, &bytes).0, Verdict::Nothing);
                }
            }
            prop_assert_eq!(world.server.allocation_count(), believed.iter().flatten().count());
        }
        // Nothing is left over, and the bill is right.
        world.server.close_all(world.now);
        world.drain();
        world.pass(Duration::from_secs(10_000));
        prop_assert_eq!(world.server.timeout(), None);
        let mut open = world.opened.clone();
        for closed in &world.closed {
            let at = open.iter().position(|relay| relay == closed);
            open.remove(at.expect("only what was opened is closed"));
        }
        prop_assert!(open.is_empty());
        let billed: u64 = world.usage.iter().map(|u| u.bytes_up + u.bytes_down).sum();
        let stats = world.server.stats();
        prop_assert_eq!(billed, stats.bytes_up + stats.bytes_down);
        prop_assert!(billed >= relayed_bytes);
        let mut ids: Vec<_> = world.usage.iter().map(|u| u.id).collect();
        ids.sort();
        ids.dedup();
        prop_assert_eq!(ids.len(), world.usage.len());
    }
}

/// Compares what happened to a client's bytes with what ought to; gives how many were relayed.
fn check_up(
    believed: &[Option<Believed>],
    world: &mut World,
    who: usize,
    peer: Option<core::net::SocketAddr>,
    verdict: Verdict,
    payload: core::ops::Range<usize>,
    now: u64,
) -> Result<u64, TestCaseError> {
    let size = payload.len() as u64;
    let Some(peer) = peer else {
        prop_assert_eq!(verdict, Verdict::Nothing);
        return Ok(0);
    };
    let mine = believed[who].as_ref().expect("a peer belongs to an allocation").ports[usize::from(peer.is_ipv6())];
    let is_ours = peer.ip() == addr("9.9.9.9:0").ip();
    if !is_ours {
        let Verdict::ToPeer { relay, to, payload: got, .. } = verdict else {
            return Err(TestCaseError::fail("towards the peer"));
        };
        prop_assert_eq!(world.server.local_address(relay), mine);
        prop_assert_eq!((to, got), (PeerAddr(peer), payload));
        return Ok(size);
    }
    let target = believed.iter().flatten().find(|b| b.ports[0] == Some(peer));
    let welcome = target.is_some_and(|b| b.permissions.get(&peer.ip()).is_some_and(|until| *until > now));
    match verdict {
        Verdict::ToClient { payload: got, .. } => {
            prop_assert!(welcome);
            prop_assert_eq!(got, payload);
            Ok(size * 2)
        }
        other => {
            prop_assert_eq!(other, Verdict::Nothing);
            prop_assert!(!welcome);
            Ok(size)
        }
    }
}
