//! The door: start, watch, hand over, drain, stop.

use std::io;
use std::net::{SocketAddr, TcpStream};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::{Sender, SyncSender, channel, sync_channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;

use centrale_model::{Time, Timestamp};
use centrale_relay::{Config, Fact, Family, Stats};

use super::config::RelayConfig;
use super::listen;
use super::ready::Waker;
use super::worker::{Sockets, Terms, Worker};

/// Takes usage records and refusals. Called on a worker's thread: it must not wait. Push into a bounded channel and count what does not fit.
pub(super) type UsageSink = Arc<dyn Fn(Fact) + Send + Sync>;

/// The certificate in use; a lock that is taken once per TLS connection.
pub(super) type TlsConfig = Arc<Mutex<Option<Arc<rustls::ServerConfig>>>>;

/// Where clients can come, with the ports that were picked.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct RelayAddresses {
    pub udp: Vec<SocketAddr>,
    pub tcp: Vec<SocketAddr>,
    pub tls: Vec<SocketAddr>,
}

/// Counters of all workers together.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct RelayStats {
    /// The machines' counters.
    pub relay: Stats,
    /// The sockets' counters.
    pub shell: ShellStats,
    /// Allocations there are.
    pub allocations: u64,
}

/// What only the sockets know.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct ShellStats {
    /// TCP and TLS connections there are.
    pub connections: u64,
    /// Connections taken since the start.
    pub accepted: u64,
    /// Connections closed at once: too many in all or from one source.
    pub refused_connections: u64,
    /// Connections closed for their slowness: no handshake, no message, no allocation in time.
    pub timed_out: u64,
    /// Relayed messages dropped because a stream's reader is slow.
    pub dropped_slow_reader: u64,
    /// Datagrams that the kernel would not take.
    pub failed_sends: u64,
    /// Sends that carried a run of datagrams.
    pub runs: u64,
    /// Relayed addresses whose socket would not open.
    pub failed_opens: u64,
}

/// What a worker is told between batches.
pub(super) enum Command {
    Adopt {
        stream: TcpStream,
        tls: Option<Box<rustls::ServerConnection>>,
        first: Vec<u8>,
        peer: SocketAddr,
    },
    Drain(Vec<SocketAddr>),
    Revoke {
        user: String,
        until: Timestamp,
    },
    Stats(SyncSender<RelayStats>),
    /// The other workers.
    Neighbours(Vec<Reins>),
    /// Another worker lends one of our ports, or no longer does.
    LentElsewhere {
        family: Family,
        port: u16,
        is_lent: bool,
    },
    Stop,
}

/// How to reach a worker.
#[derive(Clone)]
pub(super) struct Reins {
    commands: Sender<Command>,
    waker: Arc<Waker>,
}

impl Reins {
    /// Tells a worker something; one that is gone takes no commands, which `stop` reports.
    pub(super) fn tell(&self, command: Command) {
        if self.commands.send(command).is_ok()
            && let Err(error) = self.waker.wake()
        {
            tracing::warn!(%error, "a relay worker could not be woken");
        }
    }
}

/// A running relay. Dropping it stops it.
pub(crate) struct RelayHandle {
    addresses: RelayAddresses,
    reins: Vec<Reins>,
    threads: Mutex<Vec<JoinHandle<()>>>,
    next: AtomicUsize,
}

/// Opens every socket and starts the workers.
///
/// - `sink`: takes usage records and refusals; called on the workers' threads, so it must not wait.
///
/// # Errors
/// Whatever kept a socket from opening.
pub(crate) fn start(config: RelayConfig, sink: impl Fn(Fact) + Send + Sync + 'static) -> io::Result<RelayHandle> {
    let count = match config.workers {
        0 => std::thread::available_parallelism().map_or(1, usize::from),
        workers => workers,
    };
    // A quarter for second sockets: what an allocation cannot do without comes first.
    let most_paired = usize::try_from(listen::raise_descriptors() / 4).unwrap_or(usize::MAX);
    let tls: TlsConfig = Arc::new(Mutex::new(config.tls_config.clone()));
    let mut addresses = RelayAddresses { udp: config.udp.clone(), tcp: config.tcp.clone(), tls: config.tls.clone() };
    if config.tls_config.is_none() {
        addresses.tls.clear();
    }
    // The first worker's sockets pick the ports; the others join them.
    let mut sockets = Vec::new();
    for _ in 0..count {
        let udp = open_all(&mut addresses.udp, listen::udp, |socket| socket.local_addr())?;
        let tcp = open_all(&mut addresses.tcp, listen::tcp, |socket| socket.local_addr())?;
        let tls = open_all(&mut addresses.tls, listen::tcp, |socket| socket.local_addr())?;
        sockets.push(Sockets { udp, tcp, tls });
    }
    let mut listeners = config.listeners.clone();
    for list in [&addresses.udp, &addresses.tcp, &addresses.tls] {
        listeners.extend(list);
    }
    let wall = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap_or_default();
    let wall_at_zero = Timestamp::from_millis(wall.as_millis() as i64);
    let zero = std::time::Instant::now();
    let sink: UsageSink = Arc::new(sink);
    let (first, last) = (u32::from(*config.ports.start()), u32::from(*config.ports.end()));
    // Shares begin at even ports, so that pairs are not cut.
    let share = ((last + 1).saturating_sub(first) / count as u32).max(2) & !1;
    let mut reins: Vec<Reins> = Vec::new();
    let mut threads = Vec::new();
    for (number, sockets) in sockets.into_iter().enumerate() {
        let begin = first + share * number as u32;
        let end = if number + 1 == count { last } else { begin + share - 1 };
        let machine = Config {
            realm: config.realm.clone(),
            secret: config.secret.clone(),
            seed: config.seed,
            instance: config.instance.wrapping_add(number as u64),
            wall_at_zero,
            relay_v4: config.relay_v4,
            relay_v6: config.relay_v6,
            ports: begin as u16..=end.min(last) as u16,
            node_ports: config.ports.clone(),
            listeners: listeners.clone(),
            peers: config.peers.clone(),
            limits: config.limits.clone(),
            nonce_lifetime: config.nonce_lifetime,
            usage_interval: config.usage_interval,
            open: config.open,
        };
        let (commands, inbox) = channel();
        let terms = Terms { streams: config.streams.clone(), tls: tls.clone(), most_paired: most_paired / count };
        let mut worker = Worker::new(machine, sockets, terms, inbox, sink.clone(), zero)?;
        reins.push(Reins { commands, waker: worker.waker() });
        let thread = std::thread::Builder::new().name(format!("relay-{number}")).spawn(move || worker.run())?;
        threads.push(thread);
    }
    for (at, worker) in reins.iter().enumerate() {
        let others = reins.iter().enumerate().filter(|(other, _)| *other != at).map(|(_, reins)| reins.clone());
        worker.tell(Command::Neighbours(others.collect()));
    }
    Ok(RelayHandle { addresses, reins, threads: Mutex::new(threads), next: AtomicUsize::new(0) })
}

