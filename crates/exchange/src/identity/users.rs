//! Users: made, found and deleted (B-ID-1, B-ID-5).

use std::time::Duration;

use centrale_model::{Identity, Timestamp, UserId};
use centrale_store::transact;
use centrale_wire::identity::{CreateUserRequest, CreatedUser, UserRef, UserRequest};

use super::cache::Standing;
use super::tokens::{key_use, minutes, scopes, sign};
use super::watch::{self, Revocation};
use super::{Caller, sql};
use crate::{Context, Error, Result};

/// How long a deleted user is remembered: a minute longer than anything lasts that was given to it (relay credentials, 48 hours).
pub const REMEMBERED: Duration = Duration::from_secs(172_800 + 60);

/// Makes a user, and a token for it when scopes are asked for.
///
/// # Errors
/// `Invalid` when a scope is unknown or the validity is outside 60 to 1440 minutes; nothing is made then.
pub async fn create_user(ctx: &Context, caller: &Caller, request: CreateUserRequest) -> Result<CreatedUser> {
    let wanted = match request.create_token_with_scopes.as_deref() {
        None | Some([]) => None,
        names @ Some(_) => Some(scopes(names, "CreateTokenWithScopes")?),
    };
    let minutes = minutes(request.expires_in_minutes)?;
    let user = UserId::from_random(ctx.random_16());
    let now = ctx.now();
    transact!(ctx.store, |tx| { sql::insert_user(tx, user, now).await })?;
    ctx.identity.users.learn(user, Standing::Is(1), ctx.clock.time());
    let access_token = wanted.map(|scopes| sign(ctx, key_use(ctx, caller), user, 1, scopes, minutes)).transpose()?;
    Ok(CreatedUser { identity: UserRef { id: Identity::user(ctx.resource, user).to_string() }, access_token })
}

/// Forgets a user and ends all its tokens, on every node at once.
///
/// Deleting a user that is gone already succeeds, so that a repeated request does.
///
/// # Errors
/// `NotFound` when the id is not of a user of this resource.
pub async fn delete_user(ctx: &Context, _caller: &Caller, request: UserRequest) -> Result<()> {
    let user = our_user(ctx, &request.id)?;
    let now = ctx.now();
    let existed = transact!(ctx.store, |tx| {
        let existed = sql::delete_user(tx, user).await?;
        if existed {
            sql::insert_deleted(tx, user, now, now.minus(REMEMBERED)).await?;
        }
        Ok::<_, Error>(existed)
    })?;
    if existed {
        ctx.identity.users.learn(user, Standing::Gone, ctx.clock.time());
        watch::tell(ctx, Revocation::Deleted { user }).await;
    }
    Ok(())
}

/// Users of this resource who were deleted, in order of time, beginning after the user `after` of the moment `from`.
///
/// What is older than [`REMEMBERED`] is forgotten: nothing that was given to such a user is good any more.
pub async fn deleted_users(
    ctx: &Context,
    from: Timestamp,
    after: &str,
    limit: u32,
) -> Result<Vec<(UserId, Timestamp)>> {
    sql::deleted_users(&*ctx.store, from, after, limit).await
}

/// Finds that an identity is a user of this resource who exists, and gives its id.
///
/// # Errors
/// `NotFound` otherwise.
pub async fn require_user(ctx: &Context, identity: &Identity) -> Result<UserId> {
    match identity {
        Identity::User { resource, user } if *resource == ctx.resource => {
            require_generation(ctx, *user).await?;
            Ok(*user)
        }
        Identity::User { .. } | Identity::Phone(_) | Identity::Unknown(_) => Err(unknown_user()),
    }
}

/// How many users exist.
pub async fn count(ctx: &Context) -> Result<u64> {
    sql::count_users(&*ctx.store).await
}

/// Reads a raw id that must be of a user of this resource.
pub(super) fn our_user(ctx: &Context, raw: &str) -> Result<UserId> {
    match raw.parse::<Identity>() {
        Ok(Identity::User { resource, user }) if resource == ctx.resource => Ok(user),
        Ok(Identity::User { .. }) => Err(unknown_user()),
        Ok(Identity::Phone(_) | Identity::Unknown(_)) | Err(_) => {
            Err(Error::validation("id", "Provided identity has invalid format: 8:acs:<resource>_<user> is expected."))
        }
    }
}

/// The user's generation, from memory or by one point read.
pub(super) async fn generation(ctx: &Context, user: UserId) -> Result<Option<i64>> {
    if let Some(standing) = ctx.identity.users.get(user, ctx.clock.time()) {
        return Ok(match standing {
            Standing::Is(generation) => Some(generation),
            Standing::Gone => None,
        });
    }
    let found = sql::user_generation(&*ctx.store, user).await?;
    // Only what exists is learnt: strangers could otherwise push everybody else out of memory.
    if let Some(generation) = found {
        ctx.identity.users.learn(user, Standing::Is(generation), ctx.clock.time());
    }
    Ok(found)
}

pub(super) async fn require_generation(ctx: &Context, user: UserId) -> Result<i64> {
    generation(ctx, user).await?.ok_or_else(unknown_user)
}

pub(super) fn unknown_user() -> Error {
    Error::not_found("Requested identity was not found.").code("IdentityNotFound").target("id")
}
