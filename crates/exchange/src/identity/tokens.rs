//! User access tokens: issued and revoked (B-TOK-1 to B-TOK-5).

use std::time::Duration;

use centrale_model::{Scope, Scopes, UserId};
use centrale_store::transact;
use centrale_wire::identity::{AccessToken, IssueTokenRequest, UserRequest};

use super::access::{KeyName, KeyUse};
use super::cache::Standing;
use super::jwt::Claims;
use super::users::{our_user, require_generation, unknown_user};
use super::watch::{self, Revocation};
use super::{Caller, sql};
use crate::{Context, Error, Result};

/// The shortest validity, in minutes (B-TOK-2).
pub const MIN_MINUTES: i64 = 60;
/// The longest validity, in minutes; also the usual one (B-TOK-2).
pub const MAX_MINUTES: i64 = 1440;

/// What real tokens carry in `scp`, whatever their scopes.
const SCP: u32 = 1792;

/// Issues a token for a user that exists.
///
/// One look at the user's number (kept in memory for ten seconds) and one signature; nothing is written.
///
/// # Errors
/// `Invalid` when a scope is unknown, none is given or the validity is outside 60 to 1440 minutes; `NotFound` when there is
/// no such user.
pub async fn issue_token(ctx: &Context, caller: &Caller, request: IssueTokenRequest) -> Result<AccessToken> {
    let user = our_user(ctx, &request.id)?;
    let scopes = scopes(request.scopes.as_deref(), "Scopes")?;
    let minutes = minutes(request.expires_in_minutes)?;
    let generation = require_generation(ctx, user).await?;
    sign(ctx, key_use(ctx, caller), user, generation, scopes, minutes)
}

/// Ends every token that a user has been given so far, on every node at once.
///
/// # Errors
/// `NotFound` when there is no such user.
pub async fn revoke_tokens(ctx: &Context, _caller: &Caller, request: UserRequest) -> Result<()> {
    let user = our_user(ctx, &request.id)?;
    let generation = transact!(ctx.store, |tx| { sql::next_generation(tx, user).await })?;
    let generation = generation.ok_or_else(unknown_user)?;
    ctx.identity.users.learn(user, Standing::Is(generation), ctx.clock.time());
    watch::tell(ctx, Revocation::Tokens { user, valid_from: generation }).await;
    Ok(())
}

/// Which access key a token is made under: the one that signed the request, else the primary.
pub(super) fn key_use(ctx: &Context, caller: &Caller) -> KeyUse {
    match caller {
        Caller::Key(key) => *key,
        Caller::Open | Caller::User(_) => ctx.access_keys().get(KeyName::Primary).key,
    }
}

/// Signs a token.
pub(super) fn sign(
    ctx: &Context,
    key: KeyUse,
    user: UserId,
    generation: i64,
    scopes: Scopes,
    minutes: i64,
) -> Result<AccessToken> {
    let now = ctx.now();
    let seconds = u64::try_from(minutes * 60).unwrap_or(0);
    let ends = centrale_model::Timestamp::from_secs(now.plus(Duration::from_secs(seconds)).as_secs());
    let claims = Claims {
        skypeid: format!("acs:{}_{user}", ctx.resource),
        scp: SCP,
        csi: now.as_secs().to_string(),
        exp: ends.as_secs(),
        rgn: "amer".to_owned(),
        acs_scope: scopes.to_string(),
        resource_id: ctx.resource.to_string(),
        resource_location: "unitedstates".to_owned(),
        iat: now.as_secs(),
        iss: ctx.public_url.clone(),
        user_generation: generation,
        key_name: key.name,
        key_generation: key.generation,
    };
    let signing = ctx.identity.signing();
    let pair = signing.current(now).ok_or_else(|| Error::bug("there is no signing key"))?;
    Ok(AccessToken { token: pair.sign(&claims)?, expires_on: ends.to_rfc3339_seven_digits() })
}

/// Reads a list of scope names.
pub(super) fn scopes(names: Option<&[String]>, target: &'static str) -> Result<Scopes> {
    let names = names
        .filter(|names| !names.is_empty())
        .ok_or_else(|| Error::validation(target, format!("{target}: The {target} field is required.")))?;
    names
        .iter()
        .map(|name| {
            name.parse::<Scope>().map_err(|_| {
                Error::validation(
                    target,
                    format!("{target}: A scope is one of chat, chat.join, chat.join.limited, voip, voip.join."),
                )
            })
        })
        .collect()
}

/// Reads a validity in minutes.
pub(super) fn minutes(given: Option<i64>) -> Result<i64> {
    let minutes = given.unwrap_or(MAX_MINUTES);
    if (MIN_MINUTES..=MAX_MINUTES).contains(&minutes) {
        return Ok(minutes);
    }
    Err(Error::validation(
        "ExpiresInMinutes",
        format!(
            "ExpiresInMinutes value {minutes} is invalid. Value must be within the [{MIN_MINUTES}, {MAX_MINUTES}] interval."
        ),
    ))
}
