//! The page at `/`, its assets, and the browser client, all inside the program.
//!
//! A release program carries the files; a debug program reads them from the folders at each request.

use std::borrow::Cow;
use std::sync::Arc;

use axum::body::Body;
use centrale_wire::Method;
use http::header::{CACHE_CONTROL, CONTENT_SECURITY_POLICY, CONTENT_TYPE, ETAG, IF_NONE_MATCH};
use http::{HeaderValue, StatusCode};
use rust_embed::{EmbeddedFile, RustEmbed};

use super::router::{Incoming, Routes};
use super::{Answer, Node, answer};

#[derive(RustEmbed)]
#[folder = "../../web/demo/dist"]
#[allow_missing = true]
struct Page;

#[derive(RustEmbed)]
#[folder = "../../web/client/dist"]
#[allow_missing = true]
struct Sdk;

/// The page loads its own files, talks to its own exchange, and may show camera pictures.
const POLICY: &str = "default-src 'self'; script-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data: blob:; \
     media-src 'self' blob: mediastream:; connect-src 'self' https: wss:; worker-src 'self' blob:; frame-ancestors 'none'; \
     base-uri 'none'; form-action 'self'; object-src 'none'";

pub(super) fn mount(routes: &mut Routes) {
    routes.raw(Method::Get, "/", false, |_, incoming| async move { page("index.html", &incoming) });
    routes.raw(Method::Get, "/{file}", false, |_, incoming| async move {
        page(incoming.param("file").unwrap_or_default(), &incoming)
    });
    routes.raw(Method::Get, "/assets/{file}", false, |_, incoming| async move {
        page(&format!("assets/{}", incoming.param("file").unwrap_or_default()), &incoming)
    });
    routes.raw(Method::Get, "/sdk/{file}", true, sdk);
    routes.raw(Method::Get, "/sdk/{folder}/{file}", true, sdk);
}

fn page(path: &str, incoming: &Incoming) -> Answer {
    let Some(file) = Page::get(path).filter(|_| !path.contains("..")) else {
        return if path == "index.html" { missing() } else { nothing() };
    };
    let mut answer = file_answer(path, file, incoming);
    answer.headers_mut().insert(CONTENT_SECURITY_POLICY, HeaderValue::from_static(POLICY));
    answer.headers_mut().insert("referrer-policy", HeaderValue::from_static("no-referrer"));
    answer
}

async fn sdk(_: Arc<Node>, incoming: Incoming) -> Answer {
    let path = match (incoming.param("folder"), incoming.param("file")) {
        (Some(folder), Some(file)) => format!("{folder}/{file}"),
        (None, Some(file)) => file.to_owned(),
        (_, None) => return nothing(),
    };
    match Sdk::get(&path).filter(|_| !path.contains("..")) {
        Some(file) => file_answer(&path, file, &incoming),
        None => nothing(),
    }
}

fn file_answer(path: &str, file: EmbeddedFile, incoming: &Incoming) -> Answer {
    let hash: String = file.metadata.sha256_hash().iter().take(16).map(|byte| format!("{byte:02x}")).collect();
    let tag = format!("\"{hash}\"");
    let known = incoming.request.headers().get(IF_NONE_MATCH).and_then(|value| value.to_str().ok());
    let is_known = known.is_some_and(|known| known.split(',').any(|one| one.trim().trim_start_matches("W/") == tag));
    let mut answer = if is_known {
        answer::empty(StatusCode::NOT_MODIFIED)
    } else {
        let mut answer = answer::empty(StatusCode::OK);
        *answer.body_mut() = match file.data {
            Cow::Borrowed(bytes) => Body::from(bytes),
            Cow::Owned(bytes) => Body::from(bytes),
        };
        answer.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static(media_type(path)));
        answer
    };
    if let Ok(tag) = HeaderValue::from_str(&tag) {
        answer.headers_mut().insert(ETAG, tag);
    }
    // Asked again each time, answered with 304 when nothing changed.
    answer.headers_mut().insert(CACHE_CONTROL, HeaderValue::from_static("no-cache"));
    answer
}

fn media_type(path: &str) -> &'static str {
    match path.rsplit_once('.').map(|(_, extension)| extension) {
        Some("html") => "text/html; charset=utf-8",
        Some("js" | "mjs" | "cjs") => "text/javascript; charset=utf-8",
        Some("css") => "text/css; charset=utf-8",
        Some("json" | "map") => "application/json; charset=utf-8",
        Some("svg") => "image/svg+xml",
        Some("png") => "image/png",
        Some("ico") => "image/x-icon",
        Some("woff2") => "font/woff2",
        Some("wasm") => "application/wasm",
        Some("webmanifest") => "application/manifest+json",
        Some("mp3") => "audio/mpeg",
        Some("wav") => "audio/wav",
        Some("ogg") => "audio/ogg",
        _ => "text/plain; charset=utf-8",
    }
}

fn nothing() -> Answer {
    answer::error(&centrale_exchange::Error::not_found("The server cannot find the requested resource."))
}

fn missing() -> Answer {
    answer::error(&centrale_exchange::Error::not_found(
        "The console is not part of this build: build web/demo first (make build).",
    ))
}
