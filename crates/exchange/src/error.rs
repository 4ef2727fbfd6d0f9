//! Errors: who can mend it, a sentence for the caller, a detail for the log.

use std::borrow::Cow;
use std::fmt;
use std::time::Duration;

use centrale_store::{Retry, StoreError};
use centrale_wire::{ErrorBody, ErrorDetail, InnerError};

/// What functions of this room give.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// Who can mend an error.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Kind {
    /// The caller: who are you?
    Unauthenticated,
    /// The caller: not you.
    Forbidden,
    /// The caller: no such thing, or none you may know of.
    NotFound,
    /// The caller: cannot mean that.
    Invalid,
    /// The caller: not now.
    Conflict,
    /// The caller: no longer.
    Gone,
    /// The caller: slower.
    TooMany,
    /// Us, or somebody we need.
    Unavailable,
    /// Us.
    Bug,
}

impl Kind {
    /// The code of an error that names no better one.
    const fn code(self) -> &'static str {
        match self {
            Kind::Unauthenticated => "Unauthorized",
            Kind::Forbidden => "Forbidden",
            Kind::NotFound => "NotFound",
            Kind::Invalid => "BadRequest",
            Kind::Conflict => "Conflict",
            Kind::Gone => "Gone",
            Kind::TooMany => "TooManyRequests",
            Kind::Unavailable => "ServiceUnavailable",
            Kind::Bug => "InternalError",
        }
    }
}

/// Why an operation did not happen.
#[derive(Clone, Debug)]
pub struct Error(Box<Inner>);

#[derive(Clone, Debug)]
struct Inner {
    kind: Kind,
    message: Cow<'static, str>,
    code: Option<&'static str>,
    target: Option<Cow<'static, str>>,
    reason: Option<(&'static str, Cow<'static, str>)>,
    detail: Option<String>,
    retry_after: Option<Duration>,
    is_conflict: bool,
}

impl Error {
    /// An error of a kind, with the sentence that the caller reads.
    pub fn new(kind: Kind, message: impl Into<Cow<'static, str>>) -> Error {
        Error(Box::new(Inner {
            kind,
            message: message.into(),
            code: None,
            target: None,
            reason: None,
            detail: None,
            retry_after: None,
            is_conflict: false,
        }))
    }

    /// The caller has not said, or not proved, who it is.
    pub fn unauthenticated(message: impl Into<Cow<'static, str>>) -> Error {
        Error::new(Kind::Unauthenticated, message)
    }

    /// The caller may not do that.
    pub fn forbidden(message: impl Into<Cow<'static, str>>) -> Error {
        Error::new(Kind::Forbidden, message)
    }

    /// There is no such thing, or none that the caller may know of.
    pub fn not_found(message: impl Into<Cow<'static, str>>) -> Error {
        Error::new(Kind::NotFound, message)
    }

    /// The request cannot mean that.
    pub fn invalid(message: impl Into<Cow<'static, str>>) -> Error {
        Error::new(Kind::Invalid, message)
    }

    /// A field of the request is wrong: `ValidationError` with the field as target (wire notes 6.4).
    pub fn validation(target: &'static str, message: impl Into<Cow<'static, str>>) -> Error {
        Error::new(Kind::Invalid, message).code("ValidationError").target(target)
    }

    /// The request comes at the wrong moment.
    pub fn conflict(message: impl Into<Cow<'static, str>>) -> Error {
        Error::new(Kind::Conflict, message)
    }

    /// The thing was there and is no longer.
    pub fn gone(message: impl Into<Cow<'static, str>>) -> Error {
        Error::new(Kind::Gone, message)
    }

    /// The caller asks too often; it may come back after `retry_after`.
    pub fn too_many(message: impl Into<Cow<'static, str>>, retry_after: Duration) -> Error {
        let mut error = Error::new(Kind::TooMany, message);
        error.0.retry_after = Some(retry_after);
        error
    }

    /// Something we need is away; `detail` is for the log.
    pub fn unavailable(detail: impl Into<String>) -> Error {
        let mut error =
            Error::new(Kind::Unavailable, "The service is unavailable for a moment; try again.").detail(detail);
        error.0.retry_after = Some(Duration::from_secs(1));
        error
    }

    /// We are broken; `detail` is for the log.
    pub fn bug(detail: impl Into<String>) -> Error {
        Error::new(Kind::Bug, "The server encountered an internal error.").detail(detail)
    }

    /// The same error with a better code than its kind's.
    #[must_use]
    pub fn code(mut self, code: &'static str) -> Error {
        self.0.code = Some(code);
        self
    }

    /// The same error, naming the field or thing at fault.
    #[must_use]
    pub fn target(mut self, target: impl Into<Cow<'static, str>>) -> Error {
        self.0.target = Some(target.into());
        self
    }

    /// The same error with a more precise reason (`innererror`).
    #[must_use]
    pub fn reason(mut self, code: &'static str, message: impl Into<Cow<'static, str>>) -> Error {
        self.0.reason = Some((code, message.into()));
        self
    }

    /// The same error with a sentence for the log.
    #[must_use]
    pub fn detail(mut self, detail: impl Into<String>) -> Error {
        self.0.detail = Some(detail.into());
        self
    }

    /// Who can mend it.
    pub fn kind(&self) -> Kind {
        self.0.kind
    }

    /// The sentence for the caller.
    pub fn message(&self) -> &str {
        &self.0.message
    }

    /// The sentence for the log, when there is more to say than the caller is told.
    pub fn log(&self) -> Option<&str> {
        self.0.detail.as_deref()
    }

    /// When the caller may try again.
    pub fn retry_after(&self) -> Option<Duration> {
        self.0.retry_after
    }

    /// The word for programs.
    pub fn wire_code(&self) -> &'static str {
        self.0.code.unwrap_or(self.0.kind.code())
    }

    /// The error as the wire says it.
    pub fn to_body(&self) -> ErrorBody {
        ErrorBody {
            error: ErrorDetail {
                code: self.wire_code().to_owned(),
                message: self.0.message.clone().into_owned(),
                target: self.0.target.as_deref().map(str::to_owned),
                details: Vec::new(),
                innererror: self.0.reason.as_ref().map(|(code, message)| InnerError {
                    code: (*code).to_owned(),
                    message: message.clone().into_owned(),
                }),
            },
        }
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0.message)?;
        match &self.0.detail {
            Some(detail) => write!(f, " ({detail})"),
            None => Ok(()),
        }
    }
}

impl std::error::Error for Error {}

impl From<StoreError> for Error {
    fn from(error: StoreError) -> Error {
        let detail = error.to_string();
        let mut told = match error {
            StoreError::Conflict(_) | StoreError::Unavailable(_) => Error::unavailable(detail),
            StoreError::Schema(_) | StoreError::Bug(_) => Error::bug(detail),
        };
        told.0.is_conflict = matches!(error, StoreError::Conflict(_));
        told
    }
}

impl Retry for Error {
    fn is_conflict(&self) -> bool {
        self.0.is_conflict
    }
}
