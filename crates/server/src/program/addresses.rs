//! Whether what we would advertise can be true.
//!
//! A wrong address is the commonest fault of a relay, and the quietest: everything starts, and no call from outside has media.
//! `serve` therefore refuses what nobody can reach. Somebody who runs an exchange for one machine only (the name is
//! `localhost`, or HTTPS listens on loopback) may advertise loopback.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::path::Path;

use super::StartError;
use crate::config::{Config, Mode};

/// Refuses addresses that cannot be reached.
///
/// # Errors
/// One sentence that says what to write.
pub(crate) fn check(config: &Config) -> Result<(), StartError> {
    if config.mode != Mode::Serve {
        return Ok(());
    }
    let is_for_this_machine = config.public.name == "localhost" || config.listen.https.ip().is_loopback();
    for ip in &config.public.addresses {
        if let Some(fault) = fault(*ip).filter(|fault| !(is_for_this_machine && *fault == Fault::Loopback)) {
            return Err(StartError(sentence(*ip, fault)));
        }
        let is_only_guessed = !config.public.are_addresses_given && !config.listen.https.ip().is_loopback();
        if is_only_guessed && is_private(*ip) {
            if looks_like_a_container(*ip) {
                return Err(StartError(format!(
                    "public.addresses is not set, and {ip}, which we found, is a container's address that nobody outside \
                     can reach: write the address of the host, for example --public-address 203.0.113.7."
                )));
            }
            tracing::warn!(
                address = %ip,
                "public.addresses is not set and our address is private: callers outside this network cannot be relayed"
            );
        }
    }
    Ok(())
}

/// Why an address reaches nobody.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fault {
    /// `0.0.0.0` or `::`.
    Unspecified,
    Loopback,
    LinkLocal,
    Multicast,
}

/// Why an address cannot be the one that others reach us by; none when it can.
pub(crate) fn fault(ip: IpAddr) -> Option<Fault> {
    let ip = ip.to_canonical();
    let is_link_local = match ip {
        IpAddr::V4(v4) => v4.is_link_local(),
        IpAddr::V6(v6) => v6.is_unicast_link_local(),
    };
    match ip {
        ip if ip.is_unspecified() => Some(Fault::Unspecified),
        ip if ip.is_loopback() => Some(Fault::Loopback),
        _ if is_link_local => Some(Fault::LinkLocal),
        ip if ip.is_multicast() || ip == IpAddr::V4(Ipv4Addr::BROADCAST) => Some(Fault::Multicast),
        _ => None,
    }
}

fn sentence(ip: IpAddr, fault: Fault) -> String {
    let why = match fault {
        Fault::Unspecified => "means any address and is none that anybody can reach",
        Fault::Loopback => "is reached from this machine only",
        Fault::LinkLocal => "is reached from its own wire only",
        Fault::Multicast => "is a group and not a machine",
    };
    format!("public.addresses has {ip}, which {why}: write the address that the world sees, for example 203.0.113.7.")
}

/// Whether an address is of a network that the public one does not route to.
pub(crate) fn is_private(ip: IpAddr) -> bool {
    match ip.to_canonical() {
        IpAddr::V4(v4) => v4.is_private() || (v4.octets()[0] == 100 && v4.octets()[1] & 0xC0 == 64),
        IpAddr::V6(v6) => v6.is_unique_local(),
    }
}

/// Whether a private address is one that container engines give, or any while we are in a container ourselves.
fn looks_like_a_container(ip: IpAddr) -> bool {
    is_engine_default(ip) || is_in_a_container()
}

fn is_engine_default(ip: IpAddr) -> bool {
    match ip.to_canonical() {
        // Docker's first pools; Podman; the usual pod networks of Kubernetes.
        IpAddr::V4(v4) => matches!(v4.octets(), [172, 17..=31, ..] | [10, 88 | 42 | 244, ..]),
        IpAddr::V6(v6) => v6 != Ipv6Addr::LOCALHOST && v6.segments()[0] == 0xfd00,
    }
}

fn is_in_a_container() -> bool {
    ["/.dockerenv", "/run/.containerenv"].iter().any(|mark| Path::new(mark).exists())
        || std::env::var_os("KUBERNETES_SERVICE_HOST").is_some()
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;
    use crate::config::{Given, resolve};

    fn told(pairs: &[(&'static str, &str)]) -> Result<(), String> {
        let given: BTreeMap<_, _> = pairs.iter().map(|(key, text)| (*key, Given::one(*key, *text))).collect();
        let config = resolve(Mode::Serve, None, given, |_| None).expect("a configuration");
        check(&config).map_err(|error| error.0)
    }

    #[test]
    fn an_address_that_reaches_nobody_is_refused_with_the_sentence_that_mends_it() {
        for ip in [
            "0.0.0.0",
            "::",
            "127.0.0.1",
            "::1",
            "169.254.1.1",
            "fe80::1",
            "224.0.0.1",
            "ff02::1",
            "255.255.255.255",
            "::ffff:127.0.0.1",
        ] {
            let refused = told(&[("public.name", "comms.example.org"), ("public.addresses", ip)]).expect_err(ip);
            assert!(refused.starts_with("public.addresses has ") && refused.contains("write"), "{refused}");
        }
        for ip in ["203.0.113.7", "2001:db8::7", "10.0.0.7", "192.168.1.7", "172.17.0.2"] {
            assert_eq!(
                told(&[("public.name", "comms.example.org"), ("public.addresses", ip)]),
                Ok(()),
                "{ip} was chosen"
            );
        }
    }

    #[test]
    fn an_exchange_for_this_machine_may_advertise_loopback_and_nothing_worse() {
        assert_eq!(told(&[("public.addresses", "127.0.0.1")]), Ok(()), "the name is localhost");
        let own = [("listen.https", "127.0.0.1:0"), ("public.name", "comms.example.org")];
        assert_eq!(told(&[own[0], own[1], ("public.addresses", "127.0.0.1")]), Ok(()));
        assert!(told(&[own[0], own[1], ("public.addresses", "0.0.0.0")]).is_err());
        assert!(told(&[("public.addresses", "0.0.0.0")]).is_err());
    }

    #[test]
    fn a_guessed_address_of_a_container_is_refused_and_a_chosen_one_is_not() {
        // What is listened on is what is guessed.
        let refused = told(&[("listen.relay", "172.17.0.2:3478")]).expect_err("a container's");
        assert!(refused.contains("172.17.0.2") && refused.contains("--public-address"), "{refused}");
        assert_eq!(told(&[("listen.relay", "172.17.0.2:3478"), ("public.addresses", "203.0.113.7")]), Ok(()));
        assert_eq!(told(&[("listen.relay", "172.17.0.2:3478"), ("listen.https", "127.0.0.1:1")]), Ok(()));
    }
}
