//! What the adapter needs besides the context: the switches of this node, its counters and its limiter.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::time::Instant;

use bytes::Bytes;
use centrale_exchange::Context;

use super::Limiter;

/// How the adapter behaves on this node.
#[derive(Clone, Debug)]
pub struct Setting {
    /// Whether this is `centrale dev`.
    pub dev: bool,
    /// Whether requests over a limit are refused.
    pub limits: bool,
    /// Names under which proxies may send requests on to us, besides what is in `Host` (wire notes 3.1).
    pub public_hosts: Vec<String>,
}

/// One node, as its handlers see it.
pub struct Node {
    /// The exchange.
    pub ctx: Context,
    /// The switches.
    pub setting: Setting,
    /// Who asked how often.
    pub limiter: Limiter,
    /// What was counted.
    pub counters: Counters,
    born: Instant,
    draining: AtomicBool,
    pub(super) openapi: OnceLock<Bytes>,
}

impl Node {
    /// A node that serves a context.
    pub fn new(ctx: Context, setting: Setting) -> Node {
        Node {
            ctx,
            limiter: Limiter::default(),
            counters: Counters::default(),
            setting,
            born: Instant::now(),
            draining: AtomicBool::new(false),
            openapi: OnceLock::new(),
        }
    }

    /// Seconds since the node began.
    pub fn uptime_seconds(&self) -> u64 {
        self.born.elapsed().as_secs()
    }

    /// Whether the node takes no new calls.
    pub fn is_draining(&self) -> bool {
        self.draining.load(Ordering::Relaxed)
    }

    /// From now on the node takes no new calls and says that it is not ready.
    pub fn drain(&self) {
        self.draining.store(true, Ordering::Relaxed);
    }
}

/// What was counted since the node began.
#[derive(Default)]
pub struct Counters {
    /// Open connections on the HTTPS port.
    pub connections: Arc<AtomicUsize>,
    requests: Mutex<BTreeMap<(&'static str, u16), u64>>,
}

impl Counters {
    /// Counts an answer to an operation.
    pub fn answered(&self, operation: &'static str, status: u16) {
        let mut requests = self.requests.lock().unwrap_or_else(PoisonError::into_inner);
        *requests.entry((operation, status)).or_default() += 1;
    }

    /// Answers by operation and status.
    pub fn requests(&self) -> Vec<((&'static str, u16), u64)> {
        let requests = self.requests.lock().unwrap_or_else(PoisonError::into_inner);
        requests.iter().map(|(key, count)| (*key, *count)).collect()
    }
}
