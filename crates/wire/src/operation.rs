//! What every REST operation declares about itself.

use centrale_model::Scope;
use schemars::JsonSchema;
use serde::Serialize;
use serde::de::DeserializeOwned;

/// The HTTP method of an operation (RFC 9110 section 9, RFC 5789 for `Patch`).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Method {
    /// Reads.
    Get,
    /// Creates, or does.
    Post,
    /// Replaces.
    Put,
    /// Merges into (`application/merge-patch+json`).
    Patch,
    /// Removes.
    Delete,
}

impl Method {
    /// The method's name in a request line.
    pub const fn as_str(self) -> &'static str {
        match self {
            Method::Get => "GET",
            Method::Post => "POST",
            Method::Put => "PUT",
            Method::Patch => "PATCH",
            Method::Delete => "DELETE",
        }
    }
}

/// How a caller proves who it is (B-AUTH-1).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Auth {
    /// A server that holds an access key and signs each request with it (wire notes 3.1).
    AccessKey,
    /// A user's app that bears a user access token (wire notes 3.2).
    User,
    /// Anybody. The operation itself judges what the request carries.
    Open,
}

/// Whose requests share a count.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Per {
    /// All requests to the resource together.
    Resource,
    /// The requests of each caller apart: of each user, or of each access key.
    Caller,
}

/// How often an operation may be asked for (acs-behaviour section 21, B-LIM-1).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limit {
    /// The count's name. Operations that name the same limit share it.
    pub name: &'static str,
    /// Requests admitted within one window.
    pub count: u32,
    /// The window's length, in milliseconds.
    pub window_ms: u32,
    /// Whose requests are counted together.
    pub per: Per,
}

/// What the text of a query parameter means.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum QueryKind {
    /// Any text.
    Text,
    /// A whole number.
    Integer,
    /// `true` or `false`, in any case.
    Bool,
}

/// A query parameter that becomes a field of the request, under the same name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Query {
    /// The parameter's and the field's name. Matched in any case.
    pub name: &'static str,
    /// How its text is read.
    pub kind: QueryKind,
}

/// The `api-version`s of one family of operations, oldest first; all have the same shapes (wire notes 1.4).
///
/// Empty for operations of our own, which have no version in their address.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Versions(pub &'static [&'static str]);

impl Versions {
    /// No version is asked for.
    pub const NONE: Versions = Versions(&[]);

    /// Whether the family has no versions at all.
    pub const fn is_empty(self) -> bool {
        self.0.is_empty()
    }

    /// Whether a request may ask for `text`.
    ///
    /// `ApiVersion.V2025_03_13` (a textual enum that a vendor package sends on later pages) means `2025-03-13`, and a
    /// version's letters may be in any case.
    pub fn accept(self, text: &str) -> bool {
        if self.0.iter().any(|known| known.eq_ignore_ascii_case(text)) {
            return true;
        }
        text.strip_prefix("ApiVersion.V").is_some_and(|rest| {
            let dashed = rest.replace('_', "-");
            self.0.iter().any(|known| known.eq_ignore_ascii_case(&dashed))
        })
    }
}

/// One REST operation: its shapes, and everything that the adapter must know to serve it.
///
/// The request is made of the JSON body's fields, then the path's `{segments}`, then the declared query parameters: one
/// flat object, in which a later source wins over an earlier one. A `Response` of `()` has no body.
pub trait Operation: 'static {
    /// What the operation is asked.
    type Request: DeserializeOwned + JsonSchema + Send + 'static;
    /// What it answers.
    type Response: Serialize + JsonSchema + Send + 'static;

    /// The operation's name in the API document, in the log and in counters.
    const NAME: &'static str;
    /// One sentence for the API document.
    const SUMMARY: &'static str;
    /// The HTTP method.
    const METHOD: Method;
    /// The address: literal segments in any case, `{name}` for a parameter, `:verb` glued or apart.
    ///
    /// For example `/identities/{id}/:issueAccessToken` or `/calling/callConnections/{id}:play`.
    const PATH: &'static str;
    /// Other addresses of the same operation.
    const ALIASES: &'static [&'static str] = &[];
    /// The status of success.
    const STATUS: u16;
    /// Who may call.
    const AUTH: Auth;
    /// The scopes of which a user's token must have one; empty when any token will do.
    const SCOPES: &'static [Scope] = &[];
    /// How often; none means as often as the machine can.
    const LIMIT: Option<Limit> = None;
    /// The versions that may be asked for.
    const VERSIONS: Versions = Versions::NONE;
    /// Whether a repeated request id returns the first result (wire notes 6.7).
    const REPEATABLE: bool = false;
    /// The longest body, in bytes.
    const BODY_LIMIT: usize = 64 * 1024;
    /// The query parameters that become fields of the request.
    const QUERY: &'static [Query] = &[];

    /// The status of this answer, for operations with more than one status of success.
    fn status(_response: &Self::Response) -> u16 {
        Self::STATUS
    }

    /// Headers of this answer, for example `Location`.
    fn headers(_response: &Self::Response) -> Vec<(&'static str, String)> {
        Vec::new()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_version_may_come_in_its_enum_form_and_in_any_case() {
        let versions = Versions(&["2024-04-15", "2025-03-02-preview"]);
        assert!(versions.accept("2024-04-15"));
        assert!(versions.accept("2025-03-02-PREVIEW"));
        assert!(versions.accept("ApiVersion.V2024_04_15"));
        assert!(!versions.accept("2024_04_15"));
        assert!(!versions.accept("1999-01-01"));
        assert!(!versions.accept(""));
    }
}
