//! Shares, and what is counted.

mod support;

use core::time::Duration;

use centrale_relay::stun::{Method, attribute};
use centrale_relay::{Cap, Config, Limits, PeerAddr, Reason, RecordId, Verdict, Whose};
use support::*;

fn limited(limits: Limits) -> World {
    World::new(Config { limits, ..config() })
}

#[test]
fn a_user_and_a_source_have_their_shares_of_allocations() {
    let cap = |allocations| Cap { allocations, ..Cap::default() };
    let mut world = limited(Limits { user: cap(2), source: cap(3), ..Limits::default() });
    let mut outcome = |address: &str, user: &str| {
        let mut client = Client::udp(address, user);
        client.meet(&mut world);
        code(&client.ask(&mut world, Method::ALLOCATE, udp))
    };
    assert_eq!(outcome("198.51.100.7:1", "ann"), 0);
    assert_eq!(outcome("198.51.100.7:2", "ann"), 0);
    assert_eq!(outcome("198.51.100.8:3", "ann"), 486);
    assert_eq!(outcome("198.51.100.7:4", "ben"), 0);
    assert_eq!(outcome("198.51.100.7:5", "ben"), 486);
    assert_eq!(outcome("198.51.100.8:6", "ben"), 0);
    let stats = world.server.stats();
    assert_eq!((stats.refused_user_allocations, stats.refused_source_allocations), (1, 1));
}

/// The caps of one kind.
fn cap(whose: Whose, cap: Cap) -> Limits {
    let mut limits =
        Limits { user: Cap::default(), source: Cap::default(), resource: Cap::default(), ..Limits::default() };
    match whose {
        Whose::User => limits.user = cap,
        Whose::Source => limits.source = cap,
        Whose::Resource => limits.resource = cap,
    }
    limits
}

/// Two clients that share nothing but what is named, and a third that shares nothing with them.
fn sharers(whose: Whose) -> [Client; 3] {
    let client = |address: &str, user: &str| Client::udp(address, user);
    match whose {
        Whose::User => [
            client("198.51.100.1:1", "8:acs:r1_ann"),
            client("198.51.100.2:1", "8:acs:r1_ann"),
            client("198.51.100.1:2", "8:acs:r1_ben"),
        ],
        Whose::Source => [
            client("198.51.100.1:1", "8:acs:r1_ann"),
            client("198.51.100.1:2", "8:acs:r2_ben"),
            client("198.51.100.2:1", "8:acs:r1_ann"),
        ],
        Whose::Resource => [
            client("198.51.100.1:1", "8:acs:r1_ann"),
            client("198.51.100.2:1", "8:acs:r1_ben"),
            client("198.51.100.1:2", "8:acs:r2_ann"),
        ],
    }
}

fn counter(world: &World, name: &str) -> u64 {
    world.server.stats().entries().find(|(entry, _)| *entry == name).expect("a counter").1
}

/// What was refused since the last look.
fn reasons(world: &mut World) -> Vec<(String, Reason, u64)> {
    world.pass(Duration::from_secs(6));
    world.refused.drain(..).map(|refused| (refused.user.to_string(), refused.reason, refused.times)).collect()
}

#[test]
fn allocations_are_capped_by_user_by_source_and_by_resource_with_error_counter_and_record() {
    for whose in Whose::ALL {
        let mut world = limited(cap(whose, Cap { allocations: 1, ..Cap::default() }));
        let [mut first, mut second, mut other] = sharers(whose);
        first.allocate(&mut world);
        other.allocate(&mut world);
        second.meet(&mut world);
        for _ in 0..3 {
            assert_eq!(code(&second.ask(&mut world, Method::ALLOCATE, udp)), 486, "{whose:?}");
        }
        let reason = Reason::Allocations(whose);
        assert_eq!(counter(&world, &format!("refused_{reason}")), 3);
        let user = second.username.split_once(':').expect("an hour").1.to_owned();
        assert_eq!(reasons(&mut world), [(user, reason, 3)]);
        assert_eq!(reasons(&mut world), [], "told once");
        assert_eq!(first.refresh(&mut world, 0), 0);
        second.allocate(&mut world);
    }
}

