//! A node with a switchboard, and clients that behave as browsers do, without sockets.

#![allow(dead_code, reason = "each test file uses some of it")]

use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use centrale_bus::{Bus, testing as nats};
use centrale_exchange::calls::{Connection, Farewell, Settings, Switchboard};
use centrale_exchange::identity::{self, Bearer};
use centrale_exchange::{Chance, Clock, Context, Parts, RelaySettings, WellKnown};
use centrale_model::{
    CallId, EndpointId, Identity, Private, ReceiveMode, ResourceId, Scope, Scopes, Sequence, Time, Timestamp,
};
use centrale_store::{Limits, Store, testing as postgres};
use centrale_wire::client::{CallJoined, JoinCall, Locator, StartCall};
use centrale_wire::signal::{Description, DescriptionKind, Event, Sending, ServerFrame, Signal, TransferOf, Welcome};
use tokio::runtime::Runtime;

#[path = "media.rs"]
mod media;
pub(crate) use media::FakeMedia;

/// A clock that tests turn.
pub(crate) struct HandClock(AtomicI64);

impl HandClock {
    pub(crate) fn advance(&self, span: Duration) {
        self.0.fetch_add(span.as_millis() as i64, Ordering::SeqCst);
    }
}

impl Clock for HandClock {
    fn now(&self) -> Timestamp {
        Timestamp::from_millis(1_800_000_000_000 + self.0.load(Ordering::SeqCst))
    }
    fn time(&self) -> Time {
        Time::from_millis(self.0.load(Ordering::SeqCst) as u64)
    }
}

/// Bytes that differ each time and repeat in each run.
pub(crate) struct CountedChance(AtomicU64);

impl Chance for CountedChance {
    fn fill(&self, bytes: &mut [u8]) {
        for chunk in bytes.chunks_mut(8) {
            let mut word = self.0.fetch_add(1, Ordering::SeqCst).wrapping_mul(0x9E37_79B9_7F4A_7C15);
            word ^= word >> 29;
            let word = word.wrapping_mul(0xBF58_476D_1CE4_E5B9).to_le_bytes();
            chunk.copy_from_slice(&word[..chunk.len()]);
        }
    }
}

#[derive(Clone)]
pub(crate) struct House {
    pub(crate) clock: Arc<HandClock>,
    chance: Arc<CountedChance>,
    seams: Seams,
}

#[derive(Clone)]
enum Seams {
    Alone { store: Arc<dyn Store>, bus: Arc<dyn Bus> },
    Together { address: String, bus: Arc<dyn Bus>, nats: Arc<OnceLock<nats::Server>> },
}

impl House {
    /// A house on the engine of the test program: SQLite and channels, or, included by `tests/postgresql.rs`, PostgreSQL.
    pub(crate) async fn new() -> House {
        let bus = centrale_bus::open(None).await.expect("channels are there");
        if module_path!().starts_with("postgresql::") {
            let address = postgres::Server::shared().fresh();
            House::on(Seams::Together { address, bus, nats: Arc::default() })
        } else {
            let store = centrale_store::open(":memory:").await.expect("memory is there");
            House::on(Seams::Alone { store, bus })
        }
    }

    fn on(seams: Seams) -> House {
        House {
            clock: Arc::new(HandClock(AtomicI64::new(0))),
            chance: Arc::new(CountedChance(AtomicU64::new(1))),
            seams,
        }
    }

    /// Starts a node, or starts it again.
    pub(crate) async fn node(&self, name: &str, relay: bool) -> Switchboard {
        let (store, bus) = self.seams().await;
        self.start(name, relay, store, bus).await
    }

    /// Starts a node that can be killed; in a house on PostgreSQL it has connections of its own and speaks to the others through NATS.
    pub(crate) async fn mortal(&self, name: &str) -> Mortal {
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build();
        let runtime = runtime.expect("a runtime can be made");
        let (house, name) = (self.clone(), name.to_owned());
        let board = runtime.spawn(async move {
            let (store, bus) = match &house.seams {
                Seams::Alone { store, bus } => (store.clone(), bus.clone()),
                Seams::Together { address, nats, .. } => {
                    let nats = nats.get_or_init(|| nats::Server::start("house", "")).address();
                    (open_postgres(address).await, centrale_bus::open(Some(&nats)).await.expect("NATS is there"))
                }
            };
            house.start(&name, true, store, bus).await
        });
        Mortal { board: board.await.expect("a node starts"), runtime: Some(runtime) }
    }

