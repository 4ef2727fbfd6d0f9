//! The switchboard: hosts calls, finds their owners, wakes them.

use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, Mutex as Guarded, PoisonError};
use std::time::Duration;

use centrale_bus::BusError;
use centrale_calls::{Call, Change, Input, Output, Timers};
use centrale_model::{CallId, EndpointId, Identity, Timestamp};
use centrale_wire::signal::{self as wire, CallView, Signal};
use tokio::sync::{Mutex, Notify, oneshot};

use super::command::{Answer, Command, What};
use super::courier::Told;
use super::endpoints;
use super::hosted::Hosted;
use super::ledger::{self, Step};
use super::perform::{Work, perform};
use crate::{Context, Error, Result, events};

/// What operators may choose.
#[derive(Clone, Debug)]
pub struct Settings {
    /// The waits of calls made from now on.
    pub timers: Timers,
    /// How many participants calls made from now on have at most: 350 unless something else is chosen (acs-behaviour section 21).
    pub participants: usize,
}

impl Default for Settings {
    fn default() -> Settings {
        Settings { timers: Timers::default(), participants: Call::MAX_PARTICIPANTS }
    }
}

/// Where calls are hosted. One for each node; cheap to clone.
#[derive(Clone)]
pub struct Switchboard(pub(super) Arc<Inside>);

pub(super) struct Inside {
    pub(super) ctx: Context,
    pub(super) settings: Settings,
    /// This node's name: the same after a restart, so that it finds its calls again.
    pub(super) node: String,
    /// Calls hosted here. A call leaves when it is over.
    pub(super) hosted: Guarded<HashMap<CallId, Arc<Mutex<Option<Hosted>>>>>,
    /// When hosted calls want to be woken.
    alarms: Guarded<BTreeMap<CallId, Timestamp>>,
    alarm_changed: Notify,
    is_draining: std::sync::atomic::AtomicBool,
    pub(super) polls: super::presence::Polls,
    pub(super) couriers: super::courier::Couriers,
}

/// A command that was done here.
pub(super) struct Done {
    pub(super) answer: Answer,
    /// Brings the media processor's answer to the offer that it sent on its way.
    pub(super) waiting: Option<oneshot::Receiver<Told>>,
}

impl Switchboard {
    /// Opens the switchboard of a node.
    ///
    /// `node`: letters, digits and dashes; the same name after a restart and no other node's. Takes back the calls that this node had, and
    /// begins to serve; whatever it starts in the background ends with the runtime.
    pub async fn open(ctx: Context, node: String, settings: Settings) -> Result<Switchboard> {
        let board = Switchboard(Arc::new(Inside {
            ctx,
            settings,
            node,
            hosted: Guarded::default(),
            alarms: Guarded::default(),
            alarm_changed: Notify::new(),
            is_draining: false.into(),
            polls: super::presence::Polls::default(),
            couriers: super::courier::Couriers::default(),
        }));
        endpoints::node_restarted(&board.0.ctx, &board.0.node).await?;
        board.renew_claim().await?;
        board.serve_others().await?;
        board.open_couriers().await?;
        board.adopt_orphans().await?;
        tokio::spawn(board.clone().keep_claim());
        tokio::spawn(board.clone().keep_time());
        Ok(board)
    }

    /// The context that calls run in.
    pub fn context(&self) -> &Context {
        &self.0.ctx
    }

    /// Takes no new calls from now on; living ones go on.
    pub fn drain(&self) {
        self.0.is_draining.store(true, std::sync::atomic::Ordering::Relaxed);
    }

    /// How many calls this node hosts.
    pub fn hosted(&self) -> usize {
        lock(&self.0.hosted).len()
    }

    pub(super) fn is_hosted(&self, call: CallId) -> bool {
        lock(&self.0.hosted).contains_key(&call)
    }

    pub(super) fn is_draining(&self) -> bool {
        self.0.is_draining.load(std::sync::atomic::Ordering::Relaxed)
    }

    /// Does what a client wants done in a call. Gives whether it was new.
    ///
    /// # Errors
    /// `NotFound` when there is no such call or the caller is not in it (the two look alike on purpose); `Gone` when it is over
    /// for this device; `Invalid` when a signal is malformed.
    pub async fn signal(
        &self,
        identity: &Identity,
        call: CallId,
        endpoint: EndpointId,
        request: String,
        signals: Vec<Signal>,
    ) -> Result<bool> {
        super::start::checked_request(&request)?;
        if signals.is_empty() || signals.len() > 32 {
            return Err(Error::validation("signals", "A request has 1 to 32 signals."));
        }
        let signals = self.fill_targets(endpoint, signals).await?;
        let mut targets = Vec::new();
        for signal in &signals {
            if let Signal::AddParticipant { identity, .. } = signal {
                targets.push(self.target(identity, endpoint, &centrale_calls::Origin::Dialled).await?);
            }
        }
        let what = What::Signals { identity: identity.clone(), endpoint, request, signals, targets };
        match self.command(Command { call, what }).await? {
            Answer::Taken { fresh } => Ok(fresh),
            _ => Err(Error::bug("a signal got an answer of another kind")),
        }
    }

