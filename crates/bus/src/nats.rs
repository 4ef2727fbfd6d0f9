//! The bus of nodes that are together: core NATS.
//!
//! Each subscription has a small task that empties the client's queue into our mailbox at once, because the
//! client's own queue drops without saying where. What the client does lose, and what passes while the connection is
//! broken, is told to every subscription as a lag.

use std::{
    collections::HashMap,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    time::Duration,
};

use async_nats::{
    Client, ConnectOptions, Event, HeaderMap, Message, Request, RequestErrorKind, ServerAddr, Subscriber,
    connection::State,
};
use async_trait::async_trait;
use bytes::Bytes;
use futures_util::{FutureExt, StreamExt};
use tokio::{runtime::Handle, task::unconstrained, time::timeout};

use crate::{
    BODY_LIMIT, Bus, BusError, Question, Questions, Reply, Subject, Subscription,
    bus::{Ear, check_body},
    mailbox::Mailbox,
};

/// What our subjects begin with on a server that others may use too.
const PREFIX: &str = "centrale";

/// The header that says that a question was let fall.
const FALLEN: &str = "Centrale-Fallen";

/// How long connecting, and handing a message to the connection's task, may take.
///
/// Lower: trouble is told sooner. Higher: a slow network is ridden out.
const PATIENCE: Duration = Duration::from_secs(5);

/// Room for headers beside a body.
const HEADER_ROOM: usize = 1024;

/// Messages between the client and our task, for each subscription. When full, the client drops and says so.
const CLIENT_QUEUE: usize = 8192;

/// Commands between us and the connection's task. When full, publishers wait up to [`PATIENCE`].
const COMMANDS: usize = 2048;

pub(crate) struct NatsBus {
    client: Client,
    ears: Arc<Ears>,
}

/// Every subscription of this node, to be told of losses.
#[derive(Default)]
struct Ears {
    last: AtomicU64,
    was_connected: AtomicBool,
    listeners: Mutex<HashMap<u64, Mailbox<Bytes>>>,
}

impl Ears {
    fn hear(&self, event: &Event) {
        match event {
            Event::Connected if self.was_connected.swap(true, Ordering::Relaxed) => {
                tracing::info!("bus connected again");
                self.lose();
            }
            Event::SlowConsumer(_) => self.lose(),
            Event::Disconnected => tracing::warn!("bus disconnected"),
            Event::ServerError(error) => tracing::warn!(%error, "bus server reports an error"),
            Event::ClientError(error) => tracing::warn!(%error, "bus client reports an error"),
            Event::Connected | Event::LameDuckMode | Event::Draining | Event::Closed => {}
        }
    }