    /// A node that lets few into a call.
    pub(crate) async fn small_node(&self, name: &str, participants: usize) -> Switchboard {
        let (store, bus) = self.seams().await;
        self.start_with(name, true, store, bus, Settings { participants, ..Settings::default() }).await
    }

    /// A media node that answers whatever it is offered.
    pub(crate) async fn media(&self, name: &str) -> FakeMedia {
        let (store, bus) = self.seams().await;
        let ctx = self.context(true, store, bus).await;
        FakeMedia::open(ctx, name).await
    }

    pub(crate) async fn media_with_load(&self, name: &str, load: u64) -> FakeMedia {
        let (store, bus) = self.seams().await;
        FakeMedia::open_with_load(self.context(true, store, bus).await, name, load).await
    }

    /// A media node that reaches the other nodes as a mortal one does.
    pub(crate) async fn media_beside(&self, other: &Mortal) -> FakeMedia {
        FakeMedia::open(other.board.context().clone(), "m-beside").await
    }

    async fn seams(&self) -> (Arc<dyn Store>, Arc<dyn Bus>) {
        match &self.seams {
            Seams::Alone { store, bus } => (store.clone(), bus.clone()),
            Seams::Together { address, bus, .. } => (open_postgres(address).await, bus.clone()),
        }
    }

    async fn start(&self, name: &str, relay: bool, store: Arc<dyn Store>, bus: Arc<dyn Bus>) -> Switchboard {
        self.start_with(name, relay, store, bus, Settings::default()).await
    }

    async fn start_with(
        &self,
        name: &str,
        relay: bool,
        store: Arc<dyn Store>,
        bus: Arc<dyn Bus>,
        settings: Settings,
    ) -> Switchboard {
        let ctx = self.context(relay, store, bus).await;
        Switchboard::open(ctx, name.into(), settings).await.expect("a switchboard opens")
    }

    async fn context(&self, relay: bool, store: Arc<dyn Store>, bus: Arc<dyn Bus>) -> Context {
        Context::open(Parts {
            store,
            bus,
            clock: self.clock.clone(),
            chance: self.chance.clone(),
            public_url: "https://exchange.test".into(),
            relay: RelaySettings { enabled: relay, ..RelaySettings::none() },
            well_known: Some(WellKnown {
                resource: ResourceId::from_u128(0xcafe),
                primary_key: Private::new("Y2VudHJhbGUtdGVzdC1rZXktbm90LWEtc2VjcmV0LTAwMDE=".into()),
            }),
        })
        .await
        .expect("a context opens")
    }
}

/// A node in a runtime of its own, as in a process of its own; a test that drops it kills the node without a farewell.
pub(crate) struct Mortal {
    pub(crate) board: Switchboard,
    runtime: Option<Runtime>,
}

impl Drop for Mortal {
    fn drop(&mut self) {
        let Some(runtime) = self.runtime.take() else { return };
        // On a thread of its own: a test is itself in a runtime, where no other may be waited for.
        let end = std::thread::spawn(move || runtime.shutdown_timeout(Duration::from_secs(10)));
        end.join().expect("a runtime can be ended");
    }
}

async fn open_postgres(address: &str) -> Arc<dyn Store> {
    let limits = Limits { connections: 4, begin: Duration::from_secs(10) };
    centrale_store::open_with(address, limits).await.expect("PostgreSQL is there")
}

/// One device of one user.
pub(crate) struct Client {
    pub(crate) board: Switchboard,
    pub(crate) bearer: Bearer,
    pub(crate) endpoint: EndpointId,
    pub(crate) connection: Option<Connection>,
    pub(crate) seen: Sequence,
    requests: u32,
}

