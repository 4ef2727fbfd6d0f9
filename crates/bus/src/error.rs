//! What can go wrong.

use std::fmt;

/// Why the bus did not do it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum BusError {
    /// Nobody serves the subject, or the one who took the question let it fall unanswered.
    NoOne,
    /// No answer came within the limit; whether the question was acted on is not known.
    Timeout,
    /// The body has more than [`crate::BODY_LIMIT`] bytes; the number says how many.
    TooLarge(usize),
    /// The text is not a subject; the sentence says why.
    Subject(String),
    /// The other nodes cannot be reached at the moment. Reconnecting goes on by itself.
    Unavailable(String),
}

impl fmt::Display for BusError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            BusError::NoOne => write!(f, "nobody answers this subject"),
            BusError::Timeout => write!(f, "no answer within the limit"),
            BusError::TooLarge(bytes) => write!(f, "a body of {bytes} bytes, where {} are the most", crate::BODY_LIMIT),
            BusError::Subject(why) => write!(f, "not a subject: {why}"),
            BusError::Unavailable(why) => write!(f, "bus unavailable: {why}"),
        }
    }
}

impl std::error::Error for BusError {}
