//! The addresses with which other TURN servers were talked into relaying where they should not.
//!
//! Each was published: CVE-2020-26262 (zero addresses and IPv6 loopback), CVE-2026-27624 (IPv4 in IPv6 clothes), CVE-2018-4058 (the
//! server's own loopback), and the report on a chat company's relay that reached its cloud's metadata and inner networks. Here each
//! has to fail by every way there is to name a peer.

mod support;

use core::net::{IpAddr, Ipv4Addr, SocketAddr};

use centrale_relay::stun::{Method, attribute};
use centrale_relay::{Network, PeerRules, Reason, Verdict};
use support::*;

/// IPv4 addresses that nobody is relayed to.
const INNER_V4: &[(&str, &str)] = &[
    ("0.0.0.0", "CVE-2020-26262: Linux takes it for loopback"),
    ("0.0.0.1", "the rest of this network"),
    ("0.255.255.255", "the rest of this network"),
    ("127.0.0.1", "CVE-2018-4058: loopback"),
    ("127.255.255.255", "all of loopback"),
    ("10.0.0.1", "private"),
    ("10.255.255.255", "private"),
    ("172.16.0.1", "private"),
    ("172.31.255.255", "private"),
    ("192.168.0.1", "private"),
    ("192.168.255.255", "private"),
    ("100.64.0.1", "shared by carriers"),
    ("100.100.100.200", "a cloud's metadata, in the shared range"),
    ("100.127.255.255", "shared by carriers"),
    ("169.254.169.254", "clouds' metadata"),
    ("169.254.170.2", "a cloud's container credentials"),
    ("169.254.0.1", "link-local"),
    ("168.63.129.16", "a cloud's platform"),
    ("192.0.0.192", "a cloud's metadata, among protocol assignments"),
    ("192.0.2.1", "documentation"),
    ("198.51.100.1", "documentation"),
    ("203.0.113.1", "documentation"),
    ("192.88.99.1", "6to4 relays"),
    ("198.18.0.1", "benchmarks"),
    ("198.19.255.255", "benchmarks"),
    ("224.0.0.1", "multicast"),
    ("239.255.255.250", "multicast"),
    ("240.0.0.1", "reserved"),
    ("255.255.255.255", "broadcast"),
];

/// IPv6 addresses that nobody is relayed to, whatever IPv4 says.
const INNER_V6: &[(&str, &str)] = &[
    ("::", "CVE-2020-26262: taken for loopback"),
    ("::1", "CVE-2020-26262: loopback"),
    ("fe80::1", "link-local"),
    ("febf:ffff::1", "link-local"),
    ("fec0::1", "site-local"),
    ("feff::1", "site-local"),
    ("fc00::1", "unique local"),
    ("fd00:ec2::254", "a cloud's metadata"),
    ("fd20:ce::254", "a cloud's metadata"),
    ("fdff:ffff::1", "unique local"),
    ("ff02::1", "multicast"),
    ("ff0e::1", "multicast"),
    ("100::1", "discarded"),
    ("64:ff9b:1::1", "translation inside a network"),
    ("2001:db8::1", "documentation"),
    ("3fff::1", "documentation"),
    ("2001:2::1", "benchmarks"),
    ("2001:10::1", "ORCHID"),
    ("5f00::1", "segment routing"),
];

/// Every way to write an IPv4 address as an IPv6 one that some machine on the way turns back.
fn clothed(ip: Ipv4Addr) -> Vec<(IpAddr, &'static str)> {
    let [a, b, c, d] = ip.octets();
    let (high, low) = (u16::from_be_bytes([a, b]), u16::from_be_bytes([c, d]));
    let all = [
        (format!("::ffff:{ip}"), "CVE-2026-27624: mapped"),
        (format!("::{ip}"), "compatible"),
        (format!("::ffff:0:{ip}"), "translated"),
        (format!("64:ff9b::{ip}"), "NAT64"),
        (format!("64:ff9b:1::{ip}"), "NAT64, local"),
        (format!("64:ff9b:1:2:3:4:{high:x}:{low:x}"), "NAT64, local"),
        (format!("2002:{high:x}:{low:x}::"), "6to4"),
        (format!("2002:{high:x}:{low:x}:1:2:3:4:5"), "6to4"),
        (format!("2001:0:5ef5:79fd:1:2:{:x}:{:x}", !high, !low), "Teredo"),
        (format!("2a00:1:2:3:0:5efe:{high:x}:{low:x}"), "ISATAP"),
        (format!("2a00:1:2:3:200:5efe:{high:x}:{low:x}"), "ISATAP, global"),
    ];
    all.into_iter().map(|(text, why)| (text.parse().expect("an address"), why)).collect()
}

