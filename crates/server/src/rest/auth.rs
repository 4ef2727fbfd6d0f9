//! Who calls.

use centrale_exchange::identity::{self, Caller};
use centrale_exchange::{Error, Result};
use centrale_wire::Auth;
use http::HeaderMap;
use http::header::AUTHORIZATION;
use http::request::Parts;

use super::Node;
use super::hmac::{BodyHash, Signed};

/// The user access token of a request, from `Authorization: Bearer …`.
pub fn bearer_of(headers: &HeaderMap) -> Option<&str> {
    let value = headers.get(AUTHORIZATION)?.to_str().ok()?;
    let (scheme, token) = value.split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then(|| token.trim())
}

/// Finds who calls an operation that asks for `auth`; for a signed request also the hash that its body must have.
pub(super) async fn caller(node: &Node, auth: Auth, parts: &Parts) -> Result<(Caller, Option<BodyHash>)> {
    match auth {
        Auth::Open => Ok((Caller::Open, None)),
        Auth::User => {
            let token = bearer_of(&parts.headers).ok_or_else(|| {
                Error::unauthenticated("The request needs a user access token (Authorization: Bearer).")
            })?;
            Ok((Caller::User(identity::verify_user_token(&node.ctx, token).await?), None))
        }
        Auth::AccessKey => {
            if bearer_of(&parts.headers).is_some() {
                return Err(Error::unauthenticated(
                    "The operation needs a request signed with an access key; bearer tokens are not accepted here.",
                ));
            }
            let signed = Signed {
                method: parts.method.as_str(),
                path: parts.uri.path(),
                query: parts.uri.query(),
                headers: &parts.headers,
                public_hosts: &node.setting.public_hosts,
            };
            let (key, hash) = signed.verify(&node.ctx.access_keys(), node.ctx.now())?;
            Ok((Caller::Key(key), Some(hash)))
        }
    }
}

/// Whether the caller's scopes let it call.
pub(super) fn check_scopes(caller: &Caller, wanted: &[centrale_model::Scope]) -> Result<()> {
    let Caller::User(bearer) = caller else { return Ok(()) };
    if wanted.is_empty() || bearer.scopes.has_any(wanted.iter().copied().collect()) {
        return Ok(());
    }
    Err(Error::forbidden("The access token does not have a scope that permits this operation."))
}
