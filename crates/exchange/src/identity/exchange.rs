//! Exchange of Entra and Teams tokens: switched off, since this exchange trusts no Entra tenant.
//!
//! Each operation answers what the vendor's service answers when it cannot accept a token, with the reason beside it.

use centrale_wire::identity::{
    AccessToken, Assignment, AssignmentRequest, CreatedUser, ExchangeRequest, ExchangeTeamsTokenRequest,
    PutAssignmentRequest,
};

use super::Caller;
use crate::{Context, Error, Result};

/// Exchanges a Teams user's Entra token.
///
/// # Errors
/// `Unauthenticated` with code `InvalidAccessToken`, always: no token can be good (wire notes 6.4).
pub async fn exchange_teams_token(_: &Context, _: &Caller, _: ExchangeTeamsTokenRequest) -> Result<AccessToken> {
    Err(no_token_is_good())
}

/// Exchanges an Entra user's token.
///
/// # Errors
/// `Unauthenticated` with code `InvalidAccessToken`, always.
pub async fn exchange_entra_token(_: &Context, _: &Caller, _: ExchangeRequest) -> Result<CreatedUser> {
    Err(no_token_is_good())
}

/// Exchanges a Teams phone user's token.
///
/// # Errors
/// `Unauthenticated` with code `InvalidAccessToken`, always.
pub async fn exchange_teams_extension_token(_: &Context, _: &Caller, _: ExchangeRequest) -> Result<CreatedUser> {
    Err(no_token_is_good())
}

/// Gives a Teams phone assignment.
///
/// # Errors
/// `Forbidden` with code `FeatureDisabled`, always.
pub async fn get_assignment(_: &Context, _: &Caller, _: AssignmentRequest) -> Result<Assignment> {
    Err(switched_off())
}

/// Makes or replaces a Teams phone assignment.
///
/// # Errors
/// `Forbidden` with code `FeatureDisabled`, always.
pub async fn put_assignment(_: &Context, _: &Caller, _: PutAssignmentRequest) -> Result<Assignment> {
    Err(switched_off())
}

/// Deletes a Teams phone assignment.
///
/// # Errors
/// `Forbidden` with code `FeatureDisabled`, always.
pub async fn delete_assignment(_: &Context, _: &Caller, _: AssignmentRequest) -> Result<()> {
    Err(switched_off())
}

const OFF: &str = "Exchange of Entra and Teams tokens is switched off in this exchange.";

fn no_token_is_good() -> Error {
    Error::unauthenticated("Provided access token is not valid.")
        .code("InvalidAccessToken")
        .reason("FeatureDisabled", OFF)
}

fn switched_off() -> Error {
    Error::forbidden(OFF).code("FeatureDisabled")
}
