//! Who calls: verified user tokens.

use centrale_model::{Identity, Scope, Scopes, Timestamp, UserId};

use super::access::KeyUse;
use super::jwt::{Claims, Parts};
use super::users;
use crate::{Context, Error, Result};

/// A user whose token was verified.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Bearer {
    /// Who.
    pub identity: Identity,
    /// The user part of the identity.
    pub user: UserId,
    /// What the token permits.
    pub scopes: Scopes,
    /// When it was issued.
    pub issued: Timestamp,
    /// When it ends.
    pub expires: Timestamp,
    /// The user's generation when it was issued.
    pub generation: i64,
    /// The access key it was made under.
    pub key: KeyUse,
}

/// Who calls an operation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Caller {
    /// Nobody said.
    Open,
    /// A server that signed with an access key.
    Key(KeyUse),
    /// A user's app.
    User(Bearer),
}

impl Caller {
    /// The user who calls.
    ///
    /// # Errors
    /// `Unauthenticated` when the caller is not a user.
    pub fn user(&self) -> Result<&Bearer> {
        match self {
            Caller::User(bearer) => Ok(bearer),
            Caller::Open | Caller::Key(_) => Err(refused("the caller is not a user")),
        }
    }
}

/// Verifies a user access token: form, signature, end, issuer, resource, and that neither the token's user nor its access
/// key has moved on.
///
/// # Errors
/// `Unauthenticated`, with the same sentence for the caller whatever is wrong; the log is told what.
pub async fn verify_user_token(ctx: &Context, token: &str) -> Result<Bearer> {
    let parts = Parts::take(token).ok_or_else(|| refused("not a token of ours"))?;
    let signing = ctx.identity.signing();
    let pair = signing.get(&parts.kid).ok_or_else(|| refused("signed with a key that is not ours"))?;
    if !pair.verifies(parts.signed, &parts.signature) {
        return Err(refused("the signature is wrong"));
    }
    let claims = parts.claims().ok_or_else(|| refused("a signed token that cannot be read"))?;
    let bearer = read(ctx, &claims)?;
    check(ctx, &bearer).await?;
    Ok(bearer)
}

/// Whether a token that was verified before would be verified again now: for connections that stay open.
///
/// # Errors
/// `Unavailable` when the store cannot be asked.
pub async fn is_still_valid(ctx: &Context, bearer: &Bearer) -> Result<bool> {
    match check(ctx, bearer).await {
        Ok(()) => Ok(true),
        Err(error) if error.kind() == crate::Kind::Unauthenticated => Ok(false),
        Err(error) => Err(error),
    }
}

fn read(ctx: &Context, claims: &Claims) -> Result<Bearer> {
    if claims.iss != ctx.public_url {
        return Err(refused("issued under another address"));
    }
    let identity: Identity =
        format!("8:{}", claims.skypeid).parse().map_err(|_| refused("the user's id cannot be read"))?;
    let user = match &identity {
        Identity::User { resource, user } if *resource == ctx.resource => *user,
        Identity::User { .. } | Identity::Phone(_) | Identity::Unknown(_) => {
            return Err(refused("of another resource"));
        }
    };
    let scopes: Scopes = claims
        .acs_scope
        .split(',')
        .map(str::parse::<Scope>)
        .collect::<Result<_, _>>()
        .map_err(|_| refused("a scope cannot be read"))?;
    Ok(Bearer {
        identity,
        user,
        scopes,
        issued: Timestamp::from_secs(claims.iat),
        expires: Timestamp::from_secs(claims.exp),
        generation: claims.user_generation,
        key: KeyUse { name: claims.key_name, generation: claims.key_generation },
    })
}

async fn check(ctx: &Context, bearer: &Bearer) -> Result<()> {
    if bearer.expires <= ctx.now() {
        return Err(refused("over"));
    }
    if ctx.access_keys().get(bearer.key.name).key.generation != bearer.key.generation {
        return Err(refused("its access key was replaced"));
    }
    match users::generation(ctx, bearer.user).await? {
        Some(generation) if generation == bearer.generation => Ok(()),
        Some(_) => Err(refused("revoked")),
        None => Err(refused("its user was deleted")),
    }
}

fn refused(why: &'static str) -> Error {
    Error::unauthenticated("The access token is missing, invalid or expired.").detail(why)
}
