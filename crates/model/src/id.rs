//! Ids, each its own type. All are canonical lower-case GUIDs but for the parts that say otherwise.

use core::fmt;
use core::str::FromStr;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

/// What was wrong with the text of an id.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct IdError;

impl fmt::Display for IdError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("not a GUID of the form xxxxxxxx-xxxx-xxxx-xxxx-xxxxxxxxxxxx")
    }
}

impl std::error::Error for IdError {}

/// Parses exactly the 36-character hyphenated form, in either case.
pub(crate) fn parse_guid(text: &str) -> Result<Uuid, IdError> {
    if text.len() != 36 {
        return Err(IdError);
    }
    Uuid::try_parse(text).map_err(|_| IdError)
}

macro_rules! guid {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        ///
        /// A GUID; made from 128 random bits by the caller, since this room knows no chance.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
        #[serde(try_from = "String", into = "String")]
        #[schemars(with = "String")]
        pub struct $name(Uuid);

        impl $name {
            /// Makes an id from 16 random bytes, marked as a version 4 GUID.
            pub fn from_random(bytes: [u8; 16]) -> $name {
                $name(uuid::Builder::from_random_bytes(bytes).into_uuid())
            }

            /// The id made of exactly these 128 bits.
            pub const fn from_u128(bits: u128) -> $name {
                $name(Uuid::from_u128(bits))
            }

            /// The id as 128 bits.
            pub const fn to_u128(self) -> u128 {
                self.0.as_u128()
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.hyphenated().fmt(f)
            }
        }

        impl FromStr for $name {
            type Err = IdError;
            fn from_str(text: &str) -> Result<Self, IdError> {
                parse_guid(text).map($name)
            }
        }

        impl TryFrom<String> for $name {
            type Error = IdError;
            fn try_from(text: String) -> Result<Self, IdError> {
                text.parse()
            }
        }

        impl From<$name> for String {
            fn from(id: $name) -> String {
                id.to_string()
            }
        }
    };
}

guid!(
    /// One deployment's resource: the GUID inside each user id and token.
    ResourceId
);
guid!(
    /// The user part of a user's raw id (`8:acs:<resource>_<user>`).
    UserId
);
guid!(
    /// A call, as clients and servers name it (the *server call id*).
    CallId
);
guid!(
    /// A group of people who meet by a name that an app chose: the call that lives under it (B-CALL-7).
    GroupId
);
guid!(
    /// One installed client of one user: a browser tab, an app. Where legs ring.
    EndpointId
);
guid!(
    /// A leg's place in a call as others see it (B-CALL-10).
    ParticipantId
);

/// A leg inside one call: its number in order of creation, from 0.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(transparent)]
pub struct LegId(pub u32);

impl fmt::Display for LegId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "leg{}", self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_hyphenated_form_is_an_id() {
        let text = "00000000-0000-4000-8000-00000000cafe";
        assert_eq!(text.parse::<ResourceId>().expect("a GUID").to_string(), text);
        assert!("0000000000004000800000000000cafe".parse::<ResourceId>().is_err());
        assert!("{00000000-0000-4000-8000-00000000cafe}".parse::<ResourceId>().is_err());
        assert!("".parse::<ResourceId>().is_err());
    }
}
