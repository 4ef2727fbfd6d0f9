//! One thread of the media room: its sockets, its machine, its loop.

use std::any::Any;
use std::collections::BTreeMap;
use std::io;
use std::net::{SocketAddr, UdpSocket};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::sync::mpsc::{Receiver, Sender, TryRecvError};
use std::time::{Duration, Instant};

use centrale_exchange::{Chance, SystemChance};
use centrale_media::{Command, ConferenceId, Event, Job, Settings, Sfu, Stats};
use centrale_model::Time;
use tokio::sync::oneshot;

use super::handle::{Gauge, Heard, MediaStats, Mouth, Told, sum};
use super::outgoing::Outgoing;
use super::studio::{Order, Studio};
use crate::packets::arriving::{Arriving, Turn};
use crate::packets::ready::{Events, Ready, Waker};
use crate::packets::udp::Received;

/// A received datagram, or a run of them that the kernel put together.
const SLOT: usize = 65_536;
/// Receives from one socket before what came is sent. Higher: longer runs to each receiver; lower: less delay under load.
const MOST: usize = 64;
/// How often the worker looks at itself: how busy it is, and whether runs are to be tried again.
const LOOK: Duration = Duration::from_secs(1);
/// How often it looks whether conferences that nobody closed are empty.
const SWEEP: Duration = Duration::from_secs(30);
/// A mix that takes longer than this is made in the studio the next time. Higher: packets wait longer for mixes; lower: mixes wait more often
/// for a thread to wake.
const QUICK: Duration = Duration::from_millis(2);
/// The token of commands; sockets are numbered from zero.
const INBOX: u64 = u64::MAX;

/// A socket.
struct Door {
    arriving: Arriving,
    turn: Turn,
    is_v4: bool,
}

/// A worker's ways to everybody else.
pub(super) struct Ways {
    pub(super) inbox: Receiver<Told>,
    /// Into the own inbox.
    pub(super) back: Sender<Told>,
    pub(super) mouth: Mouth,
    pub(super) gauge: Arc<Gauge>,
    pub(super) studio: Studio,
}

pub(super) struct Worker {
    settings: Settings,
    sfu: Sfu,
    /// How many machines there were before this one.
    machine: u64,
    /// What the latest mix took.
    mix_took: Duration,
    doors: Vec<Door>,
    outgoing: Outgoing,
    ready: Ready,
    ways: Ways,
    zero: Instant,
    buffer: Vec<u8>,
    /// Conferences of which commands came, with the latest one's number.
    known: BTreeMap<ConferenceId, u64>,
    /// Counters, but for what the machine and the sockets count themselves.
    stats: MediaStats,
    /// What earlier machines counted.
    before: Stats,
    next_look: Time,
    next_sweep: Time,
    /// The thread's processor time and the moment when it was last looked at.
    looked: (Duration, Time),
    is_stopping: bool,
}

impl Worker {
    pub(super) fn new(settings: Settings, sockets: Vec<UdpSocket>, ways: Ways, zero: Instant) -> io::Result<Worker> {
        let ready = Ready::new(INBOX)?;
        let mut doors = Vec::new();
        for (at, socket) in sockets.into_iter().enumerate() {
            ready.watch(&socket, at as u64)?;
            let is_v4 = socket.local_addr()?.is_ipv4();
            doors.push(Door { arriving: Arriving::in_runs(socket)?, turn: Turn::default(), is_v4 });
        }
        Ok(Worker {
            sfu: Sfu::new(settings.clone()),
            settings,
            machine: 0,
            mix_took: Duration::ZERO,
            doors,
            outgoing: Outgoing::default(),
            ready,
            ways,
            zero,
            buffer: vec![0; SLOT],
            known: BTreeMap::new(),
            stats: MediaStats::default(),
            before: Stats::default(),
            next_look: Time::ZERO,
            next_sweep: Time::ZERO,
            looked: (Duration::ZERO, Time::ZERO),
            is_stopping: false,
        })
    }

    pub(super) fn waker(&self) -> Arc<Waker> {
        self.ready.waker().clone()
    }

