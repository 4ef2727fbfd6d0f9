//! Allocations: made, repeated, prolonged, ended.

mod support;

use core::time::Duration;

use centrale_relay::stun::{Class, Method, Writer, attribute};
use centrale_relay::{OpenWhen, Output, Server, Verdict};
use support::*;

const V4: [u8; 4] = [1, 0, 0, 0];
const V6: [u8; 4] = [2, 0, 0, 0];

#[test]
fn a_binding_request_is_told_its_address_and_nothing_is_left_over() {
    let mut world = World::new(config());
    let mut client = Client::udp("198.51.100.7:4000", "ann");
    let request = Writer::new(Class::Request, Method::BINDING, client.transaction()).fingerprint().finish();
    let answer = world.ask(client.addr, &request);
    let expected = Writer::new(
        Class::Success,
        Method::BINDING,
        centrale_relay::stun::TransactionId(*b"\0\0\0\0\0\0\0\0\0\0\0\x01"),
    )
    .xor_address(attribute::XOR_MAPPED_ADDRESS, client.addr.addr)
    .fingerprint()
    .finish();
    assert_eq!(answer, expected);
    assert_eq!(world.server.timeout(), None);
}

#[test]
fn an_allocation_has_an_address_of_ours_and_the_default_lifetime() {
    let mut world = World::new(config());
    let mut client = Client::udp("198.51.100.7:4000", "ann");
    client.meet(&mut world);
    let answer = client.ask(&mut world, Method::ALLOCATE, udp);
    let relayed = address(&answer, attribute::XOR_RELAYED_ADDRESS);
    assert_eq!(relayed.ip(), addr("9.9.9.9:0").ip());
    assert!((50_000..50_100).contains(&relayed.port()));
    assert_eq!(address(&answer, attribute::XOR_MAPPED_ADDRESS), client.addr.addr);
    assert_eq!(value(&answer, attribute::LIFETIME), 600_u32.to_be_bytes());
    assert_eq!(world.server.allocation_count(), 1);
    assert!(world.opened.is_empty(), "nobody may speak to it yet");
}

#[test]
fn a_repeated_allocate_is_answered_alike_and_another_one_is_a_mismatch() {
    let mut world = World::new(config());
    let mut client = Client::udp("198.51.100.7:4000", "ann");
    client.meet(&mut world);
    let request = client.request(Method::ALLOCATE, udp);
    let first = world.ask(client.addr, &request);
    assert_eq!(world.ask(client.addr, &request), first);
    assert_eq!(world.server.allocation_count(), 1);
    assert_eq!(code(&client.ask(&mut world, Method::ALLOCATE, udp)), 437);
}

#[test]
fn allocation_ends_when_lifetime_passes() {
    let mut world = World::new(config());
    let mut client = Client::udp("198.51.100.7:4000", "ann");
    client.allocate(&mut world);
    assert_eq!(client.permit(&mut world, addr("8.8.8.8:1")), 0);
    world.pass(Duration::from_secs(599));
    assert_eq!(world.server.allocation_count(), 1);
    world.pass(Duration::from_secs(1));
    assert_eq!(world.server.allocation_count(), 0);
    assert_eq!(world.closed, world.opened);
    assert_eq!(world.usage.len(), 1);
    assert!(world.usage[0].is_last);
    assert_eq!(world.server.timeout(), None, "nothing left over");
}

#[test]
fn refresh_prolongs_within_bounds_and_zero_ends() {
    let mut world = World::new(config());
    let mut client = Client::udp("198.51.100.7:4000", "ann");
    client.allocate(&mut world);
    let lifetime =
        |answer: Vec<u8>| u32::from_be_bytes(value(&answer, attribute::LIFETIME).try_into().expect("four bytes"));
    for (asked, given) in [(1, 600), (1_000, 1_000), (1_000_000, 3_600)] {
        let answer = client.ask(&mut world, Method::REFRESH, |w| w.number(attribute::LIFETIME, asked));
        assert_eq!(lifetime(answer), given);
    }
    world.pass(Duration::from_secs(590));
    client.meet(&mut world);
    assert_eq!(client.refresh(&mut world, 0), 0);
    assert_eq!(world.server.allocation_count(), 0);
    assert_eq!(client.refresh(&mut world, 0), 437);
    world.pass(Duration::from_secs(4_000));
    assert_eq!(world.server.timeout(), None);
}

