//! Which pages of other origins may call: everybody's, on routes that a user's token opens (wire notes 6.9).

use axum::body::Body;
use centrale_wire::Method;
use http::{HeaderMap, HeaderValue, StatusCode};

use super::answer::{self, Answer};

const ALLOWED_HEADERS: &str = "authorization, content-type, x-ms-client-request-id, x-ms-useragent, x-ms-date, \
     x-ms-content-sha256, repeatability-request-id, repeatability-first-sent, if-match";

/// The answer to a browser that asks before it calls.
///
/// - `takes`: the media type of bodies, where it is not JSON.
pub(super) fn preflight(allowed: &[Method], takes: Option<&'static str>) -> Answer {
    let mut answer = answer::empty(StatusCode::NO_CONTENT);
    *answer.body_mut() = Body::empty();
    let methods: Vec<&str> = allowed.iter().map(|method| method.as_str()).collect();
    let headers = answer.headers_mut();
    if let Ok(methods) = HeaderValue::from_str(&methods.join(", ")) {
        headers.insert("access-control-allow-methods", methods);
    }
    headers.insert("access-control-allow-headers", HeaderValue::from_static(ALLOWED_HEADERS));
    if let Some(takes) = takes {
        headers.insert("accept-post", HeaderValue::from_static(takes));
    }
    headers.insert("access-control-max-age", HeaderValue::from_static("86400"));
    open(headers);
    answer
}

/// Marks an answer as readable by every page. No cookies are involved anywhere, so this gives nothing away.
pub(super) fn open(headers: &mut HeaderMap) {
    headers.insert("access-control-allow-origin", HeaderValue::from_static("*"));
    headers.insert("access-control-expose-headers", HeaderValue::from_static("*"));
}
