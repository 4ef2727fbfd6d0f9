//! Whether the node lives, and whether it is ready for work.

use std::sync::Arc;
use std::time::Duration;

use centrale_wire::Method;
use http::StatusCode;
use serde_json::json;

use super::router::{Incoming, Routes};
use super::{Answer, Node, answer};

/// How long the store may take to show that it is there.
const PATIENCE: Duration = Duration::from_secs(2);

pub(super) fn mount(routes: &mut Routes) {
    routes.raw(Method::Get, "/health/live", true, |_, _| async {
        answer::json(StatusCode::OK, &json!({ "status": "live" }))
    });
    routes.raw(Method::Get, "/health/ready", true, ready);
}

async fn ready(node: Arc<Node>, _: Incoming) -> Answer {
    if node.is_draining() {
        return answer::json(StatusCode::SERVICE_UNAVAILABLE, &json!({ "status": "draining" }));
    }
    let asking = node.ctx.store.read("SELECT COUNT(*) FROM access_key", &[]);
    match tokio::time::timeout(PATIENCE, asking).await {
        Ok(Ok(_)) => answer::json(StatusCode::OK, &json!({ "status": "ready" })),
        Ok(Err(_)) | Err(_) => answer::json(StatusCode::SERVICE_UNAVAILABLE, &json!({ "status": "no store" })),
    }
}
