//! The HTTPS port: TLS, then HTTP or TURN, told apart by the first bytes.
//!
//! ```text
//!            ┌ 16 03 (TLS) ─ handshake ─┬ 00 or 01 (STUN)  ─▶ relay
//!   accept ──┤                          └ a letter         ─▶ HTTP/1.1
//!            └ 00 or 01 and the STUN cookie ────────────────▶ relay
//! ```
//!
//! The number of connections is bounded, and each step has a deadline; what is neither is closed.

mod connection;
mod prefixed;
mod sniff;

use std::net::{SocketAddr, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use axum::body::Body;
use futures_util::future::BoxFuture;
use http::{Request, Response};
use rustls::{ServerConfig, ServerConnection};
use tokio::net::TcpListener;
use tokio::sync::{Semaphore, watch};

/// Connections at once. Beyond, new ones wait in the kernel's queue until one ends.
///
/// Lower: less memory under a flood. Higher: more event connections on one node.
const CONNECTIONS: usize = 20_000;

/// A connection that turned out to be TURN.
pub struct Handover {
    /// The socket, non-blocking.
    pub stream: TcpStream,
    /// The TLS session, when there is one; its handshake is through.
    pub tls: Option<ServerConnection>,
    /// Bytes that were read already, in clear text.
    pub first: Vec<u8>,
    /// Who.
    pub peer: SocketAddr,
}

/// Takes a connection over; none when this node has no relay.
pub type Adopt = Arc<dyn Fn(Handover) + Send + Sync>;

/// Answers a request of whoever is at this address.
pub type Answering = Arc<dyn Fn(Request<Body>, SocketAddr) -> BoxFuture<'static, Response<Body>> + Send + Sync>;

/// What connections are served with.
#[derive(Clone)]
pub struct Serving {
    /// What HTTP requests are answered by.
    pub answering: Answering,
    /// How many connections are open.
    pub open: Arc<AtomicUsize>,
    /// The port's TLS.
    pub tls: Arc<ServerConfig>,
    /// Where TURN connections go.
    pub adopt: Option<Adopt>,
}

/// Accepts connections until `ended` says so. Those that are open finish the request they are at.
pub async fn serve(listener: TcpListener, serving: Serving, mut ended: watch::Receiver<bool>) {
    let permits = Arc::new(Semaphore::new(CONNECTIONS));
    loop {
        let Ok(permit) = permits.clone().acquire_owned().await else { return };
        let accepted = tokio::select! {
            accepted = listener.accept() => accepted,
            _ = ended.wait_for(|ended| *ended) => return,
        };
        let (stream, peer) = match accepted {
            Ok(accepted) => accepted,
            Err(error) => {
                // Out of file descriptors, or the client left already. Neither ends the loop.
                tracing::warn!(%error, "a connection was not accepted");
                tokio::time::sleep(Duration::from_millis(20)).await;
                continue;
            }
        };
        let serving = serving.clone();
        let ended = ended.clone();
        tokio::spawn(async move {
            serving.open.fetch_add(1, Ordering::Relaxed);
            connection::serve(stream, peer, &serving, ended).await;
            serving.open.fetch_sub(1, Ordering::Relaxed);
            drop(permit);
        });
    }
}
