//! Access tokens: issued and revoked.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{UserRequest, VERSIONS, per_half_minute};
use crate::{Auth, Limit, Method, Operation, Versions};

/// *Issue access token*: a token for a user that exists.
pub struct IssueToken;

/// Asks for a token.
#[derive(Clone, Debug, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct IssueTokenRequest {
    /// The user's raw id, from the path.
    pub id: String,
    /// What the token shall permit; at least one scope (B-TOK-4).
    #[serde(default)]
    pub scopes: Option<Vec<String>>,
    /// Its validity in minutes, 60 to 1440; 1440 when absent (B-TOK-2).
    #[serde(default)]
    pub expires_in_minutes: Option<i64>,
}

/// A user access token.
#[derive(Clone, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct AccessToken {
    /// A JWT.
    pub token: String,
    /// When it ends: RFC 3339 with seven fraction digits and a numeric offset.
    pub expires_on: String,
}

impl core::fmt::Debug for AccessToken {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_struct("AccessToken").field("expires_on", &self.expires_on).finish_non_exhaustive()
    }
}

impl Operation for IssueToken {
    type Request = IssueTokenRequest;
    type Response = AccessToken;
    const NAME: &'static str = "CommunicationIdentity_IssueAccessToken";
    const SUMMARY: &'static str = "Issue a new access token for an identity.";
    const METHOD: Method = Method::Post;
    const PATH: &'static str = "/identities/{id}/:issueAccessToken";
    const STATUS: u16 = 200;
    const AUTH: Auth = Auth::AccessKey;
    const LIMIT: Option<Limit> = per_half_minute("identity.issue", 1000);
    const VERSIONS: Versions = VERSIONS;
}

/// *Revoke access tokens*: ends every token that a user has been given so far (B-TOK-5).
pub struct RevokeTokens;

impl Operation for RevokeTokens {
    type Request = UserRequest;
    type Response = ();
    const NAME: &'static str = "CommunicationIdentity_RevokeAccessTokens";
    const SUMMARY: &'static str = "Revoke all access tokens of an identity.";
    const METHOD: Method = Method::Post;
    const PATH: &'static str = "/identities/{id}/:revokeAccessTokens";
    const STATUS: u16 = 204;
    const AUTH: Auth = Auth::AccessKey;
    const LIMIT: Option<Limit> = per_half_minute("identity.revoke", 500);
    const VERSIONS: Versions = VERSIONS;
}
