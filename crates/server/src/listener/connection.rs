//! One connection, from its first byte to its end.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::time::Duration;

use axum::body::Body;
use http::Request;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::io::AsyncReadExt;
use tokio::net::TcpStream;
use tokio::sync::watch;
use tokio::time::timeout;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::server::TlsStream;

use super::prefixed::Prefixed;
use super::sniff::{self, Speaks};
use super::{Handover, Serving};

/// Until the first bytes are there and the TLS handshake is through.
const HANDSHAKE: Duration = Duration::from_secs(10);
/// Until the first request begins, and between requests. Browsers open connections ahead of their use.
const IDLE: Duration = Duration::from_secs(75);
/// Bytes of a request's head that are held; beyond: 431.
const HEAD: usize = 64 * 1024;

pub(super) async fn serve(stream: TcpStream, peer: SocketAddr, serving: &Serving, ended: watch::Receiver<bool>) {
    let _ = stream.set_nodelay(true);
    match timeout(HANDSHAKE, first_words(&stream)).await {
        Ok(Speaks::Tls) => secure(stream, peer, serving, ended).await,
        Ok(Speaks::Stun) => hand_over(stream, None, Vec::new(), peer, serving),
        Ok(Speaks::Other | Speaks::More) | Err(_) => {}
    }
}

/// Looks at the first bytes without taking them.
async fn first_words(stream: &TcpStream) -> Speaks {
    let mut bytes = [0; 8];
    let mut seen = 0;
    loop {
        let Ok(count) = stream.peek(&mut bytes).await else { return Speaks::Other };
        match sniff::outside(bytes.get(..count).unwrap_or_default()) {
            Speaks::More if count == 0 => return Speaks::Other,
            Speaks::More if count == seen => tokio::time::sleep(Duration::from_millis(5)).await,
            Speaks::More => seen = count,
            told @ (Speaks::Tls | Speaks::Stun | Speaks::Other) => return told,
        }
    }
}

async fn secure(stream: TcpStream, peer: SocketAddr, serving: &Serving, ended: watch::Receiver<bool>) {
    let acceptor = TlsAcceptor::from(serving.tls.clone());
    let Ok(Ok(mut stream)) = timeout(HANDSHAKE, acceptor.accept(stream)).await else { return };
    let mut first = vec![0; 4096];
    let Ok(Ok(count)) = timeout(IDLE, stream.read(&mut first)).await else { return };
    first.truncate(count);
    if first.is_empty() {
        return;
    }
    if sniff::is_stun_inside(&first) {
        let (stream, session) = stream.into_inner();
        hand_over(stream, Some(session), first, peer, serving);
        return;
    }
    speak_http(Prefixed::new(first, stream), peer, serving, ended).await;
}

fn hand_over(
    stream: TcpStream,
    tls: Option<rustls::ServerConnection>,
    first: Vec<u8>,
    peer: SocketAddr,
    serving: &Serving,
) {
    let Some(adopt) = &serving.adopt else { return };
    match stream.into_std() {
        Ok(stream) => adopt(Handover { stream, tls, first, peer }),
        Err(error) => tracing::debug!(%error, "a connection could not be handed to the relay"),
    }
}

async fn speak_http(
    stream: Prefixed<TlsStream<TcpStream>>,
    peer: SocketAddr,
    serving: &Serving,
    mut ended: watch::Receiver<bool>,
) {
    let service = service_fn(|request: Request<hyper::body::Incoming>| {
        let answer = (serving.answering)(request.map(Body::new), peer);
        async move { Ok::<_, Infallible>(answer.await) }
    });
    let mut connection = std::pin::pin!(
        http1::Builder::new()
            .timer(TokioTimer::new())
            .header_read_timeout(IDLE)
            .max_buf_size(HEAD)
            .serve_connection(TokioIo::new(stream), service)
            .with_upgrades()
    );
    tokio::select! {
        // How a client ends its connection is its own affair.
        _ = connection.as_mut() => return,
        _ = ended.wait_for(|ended| *ended) => connection.as_mut().graceful_shutdown(),
    }
    let _ = timeout(Duration::from_secs(5), connection).await;
}