/// Opens a socket per address and writes back which port it became.
fn open_all<S>(
    addresses: &mut [SocketAddr],
    open: impl Fn(SocketAddr) -> io::Result<S>,
    local: impl Fn(&S) -> io::Result<SocketAddr>,
) -> io::Result<Vec<S>> {
    let mut sockets = Vec::new();
    for address in addresses {
        let socket = open(*address).map_err(|error| io::Error::new(error.kind(), format!("{address}: {error}")))?;
        *address = local(&socket)?;
        sockets.push(socket);
    }
    Ok(sockets)
}

impl RelayHandle {
    /// Where clients can come.
    pub(crate) fn addresses(&self) -> &RelayAddresses {
        &self.addresses
    }

    /// Takes over a connection that another listener accepted and found to be TURN.
    ///
    /// - `tls`: the session, when the connection is TLS and its handshake is through or under way.
    /// - `first`: bytes that were already read; in clear text.
    pub(crate) fn adopt(
        &self,
        stream: TcpStream,
        tls: Option<rustls::ServerConnection>,
        first: Vec<u8>,
        peer: SocketAddr,
    ) {
        let at = self.next.fetch_add(1, Ordering::Relaxed) % self.reins.len().max(1);
        let command = Command::Adopt { stream, tls: tls.map(Box::new), first, peer };
        self.tell(at, command);
    }

    /// Stops lending; clients are sent to one of `alternates`, or away when there is none.
    pub(crate) fn drain(&self, alternates: Vec<SocketAddr>) {
        for at in 0..self.reins.len() {
            self.tell(at, Command::Drain(alternates.clone()));
        }
    }

    /// Ends a user's allocations and refuses its credentials until `until`, by when all of them have expired.
    pub(crate) fn revoke_user(&self, user: &str, until: Timestamp) {
        for at in 0..self.reins.len() {
            self.tell(at, Command::Revoke { user: user.to_owned(), until });
        }
    }

    /// Counters of all workers together. Waits for the workers, at most a fifth of a second for each.
    pub(crate) fn stats(&self) -> RelayStats {
        let mut sum = RelayStats::default();
        for at in 0..self.reins.len() {
            let (answer, question) = sync_channel(1);
            self.tell(at, Command::Stats(answer));
            let Ok(stats) = question.recv_timeout(Duration::from_millis(200)) else { continue };
            sum.relay.add(&stats.relay);
            sum.shell.add(&stats.shell);
            sum.allocations += stats.allocations;
        }
        sum
    }

    /// Ends every allocation, puts out the last usage and waits for the workers.
    pub(crate) fn stop(&self) {
        for at in 0..self.reins.len() {
            self.tell(at, Command::Stop);
        }
        let threads = std::mem::take(&mut *self.threads.lock().unwrap_or_else(PoisonError::into_inner));
        for thread in threads {
            if thread.join().is_err() {
                tracing::error!("a relay worker had panicked");
            }
        }
    }

    fn tell(&self, at: usize, command: Command) {
        if let Some(reins) = self.reins.get(at) {
            reins.tell(command);
        }
    }
}

impl Drop for RelayHandle {
    fn drop(&mut self) {
        self.stop();
    }
}

impl ShellStats {
    fn add(&mut self, other: &ShellStats) {
        self.connections += other.connections;
        self.accepted += other.accepted;
        self.refused_connections += other.refused_connections;
        self.timed_out += other.timed_out;
        self.dropped_slow_reader += other.dropped_slow_reader;
        self.failed_sends += other.failed_sends;
        self.runs += other.runs;
        self.failed_opens += other.failed_opens;
    }
}

/// The machines' clock: time since the workers started.
pub(super) fn time_since(zero: std::time::Instant) -> Time {
    Time::from_nanos(u64::try_from(zero.elapsed().as_nanos()).unwrap_or(u64::MAX))
}
