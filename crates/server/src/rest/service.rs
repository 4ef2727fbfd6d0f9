//! From a request to an answer: the route, then what every answer has.

use std::net::SocketAddr;
use std::panic::AssertUnwindSafe;
use std::sync::Arc;

use axum::body::Body;
use centrale_exchange::Error;
use futures_util::FutureExt;
use http::{HeaderValue, Request, StatusCode};

use super::answer::{self, Answer};
use super::router::{Found, Incoming, Router};
use super::{Node, cors};

/// Answers one request. Never fails: what goes wrong is an answer.
pub async fn answer(node: Arc<Node>, router: Arc<Router>, request: Request<Body>, peer: SocketAddr) -> Answer {
    let id = request.headers().get("x-ms-client-request-id").cloned();
    let is_head = request.method() == http::Method::HEAD;
    let mut answer = route(node, &router, request, peer).await;
    let headers = answer.headers_mut();
    headers.insert("x-content-type-options", HeaderValue::from_static("nosniff"));
    if let Some(id) = id {
        headers.insert("x-ms-client-request-id", id);
    }
    if is_head {
        *answer.body_mut() = Body::empty();
    }
    answer
}

async fn route(node: Arc<Node>, router: &Router, request: Request<Body>, peer: SocketAddr) -> Answer {
    match router.find(request.method(), request.uri().path()) {
        Found::Route { handler, params, browser } => {
            tracing::debug!(method = %request.method(), "request");
            let incoming = Incoming { request, path: params, peer };
            let mut answer = match AssertUnwindSafe(handler(node, incoming)).catch_unwind().await {
                Ok(answer) => answer,
                Err(_) => answer::error(&Error::bug("a route panicked")),
            };
            if browser {
                cors::open(answer.headers_mut());
            }
            answer
        }
        Found::Methods { allowed, browser, takes } if browser && request.method() == http::Method::OPTIONS => {
            cors::preflight(&allowed, takes)
        }
        Found::Methods { allowed, .. } => {
            let error = Error::invalid("The path does not support this method.").code("MethodNotAllowed");
            let mut answer = answer::error_as(StatusCode::METHOD_NOT_ALLOWED, &error);
            let methods: Vec<&str> = allowed.iter().map(|method| method.as_str()).collect();
            if let Ok(methods) = HeaderValue::from_str(&methods.join(", ")) {
                answer.headers_mut().insert(http::header::ALLOW, methods);
            }
            answer
        }
        Found::Nowhere => answer::error(&Error::not_found("The server cannot find the requested resource.")),
    }
}
