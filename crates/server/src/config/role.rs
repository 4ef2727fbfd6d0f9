//! What a node does when several share the work.

/// A part of the work.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Role {
    /// REST, event connections, calls.
    Api,
    /// Group calls.
    Media,
    /// STUN and TURN.
    Relay,
    /// Telephony.
    Trunk,
}

impl Role {
    /// What may be written.
    pub(super) const WANTED: &str = "api, media, relay or trunk, or leave it out for all of them";

    /// The role of this name.
    pub(super) fn named(name: &str) -> Option<Role> {
        match name {
            "api" => Some(Role::Api),
            "media" => Some(Role::Media),
            "relay" => Some(Role::Relay),
            "trunk" => Some(Role::Trunk),
            _ => None,
        }
    }
}

/// The roles of a node: all, unless it was given some.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Roles(Vec<Role>);

impl Roles {
    /// These; none means all.
    pub(super) fn of(roles: Vec<Role>) -> Roles {
        Roles(roles)
    }

    /// Whether the node does this.
    pub fn has(&self, role: Role) -> bool {
        self.0.is_empty() || self.0.contains(&role)
    }

    /// Whether the node relays and does nothing else.
    pub fn is_relay_alone(&self) -> bool {
        !self.0.is_empty() && self.0.iter().all(|role| *role == Role::Relay)
    }
}
