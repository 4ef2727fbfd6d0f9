//! The data directory (contract section 2).

use std::fs::{self, File, OpenOptions};
use std::net::SocketAddr;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use centrale_exchange::identity::{Revocation, watch_revocations};
use centrale_exchange::{Chance, Context};
use centrale_model::Private;
use serde::{Deserialize, Serialize};
use tokio::sync::broadcast::error::RecvError;

use super::StartError;
use crate::relay::RelayAddresses;
use crate::tls;

/// `runtime.json`: how to reach this node, for scripts and for our own commands.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Runtime {
    /// The process.
    pub pid: u32,
    /// The public HTTPS address.
    pub https: String,
    /// Endpoint and primary key.
    pub connection_string: String,
    /// The certificate of our own authority.
    pub ca: PathBuf,
    /// Where the relay listens.
    pub relay: RelayPlaces,
    /// Where media of group calls arrive.
    pub media: MediaPlaces,
    /// Where SIP arrives.
    pub sip: RelayPlaces,
    /// Where the counters are.
    pub metrics: String,
    /// The resource.
    pub resource_id: String,
}

/// Lists of `ip:port` by transport.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct RelayPlaces {
    /// UDP.
    pub udp: Vec<SocketAddr>,
    /// TCP.
    pub tcp: Vec<SocketAddr>,
    /// TLS.
    pub tls: Vec<SocketAddr>,
}

/// A list of `ip:port`.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct MediaPlaces {
    /// UDP.
    pub udp: Vec<SocketAddr>,
}

impl Runtime {
    /// What a running node wrote into its data directory; none when none runs there.
    pub fn read(data: &Path) -> Option<Runtime> {
        serde_json::from_slice(&fs::read(data.join("runtime.json")).ok()?).ok()
    }

    /// What a node says of itself that only relays. Its endpoint answers whether it lives; there is no key to it.
    pub(super) fn of_relay(public_url: &str, metrics: SocketAddr, relay: &RelayAddresses, ca: &Path) -> Runtime {
        Runtime {
            pid: std::process::id(),
            https: public_url.to_owned(),
            connection_string: format!("endpoint={public_url}/;accesskey="),
            ca: ca.to_path_buf(),
            relay: RelayPlaces { udp: relay.udp.clone(), tcp: relay.tcp.clone(), tls: relay.tls.clone() },
            media: MediaPlaces::default(),
            sip: RelayPlaces::default(),
            metrics: metrics.to_string(),
            resource_id: String::new(),
        }
    }

    /// What a node that listens there says of itself.
    pub(super) fn of(
        ctx: &Context,
        https: SocketAddr,
        metrics: SocketAddr,
        relay: &RelayAddresses,
        ca: &Path,
    ) -> Runtime {
        tracing::debug!(%https, "listening");
        Runtime {
            pid: std::process::id(),
            https: ctx.public_url.clone(),
            connection_string: connection_string(ctx),
            ca: ca.to_path_buf(),
            relay: RelayPlaces { udp: relay.udp.clone(), tcp: relay.tcp.clone(), tls: relay.tls.clone() },
            media: MediaPlaces::default(),
            sip: RelayPlaces::default(),
            metrics: metrics.to_string(),
            resource_id: ctx.resource.to_string(),
        }
    }
}

fn connection_string(ctx: &Context) -> String {
    format!("endpoint={}/;accesskey={}", ctx.public_url, ctx.access_keys().primary.secret.reveal())
}

/// The data directory, held by this process alone.
#[derive(Clone)]
pub(super) struct Folder {
    path: PathBuf,
    _lock: Arc<File>,
}

impl Folder {
    /// Makes the directory when it is not there, and takes it.
    pub(super) fn open(path: &Path) -> Result<Folder, StartError> {
        let told = |error: &dyn std::fmt::Display| {
            StartError(format!(
                "data: {} cannot be used ({error}): write a directory that we may write to.",
                path.display()
            ))
        };
        tls::make_private_folder(path).map_err(|error| told(&error))?;
        let path = path.canonicalize().map_err(|error| told(&error))?;
        let lock = OpenOptions::new()
            .write(true)
            .create(true)
            .truncate(false)
            .mode(0o600)
            .open(path.join("lock"))
            .map_err(|error| told(&error))?;
        lock.try_lock().map_err(|_| {
            StartError(format!("data: {} is in use by another exchange: write another directory.", path.display()))
        })?;
        Ok(Folder { path, _lock: Arc::new(lock) })
    }