    /// Runs until told to stop.
    pub(super) fn run(&mut self) {
        let mut events = Events::new();
        let mut now = self.time(Instant::now());
        while !self.is_stopping {
            match self.ready.wait(&mut events, self.patience(now)) {
                Ok(moment) => now = self.time(moment),
                Err(error) => {
                    tracing::error!(%error, "a media worker lost its poll and ends");
                    break;
                }
            }
            // Sockets, inbox and counters are whole at any moment; the machine, which may not be, is thrown away.
            if let Err(panic) = catch_unwind(AssertUnwindSafe(|| self.turn(&events, now))) {
                self.begin_anew(&*panic);
            }
        }
        let farewell = catch_unwind(AssertUnwindSafe(|| self.close_all(now)));
        if let Err(panic) = farewell {
            tracing::error!(what = words(&*panic), "a media worker panicked while it ended");
        }
    }

    /// One turn: 1. what arrived is handed in, 2. commands, 3. deadlines and what they make due, 4. everything is sent, 5. events are told.
    fn turn(&mut self, events: &Events, now: Time) {
        let mut is_told = false;
        for at in 0..events.count() {
            match events.at(at).token {
                INBOX => is_told = true,
                door => self.receive(door as usize, now),
            }
        }
        if is_told {
            self.obey(now);
        }
        if self.sfu.timeout().is_some_and(|(at, _)| at <= now) {
            self.sfu.handle_timeout(now);
        }
        self.work(now);
        self.send(now);
        self.tell();
        if self.next_look <= now {
            self.look(now);
        }
    }

    /// How long there is nothing to do.
    fn patience(&self, now: Time) -> Option<Duration> {
        let machine = self.sfu.timeout().map(|(at, _)| at);
        // With nobody there, there is nothing to look at.
        let look = (self.sfu.peers() > 0 || !self.known.is_empty()).then_some(self.next_look);
        let at = [machine, look].into_iter().flatten().min()?;
        Some(at.since(now))
    }

    fn receive(&mut self, door: usize, now: Time) {
        let Some(Door { arriving, turn, .. }) = self.doors.get_mut(door) else { return };
        let (mut got, mut datagrams) = (0, 0);
        while got < turn.length() {
            let Some(received) = arriving.receive(&mut self.buffer) else { break };
            got += 1;
            let Received { length, stride, from, .. } = received;
            for datagram in self.buffer[..length].chunks_mut(stride.max(1)) {
                self.sfu.datagram(from, datagram, now);
                datagrams += 1;
            }
        }
        turn.learn(got, MOST);
        self.ready.note(got);
        self.stats.datagrams += datagrams;
    }

    /// Mixes and composes what is due: what is quick here, everything else in the studio.
    fn work(&mut self, now: Time) {
        while let Some(mut job) = self.sfu.job() {
            if job.is_heavy() || self.mix_took > QUICK {
                let order = Order {
                    job,
                    now,
                    machine: self.machine,
                    back: self.ways.back.clone(),
                    waker: self.ready.waker().clone(),
                };
                match self.ways.studio.take(order) {
                    Ok(()) => continue,
                    Err(refused) => job = refused.job,
                }
            }
            let begin = thread_time();
            job.run(now);
            self.done(job, thread_time().saturating_sub(begin), now);
        }
    }

    fn done(&mut self, job: Job, took: Duration, now: Time) {
        if !job.is_heavy() {
            self.mix_took = took;
        }
        self.sfu.done(job, took, now);
    }

    fn send(&mut self, now: Time) {
        let Worker { sfu, doors, outgoing, .. } = self;
        sfu.transmits(now, |to: SocketAddr, bytes, segment| {
            if let Some(door) = doors.iter().find(|door| door.is_v4 == to.is_ipv4()) {
                outgoing.send(&door.arriving.socket, to, bytes, segment);
            }
        });
    }

    fn tell(&mut self) {
        while let Some(event) = self.sfu.poll() {
            self.ways.mouth.say(Heard::Event(event));
        }
    }

    fn obey(&mut self, now: Time) {
        self.ready.waker().hush();
        loop {
            match self.ways.inbox.try_recv() {
                Ok(Told::Command { command, number, answer }) => self.command(command, number, answer, now),
                Ok(Told::Done { job, took, machine }) => {
                    // What a machine that is gone had given away is of no use to this one.
                    if machine == self.machine {
                        self.done(*job, took, now);
                    }
                }
                Ok(Told::Broken { what, machine }) => {
                    if machine == self.machine {
                        std::panic::resume_unwind(Box::new(what));
                    }
                }
                Ok(Told::Stats(answer)) => {
                    // Nobody may be waiting any more; that is theirs to know.
                    let _ = answer.try_send(self.stats());
                }
                Ok(Told::Stop) | Err(TryRecvError::Disconnected) => {
                    self.is_stopping = true;
                    return;
                }
                #[cfg(test)]
                Ok(Told::Break) => panic!("told to"),
                Err(TryRecvError::Empty) => return,
            }
        }
    }

