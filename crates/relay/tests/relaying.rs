//! Permissions, channels, indications: exactly what goes where.

mod support;

use core::time::Duration;

use centrale_relay::stun::{Class, Message, Method, attribute};
use centrale_relay::{ClientAddr, Head, PeerAddr, RelayAddress, RelayId, Transport, Verdict};
use support::*;

fn to_peer(relay: RelayId, to: &str, payload: core::ops::Range<usize>) -> Verdict {
    Verdict::ToPeer { relay, to: PeerAddr(addr(to)), payload, dont_fragment: false }
}

fn head(verdict: &Verdict) -> Head {
    match verdict {
        Verdict::ToClient { head, .. } => *head,
        other => panic!("towards a client, not {other:?}"),
    }
}

#[test]
fn channel_data_goes_both_ways_and_only_while_bound() {
    let mut world = World::new(config());
    let mut client = Client::udp("198.51.100.7:4000", "ann");
    client.allocate(&mut world);
    let peer = addr("8.8.8.8:5000");
    assert_eq!(client.bind(&mut world, 0x4001, peer), 0);
    let relay = world.opened[0];

    let (verdict, replies) = world.give(client.addr, &channel_data(0x4001, b"hello"));
    assert_eq!((verdict, replies.len()), (to_peer(relay, "8.8.8.8:5000", 4..9), 0));
    // Over UDP what follows the length is padding.
    let (verdict, _) = world.give(client.addr, &[0x40, 1, 0, 1, 7, 0, 0, 0]);
    assert_eq!(verdict, to_peer(relay, "8.8.8.8:5000", 4..5));
    let (verdict, _) = world.give(client.addr, &[0x40, 1, 0, 5, 7]);
    assert_eq!(verdict, Verdict::Nothing, "shorter than it says");
    let (verdict, _) = world.give(client.addr, &channel_data(0x4002, b"hello"));
    assert_eq!(verdict, Verdict::Nothing, "bound to nobody");

    let verdict = world.server.from_peer(relay, PeerAddr(peer), b"hello", world.now);
    assert_eq!(head(&verdict).as_bytes(), [0x40, 1, 0, 5]);
    assert_eq!(head(&verdict).padding(), 0);
    assert_eq!(verdict, Verdict::ToClient { client: client.addr, head: head(&verdict), payload: 0..5 });

    // The permission lapses before the channel does; then the channel.
    world.pass(Duration::from_secs(301));
    assert_eq!(world.server.from_peer(relay, PeerAddr(peer), b"hello", world.now), Verdict::Nothing);
    assert_eq!(client.bind(&mut world, 0x4001, peer), 0);
    assert_ne!(world.server.from_peer(relay, PeerAddr(peer), b"hello", world.now), Verdict::Nothing);
    client.meet(&mut world);
    assert_eq!(client.refresh(&mut world, 3_600), 0);
    world.pass(Duration::from_secs(600));
    let (verdict, _) = world.give(client.addr, &channel_data(0x4001, b"hello"));
    assert_eq!(verdict, Verdict::Nothing);
}

#[test]
fn send_and_data_indications_say_the_peer() {
    let mut world = World::new(config());
    let mut client = Client::udp("198.51.100.7:4000", "ann");
    client.allocate(&mut world);
    let send = client.send(addr("8.8.8.8:5000"), b"hello");
    assert_eq!(world.give(client.addr, &send), (Verdict::Nothing, vec![]), "no permission, no answer");
    assert_eq!(client.permit(&mut world, addr("8.8.8.8:1")), 0);
    let relay = world.opened[0];
    let (verdict, replies) = world.give(client.addr, &send);
    // Header 20, XOR-PEER-ADDRESS 12, head of DATA 4.
    assert_eq!((verdict, replies.len()), (to_peer(relay, "8.8.8.8:5000", 36..41), 0));

    let peer = addr("8.8.8.8:777");
    let verdict = world.server.from_peer(relay, PeerAddr(peer), b"hello", world.now);
    let mut bytes = head(&verdict).as_bytes().to_vec();
    bytes.extend_from_slice(b"hello");
    bytes.resize(bytes.len() + head(&verdict).padding(), 0);
    let message = Message::parse(&bytes).expect("a message");
    assert_eq!((message.class(), message.method()), (Class::Indication, Method::DATA));
    assert_eq!(address(&bytes, attribute::XOR_PEER_ADDRESS), peer);
    assert_eq!(message.get(attribute::DATA), Some(&b"hello"[..]));
    let stranger = PeerAddr(addr("8.8.4.4:777"));
    assert_eq!(world.server.from_peer(relay, stranger, b"hello", world.now), Verdict::Nothing);
    assert_eq!(world.server.stats().dropped_no_permission, 2);
}