    /// Fills in the other side of the call that a consultative transfer leads to.
    async fn fill_targets(&self, endpoint: EndpointId, mut signals: Vec<Signal>) -> Result<Vec<Signal>> {
        for signal in &mut signals {
            let Signal::Transfer { target: wire::TransferTarget::Call { call_id, identity } } = signal else {
                continue;
            };
            let views = self.views(endpoint).await?;
            *identity = views
                .into_iter()
                .find(|view| view.call_id == *call_id)
                .and_then(|view| view.participants.into_iter().next())
                .map(|participant| participant.identity);
        }
        Ok(signals)
    }

    /// Who asked this user for a transfer in a call, and where it should lead; `None` when nobody did.
    pub(super) async fn transfer_asked(
        &self,
        identity: &Identity,
        call: CallId,
        transfer: u32,
    ) -> Result<Option<(Identity, wire::TransferTarget)>> {
        let what = What::TransferAsked { identity: identity.clone(), transfer };
        match self.command(Command { call, what }).await? {
            Answer::Transfer(asked) => Ok(asked),
            _ => Err(Error::bug("a question about a transfer got an answer of another kind")),
        }
    }

    /// The calls in which an endpoint has a living leg, as it sees them.
    pub async fn views(&self, endpoint: EndpointId) -> Result<Vec<CallView>> {
        let mut views = Vec::new();
        for call in ledger::calls_of_endpoint(self.0.ctx.store.as_ref(), endpoint).await? {
            match self.command(Command { call, what: What::View { endpoint } }).await {
                Ok(Answer::View(Some(view))) => views.push(*view),
                Ok(_) => {}
                Err(error) => tracing::warn!(%call, %error, "a call could not be shown to its client"),
            }
        }
        Ok(views)
    }

    /// Has a command done by whoever owns the call.
    pub(super) async fn command(&self, command: Command) -> Result<Answer> {
        // Twice at most: when the owner changed between looking and asking, the second look finds the new one.
        for _ in 0..2 {
            if let Some(done) = self.do_here(&command).await? {
                return self.complete(&command, done).await?.into_result();
            }
            let Some(row) = ledger::find(self.0.ctx.store.as_ref(), command.call).await? else {
                return Err(no_call());
            };
            if row.is_over {
                return Err(Error::gone("The call is over."));
            }
            if row.owner == self.0.node {
                self.load(command.call, &row).await?;
                continue;
            }
            match self.ask_owner(&row.owner, &command).await {
                Ok(Answer::Elsewhere) => {}
                Ok(answer) => return answer.into_result(),
                Err(BusError::NoOne) if self.is_dead(&row.owner).await? => self.adopt(command.call, &row).await?,
                Err(error) => return Err(Error::unavailable(format!("the call's owner does not answer: {error}"))),
            }
        }
        Err(Error::unavailable("the call's owner changes too often"))
    }

    /// Does a command when the call is hosted here; `None` when it is not.
    pub(super) async fn command_here(&self, command: &Command) -> Result<Option<Answer>> {
        Ok(self.do_here(command).await?.map(|done| done.answer))
    }

    pub(super) async fn do_here(&self, command: &Command) -> Result<Option<Done>> {
        let Some(slot) = lock(&self.0.hosted).get(&command.call).cloned() else { return Ok(None) };
        let mut held = slot.lock().await;
        let Some(hosted) = held.as_ref() else { return Ok(None) };
        let now = self.0.ctx.now();
        // Work on a copy: what could not be kept has not happened.
        let mut next = hosted.clone();
        let work = match perform(&mut next, &self.0.ctx, &command.what) {
            Ok(work) => work,
            Err(error) => return Ok(Some(Done { answer: Answer::refusing(&error), waiting: None })),
        };
        if work.must_keep || !work.outputs.is_empty() || !work.notes.is_empty() {
            self.keep(&mut held, next, &work, now).await?;
        } else if work.is_changed {
            *held = Some(next);
            self.arm(command.call, held.as_ref());
        }
        let waiting = match work.answer {
            Answer::Offered { place, epoch } => Some(self.await_answer(command.call, place, epoch)),
            _ => None,
        };
        // While the call is still held, so that orders go in the order of the steps.
        self.follow_up(command.call, work.outputs);
        drop(held);
        Ok(Some(Done { answer: work.answer, waiting }))
    }

    /// Waits for what a command done here still needs: the media processor's answer to an offer.
    pub(super) async fn complete(&self, command: &Command, done: Done) -> Result<Answer> {
        let Done { answer, waiting: Some(waiting) } = done else { return Ok(done.answer) };
        let (What::Join(join), Answer::Offered { place, epoch }) = (&command.what, answer) else {
            return Err(Error::bug("only who joins waits for an answer"));
        };
        let sdp = self.answer_to((command.call, place, epoch), waiting).await?;
        let (answer, view) = self.joined(command.call, join.endpoint, sdp, epoch).await?;
        Ok(Answer::Joined { answer, view: Box::new(view) })
    }

