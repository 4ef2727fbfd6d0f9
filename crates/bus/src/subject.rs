//! The names of what is talked about.

use std::{fmt, sync::Arc};

use crate::BusError;

/// The most bytes a subject may have, its dots included.
pub const SUBJECT_LIMIT: usize = 1024;

/// A name such as `thread.19_3Aab`: tokens of letters, digits, `-` and `_`, joined by dots.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Subject(Arc<str>);

impl Subject {
    /// Makes a subject of parts that may hold anything, such as ids from outside.
    ///
    /// Letters, digits and `-` stay; every other byte becomes `_` and two hexadecimal digits; an empty part becomes `_`. So
    /// different parts always make different subjects.
    ///
    /// Fails with `Subject` when there is no part, or the result is longer than [`SUBJECT_LIMIT`].
    pub fn of(parts: &[&str]) -> Result<Self, BusError> {
        if parts.is_empty() {
            return Err(BusError::Subject("no parts".into()));
        }
        let mut text = String::with_capacity(parts.iter().map(|part| part.len() + 1).sum());
        for (index, part) in parts.iter().enumerate() {
            if index > 0 {
                text.push('.');
            }
            escape(part, &mut text);
        }
        Self::limited(&text)
    }

    /// Reads a subject that is already one, such as `media.node-1`.
    ///
    /// Fails with `Subject` when a token is empty or holds another character, or the text is longer than [`SUBJECT_LIMIT`].
    pub fn parse(text: &str) -> Result<Self, BusError> {
        let is_token = |token: &str| {
            !token.is_empty() && token.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_')
        };
        if !text.split('.').all(is_token) {
            return Err(BusError::Subject(format!("{text:?} holds a token that is not letters, digits, - and _")));
        }
        Self::limited(text)
    }

    /// Gives the text.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    fn limited(text: &str) -> Result<Self, BusError> {
        if text.len() > SUBJECT_LIMIT {
            return Err(BusError::Subject(format!("{} bytes, where {SUBJECT_LIMIT} are the most", text.len())));
        }
        Ok(Subject(text.into()))
    }
}

impl fmt::Display for Subject {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

fn escape(part: &str, into: &mut String) {
    const DIGITS: &[u8; 16] = b"0123456789ABCDEF";
    if part.is_empty() {
        into.push('_');
    }
    for byte in part.bytes() {
        if byte.is_ascii_alphanumeric() || byte == b'-' {
            into.push(char::from(byte));
        } else {
            into.push('_');
            into.push(char::from(DIGITS[usize::from(byte >> 4)]));
            into.push(char::from(DIGITS[usize::from(byte & 15)]));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_from_outside_cannot_make_tokens_or_wildcards() {
        let subject = Subject::of(&["user", "8:acs:a_b.*>"]).expect("short enough");
        assert_eq!(subject.as_str(), "user.8_3Aacs_3Aa_5Fb_2E_2A_3E");
        assert_eq!(Subject::parse(subject.as_str()), Ok(subject));
        assert_eq!(Subject::of(&["a", ""]).expect("short enough").as_str(), "a._");
        assert_ne!(Subject::of(&["a", "_"]), Subject::of(&["a", ""]));
        assert_ne!(Subject::of(&["a.b"]), Subject::of(&["a", "b"]));
    }

    #[test]
    fn what_is_not_a_subject_is_refused() {
        for text in ["", ".", "a.", ".a", "a..b", "a b", "a.*", "a.>", "é"] {
            assert!(matches!(Subject::parse(text), Err(BusError::Subject(_))), "{text:?}");
        }
        assert!(Subject::of(&[]).is_err());
        assert!(Subject::of(&[&"é".repeat(200)]).is_err());
    }
}