    pub(super) fn tls(&self) -> PathBuf {
        self.path.join("tls")
    }

    pub(super) fn ca_file(&self) -> PathBuf {
        self.tls().join("ca.pem")
    }

    /// The address of the embedded store, whose file only we may read.
    pub(super) fn database(&self) -> Result<String, StartError> {
        let path = self.path.join("centrale.db");
        OpenOptions::new()
            .write(true)
            .create(true)
            .truncate(false)
            .mode(0o600)
            .open(&path)
            .map_err(|error| StartError(format!("data: {} cannot be written ({error}).", path.display())))?;
        Ok(format!("sqlite:{}", path.display()))
    }

    /// The relay's secret, made at the first start.
    pub(super) fn relay_secret(&self, chance: &dyn Chance) -> Result<Private<String>, StartError> {
        let path = self.path.join("relay-secret");
        if let Ok(secret) = fs::read_to_string(&path) {
            return Ok(Private::new(secret.trim().to_owned()));
        }
        let mut bytes = [0; 32];
        chance.fill(&mut bytes);
        let secret = STANDARD.encode(bytes);
        tls::write_private(&path, secret.as_bytes()).map_err(|error| StartError(format!("data: {error}.")))?;
        Ok(Private::new(secret))
    }

    /// This node's name, made at the first start: by it the node finds its calls again after a restart.
    pub(super) fn node_name(&self, chance: &dyn Chance) -> Result<String, StartError> {
        let path = self.path.join("node");
        if let Ok(name) = fs::read_to_string(&path) {
            return Ok(name.trim().to_owned());
        }
        let mut bytes = [0; 8];
        chance.fill(&mut bytes);
        let name = format!("node-{:016x}", u64::from_be_bytes(bytes));
        tls::write_private(&path, name.as_bytes()).map_err(|error| StartError(format!("data: {error}.")))?;
        Ok(name)
    }

    /// Writes `runtime.json` of a node that has no resource, and so no connection string.
    pub(super) fn write_runtime_alone(&self, runtime: &Runtime) -> Result<(), StartError> {
        let text = serde_json::to_string_pretty(runtime).unwrap_or_default();
        let written = tls::write_private(&self.path.join("runtime.json"), text.as_bytes());
        written.map_err(|error| StartError(format!("data: {error}.")))
    }

    /// Where all of it is.
    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// Writes `runtime.json` and `connection-string`.
    pub(super) fn write_runtime(&self, ctx: &Context, runtime: &Runtime) -> Result<(), StartError> {
        let runtime = Runtime { connection_string: connection_string(ctx), ..runtime.clone() };
        let text = serde_json::to_string_pretty(&runtime).unwrap_or_default();
        let told = |error| StartError(format!("data: {error}."));
        tls::write_private(&self.path.join("connection-string"), runtime.connection_string.as_bytes()).map_err(told)?;
        tls::write_private(&self.path.join("runtime.json"), text.as_bytes()).map_err(told)
    }

    pub(super) fn remove_runtime(&self) {
        let _ = fs::remove_file(self.path.join("runtime.json"));
    }
}

/// Writes the files again whenever the primary key is replaced.
pub(super) async fn keep_current(ctx: Context, folder: Folder, runtime: Runtime) {
    let mut revocations = watch_revocations(&ctx);
    loop {
        match revocations.recv().await {
            Ok(Revocation::Key { .. }) | Err(RecvError::Lagged(_)) => {
                if let Err(error) = folder.write_runtime(&ctx, &runtime) {
                    tracing::warn!(%error, "the connection string on disk is the old one");
                }
            }
            Ok(Revocation::Tokens { .. } | Revocation::Deleted { .. }) => {}
            Err(RecvError::Closed) => return,
        }
    }
}
