//! The door: start, command, listen, watch, drain, stop.

use std::io;
use std::net::{SocketAddr, UdpSocket};
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::sync::mpsc::{Sender, SyncSender, channel, sync_channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use centrale_exchange::{Chance, SystemChance};
use centrale_media::peer::Host;
use centrale_media::{Command, ConferenceId, Event, Job, RefusedBecause, Settings, Stats};
use tokio::sync::{mpsc, oneshot};

use super::config::MediaConfig;
use super::seats::Seats;
use super::studio::Studio;
use super::worker::{Ways, Worker};
use crate::packets::listen;
use crate::packets::ready::Waker;

/// Events that wait to be told. Full: what comes is lost and counted; whoever owns the call asks and makes it good.
const EVENTS: usize = 8192;

/// Ports that are tried when one is to be picked that is free in both families.
const PICKS: usize = 16;

/// Seconds from 1900, where NTP counts from, to 1970.
const NTP_TO_UNIX: u64 = 2_208_988_800;

/// What workers say of their own accord.
#[derive(Debug)]
pub(crate) enum Heard {
    /// For the exchange.
    Event(Event),
    /// A conference was found empty after the command of this number.
    Empty {
        /// Which.
        conference: ConferenceId,
        /// The latest command about it that the worker knows of.
        latest: u64,
    },
}

/// What a worker is told between turns.
pub(super) enum Told {
    Command {
        command: Command,
        number: u64,
        answer: oneshot::Sender<Option<Event>>,
    },
    /// A piece of work came back from the studio.
    Done {
        job: Box<Job>,
        took: Duration,
        machine: u64,
    },
    /// A piece of work panicked there.
    Broken {
        what: String,
        machine: u64,
    },
    Stats(SyncSender<MediaStats>),
    Stop,
    /// Breaks the worker's machine, so that it can be seen what becomes of the others.
    #[cfg(test)]
    Break,
}

/// How much a node has to do.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(crate) struct Load {
    /// 0 to 1: the busiest worker's, of processor time and of peer connections.
    pub load: f64,
    /// Peer connections.
    pub peers: usize,
    /// Conferences.
    pub conferences: usize,
}

/// Counters of all workers together.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct MediaStats {
    /// The machines' counters.
    pub sfu: Stats,
    /// Datagrams received.
    pub datagrams: u64,
    /// Datagrams sent.
    pub sent: u64,
    /// Sends that carried a run of datagrams.
    pub runs: u64,
    /// Datagrams that the kernel would not take.
    pub failed_sends: u64,
    /// Times that a worker panicked and began anew.
    pub panics: u64,
    /// Conferences lost by that.
    pub lost_conferences: u64,
    /// Peer connections there are.
    pub peers: u64,
    /// Conferences there are.
    pub conferences: u64,
    /// Events that found their queue full.
    pub lost_events: u64,
}

/// What a worker shows while it runs.
#[derive(Default)]
pub(super) struct Gauge {
    pub(super) peers: AtomicUsize,
    /// Processor time of the thread in the last second or so, in thousandths.
    pub(super) busy: AtomicUsize,
}

/// The way of workers' words to whoever listens.
#[derive(Clone)]
pub(super) struct Mouth {
    heard: mpsc::Sender<Heard>,
    lost: Arc<AtomicU64>,
}

impl Mouth {
    pub(super) fn say(&self, heard: Heard) {
        if self.heard.try_send(heard).is_err() {
            self.lost.fetch_add(1, Ordering::Relaxed);
        }
    }
}

struct Reins {
    inbox: Sender<Told>,
    waker: Arc<Waker>,
    gauge: Arc<Gauge>,
}

/// The running workers. Dropping it stops them.
pub(crate) struct MediaHandle {
    addresses: Vec<SocketAddr>,
    reins: Vec<Reins>,
    threads: Mutex<Vec<JoinHandle<()>>>,
    seats: Mutex<Seats>,
    is_draining: AtomicBool,
    max_peers: usize,
    lost_events: Arc<AtomicU64>,
}

