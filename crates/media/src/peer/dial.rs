//! The client's side: writes the offer, begins checks and handshake.

use centrale_model::Time;

use super::agent::Agent;
use super::answer::credentials;
use super::{Chance, Config, Host, Peer};
use crate::ice::{Client, Credentials};
use crate::rtp::ExtensionIds;
use crate::sdp::{self, Format, Kind, Line, Local, Negotiated, OfferError, SendingStream};

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
    /// Simulcast layers that it sends, at most 4; mostly `h`, `m`, `l`. Their streams: [`Line::layer`].
    pub rids: Vec<String>,
}

/// A peer connection whose offer is out and whose answer is awaited.
pub struct Dialing {
    config: Config,
    chance: Chance,
    local: Credentials,
    offered: Negotiated,
    offer: String,
}

/// What a peer that dialed offers again, until the answer comes.
pub struct Reoffer {
    local: Credentials,
    is_restart: bool,
    offered: Negotiated,
    offer: String,
}

impl Peer {
    /// Writes an offer: the controlling ICE side, DTLS client.
    ///
    /// - `lines`: at most 32.
    ///
    /// Gives what waits for the answer; [`Dialing::offer`] is the SDP.
    pub fn dial(config: Config, lines: &[OfferedLine]) -> Dialing {
        let mut chance = Chance::new(&config.seed);
        let lines = lines.iter().enumerate().map(|(index, line)| offered(index, line, &mut chance)).collect();
        let offered = sdp::offer(lines);
        let local = credentials(&mut chance);
        let offer = write(&config.host, &offered, &local);
        Dialing { config, chance, local, offered, offer }
    }

    /// Writes another offer of a peer that dialed, with the same m-lines.
    ///
    /// - `is_restart`: with other ICE credentials, because the network changed.
    ///
    /// Gives nothing for a peer that answered.
    pub fn reoffer(&mut self, is_restart: bool) -> Option<Reoffer> {
        let Agent::Client(client) = &self.agent else { return None };
        let local = if is_restart { credentials(&mut self.chance) } else { client.local().clone() };
        let offered = self.negotiated.clone();
        let offer = write(&self.host, &offered, &local);
        Some(Reoffer { local, is_restart, offered, offer })
    }

    /// Takes the answer to [`Peer::reoffer`].
    ///
    /// # Errors
    /// [`OfferError`]; the peer connection is then as before.
    pub fn reconnect(&mut self, reoffer: Reoffer, answer: &str, now: Time) -> Result<(), OfferError> {
        let (agreed, remote) = sdp::accept(answer, &reoffer.offered)?;
        let Agent::Client(client) = &mut self.agent else { return Err(OfferError::OtherPeer) };
        if remote.fingerprints != self.fingerprints {
            return Err(OfferError::OtherPeer);
        }
        if reoffer.is_restart {
            let credentials = Credentials { ufrag: remote.ufrag, pwd: remote.pwd };
            client.restart(reoffer.local, credentials, &remote.candidates, now);
        }
        self.negotiated = agreed;
        Ok(())
    }
}

// Descriptions hold passwords: they are not printed.
impl core::fmt::Debug for Dialing {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_struct("Dialing").field("local", &self.local).finish_non_exhaustive()
    }
}

impl core::fmt::Debug for Reoffer {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_struct("Reoffer")
            .field("local", &self.local)
            .field("is_restart", &self.is_restart)
            .finish_non_exhaustive()
    }
}

impl Dialing {
    /// The SDP offer.
    pub fn offer(&self) -> &str {
        &self.offer
    }

    /// Takes the answer; checks begin with [`Peer::handle_timeout`], which is due at once.
    ///
    /// # Errors
    /// [`OfferError`] when the answer cannot be understood or does not fit the offer.
    pub fn connect(mut self, answer: &str, now: Time) -> Result<Peer, OfferError> {
        let (agreed, remote) = sdp::accept(answer, &self.offered)?;
        let credentials = Credentials { ufrag: remote.ufrag, pwd: remote.pwd };
        let checks = Chance::new(&self.chance.bytes());
        let client = Client::new(self.local, credentials, &remote.candidates, checks, now);
        Ok(Peer::new(self.config, self.chance, agreed, Agent::Client(Box::new(client)), remote.fingerprints, now))
    }
}

impl Reoffer {
    /// The SDP offer.
    pub fn offer(&self) -> &str {
        &self.offer
    }
}

fn offered(index: usize, line: &OfferedLine, chance: &mut Chance) -> Line {
    let codecs = sdp::own_codecs(line.kind, &line.formats);
    let has_rtx = codecs.iter().any(|codec| codec.rtx.is_some());
    let is_media = line.kind != Kind::Data;
    Line {
        mid: index.to_string().into_boxed_str(),
        kind: line.kind,
        is_rejected: false,
        receives: line.receives && is_media,
        sends: line.sends && is_media,
        codecs,
        extensions: ExtensionIds::default(),
        rids: line.rids.iter().take(4).map(|rid| rid.as_str().into()).collect(),
        stream: (line.sends && is_media)
            .then(|| SendingStream { ssrc: chance.ssrc(), rtx: has_rtx.then(|| chance.ssrc()) }),
        announced: Box::default(),
    }
}

fn write(host: &Host, offered: &Negotiated, local: &Credentials) -> String {
    let local = Local {
        ufrag: &local.ufrag,
        pwd: &local.pwd,
        fingerprint: &host.identity.fingerprint,
        candidates: &[],
        setup: "actpass",
        is_lite: false,
    };
    sdp::write_offer(offered, &local)
}
