//! Deleted users, put out of the relay.
//!
//! ```text
//!   bell ──┐
//!   10 s ──┴▶ who was deleted since? (the store, or over the bus whoever has one) ─▶ relay threads ─▶ DATA/revoked.jsonl
//! ```
//!
//! The bell only makes it quick. A relay without a store keeps what it knows in a file, so that it refuses them from its first
//! moment, whether or not there is anybody to ask.

use std::collections::BTreeMap;
use std::fs::{self, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use centrale_bus::{Bus, Subscription};
use centrale_exchange::identity::{self, Revocation};
use centrale_exchange::relay::{Revoked, Since, ask_revoked, revoked};
use centrale_exchange::{Clock, Context, Result};
use tokio::sync::broadcast::error::RecvError;

use crate::relay::RelayHandle;

/// How often it is asked without a bell. Lower: a lost bell costs less. Higher: fewer questions.
const LOOK: Duration = Duration::from_secs(10);
/// How far back each question reaches: nodes' clocks differ, and who was deleted first may be written down last.
const OVERLAP: i64 = 60_000;
/// Users remembered, of about 200 bytes each: as many as the relay's threads refuse. Who is beyond is refused when others are over.
const MOST: usize = 65_536;

/// Who knows.
#[derive(Clone, Copy)]
enum Whom<'a> {
    Store(&'a Context),
    Bus(&'a dyn Bus),
}

impl Whom<'_> {
    async fn ask(self, since: &Since) -> Result<Vec<Revoked>> {
        match self {
            Whom::Store(ctx) => revoked(ctx, since).await,
            Whom::Bus(bus) => ask_revoked(bus, since).await,
        }
    }
}

/// Who is refused.
pub(super) struct Revocations {
    relay: Arc<RelayHandle>,
    known: BTreeMap<String, Revoked>,
    /// The latest deletion that is known, in milliseconds since 1970.
    latest: i64,
    file: Option<PathBuf>,
}

impl Revocations {
    /// Begins with nobody.
    pub(super) fn new(relay: Arc<RelayHandle>) -> Revocations {
        Revocations { relay, known: BTreeMap::new(), latest: 0, file: None }
    }

    /// Begins with those that an earlier run knew.
    pub(super) fn open(relay: Arc<RelayHandle>, data: &Path, clock: &dyn Clock) -> io::Result<Revocations> {
        let mut revocations = Revocations::new(relay);
        let file = data.join("revoked.jsonl");
        let text = match fs::read_to_string(&file) {
            Ok(text) => text,
            Err(error) if error.kind() == io::ErrorKind::NotFound => String::new(),
            Err(error) => return Err(error),
        };
        let now = clock.now();
        for line in text.lines() {
            match serde_json::from_str::<Revoked>(line) {
                Ok(revoked) if revoked.until() > now && revocations.note(&revoked) => {
                    revocations.relay.revoke_user(&revoked.user, revoked.until());
                }
                Ok(_) => {}
                Err(error) => tracing::warn!(%error, "a line of revoked.jsonl cannot be read"),
            }
        }
        revocations.file = Some(file);
        Ok(revocations)
    }

    /// Asks for what is new and puts it into force.
    async fn learn(&mut self, whom: Whom<'_>, clock: &dyn Clock) -> Result<()> {
        let now = clock.now();
        let before = self.known.len();
        self.known.retain(|_, revoked| revoked.until() > now);
        let mut is_changed = self.known.len() != before;
        let mut since = Since { from: self.latest.saturating_sub(OVERLAP), after: String::new() };
        loop {
            let page = whom.ask(&since).await?;
            let Some(last) = page.last() else { break };
            since = Since { from: last.deleted, after: last.id.to_string() };
            let fresh: Vec<Revoked> =
                page.into_iter().filter(|revoked| revoked.until() > now && self.note(revoked)).collect();
            is_changed |= !fresh.is_empty();
            // First the file, then the relay: whoever was refused once stays refused, also after a crash at this moment.
            self.keep(is_changed);
            is_changed = false;
            for revoked in &fresh {
                self.relay.revoke_user(&revoked.user, revoked.until());
            }
        }
        self.keep(is_changed);
        Ok(())
    }

    fn keep(&self, is_changed: bool) {
        if is_changed && let Err(error) = self.write() {
            tracing::warn!(%error, "deleted users are refused until the next start only");
        }
    }

    /// Remembers somebody; gives whether that is new.
    fn note(&mut self, revoked: &Revoked) -> bool {
        if self.known.contains_key(&revoked.user) {
            return false;
        }
        if self.known.len() >= MOST {
            tracing::error!(MOST, "so many users were deleted in two days that not all are refused by the relay");
            return false;
        }
        self.latest = self.latest.max(revoked.deleted);
        self.known.insert(revoked.user.clone(), revoked.clone());
        true
    }

    fn write(&self) -> io::Result<()> {
        let Some(file) = &self.file else { return Ok(()) };
        let mut text = Vec::with_capacity(self.known.len() * 200);
        for revoked in self.known.values() {
            serde_json::to_writer(&mut text, revoked).map_err(io::Error::other)?;
            text.push(b'\n');
        }
        let next = file.with_extension("new");
        let mut out = OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(&next)?;
        out.write_all(&text)?;
        out.sync_data()?;
        fs::rename(next, file)
    }
}

/// Keeps them current on a node that has the store.
pub(super) async fn keep(ctx: Context, mut revocations: Revocations) {
    let mut bell = identity::watch_revocations(&ctx);
    let mut ticks = tokio::time::interval(LOOK);
    loop {
        tokio::select! {
            _ = ticks.tick() => {}
            told = bell.recv() => match told {
                Ok(Revocation::Deleted { .. }) | Err(RecvError::Lagged(_)) => {}
                Ok(Revocation::Tokens { .. } | Revocation::Key { .. }) => continue,
                Err(RecvError::Closed) => return,
            },
        }
        if let Err(error) = revocations.learn(Whom::Store(&ctx), &*ctx.clock).await {
            tracing::warn!(%error, "who was deleted cannot be read: they may go on relaying");
        }
    }
}

/// Keeps them current on a relay node. The bus is opened when it can be.
pub(super) async fn keep_over_bus(address: String, clock: Arc<dyn Clock>, mut revocations: Revocations) {
    let mut line: Option<(Arc<dyn Bus>, Subscription)> = None;
    let mut was_silent = false;
    loop {
        let learnt = match &line {
            Some((bus, _)) => ask(&mut revocations, &**bus, &*clock).await,
            None => match listen(&address).await {
                // What is asked for now is what a bell before it was about.
                Ok((bus, bell)) => {
                    let learnt = ask(&mut revocations, &*bus, &*clock).await;
                    line = Some((bus, bell));
                    learnt
                }
                Err(error) => Err(error),
            },
        };
        match (&learnt, was_silent) {
            (Err(error), false) => {
                tracing::warn!(error, "nobody tells which users are deleted: they may go on relaying")
            }
            (Ok(()), true) => tracing::info!("which users are deleted is told again"),
            (Err(_), true) | (Ok(()), false) => {}
        }
        was_silent = learnt.is_err();
        let Some((_, bell)) = &mut line else {
            tokio::time::sleep(LOOK).await;
            continue;
        };
        tokio::select! {
            () = tokio::time::sleep(LOOK) => {}
            // Whatever was said or lost, the question is the same.
            delivery = bell.next() => if delivery.is_none() {
                line = None;
                tokio::time::sleep(Duration::from_secs(1)).await;
            },
        }
    }
}

async fn ask(revocations: &mut Revocations, bus: &dyn Bus, clock: &dyn Clock) -> std::result::Result<(), String> {
    let learnt = revocations.learn(Whom::Bus(bus), clock).await;
    learnt.map_err(|error| error.log().unwrap_or_default().to_owned())
}

async fn listen(address: &str) -> std::result::Result<(Arc<dyn Bus>, Subscription), String> {
    let bus = centrale_bus::open(Some(address)).await.map_err(|error| error.to_string())?;
    let bell = bus.subscribe(&identity::bell()).await.map_err(|error| error.to_string())?;
    Ok((bus, bell))
}
