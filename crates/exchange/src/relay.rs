//! ICE servers with credentials that are computed, never kept (B-RELAY-1 to B-RELAY-3, contract section 6).

mod revoked;

use std::time::Duration;

pub use revoked::{Revoked, Since, ask_revoked, revoked, serve_revoked};

use centrale_model::{Identity, Timestamp, UserId};
use centrale_relay::Credential;
use centrale_wire::admin::{IceServers, IssueIceServersRequest};
use centrale_wire::relay::{IceServer, IssueRelayConfigurationRequest, RelayConfiguration, RouteIceServer};

use crate::identity::{self, Caller};
use crate::{Context, Error, RelaySettings, Result};

/// The longest, and the usual, life of a credential asked for by a server: 48 hours.
const MAX_TTL: i64 = 172_800;

/// Issues a relay configuration.
///
/// Each route has two addresses, since more slow browsers down (B-RELAY-2): `any` has STUN and TURN over UDP, `nearest`
/// has TURN over UDP and over TLS on the HTTPS port. With TURN switched off there is STUN only, with empty credentials.
///
/// # Errors
/// `Invalid` when the route type is unknown or the life is outside 0 to 172 800 seconds; `NotFound` when the user is given
/// and does not exist.
pub async fn issue_relay_configuration(
    ctx: &Context,
    _caller: &Caller,
    request: IssueRelayConfigurationRequest,
) -> Result<RelayConfiguration> {
    let ttl = life(request.ttl.unwrap_or(MAX_TTL), "ttl")?;
    let routes = routes(request.route_type.as_deref())?;
    let identity = whose(ctx, request.id.as_deref(), "id").await?;
    // The credential ends on a whole second, the answer promises no more than it holds.
    let credential = mint(ctx, &identity, ttl);
    let ends = ctx.now().plus(ttl);
    Ok(RelayConfiguration {
        expires_on: ends.to_rfc3339_seven_digits(),
        ice_servers: routes
            .iter()
            .map(|route| RouteIceServer {
                urls: route_urls(&ctx.relay, &identity, route),
                username: credential.as_ref().map(|c| c.username.clone()).unwrap_or_default(),
                credential: credential.as_ref().map(|c| c.password.clone()).unwrap_or_default(),
                route_type: (*route).to_owned(),
            })
            .collect(),
    })
}

/// The ICE servers of a browser that acts for `identity`, and when their credentials end.
///
/// STUN, then TURN over UDP, TCP, TLS, and TLS on the HTTPS port; then, where there are several relays, a second one over
/// UDP, so that one may go away. No TURN when the relay is switched off.
pub fn ice_servers(ctx: &Context, identity: &Identity, ttl: Duration) -> (Vec<IceServer>, Timestamp) {
    let [relay, fallback] = relays_of(&ctx.relay, identity);
    let ends = ctx.now().plus(ttl);
    let mut servers = Vec::new();
    let stun: Vec<String> = stun_url(relay).into_iter().collect();
    if !stun.is_empty() {
        servers.push(IceServer { urls: stun, username: None, credential: None });
    }
    if let Some(credential) = mint(ctx, identity, ttl) {
        let second = (fallback.host != relay.host).then(|| turn_udp(fallback)).flatten();
        let urls: Vec<String> = [turn_udp(relay), turn_tcp(relay), turn_tls(relay), turn_https(relay), second]
            .into_iter()
            .flatten()
            .collect();
        if !urls.is_empty() {
            servers.push(IceServer {
                urls,
                username: Some(credential.username),
                credential: Some(credential.password),
            });
        }
    }
    (servers, ends)
}

/// Issues every ICE server that there is, for the operator.
///
/// # Errors
/// `Invalid` when the life is outside 0 to 172 800 seconds; `NotFound` when the user is given and does not exist.
pub async fn issue_ice_servers(ctx: &Context, _caller: &Caller, request: IssueIceServersRequest) -> Result<IceServers> {
    let ttl = life(request.ttl_seconds.unwrap_or(86_400), "ttlSeconds")?;
    let identity = whose(ctx, request.identity.as_deref(), "identity").await?;
    let (ice_servers, ends) = ice_servers(ctx, &identity, ttl);
    Ok(IceServers { ice_servers, expires_on: ends.to_rfc3339_seven_digits() })
}

