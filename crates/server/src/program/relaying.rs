//! The relay as part of a node: its addresses, its limits, its usage.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, UdpSocket};
use std::sync::Arc;

use centrale_exchange::usage::Ledger;
use centrale_exchange::{Chance, Context, SystemChance};
use centrale_model::Private;
use centrale_relay::{Cap, Fact, Limits, PeerRules, RelayAddress};

use super::{StartError, in_use};
use crate::config::{self, Config, Role};
use crate::relay::{self, RelayConfig, RelayHandle};
use crate::tls::{self, Certified};

/// Opens the relay's sockets and starts its threads.
pub(super) fn start(
    config: &Config,
    secret: &Private<String>,
    certified: &Arc<Certified>,
    listeners: &[SocketAddr],
    sink: impl Fn(Fact) + Send + Sync + 'static,
) -> Result<RelayHandle, StartError> {
    let mut seed = [0; 32];
    let mut instance = [0; 8];
    let chance = SystemChance::new();
    chance.fill(&mut seed);
    chance.fill(&mut instance);
    // With TURN switched off nothing is lent; STUN goes on.
    let lent = |is_v4: bool| {
        let advertised = config.public.addresses.iter().copied().find(|ip| ip.is_ipv4() == is_v4)?;
        config.relay.enabled.then(|| RelayAddress { local: bindable(advertised), advertised })
    };
    // A node that leaves relaying to others has no listeners for it.
    let is_relay = config.cluster.roles.has(Role::Relay);
    let listening = |told| if is_relay { places(config, told) } else { Vec::new() };
    let settings = RelayConfig {
        udp: listening(config.listen.relay),
        tcp: listening(config.listen.relay),
        tls: listening(config.listen.relay_tls),
        tls_config: Some(tls::relay(certified)),
        realm: config.public.name.clone(),
        secret: secret.reveal().as_bytes().to_vec(),
        seed,
        instance: u64::from_be_bytes(instance),
        relay_v4: lent(true),
        relay_v6: lent(false),
        ports: config.relay.ports.clone(),
        listeners: listeners.to_vec(),
        peers: PeerRules { allowed: config.relay.allowed_peers.clone(), denied: config.relay.denied_peers.clone() },
        limits: Limits {
            user: cap(&config.relay.user),
            source: cap(&config.relay.source),
            resource: cap(&config.relay.resource),
            ..Limits::default()
        },
        workers: if is_relay { config.relay.workers } else { 1 },
        ..RelayConfig::default()
    };
    relay::start(settings, sink)
        .map_err(|error| StartError(in_use("listen.relay (or listen.relay_tls)", config.listen.relay, &error)))
}

fn cap(told: &config::Cap) -> Cap {
    let config::Cap { allocations, bytes_per_second, bytes_per_day } = *told;
    Cap { allocations, bytes_per_second, bytes_per_day }
}

/// Where to listen: as told, or, when told "everywhere", on each of the public addresses that this machine has, so that
/// answers leave from the address that was asked.
fn places(config: &Config, told: SocketAddr) -> Vec<SocketAddr> {
    if !told.ip().is_unspecified() || told.port() == 0 {
        return vec![told];
    }
    let takes_v6 = told.is_ipv6();
    let mut ips: Vec<IpAddr> =
        config.public.addresses.iter().copied().filter(|ip| (ip.is_ipv4() || takes_v6) && is_own(*ip)).collect();
    if ips.is_empty() {
        return vec![told];
    }
    ips.push(Ipv4Addr::LOCALHOST.into());
    if takes_v6 && is_own(Ipv6Addr::LOCALHOST.into()) {
        ips.push(Ipv6Addr::LOCALHOST.into());
    }
    let mut known = std::collections::BTreeSet::new();
    ips.retain(|ip| known.insert(*ip));
    ips.into_iter().map(|ip| SocketAddr::new(ip, told.port())).collect()
}

fn is_own(ip: IpAddr) -> bool {
    UdpSocket::bind(SocketAddr::new(ip, 0)).is_ok()
}

/// The address itself, or any when it is a translator's and not this machine's.
fn bindable(ip: IpAddr) -> IpAddr {
    match ip {
        own if is_own(own) => own,
        IpAddr::V4(_) => Ipv4Addr::UNSPECIFIED.into(),
        IpAddr::V6(_) => Ipv6Addr::UNSPECIFIED.into(),
    }
}

/// Writes what the relay measured, every few seconds.
pub(super) async fn keep_ledger(ctx: Context, ledger: Arc<Ledger>) {
    let mut ticks = tokio::time::interval(Ledger::EVERY);
    loop {
        ticks.tick().await;
        if let Err(error) = ledger.flush(&ctx).await {
            tracing::warn!(%error, "relay usage waits to be written");
        }
    }
}
