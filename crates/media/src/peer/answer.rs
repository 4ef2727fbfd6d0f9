//! The answering side: what a media processor does with an offer.

use centrale_model::Time;

use super::agent::Agent;
use super::{Chance, Config, Host, Peer};
use crate::ice::{Credentials, Lite};
use crate::sdp::{self, Local, Negotiated, OfferError, Policy};

impl Peer {
    /// Answers a client's offer: the ICE-lite side, DTLS server.
    ///
    /// Gives the peer connection and the SDP answer, candidates included.
    ///
    /// # Errors
    /// [`OfferError`] when the offer cannot be understood or lacks what a peer connection needs.
    ///
    /// RFC 8829 §5.3.
    pub fn answer(config: Config, offer: &str, now: Time) -> Result<(Peer, String), OfferError> {
        let mut chance = Chance::new(&config.seed);
        let mut ssrc = || chance.ssrc();
        let (agreed, remote) = sdp::answer(offer, None, &mut Policy { video: &config.video, ssrc: &mut ssrc })?;
        let local = credentials(&mut chance);
        let answer = write(&config.host, &agreed, &local);
        let agent = Agent::Lite(Lite::new(local, remote.ufrag));
        Ok((Peer::new(config, chance, agreed, agent, remote.fingerprints, now), answer))
    }

    /// Takes another offer of the same peer connection: m-lines may be added or change direction, ICE may restart (other
    /// `ice-ufrag`; the old path is used until the new one is nominated). [`Peer::ufrag`] may be another one afterwards; checks
    /// with the old one are still taken.
    ///
    /// Gives the SDP answer.
    ///
    /// # Errors
    /// [`OfferError`]; the peer connection is then as before. `OtherPeer` also for a peer that dialed.
    pub fn redescribe(&mut self, offer: &str, now: Time) -> Result<String, OfferError> {
        let Agent::Lite(lite) = &mut self.agent else { return Err(OfferError::OtherPeer) };
        let mut ssrc = || self.chance.ssrc();
        let mut policy = Policy { video: &self.video, ssrc: &mut ssrc };
        let (agreed, remote) = sdp::answer(offer, Some(&self.negotiated), &mut policy)?;
        if remote.fingerprints != self.fingerprints {
            return Err(OfferError::OtherPeer);
        }
        if remote.ufrag != lite.remote_ufrag() {
            lite.restart(credentials(&mut self.chance), remote.ufrag);
        }
        let answer = write(&self.host, &agreed, lite.local());
        self.negotiated = agreed;
        // Who describes itself lives, whatever became of its path.
        self.hear(now);
        Ok(answer)
    }
}

/// Fresh ICE credentials: 48 and 144 bits (RFC 8839 §5.4 asks for 24 and 128).
pub(super) fn credentials(chance: &mut Chance) -> Credentials {
    Credentials { ufrag: chance.text(8), pwd: chance.text(24) }
}

fn write(host: &Host, agreed: &Negotiated, local: &Credentials) -> String {
    let local = Local {
        ufrag: &local.ufrag,
        pwd: &local.pwd,
        fingerprint: &host.identity.fingerprint,
        candidates: &host.candidates,
        setup: "passive",
        is_lite: true,
    };
    sdp::write_answer(agreed, &local)
}
