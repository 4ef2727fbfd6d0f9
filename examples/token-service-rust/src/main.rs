//! A small token service: it holds the connection string, so that the app never sees it.
//!
//! An app that has logged its user in asks `POST /token` and gets `{id, token, expiresOn}` for that user, always with the
//! same communication identity. The identities are kept in a file; a real service keeps them beside its users.

mod exchange;

use std::collections::{BTreeMap, HashMap};
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};

use axum::extract::State;
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::IntoResponse;
use axum::routing::post;
use axum::{Json, Router};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use exchange::Exchange;
use serde_json::{Value, json};
use subtle::ConstantTimeEq;

struct Service {
    exchange: Exchange,
    /// Stands for your own login: names and passwords.
    users: HashMap<String, String>,
    identities: Mutex<BTreeMap<String, String>>,
    file: PathBuf,
}

#[tokio::main]
async fn main() -> Result<(), exchange::Failure> {
    let setting = |name: &str| std::env::var(name).ok();
    let connection_string = match (setting("CONNECTION_STRING"), setting("CONNECTION_STRING_FILE")) {
        (Some(text), _) => text,
        (None, Some(file)) => std::fs::read_to_string(file)?,
        (None, None) => return Err("set CONNECTION_STRING or CONNECTION_STRING_FILE".into()),
    };
    let ca = setting("CA_FILE").map(std::fs::read).transpose()?;
    let file = PathBuf::from(setting("IDENTITIES").unwrap_or_else(|| "identities.json".to_owned()));
    let identities = match std::fs::read(&file) {
        Ok(text) => serde_json::from_slice(&text)?,
        Err(_) => BTreeMap::new(),
    };
    let users = setting("APP_USERS").unwrap_or_default();
    let users = users.split(',').filter_map(|pair| pair.split_once(':')).map(|(n, p)| (n.to_owned(), p.to_owned()));
    let service = Arc::new(Service {
        exchange: Exchange::new(connection_string.trim(), ca.as_deref())?,
        users: users.collect(),
        identities: Mutex::new(identities),
        file,
    });
    let port = setting("PORT").and_then(|text| text.parse().ok()).unwrap_or(8080);
    let listener = tokio::net::TcpListener::bind(("127.0.0.1", port)).await?;
    println!("ready http://{}", listener.local_addr()?);
    axum::serve(listener, Router::new().route("/token", post(token)).with_state(service)).await?;
    Ok(())
}

async fn token(State(service): State<Arc<Service>>, headers: HeaderMap) -> impl IntoResponse {
    let no_store = [(header::CACHE_CONTROL, "no-store")];
    let Some(name) = who_asks(&service.users, &headers) else {
        return (StatusCode::UNAUTHORIZED, no_store, Json(json!({ "error": "log in first" })));
    };
    // The calls to the exchange block, so they leave the async threads.
    let made = tokio::task::spawn_blocking(move || service.token_for(&name)).await;
    match made {
        Ok(Ok(answer)) => (StatusCode::OK, no_store, Json(answer)),
        Ok(Err(error)) => {
            eprintln!("no token: {error}");
            (StatusCode::BAD_GATEWAY, no_store, Json(json!({ "error": "the exchange gave no token" })))
        }
        Err(_) => (StatusCode::INTERNAL_SERVER_ERROR, no_store, Json(json!({ "error": "we are broken" }))),
    }
}

fn who_asks(users: &HashMap<String, String>, headers: &HeaderMap) -> Option<String> {
    let basic = headers.get(header::AUTHORIZATION)?.to_str().ok()?.strip_prefix("Basic ")?;
    let pair = String::from_utf8(STANDARD.decode(basic).ok()?).ok()?;
    let (name, password) = pair.split_once(':')?;
    let expected = users.get(name)?;
    bool::from(expected.as_bytes().ct_eq(password.as_bytes())).then(|| name.to_owned())
}

impl Service {
    fn token_for(&self, name: &str) -> Result<Value, exchange::Failure> {
        let id = self.identity_of(name)?;
        let path = format!("/identities/{}/:issueAccessToken", id.replace(':', "%3A"));
        let issued = self.exchange.post(&path, &json!({ "scopes": ["voip", "chat"] }))?;
        Ok(json!({ "id": id, "token": issued["token"], "expiresOn": issued["expiresOn"] }))
    }

    /// The identity of a user of ours, made once. The lock is held while it is made, so that two requests at once
    /// do not make two.
    fn identity_of(&self, name: &str) -> Result<String, exchange::Failure> {
        let mut identities = self.identities.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(id) = identities.get(name) {
            return Ok(id.clone());
        }
        let made = self.exchange.post("/identities", &json!({}))?;
        let id = made["identity"]["id"].as_str().ok_or("an answer without an id")?.to_owned();
        identities.insert(name.to_owned(), id.clone());
        let draft = self.file.with_extension("draft");
        std::fs::write(&draft, serde_json::to_vec(&*identities)?)?;
        std::fs::rename(&draft, &self.file)?;
        Ok(id)
    }
}
