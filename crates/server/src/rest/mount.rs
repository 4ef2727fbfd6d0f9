//! The one adapter: version, caller, scope, limit, body, path and query in; status and JSON out.

use std::panic::AssertUnwindSafe;
use std::sync::Arc;

use axum::body::Body;
use centrale_exchange::identity::Caller;
use centrale_exchange::{Context, Error, Kind, Result};
use centrale_wire::{Auth, Method, Operation};
use futures_util::FutureExt;
use http::request::Parts;
use http::{HeaderName, HeaderValue, StatusCode};

use super::answer::{self, Answer};
use super::body::{self, Unread};
use super::openapi::Documented;
use super::router::{Incoming, Routes};
use super::{Node, auth, text};

/// A function of `exchange` that serves an operation: `async fn(&Context, &Caller, Request) -> Result<Response>`.
pub trait Operate<'a, Op: Operation>: Send + Sync {
    /// What it gives, later.
    type Answer: Future<Output = Result<Op::Response>> + Send + 'a;
    /// Calls it.
    fn operate(&self, ctx: &'a Context, caller: &'a Caller, request: Op::Request) -> Self::Answer;
}

impl<'a, Op, F, Fut> Operate<'a, Op> for F
where
    Op: Operation,
    F: Fn(&'a Context, &'a Caller, Op::Request) -> Fut + Send + Sync,
    Fut: Future<Output = Result<Op::Response>> + Send + 'a,
{
    type Answer = Fut;
    fn operate(&self, ctx: &'a Context, caller: &'a Caller, request: Op::Request) -> Fut {
        self(ctx, caller, request)
    }
}

impl Routes {
    /// Serves an operation by a function of `exchange`.
    pub fn mount<Op: Operation>(&mut self, function: impl for<'a> Operate<'a, Op> + 'static) {
        let function = Arc::new(function);
        self.mount_node::<Op, _, _>(move |node: Arc<Node>, caller: Caller, request: Op::Request| {
            let function = function.clone();
            async move { function.operate(&node.ctx, &caller, request).await }
        });
    }

    /// Serves an operation by a function that needs the node, and not only the context.
    pub fn mount_node<Op, F, Fut>(&mut self, function: F)
    where
        Op: Operation,
        F: Fn(Arc<Node>, Caller, Op::Request) -> Fut + Send + Sync + 'static,
        Fut: Future<Output = Result<Op::Response>> + Send + 'static,
    {
        const { assert!(!Op::REPEATABLE, "the adapter does not keep results for repeated requests yet") };
        let function = Arc::new(function);
        let browser = match Op::AUTH {
            Auth::AccessKey => false,
            Auth::User | Auth::Open => true,
        };
        for path in std::iter::once(&Op::PATH).chain(Op::ALIASES) {
            let function = function.clone();
            self.add(
                Op::METHOD,
                path,
                browser,
                Arc::new(move |node, incoming| Box::pin(serve::<Op, _, _>(node, incoming, function.clone()))),
            );
        }
        self.documented.push(Documented::of::<Op>());
    }
}

async fn serve<Op, F, Fut>(node: Arc<Node>, incoming: Incoming, function: Arc<F>) -> Answer
where
    Op: Operation,
    F: Fn(Arc<Node>, Caller, Op::Request) -> Fut,
    Fut: Future<Output = Result<Op::Response>>,
{
    let Incoming { request, path, .. } = incoming;
    let (parts, mut content) = request.into_parts();
    // A panic becomes an answer; whatever the function had begun in the store is undone by being dropped.
    let running = AssertUnwindSafe(run::<Op, F, Fut>(&node, &parts, path, &mut content, &function)).catch_unwind();
    let ran = running.await;
    let mut answer = match ran {
        Ok(Ok(answer) | Err(answer)) => answer,
        Err(panic) => {
            let what = panic
                .downcast_ref::<String>()
                .map(String::as_str)
                .or_else(|| panic.downcast_ref::<&str>().copied())
                .unwrap_or("a panic without words");
            answer::error(&Error::bug(format!("{} panicked: {what}", Op::NAME)))
        }
    };
    if answer.status().is_client_error() && !body::discard(&mut content).await {
        answer.headers_mut().insert(http::header::CONNECTION, HeaderValue::from_static("close"));
    }
    if !Op::VERSIONS.is_empty()
        && let Ok(value) = HeaderValue::from_str(&Op::VERSIONS.0.join(", "))
    {
        answer.headers_mut().insert("api-supported-versions", value);
    }
    node.counters.answered(Op::NAME, answer.status().as_u16());
    answer
}

