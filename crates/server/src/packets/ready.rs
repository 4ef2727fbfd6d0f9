//! Who has something to read: a thin layer over epoll.
//!
//! Datagram sockets are watched by level: one receive per event is enough, and no second one that only hears "empty". Streams
//! are watched by edge, since they are read until empty and their writable side matters only after it was not.

use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::sync::Arc;
use std::time::{Duration, Instant};

use rustix::event::epoll::{self, CreateFlags, EventData, EventFlags};
use rustix::event::{EventfdFlags, Timespec, eventfd};
use rustix::io::Errno;

use super::pace::{LOOKING, NAP, Pace, Rest};

/// Events taken at a time. Higher: fewer waits under load; lower: the clock, read once per wait, is fresher.
const EVENTS: usize = 256;
/// One thing that is ready.
#[derive(Clone, Copy)]
pub(crate) struct Event {
    /// What it is about: the token that the socket was watched with.
    pub(crate) token: u64,
    pub(crate) is_readable: bool,
    pub(crate) is_writable: bool,
}

/// Wakes a worker from another thread.
pub(crate) struct Waker(OwnedFd);

impl Waker {
    pub(crate) fn wake(&self) -> io::Result<()> {
        match rustix::io::write(&self.0, &1_u64.to_ne_bytes()) {
            // Full: it is awake already.
            Ok(_) | Err(Errno::AGAIN) => Ok(()),
            Err(error) => Err(error.into()),
        }
    }

    /// Takes the call back, so that it is not heard again.
    pub(crate) fn hush(&self) {
        // Nothing there: the call was taken already.
        let _ = rustix::io::read(&self.0, &mut [0; 8]);
    }
}

/// What one wait gave. Belongs to the thread that waits.
pub(crate) struct Events {
    all: [epoll::Event; EVENTS],
    count: usize,
}

impl Events {
    pub(crate) fn new() -> Events {
        let nothing = epoll::Event { flags: EventFlags::empty(), data: EventData::new_u64(0) };
        Events { all: [nothing; EVENTS], count: 0 }
    }

    /// How many there are.
    pub(crate) fn count(&self) -> usize {
        self.count
    }

    #[inline]
    pub(crate) fn at(&self, at: usize) -> Event {
        let epoll::Event { flags, data } = self.all[at];
        Event { token: data.u64(), is_readable: flags != EventFlags::OUT, is_writable: flags.contains(EventFlags::OUT) }
    }
}

/// The sockets that are watched.
pub(crate) struct Ready {
    epoll: OwnedFd,
    waker: Arc<Waker>,
    zero: Instant,
    pace: Pace,
    /// Something was there already when the last wait began.
    is_pressed: bool,
}

impl Ready {
    /// - `inbox`: the token of the waker's calls.
    pub(crate) fn new(inbox: u64) -> io::Result<Ready> {
        let epoll = epoll::create(CreateFlags::CLOEXEC)?;
        let event = eventfd(0, EventfdFlags::CLOEXEC | EventfdFlags::NONBLOCK)?;
        epoll::add(&epoll, &event, EventData::new_u64(inbox), EventFlags::IN)?;
        Ok(Ready { epoll, waker: Arc::new(Waker(event)), zero: Instant::now(), pace: Pace::new(), is_pressed: false })
    }

    pub(crate) fn waker(&self) -> &Arc<Waker> {
        &self.waker
    }

    /// Watches a socket as long as something can be read from it. Closing the socket ends it.
    pub(crate) fn watch(&self, socket: impl AsFd, token: u64) -> io::Result<()> {
        Ok(epoll::add(&self.epoll, socket, EventData::new_u64(token), EventFlags::IN)?)
    }

    /// Watches a connection for changes: there is more to read, there is room to write.
    pub(crate) fn watch_changes(&self, socket: impl AsFd, token: u64) -> io::Result<()> {
        let flags = EventFlags::IN | EventFlags::OUT | EventFlags::RDHUP | EventFlags::ET;
        Ok(epoll::add(&self.epoll, socket, EventData::new_u64(token), flags)?)
    }

    /// Notes that datagrams were handled.
    #[inline]
    pub(crate) fn note(&mut self, count: usize) {
        self.pace.note(count as u32);
    }

    /// Waits until something is ready, at most `patience` (nothing: for ever); gives the moment of return.
    pub(crate) fn wait(&mut self, events: &mut Events, patience: Option<Duration>) -> io::Result<Instant> {
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
    pub(crate) fn is_pressed(&self) -> bool {
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
