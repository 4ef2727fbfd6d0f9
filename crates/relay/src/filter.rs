//! Which peers a client may talk to.
//!
//! A relay that forwards to anything is a door into its operator's network. So every address that is not plainly on the public
//! internet is refused unless the configuration allows it, and an IPv6 address that carries an IPv4 address is judged by what
//! it carries.

use core::fmt;
use core::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use core::str::FromStr;

/// A block of addresses: `10.0.0.0/8`, `fd00::/8`, or one address.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Network {
    address: IpAddr,
    prefix: u8,
}

impl Network {
    /// The block of addresses that share the first `prefix` bits of `address`; gives nothing when there are not so many.
    pub fn new(address: IpAddr, prefix: u8) -> Option<Network> {
        let most = if address.is_ipv4() { 32 } else { 128 };
        (prefix <= most).then_some(Network { address, prefix })
    }

    /// Whether `ip` is in the block. Families never mix.
    pub fn contains(&self, ip: IpAddr) -> bool {
        match (self.address, ip) {
            (IpAddr::V4(net), IpAddr::V4(ip)) => shared(u32::from(net).into(), u32::from(ip).into(), 32, self.prefix),
            (IpAddr::V6(net), IpAddr::V6(ip)) => shared(net.into(), ip.into(), 128, self.prefix),
            (IpAddr::V4(_), IpAddr::V6(_)) | (IpAddr::V6(_), IpAddr::V4(_)) => false,
        }
    }

    /// Whether all addresses of the block are IPv6 ones that carry IPv4 ones: whether its first and its last do.
    fn is_of_carriers(&self) -> bool {
        let IpAddr::V6(ip) = self.address else { return false };
        let rest = u128::MAX.checked_shr(self.prefix.into()).unwrap_or(0);
        [u128::from(ip) & !rest, u128::from(ip) | rest]
            .into_iter()
            .all(|ip| carried(Ipv6Addr::from(ip).into()).is_some())
    }
}

/// Whether two numbers of `width` bits agree in their first `prefix` bits.
fn shared(a: u128, b: u128, width: u32, prefix: u8) -> bool {
    let rest = width - u32::from(prefix);
    rest == 128 || (a ^ b) >> rest == 0
}

/// Text that is not a block of addresses.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NetworkError;

impl fmt::Display for NetworkError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("write an address or a block of addresses, such as 10.0.0.0/8 or fd00::/8")
    }
}

impl std::error::Error for NetworkError {}

impl FromStr for Network {
    type Err = NetworkError;

    fn from_str(text: &str) -> Result<Network, NetworkError> {
        let (address, prefix) = match text.split_once('/') {
            Some((address, prefix)) => (address, Some(prefix)),
            None => (text, None),
        };
        let address: IpAddr = address.parse().map_err(|_| NetworkError)?;
        let prefix = match prefix {
            Some(prefix) => prefix.parse().map_err(|_| NetworkError)?,
            None if address.is_ipv4() => 32,
            None => 128,
        };
        Network::new(address, prefix).ok_or(NetworkError)
    }
}

impl fmt::Display for Network {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.address, self.prefix)
    }
}

/// The rules for peers.
#[derive(Clone, Debug, Default)]
pub struct PeerRules {
    /// Blocks that may be talked to although they are not public. `denied` wins.
    pub allowed: Vec<Network>,
    /// Blocks that may not be talked to although they are public.
    pub denied: Vec<Network>,
}

impl PeerRules {
    /// Whether a client may talk to `ip`.
    ///
    /// 1. A denied block refuses the address as it stands and whatever IPv4 address it carries.
    /// 2. An allowed block lets the address as it stands pass. One that carries another only by a block of such addresses: whoever
    ///    writes `::/0` or `64:ff9b::/96` means IPv6 or NAT64, and the first does not mean `::ffff:127.0.0.1`.
    /// 3. An address that carries another is judged by the carried one.
    /// 4. Otherwise only globally reachable unicast passes (RFC 6890 and the IANA special-purpose registries).
    pub fn allows(&self, ip: IpAddr) -> bool {
        let carried = carried(ip);
        let is_in = |blocks: &[Network], ip| blocks.iter().any(|block| block.contains(ip));
        if is_in(&self.denied, ip) || carried.is_some_and(|inner| is_in(&self.denied, inner.into())) {
            return false;
        }
        if self.allowed.iter().any(|block| block.contains(ip) && (carried.is_none() || block.is_of_carriers())) {
            return true;
        }
        match (ip, carried) {
            (_, Some(inner)) => is_public_v4(inner),
            (IpAddr::V4(ip), None) => is_public_v4(ip),
            (IpAddr::V6(ip), None) => is_public_v6(ip),
        }
    }
}

