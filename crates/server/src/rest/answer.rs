//! Answers: JSON always, errors in one shape. Here kinds become statuses; nowhere else.

use axum::body::Body;
use centrale_exchange::{Error, Kind};
use http::header::{CACHE_CONTROL, CONTENT_TYPE, RETRY_AFTER};
use http::{HeaderValue, Response, StatusCode};
use serde::Serialize;

/// What goes back.
pub type Answer = Response<Body>;

const JSON: HeaderValue = HeaderValue::from_static("application/json; charset=utf-8");
const NO_STORE: HeaderValue = HeaderValue::from_static("no-store");

/// The status of each kind of error (style guide, section 5).
const fn status(kind: Kind) -> StatusCode {
    match kind {
        Kind::Unauthenticated => StatusCode::UNAUTHORIZED,
        Kind::Forbidden => StatusCode::FORBIDDEN,
        Kind::NotFound => StatusCode::NOT_FOUND,
        Kind::Invalid => StatusCode::BAD_REQUEST,
        Kind::Conflict => StatusCode::CONFLICT,
        Kind::Gone => StatusCode::GONE,
        Kind::TooMany => StatusCode::TOO_MANY_REQUESTS,
        Kind::Unavailable => StatusCode::SERVICE_UNAVAILABLE,
        Kind::Bug => StatusCode::INTERNAL_SERVER_ERROR,
    }
}

/// An answer with a JSON body.
pub fn json(status: StatusCode, body: &impl Serialize) -> Answer {
    match serde_json::to_vec(body) {
        Ok(bytes) => with_body(status, Body::from(bytes)),
        Err(problem) => error(&Error::bug(format!("an answer could not be written as JSON: {problem}"))),
    }
}

/// An answer without a body.
pub(super) fn empty(status: StatusCode) -> Answer {
    let mut answer = Response::new(Body::empty());
    *answer.status_mut() = status;
    answer.headers_mut().insert(CACHE_CONTROL, NO_STORE);
    answer
}

/// An answer whose body is JSON already.
pub(super) fn with_body(status: StatusCode, body: Body) -> Answer {
    let mut answer = empty(status);
    *answer.body_mut() = body;
    answer.headers_mut().insert(CONTENT_TYPE, JSON);
    answer
}

/// The answer to an error, which is logged here at the level of its kind.
pub fn error(error: &Error) -> Answer {
    log(error);
    error_as(status(error.kind()), error)
}

/// An error under a status that its kind has no word for: 405, 413.
pub(crate) fn error_as(status: StatusCode, error: &Error) -> Answer {
    let body = serde_json::to_vec(&error.to_body()).unwrap_or_default();
    let mut answer = with_body(status, Body::from(body));
    let headers = answer.headers_mut();
    headers.insert("x-ms-error-code", HeaderValue::from_static(error.wire_code()));
    if let Some(pause) = error.retry_after() {
        // Whole seconds, rounded up; the packages retry a 429 or 503 only when this is there (wire notes 6.5).
        let seconds = pause.as_millis().div_ceil(1000).max(1);
        headers.insert(RETRY_AFTER, HeaderValue::from(u64::try_from(seconds).unwrap_or(1)));
    }
    answer
}

fn log(error: &Error) {
    let code = error.wire_code();
    let detail = error.log().unwrap_or_default();
    match error.kind() {
        Kind::Bug => tracing::error!(code, detail, "request failed"),
        Kind::Unavailable => tracing::warn!(code, detail, "request not served"),
        Kind::TooMany => tracing::info!(code, detail, "request over its limit"),
        Kind::Unauthenticated | Kind::Forbidden | Kind::NotFound | Kind::Invalid | Kind::Conflict | Kind::Gone => {
            tracing::debug!(code, detail, "request refused")
        }
    }
}
