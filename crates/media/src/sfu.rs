//! Everything of one worker: peers, conferences, and the packets between them.
//!
//! ```text
//!  a batch of datagrams ─▶ datagram() for each      opened in place, kept once, noted as pending
//!                          transmits()              for each receiver: pass or drop, rewrite, seal, as runs of equal length
//!                          poll() until nothing     events for the exchange
//!                          timeout()                when to call handle_timeout(), and then the same again
//!                          job(), done()            frames to be mixed and pictures to be composed, here or on another thread
//! ```
//!
//! On the way of an RTP packet nothing is allocated (but growing buffers), locked or hashed more than once, and nothing depends on how
//! many m-lines a peer has. Rarer datagrams (checks, handshakes, reports, repetitions, data) wait in the same outbox for
//! [`Sfu::transmits`].

mod arriving;
mod control;
mod feedback;
mod joining;
mod messages;
mod mixing;
mod placing;
mod reporting;
mod seat;
mod sending;

use core::net::SocketAddr;
use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;

use centrale_model::Time;

use crate::command::{Command, ConferenceId, Event};
use crate::conference::Conference;
use crate::forward::allocation::Decision;
use crate::index::Addresses;
use crate::outbox::Outbox;
use crate::peer::{Chance, Host};
use crate::receive::Track;
use crate::timers::{Part, Timers};
use seat::Seat;
use sending::Work;

/// What a worker is told at birth.
#[derive(Clone, Debug)]
pub struct Settings {
    /// Certificate and addresses.
    pub host: Arc<Host>,
    /// 32 unpredictable bytes, for this worker only.
    pub seed: [u8; 32],
    /// The wall clock at [`Time::ZERO`], in NTP's format: seconds since 1900 and 2^-32 seconds (RFC 5905 §6). For: sender reports.
    pub ntp_at_zero: u64,
    /// The most participants of a conference. Documented for calls: 350.
    pub max_participants: usize,
    /// The most peer connections of the worker; joins beyond are refused. About 45 KiB each.
    pub max_peers: usize,
}

impl Settings {
    /// The documented limits.
    pub fn new(host: Arc<Host>, seed: [u8; 32], ntp_at_zero: u64) -> Settings {
        Settings { host, seed, ntp_at_zero, max_participants: 350, max_peers: 4000 }
    }
}

/// What was counted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Stats {
    /// Datagrams of nobody: no peer has the address, and no check names one.
    pub strangers: u64,
    /// RTP packets that came and belong to a track.
    pub received: u64,
    /// RTP packets that were dropped because their sender may not send them.
    pub forbidden: u64,
    /// RTP packets that were sent, repetitions and padding not counted.
    pub forwarded: u64,
    /// Repetitions that receivers asked for and got.
    pub repeated: u64,
    /// Repetitions that receivers asked for and did not get: too old, too often, over the budget.
    pub not_repeated: u64,
    /// Padding packets sent in probes.
    pub padding: u64,
    /// Packets that waited in pacers.
    pub paced: u64,
    /// Packets that were dropped because a pacer was full.
    pub overdue: u64,
}

/// Why a worker wants to be called again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Why {
    /// A peer: its transport, reports, repetitions, pacing.
    Peer,
    /// A conference: speakers, slots, mixing.
    Conference,
}

/// The machine of one worker thread. See the [module](self).
#[derive(Debug)]
pub struct Sfu {
    settings: Settings,
    chance: Chance,
    seats: Vec<Option<Box<Seat>>>,
    free_seats: Vec<u32>,
    tracks: Vec<Option<Box<Track>>>,
    free_tracks: Vec<u32>,
    conferences: Vec<Option<Box<Conference>>>,
    free_conferences: Vec<u32>,
    by_id: BTreeMap<ConferenceId, u32>,
    by_address: Addresses,
    by_ufrag: BTreeMap<Box<str>, u32>,
    timers: Timers,
    events: VecDeque<Event>,
    /// Datagrams that wait for [`Sfu::transmits`].
    outbox: Outbox,
    /// Tracks with pending packets.
    dirty: Vec<u32>,
    /// Work that is due: conference, and whether it is pictures.
    jobs: VecDeque<(u32, bool)>,
    scratch: Scratch,
    stats: Stats,
}

/// Memory that is used again and again.
#[derive(Debug, Default)]
struct Scratch {
    run: Outbox,
    work: Vec<Work>,
    rtcp: Vec<u8>,
    numbers: Vec<u16>,
    decisions: Vec<Decision>,
}

impl Sfu {
    /// A worker without peers.
    pub fn new(settings: Settings) -> Sfu {
        let mut chance = Chance::new(&settings.seed);
        let bytes = chance.bytes();
        let word = |at: usize| bytes[at..at + 8].iter().fold(0u64, |word, byte| word << 8 | u64::from(*byte));
        Sfu {
            settings,
            by_address: Addresses::new([word(0), word(8)]),
            chance,
            seats: Vec::new(),
            free_seats: Vec::new(),
            tracks: Vec::new(),
            free_tracks: Vec::new(),
            conferences: Vec::new(),
            free_conferences: Vec::new(),
            by_id: BTreeMap::new(),
            by_ufrag: BTreeMap::new(),
            timers: Timers::default(),
            events: VecDeque::new(),
            outbox: Outbox::default(),
            dirty: Vec::new(),
            jobs: VecDeque::new(),
            scratch: Scratch::default(),
            stats: Stats::default(),
        }
    }

