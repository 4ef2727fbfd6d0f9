//! Identities: whoever can be addressed, and the raw ids that name them (B-ID-4).

use core::fmt;
use core::str::FromStr;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::id::parse_guid;
use crate::{ResourceId, UserId};

/// What was wrong with the text of an identity.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum IdentityError {
    /// Nothing was given, or more than [`Identity::MAX_LENGTH`] bytes.
    Length,
    /// A control character or a character outside ASCII.
    Character,
    /// `4:` without a plus sign and 3 to 15 digits.
    PhoneNumber,
}

impl fmt::Display for IdentityError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            IdentityError::Length => "an identifier has 1 to 256 characters",
            IdentityError::Character => "an identifier has printable ASCII characters only",
            IdentityError::PhoneNumber => "a phone number is a plus sign and 3 to 15 digits",
        })
    }
}

impl std::error::Error for IdentityError {}

/// A telephone number in E.164: a plus sign and 3 to 15 digits (B-NUM-1).
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct PhoneNumber(String);

impl FromStr for PhoneNumber {
    type Err = IdentityError;
    fn from_str(text: &str) -> Result<PhoneNumber, IdentityError> {
        let digits = text.strip_prefix('+').ok_or(IdentityError::PhoneNumber)?;
        let is_right = (3..=15).contains(&digits.len()) && digits.bytes().all(|b| b.is_ascii_digit());
        if is_right { Ok(PhoneNumber(text.to_owned())) } else { Err(IdentityError::PhoneNumber) }
    }
}

impl PhoneNumber {
    /// The number as text, with its plus sign.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for PhoneNumber {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("PhoneNumber(…)")
    }
}

impl TryFrom<String> for PhoneNumber {
    type Error = IdentityError;
    fn try_from(text: String) -> Result<Self, IdentityError> {
        text.parse()
    }
}

impl From<PhoneNumber> for String {
    fn from(number: PhoneNumber) -> String {
        number.0
    }
}

/// Anything that can be addressed: a user, a telephone number, a bot.
///
/// Its text form is the *raw id*: `8:acs:<resource>_<user>`, `4:+<digits>`, or anything else ([`Identity::Unknown`], for
/// example `8:echo123`). B-ID-4. `Debug` hides the personal part.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(try_from = "String", into = "String")]
#[schemars(with = "String")]
pub enum Identity {
    /// A user of a resource.
    User {
        /// The resource that minted the user.
        resource: ResourceId,
        /// The user within it.
        user: UserId,
    },
    /// A telephone.
    Phone(PhoneNumber),
    /// A raw id of no kind known here, kept as it is.
    Unknown(String),
}

impl Identity {
    /// The longest raw id accepted, in bytes.
    pub const MAX_LENGTH: usize = 256;

    /// The raw id of a user of a resource.
    pub const fn user(resource: ResourceId, user: UserId) -> Identity {
        Identity::User { resource, user }
    }
}

impl FromStr for Identity {
    type Err = IdentityError;

    fn from_str(text: &str) -> Result<Identity, IdentityError> {
        if text.is_empty() || text.len() > Identity::MAX_LENGTH {
            return Err(IdentityError::Length);
        }
        if !text.bytes().all(|b| b.is_ascii_graphic()) {
            return Err(IdentityError::Character);
        }
        if let Some(number) = text.strip_prefix("4:") {
            return Ok(match number.parse() {
                Ok(number) => Identity::Phone(number),
                Err(error) if number.starts_with('+') && !number.contains('_') => {
                    return Err(error);
                }
                Err(_) => Identity::Unknown(text.to_owned()),
            });
        }
        let user = text.strip_prefix("8:acs:").and_then(|rest| rest.split_once('_')).and_then(|(resource, user)| {
            let resource = parse_guid(resource).ok()?;
            let user = parse_guid(user).ok()?;
            Some(Identity::User {
                resource: ResourceId::from_u128(resource.as_u128()),
                user: UserId::from_u128(user.as_u128()),
            })
        });
        Ok(user.unwrap_or_else(|| Identity::Unknown(text.to_owned())))
    }
}

impl fmt::Display for Identity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Identity::User { resource, user } => write!(f, "8:acs:{resource}_{user}"),
            Identity::Phone(number) => write!(f, "4:{}", number.as_str()),
            Identity::Unknown(text) => f.write_str(text),
        }
    }
}

impl fmt::Debug for Identity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Identity::User { .. } => f.write_str("User(…)"),
            Identity::Phone(_) => f.write_str("Phone(…)"),
            Identity::Unknown(_) => f.write_str("Unknown(…)"),
        }
    }
}

impl TryFrom<String> for Identity {
    type Error = IdentityError;
    fn try_from(text: String) -> Result<Self, IdentityError> {
        text.parse()
    }
}

impl From<Identity> for String {
    fn from(identity: Identity) -> String {
        identity.to_string()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn raw_ids_survive_parsing_and_printing() {
        for text in [
            "8:acs:00000000-0000-4000-8000-00000000cafe_0000001b-e76c-cf3c-1985-0948220072ec",
            "4:+3225550100",
            "4:anonymous",
            "8:echo123",
            "8:orgid:00000000-0000-4000-8000-00000000cafe",
        ] {
            assert_eq!(text.parse::<Identity>().expect("an identity").to_string(), text);
        }
    }

    #[test]
    fn three_parts_are_not_a_user_of_ours() {
        let guid = "00000000-0000-4000-8000-00000000cafe";
        let identity: Identity = format!("8:acs:{guid}_{guid}_{guid}").parse().expect("an identity");
        assert!(matches!(identity, Identity::Unknown(_)));
    }

    #[test]
    fn bad_text_is_refused() {
        assert_eq!("".parse::<Identity>(), Err(IdentityError::Length));
        assert_eq!("8:acs:\n".parse::<Identity>(), Err(IdentityError::Character));
        assert_eq!("4:+12".parse::<Identity>(), Err(IdentityError::PhoneNumber));
        assert_eq!("x".repeat(257).parse::<Identity>(), Err(IdentityError::Length));
    }

    #[test]
    fn debug_output_shows_nothing_personal() {
        let identity: Identity = "4:+3225550100".parse().expect("an identity");
        assert!(!format!("{identity:?}").contains("3225550100"));
    }
}
