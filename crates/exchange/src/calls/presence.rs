//! Clients that come and go: their event connections, and what they are told through them.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use centrale_bus::Subscription;
use centrale_model::{CallId, EndpointId, Identity, Sequence, StreamName};
use centrale_wire::client::{Frames, PollEvents};
use centrale_wire::signal::{Event, IceConfiguration, IceServer, ServerFrame, Welcome};

use super::command::{Command, Presence, What};
use super::start::checked_name;
use super::switchboard::Switchboard;
use super::{endpoints, ledger};
use crate::identity::Bearer;
use crate::{Context, Error, Result, events, relay};

/// Frames given at once; a client that was away longer gets the rest in the next batch.
const BATCH: u32 = 100;

/// How long a client that polls may be between two polls before it counts as gone.
const POLL_GRACE: Duration = Duration::from_secs(15);

/// The longest that a poll may wait.
const LONGEST_POLL: u32 = 25;

/// How long ICE credentials for calls are good. Clients get fresh ones when [`ICE_RENEWAL`] is left.
pub(super) const ICE_LIFE: Duration = Duration::from_secs(12 * 60 * 60);

/// With how much life left ICE credentials are renewed over an open event connection.
pub const ICE_RENEWAL: Duration = Duration::from_secs(60 * 60);

/// One event connection of one endpoint.
#[derive(Clone, Debug)]
pub struct Connection {
    /// Whose.
    pub identity: Identity,
    /// Where.
    pub endpoint: EndpointId,
    /// Names this connection for ever.
    name: String,
}

/// How a connection ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Farewell {
    /// It broke, or was closed without a word.
    Lost,
    /// Its token is over or revoked, and no other came.
    TokenOver,
}

/// Endpoints that poll: how often each has begun to, so that the end of the last poll can be told.
#[derive(Default)]
pub(super) struct Polls(Mutex<HashMap<EndpointId, u64>>);

impl Switchboard {
    /// A client's event connection is there: its endpoint is registered, calls ring at it, its legs are back.
    ///
    /// # Errors
    /// `Conflict` when the endpoint belongs to another user; `Invalid` when the display name is malformed.
    pub async fn connect(
        &self,
        bearer: &Bearer,
        endpoint: EndpointId,
        display_name: Option<String>,
    ) -> Result<Connection> {
        let name = format!("{}/{:032x}", self.0.node, u128::from_be_bytes(self.context().random_16()));
        self.connect_as(bearer, endpoint, display_name, name).await
    }

    async fn connect_as(
        &self,
        bearer: &Bearer,
        endpoint: EndpointId,
        display_name: Option<String>,
        name: String,
    ) -> Result<Connection> {
        let display_name = checked_name(display_name)?;
        let (ctx, identity) = (self.context(), &bearer.identity);
        endpoints::online(ctx, &self.0.node, identity, endpoint, display_name.as_deref(), &name).await?;
        self.tell_calls_of(endpoint, Presence::Online).await?;
        for call in ledger::calls_ringing(ctx.store.as_ref(), identity).await? {
            let what = What::DeviceAppeared { identity: identity.clone(), endpoint };
            self.tell_quietly(call, what).await;
        }
        Ok(Connection { identity: identity.clone(), endpoint, name })
    }

    /// What a client must know when its connection begins.
    ///
    /// With an `after` that is still kept, events follow it; else `reset` is set and the calls are the whole truth.
    pub async fn welcome(&self, connection: &Connection, after: Option<Sequence>) -> Result<Welcome> {
        let ctx = self.context();
        // The stream's end first, the calls then: what happens in between is told twice, not never.
        let extent = events::extent(ctx.store.as_ref(), &StreamName::user(&connection.identity)).await?;
        let resumed = after.filter(|after| (extent.forgotten..=extent.last).contains(after));
        let ice = ice_configuration(ctx, &connection.identity);
        let mut calls = self.views(connection.endpoint).await?;
        for incoming in calls.iter_mut().filter_map(|view| view.incoming.as_mut()) {
            incoming.ice = ice.clone();
        }
        Ok(Welcome {
            identity: connection.identity.clone(),
            seq: resumed.unwrap_or(extent.last),
            reset: resumed.is_none(),
            calls,
            ice,
            server_time: ctx.now().as_millis(),
        })
    }

    /// Listens for news of a user: whoever hears a bell asks [`Switchboard::frames`].
    pub async fn listen(&self, identity: &Identity) -> Result<Subscription> {
        events::listen(self.context(), &StreamName::user(identity)).await
    }

    /// The frames for an endpoint after a number, oldest first, a batch at most; and the number to go on from.
    pub async fn frames(&self, connection: &Connection, after: Sequence) -> Result<Frames> {
        let ctx = self.context();
        let stream = StreamName::user(&connection.identity);
        let recorded = events::after(ctx.store.as_ref(), &stream, after, Some(connection.endpoint), BATCH).await?;
        let mut frames = Frames { frames: Vec::with_capacity(recorded.len()), seq: after };
        for fact in recorded {
            frames.seq = fact.number;
            match serde_json::from_str::<Event>(&fact.body) {
                Ok(mut event) => {
                    if let Event::IncomingCall(incoming) = &mut event {
                        incoming.ice = ice_configuration(ctx, &connection.identity);
                    }
                    frames.frames.push(ServerFrame::Event { seq: fact.number, at: fact.at.as_millis(), event });
                }
                Err(error) => tracing::error!(number = fact.number.0, %error, "an event cannot be read"),
            }
        }
        Ok(frames)
    }

    /// Fresh ICE servers for an endpoint.
    pub fn ice(&self, identity: &Identity) -> IceConfiguration {
        ice_configuration(self.context(), identity)
    }

