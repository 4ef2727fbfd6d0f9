//! The mixer and the composer of a conference, which may be away at work on another thread.
//!
//! A machine is *here*, or *away* in a [`Job`]. What is to be done with it meanwhile waits, in order; packets only up to a bound.

use core::fmt;
use core::time::Duration;
use std::collections::{BTreeMap, BTreeSet};

use centrale_model::{ParticipantId, Time};

use crate::command::{ConferenceId, Source};
use crate::mix::{Composer, Mixer, View, Visible};

/// The most that waits for a machine that is away. A composer that takes 30 ms misses some dozen packets of each sender meanwhile.
///
/// When it is full, packets are dropped (a picture is repaired by its next key picture); what says who is in the conference is not.
const MAX_WAITING: usize = 4096;

/// A piece of work that takes long enough to be done elsewhere: one frame of a mix, one composed picture.
///
/// For: the shell, which runs it on this thread or another and gives it back by [`crate::Sfu::done`].
#[derive(Debug)]
pub struct Job {
    pub(crate) conference: ConferenceId,
    pub(crate) work: Work,
}

#[derive(Debug)]
pub(crate) enum Work {
    Mix(Box<Mixer>),
    Compose(Box<Composer>),
}

impl Job {
    /// Does the work.
    pub fn run(&mut self, now: Time) {
        match &mut self.work {
            Work::Mix(mixer) => mixer.tick(now),
            Work::Compose(composer) => composer.tick(now),
        }
    }

    /// Whether it takes milliseconds (pictures) and not a fraction of one (voices).
    pub fn is_heavy(&self) -> bool {
        matches!(self.work, Work::Compose(_))
    }

    /// Tells the machine how much processor time it took.
    pub(crate) fn spent(&mut self, took: Duration) {
        match &mut self.work {
            Work::Mix(mixer) => mixer.spent(took),
            Work::Compose(composer) => composer.spent(took),
        }
    }
}

/// A machine that may be away.
pub(crate) struct Shop<T> {
    state: State<T>,
}

/// Something to be done with a machine when it is back.
struct Deed<T>(Box<dyn FnOnce(&mut T) + Send>);

enum State<T> {
    Absent,
    Here(Box<T>),
    Away { waiting: Vec<Deed<T>>, is_over: bool },
}

impl<T> Shop<T> {
    fn new() -> Shop<T> {
        Shop { state: State::Absent }
    }

    /// Whether there is a machine, here or away.
    pub(crate) fn is_open(&self) -> bool {
        matches!(self.state, State::Here(_) | State::Away { is_over: false, .. })
    }

    /// Begins, unless it is there. One that was given up while away is kept after all.
    pub(crate) fn open(&mut self, make: impl FnOnce() -> T) {
        match &mut self.state {
            State::Absent => self.state = State::Here(Box::new(make())),
            State::Here(_) => {}
            State::Away { is_over, .. } => *is_over = false,
        }
    }

    /// Ends; a machine that is away is dropped when it comes back.
    pub(crate) fn close(&mut self) {
        match &mut self.state {
            State::Absent => {}
            State::Here(_) => self.state = State::Absent,
            State::Away { is_over, .. } => *is_over = true,
        }
    }

    /// Does something with the machine, now or when it is back.
    pub(crate) fn with(&mut self, act: impl FnOnce(&mut T) + Send + 'static) {
        match &mut self.state {
            State::Absent => {}
            State::Here(machine) => act(machine),
            State::Away { waiting, .. } => waiting.push(Deed(Box::new(act))),
        }
    }

    /// The same for a packet, which is dropped when too much waits.
    pub(crate) fn feed(&mut self, act: impl FnOnce(&mut T) + Send + 'static) {
        if let State::Away { waiting, .. } = &self.state
            && waiting.len() >= MAX_WAITING
        {
            return;
        }
        self.with(act);
    }

    /// The machine, if it is here.
    pub(crate) fn here(&self) -> Option<&T> {
        match &self.state {
            State::Here(machine) => Some(machine),
            State::Absent | State::Away { .. } => None,
        }
    }

    /// Takes the machine away.
    pub(crate) fn take(&mut self) -> Option<Box<T>> {
        match core::mem::replace(&mut self.state, State::Absent) {
            State::Here(machine) => {
                self.state = State::Away { waiting: Vec::new(), is_over: false };
                Some(machine)
            }
            other => {
                self.state = other;
                None
            }
        }
    }

    /// Brings it back, and does what waited.
    pub(crate) fn put(&mut self, mut machine: Box<T>) {
        if let State::Away { waiting, is_over: false } = core::mem::replace(&mut self.state, State::Absent) {
            waiting.into_iter().for_each(|deed| (deed.0)(&mut machine));
            self.state = State::Here(machine);
        }
    }
}

impl<T> fmt::Debug for Shop<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match &self.state {
            State::Absent => "Absent",
            State::Here(_) => "Here",
            State::Away { .. } => "Away",
        })
    }
}

/// Everything about mixing that a conference knows. What was told to the machines is kept, so that only changes are told.
#[derive(Debug)]
pub(crate) struct Mixing {
    pub(crate) audio: Shop<Mixer>,
    pub(crate) video: Shop<Composer>,
    pub(crate) voices: BTreeSet<ParticipantId>,
    pub(crate) listeners: BTreeSet<ParticipantId>,
    pub(crate) people: BTreeMap<ParticipantId, String>,
    pub(crate) pictures: BTreeSet<(ParticipantId, Source)>,
    pub(crate) viewers: BTreeMap<ParticipantId, View>,
    pub(crate) visible: Vec<Visible>,
    /// Tracks made of composed pictures.
    pub(crate) made: Vec<u32>,
}

impl Mixing {
    pub(crate) fn new() -> Mixing {
        Mixing {
            audio: Shop::new(),
            video: Shop::new(),
            voices: BTreeSet::new(),
            listeners: BTreeSet::new(),
            people: BTreeMap::new(),
            pictures: BTreeSet::new(),
            viewers: BTreeMap::new(),
            visible: Vec::new(),
            made: Vec::new(),
        }
    }

    /// When the first of the machines that are here has work.
    pub(crate) fn due(&self) -> Option<Time> {
        let audio = self.audio.here().and_then(Mixer::timeout);
        let video = self.video.here().and_then(Composer::timeout);
        audio.into_iter().chain(video).min()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_done_while_away_is_done_on_return_in_order() {
        let mut shop: Shop<Vec<u32>> = Shop::new();
        shop.with(|list| list.push(0));
        shop.open(Vec::new);
        shop.with(|list| list.push(1));
        let mut away = shop.take().expect("it is here");
        assert!(shop.take().is_none() && shop.here().is_none() && shop.is_open());
        away.push(2);
        shop.with(|list| list.push(3));
        for _ in 0..2 * MAX_WAITING {
            shop.feed(|list| list.push(4));
        }
        shop.put(away);
        let list = shop.here().expect("it is back");
        assert_eq!((&list[..3], list.len()), (&[1, 2, 3][..], 2 + MAX_WAITING));
    }

    #[test]
    fn what_ends_while_away_is_dropped_on_return_unless_it_began_again() {
        let mut shop: Shop<u32> = Shop::new();
        shop.open(|| 1);
        let away = shop.take().expect("it is here");
        shop.close();
        assert!(!shop.is_open());
        shop.put(away);
        assert!(shop.here().is_none());
        shop.open(|| 2);
        let away = shop.take().expect("it is here");
        shop.close();
        shop.open(|| 3);
        shop.put(away);
        assert_eq!(shop.here(), Some(&2));
    }
}
