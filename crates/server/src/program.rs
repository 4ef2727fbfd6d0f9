//! A node, from its first file to its last connection.

pub(crate) mod addresses;
mod drain;
mod files;
mod gauges;
mod outside;
mod relay_node;
mod relaying;
mod revocations;
mod spool;

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::sync::Arc;
use std::time::{Duration, Instant};

use centrale_exchange::calls::{Settings, Switchboard};
use centrale_exchange::usage::{self, Ledger};
use centrale_exchange::{Clock, Context, Parts, RelaySettings, SystemChance, SystemClock, WellKnown, identity};
use centrale_model::{Private, ResourceId};
use tokio::net::TcpListener;
use tokio::sync::watch;

use centrale_wire::Method;

use crate::config::{Config, Mode, Role};
use crate::listener::{self, Adopt, Answering, Serving};
use crate::relay::RelayHandle;
use crate::rest::{self, Node, Setting};
use crate::vantage::{self, Eyes};
use crate::{metrics, signal, tls};

pub use files::Runtime;
use revocations::Revocations;

/// Why the node did not start: one sentence.
#[derive(Debug)]
pub struct StartError(pub String);

impl std::fmt::Display for StartError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for StartError {}

/// The resource and key of the developer's exchange, which everybody knows on purpose (contract section 3).
const DEVELOPER: ResourceId = ResourceId::from_u128(0x0000_0000_0000_4000_8000_0000_0000_cafe);
const DEVELOPER_KEY: &str = "Y2VudHJhbGUtZGV2LWtleS1ub3QtYS1zZWNyZXQtMDAwMQ==";

/// Starts the node, says that it is ready, and serves until it is told to end.
///
/// # Errors
/// One sentence that names what stands in the way and what to write.
pub async fn run(config: Config) -> Result<(), StartError> {
    addresses::check(&config)?;
    if config.cluster.roles.is_relay_alone() {
        return relay_node::run(config).await;
    }
    let clock: Arc<dyn Clock> = Arc::new(SystemClock::new());
    let folder = files::Folder::open(&config.data)?;

    let https = bind("listen.https", config.listen.https).await?;
    let metrics = bind("listen.metrics", config.listen.metrics).await?;
    let https_address = local(&https)?;
    let metrics_address = local(&metrics)?;
    let public_url = public_url(&config.public.name, https_address.port());

    let origin = certificate_origin(&config, &folder, clock.now())?;
    let certified = tls::load(&origin, clock.now()).map_err(|error| StartError(error.to_string()))?;

    let secret = match &config.relay.secret {
        Some(secret) => secret.clone(),
        None => folder.relay_secret(&SystemChance::new())?,
    };
    let ledger = Arc::new(Ledger::new());
    let meter = Arc::new(gauges::Meter::default());
    let sink = {
        let (ledger, meter) = (ledger.clone(), meter.clone());
        move |fact| {
            meter.add(&fact);
            ledger.add(fact);
        }
    };
    let relay = relaying::start(&config, &secret, &certified, &[https_address, metrics_address], sink)?;
    let relay = Arc::new(relay);

    let ctx = open_context(&config, &folder, clock.clone(), public_url.clone(), &relay, secret.clone(), https_address)
        .await?;
    if config.mode == Mode::Serve && ctx.access_keys().both().iter().any(|key| key.secret.reveal() == DEVELOPER_KEY) {
        return Err(StartError(
            "An access key is the developer's, which everybody knows: replace it with POST /admin/keys/:regenerate"
                .into(),
        ));
    }

    let setting = Setting {
        dev: config.mode == Mode::Dev,
        limits: config.limits,
        public_hosts: vec![public_url.trim_start_matches("https://").to_owned()],
    };
    let node = Arc::new(Node::new(ctx.clone(), setting));
    let board = Switchboard::open(ctx.clone(), folder.node_name(&SystemChance::new())?, Settings::default())
        .await
        .map_err(|error| StartError(format!("the switchboard does not open: {error}")))?;
    let eyes = Arc::new(Eyes::new(&secret));
    let router = Arc::new(rest::routes(config.mode == Mode::Dev, |routes| {
        signal::mount(routes, board.clone());
        routes.raw(Method::Post, vantage::PATH, false, move |_, incoming| {
            let eyes = eyes.clone();
            async move { eyes.answer(incoming.request, incoming.peer).await }
        });
    }));

    let relay_address = relay.addresses().clone();
    let runtime = Runtime::of(&ctx, https_address, metrics_address, &relay_address, &folder.ca_file());
    tokio::spawn(identity::keep(ctx.clone()));
    tokio::spawn(files::keep_current(ctx.clone(), folder.clone(), runtime.clone()));
    tokio::spawn(revocations::keep(ctx.clone(), Revocations::new(relay.clone())));
    tokio::spawn(relaying::keep_ledger(ctx.clone(), ledger.clone()));
    tokio::spawn(serve_relays(ctx.clone()));
    tokio::spawn(tell_relays(ctx.clone()));
    tokio::spawn(signal::forget_old_events(ctx.clone()));
    let open = node.counters.connections.clone();
    let presence = metrics::presence(Instant::now(), open.clone(), {
        let node = node.clone();
        move || node.is_draining()
    });
    let mut sources =
        vec![presence, metrics::operations(&node), signal::counters(&board), certified.counters(clock.clone())];
    let is_relay = config.cluster.roles.has(Role::Relay);
    sources.extend(is_relay.then(|| gauges::counters(&relay, &meter)));
    tokio::spawn(metrics::serve(metrics, sources));

    let (end, ended) = watch::channel(false);
    let answering: Answering = {
        let node = node.clone();
        Arc::new(move |request, peer| Box::pin(rest::answer(node.clone(), router.clone(), request, peer)))
    };
    let serving = Serving { answering, open, tls: tls::https(&certified), adopt: is_relay.then(|| adopt(&relay)) };
    let accepting = tokio::spawn(listener::serve(https, serving, ended));
    tokio::spawn(tls::keep_fresh(certified.clone(), origin, clock));

    folder.write_runtime(&ctx, &runtime)?;
    ready(&config.public.name, https_address);
    if is_relay {
        tokio::spawn(outside::look(config.public.clone(), runtime, secret));
    }

    let begin = || {
        node.drain();
        relay.drain(config.relay.alternates.clone());
        board.drain();
    };
    let live = async || {
        let calls = board.hosted() as u64;
        // A developer's browser that is still open must not hold up a restart.
        if config.mode == Mode::Dev { calls } else { calls + drain::allocations(&relay).await }
    };
    drain::until_told(begin, live, config.drain_deadline).await;

    folder.remove_runtime();
    let _ = end.send(true);
    let _ = tokio::time::timeout(Duration::from_secs(5), accepting).await;
    let stopping = relay.clone();
    let _ = tokio::task::spawn_blocking(move || stopping.stop()).await;
    // The relay's last measurements were put in while it stopped.
    if let Err(error) = ledger.flush(&ctx).await {
        tracing::error!(%error, "the last relay usage was not written");
    }
    Ok(())
}

