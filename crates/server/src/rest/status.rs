//! `GET /admin/status`: what only the node itself knows, so that it is not a function of `exchange`.

use std::sync::Arc;

use centrale_exchange::{Result, identity};
use centrale_wire::admin::{GetStatus, Status};

use super::Node;
use super::router::Routes;

pub(super) fn mount(routes: &mut Routes) {
    routes.mount_node::<GetStatus, _, _>(|node: Arc<Node>, _, _| async move { status(&node).await });
}

async fn status(node: &Node) -> Result<Status> {
    let ctx = &node.ctx;
    Ok(Status {
        version: env!("CARGO_PKG_VERSION").to_owned(),
        resource_id: ctx.resource.to_string(),
        public_url: ctx.public_url.clone(),
        uptime_seconds: node.uptime_seconds(),
        draining: node.is_draining(),
        dev: node.setting.dev,
        limits: node.setting.limits,
        relay_enabled: ctx.relay.enabled,
        users: identity::count(ctx).await?,
    })
}
