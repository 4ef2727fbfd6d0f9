//! Users: made and deleted.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{AccessToken, VERSIONS, per_half_minute};
use crate::{Auth, Limit, Method, Operation, Versions};

/// *Create identity*: makes a user, and a token for it when scopes are asked for.
pub struct CreateUser;

/// Asks for a user.
#[derive(Clone, Debug, Default, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct CreateUserRequest {
    /// The scopes of a token to be made along; none or empty for no token.
    #[serde(default)]
    pub create_token_with_scopes: Option<Vec<String>>,
    /// The token's validity in minutes, 60 to 1440; 1440 when absent.
    #[serde(default)]
    pub expires_in_minutes: Option<i64>,
}

/// A user's raw id, as the identity service nests it.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
pub struct UserRef {
    /// `8:acs:<resource>_<user>`.
    pub id: String,
}

/// A new user.
#[derive(Clone, Debug, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct CreatedUser {
    /// Who was made.
    pub identity: UserRef,
    /// The token, when scopes were asked for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub access_token: Option<AccessToken>,
}

impl Operation for CreateUser {
    type Request = CreateUserRequest;
    type Response = CreatedUser;
    const NAME: &'static str = "CommunicationIdentity_Create";
    const SUMMARY: &'static str = "Create a new identity, and optionally an access token for it.";
    const METHOD: Method = Method::Post;
    const PATH: &'static str = "/identities";
    const STATUS: u16 = 201;
    const AUTH: Auth = Auth::AccessKey;
    const LIMIT: Option<Limit> = per_half_minute("identity.create", 1000);
    const VERSIONS: Versions = VERSIONS;
}

/// *Delete identity*: forgets a user and ends all its tokens at once (B-ID-5).
pub struct DeleteUser;

/// Names a user by the path alone.
#[derive(Clone, Debug, Deserialize, Serialize, JsonSchema)]
pub struct UserRequest {
    /// The user's raw id.
    pub id: String,
}

impl Operation for DeleteUser {
    type Request = UserRequest;
    type Response = ();
    const NAME: &'static str = "CommunicationIdentity_Delete";
    const SUMMARY: &'static str = "Delete an identity and revoke all its access tokens.";
    const METHOD: Method = Method::Delete;
    const PATH: &'static str = "/identities/{id}";
    const STATUS: u16 = 204;
    const AUTH: Auth = Auth::AccessKey;
    const LIMIT: Option<Limit> = per_half_minute("identity.delete", 500);
    const VERSIONS: Versions = VERSIONS;
}