/// Says that the node is ready (contract section 2).
fn ready(name: &str, https: SocketAddr) {
    println!("ready https://{}:{}", bracketed(name), https.port());
}

/// Writes what relays on other nodes measured.
async fn serve_relays(ctx: Context) {
    if let Err(error) = usage::serve_relays(&ctx).await {
        tracing::error!(%error, "usage of other relays is not taken");
    }
}

/// Tells relays on other nodes which users are deleted.
async fn tell_relays(ctx: Context) {
    if let Err(error) = centrale_exchange::relay::serve_revoked(&ctx).await {
        tracing::error!(%error, "other relays are not told which users are deleted");
    }
}

async fn open_context(
    config: &Config,
    folder: &files::Folder,
    clock: Arc<dyn Clock>,
    public_url: String,
    relay: &RelayHandle,
    secret: Private<String>,
    https: SocketAddr,
) -> Result<Context, StartError> {
    let address = match &config.cluster.store {
        Some(address) => address.reveal().clone(),
        None => folder.database()?,
    };
    let store = centrale_store::open(&address)
        .await
        .map_err(|error| StartError(format!("cluster.store: {error}: write an address that can be reached.")))?;
    let bus = centrale_bus::open(config.cluster.bus.as_ref().map(|address| address.reveal().as_str()))
        .await
        .map_err(|error| StartError(format!("cluster.bus: {error}: write an address that can be reached.")))?;
    let well_known = (config.mode == Mode::Dev)
        .then(|| WellKnown { resource: DEVELOPER, primary_key: Private::new(DEVELOPER_KEY.to_owned()) });
    let addresses = relay.addresses();
    let port = |list: &[SocketAddr]| list.first().map(SocketAddr::port);
    let secret = Private::new(secret.reveal().as_bytes().to_vec());
    let own = RelaySettings {
        enabled: config.relay.enabled,
        secret: secret.clone(),
        host: relay_host(config),
        tls_host: bracketed(&config.public.name),
        udp_port: port(&addresses.udp),
        tcp_port: port(&addresses.tcp),
        tls_port: port(&addresses.tls),
        https_port: config.cluster.roles.has(Role::Relay).then(|| https.port()),
        others: Vec::new(),
    };
    let mut elsewhere = config.relay.servers.iter().map(|server| RelaySettings {
        enabled: config.relay.enabled,
        secret: secret.clone(),
        host: bracketed(&server.host),
        tls_host: bracketed(&server.host),
        udp_port: Some(server.port),
        tcp_port: Some(server.port),
        // Where a relay node listens for TLS when it is told of one port only.
        tls_port: if server.port == 3478 { Some(5349) } else { server.port.checked_add(1) },
        https_port: Some(443),
        others: Vec::new(),
    });
    let settings = match elsewhere.next() {
        Some(first) => RelaySettings { others: elsewhere.collect(), ..first },
        None => RelaySettings { enabled: own.enabled && config.cluster.roles.has(Role::Relay), ..own },
    };
    let parts =
        Parts { store, bus, clock, chance: Arc::new(SystemChance::new()), public_url, relay: settings, well_known };
    Context::open(parts).await.map_err(|error| StartError(error.to_string()))
}

