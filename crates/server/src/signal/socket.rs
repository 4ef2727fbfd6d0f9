//! One event connection, from hello to goodbye.

use std::time::Duration;

use centrale_bus::Subscription;
use centrale_exchange::calls::{Connection, Farewell, ICE_RENEWAL, Switchboard};
use centrale_exchange::identity::{self, Bearer, Revocation};
use centrale_exchange::{Context, Error, Kind};
use centrale_model::{Sequence, Timestamp};
use centrale_wire::signal::{ClientFrame, PING_AFTER_SECONDS, SILENCE_SECONDS, ServerFrame};
use futures_util::{SinkExt, StreamExt};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::sync::broadcast;
use tokio::time::{Instant, sleep_until, timeout};
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::protocol::CloseFrame;
use tokio_tungstenite::tungstenite::protocol::frame::coding::CloseCode;

/// How long a client may take to say hello.
const HELLO_LIMIT: Duration = Duration::from_secs(10);

/// How long one frame may take to leave. A client whose network takes nothing for so long has lost its connection.
const SEND_LIMIT: Duration = Duration::from_secs(10);

/// How often the stream is looked at although no bell rang: what a lost bell costs at the most.
const HEARTBEAT: Duration = Duration::from_secs(10);

/// The connection's close code for a token that is over, revoked or wrong.
const TOKEN_REFUSED: u16 = 4401;
/// The connection's close code for a client that does not follow the protocol.
const MALFORMED: u16 = 4400;
/// The connection's close code for a server that cannot serve at the moment.
const TRY_AGAIN: u16 = 4503;

/// Why a connection ends.
enum End {
    /// The client closed it, or the network did.
    Gone,
    /// The client was silent too long.
    Silent,
    /// The token is over or revoked.
    Token(String),
    /// The client sent what makes no sense.
    Malformed(&'static str),
    /// We cannot go on.
    Trouble(Error),
}

impl From<Error> for End {
    fn from(error: Error) -> End {
        match error.kind() {
            Kind::Unauthenticated | Kind::Forbidden => End::Token(error.message().to_owned()),
            Kind::Invalid | Kind::Conflict => End::Malformed("the hello was refused"),
            Kind::NotFound | Kind::Gone | Kind::TooMany | Kind::Unavailable | Kind::Bug => End::Trouble(error),
        }
    }
}

/// Serves one event connection until it ends.
pub(super) async fn serve<S>(board: Switchboard, mut socket: WebSocketStream<S>)
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    let (hello, bearer) = match greet(&board, &mut socket).await {
        Ok(greeted) => greeted,
        Err(end) => return say_goodbye(&mut socket, &end).await,
    };
    let connection = match board.connect(&bearer, hello.endpoint, hello.display_name).await {
        Ok(connection) => connection,
        Err(error) => return say_goodbye(&mut socket, &error.into()).await,
    };
    let end = talk(&board, &mut socket, &connection, bearer, hello.after).await;
    let farewell = match &end {
        End::Token(_) => Farewell::TokenOver,
        End::Gone | End::Silent | End::Malformed(_) | End::Trouble(_) => Farewell::Lost,
    };
    if let Err(error) = board.disconnect(&connection, farewell).await {
        tracing::warn!(%error, "the end of an event connection was not noted");
    }
    say_goodbye(&mut socket, &end).await;
}

struct Hello {
    endpoint: centrale_model::EndpointId,
    after: Option<Sequence>,
    display_name: Option<String>,
}

async fn greet<S>(board: &Switchboard, socket: &mut WebSocketStream<S>) -> Result<(Hello, Bearer), End>
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    let first = timeout(HELLO_LIMIT, next_frame(socket)).await.map_err(|_| End::Silent)??;
    let ClientFrame::Hello { token, endpoint_id, after, display_name } = first else {
        return Err(End::Malformed("the first frame is a hello"));
    };
    let bearer = verify(board.context(), &token).await?;
    Ok((Hello { endpoint: endpoint_id, after, display_name }, bearer))
}

/// The state of a connection after its hello.
struct Talk<'a, S> {
    board: &'a Switchboard,
    socket: &'a mut WebSocketStream<S>,
    connection: &'a Connection,
    bearer: Bearer,
    /// The number of the last event sent.
    sent: Sequence,
    heard: Instant,
    spoke: Instant,
    ice_until: Instant,
}

