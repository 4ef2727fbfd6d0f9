//! The HTTP side: what a request must have, and what an answer gets.

use axum::body::Body;
use centrale_exchange::Error;
use centrale_exchange::identity::{self, Bearer, Caller};
use centrale_model::ReceiveMode;
use centrale_wire::Operation;
use centrale_wire::client::JoinCall;
use centrale_wire::signal::{IceConfiguration, IceServer};
use http::header::{CACHE_CONTROL, CONTENT_TYPE, HeaderName, IF_MATCH};
use http::{HeaderMap, HeaderValue, Response, StatusCode, Uri};

use super::Side;
use crate::rest::{self, Answer, Node, bearer_of};

/// The media type of descriptions.
pub(super) const SDP: &str = "application/sdp";
/// The media type of fragments of descriptions (RFC 8840 §9.2).
pub(super) const FRAGMENT: &str = "application/trickle-ice-sdpfrag";

/// Why a request was refused.
pub(super) enum Refused {
    /// In the words of the exchange.
    Error(Error),
    /// Under a status that the exchange has no word for.
    As(StatusCode, &'static str),
}

impl From<Error> for Refused {
    fn from(error: Error) -> Refused {
        Refused::Error(error)
    }
}

/// The answer to a refused request.
pub(super) fn refuse(refused: Refused) -> Answer {
    match refused {
        Refused::Error(error) => rest::error(&error),
        Refused::As(status, why) => rest::error_as(status, &Error::invalid(why)),
    }
}

/// The user who asks, who may join calls.
pub(super) async fn joiner(node: &Node, headers: &HeaderMap) -> Result<Bearer, Refused> {
    let token = bearer_of(headers)
        .ok_or_else(|| Error::unauthenticated("The request needs a user access token (Authorization: Bearer)."))?;
    let bearer = identity::verify_user_token(&node.ctx, token).await?;
    if !bearer.scopes.may_join_calls() {
        return Err(Error::forbidden("The access token does not have a scope that permits this operation.").into());
    }
    Ok(bearer)
}

/// Counts a join among those of the user, however they come.
pub(super) fn count(node: &Node, bearer: &Bearer) -> Result<(), Refused> {
    if let (true, Some(limit)) = (node.setting.limits, JoinCall::LIMIT.as_ref()) {
        node.limiter.count(limit, &Caller::User(bearer.clone()), node.ctx.clock.time())?;
    }
    Ok(())
}

/// Refuses another media type.
pub(super) fn check_type(headers: &HeaderMap, wanted: &'static str) -> Result<(), Refused> {
    let given = headers.get(CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let given = given.split(';').next().unwrap_or_default().trim();
    if given.eq_ignore_ascii_case(wanted) {
        return Ok(());
    }
    Err(Refused::As(StatusCode::UNSUPPORTED_MEDIA_TYPE, "The body is of a media type that is not taken here."))
}

/// Which version of the session a change is about.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Condition {
    /// Whatever it is.
    Any,
    /// One of these entity tags.
    These(Vec<String>),
}

/// `If-Match`, which a change must have (RFC 9725 §4.3.1).
pub(super) fn condition(headers: &HeaderMap) -> Result<Condition, Refused> {
    let given = headers.get(IF_MATCH).and_then(|value| value.to_str().ok());
    let Some(given) = given else {
        return Err(Refused::As(StatusCode::PRECONDITION_REQUIRED, "The request needs If-Match."));
    };
    Ok(match given.trim() {
        "*" | "\"*\"" => Condition::Any,
        tags => Condition::These(tags.split(',').map(|tag| tag.trim().to_owned()).collect()),
    })
}

/// What a client may choose in the address.
pub(super) struct Wishes {
    pub(super) name: Option<String>,
    pub(super) media: ReceiveMode,
}

/// Reads `?name=` and, for players, `?media=`.
pub(super) fn wishes(uri: &Uri, side: Side) -> Result<Wishes, Refused> {
    let mut wishes = Wishes { name: None, media: ReceiveMode::default() };
    for (name, value) in rest::query(uri) {
        match (name.as_str(), side) {
            ("name", _) => wishes.name = Some(value),
            ("media", Side::Receiver) => {
                wishes.media = match value.as_str() {
                    "auto" => ReceiveMode::Auto,
                    "forwarded" => ReceiveMode::Forwarded,
                    "mixed" => ReceiveMode::Mixed,
                    _ => return Err(Error::validation("media", "media is auto, forwarded or mixed.").into()),
                }
            }
            _ => {}
        }
    }
    Ok(wishes)
}

/// A body of text.
pub(super) async fn text(body: Body) -> Result<String, Refused> {
    let bytes = rest::read_body(body, JoinCall::BODY_LIMIT).await?;
    String::from_utf8(bytes.into()).map_err(|_| Error::invalid("The body is not UTF-8.").into())
}

/// An answer with a body.
pub(super) fn answer(status: StatusCode, kind: &'static str, text: String) -> Answer {
    let mut answer = empty(status);
    *answer.body_mut() = Body::from(text);
    answer.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static(kind));
    answer
}

/// An answer without a body.
pub(super) fn empty(status: StatusCode) -> Answer {
    let mut answer = Response::new(Body::empty());
    *answer.status_mut() = status;
    answer.headers_mut().insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    answer
}

/// Sets a header of text that is known to be one.
pub(super) fn set(headers: &mut HeaderMap, name: HeaderName, value: &str) {
    if let Ok(value) = HeaderValue::from_str(value) {
        headers.insert(name, value);
    }
}

/// Adds one more header of a name.
pub(super) fn add(headers: &mut HeaderMap, name: HeaderName, value: &str) {
    if let Ok(value) = HeaderValue::from_str(value) {
        headers.append(name, value);
    }
}

/// The ICE servers, a link each (RFC 9725 §4.6).
pub(super) fn links(ice: &IceConfiguration) -> Vec<String> {
    let quoted = |text: &str| text.replace('\\', "\\\\").replace('"', "\\\"");
    let link = |server: &IceServer, url: &String| {
        let mut link = format!("<{url}>; rel=\"ice-server\"");
        if let (Some(username), Some(credential)) = (&server.username, &server.credential) {
            link.push_str(&format!(
                "; username=\"{}\"; credential=\"{}\"; credential-type=\"password\"",
                quoted(username),
                quoted(credential)
            ));
        }
        link
    };
    ice.stun.iter().chain(&ice.turn).flat_map(|server| server.urls.iter().map(move |url| link(server, url))).collect()
}
