//! What goes on beside the connections: old events are forgotten, calls are counted.

use std::sync::Arc;
use std::time::Duration;

use centrale_exchange::calls::Switchboard;
use centrale_exchange::{Context, events};

use crate::metrics::{self, Source};

/// How often old events are looked for.
const EVERY: Duration = Duration::from_secs(10 * 60);

/// Forgets what clients were told long ago.
pub async fn forget_old_events(ctx: Context) {
    let mut ticks = tokio::time::interval(EVERY);
    loop {
        ticks.tick().await;
        if let Err(error) = events::forget_old(&ctx).await {
            tracing::warn!(%error, "old events stay for now");
        }
    }
}

/// The switchboard's counters.
pub fn counters(board: &Switchboard) -> Source {
    let board = board.clone();
    Arc::new(move |out| {
        let calls = u64::try_from(board.hosted()).unwrap_or(u64::MAX);
        metrics::line(out, "centrale_calls", "gauge", "Calls that this node hosts.", calls);
    })
}
