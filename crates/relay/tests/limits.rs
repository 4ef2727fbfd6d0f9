//! Shares, and what is counted.

mod support;

use core::time::Duration;

use centrale_relay::stun::{Method, attribute};
use centrale_relay::{Config, Limits, PeerAddr, RecordId, Verdict};
use support::*;

fn limited(limits: Limits) -> World {
    World::new(Config { limits, ..config() })
}

#[test]
fn a_user_and_a_source_have_their_shares_of_allocations() {
    let mut world = limited(Limits { allocations_per_user: 2, allocations_per_source: 3, ..Limits::default() });
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
    assert_eq!((stats.refused_user_quota, stats.refused_source_quota), (1, 1));
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
    let mut world = limited(Limits { bytes_per_second: 1_000_000, ..Limits::default() });
    let mut client = Client::udp("198.51.100.7:1", "ann");
    client.allocate(&mut world);
    assert_eq!(client.bind(&mut world, 0x4000, addr("8.8.8.8:1")), 0);
    let packet = channel_data(0x4000, &[0; 1_000]);
    let passed = (0..1_000).filter(|_| world.give(client.addr, &packet).0 != Verdict::Nothing).count();
    assert_eq!(passed, 250, "a quarter of a second's worth at once");
    assert_eq!(world.server.stats().dropped_bandwidth, 750);
    world.pass(Duration::from_millis(100));
    let passed = (0..1_000).filter(|_| world.give(client.addr, &packet).0 != Verdict::Nothing).count();
    assert_eq!(passed, 100);
}

#[test]
fn a_days_bytes_are_kept_beyond_the_allocation_and_until_midnight() {
    let mut world = limited(Limits { bytes_per_day: 10_000, ..Limits::default() });
    let mut client = Client::udp("198.51.100.7:1", "ann");
    client.allocate(&mut world);
    assert_eq!(client.bind(&mut world, 0x4000, addr("8.8.8.8:1")), 0);
    let packet = channel_data(0x4000, &[0; 1_000]);
    let passed = (0..20).filter(|_| world.give(client.addr, &packet).0 != Verdict::Nothing).count();
    assert_eq!(passed, 10);
    assert_eq!(client.refresh(&mut world, 0), 0);
    assert_eq!(code(&client.ask(&mut world, Method::ALLOCATE, udp)), 486);
    assert_eq!(world.server.stats().refused_day_quota, 1);
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
