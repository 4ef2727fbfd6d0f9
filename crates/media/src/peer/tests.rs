//! Two peers and the network between them, with time moved by hand.

mod connect;
mod data;
mod media;
mod paths;
mod world;

use std::sync::{Arc, OnceLock};
use std::time::Instant;

/// What the peers of these tests share.
#[expect(clippy::disallowed_methods, reason = "a test is the shell that has a clock")]
fn host() -> Arc<super::Host> {
    static HOST: OnceLock<Arc<super::Host>> = OnceLock::new();
    HOST.get_or_init(|| Arc::new(super::Host::new(vec![world::SERVER], Instant::now()))).clone()
}