impl Client {
    /// A device of a new user, connected.
    pub(crate) async fn new(board: &Switchboard, number: u128) -> Client {
        let ctx = board.context();
        let created = identity::create_user(ctx, &key_caller(), Default::default()).await.expect("a user is made");
        let identity: Identity = created.identity.id.parse().expect("a raw id");
        Client::of(board, identity, number).await
    }

    /// A device of a known user, connected.
    pub(crate) async fn of(board: &Switchboard, identity: Identity, number: u128) -> Client {
        let Identity::User { user, .. } = identity.clone() else { panic!("not a user") };
        let bearer = Bearer {
            identity,
            user,
            scopes: Scopes::NONE.with(Scope::Voip),
            issued: Timestamp::from_millis(0),
            expires: Timestamp::from_millis(i64::MAX),
            generation: 0,
            key: identity::KeyUse { name: identity::KeyName::Primary, generation: 0 },
        };
        let mut client = Client {
            board: board.clone(),
            bearer,
            endpoint: EndpointId::from_u128(number),
            connection: None,
            seen: Sequence(0),
            requests: 0,
        };
        client.connect().await;
        client
    }

    pub(crate) fn identity(&self) -> Identity {
        self.bearer.identity.clone()
    }

    /// Opens the event connection, going on after the last event seen.
    pub(crate) async fn connect(&mut self) -> Welcome {
        let connection = self.board.connect(&self.bearer, self.endpoint, None).await.expect("a client connects");
        let after = Some(self.seen).filter(|seen| seen.0 > 0);
        let welcome = self.board.welcome(&connection, after).await.expect("a client is welcome");
        self.connection = Some(connection);
        self.seen = welcome.seq;
        welcome
    }

    pub(crate) async fn lose_connection(&mut self) {
        let connection = self.connection.take().expect("connected");
        self.board.disconnect(&connection, Farewell::Lost).await.expect("noted");
    }

    /// What happened since the last look, in words.
    pub(crate) async fn hears(&mut self) -> Vec<Event> {
        let connection = self.connection.clone().expect("connected");
        let frames = self.board.frames(&connection, self.seen).await.expect("frames");
        self.seen = frames.seq;
        frames
            .frames
            .into_iter()
            .map(|frame| match frame {
                ServerFrame::Event { event, .. } => event,
                other => panic!("not an event: {other:?}"),
            })
            .collect()
    }

    pub(crate) async fn call(&self, call: CallId, target: &Identity) -> Result<(), centrale_exchange::Error> {
        self.call_as(call, target, None).await
    }

    pub(crate) async fn call_as(
        &self,
        call: CallId,
        target: &Identity,
        transfer_of: Option<TransferOf>,
    ) -> Result<(), centrale_exchange::Error> {
        let request = StartCall {
            call_id: call,
            endpoint_id: self.endpoint,
            targets: vec![target.clone()],
            group: false,
            offer: offer(0),
            sending: Sending::default(),
            display_name: Some("Somebody".into()),
            transfer_of,
            custom_context: None,
            alternate_caller_id: None,
        };
        self.board.start_call(&self.bearer, request).await.map(drop)
    }

    pub(crate) async fn does(&mut self, call: CallId, signals: Vec<Signal>) -> Result<bool, centrale_exchange::Error> {
        self.requests += 1;
        self.asks(call, format!("r{}", self.requests), signals).await
    }

    pub(crate) async fn asks(
        &self,
        call: CallId,
        request: String,
        signals: Vec<Signal>,
    ) -> Result<bool, centrale_exchange::Error> {
        self.board.signal(&self.bearer.identity, call, self.endpoint, request, signals).await
    }

    /// Places a group call.
    pub(crate) async fn call_group(
        &self,
        call: CallId,
        targets: Vec<Identity>,
    ) -> Result<centrale_wire::client::CallStarted, centrale_exchange::Error> {
        let request = StartCall {
            call_id: call,
            endpoint_id: self.endpoint,
            targets,
            group: false,
            offer: offer(0),
            sending: Sending::default(),
            display_name: Some("Somebody".into()),
            transfer_of: None,
            custom_context: None,
            alternate_caller_id: None,
        };
        self.board.start_call(&self.bearer, request).await
    }

