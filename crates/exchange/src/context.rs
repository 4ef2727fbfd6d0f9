//! What every operation is given: the seams, the clock, chance, and the resource it serves.

use std::ops::Deref;
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use aws_lc_rs::rand::{SecureRandom, SystemRandom};
use centrale_bus::Bus;
use centrale_model::{Private, ResourceId, Time, Timestamp};
use centrale_store::Store;

use crate::{Error, Result, identity, schema};

/// Tells the time. Tests set it.
pub trait Clock: Send + Sync {
    /// The wall clock, for people and rows.
    fn now(&self) -> Timestamp;
    /// The monotonic clock, for machines; zero when the process began.
    fn time(&self) -> Time;
}

/// Gives random bytes. Tests may make them repeat.
pub trait Chance: Send + Sync {
    /// Fills `bytes` with bytes that nobody can foretell.
    fn fill(&self, bytes: &mut [u8]);
}

/// The machine's clocks.
pub struct SystemClock {
    birth: Instant,
}

impl SystemClock {
    /// Clocks whose monotonic zero is now.
    pub fn new() -> SystemClock {
        SystemClock { birth: Instant::now() }
    }
}

impl Default for SystemClock {
    fn default() -> Self {
        SystemClock::new()
    }
}

impl Clock for SystemClock {
    fn now(&self) -> Timestamp {
        let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or(Duration::ZERO);
        Timestamp::from_millis(i64::try_from(since.as_millis()).unwrap_or(i64::MAX))
    }

    fn time(&self) -> Time {
        Time::ZERO + self.birth.elapsed()
    }
}

/// The crypto library's generator.
pub struct SystemChance(SystemRandom);

impl SystemChance {
    /// The generator.
    pub fn new() -> SystemChance {
        SystemChance(SystemRandom::new())
    }
}

impl Default for SystemChance {
    fn default() -> Self {
        SystemChance::new()
    }
}

impl Chance for SystemChance {
    fn fill(&self, bytes: &mut [u8]) {
        self.0.fill(bytes).expect("the system's random source does not fail once it has begun");
    }
}

/// How the relay is reached and whether it may be used.
#[derive(Clone, Debug)]
pub struct RelaySettings {
    /// Whether TURN is offered. STUN always is.
    pub enabled: bool,
    /// The secret that credentials are computed from (contract section 6).
    pub secret: Private<Vec<u8>>,
    /// The host in `stun:` and `turn:` addresses.
    pub host: String,
    /// The host in `turns:` addresses: a name that the certificate is for, since some browsers refuse bare addresses.
    pub tls_host: String,
    /// The UDP port, when there is one.
    pub udp_port: Option<u16>,
    /// The TCP port, when there is one.
    pub tcp_port: Option<u16>,
    /// The port of TURN over TLS, when there is one.
    pub tls_port: Option<u16>,
    /// The HTTPS port, which also takes TURN over TLS.
    pub https_port: Option<u16>,
    /// More relays with the same secret. Each identity has one that it uses first and one to fall back to.
    pub others: Vec<RelaySettings>,
}

impl RelaySettings {
    /// No relay and no STUN: for tests of other chapters.
    pub fn none() -> RelaySettings {
        RelaySettings {
            enabled: false,
            secret: Private::new(Vec::new()),
            host: String::new(),
            tls_host: String::new(),
            udp_port: None,
            tcp_port: None,
            tls_port: None,
            https_port: None,
            others: Vec::new(),
        }
    }
}

/// A resource whose id and primary key are known beforehand (contract section 3).
#[derive(Clone, Debug)]
pub struct WellKnown {
    /// The resource's id.
    pub resource: ResourceId,
    /// The primary access key, base64.
    pub primary_key: Private<String>,
}

/// What a context is made of.
pub struct Parts {
    /// Where state is kept.
    pub store: Arc<dyn Store>,
    /// How nodes talk.
    pub bus: Arc<dyn Bus>,
    /// The clocks.
    pub clock: Arc<dyn Clock>,
    /// The random source.
    pub chance: Arc<dyn Chance>,
    /// The public HTTPS address, without a slash at the end; the `iss` of tokens.
    pub public_url: String,
    /// The relay.
    pub relay: RelaySettings,
    /// The developer's resource, in `centrale dev` only. Absent, ids and keys are made at random at the first start.
    pub well_known: Option<WellKnown>,
}

/// What every operation is given. Cheap to clone.
#[derive(Clone)]
pub struct Context(Arc<Inner>);

/// The inside of a context.
pub struct Inner {
    /// Where state is kept.
    pub store: Arc<dyn Store>,
    /// How nodes talk.
    pub bus: Arc<dyn Bus>,
    /// The clocks.
    pub clock: Arc<dyn Clock>,
    /// The random source.
    pub chance: Arc<dyn Chance>,
    /// The resource that this exchange serves.
    pub resource: ResourceId,
    /// The public HTTPS address, without a slash at the end.
    pub public_url: String,
    /// The relay.
    pub relay: RelaySettings,
    /// A number that tells this run of this node from every other.
    pub node: u64,
    pub(crate) identity: identity::State,
}

impl Deref for Context {
    type Target = Inner;
    fn deref(&self) -> &Inner {
        &self.0
    }
}

impl Context {
    /// Brings the schema up to date, finds or makes the resource with its keys, and gives the context.
    ///
    /// # Errors
    /// `Invalid` when the store belongs to another resource than the well-known one that is asked for, or to the
    /// well-known one when a random one is expected; `Unavailable` or `Bug` when the store does not work.
    pub async fn open(parts: Parts) -> Result<Context> {
        if !parts.public_url.bytes().all(|b| b.is_ascii_graphic() && !b"\"\\>?~".contains(&b)) {
            return Err(Error::invalid("The public address may have ASCII characters only, and none of \" \\ > ? ~"));
        }
        centrale_store::migrate(&*parts.store, schema::MIGRATIONS).await?;
        let now = parts.clock.now();
        let resource = identity::found(&*parts.store, &*parts.chance, now, parts.well_known.as_ref()).await?;
        let identity = identity::State::load(&*parts.store, now).await?;
        let mut node = [0; 8];
        parts.chance.fill(&mut node);
        Ok(Context(Arc::new(Inner {
            store: parts.store,
            bus: parts.bus,
            clock: parts.clock,
            chance: parts.chance,
            resource,
            public_url: parts.public_url,
            relay: parts.relay,
            node: u64::from_be_bytes(node),
            identity,
        })))
    }

    /// Sixteen random bytes, for ids.
    pub fn random_16(&self) -> [u8; 16] {
        let mut bytes = [0; 16];
        self.chance.fill(&mut bytes);
        bytes
    }

    /// The wall clock now.
    pub fn now(&self) -> Timestamp {
        self.clock.now()
    }
}
