//! WHIP and WHEP: group calls for encoders, players and whatever else speaks HTTP and SDP and nothing more.
//!
//! ```text
//!  POST   /whip/{groupId}            an SDP offer ─▶ 201, the answer, Location of the session     (RFC 9725 §4.2)
//!  POST   /whep/{groupId}            the same for who only watches                               (draft-ietf-wish-whep-02 §4.2)
//!  PATCH  /whip/{groupId}/{session}  candidates, or another ICE ufrag: a restart                 (RFC 9725 §4.3)
//!  DELETE /whip/{groupId}/{session}  leave                                                       (RFC 9725 §4.2)
//! ```
//!
//! The bearer is a user access token; whoever comes is a participant of the group's call like a browser, by the same functions of the
//! exchange. The server holds the endpoint that a browser would hold itself: a session is over when the call is over for it, when
//! its token is revoked, when its client has gone silent, or when its conference must be convened elsewhere (then the client
//! posts anew). Sessions live on the node that made them.
//!
//! A player names `?media=mixed` to get one voice and one composed picture, and `?name=` what others see.
//!
//! Not here: the simulcast of WHIP's clients needs nothing of its own; layer selection and server-sent events of WHEP are not offered.

mod fragment;
mod offer;
mod request;
mod session;

use std::sync::Arc;

use centrale_exchange::Error;
use centrale_exchange::calls::Switchboard;
use centrale_wire::Method;
use http::StatusCode;
use http::header::{ETAG, LINK, LOCATION};

use crate::metrics::{self, Source};
use crate::rest::{Answer, Incoming, Node, Routes};
use request::{Refused, refuse};
use session::Sessions;

/// Which of the two protocols.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Side {
    /// WHIP: the client sends.
    Sender,
    /// WHEP: the client receives.
    Receiver,
}

impl Side {
    fn folder(self) -> &'static str {
        match self {
            Side::Sender => "whip",
            Side::Receiver => "whep",
        }
    }
}

/// The sessions of a node, for [`mount`] and [`counters`].
#[derive(Clone)]
pub(crate) struct Whip(Arc<Sessions>);

impl Whip {
    pub(crate) fn new(board: Switchboard) -> Whip {
        Whip(Arc::new(Sessions::new(board)))
    }
}

/// Adds both protocols to the route table.
pub(crate) fn mount(r: &mut Routes, whip: &Whip) {
    for (side, group, one) in [
        (Side::Sender, "/whip/{groupId}", "/whip/{groupId}/{session}"),
        (Side::Receiver, "/whep/{groupId}", "/whep/{groupId}/{session}"),
    ] {
        let sessions = whip.0.clone();
        r.taking(Method::Post, group, request::SDP, move |node, incoming| {
            let sessions = sessions.clone();
            async move { join(&node, &sessions, side, incoming).await.unwrap_or_else(refuse) }
        });
        let sessions = whip.0.clone();
        r.raw(Method::Patch, one, true, move |node, incoming| {
            let sessions = sessions.clone();
            async move { change(&node, &sessions, incoming).await.unwrap_or_else(refuse) }
        });
        let sessions = whip.0.clone();
        r.raw(Method::Delete, one, true, move |node, incoming| {
            let sessions = sessions.clone();
            async move { leave(&node, &sessions, incoming).await.unwrap_or_else(refuse) }
        });
    }
}

/// How many sessions there are.
pub(crate) fn counters(whip: &Whip) -> Source {
    let sessions = whip.0.clone();
    Arc::new(move |out| {
        metrics::line(out, "centrale_whip_sessions", "gauge", "Sessions of WHIP and WHEP.", sessions.count() as u64);
    })
}

async fn join(node: &Node, sessions: &Arc<Sessions>, side: Side, incoming: Incoming) -> Result<Answer, Refused> {
    let bearer = request::joiner(node, incoming.request.headers()).await?;
    request::count(node, &bearer)?;
    if node.is_draining() {
        return Err(Error::unavailable("the node is draining").into());
    }
    request::check_type(incoming.request.headers(), request::SDP)?;
    let group = incoming.param("groupId").and_then(|text| text.parse().ok());
    let group = group.ok_or_else(|| Error::validation("groupId", "The group id is a GUID."))?;
    let wishes = request::wishes(incoming.request.uri(), side)?;
    let offer = request::text(incoming.request.into_body()).await?;
    let made = sessions.begin(bearer, side, group, wishes, offer).await?;
    let mut answer = request::answer(StatusCode::CREATED, request::SDP, made.answer);
    let headers = answer.headers_mut();
    request::set(headers, LOCATION, &format!("/{}/{group}/{}", side.folder(), made.session));
    request::set(headers, ETAG, &made.etag);
    for link in request::links(&made.ice) {
        request::add(headers, LINK, &link);
    }
    request::set(headers, http::header::HeaderName::from_static("accept-patch"), request::FRAGMENT);
    Ok(answer)
}

async fn change(node: &Node, sessions: &Arc<Sessions>, incoming: Incoming) -> Result<Answer, Refused> {
    let bearer = request::joiner(node, incoming.request.headers()).await?;
    request::check_type(incoming.request.headers(), request::FRAGMENT)?;
    let session = incoming.param("session").unwrap_or_default();
    let session = sessions.of(&bearer, session).ok_or_else(no_session)?;
    let condition = request::condition(incoming.request.headers())?;
    let told = request::text(incoming.request.into_body()).await?;
    let told = fragment::parse(&told).ok_or_else(|| Error::invalid("The fragment cannot be understood."))?;
    match session.change(sessions, &condition, &told).await? {
        session::Changed::Trickled => Ok(request::empty(StatusCode::NO_CONTENT)),
        session::Changed::Restarted { etag, fragment } => {
            let mut answer = request::answer(StatusCode::OK, request::FRAGMENT, fragment);
            request::set(answer.headers_mut(), ETAG, &etag);
            Ok(answer)
        }
    }
}

async fn leave(node: &Node, sessions: &Arc<Sessions>, incoming: Incoming) -> Result<Answer, Refused> {
    let bearer = request::joiner(node, incoming.request.headers()).await?;
    let session = sessions.of(&bearer, incoming.param("session").unwrap_or_default()).ok_or_else(no_session)?;
    sessions.end(&session).await;
    Ok(request::empty(StatusCode::OK))
}

fn no_session() -> Error {
    Error::not_found("There is no such session.")
}
