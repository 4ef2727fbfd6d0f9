//! A TURN client (RFC 8656) with ephemeral credentials, many of them at a time.

use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::rc::Rc;
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;

use crate::link::{Link, Transport};
use crate::stun::{self, Answer, Request};

/// How long an answer may take before the request is sent again over UDP.
const PATIENCE: Duration = Duration::from_millis(500);
/// Requests of one step before the client gives up.
const TRIES: u32 = 6;
/// How many clients are set up at a time. Higher: fewer wake-ups of the server, more loss in small socket buffers.
const ABREAST: usize = 32;

/// Where the relay is and what it trusts.
#[derive(Clone)]
pub(crate) struct Target {
    pub(crate) server: SocketAddr,
    pub(crate) transport: Transport,
    pub(crate) secret: String,
    pub(crate) tls: Arc<rustls::ClientConfig>,
    /// The floor speaks no TURN: one greeting instead of allocation and channel.
    pub(crate) is_floor: bool,
    /// Whether IPv6 clients come from networks of their own in fd00:be::/32, which the runner routes to loopback.
    pub(crate) spreads_v6: bool,
}

pub(crate) struct Session {
    pub(crate) link: Link,
    pub(crate) relayed: SocketAddr,
    user: String,
    password: String,
    realm: String,
    nonce: Vec<u8>,
    key: [u8; 16],
    number: u64,
    requests: u64,
    target: Rc<Target>,
}

/// First channel number of RFC 8656 §12.
pub(crate) const CHANNEL: u16 = 0x4000;

impl Session {
    pub(crate) fn open(target: &Rc<Target>, number: u64) -> io::Result<Session> {
        let now = SystemTime::now().duration_since(UNIX_EPOCH).map_err(io::Error::other)?;
        let user = format!("{}:load-{number}", now.as_secs() + 3600);
        let password = STANDARD.encode(stun::hmac_sha1(target.secret.as_bytes(), user.as_bytes()));
        Ok(Session {
            link: Link::open(target.transport, source(target, number), target.server, &target.tls)?,
            relayed: target.server,
            user,
            password,
            realm: String::new(),
            nonce: Vec::new(),
            key: [0; 16],
            number,
            requests: 0,
            target: target.clone(),
        })
    }

    /// Starts over from another port.
    fn reopen(&mut self) -> io::Result<()> {
        let target = &self.target;
        self.link = Link::open(target.transport, source(target, self.number), target.server, &target.tls)?;
        Ok(())
    }

    fn begin(&mut self, method: u16) -> (Request, [u8; 12]) {
        self.requests += 1;
        let mut transaction = [0; 12];
        transaction[..8]
            .copy_from_slice(&(self.number.wrapping_mul(0x9e37_79b9_7f4a_7c15) ^ self.requests).to_be_bytes());
        transaction[8..].copy_from_slice(&std::process::id().to_be_bytes());
        (Request::new(method, transaction), transaction)
    }

    fn signed(&self, request: Request) -> Vec<u8> {
        request.signed(&self.user, &self.realm, &self.nonce, &self.key)
    }

    fn learn(&mut self, answer: &Challenge) {
        self.realm.clone_from(&answer.realm);
        self.nonce.clone_from(&answer.nonce);
        self.key = stun::long_term_key(&self.user, &self.realm, &self.password);
    }
}

/// The address that client `number` of this process comes from.
///
/// A server remembers a client address for a while after its allocation is gone, and answers 437 or 401 to a
/// newcomer from there (RFC 8656 §7.2). So each process has addresses of its own, and neighbouring clients have
/// different ones, where the family has more than one loopback address.
fn source(target: &Target, number: u64) -> IpAddr {
    let [.., high, low] = std::process::id().to_be_bytes();
    if target.server.is_ipv6() {
        if target.spreads_v6 {
            let net = (number % 1_000) as u16;
            return Ipv6Addr::new(0xfd00, 0xbe, u16::from_be_bytes([high, low]), net, 0, 0, 0, 1).into();
        }
        IpAddr::V6(Ipv6Addr::LOCALHOST)
    } else {
        IpAddr::V4(Ipv4Addr::new(127, 16 | (high & 0x7f), low, 1 + (number % 250) as u8))
    }
}

struct Challenge {
    realm: String,
    nonce: Vec<u8>,
}

/// What one step of the set-up asks for.
#[derive(Clone, Copy)]
pub(crate) enum Step<'a> {
    /// Allocate without credentials; the 401 brings realm and nonce.
    Challenge,
    /// Allocate with credentials; relayed addresses of this family.
    Allocate { is_v6: bool },
    /// Bind the first channel of session `i` to `peers[i]`.
    Bind { peers: &'a [SocketAddr] },
    /// Refresh with lifetime zero (RFC 8656 §8).
    Delete,
}

impl Step<'_> {
    fn name(self) -> &'static str {
        match self {
            Step::Challenge => "challenge",
            Step::Allocate { .. } => "allocate",
            Step::Bind { .. } => "channel bind",
            Step::Delete => "refresh with lifetime zero",
        }
    }
}