fn life(seconds: i64, target: &'static str) -> Result<Duration> {
    u64::try_from(seconds).ok().filter(|_| seconds <= MAX_TTL).map(Duration::from_secs).ok_or_else(|| {
        Error::validation(
            target,
            format!("{target} value {seconds} is invalid. Value must be within the [0, {MAX_TTL}] interval."),
        )
    })
}

/// The user named, who must exist; or nobody in particular: each credential is then a stranger of its own, so that they do
/// not share quotas.
async fn whose(ctx: &Context, raw: Option<&str>, target: &'static str) -> Result<Identity> {
    let Some(raw) = raw else {
        return Ok(Identity::user(ctx.resource, UserId::from_random(ctx.random_16())));
    };
    let identity = raw.parse().map_err(|_| Error::validation(target, "Provided identity has invalid format."))?;
    identity::require_user(ctx, &identity).await?;
    Ok(identity)
}

/// A credential that lasts at least `ttl`; none when the relay is switched off.
fn mint(ctx: &Context, identity: &Identity, ttl: Duration) -> Option<Credential> {
    let whole = ttl + Duration::from_secs(1);
    ctx.relay.enabled.then(|| Credential::mint(ctx.relay.secret.reveal(), &identity.to_string(), ctx.now(), whole))
}

fn routes(given: Option<&str>) -> Result<&'static [&'static str]> {
    match given.map(str::to_ascii_lowercase).as_deref() {
        None => Ok(&["any", "nearest"]),
        Some("any") => Ok(&["any"]),
        Some("nearest") => Ok(&["nearest"]),
        Some(_) => Err(Error::validation("routeType", "routeType is any or nearest.")),
    }
}

/// The relay that an identity uses first, and the one after it; the same when there is one only.
fn relays_of<'a>(relays: &'a RelaySettings, identity: &Identity) -> [&'a RelaySettings; 2] {
    let count = relays.others.len() + 1;
    // FNV-1a: spreads identities over the relays, on every node in the same way.
    let hash = identity
        .to_string()
        .bytes()
        .fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3));
    let first = usize::try_from(hash % count as u64).unwrap_or(0);
    [first, first + 1].map(|at| match (at % count).checked_sub(1) {
        None => relays,
        Some(other) => relays.others.get(other).unwrap_or(relays),
    })
}

fn route_urls(relays: &RelaySettings, identity: &Identity, route: &str) -> Vec<String> {
    let [relay, fallback] = relays_of(relays, identity);
    if !relay.enabled {
        return stun_url(relay).into_iter().collect();
    }
    let wanted = match route {
        "any" => [stun_url(relay), turn_udp(relay).or_else(|| turn_tcp(relay))],
        _ => [turn_udp(fallback).or_else(|| turn_tcp(fallback)), turn_https(relay).or_else(|| turn_tls(relay))],
    };
    wanted.into_iter().flatten().collect()
}

fn stun_url(relay: &RelaySettings) -> Option<String> {
    relay.udp_port.map(|port| format!("stun:{}:{port}", relay.host))
}

fn turn_udp(relay: &RelaySettings) -> Option<String> {
    relay.udp_port.map(|port| format!("turn:{}:{port}?transport=udp", relay.host))
}

fn turn_tcp(relay: &RelaySettings) -> Option<String> {
    relay.tcp_port.map(|port| format!("turn:{}:{port}?transport=tcp", relay.host))
}

fn turn_tls(relay: &RelaySettings) -> Option<String> {
    relay.tls_port.map(|port| format!("turns:{}:{port}?transport=tcp", relay.tls_host))
}

fn turn_https(relay: &RelaySettings) -> Option<String> {
    relay.https_port.map(|port| format!("turns:{}:{port}?transport=tcp", relay.tls_host))
}
