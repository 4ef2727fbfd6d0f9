//! A bounded queue that says what it lost.

use std::{
    collections::VecDeque,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use tokio::sync::Notify;

/// Messages that may wait in one subscription; what comes when it is full is lost and told as lag.
pub const QUEUE: usize = 1024;

/// Bytes that may wait in one subscription, likewise. A single body always fits.
pub const QUEUE_BYTES: usize = 8 * 1024 * 1024;

/// What the reader finds.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Found<T> {
    Item(T),
    Lost(u64),
}

/// The sender's end and the reader's end are the same; clones share one queue.
pub(crate) struct Mailbox<T> {
    inner: Arc<Inner<T>>,
}

struct Inner<T> {
    state: Mutex<State<T>>,
    /// One reader waits at most.
    arrived: Notify,
}

struct State<T> {
    waiting: VecDeque<(usize, Found<T>)>,
    bytes: usize,
    /// Lost since the last item that went in.
    lost: u64,
    is_closed: bool,
}

impl<T> Clone for Mailbox<T> {
    fn clone(&self) -> Self {
        Mailbox { inner: self.inner.clone() }
    }
}

impl<T> Mailbox<T> {
    pub(crate) fn new() -> Self {
        let state = State { waiting: VecDeque::new(), bytes: 0, lost: 0, is_closed: false };
        Mailbox { inner: Arc::new(Inner { state: Mutex::new(state), arrived: Notify::new() }) }
    }

    /// Puts an item in, or gives it back when the mailbox is full (then it counts as lost) or closed.
    pub(crate) fn put(&self, item: T, bytes: usize) -> Result<(), T> {
        let mut state = self.state();
        if state.is_closed {
            return Err(item);
        }
        let is_full = state.waiting.len() >= QUEUE || (state.bytes + bytes > QUEUE_BYTES && !state.waiting.is_empty());
        if is_full {
            state.lost += 1;
            return Err(item);
        }
        if state.lost > 0 {
            let lost = std::mem::take(&mut state.lost);
            state.waiting.push_back((0, Found::Lost(lost)));
        }
        state.bytes += bytes;
        state.waiting.push_back((bytes, Found::Item(item)));
        drop(state);
        self.inner.arrived.notify_one();
        Ok(())
    }

    /// Notes that something was lost before it came here.
    pub(crate) fn lose(&self, count: u64) {
        self.state().lost += count;
        self.inner.arrived.notify_one();
    }

    /// Waits for the next thing; `None` after the mailbox was closed and emptied.
    pub(crate) async fn take(&self) -> Option<Found<T>> {
        loop {
            // A notice that comes between the look and the wait is kept by `Notify`.
            if let Some(found) = self.look() {
                return found;
            }
            self.inner.arrived.notified().await;
        }
    }

    /// Ends the mailbox: nothing more goes in; what waits can still be taken.
    pub(crate) fn close(&self) {
        self.state().is_closed = true;
        self.inner.arrived.notify_one();
    }

    /// Ends the mailbox and drops what waits.
    pub(crate) fn discard(&self) {
        let waiting = {
            let mut state = self.state();
            state.is_closed = true;
            state.bytes = 0;
            std::mem::take(&mut state.waiting)
        };
        // Outside the lock: dropping a question answers its asker.
        drop(waiting);
    }

    fn look(&self) -> Option<Option<Found<T>>> {
        let mut state = self.state();
        if let Some((bytes, found)) = state.waiting.pop_front() {
            state.bytes -= bytes;
            return Some(Some(found));
        }
        if state.lost > 0 {
            return Some(Some(Found::Lost(std::mem::take(&mut state.lost))));
        }
        state.is_closed.then_some(None)
    }

    fn state(&self) -> MutexGuard<'_, State<T>> {
        // Each change is complete before anything that could panic, so a poisoned lock is still good.
        self.inner.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_full_mailbox_tells_the_loss_where_it_happened() {
        let mailbox = Mailbox::new();
        for number in 0..QUEUE + 5 {
            assert_eq!(mailbox.put(number, 1).is_ok(), number < QUEUE);
        }
        assert_eq!(mailbox.take().await, Some(Found::Item(0)));
        assert_eq!(mailbox.put(9999, 1), Ok(()));
        for number in 1..QUEUE {
            assert_eq!(mailbox.take().await, Some(Found::Item(number)));
        }
        assert_eq!(mailbox.take().await, Some(Found::Lost(5)));
        assert_eq!(mailbox.take().await, Some(Found::Item(9999)));
        mailbox.close();
        assert_eq!(mailbox.put(1, 1), Err(1));
        assert_eq!(mailbox.take().await, None);
    }

    #[tokio::test]
    async fn bytes_are_bounded_and_one_large_item_always_fits() {
        let mailbox = Mailbox::new();
        assert_eq!(mailbox.put("large", QUEUE_BYTES * 2), Ok(()));
        assert_eq!(mailbox.put("small", 1), Err("small"));
        assert_eq!(mailbox.take().await, Some(Found::Item("large")));
        assert_eq!(mailbox.take().await, Some(Found::Lost(1)));
        assert_eq!(mailbox.put("small", 1), Ok(()));
    }
}
