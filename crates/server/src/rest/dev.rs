//! Tokens for the try-it page of `centrale dev`, which has no server of its own.
//!
//! Only in `centrale dev`, only from this machine, and only for the page that this exchange served.

use centrale_exchange::identity::{self, Caller};
use centrale_exchange::{Error, Result};
use centrale_wire::Method;
use centrale_wire::identity::{CreateUserRequest, IssueTokenRequest};
use http::{HeaderMap, StatusCode};
use serde::Deserialize;
use serde_json::json;

use super::router::{Incoming, Routes};
use super::{Answer, Node, answer, body};

pub(super) fn mount(routes: &mut Routes) {
    routes.raw(Method::Post, "/dev/token", false, |node, incoming| async move {
        match token(&node, incoming).await {
            Ok(answer) => answer,
            Err(error) => answer::error(&error),
        }
    });
}

#[derive(Deserialize, Default)]
#[serde(rename_all = "camelCase", default)]
struct Wanted {
    /// The user; a new one when absent.
    id: Option<String>,
    /// The scopes; `voip` and `chat` when absent.
    scopes: Option<Vec<String>>,
    /// The validity; the longest when absent.
    expires_in_minutes: Option<i64>,
}

async fn token(node: &Node, incoming: Incoming) -> Result<Answer> {
    if !incoming.peer.ip().to_canonical().is_loopback()
        || !is_own_page(incoming.request.headers(), &node.ctx.public_url)
    {
        return Err(Error::forbidden("Tokens without a key are given to this machine's own page only."));
    }
    let content = body::read(&mut incoming.request.into_body(), 4096)
        .await
        .map_err(|_| Error::invalid("The body is too long or did not arrive."))?;
    let wanted: Wanted = if content.is_empty() {
        Wanted::default()
    } else {
        serde_json::from_slice(&content)
            .map_err(|error| Error::invalid(format!("The body cannot be understood: {error}.")))?
    };
    let scopes = wanted.scopes.unwrap_or_else(|| vec!["voip".to_owned(), "chat".to_owned()]);
    let (id, token) = match wanted.id {
        Some(id) => {
            let request = IssueTokenRequest {
                id: id.clone(),
                scopes: Some(scopes),
                expires_in_minutes: wanted.expires_in_minutes,
            };
            (id, identity::issue_token(&node.ctx, &Caller::Open, request).await?)
        }
        None => {
            let request = CreateUserRequest {
                create_token_with_scopes: Some(scopes),
                expires_in_minutes: wanted.expires_in_minutes,
            };
            let made = identity::create_user(&node.ctx, &Caller::Open, request).await?;
            let token =
                made.access_token.ok_or_else(|| Error::validation("scopes", "At least one scope is needed."))?;
            (made.identity.id, token)
        }
    };
    Ok(answer::json(StatusCode::OK, &json!({ "id": id, "token": token.token, "expiresOn": token.expires_on })))
}

/// Whether the request comes from a page of this exchange, or from no page at all. A page elsewhere that tricks the
/// developer's browser into asking under another name is refused.
fn is_own_page(headers: &HeaderMap, public_url: &str) -> bool {
    let text = |name: &str| headers.get(name).and_then(|value| value.to_str().ok());
    let host = text("host").unwrap_or_default();
    let name = host.rsplit_once(':').map_or(host, |(name, _)| name);
    let is_local = matches!(name, "localhost" | "127.0.0.1" | "[::1]")
        || public_url.strip_prefix("https://").is_some_and(|public| public == host);
    let is_same = text("origin").is_none_or(|origin| origin.strip_prefix("https://") == Some(host));
    is_local && is_same
}
