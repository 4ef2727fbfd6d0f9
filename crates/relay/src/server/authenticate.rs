//! Who is asking: long-term credentials computed from the shared secret.
//!
//! RFC 8489 §9.2.4, with PASSWORD-ALGORITHMS. USERHASH is not offered (bit 1 of the nonce's security features is clear), since
//! a hash cannot be turned back into a name that is nowhere stored.

use std::sync::Arc;

use centrale_model::Time;

use super::output::{Asker, Output, Seal};
use super::{Reason, Server, nonce};
use crate::ClientAddr;
use crate::credential::{LongTermKey, Username, password};
use crate::stun::{Class, Message, Writer, attribute};

/// MD5 and SHA-256, in the order of our preference reversed: without parameters, as PASSWORD-ALGORITHMS lists them
/// (RFC 8489 §14.11).
const ALGORITHMS: [u8; 8] = [0, 2, 0, 0, 0, 1, 0, 0];

/// A request whose sender is known.
pub(super) struct Identified<'a> {
    pub(super) asker: Asker,
    pub(super) user: &'a str,
}

impl Server {
    /// Finds out who sent a request, or answers that it is not known.
    pub(super) fn authenticate<'a>(
        &mut self,
        client: ClientAddr,
        message: &Message<'a>,
        now: Time,
    ) -> Option<Identified<'a>> {
        let has_fingerprint = message.has(attribute::FINGERPRINT);
        let asker = |seal| Asker {
            client,
            method: message.method(),
            transaction: message.transaction(),
            seal,
            has_fingerprint,
        };
        let stranger = asker(Seal::None);
        // 1. No integrity at all: the ordinary first round.
        let is_sha256 = message.has(attribute::MESSAGE_INTEGRITY_SHA256);
        if !is_sha256 && !message.has(attribute::MESSAGE_INTEGRITY) {
            self.stats.challenged += 1;
            self.challenge(&stranger, 401, now);
            return None;
        }
        // 2. Integrity without what it needs.
        let (username, realm, nonce) =
            (message.get(attribute::USERNAME), message.get(attribute::REALM), message.get(attribute::NONCE));
        let (Some(username), Some(realm), Some(nonce)) = (username, realm, nonce) else {
            self.refuse_stranger(&stranger, 400, now);
            return None;
        };
        // 3. A nonce that is not ours or too old. First, so that nothing below is computed for whoever only guesses.
        if !self.nonces.is_good(nonce, client, self.config.nonce_lifetime, now) {
            self.stats.stale_nonces += 1;
            self.challenge(&stranger, 438, now);
            return None;
        }
        // 4. The algorithm: chosen from our list and the list given back unaltered, or neither, which means MD5.
        let uses_sha256 =
            match (message.get(attribute::PASSWORD_ALGORITHM), message.get(attribute::PASSWORD_ALGORITHMS)) {
                (None, None) => Some(false),
                (Some([0, 1, 0, 0]), Some(list)) if list == ALGORITHMS => Some(false),
                (Some([0, 2, 0, 0]), Some(list)) if list == ALGORITHMS => Some(true),
                _ => None,
            };
        let Some(uses_sha256) = uses_sha256 else {
            self.refuse_stranger(&stranger, 400, now);
            return None;
        };
        // 5. The name, and the key that belongs to it.
        let name = Username::parse(username).filter(|_| realm == self.config.realm.as_bytes());
        let Some(name) = name else {
            self.stats.refused_credentials += 1;
            self.challenge(&stranger, 401, now);
            return None;
        };
        let password = password(&self.config.secret, username);
        let key = if uses_sha256 {
            LongTermKey::sha256(username, realm, password.as_bytes())
        } else {
            LongTermKey::md5(username, realm, password.as_bytes())
        };
        // 6. The stronger integrity wins when both are there.
        let is_genuine = if is_sha256 {
            message.has_integrity_sha256(key.as_bytes())
        } else {
            message.has_integrity(key.as_bytes())
        };
        if !is_genuine {
            self.stats.refused_credentials += 1;
            self.challenge(&stranger, 401, now);
            return None;
        }
        // 7. Its hour, and its user's.
        let reason = if self.revoked.get(name.user).is_some_and(|until| *until > now) {
            Some(Reason::Revoked)
        } else {
            (name.expires < self.wall(now).as_secs()).then_some(Reason::Expired)
        };
        if let Some(reason) = reason {
            *self.stats.of(reason) += 1;
            self.note_refusal(Arc::from(name.user), client.transport, reason, now);
            self.challenge(&stranger, 401, now);
            return None;
        }
        let seal = if is_sha256 { Seal::Sha256(key) } else { Seal::Sha1(key) };
        Some(Identified { asker: asker(seal), user: name.user })
    }

    /// Whether a stranger may have an answer: over UDP its address may be forged, and the answer somebody else's burden.
    pub(super) fn may_answer_stranger(&mut self, client: ClientAddr, now: Time) -> bool {
        if client.transport.is_stream() {
            return true;
        }
        let limits = &self.config.limits;
        let (each, all) = (limits.stranger_answers_per_second, limits.stranger_answers_in_all);
        let may = self.strangers.take(client.addr.ip(), each, each.saturating_mul(4), now)
            && self.everyone.take(1, all, all, now);
        self.stats.stranger_limited += u64::from(!may);
        may
    }

    /// Answers 401 or 438 with what is needed to ask again. No reason phrase, no SOFTWARE: about 90 bytes.
    fn challenge(&mut self, stranger: &Asker, code: u16, now: Time) {
        if !self.may_answer_stranger(stranger.client, now) {
            return;
        }
        let nonce: [u8; nonce::LENGTH] = self.nonces.make(stranger.client, now);
        let answer = Writer::new(Class::Error, stranger.method, stranger.transaction)
            .error_code(code, "")
            .attribute(attribute::REALM, self.config.realm.as_bytes())
            .attribute(attribute::NONCE, &nonce)
            .attribute(attribute::PASSWORD_ALGORITHMS, &ALGORITHMS);
        self.send(stranger, answer);
    }

    fn refuse_stranger(&mut self, stranger: &Asker, code: u16, now: Time) {
        self.stats.refused_bad_request += 1;
        if self.may_answer_stranger(stranger.client, now) {
            let answer = Writer::new(Class::Error, stranger.method, stranger.transaction).error_code(code, "");
            self.send(stranger, answer);
        }
    }

    /// Seals an answer as its request was sealed and puts it out.
    pub(super) fn send(&mut self, asker: &Asker, answer: Writer) {
        let answer = match &asker.seal {
            Seal::None => answer,
            Seal::Sha1(key) => answer.integrity(key.as_bytes()),
            Seal::Sha256(key) => answer.integrity_sha256(key.as_bytes()),
        };
        let answer = if asker.has_fingerprint { answer.fingerprint() } else { answer };
        self.outputs.push_back(Output::Reply { client: asker.client, bytes: answer.finish() });
    }
}