#[test]
fn dont_fragment_is_passed_on() {
    let mut world = World::new(config());
    let mut client = Client::udp("198.51.100.7:4000", "ann");
    client.allocate(&mut world);
    assert_eq!(client.permit(&mut world, addr("8.8.8.8:1")), 0);
    let send = centrale_relay::stun::Writer::new(Class::Indication, Method::SEND, client.transaction())
        .xor_address(attribute::XOR_PEER_ADDRESS, addr("8.8.8.8:5000"))
        .attribute(attribute::DONT_FRAGMENT, &[])
        .attribute(attribute::DATA, b"hi")
        .finish();
    let (verdict, _) = world.give(client.addr, &send);
    assert!(matches!(verdict, Verdict::ToPeer { dont_fragment: true, .. }));
}

#[test]
fn a_channel_and_a_peer_belong_to_one_another() {
    let mut world = World::new(config());
    let mut client = Client::udp("198.51.100.7:4000", "ann");
    client.allocate(&mut world);
    let (one, two) = (addr("8.8.8.8:1"), addr("8.8.8.8:2"));
    assert_eq!(client.bind(&mut world, 0x4000, one), 0);
    assert_eq!(client.bind(&mut world, 0x4000, one), 0, "again is a refresh");
    assert_eq!(client.bind(&mut world, 0x4000, two), 400);
    assert_eq!(client.bind(&mut world, 0x4001, one), 400);
    assert_eq!(client.bind(&mut world, 0x4001, two), 0);
    for number in [0, 0x3FFF, 0x8000, 0xFFFF] {
        assert_eq!(client.bind(&mut world, number, addr("8.8.8.8:3")), 400);
    }
    assert_eq!(client.bind(&mut world, 0x4002, addr("[2606:4700::1]:1")), 443);
}

#[test]
fn several_permissions_are_given_together_or_not_at_all() {
    let mut world = World::new(config());
    let mut client = Client::udp("198.51.100.7:4000", "ann");
    client.allocate(&mut world);
    let ask = |client: &mut Client, world: &mut World, peers: &[&str]| {
        code(&client.ask(world, Method::CREATE_PERMISSION, |w| {
            peers.iter().fold(w, |w, peer| w.xor_address(attribute::XOR_PEER_ADDRESS, addr(peer)))
        }))
    };
    assert_eq!(ask(&mut client, &mut world, &[]), 400);
    assert_eq!(ask(&mut client, &mut world, &["8.8.8.8:0", "192.168.1.1:0"]), 403);
    let send = client.send(addr("8.8.8.8:5000"), b"hello");
    assert_eq!(world.give(client.addr, &send).0, Verdict::Nothing);
    assert_eq!(ask(&mut client, &mut world, &["8.8.8.8:0", "1.1.1.1:0"]), 0);
    assert_ne!(world.give(client.addr, &send).0, Verdict::Nothing);
}

#[test]
fn inner_addresses_and_our_own_listeners_are_refused() {
    let ip = addr("10.0.0.9:0").ip();
    let relay_v4 = Some(RelayAddress { local: ip, advertised: ip });
    let listeners = vec![addr("9.9.9.9:3478"), addr("0.0.0.0:3479")];
    let mut world = World::new(centrale_relay::Config { relay_v4, listeners, ..config() });
    let mut client = Client::udp("198.51.100.7:4000", "ann");
    client.allocate(&mut world);
    for peer in ["127.0.0.1:80", "10.0.0.1:80", "169.254.169.254:80", "0.0.0.0:80", "9.9.9.9:3478", "10.0.0.9:22"] {
        assert_eq!(client.bind(&mut world, 0x4000, addr(peer)), 403, "{peer}");
    }
    // Our address is permitted for the sake of other relayed addresses, and only for theirs.
    assert_eq!(client.permit(&mut world, addr("10.0.0.9:0")), 0);
    assert_eq!(client.permit(&mut world, addr("9.9.9.9:0")), 0);
    for peer in ["10.0.0.9:3479", "10.0.0.9:22", "9.9.9.9:3478"] {
        let send = client.send(addr(peer), b"hello");
        assert_eq!(world.give(client.addr, &send).0, Verdict::Nothing, "{peer}");
    }
    let send = client.send(addr("9.9.9.9:3479"), b"hello");
    assert_ne!(world.give(client.addr, &send).0, Verdict::Nothing, "not an address of this machine");
}

