//! The keys to check user tokens with, where everybody looks for them (OpenID Connect Discovery 1.0 section 4, RFC 7517).

use std::sync::Arc;

use centrale_exchange::identity;
use centrale_wire::Method;
use http::{HeaderValue, StatusCode};
use serde_json::json;

use super::router::{Incoming, Routes};
use super::{Answer, Node, answer};

pub(super) fn mount(routes: &mut Routes) {
    routes.raw(Method::Get, "/.well-known/openid-configuration", true, configuration);
    routes.raw(Method::Get, "/.well-known/jwks.json", true, keys);
}

async fn configuration(node: Arc<Node>, _: Incoming) -> Answer {
    let url = &node.ctx.public_url;
    cached(answer::json(
        StatusCode::OK,
        &json!({
            "issuer": url,
            "jwks_uri": format!("{url}/.well-known/jwks.json"),
            "id_token_signing_alg_values_supported": ["ES256"],
            "response_types_supported": ["id_token"],
            "subject_types_supported": ["public"],
            "claims_supported":
                ["iss", "iat", "exp", "skypeid", "scp", "csi", "acsScope", "resourceId", "resourceLocation", "rgn"]
        }),
    ))
}

async fn keys(node: Arc<Node>, _: Incoming) -> Answer {
    cached(answer::json(StatusCode::OK, &json!({ "keys": identity::key_set(&node.ctx) })))
}

/// New keys are published a day before they sign, so an hour is safe.
fn cached(mut answer: Answer) -> Answer {
    answer.headers_mut().insert(http::header::CACHE_CONTROL, HeaderValue::from_static("public, max-age=3600"));
    answer
}
