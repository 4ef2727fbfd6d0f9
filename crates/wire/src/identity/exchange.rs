//! Exchange of Entra and Teams tokens for ours (wire notes 7 rows 5 to 7).

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{AccessToken, CreatedUser, ENTRA_VERSIONS, VERSIONS, per_half_minute};
use crate::{Auth, Limit, Method, Operation, Versions};

/// *Exchange a Teams user's Entra token*.
pub struct ExchangeTeamsToken;

/// A Teams user's token, and for whom and by which app it was made.
#[derive(Clone, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ExchangeTeamsTokenRequest {
    /// The Entra token.
    #[serde(default)]
    pub token: Option<String>,
    /// The Entra app's id.
    #[serde(default)]
    pub app_id: Option<String>,
    /// The Entra user's object id.
    #[serde(default)]
    pub user_id: Option<String>,
}

impl Operation for ExchangeTeamsToken {
    type Request = ExchangeTeamsTokenRequest;
    type Response = AccessToken;
    const NAME: &'static str = "CommunicationIdentity_ExchangeTeamsUserAccessToken";
    const SUMMARY: &'static str = "Exchange a Teams user's Entra token for an access token.";
    const METHOD: Method = Method::Post;
    const PATH: &'static str = "/teamsUser/:exchangeAccessToken";
    const STATUS: u16 = 200;
    const AUTH: Auth = Auth::AccessKey;
    const LIMIT: Option<Limit> = per_half_minute("identity.exchange", 500);
    const VERSIONS: Versions = VERSIONS;
}

/// *Exchange an Entra user's token*, which comes as the bearer token of the request.
pub struct ExchangeEntraToken;

/// Nothing: the token is in the `Authorization` header.
#[derive(Clone, Debug, Default, Deserialize, Serialize, JsonSchema)]
pub struct ExchangeRequest {}

impl Operation for ExchangeEntraToken {
    type Request = ExchangeRequest;
    type Response = CreatedUser;
    const NAME: &'static str = "EntraUser_ExchangeAccessToken";
    const SUMMARY: &'static str = "Exchange an Entra user's token for an identity and an access token.";
    const METHOD: Method = Method::Post;
    const PATH: &'static str = "/access/entra/:exchangeAccessToken";
    const STATUS: u16 = 200;
    const AUTH: Auth = Auth::Open;
    const LIMIT: Option<Limit> = per_half_minute("identity.exchange", 500);
    const VERSIONS: Versions = ENTRA_VERSIONS;
}

/// *Exchange a Teams phone user's token*, which comes as the bearer token of the request.
pub struct ExchangeTeamsExtensionToken;

impl Operation for ExchangeTeamsExtensionToken {
    type Request = ExchangeRequest;
    type Response = CreatedUser;
    const NAME: &'static str = "TeamsExtension_ExchangeToken";
    const SUMMARY: &'static str = "Exchange a Teams phone user's Entra token for an identity and an access token.";
    const METHOD: Method = Method::Post;
    const PATH: &'static str = "/access/teamsExtension/:exchangeAccessToken";
    const STATUS: u16 = 200;
    const AUTH: Auth = Auth::Open;
    const LIMIT: Option<Limit> = per_half_minute("identity.exchange", 500);
    const VERSIONS: Versions = ENTRA_VERSIONS;
}