fn inner() -> Vec<(IpAddr, String)> {
    let mut all = Vec::new();
    for (ip, why) in INNER_V4 {
        let ip: Ipv4Addr = ip.parse().expect("an IPv4 address");
        all.push((ip.into(), (*why).to_owned()));
        all.extend(clothed(ip).into_iter().map(|(ip, how)| (ip, format!("{how}, {why}"))));
    }
    all.extend(INNER_V6.iter().map(|(ip, why)| (ip.parse().expect("an IPv6 address"), (*why).to_owned())));
    all
}

/// A client with an address of each family.
fn dual(world: &mut World) -> Client {
    let mut client = Client::udp("198.51.100.7:1", "ann");
    client.meet(world);
    let answer =
        client.ask(world, Method::ALLOCATE, |w| udp(w).attribute(attribute::ADDITIONAL_ADDRESS_FAMILY, &[2, 0, 0, 0]));
    assert_eq!(code(&answer), 0);
    client
}

#[test]
fn no_published_address_is_reached_by_permission_by_channel_or_by_sending() {
    let mut world = World::new(config());
    let mut client = dual(&mut world);
    let all = inner();
    assert!(all.len() > 350, "every address in every clothing");
    for (ip, why) in &all {
        let peer = SocketAddr::new(*ip, 80);
        assert_eq!(client.permit(&mut world, peer), 403, "permission for {ip}: {why}");
        assert_eq!(client.bind(&mut world, 0x4000, peer), 403, "channel to {ip}: {why}");
        let send = client.send(peer, b"GET / HTTP/1.0\r\n\r\n");
        assert_eq!(world.give(client.addr, &send), (Verdict::Nothing, Vec::new()), "data to {ip}: {why}");
        // Hidden behind one that is allowed.
        let public = if ip.is_ipv4() { addr("8.8.8.8:80") } else { addr("[2606:4700::1111]:80") };
        let both = client.ask(&mut world, Method::CREATE_PERMISSION, |w| {
            w.xor_address(attribute::XOR_PEER_ADDRESS, public).xor_address(attribute::XOR_PEER_ADDRESS, peer)
        });
        assert_eq!(code(&both), 403, "permission for {ip} behind {public}: {why}");
    }
    assert!(world.opened.is_empty(), "nothing was ever opened towards them");
    let refused = 3 * all.len() as u64;
    assert_eq!(world.server.stats().refused_peer, refused);
    assert_eq!(world.server.stats().dropped_no_permission, all.len() as u64);
    world.pass(core::time::Duration::from_secs(6));
    let told: Vec<_> = world.refused.iter().map(|refused| (refused.reason, refused.times)).collect();
    assert_eq!(told, [(Reason::Peer, refused)], "one line, for whoever explains");
}

#[test]
fn whoever_allows_everything_of_a_family_does_not_allow_ipv4_in_its_clothes() {
    // "Allow IPv6" is written like this; the loopback of this machine is not meant.
    for blocks in [&["::/0"][..], &["2000::/3"], &["fd00::/8", "2a00::/16"]] {
        let allowed = blocks.iter().map(|block| block.parse().expect("a block")).collect();
        let rules = PeerRules { allowed, denied: Vec::new() };
        for (ip, why) in INNER_V4 {
            for (ip, how) in clothed(ip.parse().expect("an IPv4 address")) {
                assert!(!rules.allows(ip), "{ip} with {blocks:?}: {how}, {why}");
            }
        }
    }
    // Who names the clothing means it.
    let rules = PeerRules { allowed: vec!["64:ff9b::/96".parse::<Network>().expect("a block")], denied: Vec::new() };
    assert!(rules.allows("64:ff9b::10.0.0.1".parse().expect("an address")));
    assert!(!rules.allows("::ffff:10.0.0.1".parse().expect("an address")));
}

#[test]
fn a_denied_block_holds_for_every_clothing_of_its_addresses() {
    let rules = PeerRules { allowed: Vec::new(), denied: vec!["8.8.0.0/16".parse::<Network>().expect("a block")] };
    for (ip, how) in clothed(Ipv4Addr::new(8, 8, 8, 8)) {
        assert!(!rules.allows(ip), "{ip}: {how}");
    }
    assert!(rules.allows("::ffff:8.9.8.8".parse().expect("an address")), "its neighbour is not meant");
}