async fn run<Op, F, Fut>(
    node: &Arc<Node>,
    parts: &Parts,
    path: Vec<(&'static str, String)>,
    content: &mut Body,
    function: &F,
) -> Result<Answer, Answer>
where
    Op: Operation,
    F: Fn(Arc<Node>, Caller, Op::Request) -> Fut,
    Fut: Future<Output = Result<Op::Response>>,
{
    let refuse = |error: Error| answer::error(&error);
    check_version::<Op>(&parts.uri).map_err(refuse)?;
    let (caller, hash) = auth::caller(node, Op::AUTH, parts).await.map_err(refuse)?;
    auth::check_scopes(&caller, Op::SCOPES).map_err(refuse)?;
    if let (true, Some(limit)) = (node.setting.limits, Op::LIMIT.as_ref()) {
        node.limiter.count(limit, &caller, node.ctx.clock.time()).map_err(refuse)?;
    }
    let content = body::read(content, Op::BODY_LIMIT).await.map_err(|unread| match unread {
        Unread::TooLarge => too_large(Op::BODY_LIMIT),
        Unread::Broken => refuse(Error::invalid("The body did not arrive whole.")),
    })?;
    if let Some(hash) = hash {
        hash.check(&content).map_err(refuse)?;
    }
    let content: &[u8] = match Op::METHOD {
        Method::Get | Method::Delete => &[],
        Method::Post | Method::Put | Method::Patch => &content,
    };
    let request = body::request::<Op>(content, path, parts.uri.query()).map_err(refuse)?;
    let response = function(node.clone(), caller, request).await.map_err(|error| {
        if error.kind() == Kind::Bug {
            tracing::error!(operation = Op::NAME, "operation failed");
        }
        refuse(error)
    })?;
    Ok(success::<Op>(&response))
}

fn success<Op: Operation>(response: &Op::Response) -> Answer {
    let status = StatusCode::from_u16(Op::status(response)).unwrap_or(StatusCode::OK);
    let mut answer = match serde_json::to_vec(response) {
        // The response `()`.
        Ok(bytes) if bytes == b"null" => answer::empty(status),
        Ok(bytes) => answer::with_body(status, Body::from(bytes)),
        Err(error) => return answer::error(&Error::bug(format!("an answer could not be written: {error}"))),
    };
    for (name, value) in Op::headers(response) {
        if let Ok(value) = HeaderValue::from_str(&value) {
            answer.headers_mut().insert(HeaderName::from_static(name), value);
        }
    }
    answer
}

/// Refuses versions that the operation does not have (wire notes 1.4).
fn check_version<Op: Operation>(uri: &http::Uri) -> Result<()> {
    if Op::VERSIONS.is_empty() {
        return Ok(());
    }
    let asked = text::pairs(uri.query().unwrap_or_default())
        .find(|(name, _)| name.eq_ignore_ascii_case("api-version"))
        .map(|(_, value)| value)
        .unwrap_or_default();
    if Op::VERSIONS.accept(&asked) {
        return Ok(());
    }
    if asked.is_empty() {
        return Err(Error::invalid("The api-version query parameter (?api-version=) is required for all requests.")
            .code("MissingApiVersionParameter"));
    }
    Err(Error::invalid(format!(
        "The HTTP resource that matches the request URI '{}' does not support the API version '{asked}'.",
        uri.path()
    ))
    .code("UnsupportedApiVersion"))
}

fn too_large(limit: usize) -> Answer {
    let error = Error::invalid(format!("The body is longer than {limit} bytes.")).code("RequestEntityTooLarge");
    answer::error_as(StatusCode::PAYLOAD_TOO_LARGE, &error)
}
