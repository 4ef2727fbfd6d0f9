//! Carries the orders of hosted calls to media nodes, brings back what they say, and looks after conferences whose node falls silent.
//!
//! - Each call's orders, and questions about its conference, go one after the other, so that what a media node does is what the machine wanted
//!   last, and a picture of the conference is never older than an order that was carried. The queue is bounded ([`QUEUE`]); what does not fit is dropped, and the machine gives its orders again when there is room.
//! - A media node is chosen with the first order that lets somebody in, and kept in the call's snapshot. When it does not answer, the
//!   conference is lost: another node is chosen, and everybody is asked to come there.
//! - Once a second each media node is asked about some of its conferences, so that within ten seconds each has been compared with its
//!   call. Two silences in a row are a dead node: found within three seconds.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use bytes::Bytes;
use centrale_bus::{BusError, Delivery, Subscription};
use centrale_calls::{Heard, Input, Order, Refusal};
use centrale_media::{Command as Errand, ConferenceId, Event};
use centrale_model::{CallId, ParticipantId, Timestamp};
use tokio::sync::{mpsc, oneshot};
use tokio::task::JoinSet;

use super::command::{Answer, Command, What};
use super::conference::{self, News};
use super::switchboard::{Switchboard, lock};
use super::{ledger, media_nodes, orders};
use crate::{Error, Result};

/// How many orders of one call may wait.
///
/// Lower: less memory while a media node is slow. Higher: more can join and be muted at once without orders being given again. All orders of
/// a full call given again are about 1100, and must fit.
const QUEUE: usize = 4096;

/// How long a media node may take over one order.
const ORDER_LIMIT: Duration = Duration::from_secs(2);

/// How long it may take over a question about a conference: shorter, so that a hanging node is found in time.
const LOOK_LIMIT: Duration = Duration::from_millis(900);

/// After how many silences in a row a media node is taken for dead.
const SILENCES: u32 = 2;

/// How long an offer is carried from node to node before nobody is found to take it.
const PATIENCE: Duration = Duration::from_secs(8);

/// How long a joiner waits for the media processor. Clients ask again.
const ANSWER_LIMIT: Duration = Duration::from_secs(4);

/// How long a media node that did not answer gets no new conferences while there are others.
const SHUNNED: Duration = Duration::from_secs(15);

/// Workers that bring news to calls: news of one call stay in order, a call that waits for the store delays few others.
const NEWS_WORKERS: usize = 8;
/// News that may wait for each worker. Beyond, they are dropped: the next comparison makes good.
const NEWS_QUEUE: usize = 1024;

/// What the switchboard remembers about conferences.
#[derive(Default)]
pub(super) struct Couriers {
    /// Orders on their way, by call.
    queues: std::sync::Mutex<HashMap<CallId, Queue>>,
    /// Which media node holds the conference of each hosted call.
    seats: std::sync::Mutex<BTreeMap<CallId, String>>,
    /// Who waits for the answer to an offer. Bound: joins that are under way.
    waiters: std::sync::Mutex<HashMap<Offer, Vec<oneshot::Sender<Told>>>>,
    /// Media nodes that did not answer, and until when they are shunned.
    shunned: std::sync::Mutex<BTreeMap<String, Timestamp>>,
    watch: tokio::sync::Mutex<Watch>,
}

struct Queue {
    tasks: mpsc::Sender<Task>,
    has_dropped: Arc<AtomicBool>,
}

/// What a courier does for its call. One after the other, so that a picture of the conference shows all orders before it, and none after.
enum Task {
    Carry(Order),
    /// Ask who is in the conference; says whether the media node answered.
    Look(oneshot::Sender<bool>),
}

/// One offer: of which call, by whom, of which peer connection.
type Offer = (CallId, ParticipantId, u32);

/// What became of an offer.
pub(super) enum Told {
    Answer(String),
    Refused(Refusal),
}

/// How each media node has been doing, and which of its conferences is asked about next.
#[derive(Default)]
struct Watch(BTreeMap<String, (u32, usize)>);

impl Switchboard {
    /// Begins to hear of conferences and to look after them.
    pub(super) async fn open_couriers(&self) -> Result<()> {
        let heard = self.context().bus.subscribe(&conference::news_desk(&self.0.node)).await;
        let news = heard.map_err(|error| Error::unavailable(error.to_string()))?;
        tokio::spawn(self.clone().hear_news(news));
        tokio::spawn(self.clone().keep_conferences());
        Ok(())
    }

