//! Facts in a stream, numbered.

use core::fmt;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// A fact's place in its stream: 1 for the first, without gaps. 0 means "before the first".
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(transparent)]
pub struct Sequence(pub u64);

impl fmt::Display for Sequence {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// The name of a stream: a kind and an id, for example `user/8:acs:…` or `call/<guid>`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct StreamName(String);

impl StreamName {
    /// What one user's clients are told.
    pub fn user(identity: &crate::Identity) -> StreamName {
        StreamName(format!("user/{identity}"))
    }

    /// What happened in one call.
    pub fn call(call: crate::CallId) -> StreamName {
        StreamName(format!("call/{call}"))
    }

    /// The name as text, as rows hold it.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}
