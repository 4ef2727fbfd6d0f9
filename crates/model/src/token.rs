//! What a token lets its bearer do (B-TOK-4).

use core::fmt;
use core::str::FromStr;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// One permission of a user access token.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
pub enum Scope {
    /// Everything in chat.
    #[serde(rename = "chat")]
    Chat,
    /// Chat, but for making and deleting threads.
    #[serde(rename = "chat.join")]
    ChatJoin,
    /// Chat, but for threads and their participants.
    #[serde(rename = "chat.join.limited")]
    ChatJoinLimited,
    /// Everything in calling.
    #[serde(rename = "voip")]
    Voip,
    /// Calling, but for starting calls.
    #[serde(rename = "voip.join")]
    VoipJoin,
}

impl Scope {
    /// All scopes, in the order of their bits.
    pub const ALL: [Scope; 5] = [Scope::Chat, Scope::ChatJoin, Scope::ChatJoinLimited, Scope::Voip, Scope::VoipJoin];

    /// The scope's name on the wire.
    pub const fn as_str(self) -> &'static str {
        match self {
            Scope::Chat => "chat",
            Scope::ChatJoin => "chat.join",
            Scope::ChatJoinLimited => "chat.join.limited",
            Scope::Voip => "voip",
            Scope::VoipJoin => "voip.join",
        }
    }

    const fn bit(self) -> u8 {
        match self {
            Scope::Chat => 1,
            Scope::ChatJoin => 2,
            Scope::ChatJoinLimited => 4,
            Scope::Voip => 8,
            Scope::VoipJoin => 16,
        }
    }
}

/// A scope name that does not exist.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ScopeError;

impl fmt::Display for ScopeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a scope is one of chat, chat.join, chat.join.limited, voip, voip.join")
    }
}

impl std::error::Error for ScopeError {}

impl FromStr for Scope {
    type Err = ScopeError;
    /// Parses a scope name, in either case (wire notes 6.10).
    fn from_str(text: &str) -> Result<Scope, ScopeError> {
        Scope::ALL.into_iter().find(|scope| scope.as_str().eq_ignore_ascii_case(text)).ok_or(ScopeError)
    }
}

/// A set of scopes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Default)]
pub struct Scopes(u8);

impl Scopes {
    /// The set that permits nothing.
    pub const NONE: Scopes = Scopes(0);

    /// This set and one more scope.
    #[must_use]
    pub const fn with(self, scope: Scope) -> Scopes {
        Scopes(self.0 | scope.bit())
    }

    /// Whether the set holds this very scope.
    pub const fn has(self, scope: Scope) -> bool {
        self.0 & scope.bit() != 0
    }

    /// Whether the set holds any scope of `others`.
    pub const fn has_any(self, others: Scopes) -> bool {
        self.0 & others.0 != 0
    }

    /// Whether nothing is permitted.
    pub const fn is_empty(self) -> bool {
        self.0 == 0
    }

    /// The scopes of the set, in the order of [`Scope::ALL`].
    pub fn iter(self) -> impl Iterator<Item = Scope> {
        Scope::ALL.into_iter().filter(move |scope| self.has(*scope))
    }

    /// May start calls (B-TOK-4, VoIP scope table).
    pub const fn may_start_calls(self) -> bool {
        self.has(Scope::Voip)
    }

    /// May take part in calls.
    pub const fn may_join_calls(self) -> bool {
        self.has(Scope::Voip) || self.has(Scope::VoipJoin)
    }
}

impl FromIterator<Scope> for Scopes {
    fn from_iter<I: IntoIterator<Item = Scope>>(scopes: I) -> Scopes {
        scopes.into_iter().fold(Scopes::NONE, Scopes::with)
    }
}

impl fmt::Display for Scopes {
    /// The comma list of the `acsScope` claim.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, scope) in self.iter().enumerate() {
            if index > 0 {
                f.write_str(",")?;
            }
            f.write_str(scope.as_str())?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn scopes_print_as_the_claim_and_know_their_rules() {
        let both: Scopes = [Scope::Voip, Scope::Chat].into_iter().collect();
        assert_eq!(both.to_string(), "chat,voip");
        assert!(both.may_start_calls());
        let join = Scopes::NONE.with(Scope::VoipJoin);
        assert!(!join.may_start_calls() && join.may_join_calls());
        assert_eq!("VOIP.join".parse(), Ok(Scope::VoipJoin));
        assert_eq!("sip".parse::<Scope>(), Err(ScopeError));
    }
}