    /// Sends an order on its way.
    pub(super) fn send_order(&self, call: CallId, order: Order) {
        self.send_task(call, Task::Carry(order));
    }

    fn send_task(&self, call: CallId, task: Task) {
        // A conference that is closed may be opened again, unless the call is over.
        let is_hosted = self.is_hosted(call);
        if !is_hosted && matches!(task, Task::Look(_)) {
            return;
        }
        let is_last = matches!(task, Task::Carry(Order::Close)) && !is_hosted;
        let mut queues = lock(&self.0.couriers.queues);
        let queue = queues.entry(call).or_insert_with(|| {
            let (tasks, waiting) = mpsc::channel(QUEUE);
            let has_dropped = Arc::new(AtomicBool::new(false));
            tokio::spawn(self.clone().do_all(call, waiting, has_dropped.clone()));
            Queue { tasks, has_dropped }
        });
        if let Err(mpsc::error::TrySendError::Full(Task::Carry(_))) = queue.tasks.try_send(task) {
            tracing::warn!(%call, "orders for a conference wait too long; they will be given again");
            queue.has_dropped.store(true, Ordering::Relaxed);
        }
        if is_last {
            queues.remove(&call);
        }
    }

    /// The call is another node's by now: what is on its way still goes, nothing more does.
    pub(super) fn dismiss_courier(&self, call: CallId) {
        lock(&self.0.couriers.queues).remove(&call);
    }

    /// Notes which media node holds a hosted call's conference.
    pub(super) fn note_seat(&self, call: CallId, node: Option<&String>) {
        let mut seats = lock(&self.0.couriers.seats);
        match node {
            Some(node) => seats.insert(call, node.clone()),
            None => seats.remove(&call),
        };
    }

    /// Waits for what becomes of an offer; to be called before the offer is sent.
    pub(super) fn await_answer(&self, call: CallId, place: ParticipantId, epoch: u32) -> oneshot::Receiver<Told> {
        let (told, waiting) = oneshot::channel();
        let mut waiters = lock(&self.0.couriers.waiters);
        let here = waiters.entry((call, place, epoch)).or_default();
        here.retain(|one| !one.is_closed());
        here.push(told);
        waiting
    }

    /// Gives what became of an offer.
    ///
    /// # Errors
    /// `Invalid` when the media processor could not use it, `Forbidden` when the conference is full, `Unavailable` when there was no answer in
    /// time: asking again is safe.
    pub(super) async fn answer_to(&self, offer: Offer, waiting: oneshot::Receiver<Told>) -> Result<String> {
        let told = tokio::time::timeout(ANSWER_LIMIT, waiting).await;
        lock(&self.0.couriers.waiters).retain(|_, waiting| {
            waiting.retain(|one| !one.is_closed());
            !waiting.is_empty()
        });
        match told {
            Ok(Ok(Told::Answer(answer))) => Ok(answer),
            Ok(Ok(Told::Refused(Refusal::BadOffer))) => {
                Err(Error::validation("offer", "The media processor cannot use this offer."))
            }
            Ok(Ok(Told::Refused(Refusal::Full))) => Err(super::command::is_full()),
            Ok(Ok(Told::Refused(Refusal::Unknown | Refusal::Unreachable))) => {
                Err(Error::unavailable("no media processor takes the offer"))
            }
            Ok(Err(_)) | Err(_) => {
                tracing::debug!(call = %offer.0, "an offer was not answered in time");
                Err(Error::unavailable("the media processor did not answer in time"))
            }
        }
    }

    async fn do_all(self, call: CallId, mut tasks: mpsc::Receiver<Task>, has_dropped: Arc<AtomicBool>) {
        let mut node = None;
        while let Some(task) = tasks.recv().await {
            match task {
                Task::Carry(order) => self.carry(call, order, &mut node).await,
                Task::Look(looked) => {
                    let _ = looked.send(self.look_at(call).await);
                }
            }
            if tasks.is_empty() && has_dropped.swap(false, Ordering::Relaxed) {
                self.tell_call(call, Input::Heard(Heard::Dropped)).await;
            }
        }
    }

    /// Compares a conference with its call; whether its media node answered.
    async fn look_at(&self, call: CallId) -> bool {
        let Some(node) = lock(&self.0.couriers.seats).get(&call).cloned() else { return true };
        match self.ask_media(&node, &Errand::Ask { conference: ConferenceId(call) }, LOOK_LIMIT).await {
            Ok(Some(event)) => {
                self.hear(call, orders::heard(event)).await;
                true
            }
            Ok(None) => true,
            Err(_) => false,
        }
    }

