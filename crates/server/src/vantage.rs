//! What the outside sees of a node: another node looks, when asked by somebody who knows the relay secret.
//!
//! ```text
//!   asker ── POST /relay/vantage { time, checks }, signed ──▶ vantage node
//!         ◀── STUN, TCP, TLS to each address and port ──────┤
//!         ◀── { seen, results }, signed ────────────────────┘
//! ```
//!
//! Both signatures are HMAC-SHA256 with the relay secret, the answer's over the question's too, so that neither side has to trust
//! the other's certificate: a node whose certificate is wrong is exactly one that needs looking at. A vantage node tries at most
//! [`MOST_CHECKS`] ports for one question, one question at a time, and sends nothing but a STUN request or a TLS hello.

mod ask;
mod look;
mod tls;

use std::net::{IpAddr, SocketAddr};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use aws_lc_rs::hmac;
use axum::body::Body;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use centrale_exchange::Error;
use centrale_model::{Private, Timestamp};
use http::{HeaderValue, Request, StatusCode};
use http_body_util::{BodyExt, Limited};
use serde::{Deserialize, Serialize};
use tokio::sync::Semaphore;

use crate::rest::{self, Answer};

pub use ask::{Sight, inspect};

/// Where a vantage node is asked.
pub const PATH: &str = "/relay/vantage";
/// The header of both signatures.
const SIGNATURE: &str = "x-centrale-signature";
/// Ports in one question: four kinds for each of a few addresses.
const MOST_CHECKS: usize = 32;
/// Bytes of a question.
const QUESTION: usize = 16 * 1024;
/// How far clocks may be apart. Longer: a question that somebody overheard can be put again for longer.
const SKEW: Duration = Duration::from_secs(120);
/// Between two questions of one asker's secret: a port scanner this is not.
const PAUSE: Duration = Duration::from_secs(1);

/// How a port is tried.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Over {
    /// A STUN request in a datagram.
    Udp,
    /// A STUN request over TCP.
    Tcp,
    /// A STUN request over TLS.
    Tls,
    /// A TLS handshake.
    Https,
}

/// One port to try.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Check {
    /// Where.
    pub address: SocketAddr,
    /// How.
    pub over: Over,
}

#[derive(Serialize, Deserialize)]
struct Question {
    /// Milliseconds since 1970.
    time: i64,
    checks: Vec<Check>,
}

/// What came of one try.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Outcome {
    check: Check,
    /// None when it answered.
    fault: Option<String>,
}

#[derive(Serialize, Deserialize)]
struct Told {
    /// The address that the question came from.
    seen: IpAddr,
    results: Vec<Outcome>,
}

/// The secret as a key of both signatures.
struct Seal(hmac::Key);

impl Seal {
    fn new(secret: &Private<String>) -> Seal {
        Seal(hmac::Key::new(hmac::HMAC_SHA256, secret.reveal().as_bytes()))
    }

    fn sign(&self, parts: [&[u8]; 2]) -> String {
        STANDARD.encode(hmac::sign(&self.0, &joined(parts)))
    }

    fn is_signed(&self, parts: [&[u8]; 2], signature: &str) -> bool {
        STANDARD.decode(signature).is_ok_and(|tag| hmac::verify(&self.0, &joined(parts), &tag).is_ok())
    }
}

fn joined(parts: [&[u8]; 2]) -> Vec<u8> {
    [b"centrale vantage\n", parts[0], b"\n", parts[1]].concat()
}

/// The looking side, which every node has.
pub struct Eyes {
    seal: Seal,
    busy: Semaphore,
    last: Mutex<Option<Instant>>,
}

impl Eyes {
    /// Eyes that open for whoever knows this secret.
    pub fn new(secret: &Private<String>) -> Eyes {
        Eyes { seal: Seal::new(secret), busy: Semaphore::new(1), last: Mutex::default() }
    }

    /// Answers a question that came from `peer`.
    pub async fn answer(&self, request: Request<Body>, peer: SocketAddr) -> Answer {
        match self.look(request, peer.ip().to_canonical()).await {
            Ok(answer) => answer,
            Err(error) => rest::error(&error),
        }
    }

    async fn look(&self, request: Request<Body>, peer: IpAddr) -> Result<Answer, Error> {
        let signature =
            request.headers().get(SIGNATURE).and_then(|value| value.to_str().ok()).unwrap_or_default().to_owned();
        let body = Limited::new(request.into_body(), QUESTION).collect().await;
        let body = body.map_err(|_| Error::invalid("The question is too long."))?.to_bytes();
        if !self.seal.is_signed([b"ask", &body], &signature) {
            return Err(Error::unauthenticated("The question is not signed with the relay secret of this node."));
        }
        let question: Question = serde_json::from_slice(&body)
            .map_err(|_| Error::invalid("The question is not one that this version knows."))?;
        let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap_or_default();
        let now = Timestamp::from_millis(i64::try_from(now.as_millis()).unwrap_or(i64::MAX));
        let then = Timestamp::from_millis(question.time);
        if now.since(then) > SKEW || then.since(now) > SKEW {
            return Err(Error::unauthenticated("The clocks of the two nodes are more than two minutes apart."));
        }
        if question.checks.len() > MOST_CHECKS {
            return Err(Error::invalid(format!("A question has at most {MOST_CHECKS} checks.")));
        }
        let Ok(_turn) = self.busy.try_acquire() else { return Err(slower()) };
        {
            let mut last = self.last.lock().unwrap_or_else(PoisonError::into_inner);
            if last.is_some_and(|last| last.elapsed() < PAUSE) {
                return Err(slower());
            }
            *last = Some(Instant::now());
        }
        let looks = question
            .checks
            .iter()
            .map(|check| async { Outcome { check: *check, fault: look::look(*check).await.err() } });
        let results = futures_util::future::join_all(looks).await;
        let told = serde_json::to_vec(&Told { seen: peer, results }).map_err(|error| Error::bug(error.to_string()))?;
        let signed = self.seal.sign([signature.as_bytes(), &told]);
        let mut answer = Answer::new(Body::from(told));
        *answer.status_mut() = StatusCode::OK;
        if let Ok(signed) = HeaderValue::from_str(&signed) {
            answer.headers_mut().insert(SIGNATURE, signed);
        }
        Ok(answer)
    }
}

fn slower() -> Error {
    Error::too_many("Another question is being looked into.", PAUSE)
}
