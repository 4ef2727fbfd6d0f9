//! Counters in Prometheus' text form, on an address of their own, over plain HTTP.

use std::convert::Infallible;
use std::fmt::Write;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

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
pub async fn serve(listener: TcpListener, node: Arc<Node>, sources: Vec<Source>) {
    let sources = Arc::new(sources);
    let permits = Arc::new(Semaphore::new(64));
    loop {
        let Ok(permit) = permits.clone().acquire_owned().await else { return };
        let Ok((stream, _)) = listener.accept().await else {
            tokio::time::sleep(Duration::from_millis(20)).await;
            continue;
        };
        let (node, sources) = (node.clone(), sources.clone());
        tokio::spawn(async move {
            let service = service_fn(|request: Request<hyper::body::Incoming>| {
                let answer = answer(request.uri().path(), &node, &sources);
                async move { Ok::<_, Infallible>(answer) }
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

fn answer(path: &str, node: &Node, sources: &[Source]) -> Response<Body> {
    let (status, text) = match path {
        "/metrics" => (StatusCode::OK, text(node, sources)),
        _ => (StatusCode::NOT_FOUND, String::from("the counters are at /metrics\n")),
    };
    let mut response = Response::new(Body::from(text));
    *response.status_mut() = status;
    response
        .headers_mut()
        .insert(http::header::CONTENT_TYPE, http::HeaderValue::from_static("text/plain; version=0.0.4; charset=utf-8"));
    response
}

fn text(node: &Node, sources: &[Source]) -> String {
    let mut out = String::with_capacity(4096);
    line(&mut out, "centrale_uptime_seconds", "gauge", "Seconds since the node began.", node.uptime_seconds());
    let connections = node.counters.connections.load(Ordering::Relaxed);
    line(&mut out, "centrale_https_connections", "gauge", "Open connections on the HTTPS port.", connections as u64);
    line(&mut out, "centrale_draining", "gauge", "1 when the node takes no new calls.", u64::from(node.is_draining()));
    out.push_str("# HELP centrale_requests_total Answers by operation and status.\n# TYPE centrale_requests_total counter\n");
    for ((operation, status), count) in node.counters.requests() {
        let _ = writeln!(out, "centrale_requests_total{{operation=\"{operation}\",status=\"{status}\"}} {count}");
    }
    for source in sources {
        source(&mut out);
    }
    out
}

/// Writes one number with its description.
pub fn line(out: &mut String, name: &str, kind: &str, help: &str, value: u64) {
    let _ = write!(out, "# HELP {name} {help}\n# TYPE {name} {kind}\n{name} {value}\n");
}