    /// A connection ended. Its legs have the reconnect window to come back; nothing changes when a newer connection is there.
    pub async fn disconnect(&self, connection: &Connection, farewell: Farewell) -> Result<()> {
        if !endpoints::offline(self.context(), connection.endpoint, &connection.name).await? {
            return Ok(());
        }
        let presence = match farewell {
            Farewell::Lost => Presence::Offline,
            Farewell::TokenOver => Presence::TokenOver,
        };
        self.tell_calls_of(connection.endpoint, presence).await
    }

    /// The page of an endpoint closes or reloads: its legs have less time to come back (B-CALL-11).
    pub async fn leaving(&self, bearer: &Bearer, endpoint: EndpointId) -> Result<()> {
        self.must_own(bearer, endpoint).await?;
        self.tell_calls_of(endpoint, Presence::Leaving).await
    }

    /// An endpoint says goodbye for good: its legs hang up and calls no longer ring there.
    pub async fn unregister(&self, bearer: &Bearer, endpoint: EndpointId) -> Result<()> {
        if endpoints::name(self.context().store.as_ref(), &bearer.identity, endpoint).await?.is_none() {
            return Ok(());
        }
        self.tell_calls_of(endpoint, Presence::Gone).await?;
        endpoints::forget(self.context(), &bearer.identity, endpoint).await
    }

    /// Registers an endpoint that will poll.
    pub async fn register_for_polls(
        &self,
        bearer: &Bearer,
        endpoint: EndpointId,
        display_name: Option<String>,
        after: Option<Sequence>,
    ) -> Result<Welcome> {
        let connection = self.connect_as(bearer, endpoint, display_name, poll_name(&self.0.node, endpoint)).await?;
        let turn = self.0.polls.begin(endpoint);
        self.end_poll_later(connection.clone(), turn);
        self.welcome(&connection, after).await
    }

    /// Waits for frames, as a client asks where WebSocket is blocked.
    ///
    /// # Errors
    /// `Invalid` when the endpoint is not registered for this user: register it first.
    pub async fn poll(&self, bearer: &Bearer, request: &PollEvents) -> Result<Frames> {
        self.must_own(bearer, request.endpoint_id).await?;
        let mut connection = Connection {
            identity: bearer.identity.clone(),
            endpoint: request.endpoint_id,
            name: poll_name(&self.0.node, request.endpoint_id),
        };
        let turn = self.0.polls.begin(request.endpoint_id);
        if !endpoints::is_online(self.context(), &self.0.node, request.endpoint_id).await? {
            connection = self.connect_as(bearer, request.endpoint_id, None, connection.name).await?;
        }
        let mut bell = self.listen(&bearer.identity).await?;
        let wait = Duration::from_secs(u64::from(request.wait.min(LONGEST_POLL)));
        let end = tokio::time::Instant::now() + wait;
        let frames = loop {
            let frames = self.frames(&connection, request.after).await?;
            if !frames.frames.is_empty() {
                break frames;
            }
            match tokio::time::timeout_at(end, bell.next()).await {
                Ok(Some(_)) => {}
                Ok(None) | Err(_) => break frames,
            }
        };
        self.end_poll_later(connection, turn);
        Ok(frames)
    }

    fn end_poll_later(&self, connection: Connection, turn: u64) {
        let board = self.clone();
        tokio::spawn(async move {
            tokio::time::sleep(POLL_GRACE).await;
            if board.0.polls.is_last(connection.endpoint, turn)
                && let Err(error) = board.disconnect(&connection, Farewell::Lost).await
            {
                tracing::warn!(%error, "the end of a client's polling was not noted");
            }
        });
    }

    async fn must_own(&self, bearer: &Bearer, endpoint: EndpointId) -> Result<()> {
        match endpoints::name(self.context().store.as_ref(), &bearer.identity, endpoint).await? {
            Some(_) => Ok(()),
            None => Err(Error::validation("endpointId", "This endpoint is not registered for this user.")),
        }
    }

    async fn tell_calls_of(&self, endpoint: EndpointId, presence: Presence) -> Result<()> {
        for call in ledger::calls_of_endpoint(self.context().store.as_ref(), endpoint).await? {
            self.tell_quietly(call, What::Presence { endpoint, presence }).await;
        }
        Ok(())
    }

    /// Tells a call something that it may be too late for.
    async fn tell_quietly(&self, call: CallId, what: What) {
        if let Err(error) = self.command(Command { call, what }).await {
            tracing::debug!(%call, %error, "a call was not told of a client's presence");
        }
    }
}

impl Polls {
    fn begin(&self, endpoint: EndpointId) -> u64 {
        let mut turns = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let turn = turns.entry(endpoint).or_default();
        *turn += 1;
        *turn
    }

    /// Whether no poll began after this one; then the endpoint is forgotten here.
    fn is_last(&self, endpoint: EndpointId, turn: u64) -> bool {
        let mut turns = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let is_last = turns.get(&endpoint) == Some(&turn);
        if is_last {
            turns.remove(&endpoint);
        }
        is_last
    }
}

fn poll_name(node: &str, endpoint: EndpointId) -> String {
    format!("{node}/poll/{endpoint}")
}

/// The ICE servers of one user's calls, STUN and TURN apart, so that the client can hold back the relay until it is needed.
pub(super) fn ice_configuration(ctx: &Context, identity: &Identity) -> IceConfiguration {
    let (servers, ends) = relay::ice_servers(ctx, identity, ICE_LIFE);
    let (stun, turn) = servers
        .into_iter()
        .map(|server| IceServer { urls: server.urls, username: server.username, credential: server.credential })
        .partition(|server: &IceServer| server.username.is_none());
    IceConfiguration { stun, turn, expires_at: ends.as_millis() }
}