    /// Keeps one step: the rows, then the machine, then the bells.
    async fn keep(&self, held: &mut Option<Hosted>, next: Hosted, work: &Work, now: Timestamp) -> Result<()> {
        let call = next.call.id();
        let step = Step { hosted: &next, outputs: &work.outputs, notes: &work.notes, now, node: &self.0.node };
        let bells = match ledger::keep(&self.0.ctx, &step).await {
            Ok(bells) => bells,
            Err(error) => {
                if error.kind() == crate::Kind::Gone {
                    self.evict(call, held);
                    self.dismiss_courier(call);
                }
                return Err(error);
            }
        };
        if next.call.is_over().is_some() {
            self.evict(call, held);
        } else {
            *held = Some(next);
            self.arm(call, held.as_ref());
        }
        for (stream, number) in bells {
            events::ring(&self.0.ctx, &stream, number).await;
        }
        Ok(())
    }

    /// Hosts a call that was just made, and does its first step.
    pub(super) async fn host_new(&self, mut hosted: Hosted, start: Input) -> Result<()> {
        let now = self.0.ctx.now();
        let mut work = Work::new(Answer::Done);
        hosted.step(start, now, &mut work.outputs);
        let slot = Arc::new(Mutex::new(None));
        lock(&self.0.hosted).insert(hosted.call.id(), slot.clone());
        let mut held = slot.lock().await;
        let call = hosted.call.id();
        let kept = self.keep(&mut held, hosted, &work, now).await;
        match &kept {
            Ok(()) => self.follow_up(call, work.outputs),
            Err(_) => self.evict(call, &mut held),
        }
        kept
    }

    /// Orders go to the conference. Changes that follow for other calls are made on their own: two calls must not wait for each other.
    pub(super) fn follow_up(&self, call: CallId, outputs: Vec<Output>) {
        for output in outputs {
            let change = match output {
                Output::Change(change) => change,
                Output::Order(order) => {
                    self.send_order(call, order);
                    continue;
                }
                Output::Tell(..) | Output::Record(_) => continue,
            };
            let board = self.clone();
            let (call, input) = match change {
                Change::TransferProgress { call, transfer, outcome } => {
                    (call, Input::TransferProgress { transfer, outcome })
                }
                Change::Replaced { call } => (call, Input::Replaced),
            };
            tokio::spawn(async move { board.tell_call(call, input).await });
        }
    }

    pub(super) async fn tell_call(&self, call: CallId, input: Input) {
        let done: std::pin::Pin<Box<dyn Future<Output = Result<Answer>> + Send>> =
            Box::pin(self.command(Command { call, what: What::Input(input) }));
        if let Err(error) = done.await {
            tracing::debug!(%call, %error, "a call could not be told of a change");
        }
    }

    /// Wakes calls when their deadlines come.
    async fn keep_time(self) {
        loop {
            let next = lock(&self.0.alarms).values().min().copied();
            let wait = match next {
                Some(at) => at.since(self.0.ctx.now()),
                None => Duration::from_secs(3600),
            };
            tokio::select! {
                () = tokio::time::sleep(wait) => self.tick().await,
                () = self.0.alarm_changed.notified() => {}
            }
        }
    }

    /// Wakes the calls whose deadlines have come.
    pub async fn tick(&self) {
        let now = self.0.ctx.now();
        let due: Vec<CallId> =
            lock(&self.0.alarms).iter().filter(|(_, at)| **at <= now).map(|(call, _)| *call).collect();
        for call in due {
            lock(&self.0.alarms).remove(&call);
            if let Err(error) = self.command_here(&Command { call, what: What::Input(Input::Tick) }).await {
                tracing::warn!(%call, %error, "a call's deadline could not be kept; trying again in a second");
                lock(&self.0.alarms).insert(call, now.plus(Duration::from_secs(1)));
            }
        }
    }

    pub(super) fn arm(&self, call: CallId, hosted: Option<&Hosted>) {
        match hosted.and_then(Hosted::wakes_at) {
            Some(at) => lock(&self.0.alarms).insert(call, at),
            None => lock(&self.0.alarms).remove(&call),
        };
        self.note_seat(call, hosted.and_then(|hosted| hosted.media_node.as_ref()));
        self.0.alarm_changed.notify_one();
    }

    fn evict(&self, call: CallId, held: &mut Option<Hosted>) {
        *held = None;
        lock(&self.0.hosted).remove(&call);
        lock(&self.0.alarms).remove(&call);
        self.note_seat(call, None);
    }
}

pub(super) fn no_call() -> Error {
    Error::not_found("There is no such call, or this device is not in it.")
}

/// A lock whose holder panicked guards data that is replaced whole, never left half changed.
pub(super) fn lock<T>(guarded: &Guarded<T>) -> std::sync::MutexGuard<'_, T> {
    guarded.lock().unwrap_or_else(PoisonError::into_inner)
}