    /// Carries one order. One that lets somebody in finds a node, and another when that one does not answer.
    async fn carry(&self, call: CallId, order: Order, at: &mut Option<String>) {
        let offer = match &order {
            Order::Admit { place, epoch, .. } | Order::Describe { place, epoch, .. } => Some((*place, *epoch)),
            Order::Expel(_)
            | Order::Allow(..)
            | Order::Receive(..)
            | Order::Hold(..)
            | Order::Spotlight(_)
            | Order::Close => None,
        };
        let opens = matches!(order, Order::Admit { .. });
        let errand = orders::command(call, order);
        let until = tokio::time::Instant::now() + PATIENCE;
        let mut silences = 0;
        loop {
            let node = match self.seat(call, at, opens).await {
                Ok(Some(node)) => node,
                Ok(None) => break,
                Err(error) => {
                    tracing::warn!(%call, %error, "no media node could be chosen");
                    break;
                }
            };
            match self.ask_media(&node, &errand, ORDER_LIMIT).await {
                Ok(answer) => {
                    if let Some(event) = answer {
                        self.bring(call, event).await;
                    }
                    return;
                }
                Err(error) => {
                    tracing::debug!(%call, node, %error, "a media node did not take an order");
                    silences += 1;
                }
            }
            if silences >= SILENCES {
                self.lose_seat(call, &node).await;
                *at = None;
                silences = 0;
                if !opens {
                    break;
                }
            } else {
                tokio::time::sleep(Duration::from_millis(200)).await;
            }
            if tokio::time::Instant::now() >= until {
                break;
            }
        }
        if let Some((place, epoch)) = offer {
            self.hear(call, Heard::Refused { place, epoch, because: Refusal::Unreachable }).await;
        }
    }

    /// The media node of a call's conference; chosen when there is none and the order `opens` one.
    async fn seat(&self, call: CallId, at: &mut Option<String>, opens: bool) -> Result<Option<String>> {
        if at.is_none() {
            *at = lock(&self.0.couriers.seats).get(&call).cloned();
        }
        if at.is_none() && !opens {
            *at = ledger::media_node_of(self.context().store.as_ref(), call).await?;
        }
        if at.is_none() && opens {
            let Some(node) = self.least_loaded().await? else { return Ok(None) };
            let chosen = Command { call, what: What::Seat { node } };
            if let Answer::Node(node) = Box::pin(self.command(chosen)).await? {
                *at = Some(node);
            }
        }
        Ok(at.clone())
    }

    async fn least_loaded(&self) -> Result<Option<String>> {
        let now = self.context().now();
        let nodes = media_nodes::by_load(self.context(), &self.0.node).await?;
        let mut shunned = lock(&self.0.couriers.shunned);
        shunned.retain(|_, until| *until > now);
        Ok(nodes.iter().find(|node| !shunned.contains_key(*node)).or(nodes.first()).cloned())
    }

    async fn ask_media(&self, node: &str, command: &Errand, limit: Duration) -> Result<Option<Event>, BusError> {
        let errand = conference::Errand { owner: self.0.node.clone(), command: command.clone() };
        let body = serde_json::to_vec(&errand).unwrap_or_default();
        let answer = self.context().bus.ask(&conference::media_desk(node), Bytes::from(body), limit).await?;
        serde_json::from_slice(&answer).map_err(|error| BusError::Unavailable(error.to_string()))
    }

    /// A media node does not answer: whoever was there is asked to come elsewhere.
    async fn lose_seat(&self, call: CallId, node: &str) {
        lock(&self.0.couriers.shunned).insert(node.to_owned(), self.context().now().plus(SHUNNED));
        tracing::warn!(%call, node, "a media node does not answer; its conference is convened anew");
        let what = What::Unseat { node: node.to_owned() };
        if let Err(error) = Box::pin(self.command(Command { call, what })).await {
            tracing::debug!(%call, %error, "a call was not told that its conference is lost");
        }
    }

    /// Brings what a media node said to the call. News of a loss may be old: the conference itself knows.
    async fn bring(&self, call: CallId, event: Event) {
        match event {
            Event::Lost { .. } => self.send_task(call, Task::Look(oneshot::channel().0)),
            event => self.hear(call, orders::heard(event)).await,
        }
    }