async fn talk<S>(
    board: &Switchboard,
    socket: &mut WebSocketStream<S>,
    connection: &Connection,
    bearer: Bearer,
    after: Option<Sequence>,
) -> End
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    let now = Instant::now();
    let mut talk =
        Talk { board, socket, connection, bearer, sent: Sequence::default(), heard: now, spoke: now, ice_until: now };
    match talk.begin_and_go_on(after).await {
        Ok(never) => match never {},
        Err(end) => end,
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> Talk<'_, S> {
    /// Listens first, welcomes then: nothing that happens in between is missed.
    async fn begin_and_go_on(&mut self, after: Option<Sequence>) -> Result<std::convert::Infallible, End> {
        let mut revocations = identity::watch_revocations(self.board.context());
        let mut bell = self.board.listen(&self.connection.identity).await?;
        let welcome = self.board.welcome(self.connection, after).await?;
        self.sent = welcome.seq;
        self.note_ice(welcome.ice.expires_at);
        self.send(&ServerFrame::Welcome(welcome)).await?;
        self.deliver().await?;
        self.go_on(&mut bell, &mut revocations).await
    }

    async fn go_on(
        &mut self,
        bell: &mut Subscription,
        revocations: &mut broadcast::Receiver<Revocation>,
    ) -> Result<std::convert::Infallible, End> {
        let ping_after = Duration::from_secs(PING_AFTER_SECONDS);
        let mut heartbeat = tokio::time::interval(HEARTBEAT);
        loop {
            let token_over = Instant::now() + self.bearer.expires.since(self.board.context().now());
            // What arrived is read first: a client's pong must not wait behind what it is being told.
            tokio::select! {
                biased;
                frame = next_frame(self.socket) => self.take(frame?).await?,
                revoked = revocations.recv() => self.look_at_revocation(revoked.ok()).await?,
                () = sleep_until(token_over) => return Err(End::Token("The access token has expired.".into())),
                rung = bell.next() => match rung {
                    Some(_) => self.deliver().await?,
                    None => return Err(End::Trouble(Error::unavailable("the bus has ended"))),
                },
                () = sleep_until(self.heard + Duration::from_secs(SILENCE_SECONDS)) => return Err(End::Silent),
                () = sleep_until(self.heard.max(self.spoke) + ping_after) => self.send(&ServerFrame::Ping).await?,
                () = sleep_until(self.ice_until) => {
                    let ice = self.board.ice(&self.connection.identity);
                    self.note_ice(ice.expires_at);
                    self.send(&ServerFrame::Ice { ice }).await?;
                }
                _ = heartbeat.tick() => self.deliver().await?,
            }
        }
    }

    /// Sends everything that has been recorded since the last event.
    async fn deliver(&mut self) -> Result<(), End> {
        loop {
            let batch = self.board.frames(self.connection, self.sent).await?;
            if batch.frames.is_empty() {
                return Ok(());
            }
            for frame in &batch.frames {
                self.send(frame).await?;
            }
            self.sent = batch.seq;
        }
    }

    async fn take(&mut self, frame: ClientFrame) -> Result<(), End> {
        self.heard = Instant::now();
        match frame {
            ClientFrame::Pong => Ok(()),
            ClientFrame::Hello { .. } => Err(End::Malformed("a second hello")),
            ClientFrame::Token { token } => {
                let bearer = verify(self.board.context(), &token).await?;
                if bearer.identity != self.connection.identity {
                    return Err(End::Token("The access token belongs to another user.".into()));
                }
                self.bearer = bearer;
                self.send(&ServerFrame::TokenTaken).await
            }
        }
    }

    /// Ends the connection when the revocation concerns its token. A listener that lagged looks at its own token.
    async fn look_at_revocation(&mut self, revocation: Option<Revocation>) -> Result<(), End> {
        let concerns = match revocation {
            Some(Revocation::Tokens { user, .. } | Revocation::Deleted { user }) => user == self.bearer.user,
            Some(Revocation::Key { .. }) | None => true,
        };
        if concerns && !identity::is_still_valid(self.board.context(), &self.bearer).await? {
            return Err(End::Token("The access token was revoked.".into()));
        }
        Ok(())
    }

    async fn send(&mut self, frame: &ServerFrame) -> Result<(), End> {
        self.spoke = Instant::now();
        send(self.socket, frame).await
    }

    fn note_ice(&mut self, expires_at: i64) {
        let left = Timestamp::from_millis(expires_at).since(self.board.context().now());
        self.ice_until = Instant::now() + left.saturating_sub(ICE_RENEWAL).max(Duration::from_secs(60));
    }
}

async fn verify(ctx: &Context, token: &str) -> Result<Bearer, End> {
    let bearer = identity::verify_user_token(ctx, token).await?;
    if !bearer.scopes.may_join_calls() {
        return Err(End::Token("The access token has neither the scope voip nor voip.join.".into()));
    }
    Ok(bearer)
}

/// The next frame of the client; its WebSocket pings are answered by the library.
async fn next_frame<S>(socket: &mut WebSocketStream<S>) -> Result<ClientFrame, End>
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    loop {
        match socket.next().await {
            Some(Ok(Message::Text(text))) => {
                return serde_json::from_str(&text).map_err(|_| End::Malformed("a frame that is not of this protocol"));
            }
            Some(Ok(Message::Binary(_))) => return Err(End::Malformed("a binary frame")),
            Some(Ok(Message::Ping(_) | Message::Pong(_) | Message::Frame(_))) => {}
            Some(Ok(Message::Close(_)) | Err(_)) | None => return Err(End::Gone),
        }
    }
}

async fn send<S>(socket: &mut WebSocketStream<S>, frame: &ServerFrame) -> Result<(), End>
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    let text = serde_json::to_string(frame).map_err(|error| End::Trouble(Error::bug(error.to_string())))?;
    match timeout(SEND_LIMIT, socket.send(Message::text(text))).await {
        Ok(Ok(())) => Ok(()),
        Ok(Err(_)) | Err(_) => Err(End::Gone),
    }
}

async fn say_goodbye<S>(socket: &mut WebSocketStream<S>, end: &End)
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    let (code, reason) = match end {
        End::Gone => return,
        End::Silent => (1001, "silent too long"),
        End::Token(message) => {
            // Best effort: the close code says the same.
            let _ = send(socket, &ServerFrame::TokenRefused { message: message.clone() }).await;
            (TOKEN_REFUSED, "token refused")
        }
        End::Malformed(why) => (MALFORMED, *why),
        End::Trouble(error) => {
            tracing::warn!(%error, "an event connection could not go on");
            (TRY_AGAIN, "try again")
        }
    };
    let close = CloseFrame { code: CloseCode::from(code), reason: reason.into() };
    // The client may be gone already; then there is nobody to tell.
    let _ = timeout(SEND_LIMIT, socket.close(Some(close))).await;
}
