//! Counters in Prometheus' text form, on an address of their own, over plain HTTP.

use std::convert::Infallible;
use std::fmt::Write;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use axum::body::Body;
use http::{Request, Response, StatusCode};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::net::TcpListener;
use tokio::sync::Semaphore;

use crate::rest::Node;

/// Another room's counters, written as lines of text.
pub type Source = Arc<dyn Fn(&mut String) + Send + Sync>;

/// Serves `GET /metrics` until it is dropped.
pub async fn serve(listener: TcpListener, sources: Vec<Source>) {
    let sources = Arc::new(sources);
    let permits = Arc::new(Semaphore::new(64));
    loop {
        let Ok(permit) = permits.clone().acquire_owned().await else { return };
        let Ok((stream, _)) = listener.accept().await else {
            tokio::time::sleep(Duration::from_millis(20)).await;
            continue;
        };
        let sources = sources.clone();
        tokio::spawn(async move {
            let service = service_fn(|request: Request<hyper::body::Incoming>| {
                let (path, sources) = (request.uri().path().to_owned(), sources.clone());
                // Some sources wait for their worker threads.
                let answer = tokio::task::spawn_blocking(move || answer(&path, &sources));
                async move { Ok::<_, Infallible>(answer.await.unwrap_or_default()) }
            });
            let connection = http1::Builder::new()
                .timer(TokioTimer::new())
                .header_read_timeout(Duration::from_secs(30))
                .serve_connection(TokioIo::new(stream), service);
            let _ = connection.await;
            drop(permit);
        });
    }
}

fn answer(path: &str, sources: &[Source]) -> Response<Body> {
    let (status, text) = match path {
        "/metrics" => (StatusCode::OK, text(sources)),
        _ => (StatusCode::NOT_FOUND, String::from("the counters are at /metrics\n")),
    };
    let mut response = Response::new(Body::from(text));
    *response.status_mut() = status;
    response
        .headers_mut()
        .insert(http::header::CONTENT_TYPE, http::HeaderValue::from_static("text/plain; version=0.0.4; charset=utf-8"));
    response
}

fn text(sources: &[Source]) -> String {
    let mut out = String::with_capacity(4096);
    for source in sources {
        source(&mut out);
    }
    out
}

/// What every node counts: its age, its connections, whether it is leaving.
pub fn presence(
    born: Instant,
    open: Arc<AtomicUsize>,
    is_draining: impl Fn() -> bool + Send + Sync + 'static,
) -> Source {
    Arc::new(move |out| {
        line(out, "centrale_uptime_seconds", "gauge", "Seconds since the node began.", born.elapsed().as_secs());
        let connections = open.load(Ordering::Relaxed);
        line(out, "centrale_https_connections", "gauge", "Open connections on the HTTPS port.", connections as u64);
        line(out, "centrale_draining", "gauge", "1 when the node takes no new calls.", u64::from(is_draining()));
    })
}

/// What the adapter of the operations counts.
pub fn operations(node: &Arc<Node>) -> Source {
    let node = node.clone();
    Arc::new(move |out| {
        head(out, "centrale_requests_total", "counter", "Answers by operation and status.");
        for ((operation, status), count) in node.counters.requests() {
            let _ = writeln!(out, "centrale_requests_total{{operation=\"{operation}\",status=\"{status}\"}} {count}");
        }
    })
}

/// Writes the description of a family of numbers, which follow.
pub fn head(out: &mut String, name: &str, kind: &str, help: &str) {
    let _ = write!(out, "# HELP {name} {help}\n# TYPE {name} {kind}\n");
}

/// Writes one number with its description.
pub fn line(out: &mut String, name: &str, kind: &str, help: &str, value: u64) {
    let _ = write!(out, "# HELP {name} {help}\n# TYPE {name} {kind}\n{name} {value}\n");
}