/// Opens, challenges, allocates. The sessions come back in the order of their numbers.
pub(crate) fn allocate(target: &Rc<Target>, numbers: std::ops::Range<u64>, is_v6: bool) -> io::Result<Vec<Session>> {
    let mut sessions = Vec::new();
    for number in numbers {
        sessions.push(Session::open(target, number)?);
    }
    if !target.is_floor {
        take(&mut sessions, Step::Challenge)?;
        take(&mut sessions, Step::Allocate { is_v6 })?;
    }
    Ok(sessions)
}

/// Binds one channel per session.
pub(crate) fn bind(target: &Target, sessions: &mut [Session], peers: &[SocketAddr]) -> io::Result<()> {
    if !target.is_floor {
        return take(sessions, Step::Bind { peers });
    }
    for (session, peer) in sessions.iter_mut().zip(peers) {
        session.relayed = crate::floor::greet(&mut session.link, *peer)?;
    }
    Ok(())
}

pub(crate) fn delete(target: &Target, sessions: &mut [Session]) -> io::Result<()> {
    if !target.is_floor {
        return take(sessions, Step::Delete);
    }
    sessions.iter_mut().try_for_each(|session| crate::floor::leave(&mut session.link))
}

/// Takes all sessions through one step, some abreast.
pub(crate) fn take(sessions: &mut [Session], step: Step<'_>) -> io::Result<()> {
    for (round, group) in sessions.chunks_mut(ABREAST).enumerate() {
        let step = match step {
            Step::Bind { peers } => Step::Bind { peers: &peers[round * ABREAST..][..group.len()] },
            Step::Challenge | Step::Allocate { .. } | Step::Delete => step,
        };
        let mut asked = Vec::with_capacity(group.len());
        for (place, session) in group.iter_mut().enumerate() {
            asked.push(ask(session, step, place)?);
        }
        for (place, session) in group.iter_mut().enumerate() {
            finish(session, step, place, Some(asked[place].clone()))?;
        }
    }
    Ok(())
}

fn ask(session: &mut Session, step: Step<'_>, place: usize) -> io::Result<(Vec<u8>, [u8; 12])> {
    let (method, signs) = match step {
        Step::Challenge => (stun::ALLOCATE, false),
        Step::Allocate { .. } => (stun::ALLOCATE, true),
        Step::Bind { .. } => (stun::CHANNEL_BIND, true),
        Step::Delete => (stun::REFRESH, true),
    };
    let (request, transaction) = session.begin(method);
    let request = match step {
        Step::Challenge => request.requested_transport_udp(),
        Step::Allocate { is_v6 } => request.requested_transport_udp().requested_family(is_v6),
        Step::Bind { peers } => request.channel(CHANNEL).peer(peers[place]),
        Step::Delete => request.lifetime(0),
    };
    let bytes = if signs { session.signed(request) } else { request.plain() };
    session.link.send(&bytes)?;
    Ok((bytes, transaction))
}

/// Waits for the answer to a request, repeating the request as often as a client would.
fn finish(session: &mut Session, step: Step<'_>, place: usize, asked: Option<(Vec<u8>, [u8; 12])>) -> io::Result<()> {
    let (mut bytes, mut transaction) = match asked {
        Some(asked) => asked,
        None => ask(session, step, place)?,
    };
    let mut buffer = [0; 2048];
    for _ in 0..TRIES {
        let until = Instant::now() + PATIENCE;
        while Instant::now() < until {
            let key = session.key;
            let Some(frame) = session.link.receive(&mut buffer)? else {
                std::hint::spin_loop();
                continue;
            };
            let Some(answer) = Answer::parse(frame) else {
                return Err(io::Error::other("an answer that does not parse"));
            };
            if answer.transaction != transaction {
                continue;
            }
            if answer.kind & 0x0110 == stun::SUCCESS {
                if matches!(step, Step::Challenge) || !answer.is_signed_with(&key) {
                    return Err(io::Error::other("a success that is not signed, or not to be expected"));
                }
                if matches!(step, Step::Allocate { .. }) {
                    session.relayed = answer.relayed().ok_or_else(|| io::Error::other("no relayed address"))?;
                }
                return Ok(());
            }
            let challenge = (answer.kind & 0x0110 == stun::ERROR)
                .then(|| Some(Challenge { realm: answer.realm()?.to_owned(), nonce: answer.nonce()?.to_vec() }));
            match (answer.error(), challenge.flatten(), step) {
                (Some(401), Some(challenge), Step::Challenge) => {
                    session.learn(&challenge);
                    return Ok(());
                }
                (Some(438), Some(challenge), _) => {
                    session.learn(&challenge);
                    (bytes, transaction) = ask(session, step, place)?;
                }
                (Some(437), _, Step::Challenge) => {
                    session.reopen()?;
                    (bytes, transaction) = ask(session, step, place)?;
                }
                (Some(401 | 437), _, Step::Allocate { .. }) => {
                    session.reopen()?;
                    finish(session, Step::Challenge, place, None)?;
                    (bytes, transaction) = ask(session, step, place)?;
                }
                (code, ..) => return Err(io::Error::other(format!("{} refused with {code:?}", step.name()))),
            }
        }
        if matches!(session.link, Link::Udp(_)) {
            session.link.send(&bytes)?;
        }
    }
    Err(io::Error::other("no answer"))
}
