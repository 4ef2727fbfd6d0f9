//! An exchange in memory, and a clock that moves by hand.
#![allow(dead_code, unreachable_pub, reason = "each test file uses some of it")]

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use centrale_bus::Bus;
use centrale_exchange::{Clock, Context, Parts, RelaySettings, SystemChance, WellKnown};
use centrale_model::{Private, Time, Timestamp};
use centrale_store::Store;

/// 2026-11-21T00:00:00Z, in unix seconds.
pub const BEGIN: i64 = 1_795_219_200;

pub struct HandClock(AtomicU64);

impl HandClock {
    pub fn pass(&self, span: Duration) {
        self.0.fetch_add(u64::try_from(span.as_millis()).expect("not that long"), Ordering::SeqCst);
    }
}

impl Clock for HandClock {
    fn now(&self) -> Timestamp {
        Timestamp::from_secs(BEGIN).plus(Duration::from_millis(self.0.load(Ordering::SeqCst)))
    }

    fn time(&self) -> Time {
        Time::from_millis(self.0.load(Ordering::SeqCst))
    }
}

pub struct World {
    pub ctx: Context,
    pub clock: Arc<HandClock>,
}

pub fn relay() -> RelaySettings {
    RelaySettings {
        enabled: true,
        secret: Private::new(b"a secret for relays".to_vec()),
        host: "relay.example.org".to_owned(),
        tls_host: "relay.example.org".to_owned(),
        udp_port: Some(3478),
        tcp_port: Some(3478),
        tls_port: Some(5349),
        https_port: Some(443),
        others: Vec::new(),
    }
}

pub fn developer() -> WellKnown {
    WellKnown {
        resource: "00000000-0000-4000-8000-00000000cafe".parse().expect("a GUID"),
        primary_key: Private::new("Y2VudHJhbGUtZGV2LWtleS1ub3QtYS1zZWNyZXQtMDAwMQ==".to_owned()),
    }
}

pub fn parts(clock: &Arc<HandClock>, store: Arc<dyn Store>, bus: Arc<dyn Bus>, well_known: Option<WellKnown>) -> Parts {
    Parts {
        store,
        bus,
        clock: clock.clone(),
        chance: Arc::new(SystemChance::new()),
        public_url: "https://localhost:8443".to_owned(),
        relay: relay(),
        well_known,
    }
}

/// One more node on the same store and bus.
pub async fn node(clock: &Arc<HandClock>, store: Arc<dyn Store>, bus: Arc<dyn Bus>) -> Context {
    Context::open(parts(clock, store, bus, None)).await.expect("a context")
}

pub async fn world() -> World {
    let clock = Arc::new(HandClock(AtomicU64::new(0)));
    let store = store().await;
    let bus = centrale_bus::open(None).await.expect("a bus in process");
    World { ctx: node(&clock, store, bus).await, clock }
}

/// An empty store on the engine of the test program: SQLite, or, included by `tests/postgresql.rs`, PostgreSQL.
pub async fn store() -> Arc<dyn Store> {
    let address = match module_path!().starts_with("postgresql::") {
        true => centrale_store::testing::Server::shared().fresh(),
        false => ":memory:".to_owned(),
    };
    centrale_store::open(&address).await.expect("a store")
}
