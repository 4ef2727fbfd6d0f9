//! The client's side: writes the offer, begins checks and handshake.

use centrale_model::Time;

use super::{Config, Peer};
use crate::sdp::{Format, Kind, OfferError};

/// An m-line that a client offers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OfferedLine {
    /// What it carries.
    pub kind: Kind,
    /// The client sends on it.
    pub sends: bool,
    /// The client receives on it.
    pub receives: bool,
    /// Codecs, the preferred first; empty: every codec of the kind.
    pub formats: Vec<Format>,
    /// Simulcast layers that it sends, at most 4; mostly `h`, `m`, `l`.
    pub rids: Vec<String>,
}

/// A peer connection whose offer is out and whose answer is awaited.
#[derive(Debug)]
pub struct Dialing {
    config: Config,
    offer: String,
}

impl Peer {
    /// Writes an offer: the controlling ICE side, DTLS client.
    ///
    /// Gives what waits for the answer; [`Dialing::offer`] is the SDP.
    pub fn dial(config: Config, lines: &[OfferedLine]) -> Dialing {
        todo!("{config:?} {lines:?}")
    }
}

impl Dialing {
    /// The SDP offer.
    pub fn offer(&self) -> &str {
        &self.offer
    }

    /// Takes the answer; checks begin at once.
    ///
    /// # Errors
    /// [`OfferError`] when the answer cannot be understood or does not fit the offer.
    pub fn connect(self, answer: &str, now: Time) -> Result<Peer, OfferError> {
        todo!("{:?} {answer} {now}", self.config)
    }
}
