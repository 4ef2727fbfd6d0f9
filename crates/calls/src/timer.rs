//! Deadlines of a call: how long each wait lasts, and what each wait is for.

use core::time::Duration;
use std::collections::BTreeSet;

use centrale_model::{LegId, Time};
use serde::{Deserialize, Serialize};

/// How long a call waits for each thing (acs-behaviour section 9, "Timeouts").
///
/// All are lengths of time. A call keeps the timers that it was born with, also across a restart of its host.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Timers {
    /// From the start until a device alerts its user. Nothing alerts: 480/10078.
    ///
    /// Default 85 s, the documented establishment time-out of a one-to-one call. Lower: a caller learns sooner that nobody can
    /// be reached. Higher: a device with a slow network still gets to ring.
    pub establish: Duration,
    /// From the start until a device answers. Nobody does: 487/10004.
    ///
    /// Default 120 s ("about two minutes"). Lower: the caller is released sooner. Higher: more time to find the telephone.
    pub ring: Duration,
    /// From the answer, or from a fresh peer connection, until a leg says that media flows. None does: 410/3100, 410/3112 or
    /// 408/10057 (see [`Why::MediaSetup`]).
    ///
    /// Default 25 s: a client walks through host, reflexive and relayed pairs, the last over TLS, in well under 20 s, and a call
    /// without any path must be over within 30 s. Lower: slow networks fail. Higher: a longer silence before the bad news.
    pub media_setup: Duration,
    /// From a leg's interrupted media path until the call gives up on it: 410/3101.
    ///
    /// Default 120 s, the reconnect window (B-CALL-2).
    pub media_lost: Duration,
    /// From the loss of a leg's event connection until the leg is over (B-CALL-2).
    ///
    /// Default 120 s. Lower: ghosts go sooner. Higher: a traveller in a tunnel keeps the call.
    pub reconnect: Duration,
    /// The same when the page said that it was leaving: long enough to be reloaded (B-CALL-11).
    ///
    /// Default 60 s ("about a minute").
    pub leaving: Duration,
    /// From a request for a transfer until the transferee talks to the target. It does not: the transfer has failed, the call
    /// goes on.
    ///
    /// Default 60 s.
    pub transfer: Duration,
    /// From the decision to move a call between two to the media processor until both sides are there.
    ///
    /// Default 115 s, the documented time-out of a promotion. Lower: sooner clear. Higher: slow networks still make it.
    pub convene: Duration,
    /// From an offer to the media processor until its answer.
    ///
    /// Default 20 s: it answers in milliseconds; whoever carries the offer tries another media processor within that time. Lower: a
    /// joiner hears sooner that it cannot be. Higher: a cluster in trouble gets more time.
    pub admit: Duration,
}

impl Timers {
    /// What is left at least of each wait when a call was restored on a host.
    ///
    /// 20 s: event connections come back within 5 s of a restart, and what their clients meant to say follows. Lower: calls end that
    /// could have gone on. Higher: ghosts stay that much longer after a restart.
    pub const TAKE_OVER_GRACE: Duration = Duration::from_secs(20);
}

impl Default for Timers {
    fn default() -> Timers {
        Timers {
            establish: Duration::from_secs(85),
            ring: Duration::from_secs(120),
            media_setup: Duration::from_secs(25),
            media_lost: Duration::from_secs(120),
            reconnect: Duration::from_secs(120),
            leaving: Duration::from_secs(60),
            transfer: Duration::from_secs(60),
            convene: Duration::from_secs(115),
            admit: Duration::from_secs(20),
        }
    }
}

/// What a deadline is for. Each names what happens when it passes.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
pub enum Why {
    /// No device has alerted its user: the call ends with 480/10078.
    Establish,
    /// No device has answered: the call ends with `NOT_ANSWERED`.
    Ring,
    /// No leg has said that media flows: the call ends with
    /// `SETUP_UNFINISHED` when the callee's device is lost, `VANISHED` when the caller's is, `NETWORK_MISCONFIGURED` when
    /// relays may not be used, else `NO_PATH_AT_SETUP`; with `NETWORK_LOST` when media had flowed before.
    MediaSetup,
    /// The leg's media path has not been mended: the call ends with `NETWORK_LOST`; in a group call the leg is out with it.
    MediaLost(LegId),
    /// The leg's event connection has not come back: the leg is over.
    Reconnect(LegId),
    /// The page that left has not come back: the leg is over.
    Leaving(LegId),
    /// The transfer of this number has led nowhere: it has failed.
    Transfer(u32),
    /// No device of the called participant of this number has alerted its user: it is out with 480/10078.
    Alert(u32),
    /// The called participant of this number has not answered: it is out with `NOT_ANSWERED`.
    Answer(u32),
    /// The two who talk directly are not both at the media processor: they go on as they were, or the one that is missing is
    /// out with `NO_MEDIA_PATH`.
    Convene,
    /// The media processor has not answered the leg's offer: the leg is out with `NO_MEDIA_PATH`.
    Admit(LegId),
    /// The leg's path to the media processor has never been up: the leg is out with `NO_PATH_AT_SETUP`, or
    /// `NETWORK_MISCONFIGURED` when relays may not be used.
    Seat(LegId),
}

/// What a call waits for, soonest first.
///
/// Bound: one of each kind for the call, two for each participant and five for each leg.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
#[serde(transparent)]
pub(crate) struct Deadlines(BTreeSet<(Time, Why)>);

impl Deadlines {
    /// Waits for `why` until `at`, and no more until any other moment.
    pub(crate) fn set(&mut self, why: Why, at: Time) {
        self.clear(why);
        self.0.insert((at, why));
    }

    /// Waits for nothing sooner than `least`.
    pub(crate) fn put_off(&mut self, least: Time) {
        self.0 = self.0.iter().map(|(at, why)| (*at.max(&least), *why)).collect();
    }

    /// No longer waits for `why`.
    pub(crate) fn clear(&mut self, why: Why) {
        self.0.retain(|(_, other)| *other != why);
    }

    /// Waits for nothing.
    pub(crate) fn clear_all(&mut self) {
        self.0.clear();
    }

    /// Until when it waits for `why`.
    pub(crate) fn at(&self, why: Why) -> Option<Time> {
        self.0.iter().find(|(_, other)| *other == why).map(|(at, _)| *at)
    }

    /// The soonest.
    pub(crate) fn first(&self) -> Option<(Time, Why)> {
        self.0.first().copied()
    }

    /// Takes out the soonest that has come.
    pub(crate) fn take_due(&mut self, now: Time) -> Option<Why> {
        let (at, why) = self.first()?;
        if at > now {
            return None;
        }
        self.0.pop_first();
        Some(why)
    }
}
