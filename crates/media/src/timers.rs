//! Deadlines of many parts, kept in order.
//!
//! Each part has one deadline, the earliest of its own. Moving it earlier adds an entry; entries that were overtaken are recognized by
//! their part when they come up, and dropped.

use core::cmp::Reverse;
use std::collections::BinaryHeap;

use centrale_model::Time;

/// Whose deadline.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Part {
    /// A seat, by its index.
    Seat(u32),
    /// A conference, by its index.
    Conference(u32),
}

/// The deadlines.
#[derive(Debug, Default)]
pub(crate) struct Timers {
    heap: BinaryHeap<Reverse<(Time, Part)>>,
}

impl Timers {
    /// Wants to be woken at `at`, unless that is so already.
    ///
    /// - `wake`: the part's own note of its deadline.
    #[inline]
    pub(crate) fn want(&mut self, part: Part, wake: &mut Time, at: Time) {
        if at < *wake {
            *wake = at;
            self.heap.push(Reverse((at, part)));
        }
    }

    /// The earliest deadline, which may be one that was overtaken.
    pub(crate) fn first(&self) -> Option<(Time, Part)> {
        self.heap.peek().map(|Reverse(first)| *first)
    }

    /// Takes the earliest deadline if it has come.
    pub(crate) fn take(&mut self, now: Time) -> Option<(Time, Part)> {
        let (at, _) = self.first()?;
        if at > now {
            return None;
        }
        self.heap.pop().map(|Reverse(first)| first)
    }
}
