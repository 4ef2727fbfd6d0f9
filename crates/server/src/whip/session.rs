//! One client's session: its place in the call, and the endpoint that is held for it.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use centrale_exchange::calls::{Connection, Farewell, Switchboard};
use centrale_exchange::identity::{self, Bearer, Revocation};
use centrale_exchange::{Error, Kind, Result};
use centrale_model::{CallId, EndpointId, GroupId, Sequence};
use centrale_wire::client::{JoinCall, Locator};
use centrale_wire::signal::{Description, DescriptionKind, Event, IceConfiguration, ServerFrame, Signal};
use http::StatusCode;
use tokio::sync::{Mutex as Turns, Notify, mpsc};
use tokio::time::timeout;

use super::Side;
use super::fragment::{self, Fragment};
use super::offer;
use super::request::{Condition, Refused, Wishes};

/// Sessions of one node; further ones are told to come later. A node's media workers carry fewer.
const MOST: usize = 10_000;

/// How often a session's stream is looked at although no bell rang: what a lost bell costs at the most.
const HEARTBEAT: Duration = Duration::from_secs(10);

/// How long the media processor may take over the offer of a restart.
const ANSWER_LIMIT: Duration = Duration::from_secs(5);

/// The only peer connection of a session: its client cannot be asked for another.
const EPOCH: u32 = 0;

/// The sessions of a node.
pub(super) struct Sessions {
    board: Switchboard,
    all: Mutex<HashMap<String, Arc<Session>>>,
}

/// A session.
pub(super) struct Session {
    id: String,
    bearer: Bearer,
    connection: Connection,
    call: CallId,
    /// What was offered last, and how often ICE was restarted. Held while one change is made.
    offered: Turns<Offered>,
    /// The media processor's answers to what was offered later, as the keeper hears them.
    answers: Turns<mpsc::Receiver<String>>,
    /// Tells the keeper to end.
    over: Notify,
}

struct Offered {
    offer: String,
    restarts: u32,
}

/// What became of an offer.
pub(super) struct Made {
    pub(super) session: String,
    pub(super) answer: String,
    pub(super) etag: String,
    pub(super) ice: IceConfiguration,
}

/// What became of a change.
pub(super) enum Changed {
    /// Candidates were noted.
    Trickled,
    /// ICE was restarted.
    Restarted { etag: String, fragment: String },
}

impl Sessions {
    pub(super) fn new(board: Switchboard) -> Sessions {
        Sessions { board, all: Mutex::default() }
    }

    pub(super) fn count(&self) -> usize {
        self.table().len()
    }

    /// A user's session.
    pub(super) fn of(&self, bearer: &Bearer, id: &str) -> Option<Arc<Session>> {
        self.table().get(id).filter(|session| session.bearer.user == bearer.user).cloned()
    }

    /// Joins the group's call and keeps the session until it is over.
    pub(super) async fn begin(
        self: &Arc<Sessions>,
        bearer: Bearer,
        side: Side,
        group: GroupId,
        wishes: Wishes,
        offer: String,
    ) -> Result<Made> {
        if self.count() >= MOST {
            return Err(Error::unavailable("there are too many sessions"));
        }
        let ctx = self.board.context();
        let endpoint = EndpointId::from_random(ctx.random_16());
        let connection = self.board.connect(&bearer, endpoint, wishes.name.clone()).await?;
        let seen = self.board.welcome(&connection, None).await?.seq;
        let offer = offer::one_way(&offer, side);
        let request = JoinCall {
            locator: Locator::Group { group_id: group },
            endpoint_id: endpoint,
            request_id: String::from("join"),
            offer: Description { kind: DescriptionKind::Offer, epoch: EPOCH, sdp: offer.clone() },
            sending: offer::sending(&offer),
            display_name: wishes.name,
            media: wishes.media,
        };
        let joined = match self.board.join_call(&bearer, request).await {
            Ok(joined) => joined,
            Err(error) => {
                self.forget(&bearer, endpoint).await;
                return Err(error);
            }
        };
        let id = format!("{:032x}", u128::from_be_bytes(ctx.random_16()));
        let (heard, answers) = mpsc::channel(1);
        let session = Arc::new(Session {
            id: id.clone(),
            bearer,
            connection,
            call: joined.call_id,
            offered: Turns::new(Offered { offer, restarts: 0 }),
            answers: Turns::new(answers),
            over: Notify::new(),
        });
        self.table().insert(id.clone(), session.clone());
        let etag = session.etag(0);
        tokio::spawn(self.clone().keep(session, seen, heard));
        Ok(Made { session: id, answer: joined.answer.sdp, etag, ice: joined.ice })
    }

    /// Ends a session: its place in the call is given up.
    pub(super) async fn end(&self, session: &Session) {
        if self.table().remove(&session.id).is_some() {
            self.forget(&session.bearer, session.connection.endpoint).await;
        }
        session.over.notify_one();
    }

    async fn forget(&self, bearer: &Bearer, endpoint: EndpointId) {
        if let Err(error) = self.board.unregister(bearer, endpoint).await {
            tracing::warn!(%error, "the end of a session was not noted");
        }
    }