    /// The call hears it first, and then whoever waits for the answer to an offer.
    async fn hear(&self, call: CallId, heard: Heard) {
        let told = match &heard {
            Heard::Answered { place, epoch, answer } => Some(((call, *place, *epoch), Ok(answer.0.clone()))),
            Heard::Refused { place, epoch, because } => Some(((call, *place, *epoch), Err(*because))),
            Heard::Connected { .. }
            | Heard::Interrupted(_)
            | Heard::Gone { .. }
            | Heard::Receives(..)
            | Heard::Lost
            | Heard::Dropped
            | Heard::Summary(_) => None,
        };
        self.tell_call(call, Input::Heard(heard)).await;
        let Some((offer, outcome)) = told else { return };
        for waiting in lock(&self.0.couriers.waiters).remove(&offer).unwrap_or_default() {
            let _ = waiting.send(match &outcome {
                Ok(answer) => Told::Answer(answer.clone()),
                Err(because) => Told::Refused(*because),
            });
        }
    }

    async fn hear_news(self, mut news: Subscription) {
        let workers: Vec<mpsc::Sender<News>> = (0..NEWS_WORKERS)
            .map(|_| {
                let (tell, mut told) = mpsc::channel::<News>(NEWS_QUEUE);
                let board = self.clone();
                tokio::spawn(async move {
                    while let Some(news) = told.recv().await {
                        board.take_news(news).await;
                    }
                });
                tell
            })
            .collect();
        while let Some(delivery) = news.next().await {
            // What was lost is made good by the next comparison.
            let Delivery::Message(body) = delivery else { continue };
            let Ok(news) = serde_json::from_slice::<News>(&body) else {
                tracing::warn!("news of a conference cannot be read");
                continue;
            };
            let ConferenceId(call) = conference::conference_in(&news.event);
            let worker = usize::try_from(call.to_u128() % NEWS_WORKERS as u128).unwrap_or(0);
            if workers[worker].try_send(news).is_err() {
                tracing::warn!(%call, "news of a conference were dropped");
            }
        }
    }

    async fn take_news(&self, News { node, event }: News) {
        let ConferenceId(call) = conference::conference_in(&event);
        match ledger::is_over(self.context().store.as_ref(), call).await {
            // The order to close it was lost with its host.
            Ok(true) => {
                let close = Errand::Close { conference: ConferenceId(call) };
                let _ = self.ask_media(&node, &close, ORDER_LIMIT).await;
            }
            Ok(false) => self.bring(call, event).await,
            Err(error) => tracing::warn!(%call, %error, "news of a conference were lost"),
        }
    }

    async fn keep_conferences(self) {
        let mut beat = tokio::time::interval(Duration::from_secs(1));
        beat.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        loop {
            beat.tick().await;
            self.look_at_conferences().await;
        }
    }

    /// Asks each media node about some of the conferences of calls hosted here; a node that is silent for the second time has lost them all.
    pub async fn look_at_conferences(&self) {
        let mut watch = self.0.couriers.watch.lock().await;
        let mut by_node: BTreeMap<String, Vec<CallId>> = BTreeMap::new();
        for (call, node) in lock(&self.0.couriers.seats).iter() {
            by_node.entry(node.clone()).or_default().push(*call);
        }
        watch.0.retain(|node, _| by_node.contains_key(node));
        let mut looks = JoinSet::new();
        for (node, calls) in &by_node {
            let turn = &mut watch.0.entry(node.clone()).or_default().1;
            let some: Vec<CallId> =
                calls.iter().cycle().skip(*turn % calls.len()).take(calls.len().div_ceil(10)).copied().collect();
            *turn = (*turn + some.len()) % calls.len();
            let (board, node) = (self.clone(), node.clone());
            looks.spawn(async move { (board.look_at_some(some).await, node) });
        }
        while let Some(looked) = looks.join_next().await {
            let Ok((has_answered, node)) = looked else { continue };
            let Some((silences, _)) = watch.0.get_mut(&node) else { continue };
            *silences = if has_answered { 0 } else { *silences + 1 };
            if *silences >= SILENCES {
                *silences = 0;
                for call in by_node.remove(&node).unwrap_or_default() {
                    self.lose_seat(call, &node).await;
                }
            }
        }
    }

    /// Has conferences of one media node compared with their calls; whether it answers at all.
    async fn look_at_some(&self, calls: Vec<CallId>) -> bool {
        for call in calls {
            let (looked, waiting) = oneshot::channel();
            self.send_task(call, Task::Look(looked));
            // A courier that is busy says nothing of the node.
            if let Ok(Ok(false)) = tokio::time::timeout(LOOK_LIMIT * 2, waiting).await {
                return false;
            }
        }
        true
    }
}
