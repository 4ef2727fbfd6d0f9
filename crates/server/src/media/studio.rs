//! Threads that compose pictures and mix large conferences, so that packets need not wait for that.
//!
//! A worker hands a piece of work over and goes on; it gets it back as a command. There is at most one piece of each kind for each
//! conference, which bounds the queue. These threads yield to the workers where both want the same core.

use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use centrale_media::Job;
use centrale_model::Time;

use super::handle::Told;
use super::worker::{thread_time, words};
use crate::packets::ready::Waker;

/// How far these threads stand back behind the workers: steps of `nice(2)`. Higher: packets are delayed less; lower: pictures are.
const STEPS_BACK: i32 = 5;

/// A piece of work and the way back.
pub(super) struct Order {
    pub(super) job: Job,
    pub(super) now: Time,
    /// Which of the worker's machines it belongs to.
    pub(super) machine: u64,
    pub(super) back: Sender<Told>,
    pub(super) waker: Arc<Waker>,
}

/// The way to the threads. They end when the last of it is dropped.
#[derive(Clone)]
pub(super) struct Studio(Sender<Order>);

impl Studio {
    /// Starts the threads.
    ///
    /// # Errors
    /// When the system gives no more threads.
    pub(super) fn open(threads: usize) -> io::Result<Studio> {
        let (orders, waiting) = channel();
        let waiting = Arc::new(Mutex::new(waiting));
        for number in 0..threads {
            let waiting = waiting.clone();
            std::thread::Builder::new().name(format!("studio-{number}")).spawn(move || work(&waiting))?;
        }
        Ok(Studio(orders))
    }

    /// Takes an order; gives it back when nobody is there to do it.
    pub(super) fn take(&self, order: Order) -> Result<(), Order> {
        self.0.send(order).map_err(|refused| refused.0)
    }
}

fn work(waiting: &Mutex<Receiver<Order>>) {
    // A system that does not allow it treats all threads alike, as before.
    let _ = rustix::process::nice(STEPS_BACK);
    loop {
        let order = waiting.lock().unwrap_or_else(PoisonError::into_inner).recv();
        let Ok(Order { job, now, machine, back, waker }) = order else { return };
        let told = match run(job, now) {
            Ok((job, took)) => Told::Done { job: Box::new(job), took, machine },
            Err(what) => Told::Broken { what, machine },
        };
        // A worker that is gone needs nothing.
        if back.send(told).is_ok()
            && let Err(error) = waker.wake()
        {
            tracing::warn!(%error, "a media worker could not be woken");
        }
    }
}

/// Does the work; gives what it took of the processor, or what a panic said.
fn run(mut job: Job, now: Time) -> Result<(Job, Duration), String> {
    let begin = thread_time();
    let ran = catch_unwind(AssertUnwindSafe(move || {
        job.run(now);
        job
    }));
    match ran {
        Ok(job) => Ok((job, thread_time().saturating_sub(begin))),
        Err(panic) => Err(words(&*panic).to_owned()),
    }
}