    /// Holds a session's endpoint as a browser holds its own.
    async fn keep(self: Arc<Sessions>, session: Arc<Session>, seen: Sequence, heard: mpsc::Sender<String>) {
        if let Err(error) = self.watch(&session, seen, &heard).await {
            tracing::warn!(%error, "a session could not be kept");
            // Whatever hindered us may hinder the farewell as well; then the call finds out by itself.
            let _ = self.board.disconnect(&session.connection, Farewell::Lost).await;
        }
        self.end(&session).await;
    }

    /// Watches until the session is over.
    async fn watch(&self, session: &Session, mut seen: Sequence, heard: &mpsc::Sender<String>) -> Result<()> {
        let ctx = self.board.context();
        let mut revocations = identity::watch_revocations(ctx);
        let mut bell = self.board.listen(&session.bearer.identity).await?;
        let mut beat = tokio::time::interval(HEARTBEAT);
        loop {
            tokio::select! {
                () = session.over.notified() => return Ok(()),
                revoked = revocations.recv() => {
                    let concerns = match revoked {
                        Ok(Revocation::Tokens { user, .. } | Revocation::Deleted { user }) => user == session.bearer.user,
                        Ok(Revocation::Key { .. }) | Err(_) => true,
                    };
                    if concerns && !identity::is_still_valid(ctx, &session.bearer).await? {
                        return Ok(());
                    }
                }
                rung = bell.next() => {
                    if rung.is_none() {
                        return Err(Error::unavailable("the bus has ended"));
                    }
                    if self.is_over(session, &mut seen, heard).await? {
                        return Ok(());
                    }
                }
                _ = beat.tick() => {
                    if self.is_over(session, &mut seen, heard).await? {
                        return Ok(());
                    }
                }
            }
        }
    }

    /// Reads what is new for the session's endpoint; whether the call is over for it.
    async fn is_over(&self, session: &Session, seen: &mut Sequence, heard: &mpsc::Sender<String>) -> Result<bool> {
        loop {
            let batch = match self.board.frames(&session.connection, *seen).await {
                Ok(batch) => batch,
                // A busy store is no reason to hang up.
                Err(error) if error.kind() == Kind::Unavailable => return Ok(false),
                Err(error) => return Err(error),
            };
            if batch.frames.is_empty() {
                return Ok(false);
            }
            *seen = batch.seq;
            for frame in batch.frames {
                let ServerFrame::Event { event, .. } = frame else { continue };
                match event {
                    Event::Ended { call_id, .. } if call_id == session.call => return Ok(true),
                    // The client cannot be asked for another peer connection; it will post again.
                    Event::Convene { call_id, epoch, .. } if call_id == session.call && epoch > EPOCH => {
                        return Ok(true);
                    }
                    Event::Conference { call_id, description } if call_id == session.call => {
                        // A restart that is no longer waited for.
                        let _ = heard.try_send(description.sdp);
                    }
                    _ => {}
                }
            }
        }
    }

    fn table(&self) -> std::sync::MutexGuard<'_, HashMap<String, Arc<Session>>> {
        self.all.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Session {
    /// Notes candidates, or restarts ICE when the fragment has other credentials.
    pub(super) async fn change(
        &self,
        sessions: &Sessions,
        condition: &Condition,
        told: &Fragment,
    ) -> Result<Changed, Refused> {
        let mut offered = self.offered.lock().await;
        if let Condition::These(tags) = condition
            && !tags.contains(&self.etag(offered.restarts))
        {
            return Err(Refused::As(StatusCode::PRECONDITION_FAILED, "ICE was restarted since."));
        }
        let is_same = told.ufrag.as_deref().is_none_or(|ufrag| offer::ufrag(&offered.offer) == Some(ufrag));
        if is_same {
            return Ok(Changed::Trickled);
        }
        let (Some(ufrag), Some(password)) = (&told.ufrag, &told.password) else {
            return Err(Error::invalid("A restart has ice-ufrag and ice-pwd.").into());
        };
        let offer = offer::restarted(&offered.offer, ufrag, password);
        let answer = self.describe(sessions, &offer, offered.restarts + 1).await?;
        *offered = Offered { offer, restarts: offered.restarts + 1 };
        Ok(Changed::Restarted { etag: self.etag(offered.restarts), fragment: fragment::of_answer(&answer) })
    }

    /// Gives another offer to the media processor and waits for its answer.
    async fn describe(&self, sessions: &Sessions, offer: &str, number: u32) -> Result<String> {
        let mut answers = self.answers.lock().await;
        // One that came too late for an earlier change.
        while answers.try_recv().is_ok() {}
        let description = Description { kind: DescriptionKind::Offer, epoch: EPOCH, sdp: offer.to_owned() };
        let signals = vec![Signal::Describe { description }];
        let (identity, endpoint) = (&self.bearer.identity, self.connection.endpoint);
        sessions.board.signal(identity, self.call, endpoint, format!("restart-{number}"), signals).await?;
        match timeout(ANSWER_LIMIT, answers.recv()).await {
            Ok(Some(answer)) => Ok(answer),
            Ok(None) => Err(Error::gone("The session is over.")),
            Err(_) => Err(Error::unavailable("the media processor did not answer in time")),
        }
    }

    /// Names the ICE session (RFC 9725 §4.3.1).
    fn etag(&self, restarts: u32) -> String {
        format!("\"{}-{restarts}\"", &self.id[..8])
    }
}