/// Opens every socket and starts the workers.
///
/// Gives the handle and what the workers say of their own accord.
///
/// # Errors
/// Whatever kept a socket from opening.
pub(crate) fn start(config: &MediaConfig) -> io::Result<(MediaHandle, mpsc::Receiver<Heard>)> {
    let count = match config.workers {
        0 => std::thread::available_parallelism().map_or(1, usize::from),
        workers => workers,
    };
    let mut sockets = Vec::new();
    for number in 0..count {
        sockets.push(open(&config.listen, number)?);
    }
    let (heard, hearing) = mpsc::channel(EVENTS);
    let mouth = Mouth { heard, lost: Arc::default() };
    let chance = SystemChance::new();
    let zero = Instant::now();
    let ntp_at_zero = ntp(SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default());
    let mut handle = MediaHandle {
        addresses: Vec::new(),
        reins: Vec::new(),
        threads: Mutex::default(),
        seats: Mutex::default(),
        is_draining: AtomicBool::new(false),
        max_peers: config.max_peers,
        lost_events: mouth.lost.clone(),
    };
    let studio = Studio::open(count)?;
    let mut threads = Vec::new();
    for (number, sockets) in sockets.into_iter().enumerate() {
        let own: Vec<SocketAddr> = sockets.iter().map(UdpSocket::local_addr).collect::<io::Result<_>>()?;
        let candidates = candidates(config, &own);
        handle.addresses.extend(own);
        let mut seed = [0; 32];
        chance.fill(&mut seed);
        let mut settings = Settings::new(Arc::new(Host::new(candidates, zero)), seed, ntp_at_zero);
        settings.max_participants = config.max_participants;
        settings.max_peers = config.max_peers;
        let (sender, inbox) = channel();
        let gauge = Arc::new(Gauge::default());
        let ways =
            Ways { inbox, back: sender.clone(), mouth: mouth.clone(), gauge: gauge.clone(), studio: studio.clone() };
        let mut worker = Worker::new(settings, sockets, ways, zero)?;
        handle.reins.push(Reins { inbox: sender, waker: worker.waker(), gauge });
        threads.push(std::thread::Builder::new().name(format!("media-{number}")).spawn(move || worker.run())?);
    }
    *lock(&handle.threads) = threads;
    Ok((handle, hearing))
}

/// The wall clock in NTP's format (RFC 5905 §6).
fn ntp(since_1970: Duration) -> u64 {
    let seconds = since_1970.as_secs().wrapping_add(NTP_TO_UNIX);
    let fraction = (u64::from(since_1970.subsec_nanos()) << 32) / 1_000_000_000;
    seconds << 32 | fraction
}

/// Opens one worker's sockets: of each family one, all with one port.
fn open(listen: &[SocketAddr], number: usize) -> io::Result<Vec<UdpSocket>> {
    let told = |address: SocketAddr, error: io::Error| io::Error::new(error.kind(), format!("{address}: {error}"));
    for pick in 1.. {
        let mut port = None;
        let mut sockets = Vec::new();
        let mut refused = None;
        for address in listen {
            let wanted = match (address.port(), port) {
                (0, None) => 0,
                (0, Some(port)) => port,
                (first, _) => {
                    u16::try_from(usize::from(first) + number).map_err(|_| io::ErrorKind::AddrNotAvailable)?
                }
            };
            let address = SocketAddr::new(address.ip(), wanted);
            match listen::alone(address) {
                Ok(socket) => {
                    port = Some(socket.local_addr()?.port());
                    sockets.push(socket);
                }
                Err(error) => {
                    refused = Some((address, error));
                    break;
                }
            }
        }
        match refused {
            None => return Ok(sockets),
            // The port that one family had free was taken in the other.
            Some((_, error)) if is_picked(listen) && error.kind() == io::ErrorKind::AddrInUse && pick < PICKS => {}
            Some((address, error)) => return Err(told(address, error)),
        }
    }
    Err(io::ErrorKind::AddrInUse.into())
}

fn is_picked(listen: &[SocketAddr]) -> bool {
    listen.iter().all(|address| address.port() == 0)
}

/// Where a worker with these sockets is reached from outside.
fn candidates(config: &MediaConfig, own: &[SocketAddr]) -> Vec<SocketAddr> {
    let with_port = |ip: &std::net::IpAddr| {
        let socket = own.iter().find(|socket| socket.is_ipv4() == ip.is_ipv4())?;
        Some(SocketAddr::new(*ip, socket.port()))
    };
    let found: Vec<SocketAddr> = config.advertised.iter().filter_map(with_port).collect();
    // Nothing that was chosen fits the sockets: better their own addresses than none.
    if found.is_empty() { own.iter().copied().filter(|own| !own.ip().is_unspecified()).collect() } else { found }
}

impl MediaHandle {
    /// Where media arrives, with the ports that were picked: the first worker's first.
    pub(crate) fn addresses(&self) -> &[SocketAddr] {
        &self.addresses
    }