    fn command(&mut self, command: Command, number: u64, answer: oneshot::Sender<Option<Event>>, now: Time) {
        if self.known.is_empty() {
            self.next_sweep = now + SWEEP;
        }
        self.known.insert(super::handle::conference_of(&command), number);
        self.tell();
        self.sfu.command(command, now);
        let mut said = None;
        while let Some(event) = self.sfu.poll() {
            match event {
                Event::Answered { .. } | Event::Refused { .. } | Event::Summary { .. } => said = Some(event),
                other => self.ways.mouth.say(Heard::Event(other)),
            }
        }
        // An asker that no longer waits asks again.
        let _ = answer.send(said);
        self.ways.gauge.peers.store(self.sfu.peers(), Ordering::Relaxed);
    }

    fn look(&mut self, now: Time) {
        self.next_look = now + LOOK;
        self.outgoing.forgive();
        let cpu = thread_time();
        let (cpu_before, before) = std::mem::replace(&mut self.looked, (cpu, now));
        let span = now.since(before).as_micros().max(1);
        let busy = cpu.saturating_sub(cpu_before).as_micros() * 1000 / span;
        self.ways.gauge.busy.store(busy.min(1000) as usize, Ordering::Relaxed);
        self.ways.gauge.peers.store(self.sfu.peers(), Ordering::Relaxed);
        if self.next_sweep <= now {
            self.next_sweep = now + SWEEP;
            self.sweep(now);
        }
    }

    /// Tells of conferences that are empty, so that they can be forgotten.
    fn sweep(&mut self, now: Time) {
        for (conference, latest) in std::mem::take(&mut self.known) {
            self.sfu.command(Command::Ask { conference }, now);
            let mut is_here = true;
            while let Some(event) = self.sfu.poll() {
                match event {
                    Event::Summary { summary, .. } => is_here = summary.is_some(),
                    other => self.ways.mouth.say(Heard::Event(other)),
                }
            }
            if is_here {
                self.known.insert(conference, latest);
            } else {
                self.ways.mouth.say(Heard::Empty { conference, latest });
            }
        }
    }

    /// Throws the machine away after a panic and takes a new one.
    fn begin_anew(&mut self, panic: &(dyn Any + Send)) {
        tracing::error!(
            what = words(panic),
            conferences = self.known.len(),
            "a media worker panicked: its conferences are lost"
        );
        self.stats.panics += 1;
        self.before = sum(&self.before, &self.sfu.stats());
        SystemChance::new().fill(&mut self.settings.seed);
        self.sfu = Sfu::new(self.settings.clone());
        self.machine += 1;
        for conference in self.known.keys() {
            self.stats.lost_conferences += 1;
            self.ways.mouth.say(Heard::Event(Event::Lost { conference: *conference }));
        }
        // Whatever was told meanwhile and not yet heard.
        if let Err(error) = self.ready.waker().wake() {
            tracing::warn!(%error, "a media worker could not be woken");
        }
    }

    fn close_all(&mut self, now: Time) {
        for conference in std::mem::take(&mut self.known).into_keys() {
            self.sfu.command(Command::Close { conference }, now);
        }
        self.send(now);
        while self.sfu.poll().is_some() {}
    }

    fn stats(&self) -> MediaStats {
        MediaStats {
            sfu: sum(&self.before, &self.sfu.stats()),
            sent: self.outgoing.sent,
            runs: self.outgoing.runs,
            failed_sends: self.outgoing.failed,
            peers: self.sfu.peers() as u64,
            ..self.stats
        }
    }

    fn time(&self, moment: Instant) -> Time {
        Time::from_nanos(u64::try_from(moment.duration_since(self.zero).as_nanos()).unwrap_or(u64::MAX))
    }
}

/// Processor time that this thread has used.
pub(super) fn thread_time() -> Duration {
    let time = rustix::time::clock_gettime(rustix::time::ClockId::ThreadCPUTime);
    Duration::new(u64::try_from(time.tv_sec).unwrap_or(0), u32::try_from(time.tv_nsec).unwrap_or(0))
}

/// What a panic said.
pub(super) fn words(panic: &(dyn Any + Send)) -> &str {
    panic
        .downcast_ref::<String>()
        .map(String::as_str)
        .or_else(|| panic.downcast_ref::<&str>().copied())
        .unwrap_or("without words")
}