#[test]
fn both_families_are_lent_together_or_one_by_one() {
    let mut world = World::new(config());
    let mut client = Client::udp("198.51.100.7:4000", "ann");
    client.meet(&mut world);
    let answer =
        client.ask(&mut world, Method::ALLOCATE, |w| udp(w).attribute(attribute::ADDITIONAL_ADDRESS_FAMILY, &V6));
    let message = centrale_relay::stun::Message::parse(&answer).expect("a message");
    let relayed = message.attributes().filter(|a| a.kind == attribute::XOR_RELAYED_ADDRESS).count();
    assert_eq!(relayed, 2);
    assert_eq!(client.permit(&mut world, addr("8.8.8.8:1")), 0);
    assert_eq!(client.permit(&mut world, addr("[2606:4700::1]:1")), 0);
    assert_eq!(world.opened.len(), 2);
    // Ending one family leaves the other.
    let end = |w: Writer| w.number(attribute::LIFETIME, 0).attribute(attribute::REQUESTED_ADDRESS_FAMILY, &V4);
    assert_eq!(code(&client.ask(&mut world, Method::REFRESH, end)), 0);
    assert_eq!(world.closed.len(), 1);
    assert_eq!(world.server.allocation_count(), 1);
    assert_eq!(client.permit(&mut world, addr("8.8.8.8:1")), 443);
    assert_eq!(code(&client.ask(&mut world, Method::REFRESH, end)), 443);

    let mut six = Client::udp("[2a01::5]:4000", "ann");
    six.meet(&mut world);
    let answer = six.ask(&mut world, Method::ALLOCATE, |w| udp(w).attribute(attribute::REQUESTED_ADDRESS_FAMILY, &V6));
    assert!(address(&answer, attribute::XOR_RELAYED_ADDRESS).is_ipv6());
    assert_eq!(six.permit(&mut world, addr("8.8.8.8:1")), 443);
}

#[test]
fn a_family_that_is_not_there_is_refused_or_named_missing() {
    let mut world = World::new(centrale_relay::Config { relay_v6: None, ..config() });
    let mut client = Client::udp("198.51.100.7:4000", "ann");
    client.meet(&mut world);
    let answer =
        client.ask(&mut world, Method::ALLOCATE, |w| udp(w).attribute(attribute::REQUESTED_ADDRESS_FAMILY, &V6));
    assert_eq!(code(&answer), 440);
    let answer =
        client.ask(&mut world, Method::ALLOCATE, |w| udp(w).attribute(attribute::ADDITIONAL_ADDRESS_FAMILY, &V6));
    assert_eq!(code(&answer), 0);
    assert_eq!(value(&answer, attribute::ADDRESS_ERROR_CODE), [2, 0, 4, 40]);
}

#[test]
fn contradictory_wishes_are_bad_requests() {
    let mut world = World::new(config());
    let mut client = Client::udp("198.51.100.7:4000", "ann");
    client.meet(&mut world);
    let wishes: [fn(Writer) -> Writer; 7] = [
        |w| w,
        |w| {
            udp(w)
                .attribute(attribute::REQUESTED_ADDRESS_FAMILY, &V4)
                .attribute(attribute::ADDITIONAL_ADDRESS_FAMILY, &V6)
        },
        |w| udp(w).attribute(attribute::ADDITIONAL_ADDRESS_FAMILY, &V4),
        |w| udp(w).attribute(attribute::EVEN_PORT, &[0x80]).attribute(attribute::ADDITIONAL_ADDRESS_FAMILY, &V6),
        |w| udp(w).attribute(attribute::RESERVATION_TOKEN, &[0; 8]).attribute(attribute::EVEN_PORT, &[0]),
        |w| udp(w).attribute(attribute::RESERVATION_TOKEN, &[0; 8]).attribute(attribute::REQUESTED_ADDRESS_FAMILY, &V4),
        |w| udp(w).attribute(attribute::LIFETIME, &[1, 2]),
    ];
    for (at, wish) in wishes.into_iter().enumerate() {
        assert_eq!(code(&client.ask(&mut world, Method::ALLOCATE, wish)), 400, "wish {at}");
    }
    let tcp = |w: Writer| w.attribute(attribute::REQUESTED_TRANSPORT, &[6, 0, 0, 0]);
    assert_eq!(code(&client.ask(&mut world, Method::ALLOCATE, tcp)), 442);
    let unknown = |w: Writer| udp(w).attribute(0x7777, &[]);
    let answer = client.ask(&mut world, Method::ALLOCATE, unknown);
    assert_eq!(code(&answer), 420);
    assert_eq!(value(&answer, attribute::UNKNOWN_ATTRIBUTES), [0x77, 0x77]);
    assert_eq!(world.server.allocation_count(), 0);
}