    /// Hands a command to the worker that has the conference; a join of one that is nowhere goes to the worker with the fewest peers.
    ///
    /// Commands of one caller arrive in the order in which this is called. Gives, later, the answer of a join, a description or
    /// a question; nothing for other commands.
    pub(crate) fn command(&self, command: Command) -> impl Future<Output = Option<Event>> + Send + 'static {
        let (answer, answered) = oneshot::channel();
        let refusal = refusal(&command, self.is_draining.load(Ordering::Relaxed));
        let conference = conference_of(&command);
        let may_begin = matches!(command, Command::Join { .. }) && !self.is_draining.load(Ordering::Relaxed);
        let place = lock(&self.seats).seat(conference, |count| {
            let has = |worker: usize| (self.reins[worker].gauge.peers.load(Ordering::Relaxed), count(worker));
            may_begin.then(|| (0..self.reins.len()).min_by_key(|worker| has(*worker)))?
        });
        let is_told =
            place.is_some_and(|(worker, number)| self.tell(worker, Told::Command { command, number, answer }));
        async move {
            if !is_told {
                return refusal;
            }
            answered.await.ok().flatten()
        }
    }

    /// A worker said that a conference is empty.
    pub(crate) fn forget(&self, conference: ConferenceId, latest: u64) {
        lock(&self.seats).forget(conference, latest);
    }

    /// Takes no new conferences from now on; people may still join those that are here.
    pub(crate) fn drain(&self) {
        self.is_draining.store(true, Ordering::Relaxed);
    }

    /// Whether new conferences are refused.
    pub(crate) fn is_draining(&self) -> bool {
        self.is_draining.load(Ordering::Relaxed)
    }

    /// How much there is to do.
    pub(crate) fn load(&self) -> Load {
        let mut load = Load { conferences: lock(&self.seats).len(), ..Load::default() };
        for reins in &self.reins {
            let peers = reins.gauge.peers.load(Ordering::Relaxed);
            let busy = reins.gauge.busy.load(Ordering::Relaxed) as f64 / 1000.0;
            load.peers += peers;
            load.load = load.load.max(busy).max(peers as f64 / self.max_peers.max(1) as f64).min(1.0);
        }
        load
    }

    /// Counters of all workers together. Waits for the workers, at most a fifth of a second for each.
    pub(crate) fn stats(&self) -> MediaStats {
        let mut sum = MediaStats {
            lost_events: self.lost_events.load(Ordering::Relaxed),
            conferences: lock(&self.seats).len() as u64,
            ..MediaStats::default()
        };
        for worker in 0..self.reins.len() {
            let (answer, question) = sync_channel(1);
            self.tell(worker, Told::Stats(answer));
            let Ok(stats) = question.recv_timeout(Duration::from_millis(200)) else { continue };
            sum.add(&stats);
        }
        sum
    }

    /// Ends every peer connection and waits for the workers.
    pub(crate) fn stop(&self) {
        for worker in 0..self.reins.len() {
            self.tell(worker, Told::Stop);
        }
        for thread in std::mem::take(&mut *lock(&self.threads)) {
            if thread.join().is_err() {
                tracing::error!("a media worker had panicked");
            }
        }
    }

    /// Tells a worker something; says whether it is there to hear it.
    pub(super) fn tell(&self, worker: usize, told: Told) -> bool {
        let Some(reins) = self.reins.get(worker) else { return false };
        if reins.inbox.send(told).is_err() {
            return false;
        }
        if let Err(error) = reins.waker.wake() {
            tracing::warn!(%error, "a media worker could not be woken");
        }
        true
    }
}

impl Drop for MediaHandle {
    fn drop(&mut self) {
        self.stop();
    }
}

impl MediaStats {
    fn add(&mut self, other: &MediaStats) {
        self.datagrams += other.datagrams;
        self.sent += other.sent;
        self.runs += other.runs;
        self.failed_sends += other.failed_sends;
        self.panics += other.panics;
        self.lost_conferences += other.lost_conferences;
        self.peers += other.peers;
        self.sfu = sum(&self.sfu, &other.sfu);
    }
}

/// Adds a machine's counters to others.
pub(super) fn sum(one: &Stats, other: &Stats) -> Stats {
    Stats {
        strangers: one.strangers + other.strangers,
        received: one.received + other.received,
        forbidden: one.forbidden + other.forbidden,
        forwarded: one.forwarded + other.forwarded,
        repeated: one.repeated + other.repeated,
        not_repeated: one.not_repeated + other.not_repeated,
        padding: one.padding + other.padding,
        paced: one.paced + other.paced,
        overdue: one.overdue + other.overdue,
    }
}

/// Which conference a command is about.
pub(super) fn conference_of(command: &Command) -> ConferenceId {
    match command {
        Command::Join { conference, .. }
        | Command::Describe { conference, .. }
        | Command::Leave { conference, .. }
        | Command::Allow { conference, .. }
        | Command::Receive { conference, .. }
        | Command::Spotlight { conference, .. }
        | Command::Hold { conference, .. }
        | Command::Close { conference }
        | Command::Ask { conference } => *conference,
    }
}

/// The answer to a command about a conference that no worker has.
fn refusal(command: &Command, is_draining: bool) -> Option<Event> {
    match *command {
        Command::Join { conference, participant, epoch, .. } => {
            let because = if is_draining { RefusedBecause::Full } else { RefusedBecause::Unknown };
            Some(Event::Refused { conference, participant, epoch, because })
        }
        Command::Describe { conference, participant, epoch, .. } => {
            Some(Event::Refused { conference, participant, epoch, because: RefusedBecause::Unknown })
        }
        Command::Ask { conference } => Some(Event::Summary { conference, summary: None }),
        Command::Leave { .. }
        | Command::Allow { .. }
        | Command::Receive { .. }
        | Command::Spotlight { .. }
        | Command::Hold { .. }
        | Command::Close { .. } => None,
    }
}

fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
