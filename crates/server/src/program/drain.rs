//! The end: SIGTERM or SIGINT drains, a second one ends at once.

use std::sync::Arc;
use std::time::Duration;

use tokio::signal::unix::{SignalKind, signal};
use tokio::time::{Instant, sleep};

use crate::relay::RelayHandle;

/// How often it is looked whether anything is live.
const LOOK: Duration = Duration::from_millis(200);

/// Waits for the first signal, then until nothing is live, the deadline has come, or a second signal.
///
/// - `begin`: from now on nothing new is taken.
/// - `live`: the calls and allocations there are.
pub(super) async fn until_told(begin: impl FnOnce(), live: impl AsyncFn() -> u64, deadline: Duration) {
    told().await;
    begin();
    let end = Instant::now() + deadline;
    tracing::info!(live = live().await, "draining");
    let quiet = async {
        while live().await > 0 && Instant::now() < end {
            sleep(LOOK).await;
        }
    };
    tokio::select! {
        () = quiet => {}
        () = told() => tracing::info!("told twice: ending at once"),
    }
}

/// The relay's allocations.
pub(super) async fn allocations(relay: &Arc<RelayHandle>) -> u64 {
    let relay = relay.clone();
    tokio::task::spawn_blocking(move || relay.stats().allocations).await.unwrap_or(0)
}

async fn told() {
    let (Ok(mut term), Ok(mut int)) = (signal(SignalKind::terminate()), signal(SignalKind::interrupt())) else {
        // Without signals there is nothing to wait for; the process can only be killed.
        return std::future::pending().await;
    };
    tokio::select! {
        _ = term.recv() => {}
        _ = int.recv() => {}
    }
}