#[test]
fn two_allocations_here_are_one_hop_apart() {
    let mut world = World::new(config());
    let mut ann = Client::udp("198.51.100.7:4000", "ann");
    let mut ben = Client::udp("198.51.100.8:4000", "ben");
    let (at_ann, at_ben) = (ann.allocate(&mut world), ben.allocate(&mut world));
    assert_eq!(ann.bind(&mut world, 0x4001, at_ben), 0);
    let (verdict, _) = world.give(ann.addr, &channel_data(0x4001, b"hello"));
    assert_eq!(verdict, Verdict::Nothing, "ben has not permitted it");
    assert_eq!(ben.bind(&mut world, 0x4777, at_ann), 0);
    let (verdict, _) = world.give(ann.addr, &channel_data(0x4001, b"hello"));
    assert_eq!(head(&verdict).as_bytes(), [0x47, 0x77, 0, 5]);
    assert_eq!(verdict, Verdict::ToClient { client: ben.addr, head: head(&verdict), payload: 4..9 });
    let stats = *world.server.stats();
    assert_eq!((stats.packets_up, stats.packets_down, stats.packets_across), (2, 1, 1));
    assert_eq!((stats.bytes_up, stats.bytes_down), (10, 5));
}

#[test]
fn behind_a_one_to_one_nat_the_advertised_address_is_what_counts() {
    let relay = RelayAddress { local: addr("10.0.0.5:0").ip(), advertised: addr("9.9.9.9:0").ip() };
    let mut world = World::new(centrale_relay::Config { relay_v4: Some(relay), ..config() });
    let mut client = Client::udp("198.51.100.7:4000", "ann");
    let relayed = client.allocate(&mut world);
    assert_eq!(relayed.ip(), relay.advertised);
    // A relayed address of another machine of this node is reached where its socket is, and its packets are told as advertised.
    assert_eq!(client.bind(&mut world, 0x4000, addr("9.9.9.9:50150")), 0);
    let id = world.opened[0];
    assert_eq!(world.server.local_address(id), Some(core::net::SocketAddr::new(relay.local, relayed.port())));
    let (verdict, _) = world.give(client.addr, &channel_data(0x4000, b"hello"));
    assert_eq!(verdict, to_peer(id, "10.0.0.5:50150", 4..9));
    let verdict = world.server.from_peer(id, PeerAddr(addr("10.0.0.5:50150")), b"hello", world.now);
    assert_eq!(head(&verdict).as_bytes(), [0x40, 0, 0, 5]);
    assert_eq!(client.bind(&mut world, 0x4001, addr("10.0.0.5:50150")), 403);
}

#[test]
fn stream_clients_get_padding() {
    let mut world = World::new(config());
    let tcp = ClientAddr { addr: addr("198.51.100.7:4000"), transport: Transport::Tcp, door: 3 };
    let mut client = Client::new(tcp, "ann");
    client.allocate(&mut world);
    assert_eq!(client.bind(&mut world, 0x4001, addr("8.8.8.8:5000")), 0);
    for (length, padding) in [(0, 0), (1, 3), (2, 2), (3, 1), (4, 0), (5, 3)] {
        let verdict =
            world.server.from_peer(world.opened[0], PeerAddr(addr("8.8.8.8:5000")), &vec![1; length], world.now);
        assert_eq!(head(&verdict).as_bytes(), [0x40, 1, 0, length as u8]);
        assert_eq!(head(&verdict).padding(), padding);
    }
}

#[test]
fn what_is_no_message_is_dropped_and_counted() {
    let mut world = World::new(config());
    let client = Client::udp("198.51.100.7:4000", "ann");
    let inputs: [&[u8]; 6] = [b"", b"GET / HTTP/1.1", &[0; 20], &[0x40], &[0x40, 0, 0, 1, 1], &[0x80; 40]];
    for input in inputs {
        assert_eq!(world.give(client.addr, input), (Verdict::Nothing, vec![]));
    }
    let stats = world.server.stats();
    assert_eq!((stats.garbage, stats.dropped_no_allocation), (5, 1));
}
