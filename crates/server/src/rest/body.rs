//! A request's body, path and query, made into one object.

use std::time::Duration;

use axum::body::Body;
use bytes::{Bytes, BytesMut};
use centrale_exchange::{Error, Result};
use centrale_wire::{Operation, QueryKind};
use http_body_util::BodyExt;
use hyper::body::Body as _;
use serde_json::{Map, Value};

use super::text;

/// How long a body may take to arrive.
const PATIENCE: Duration = Duration::from_secs(30);
/// How much of a refused body is let go by, in bytes, and for how long. It costs no memory.
const DISCARDED: usize = 16 * 1024 * 1024;
const DISCARDING: Duration = Duration::from_secs(5);

/// Why a body was not read.
pub(super) enum Unread {
    /// It is longer than the operation allows.
    TooLarge,
    /// It stopped, or took too long.
    Broken,
}

/// Reads a body of at most `limit` bytes.
pub(super) async fn read(body: &mut Body, limit: usize) -> Result<Bytes, Unread> {
    if body.size_hint().lower() > limit as u64 {
        return Err(Unread::TooLarge);
    }
    let reading = async {
        let mut whole = BytesMut::new();
        while let Some(frame) = body.frame().await {
            let Ok(data) = frame.map_err(|_| Unread::Broken)?.into_data() else { continue };
            if whole.len() + data.len() > limit {
                return Err(Unread::TooLarge);
            }
            whole.extend_from_slice(&data);
        }
        Ok(whole.freeze())
    };
    tokio::time::timeout(PATIENCE, reading).await.unwrap_or(Err(Unread::Broken))
}

/// Reads a body of at most `limit` bytes.
///
/// # Errors
/// `Invalid` when it is longer or did not arrive whole.
pub(crate) async fn read_all(mut body: Body, limit: usize) -> Result<Bytes> {
    match read(&mut body, limit).await {
        Ok(bytes) => Ok(bytes),
        Err(Unread::Broken) => Err(Error::invalid("The body did not arrive whole.")),
        Err(Unread::TooLarge) => {
            discard(&mut body).await;
            Err(Error::invalid(format!("The body is longer than {limit} bytes.")).code("RequestEntityTooLarge"))
        }
    }
}

/// Lets the rest of a body go by, so that a client that is still sending gets to read why it was refused, and the
/// connection can go on. Gives `false` when there was more than we care for.
pub(super) async fn discard(body: &mut Body) -> bool {
    let going_by = async {
        let mut seen = 0;
        while let Some(frame) = body.frame().await {
            let Ok(frame) = frame else { return false };
            seen += frame.data_ref().map_or(0, Bytes::len);
            if seen > DISCARDED {
                return false;
            }
        }
        true
    };
    tokio::time::timeout(DISCARDING, going_by).await.unwrap_or(false)
}

/// Makes the request of an operation: the body's fields, then the path's, then the query's.
pub(super) fn request<Op: Operation>(
    body: &[u8],
    path: Vec<(&'static str, String)>,
    query: Option<&str>,
) -> Result<Op::Request> {
    let mut fields = fields(body)?;
    for (name, value) in path {
        fields.insert(name.to_owned(), Value::String(value));
    }
    if !Op::QUERY.is_empty() {
        for (name, value) in text::pairs(query.unwrap_or_default()) {
            let Some(known) = Op::QUERY.iter().find(|known| known.name.eq_ignore_ascii_case(&name)) else { continue };
            fields.insert(known.name.to_owned(), convert(known.name, known.kind, value)?);
        }
    }
    serde_json::from_value(Value::Object(fields))
        .map_err(|error| Error::invalid(format!("The request cannot be understood: {error}.")).code("ValidationError"))
}

fn fields(body: &[u8]) -> Result<Map<String, Value>> {
    if body.iter().all(u8::is_ascii_whitespace) {
        return Ok(Map::new());
    }
    match serde_json::from_slice(body) {
        Ok(Value::Object(fields)) => Ok(fields),
        Ok(Value::Null) => Ok(Map::new()),
        Ok(Value::Bool(_) | Value::Number(_) | Value::String(_) | Value::Array(_)) => {
            Err(Error::invalid("The body is not a JSON object."))
        }
        Err(error) => Err(Error::invalid(format!("The body is not JSON: {error}."))),
    }
}

fn convert(name: &'static str, kind: QueryKind, value: String) -> Result<Value> {
    match kind {
        QueryKind::Text => Ok(Value::String(value)),
        QueryKind::Integer => value
            .parse::<i64>()
            .map(Value::from)
            .map_err(|_| Error::validation(name, format!("{name} is a whole number."))),
        QueryKind::Bool => match value.to_ascii_lowercase().as_str() {
            "true" => Ok(Value::Bool(true)),
            "false" => Ok(Value::Bool(false)),
            _ => Err(Error::validation(name, format!("{name} is true or false."))),
        },
    }
}