#[test]
fn an_even_port_keeps_the_next_one_for_its_token() {
    let mut world = World::new(config());
    let mut client = Client::udp("198.51.100.7:4000", "ann");
    client.meet(&mut world);
    let answer = client.ask(&mut world, Method::ALLOCATE, |w| udp(w).attribute(attribute::EVEN_PORT, &[0x80]));
    let first = address(&answer, attribute::XOR_RELAYED_ADDRESS);
    let token = value(&answer, attribute::RESERVATION_TOKEN);
    assert_eq!(first.port() % 2, 0);
    let with_token = |w: Writer| udp(w).attribute(attribute::RESERVATION_TOKEN, &token);

    let mut thief = Client::udp("198.51.100.9:4000", "eve");
    thief.meet(&mut world);
    assert_eq!(code(&thief.ask(&mut world, Method::ALLOCATE, with_token)), 508);

    let mut second = Client::udp("198.51.100.7:4001", "ann");
    second.meet(&mut world);
    let answer = second.ask(&mut world, Method::ALLOCATE, with_token);
    assert_eq!(address(&answer, attribute::XOR_RELAYED_ADDRESS).port(), first.port() + 1);

    let mut third = Client::udp("198.51.100.7:4002", "ann");
    third.meet(&mut world);
    assert_eq!(code(&third.ask(&mut world, Method::ALLOCATE, with_token)), 508, "a token is good once");
}

#[test]
fn a_token_lapses_and_its_port_is_lent_again() {
    let mut world = World::new(centrale_relay::Config { ports: 50_000..=50_001, ..config() });
    let mut client = Client::udp("198.51.100.7:4000", "ann");
    client.meet(&mut world);
    let answer = client.ask(&mut world, Method::ALLOCATE, |w| udp(w).attribute(attribute::EVEN_PORT, &[0x80]));
    let token = value(&answer, attribute::RESERVATION_TOKEN);
    let mut other = Client::udp("198.51.100.8:4000", "ann");
    other.meet(&mut world);
    assert_eq!(code(&other.ask(&mut world, Method::ALLOCATE, udp)), 508, "the port is kept back");
    world.pass(Duration::from_secs(31));
    let late = other.ask(&mut world, Method::ALLOCATE, |w| udp(w).attribute(attribute::RESERVATION_TOKEN, &token));
    assert_eq!(code(&late), 508);
    assert_eq!(code(&other.ask(&mut world, Method::ALLOCATE, udp)), 0);
}

#[test]
fn a_token_is_honoured_by_another_machine_of_the_node() {
    let mut here = World::new(centrale_relay::Config { ports: 50_000..=50_001, ..config() });
    let mut there = World::new(centrale_relay::Config { ports: 50_100..=50_101, instance: 2, ..config() });
    let mut client = Client::udp("198.51.100.7:4000", "ann");
    client.meet(&mut here);
    let answer = client.ask(&mut here, Method::ALLOCATE, |w| udp(w).attribute(attribute::EVEN_PORT, &[0x80]));
    let token = value(&answer, attribute::RESERVATION_TOKEN);
    let mut second = Client::udp("198.51.100.7:4001", "ann");
    second.meet(&mut there);
    let answer = second.ask(&mut there, Method::ALLOCATE, |w| udp(w).attribute(attribute::RESERVATION_TOKEN, &token));
    assert_eq!(address(&answer, attribute::XOR_RELAYED_ADDRESS).port(), 50_001);
    let family = centrale_relay::Family::V4;
    assert_eq!(there.others, [Output::Borrowed { family, port: 50_001 }]);
    here.server.lent_elsewhere(family, 50_001, true);
    here.pass(Duration::from_secs(31));
    let mut third = Client::udp("198.51.100.7:4002", "ann");
    third.meet(&mut here);
    assert_eq!(code(&third.ask(&mut here, Method::ALLOCATE, udp)), 508, "the port is in other hands");
    assert_eq!(second.refresh(&mut there, 0), 0);
    assert_eq!(there.others[1..], [Output::Returned { family, port: 50_001 }]);
    here.server.lent_elsewhere(family, 50_001, false);
    assert_eq!(code(&third.ask(&mut here, Method::ALLOCATE, udp)), 0);
}

