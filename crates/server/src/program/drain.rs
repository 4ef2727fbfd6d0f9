//! The end: SIGTERM or SIGINT drains, a second one ends at once.

use std::sync::Arc;
use std::time::Duration;

use centrale_exchange::calls::Switchboard;
use tokio::signal::unix::{SignalKind, signal};
use tokio::time::{Instant, sleep};

use crate::relay::RelayHandle;
use crate::rest::Node;

/// Waits for the first signal, then until no call is live, the deadline has come, or a second signal.
pub(super) async fn until_told(node: &Node, relay: &Arc<RelayHandle>, board: &Switchboard, deadline: Duration) {
    told().await;
    node.drain();
    relay.drain(Vec::new());
    board.drain();
    let live = || board.hosted();
    let end = Instant::now() + deadline;
    let calls = live();
    tracing::info!(calls, "draining");
    let quiet = async {
        while live() > 0 && Instant::now() < end {
            sleep(Duration::from_millis(200)).await;
        }
    };
    tokio::select! {
        () = quiet => {}
        () = told() => tracing::info!("told twice: ending at once"),
    }
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