#[test]
fn bandwidth_is_capped_by_user_by_source_and_by_resource_and_drops_are_counted_and_recorded() {
    for whose in Whose::ALL {
        let mut world = limited(cap(whose, Cap { bytes_per_second: 1_000_000, ..Cap::default() }));
        let clients = sharers(whose);
        let packet = channel_data(0x4000, &[0; 1_000]);
        let mut passed = [0; 3];
        for (mut client, passed) in clients.into_iter().zip(&mut passed) {
            client.allocate(&mut world);
            assert_eq!(client.bind(&mut world, 0x4000, addr("8.8.8.8:1")), 0);
            *passed = (0..400).filter(|_| world.give(client.addr, &packet).0 != Verdict::Nothing).count();
        }
        assert_eq!(passed, [250, 0, 250], "{whose:?}: a quarter of a second's worth at once, for both together");
        let reason = Reason::Bandwidth(whose);
        assert_eq!(counter(&world, &format!("dropped_{reason}")), 700);
        let told = reasons(&mut world);
        assert!(told.iter().all(|(.., said, _)| *said == reason), "{told:?}");
        assert_eq!(told.iter().map(|(.., times)| times).sum::<u64>(), 700);
    }
}

#[test]
fn a_day_is_capped_by_user_by_source_and_by_resource_and_both_refusals_are_recorded() {
    for whose in Whose::ALL {
        let mut world = limited(cap(whose, Cap { bytes_per_day: 10_000, ..Cap::default() }));
        let [mut first, mut second, mut other] = sharers(whose);
        first.allocate(&mut world);
        assert_eq!(first.bind(&mut world, 0x4000, addr("8.8.8.8:1")), 0);
        let packet = channel_data(0x4000, &[0; 1_000]);
        let passed = (0..20).filter(|_| world.give(first.addr, &packet).0 != Verdict::Nothing).count();
        assert_eq!(passed, 10);
        second.meet(&mut world);
        assert_eq!(code(&second.ask(&mut world, Method::ALLOCATE, udp)), 486, "{whose:?}");
        other.allocate(&mut world);
        let (dropped, refused) = (Reason::DayBytes(whose), Reason::Day(whose));
        assert_eq!(counter(&world, &format!("dropped_{dropped}")), 10);
        assert_eq!(counter(&world, &format!("refused_{refused}")), 1);
        let mut told: Vec<_> = reasons(&mut world).into_iter().map(|(_, reason, times)| (reason, times)).collect();
        told.sort_unstable();
        assert_eq!(told, [(refused, 1), (dropped, 10)]);
        // A new day. WALL is 22:13:20 of its day.
        world.pass(Duration::from_secs(6_400));
        second.meet(&mut world);
        assert_eq!(code(&second.ask(&mut world, Method::ALLOCATE, udp)), 0);
    }
}

#[test]
fn a_packet_that_one_share_has_no_room_for_counts_for_none() {
    let limits = Limits {
        user: Cap { bytes_per_day: 1_000, ..Cap::default() },
        source: Cap { bytes_per_day: 5_000, ..Cap::default() },
        ..Limits::default()
    };
    let mut world = limited(limits);
    let packet = channel_data(0x4000, &[0; 1_000]);
    for n in 1..=5 {
        let mut client = Client::udp(&format!("198.51.100.1:{n}"), &format!("user{n}"));
        client.allocate(&mut world);
        assert_eq!(client.bind(&mut world, 0x4000, addr("8.8.8.8:1")), 0);
        let passed = (0..10).filter(|_| world.give(client.addr, &packet).0 != Verdict::Nothing).count();
        assert_eq!(passed, 1, "user{n}: nine dropped packets of each before took nothing from their source");
    }
    let mut late = Client::udp("198.51.100.1:6", "user6");
    late.meet(&mut world);
    assert_eq!(code(&late.ask(&mut world, Method::ALLOCATE, udp)), 486);
    assert_eq!(world.server.stats().refused_source_day, 1);
}

#[test]
fn a_cap_is_kept_by_whoever_leaves_and_comes_back() {
    let mut world = limited(cap(Whose::User, Cap { bytes_per_second: 1_000_000, ..Cap::default() }));
    let packet = channel_data(0x4000, &[0; 1_000]);
    let mut passed = 0;
    for n in 1..=5 {
        let mut client = Client::udp(&format!("198.51.100.1:{n}"), "ann");
        client.allocate(&mut world);
        assert_eq!(client.bind(&mut world, 0x4000, addr("8.8.8.8:1")), 0);
        passed += (0..300).filter(|_| world.give(client.addr, &packet).0 != Verdict::Nothing).count();
        assert_eq!(client.refresh(&mut world, 0), 0);
    }
    assert_eq!(passed, 250);
}