    /// Joins a call, with a request that is named after its epoch.
    pub(crate) async fn joins(&self, locator: Locator, epoch: u32) -> Result<CallJoined, centrale_exchange::Error> {
        self.joins_by(locator, epoch, &format!("join{epoch}")).await
    }

    pub(crate) async fn joins_by(
        &self,
        locator: Locator,
        epoch: u32,
        request: &str,
    ) -> Result<CallJoined, centrale_exchange::Error> {
        let request = JoinCall {
            locator,
            endpoint_id: self.endpoint,
            request_id: request.into(),
            offer: offer(epoch),
            sending: Sending::default(),
            display_name: None,
            media: ReceiveMode::Auto,
        };
        self.board.join_call(&self.bearer, request).await
    }

    /// Hears until something is there, as a client does that stays connected. Bells and couriers work beside the test.
    pub(crate) async fn hears_until(&mut self, is_it: impl Fn(&Event) -> bool) -> Vec<Event> {
        let mut bell = self.board.listen(&self.bearer.identity).await.expect("a bell");
        let mut heard = Vec::new();
        let end = tokio::time::Instant::now() + Duration::from_secs(30);
        loop {
            heard.extend(self.hears().await);
            if heard.iter().any(&is_it) {
                return heard;
            }
            let rung = tokio::time::timeout_at(end, bell.next()).await;
            assert!(rung.is_ok(), "not heard in time, but {heard:?}");
        }
    }

    pub(crate) async fn describes(&mut self, call: CallId, epoch: u32) {
        self.does(call, vec![Signal::Describe { description: offer(epoch) }]).await.expect("an offer is taken");
    }

    pub(crate) async fn accepts_with_offer(&mut self, call: CallId) {
        let accept = Signal::Accept { answer: None, offer: Some(offer(0)), sending: Sending::default() };
        self.does(call, vec![accept]).await.expect("an accept is taken");
    }

    pub(crate) async fn accepts(&mut self, call: CallId) {
        let answer = Description { kind: DescriptionKind::Answer, epoch: 0, sdp: "v=0\r\nanswer\r\n".into() };
        self.does(call, vec![Signal::Accept { answer: Some(answer), offer: None, sending: Sending::default() }])
            .await
            .expect("an accept is taken");
    }
}

pub(crate) fn answer(epoch: u32) -> Description {
    Description { kind: DescriptionKind::Answer, epoch, sdp: "v=0\r\nanswer\r\n".into() }
}

/// Media flows.
pub(crate) fn connected() -> centrale_wire::signal::MediaReport {
    centrale_wire::signal::MediaReport {
        state: centrale_wire::signal::MediaState::Connected,
        selected: None,
        pairs: Vec::new(),
        setup_ms: None,
        streams: Vec::new(),
    }
}

pub(crate) fn offer(epoch: u32) -> Description {
    Description { kind: DescriptionKind::Offer, epoch, sdp: "v=0\r\noffer\r\n".into() }
}

pub(crate) fn key_caller() -> identity::Caller {
    identity::Caller::Key(identity::KeyUse { name: identity::KeyName::Primary, generation: 1 })
}

/// The kinds of events, for short assertions.
pub(crate) fn kinds(events: &[Event]) -> Vec<&'static str> {
    events
        .iter()
        .map(|event| match event {
            Event::IncomingCall(_) => "incomingCall",
            Event::Ringing { .. } => "ringing",
            Event::Accepted { .. } => "accepted",
            Event::Joined { .. } => "joined",
            Event::Ended { .. } => "ended",
            Event::Description { .. } => "description",
            Event::Candidates { .. } => "candidates",
            Event::Participant { .. } => "participant",
            Event::State { .. } => "state",
            Event::TransferRequested { .. } => "transferRequested",
            Event::Transfer { .. } => "transfer",
            Event::Conference { .. } => "conference",
            Event::Convene { .. } => "convene",
            Event::Convened { .. } => "convened",
            Event::Adjourned { .. } => "adjourned",
            Event::MutedByOthers { .. } => "mutedByOthers",
            Event::Participants { .. } => "participants",
        })
        .collect()
}