    fn lose(&self) {
        for mailbox in self.lock().values() {
            mailbox.lose(1);
        }
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<u64, Mailbox<Bytes>>> {
        // A map is whole between two calls, so a poisoned lock is still good.
        self.listeners.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl NatsBus {
    pub(crate) async fn open(address: &str) -> Result<Self, BusError> {
        let ears: Arc<Ears> = Arc::default();
        let heard = ears.clone();
        let servers = servers(address)?;
        let client = credentials(&servers)
            .name("centrale")
            .connection_timeout(PATIENCE)
            .ping_interval(Duration::from_secs(10))
            .subscription_capacity(CLIENT_QUEUE)
            .client_capacity(COMMANDS)
            .max_reconnects(None)
            .reconnect_delay_callback(|attempt| Duration::from_millis(50 << attempt.min(5)))
            .event_callback(move |event| {
                heard.hear(&event);
                async {}
            })
            .connect(servers)
            .await
            .map_err(|error| BusError::Unavailable(format!("cannot connect to NATS: {error}")))?;
        // Told by the first connection; the event for it comes later and must not count as a break.
        let limit = client.server_info().max_payload;
        if limit < BODY_LIMIT + HEADER_ROOM {
            return Err(BusError::Unavailable(format!(
                "the NATS server takes messages of {limit} bytes; set its max_payload to {} or more",
                BODY_LIMIT + HEADER_ROOM
            )));
        }
        Ok(NatsBus { client, ears })
    }

    fn check(&self, body: &Bytes) -> Result<(), BusError> {
        check_body(body)?;
        self.check_connection()
    }

    fn check_connection(&self) -> Result<(), BusError> {
        match self.client.connection_state() {
            State::Connected => Ok(()),
            State::Pending | State::Disconnected => Err(BusError::Unavailable("not connected to NATS".into())),
        }
    }

    /// Goes to the server and back, so that what was sent before is in force there.
    async fn settle(&self) -> Result<(), BusError> {
        let inbox = self.client.new_inbox();
        let mut echo = patient(self.client.subscribe(inbox.clone())).await?;
        patient(self.client.publish(inbox, Bytes::new())).await?;
        match timeout(PATIENCE, echo.next()).await {
            Ok(Some(_)) => Ok(()),
            Ok(None) | Err(_) => Err(BusError::Unavailable("the NATS server does not answer".into())),
        }
    }
}

#[async_trait]
impl Bus for NatsBus {
    async fn publish(&self, subject: &Subject, body: Bytes) -> Result<(), BusError> {
        self.check(&body)?;
        patient(self.client.publish(full(subject), body)).await
    }

    async fn subscribe(&self, subject: &Subject) -> Result<Subscription, BusError> {
        self.check_connection()?;
        let source = patient(self.client.subscribe(full(subject))).await?;
        let mailbox = Mailbox::new();
        let number = self.ears.last.fetch_add(1, Ordering::Relaxed);
        self.ears.lock().insert(number, mailbox.clone());
        let (task, ears) = (tokio::spawn(carry_messages(source, mailbox.clone())), self.ears.clone());
        let ear = Ear::new(move || {
            task.abort();
            ears.lock().remove(&number);
        });
        self.settle().await?;
        Ok(Subscription::new(mailbox, ear))
    }

    async fn ask(&self, subject: &Subject, body: Bytes, limit: Duration) -> Result<Bytes, BusError> {
        self.check(&body)?;
        let request = Request::new().payload(body).timeout(None);
        let answer =
            timeout(limit, self.client.send_request(full(subject), request)).await.map_err(|_| BusError::Timeout)?;
        let answer = answer.map_err(|error| match error.kind() {
            RequestErrorKind::NoResponders => BusError::NoOne,
            RequestErrorKind::TimedOut => BusError::Timeout,
            _ => BusError::Unavailable(error.to_string()),
        })?;
        if answer.headers.is_some_and(|headers| headers.get(FALLEN).is_some()) {
            return Err(BusError::NoOne);
        }
        Ok(answer.payload)
    }

    async fn serve(&self, subject: &Subject) -> Result<Questions, BusError> {
        self.check_connection()?;
        let source = patient(self.client.queue_subscribe(full(subject), "serve".into())).await?;
        let mailbox = Mailbox::new();
        let task = tokio::spawn(carry_questions(source, mailbox.clone(), self.client.clone()));
        let ear = Ear::new(move || task.abort());
        self.settle().await?;
        Ok(Questions::new(mailbox, ear))
    }
}

async fn carry_messages(mut source: Subscriber, mailbox: Mailbox<Bytes>) {
    while let Some(message) = source.next().await {
        let bytes = message.payload.len();
        // A full mailbox counts the loss and tells its reader.
        let _ = mailbox.put(message.payload, bytes);
    }
    mailbox.close();
}

async fn carry_questions(mut source: Subscriber, mailbox: Mailbox<Question>, client: Client) {
    while let Some(Message { payload, reply, .. }) = source.next().await {
        let Some(reply) = reply else { continue };
        let client = client.clone();
        let reply = Reply::new(move |body| answer(&client, reply, body));
        let bytes = payload.len();
        // Refused by a full mailbox, the question is dropped here, which tells its asker.
        drop(mailbox.put(Question { body: payload, reply }, bytes));
    }
    mailbox.close();
}

/// Hands an answer to the connection's task. While that one's queue is full the answer waits in a task of its own; when it
/// stays full the answer is lost, and the asker's limit ends its wait.
fn answer(client: &Client, to: async_nats::Subject, body: Option<Bytes>) {
    let client = client.clone();
    let mut send = Box::pin(async move {
        match body {
            Some(body) => client.publish(to, body).await,
            None => {
                let mut headers = HeaderMap::new();
                headers.insert(FALLEN, "1");
                client.publish_with_headers(to, headers, Bytes::new()).await
            }
        }
    });
    // Unconstrained: the runtime would make a task that answers many questions in a row look as if the queue were full.
    if unconstrained(&mut send).now_or_never().is_none()
        && let Ok(runtime) = Handle::try_current()
    {
        runtime.spawn(timeout(PATIENCE, send));
    }
}

/// Reads one address, or several of one cluster separated by commas.
fn servers(address: &str) -> Result<Vec<ServerAddr>, BusError> {
    let parsed: Result<Vec<ServerAddr>, _> = address.split(',').map(|one| one.trim().parse()).collect();
    // The address may hold a password and is not repeated.
    parsed.map_err(|_| BusError::Unavailable("the NATS address is not understood; write nats://host:4222".into()))
}

/// Takes user and password, or a token that stands alone, out of the first address; the client does not do so by itself.
fn credentials(servers: &[ServerAddr]) -> ConnectOptions {
    let user = servers.first().and_then(|server| server.username()).map(decode);
    let password = servers.first().and_then(|server| server.password()).map(decode);
    match (user, password) {
        (Some(user), Some(password)) => ConnectOptions::with_user_and_password(user, password),
        (Some(token), None) => ConnectOptions::with_token(token),
        (None, _) => ConnectOptions::new(),
    }
}

/// Undoes the percent-encoding of an address (RFC 3986 §2.1).
fn decode(text: &str) -> String {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let [first, tail @ ..] = rest {
        let coded =
            tail.get(..2).and_then(|two| str::from_utf8(two).ok()).and_then(|two| u8::from_str_radix(two, 16).ok());
        match coded {
            Some(byte) if *first == b'%' => {
                bytes.push(byte);
                rest = &tail[2..];
            }
            _ => {
                bytes.push(*first);
                rest = tail;
            }
        }
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

fn full(subject: &Subject) -> String {
    format!("{PREFIX}.{subject}")
}

async fn patient<T, E: std::fmt::Display>(work: impl Future<Output = Result<T, E>>) -> Result<T, BusError> {
    match timeout(PATIENCE, work).await {
        Ok(done) => done.map_err(|error| BusError::Unavailable(error.to_string())),
        Err(_) => Err(BusError::Unavailable("the connection to NATS is not keeping up".into())),
    }
}