#[test]
fn a_port_that_will_not_open_is_replaced_or_refused() {
    let mut world = World::new(centrale_relay::Config { open: OpenWhen::Allocated, ..config() });
    world.refuse_opens = 3;
    let mut client = Client::udp("198.51.100.7:4000", "ann");
    client.allocate(&mut world);
    assert_eq!(world.opened.len(), 1);
    world.refuse_opens = 100;
    let mut other = Client::udp("198.51.100.8:4000", "ann");
    other.meet(&mut world);
    assert_eq!(code(&other.ask(&mut world, Method::ALLOCATE, udp)), 508);
    assert_eq!(world.server.allocation_count(), 1);

    let mut world = World::new(config());
    let mut client = Client::udp("198.51.100.7:4000", "ann");
    client.allocate(&mut world);
    world.refuse_opens = 1;
    assert_eq!(client.bind(&mut world, 0x4000, addr("8.8.8.8:1")), 508);
    let (verdict, _) = world.give(client.addr, &channel_data(0x4000, b"hello"));
    assert_eq!(verdict, Verdict::Nothing);
    assert_eq!(client.bind(&mut world, 0x4000, addr("8.8.8.8:1")), 0, "the next try may do better");
}

#[test]
fn a_draining_server_names_another_of_the_clients_family() {
    let mut world = World::new(config());
    let mut early = Client::udp("198.51.100.6:4000", "ann");
    early.allocate(&mut world);
    let mut client = Client::udp("198.51.100.7:4000", "ann");
    client.meet(&mut world);
    world.server.drain(vec![addr("[2a00::7]:3478"), addr("7.7.7.7:3478")]);
    let answer = client.ask(&mut world, Method::ALLOCATE, udp);
    assert_eq!(code(&answer), 300);
    assert_eq!(value(&answer, attribute::ALTERNATE_SERVER), [0, 1, 0x0D, 0x96, 7, 7, 7, 7]);
    assert_eq!(early.refresh(&mut world, 600), 0, "what is lent stays lent");
    world.server.drain(Vec::new());
    assert_eq!(code(&client.ask(&mut world, Method::ALLOCATE, udp)), 508);
}

#[test]
fn a_draining_server_sends_strangers_on_before_it_asks_who_they_are() {
    let bare = |world: &mut World, client: &mut Client, method| {
        let request = Writer::new(Class::Request, method, client.transaction()).finish();
        world.ask(client.addr, &request)
    };
    let over = |transport, address: &str| {
        Client::new(centrale_relay::ClientAddr { addr: addr(address), transport, door: 9 }, "ann")
    };
    use centrale_relay::Transport::{Tcp, Tls, Udp};
    let mut world = World::new(config());
    world.server.drain(vec![addr("7.7.7.7:3478")]);
    for (transport, address, method, expected) in [
        (Udp, "198.51.100.7:1", Method::ALLOCATE, 300),
        (Tcp, "198.51.100.7:1", Method::ALLOCATE, 300),
        // By its address alone nobody knows whose certificate the other server ought to have.
        (Tls, "198.51.100.7:1", Method::ALLOCATE, 401),
        // There is none of this family.
        (Udp, "[2a00::1]:1", Method::ALLOCATE, 401),
        (Udp, "198.51.100.7:1", Method::REFRESH, 401),
    ] {
        let answer = bare(&mut world, &mut over(transport, address), method);
        assert_eq!(code(&answer), expected, "{transport:?} {address}");
        assert!(answer.len() <= 100, "no larger than a challenge: {} bytes", answer.len());
        if expected == 300 {
            assert_eq!(value(&answer, attribute::ALTERNATE_SERVER), [0, 1, 0x0D, 0x96, 7, 7, 7, 7]);
            assert!(!has(&answer, attribute::MESSAGE_INTEGRITY));
        }
    }
    let mut tls = over(Tls, "198.51.100.7:2");
    tls.meet(&mut world);
    assert_eq!(code(&tls.ask(&mut world, Method::ALLOCATE, udp)), 508);
    assert_eq!(world.server.stats().refused_draining, 3);
    // Rationed like every answer to a stranger.
    let mut one = over(Udp, "198.51.100.9:1");
    let request = Writer::new(Class::Request, Method::ALLOCATE, one.transaction()).finish();
    let answers = (0..10_000).filter(|_| !world.give(one.addr, &request).1.is_empty()).count();
    assert!(answers <= 200, "{answers}");
}

#[test]
fn a_connection_that_ends_takes_its_allocation_along() {
    let mut world = World::new(config());
    let tcp = centrale_relay::ClientAddr {
        addr: addr("198.51.100.7:4000"),
        transport: centrale_relay::Transport::Tcp,
        door: 9,
    };
    let mut client = Client::new(tcp, "ann");
    client.allocate(&mut world);
    world.server.disconnected(tcp, world.now);
    world.drain();
    assert_eq!(world.server.allocation_count(), 0);
    assert!(world.usage[0].is_last);
}

#[test]
fn a_server_that_never_saw_anybody_has_no_deadline() {
    let server = Server::new(config());
    assert_eq!(server.timeout(), None);
    assert!(!server.has_output());
}
