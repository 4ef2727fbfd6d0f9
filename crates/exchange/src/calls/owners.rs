//! Whose calls are whose: a node's claim on its calls, and calls whose node is dead.

use std::sync::Arc;
use std::time::Duration;

use centrale_calls::Input;
use centrale_model::{CallId, EndpointId, LegId};
use tokio::sync::Mutex;

use super::command::{Command, What};
use super::hosted::Hosted;
use super::switchboard::{Switchboard, lock};
use super::{endpoints, ledger};
use crate::{Error, Result, lease};

/// How long a node's claim on its calls lasts without renewal.
///
/// Lower: calls of a dead node are taken over sooner. Higher: a node that pauses (a busy disk) keeps its calls. Renewed at a third.
const NODE_TERM: Duration = Duration::from_secs(9);

impl Switchboard {
    /// Loads a call of this node from its snapshot.
    pub(super) async fn load(&self, call: CallId, row: &ledger::CallRow) -> Result<()> {
        let Some(snapshot) = &row.snapshot else {
            // Its first step is being kept at this moment, or its node died before: either way there is nothing to ask it.
            return Err(Error::unavailable("the call is just being placed"));
        };
        let mut hosted = Hosted::from_snapshot(snapshot)?;
        // Deadlines that passed while nobody kept time get a little longer, so that clients can come back first.
        let mut outputs = Vec::new();
        hosted.step(Input::TakenOver, self.0.ctx.now(), &mut outputs);
        let lost: Vec<(LegId, EndpointId)> = hosted
            .call
            .legs()
            .filter(|leg| leg.is_live() && !leg.is_lost())
            .map(|leg| (leg.id(), leg.endpoint()))
            .collect();
        {
            let mut all = lock(&self.0.hosted);
            if all.contains_key(&call) {
                return Ok(());
            }
            self.arm(call, Some(&hosted));
            all.insert(call, Arc::new(Mutex::new(Some(hosted))));
        }
        // What the host before did not get to the conference any more.
        self.follow_up(call, outputs);
        // Whose connections went down with the old host has the reconnect window to come back.
        for (leg, endpoint) in lost {
            if !endpoints::is_online(&self.0.ctx, &self.0.node, endpoint).await? {
                let what = What::Input(Input::Lost { leg, is_leaving: false });
                self.command_here(&Command { call, what }).await?;
            }
        }
        Ok(())
    }

    pub(super) async fn adopt(&self, call: CallId, row: &ledger::CallRow) -> Result<()> {
        if row.owner != self.0.node && !ledger::take_over(&self.0.ctx, call, &row.owner, &self.0.node).await? {
            return Ok(());
        }
        tracing::info!(%call, "took over a call");
        self.load(call, row).await
    }

    /// Takes over calls whose nodes are dead, and this node's own from before its restart.
    pub(super) async fn adopt_orphans(&self) -> Result<()> {
        let store = self.0.ctx.store.as_ref();
        for call in ledger::orphans(store, &self.0.node, self.0.ctx.now(), 1000).await? {
            if lock(&self.0.hosted).contains_key(&call) {
                continue;
            }
            let Some(row) = ledger::find(store, call).await? else { continue };
            if let Err(error) = self.adopt(call, &row).await {
                tracing::warn!(%call, %error, "a call could not be taken over");
            }
        }
        Ok(())
    }

    pub(super) async fn is_dead(&self, node: &str) -> Result<bool> {
        let mut tx = self.0.ctx.store.begin(centrale_store::Access::Read).await?;
        Ok(lease::holder(&mut *tx, &claim_name(node), self.0.ctx.now()).await?.is_none())
    }

    pub(super) async fn renew_claim(&self) -> Result<()> {
        let now = self.0.ctx.now();
        let name = claim_name(&self.0.node);
        centrale_store::transact!(self.0.ctx.store, |tx| {
            lease::take(tx, &name, &self.0.node, now, NODE_TERM).await
        })?;
        Ok(())
    }

    pub(super) async fn keep_claim(self) {
        let mut beat = tokio::time::interval(NODE_TERM / 3);
        beat.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        loop {
            beat.tick().await;
            if let Err(error) = self.renew_claim().await {
                tracing::warn!(%error, "this node's claim on its calls was not renewed");
            }
            if let Err(error) = self.adopt_orphans().await {
                tracing::warn!(%error, "calls of other nodes were not looked after");
            }
        }
    }
}

fn claim_name(node: &str) -> String {
    format!("node/{node}")
}