/// The host of `stun:` and `turn:` addresses: the public name, but for `localhost`, of which each resolver thinks its own.
fn relay_host(config: &Config) -> String {
    match config.public.addresses.first() {
        Some(address) if config.public.name == "localhost" => bracketed(&address.to_string()),
        Some(_) | None => bracketed(&config.public.name),
    }
}

fn certificate_origin(
    config: &Config,
    folder: &files::Folder,
    now: centrale_model::Timestamp,
) -> Result<tls::Origin, StartError> {
    if let Some(files) = &config.tls {
        return Ok(tls::Origin::Files(files.clone()));
    }
    let own = own_certificate(config, folder, now)?;
    Ok(match &config.acme {
        Some(acme) => tls::Origin::Acme { acme: acme.clone(), folder: folder.tls(), own: Box::new(own) },
        None => own,
    })
}

fn own_certificate(
    config: &Config,
    folder: &files::Folder,
    now: centrale_model::Timestamp,
) -> Result<tls::Origin, StartError> {
    let authority = tls::Authority::open(&folder.tls(), now).map_err(|error| StartError(error.to_string()))?;
    let mut names = Vec::new();
    let mut addresses: Vec<IpAddr> = vec![Ipv4Addr::LOCALHOST.into(), Ipv6Addr::LOCALHOST.into()];
    match config.public.name.parse() {
        Ok(ip) => addresses.push(ip),
        Err(_) => names.push(config.public.name.clone()),
    }
    if !names.iter().any(|name| name == "localhost") {
        names.push("localhost".to_owned());
    }
    addresses.extend(&config.public.addresses);
    if !config.listen.https.ip().is_unspecified() {
        addresses.push(config.listen.https.ip());
    }
    Ok(tls::Origin::Own { authority, names, addresses })
}

fn adopt(relay: &Arc<RelayHandle>) -> Adopt {
    let relay = relay.clone();
    Arc::new(move |handover| relay.adopt(handover.stream, handover.tls, handover.first, handover.peer))
}

async fn bind(key: &str, address: SocketAddr) -> Result<TcpListener, StartError> {
    TcpListener::bind(address).await.map_err(|error| StartError(in_use(key, address, &error)))
}

/// The sentence for an address that cannot be listened on.
fn in_use(key: &str, address: SocketAddr, error: &std::io::Error) -> String {
    match error.kind() {
        std::io::ErrorKind::AddrInUse => {
            format!("{key}: {address} is in use: write another address, or port 0 for any free one.")
        }
        std::io::ErrorKind::PermissionDenied => {
            format!(
                "{key}: {address} needs more rights than we have: write a port above 1023, or grant CAP_NET_BIND_SERVICE."
            )
        }
        _ => format!("{key}: {address} cannot be listened on ({error}): write an address of this machine."),
    }
}

fn local(listener: &TcpListener) -> Result<SocketAddr, StartError> {
    listener.local_addr().map_err(|error| StartError(error.to_string()))
}

fn public_url(name: &str, port: u16) -> String {
    match port {
        443 => format!("https://{}", bracketed(name)),
        other => format!("https://{}:{other}", bracketed(name)),
    }
}

fn bracketed(host: &str) -> String {
    if host.contains(':') { format!("[{host}]") } else { host.to_owned() }
}