    /// Takes a command. Joins and descriptions are answered at once, by [`Event::Answered`] or [`Event::Refused`]; commands about
    /// conferences or participants that are not here are ignored.
    pub fn command(&mut self, command: Command, now: Time) {
        self.obey(command, now);
    }

    /// Takes a datagram; what it brings is sent by [`Sfu::transmits`] at the end of the batch.
    ///
    /// - `bytes`: changed in place.
    pub fn datagram(&mut self, from: SocketAddr, bytes: &mut [u8], now: Time) {
        self.arrive(from, bytes, now);
    }

    /// Hands out what is to be sent: where to, one or more datagrams one behind the other, and the length of each of them but the last,
    /// which may be shorter.
    ///
    /// For: the end of each batch, after commands and after [`Sfu::handle_timeout`].
    pub fn transmits(&mut self, now: Time, mut send: impl FnMut(SocketAddr, &[u8], usize)) {
        self.forward(now, &mut send);
        self.outbox.drain(send);
    }

    /// The next event for the exchange.
    pub fn poll(&mut self) -> Option<Event> {
        self.events.pop_front()
    }

    /// When to call [`Sfu::handle_timeout`], and why. It may turn out to be in vain.
    pub fn timeout(&self) -> Option<(Time, Why)> {
        let (at, part) = self.timers.first()?;
        let why = match part {
            Part::Seat(_) => Why::Peer,
            Part::Conference(_) => Why::Conference,
        };
        Some((at, why))
    }

    /// Deadlines have come. Calling early or late does no harm.
    pub fn handle_timeout(&mut self, now: Time) {
        while let Some((at, part)) = self.timers.take(now) {
            match part {
                Part::Seat(index) => {
                    let Some(seat) = self.seat_mut(index).filter(|seat| seat.wake == at) else { continue };
                    seat.wake = Time::FOREVER;
                    self.serve(index, now);
                }
                Part::Conference(index) => {
                    let Some(conference) = self.conference_mut(index).filter(|conference| conference.wake == at) else {
                        continue;
                    };
                    conference.wake = Time::FOREVER;
                    self.tick(index, now);
                }
            }
        }
    }

    /// What was counted.
    pub fn stats(&self) -> Stats {
        self.stats
    }

    /// How many peer connections there are.
    pub fn peers(&self) -> usize {
        self.seats.len() - self.free_seats.len()
    }

    fn seat(&self, index: u32) -> Option<&Seat> {
        self.seats.get(index as usize)?.as_deref()
    }

    fn seat_mut(&mut self, index: u32) -> Option<&mut Seat> {
        self.seats.get_mut(index as usize)?.as_deref_mut()
    }

    fn track(&self, index: u32) -> Option<&Track> {
        self.tracks.get(index as usize)?.as_deref()
    }

    fn track_mut(&mut self, index: u32) -> Option<&mut Track> {
        self.tracks.get_mut(index as usize)?.as_deref_mut()
    }

    fn conference(&self, index: u32) -> Option<&Conference> {
        self.conferences.get(index as usize)?.as_deref()
    }

    fn conference_mut(&mut self, index: u32) -> Option<&mut Conference> {
        self.conferences.get_mut(index as usize)?.as_deref_mut()
    }

    /// Wants a seat to be served at `at`.
    fn wake_seat(&mut self, index: u32, at: Time) {
        if let Some(seat) = self.seats.get_mut(index as usize).and_then(Option::as_deref_mut) {
            self.timers.want(Part::Seat(index), &mut seat.wake, at);
        }
    }

    /// Wants a conference to be looked at at `at`.
    fn wake_conference(&mut self, index: u32, at: Time) {
        if let Some(conference) = self.conferences.get_mut(index as usize).and_then(Option::as_deref_mut) {
            self.timers.want(Part::Conference(index), &mut conference.wake, at);
        }
    }

    /// The wall clock in NTP's format.
    fn ntp(&self, now: Time) -> u64 {
        let nanos = u128::from(now.as_nanos());
        self.settings.ntp_at_zero.wrapping_add(((nanos << 32) / 1_000_000_000) as u64)
    }
}

/// Puts something into an arena and gives its index.
fn insert<T>(arena: &mut Vec<Option<Box<T>>>, free: &mut Vec<u32>, value: T) -> u32 {
    if let Some(index) = free.pop() {
        arena[index as usize] = Some(Box::new(value));
        return index;
    }
    arena.push(Some(Box::new(value)));
    (arena.len() - 1) as u32
}

/// Takes something out of an arena.
fn remove<T>(arena: &mut [Option<Box<T>>], free: &mut Vec<u32>, index: u32) -> Option<Box<T>> {
    let value = arena.get_mut(index as usize)?.take()?;
    free.push(index);
    Some(value)
}

#[cfg(test)]
mod tests;