#[test]
fn who_is_remembered_is_bounded_and_whoever_has_nothing_is_forgotten_first() {
    let day = Cap { bytes_per_day: 10_000, ..Cap::default() };
    let mut world = limited(Limits { users: 2, ..cap(Whose::User, day) });
    let packet = channel_data(0x4000, &[0; 1_000]);
    let mut clients: Vec<Client> =
        (1..=3).map(|n| Client::udp(&format!("198.51.100.1:{n}"), &format!("user{n}"))).collect();
    for client in &mut clients[..2] {
        client.allocate(&mut world);
        assert_eq!(client.bind(&mut world, 0x4000, addr("8.8.8.8:1")), 0);
        assert_ne!(world.give(client.addr, &packet).0, Verdict::Nothing);
    }
    clients[2].meet(&mut world);
    assert_eq!(code(&clients[2].ask(&mut world, Method::ALLOCATE, udp)), 508, "two have something");
    assert_eq!(clients[0].refresh(&mut world, 0), 0);
    clients[2].allocate(&mut world);
    assert_eq!(clients[2].refresh(&mut world, 0), 0);
    clients[0].allocate(&mut world);
    assert_eq!(world.server.allocation_count(), 2);
}

#[test]
fn refusals_that_wait_are_bounded_and_strangers_have_no_place_among_them() {
    let mut world = limited(Limits {
        stranger_answers_per_second: 0,
        stranger_answers_in_all: 0,
        ..cap(Whose::Source, Cap { allocations: 1, ..Cap::default() })
    });
    Client::udp("198.51.100.1:1", "first").allocate(&mut world);
    for n in 2..=1_500 {
        let mut client = Client::udp(&format!("198.51.100.1:{n}"), &format!("user{n}"));
        client.meet(&mut world);
        assert_eq!(code(&client.ask(&mut world, Method::ALLOCATE, udp)), 486);
        // The same name without its password.
        client.key = centrale_relay::LongTermKey::md5(b"guessed", b"", b"");
        let guess = client.request(Method::ALLOCATE, udp);
        assert_eq!(code(&world.ask(client.addr, &guess)), 401);
    }
    let told = reasons(&mut world);
    assert_eq!(told.len(), 1_024);
    assert!(told.iter().all(|(_, reason, times)| (*reason, *times) == (Reason::Allocations(Whose::Source), 1)));
    assert_eq!(counter(&world, "refused_source_allocations"), 1_499);
}

#[test]
fn a_full_server_says_so_and_has_room_again() {
    let mut world = World::new(Config { ports: 50_000..=50_002, ..config() });
    let mut clients: Vec<Client> = (1..=4).map(|n| Client::udp(&format!("198.51.100.7:{n}"), "ann")).collect();
    for client in &mut clients[..3] {
        client.allocate(&mut world);
    }
    clients[3].meet(&mut world);
    assert_eq!(code(&clients[3].ask(&mut world, Method::ALLOCATE, udp)), 508);
    assert_eq!(clients[0].refresh(&mut world, 0), 0);
    assert_eq!(code(&clients[3].ask(&mut world, Method::ALLOCATE, udp)), 0);
}

#[test]
fn permissions_and_channels_are_bounded() {
    let mut world = limited(Limits { permissions: 3, channels: 2, ..Limits::default() });
    let mut client = Client::udp("198.51.100.7:1", "ann");
    client.allocate(&mut world);
    assert_eq!(client.bind(&mut world, 0x4000, addr("8.8.8.8:1")), 0);
    assert_eq!(client.bind(&mut world, 0x4001, addr("8.8.8.8:2")), 0);
    assert_eq!(client.bind(&mut world, 0x4002, addr("8.8.8.8:3")), 508);
    assert_eq!(client.permit(&mut world, addr("1.0.0.1:0")), 0);
    let two = |w: centrale_relay::stun::Writer| {
        w.xor_address(attribute::XOR_PEER_ADDRESS, addr("1.0.0.2:0"))
            .xor_address(attribute::XOR_PEER_ADDRESS, addr("1.0.0.3:0"))
    };
    assert_eq!(code(&client.ask(&mut world, Method::CREATE_PERMISSION, two)), 508);
    assert_eq!(client.permit(&mut world, addr("1.0.0.2:0")), 0, "none of the two was installed");
    assert_eq!(client.permit(&mut world, addr("1.0.0.3:0")), 508);
    world.pass(Duration::from_secs(300));
    assert_eq!(client.permit(&mut world, addr("1.0.0.3:0")), 0, "lapsed ones make room");
}