/// The IPv4 address inside an IPv6 address that a translator or a tunnel would send to.
fn carried(ip: IpAddr) -> Option<Ipv4Addr> {
    let IpAddr::V6(ip) = ip else { return None };
    let s = ip.segments();
    let low = |high: u16, low: u16| Some(Ipv4Addr::from((u32::from(high) << 16) | u32::from(low)));
    match s {
        // ::ffff:a.b.c.d mapped, ::a.b.c.d compatible, ::ffff:0:a.b.c.d translated (RFC 4291 §2.5.5, RFC 2765).
        [0, 0, 0, 0, 0, 0xFFFF, a, b] | [0, 0, 0, 0, 0, 0, a, b] | [0, 0, 0, 0, 0xFFFF, 0, a, b] => low(a, b),
        // NAT64, well-known and local-use (RFC 6052, RFC 8215).
        [0x64, 0xFF9B, 0, 0, 0, 0, a, b] | [0x64, 0xFF9B, 1, _, _, _, a, b] => low(a, b),
        // 6to4 (RFC 3056).
        [0x2002, a, b, ..] => low(a, b),
        // Teredo: the client's address, inverted (RFC 4380 §4).
        [0x2001, 0, _, _, _, _, a, b] => low(!a, !b),
        // ISATAP interface identifiers (RFC 5214 §6.1).
        [_, _, _, _, 0 | 0x200, 0x5EFE, a, b] => low(a, b),
        _ => None,
    }
}

fn is_public_v4(ip: Ipv4Addr) -> bool {
    /// Address and prefix of each block that is not globally reachable unicast.
    const SPECIAL: [(u32, u32); 19] = [
        (0x0000_0000, 8),  // "this network" (RFC 791)
        (0x0A00_0000, 8),  // private (RFC 1918)
        (0x6440_0000, 10), // shared by carriers (RFC 6598)
        (0x7F00_0000, 8),  // loopback (RFC 1122)
        (0xA9FE_0000, 16), // link-local, and the metadata service 169.254.169.254 (RFC 3927)
        (0xAC10_0000, 12), // private (RFC 1918)
        (0xC000_0000, 24), // protocol assignments (RFC 6890)
        (0xC000_0200, 24), // documentation (RFC 5737)
        (0xC01F_C400, 24), // AS112 (RFC 7535)
        (0xC034_C100, 24), // AMT relays (RFC 7450)
        (0xC058_6300, 24), // 6to4 anycast (RFC 7526)
        (0xC0A8_0000, 16), // private (RFC 1918)
        (0xC0AF_3000, 24), // AS112 (RFC 7534)
        (0xC612_0000, 15), // benchmarking (RFC 2544)
        (0xC633_6400, 24), // documentation (RFC 5737)
        (0xCB00_7100, 24), // documentation (RFC 5737)
        (0xA83F_8110, 32), // 168.63.129.16, a large cloud's platform and metadata service
        (0xE000_0000, 4),  // multicast (RFC 5771)
        (0xF000_0000, 4),  // reserved, and limited broadcast (RFC 1112)
    ];
    let ip = u128::from(u32::from(ip));
    !SPECIAL.iter().any(|(net, prefix)| shared((*net).into(), ip, 32, *prefix as u8))
}

