//! What the chapter keeps in memory: the keys, the numbers of users seen lately, and who wants to hear of revocations.

use std::sync::{Arc, PoisonError, RwLock};

use centrale_model::Timestamp;
use centrale_store::Store;
use tokio::sync::broadcast;

use super::access::KeyRing;
use super::cache::Cache;
use super::signing::{self, SigningKeys};
use super::sql;
use super::watch::Revocation;
use crate::Result;

/// Revocations that a slow listener may be behind; then it is told that it lagged and must check its tokens again.
const BEHIND: usize = 1024;

pub(crate) struct State {
    keys: RwLock<Arc<KeyRing>>,
    signing: RwLock<Arc<SigningKeys>>,
    pub(super) users: Cache,
    pub(super) revocations: broadcast::Sender<Revocation>,
}

impl State {
    /// Reads the keys, making signing keys that are due.
    pub(crate) async fn load(store: &dyn Store, now: Timestamp) -> Result<State> {
        Ok(State {
            keys: RwLock::new(Arc::new(sql::key_ring(store).await?)),
            signing: RwLock::new(Arc::new(signing::refresh(store, now).await?)),
            users: Cache::default(),
            revocations: broadcast::Sender::new(BEHIND),
        })
    }

    pub(super) fn keys(&self) -> Arc<KeyRing> {
        self.keys.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    pub(super) fn signing(&self) -> Arc<SigningKeys> {
        self.signing.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    pub(super) async fn reload_keys(&self, store: &dyn Store) -> Result<()> {
        let ring = Arc::new(sql::key_ring(store).await?);
        *self.keys.write().unwrap_or_else(PoisonError::into_inner) = ring;
        Ok(())
    }

    pub(super) async fn reload_signing(&self, store: &dyn Store, now: Timestamp) -> Result<()> {
        let signing = Arc::new(signing::refresh(store, now).await?);
        *self.signing.write().unwrap_or_else(PoisonError::into_inner) = signing;
        Ok(())
    }
}

impl crate::Context {
    /// The access keys as they are now.
    pub fn access_keys(&self) -> Arc<KeyRing> {
        self.identity.keys()
    }
}
