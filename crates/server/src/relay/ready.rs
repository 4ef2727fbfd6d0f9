//! Who has something to read: a thin layer over epoll.
//!
//! Datagram sockets are watched by level: one receive per event is enough, and no second one that only hears "empty". Streams
//! are watched by edge, since they are read until empty and their writable side matters only after it was not.

use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::sync::Arc;
use std::time::{Duration, Instant};

use super::pace::{LOOKING, NAP, Pace, Rest};
use rustix::event::epoll::{self, CreateFlags, EventData, EventFlags};
use rustix::event::{EventfdFlags, Timespec, eventfd};
use rustix::io::Errno;

/// Events taken at a time. Higher: fewer waits under load; lower: the clock, read once per wait, is fresher.
const EVENTS: usize = 256;
/// What an event is about: the kind in the upper half of the token, the number in the lower.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Source {
    Inbox,
    Listener(u32),
    Acceptor(u32),
    /// The socket of a relayed address.
    Relayed(u32),
    /// The second socket of a relayed address, connected to the peer it talks to most.
    Paired(u32),
    Stream(u32),
}

impl Source {
    fn token(self) -> u64 {
        let (kind, number) = match self {
            Source::Inbox => (0, 0),
            Source::Listener(number) => (1, number),
            Source::Acceptor(number) => (2, number),
            Source::Relayed(number) => (3, number),
            Source::Paired(number) => (4, number),
            Source::Stream(number) => (5, number),
        };
        (kind << 32) | u64::from(number)
    }

    fn of(token: u64) -> Source {
        let number = token as u32;
        match token >> 32 {
            0 => Source::Inbox,
            1 => Source::Listener(number),
            2 => Source::Acceptor(number),
            3 => Source::Relayed(number),
            4 => Source::Paired(number),
            _ => Source::Stream(number),
        }
    }
}

/// One thing that is ready.
#[derive(Clone, Copy)]
pub(super) struct Event {
    pub(super) source: Source,
    pub(super) is_readable: bool,
    pub(super) is_writable: bool,
}

/// Wakes a worker from another thread.
pub(super) struct Waker(OwnedFd);

impl Waker {
    pub(super) fn wake(&self) -> io::Result<()> {
        match rustix::io::write(&self.0, &1_u64.to_ne_bytes()) {
            // Full: it is awake already.
            Ok(_) | Err(Errno::AGAIN) => Ok(()),
            Err(error) => Err(error.into()),
        }
    }

    /// Takes the call back, so that it is not heard again.
    pub(super) fn hush(&self) {
        // Nothing there: the call was taken already.
        let _ = rustix::io::read(&self.0, &mut [0; 8]);
    }
}

/// What one wait gave. Belongs to the thread that waits.
pub(super) struct Events {
    all: [epoll::Event; EVENTS],
    count: usize,
}

impl Events {
    pub(super) fn new() -> Events {
        let nothing = epoll::Event { flags: EventFlags::empty(), data: EventData::new_u64(0) };
        Events { all: [nothing; EVENTS], count: 0 }
    }

    /// How many there are.
    pub(super) fn count(&self) -> usize {
        self.count
    }

    #[inline]
    pub(super) fn at(&self, at: usize) -> Event {
        let epoll::Event { flags, data } = self.all[at];
        Event {
            source: Source::of(data.u64()),
            is_readable: flags != EventFlags::OUT,
            is_writable: flags.contains(EventFlags::OUT),
        }
    }
}

/// The sockets that are watched.
pub(super) struct Ready {
    epoll: OwnedFd,
    waker: Arc<Waker>,
    zero: Instant,
    pace: Pace,
    /// Something was there already when the last wait began.
    is_pressed: bool,
}

impl Ready {
    pub(super) fn new() -> io::Result<Ready> {
        let epoll = epoll::create(CreateFlags::CLOEXEC)?;
        let event = eventfd(0, EventfdFlags::CLOEXEC | EventfdFlags::NONBLOCK)?;
        epoll::add(&epoll, &event, EventData::new_u64(Source::Inbox.token()), EventFlags::IN)?;
        Ok(Ready { epoll, waker: Arc::new(Waker(event)), zero: Instant::now(), pace: Pace::new(), is_pressed: false })
    }

    pub(super) fn waker(&self) -> &Arc<Waker> {
        &self.waker
    }

    /// Watches a socket as long as something can be read from it. Closing the socket ends it.
    pub(super) fn watch(&self, socket: impl AsFd, source: Source) -> io::Result<()> {
        Ok(epoll::add(&self.epoll, socket, EventData::new_u64(source.token()), EventFlags::IN)?)
    }

    /// Watches a connection for changes: there is more to read, there is room to write.
    pub(super) fn watch_changes(&self, socket: impl AsFd, source: Source) -> io::Result<()> {
        let flags = EventFlags::IN | EventFlags::OUT | EventFlags::RDHUP | EventFlags::ET;
        Ok(epoll::add(&self.epoll, socket, EventData::new_u64(source.token()), flags)?)
    }

    /// Notes that datagrams were handled.
    #[inline]
    pub(super) fn note(&mut self, count: usize) {
        self.pace.note(count as u32);
    }

    /// Waits until something is ready, at most `patience` (nothing: for ever); gives the moment of return.
    pub(super) fn wait(&mut self, events: &mut Events, patience: Option<Duration>) -> io::Result<Instant> {
        self.look(events, Some(Duration::ZERO))?;
        self.is_pressed = events.count > 0;
        let began = Instant::now();
        if self.is_pressed || patience == Some(Duration::ZERO) {
            return Ok(began);
        }
        let rest = self.pace.begin(began - self.zero);
        let now = match rest {
            Rest::Sleep => {
                self.look(events, patience)?;
                Instant::now()
            }
            Rest::Look => self.look_around(events, began)?,
            Rest::Nap => {
                std::thread::sleep(NAP);
                self.look(events, Some(Duration::ZERO))?;
                Instant::now()
            }
        };
        self.pace.end(rest, now - began, events.count > 0);
        if events.count > 0 || rest == Rest::Sleep {
            return Ok(now);
        }
        self.look(events, patience)?;
        Ok(Instant::now())
    }

    fn look_around(&self, events: &mut Events, began: Instant) -> io::Result<Instant> {
        loop {
            self.look(events, Some(Duration::ZERO))?;
            let now = Instant::now();
            if events.count > 0 || now - began > LOOKING {
                return Ok(now);
            }
            std::hint::spin_loop();
        }
    }

    /// Whether something was there already when the last wait began.
    pub(super) fn is_pressed(&self) -> bool {
        self.is_pressed
    }

    fn look(&self, events: &mut Events, patience: Option<Duration>) -> io::Result<()> {
        let patience = patience.map(|patience| Timespec {
            tv_sec: i64::try_from(patience.as_secs()).unwrap_or(i64::MAX),
            tv_nsec: patience.subsec_nanos().into(),
        });
        events.count = match epoll::wait(&self.epoll, &mut events.all, patience.as_ref()) {
            Ok(count) => count,
            Err(Errno::INTR) => 0,
            Err(error) => return Err(error.into()),
        };
        Ok(())
    }
}