fn is_public_v6(ip: Ipv6Addr) -> bool {
    let s = ip.segments();
    // Global unicast is 2000::/3; loopback, ULA, link-local, site-local, multicast and discard-only are outside of it.
    if s[0] & 0xE000 != 0x2000 {
        return false;
    }
    !matches!(
        s,
        // Protocol assignments with benchmarking, ORCHID and the rest of 2001::/23 (RFC 2928).
        [0x2001, 0..=0x1FF, ..]
        // Documentation (RFC 3849, RFC 9637).
        | [0x2001, 0xDB8, ..]
        | [0x3FFF, 0..=0xFFF, ..]
        // 6bone, returned (RFC 3701).
        | [0x3FFE, ..]
        // AS112 (RFC 7534).
        | [0x2620, 0x4F, 0x8000, ..]
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn allows(rules: &PeerRules, ip: &str) -> bool {
        rules.allows(ip.parse().expect("an address"))
    }

    #[test]
    fn only_public_unicast_passes_by_default() {
        let rules = PeerRules::default();
        for public in ["8.8.8.8", "1.1.1.1", "172.15.0.1", "172.32.0.1", "100.63.0.1", "100.128.0.1", "223.255.255.1"] {
            assert!(allows(&rules, public), "{public}");
        }
        for public in ["2606:4700::1111", "2a00:1450::1", "2002:808:808::1", "64:ff9b::8.8.8.8", "::ffff:8.8.8.8"] {
            assert!(allows(&rules, public), "{public}");
        }
        for inner in [
            "0.0.0.0",
            "0.1.2.3",
            "10.1.2.3",
            "127.0.0.1",
            "127.255.255.254",
            "169.254.169.254",
            "172.16.0.1",
            "172.31.255.255",
            "192.168.1.1",
            "100.64.0.1",
            "100.127.255.255",
            "192.0.0.8",
            "192.0.2.1",
            "198.18.0.1",
            "198.19.255.255",
            "198.51.100.1",
            "203.0.113.9",
            "224.0.0.1",
            "239.1.1.1",
            "240.0.0.1",
            "255.255.255.255",
            "168.63.129.16",
        ] {
            assert!(!allows(&rules, inner), "{inner}");
            let v4: Ipv4Addr = inner.parse().expect("an IPv4 address");
            let [a, b, c, d] = v4.octets();
            for carrier in [
                format!("::ffff:{inner}"),
                format!("::{inner}"),
                format!("::ffff:0:{inner}"),
                format!("64:ff9b::{inner}"),
                format!("64:ff9b:1::{inner}"),
                format!("2002:{:x}:{:x}::1", u16::from_be_bytes([a, b]), u16::from_be_bytes([c, d])),
                format!("2001:0:1:2:3:4:{:x}:{:x}", !u16::from_be_bytes([a, b]), !u16::from_be_bytes([c, d])),
                format!("2a00:1:2:3:0:5efe:{:x}:{:x}", u16::from_be_bytes([a, b]), u16::from_be_bytes([c, d])),
            ] {
                assert!(!allows(&rules, &carrier), "{carrier}");
            }
        }
        for inner in [
            "::",
            "::1",
            "fc00::1",
            "fd12:3456::1",
            "fe80::1",
            "febf::1",
            "fec0::1",
            "ff02::1",
            "ff0e::1",
            "100::1",
            "2001:db8::1",
            "2001:2::1",
            "2001:10::1",
            "2001:20::1",
            "3fff:1::1",
            "3ffe::1",
            "4000::1",
            "fd00:ec2::254",
        ] {
            assert!(!allows(&rules, inner), "{inner}");
        }
    }

    #[test]
    fn allowed_blocks_open_exactly_themselves_and_denied_ones_win() {
        let block = |text: &str| text.parse::<Network>().expect("a block");
        let rules = PeerRules {
            allowed: vec![block("127.0.0.0/8"), block("10.1.0.0/16"), block("::1")],
            denied: vec![block("10.1.2.0/24"), block("8.8.8.8")],
        };
        assert!(allows(&rules, "127.0.0.1") && allows(&rules, "10.1.3.1") && allows(&rules, "::1"));
        assert!(!allows(&rules, "10.1.2.1") && !allows(&rules, "10.2.0.1"));
        assert!(!allows(&rules, "::ffff:127.0.0.1"));
        assert!(!allows(&rules, "8.8.8.8") && !allows(&rules, "64:ff9b::8.8.8.8"));
    }

    #[test]
    fn blocks_print_as_they_parse_and_nonsense_is_refused() {
        for text in ["10.0.0.0/8", "0.0.0.0/0", "::/0", "fd00::/8", "1.2.3.4/32"] {
            assert_eq!(text.parse::<Network>().expect("a block").to_string(), text);
        }
        for wrong in ["10.0.0.0/33", "::/129", "ten", "10.0.0.0/", "10.0.0.0/-1"] {
            assert_eq!(wrong.parse::<Network>(), Err(NetworkError));
        }
    }
}
