//! The side that asks: a native client or a load generator towards a server with public candidates.

use core::net::SocketAddr;
use core::time::Duration;

use centrale_model::Time;
use centrale_stun::{Class, Method, TransactionId, Writer, attribute};

use super::{Credentials, Found, ICE_CONTROLLING, checked};
use crate::peer::{Chance, MAX_ADDRESSES};

/// The first wait before a check is repeated; it doubles up to [`SLOWEST`].
const FIRST: Duration = Duration::from_millis(100);

/// The longest wait before a check is repeated while there is no path.
const SLOWEST: Duration = Duration::from_millis(1600);

/// How often consent is asked for: 5 s, shortened or lengthened by up to a fifth (RFC 7675 §5.1).
const CONSENT: Duration = Duration::from_secs(5);

/// A controlling agent towards an ICE-lite server.
#[derive(Debug)]
pub(crate) struct Client {
    local: Credentials,
    remote: Credentials,
    candidates: Vec<Candidate>,
    selected: Option<SocketAddr>,
    tie_breaker: u64,
    chance: Chance,
    next: Time,
    wait: Duration,
}

/// An address of the server, with the checks that are out: the newest few count, because a late answer is an answer.
#[derive(Debug)]
struct Candidate {
    address: SocketAddr,
    out: [Option<TransactionId>; 4],
    turn: usize,
    has_answered: bool,
}

impl Client {
    /// - `candidates`: of the server; the first [`MAX_ADDRESSES`] are tried, all at once.
    pub(crate) fn new(
        local: Credentials,
        remote: Credentials,
        candidates: &[SocketAddr],
        mut chance: Chance,
        now: Time,
    ) -> Client {
        let tie_breaker = u64::from(chance.number()) << 32 | u64::from(chance.number());
        let mut client = Client {
            local,
            remote,
            candidates: Vec::new(),
            selected: None,
            tie_breaker,
            chance,
            next: now,
            wait: FIRST,
        };
        client.set_candidates(candidates);
        client
    }

    pub(crate) fn ufrag(&self) -> &str {
        &self.local.ufrag
    }

    pub(crate) fn local(&self) -> &Credentials {
        &self.local
    }

    pub(crate) fn selected(&self) -> Option<SocketAddr> {
        self.selected
    }

    pub(crate) fn timeout(&self) -> Time {
        self.next
    }

    /// Begins again with other credentials; the old path stays until a check succeeds.
    pub(crate) fn restart(&mut self, local: Credentials, remote: Credentials, candidates: &[SocketAddr], now: Time) {
        self.local = local;
        self.remote = remote;
        self.set_candidates(candidates);
        self.wait = FIRST;
        self.next = now;
    }

    fn set_candidates(&mut self, addresses: &[SocketAddr]) {
        let candidate =
            |address: &SocketAddr| Candidate { address: *address, out: [None; 4], turn: 0, has_answered: false };
        self.candidates = addresses.iter().take(MAX_ADDRESSES).map(candidate).collect();
    }

    /// Sends what is due: checks of every candidate until one has answered, then checks of that one.
    pub(crate) fn handle_timeout(&mut self, now: Time, found: &mut Vec<Found>) {
        if now < self.next {
            return;
        }
        let is_settled = self.candidates.iter().any(|candidate| candidate.has_answered);
        for place in 0..self.candidates.len() {
            if !is_settled || Some(self.candidates[place].address) == self.selected {
                self.check(place, found);
            }
        }
        if is_settled {
            let fifths = u32::from(self.chance.bytes()[0]);
            self.next = now + CONSENT * 4 / 5 + CONSENT * 2 / 5 * fifths / 255;
        } else {
            self.next = now + self.wait;
            self.wait = (self.wait * 2).min(SLOWEST);
        }
    }

    /// Takes a STUN datagram; gives whether it is a right answer.
    ///
    /// RFC 8445 §7.2.5.
    pub(crate) fn handle(&mut self, from: SocketAddr, datagram: &[u8], now: Time, found: &mut Vec<Found>) -> bool {
        let Some(message) = checked(datagram) else { return false };
        if message.class() != Class::Success || message.method() != Method::BINDING {
            return false;
        }
        let transaction = Some(message.transaction());
        let Some(candidate) = self.candidates.iter_mut().find(|candidate| candidate.out.contains(&transaction)) else {
            return false;
        };
        // An answer from elsewhere is none (RFC 8445 §7.2.5.2.1).
        if candidate.address != from || !message.has_integrity(self.remote.pwd.as_bytes()) {
            return false;
        }
        if !candidate.has_answered {
            candidate.has_answered = true;
            found.push(Found::Reachable(from));
            let is_first = self.candidates.iter().filter(|candidate| candidate.has_answered).count() == 1;
            if is_first {
                self.next = now + CONSENT;
                if self.selected != Some(from) {
                    self.selected = Some(from);
                    found.push(Found::Selected(from));
                }
            }
        }
        true
    }

    /// One check, which nominates as well: whichever answers first is the path.
    fn check(&mut self, place: usize, found: &mut Vec<Found>) {
        let mut id = [0; 12];
        id.copy_from_slice(&self.chance.bytes()[..12]);
        let id = TransactionId(id);
        // Type preference 110: peer-reflexive (RFC 8445 §5.1.2.1, §7.1.1).
        let priority = (110 << 24) | (65_535 << 8) | 255;
        let bytes = Writer::new(Class::Request, Method::BINDING, id)
            .attribute(attribute::USERNAME, format!("{}:{}", self.remote.ufrag, self.local.ufrag).as_bytes())
            .number(attribute::PRIORITY, priority)
            .attribute(ICE_CONTROLLING, &self.tie_breaker.to_be_bytes())
            .attribute(attribute::USE_CANDIDATE, &[])
            .integrity(self.remote.pwd.as_bytes())
            .fingerprint()
            .finish();
        let candidate = &mut self.candidates[place];
        candidate.out[candidate.turn] = Some(id);
        candidate.turn = (candidate.turn + 1) % candidate.out.len();
        found.push(Found::Transmit(candidate.address, bytes));
    }
}
