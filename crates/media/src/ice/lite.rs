//! The side that only answers.

use core::net::SocketAddr;

use centrale_stun::{Class, Message, Method, Writer, attribute};

use super::{Credentials, Found, ICE_CONTROLLING, checked, username};
use crate::peer::MAX_ADDRESSES;

/// An ICE-lite agent with one component.
#[derive(Debug)]
pub(crate) struct Lite {
    local: Credentials,
    /// What this side was called before the last restart: its checks count until the next one succeeds.
    before: Option<Credentials>,
    remote_ufrag: String,
    /// Addresses from which right checks came, the one longest silent first; at most [`MAX_ADDRESSES`].
    addresses: Vec<SocketAddr>,
    selected: Option<SocketAddr>,
}

/// What a check came to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Check {
    /// It is right: the other side is there.
    Right,
    /// Not for us, forged, or not a check. Nothing was answered: an answer would tell strangers that the ufrag lives.
    Ignored,
}

impl Lite {
    pub(crate) fn new(local: Credentials, remote_ufrag: String) -> Lite {
        Lite { local, before: None, remote_ufrag, addresses: Vec::new(), selected: None }
    }

    pub(crate) fn ufrag(&self) -> &str {
        &self.local.ufrag
    }

    pub(crate) fn local(&self) -> &Credentials {
        &self.local
    }

    pub(crate) fn remote_ufrag(&self) -> &str {
        &self.remote_ufrag
    }

    pub(crate) fn selected(&self) -> Option<SocketAddr> {
        self.selected
    }

    /// Whether a right check came from this address, and it was not forgotten since.
    pub(crate) fn knows(&self, address: SocketAddr) -> bool {
        self.addresses.contains(&address)
    }

    /// The other side restarted ICE: it has another ufrag, and so has this side. The old path stays until the new one is nominated
    /// (RFC 8445 §9, RFC 8839 §4.4.1.1.1).
    pub(crate) fn restart(&mut self, local: Credentials, remote_ufrag: String) {
        self.before = Some(core::mem::replace(&mut self.local, local));
        self.remote_ufrag = remote_ufrag;
    }

    /// Takes a STUN datagram and answers it when it is a right check.
    ///
    /// RFC 8445 §7.3.
    pub(crate) fn handle(&mut self, from: SocketAddr, datagram: &[u8], found: &mut Vec<Found>) -> Check {
        let Some(message) = checked(datagram) else { return Check::Ignored };
        if (message.class(), message.method()) != (Class::Request, Method::BINDING) {
            return Check::Ignored;
        }
        let Some((to, by)) = username(&message) else { return Check::Ignored };
        let (pwd, is_current) = if to == self.local.ufrag {
            // Checks of before the restart carry the other side's old name, those after it the new one.
            if by != self.remote_ufrag {
                return Check::Ignored;
            }
            (&self.local.pwd, true)
        } else {
            match &self.before {
                Some(before) if to == before.ufrag => (&before.pwd, false),
                _ => return Check::Ignored,
            }
        };
        if !message.has_integrity(pwd.as_bytes()) {
            return Check::Ignored;
        }
        if let Some(refusal) = refusal(&message) {
            let answer = refusal.integrity(pwd.as_bytes()).fingerprint().finish();
            found.push(Found::Transmit(from, answer));
            return Check::Right;
        }
        let answer = Writer::new(Class::Success, Method::BINDING, message.transaction())
            .xor_address(attribute::XOR_MAPPED_ADDRESS, from)
            .integrity(pwd.as_bytes())
            .fingerprint()
            .finish();
        found.push(Found::Transmit(from, answer));
        self.note(from, found);
        // The newest nomination counts: browsers nominate by every check of the pair that they prefer at the moment.
        if message.has(attribute::USE_CANDIDATE) {
            if is_current {
                self.before = None;
            }
            if self.selected != Some(from) {
                self.selected = Some(from);
                found.push(Found::Selected(from));
            }
        }
        Check::Right
    }

    /// Remembers an address; the one longest silent makes room, but never the selected one.
    fn note(&mut self, from: SocketAddr, found: &mut Vec<Found>) {
        if let Some(place) = self.addresses.iter().position(|address| *address == from) {
            self.addresses[place..].rotate_left(1);
            return;
        }
        if self.addresses.len() == MAX_ADDRESSES
            && let Some(place) = self.addresses.iter().position(|address| Some(*address) != self.selected)
        {
            found.push(Found::Forgotten(self.addresses.remove(place)));
        }
        self.addresses.push(from);
        found.push(Found::Reachable(from));
    }
}

/// The answer to a genuine check that cannot be done: attributes that must be understood and are not (420, RFC 8489 §6.3.1), or
/// a side that believes to be controlled too (487, RFC 8445 §7.3.1.1: a lite side is always the controlled one).
fn refusal(message: &Message<'_>) -> Option<Writer> {
    let known = [attribute::USERNAME, attribute::MESSAGE_INTEGRITY, attribute::PRIORITY, attribute::USE_CANDIDATE];
    let unknown: Vec<u8> = message
        .covered()
        .filter(|attribute| attribute.kind < 0x8000 && !known.contains(&attribute.kind))
        .flat_map(|attribute| attribute.kind.to_be_bytes())
        .collect();
    let answer = Writer::new(Class::Error, Method::BINDING, message.transaction());
    if !unknown.is_empty() {
        return Some(answer.error_code(420, "").attribute(attribute::UNKNOWN_ATTRIBUTES, &unknown));
    }
    if message.has(attribute::ICE_CONTROLLED) && !message.has(ICE_CONTROLLING) {
        return Some(answer.error_code(487, ""));
    }
    None
}