#[test]
fn bandwidth_beyond_a_users_share_is_dropped_and_counted() {
    let mut world = limited(cap(Whose::User, Cap { bytes_per_second: 1_000_000, ..Cap::default() }));
    let mut client = Client::udp("198.51.100.7:1", "ann");
    client.allocate(&mut world);
    assert_eq!(client.bind(&mut world, 0x4000, addr("8.8.8.8:1")), 0);
    let packet = channel_data(0x4000, &[0; 1_000]);
    let passed = (0..1_000).filter(|_| world.give(client.addr, &packet).0 != Verdict::Nothing).count();
    assert_eq!(passed, 250, "a quarter of a second's worth at once");
    assert_eq!(world.server.stats().dropped_user_bandwidth, 750);
    world.pass(Duration::from_millis(100));
    let passed = (0..1_000).filter(|_| world.give(client.addr, &packet).0 != Verdict::Nothing).count();
    assert_eq!(passed, 100);
}

#[test]
fn a_days_bytes_are_kept_beyond_the_allocation_and_until_midnight() {
    let mut world = limited(cap(Whose::User, Cap { bytes_per_day: 10_000, ..Cap::default() }));
    let mut client = Client::udp("198.51.100.7:1", "ann");
    client.allocate(&mut world);
    assert_eq!(client.bind(&mut world, 0x4000, addr("8.8.8.8:1")), 0);
    let packet = channel_data(0x4000, &[0; 1_000]);
    let passed = (0..20).filter(|_| world.give(client.addr, &packet).0 != Verdict::Nothing).count();
    assert_eq!(passed, 10);
    assert_eq!(client.refresh(&mut world, 0), 0);
    assert_eq!(code(&client.ask(&mut world, Method::ALLOCATE, udp)), 486);
    assert_eq!(world.server.stats().refused_user_day, 1);
    // WALL is 22:13:20 of its day.
    world.pass(Duration::from_secs(6_400));
    client.meet(&mut world);
    assert_eq!(code(&client.ask(&mut world, Method::ALLOCATE, udp)), 0);
}

#[test]
fn usage_adds_up_to_the_byte_and_its_stretches_join() {
    let mut world = World::new(config());
    let mut client = Client::udp("198.51.100.7:1", "8:acs:res_ann");
    client.allocate(&mut world);
    let peer = addr("8.8.8.8:1");
    assert_eq!(client.bind(&mut world, 0x4000, peer), 0);
    let relay = world.opened[0];
    let (mut up, mut down) = (0, 0);
    for round in 1..=4_u64 {
        for size in [1, 100, 1_200] {
            assert_ne!(world.give(client.addr, &channel_data(0x4000, &vec![0; size])).0, Verdict::Nothing);
            assert_ne!(world.server.from_peer(relay, PeerAddr(peer), &vec![0; size * 2], world.now), Verdict::Nothing);
            up += size as u64;
            down += size as u64 * 2;
        }
        world.pass(Duration::from_secs(5));
        assert_eq!(world.usage.len() as u64, round);
    }
    world.pass(Duration::from_secs(60));
    assert_eq!(world.usage.len(), 4, "silence is not billed");
    assert_eq!(client.refresh(&mut world, 0), 0);
    let usage = &world.usage;
    assert_eq!(usage.len(), 5);
    assert_eq!(usage.iter().map(|u| u.bytes_up).sum::<u64>(), up);
    assert_eq!(usage.iter().map(|u| u.bytes_down).sum::<u64>(), down);
    assert_eq!(usage.iter().map(|u| u.packets_up + u.packets_down).sum::<u64>(), 24);
    assert_eq!((world.server.stats().bytes_up, world.server.stats().bytes_down), (up, down));
    for (part, record) in (0..).zip(usage) {
        assert_eq!(record.id, RecordId { instance: 1, allocation: 0, part });
        assert_eq!(&*record.user, "8:acs:res_ann");
        assert_eq!(record.is_last, part == 4);
    }
    assert!(usage.windows(2).all(|pair| pair[0].to == pair[1].from));
    assert_eq!(usage[0].from, usage[0].started);
    assert_eq!(usage[4].to.since(usage[0].from), Duration::from_secs(80));
}
