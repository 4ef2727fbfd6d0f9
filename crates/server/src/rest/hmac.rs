//! Request signatures with an access key (wire notes 3.1).
//!
//! What the vendor's packages sign is not always what they send, so a request is accepted when any of a few forms of
//! path, query and host verifies.

use std::time::{Duration, SystemTime};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use centrale_exchange::identity::{KeyRing, KeyUse};
use centrale_exchange::{Error, Result};
use centrale_model::Timestamp;
use http::HeaderMap;

use super::text;

/// How far the date of a request may be from ours, either way. Older requests are replays.
const WINDOW: Duration = Duration::from_secs(15 * 60);

/// The hash of a body, as the signature vouches for it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct BodyHash([u8; 32]);

impl BodyHash {
    /// Whether the body has this hash.
    pub(super) fn check(&self, body: &[u8]) -> Result<()> {
        let found = aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA256, body);
        if found.as_ref() == self.0 {
            return Ok(());
        }
        Err(denied("Request 'x-ms-content-sha256' differs from generated content hash."))
    }
}

/// A request, as far as its signature goes.
pub(super) struct Signed<'a> {
    /// In upper case.
    pub(super) method: &'a str,
    /// The request target's path, as it was sent.
    pub(super) path: &'a str,
    /// The request target's query, as it was sent, without the question mark.
    pub(super) query: Option<&'a str>,
    /// All headers.
    pub(super) headers: &'a HeaderMap,
    /// Hosts that clients may have signed although a proxy sent us another.
    pub(super) public_hosts: &'a [String],
}

impl Signed<'_> {
    /// Verifies everything but the body: form, date, signature. The body must then match the hash that is given back.
    ///
    /// # Errors
    /// `Unauthenticated`, saying which of the three was wrong.
    pub(super) fn verify(&self, keys: &KeyRing, now: Timestamp) -> Result<(KeyUse, BodyHash)> {
        let authorization = self.header("authorization").ok_or_else(|| denied("The request is not signed."))?;
        let (names, signature) = parse(authorization)
            .ok_or_else(|| denied("Authorization is HMAC-SHA256 SignedHeaders=…&Signature=…, and this is not."))?;
        let date_name = if names[0].eq_ignore_ascii_case("date") { "date" } else { "x-ms-date" };
        let date = self.header(date_name).ok_or_else(|| denied("The request has no x-ms-date header."))?;
        check_date(date, now)?;
        let hash_text =
            self.header("x-ms-content-sha256").ok_or_else(|| denied("The request has no x-ms-content-sha256 header."))?;
        let hash = STANDARD
            .decode(hash_text)
            .ok()
            .and_then(|bytes| bytes.try_into().ok())
            .ok_or_else(|| denied("x-ms-content-sha256 is not the base64 of a SHA-256 hash."))?;
        let signature =
            STANDARD.decode(signature).map_err(|_| denied("The signature is not base64."))?;
        let targets = self.targets();
        let hosts = self.hosts();
        for host in &hosts {
            for target in &targets {
                let signed = format!("{}\n{target}\n{date};{host};{hash_text}", self.method);
                for key in keys.both() {
                    if key.verifies(signed.as_bytes(), &signature) {
                        return Ok((key.key, BodyHash(hash)));
                    }
                }
            }
        }
        Err(Error::unauthenticated("HMAC-SHA256 validation failed").code("Denied"))
    }

    fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name)?.to_str().ok()
    }

    /// The forms of path and query that somebody may have signed, the likeliest first.
    fn targets(&self) -> Vec<String> {
        let with = |path: &str, query: Option<&str>| match query {
            Some(query) => format!("{path}?{query}"),
            None => path.to_owned(),
        };
        let mut targets = vec![with(self.path, self.query)];
        let mut add = |target: String| {
            if !targets.contains(&target) {
                targets.push(target);
            }
        };
        if let Some(decoded) = text::decode(&with(self.path, self.query)) {
            add(decoded);
        }
        if let Some(query) = self.query {
            let mut form = String::new();
            for (index, (name, value)) in text::pairs(query).enumerate() {
                if index > 0 {
                    form.push('&');
                }
                text::encode_form(&name, &mut form);
                form.push('=');
                text::encode_form(&value, &mut form);
            }
            add(with(self.path, Some(&form)));
        }
        let mut strict = String::new();
        for (index, segment) in self.path.split('/').enumerate() {
            if index > 0 {
                strict.push('/');
            }
            text::encode_strictly(&text::decode(segment).unwrap_or_else(|| segment.to_owned()), &mut strict);
        }
        add(with(&strict, self.query));
        targets
    }

    /// The forms of the host that somebody may have signed, the likeliest first.
    fn hosts(&self) -> Vec<String> {
        let mut hosts: Vec<String> = Vec::new();
        let given = [self.header("host"), self.header("x-ms-host")].into_iter().flatten();
        for host in given.chain(self.public_hosts.iter().map(String::as_str)) {
            let bare = host.strip_suffix(":443").unwrap_or(host);
            let has_port = bare.rsplit_once(':').is_some_and(|(_, port)| port.bytes().all(|b| b.is_ascii_digit()));
            let mut forms = vec![host.to_owned(), format!("{host}/")];
            if bare != host {
                forms.extend([bare.to_owned(), format!("{bare}/")]);
            } else if !has_port {
                forms.extend([format!("{host}:443"), format!("{host}:443/")]);
            }
            for form in forms {
                if !hosts.contains(&form) {
                    hosts.push(form);
                }
            }
        }
        hosts
    }
}

/// Takes `HMAC-SHA256 SignedHeaders=a;b;c&Signature=…` apart. Only the header lists that released packages sign are known.
fn parse(authorization: &str) -> Option<([&str; 3], &str)> {
    let rest = authorization.strip_prefix("HMAC-SHA256 ")?.trim_start();
    let (names, signature) = rest.split_once('&')?;
    let names = names.strip_prefix("SignedHeaders=")?;
    let signature = signature.strip_prefix("Signature=")?;
    let mut parts = names.split(';');
    let names = [parts.next()?, parts.next()?, parts.next()?];
    let is_known = parts.next().is_none()
        && (names[0].eq_ignore_ascii_case("x-ms-date") || names[0].eq_ignore_ascii_case("date"))
        && names[1].eq_ignore_ascii_case("host")
        && names[2].eq_ignore_ascii_case("x-ms-content-sha256");
    is_known.then_some((names, signature))
}

fn check_date(date: &str, now: Timestamp) -> Result<()> {
    let then = httpdate::parse_http_date(date).map_err(|_| denied("The date of the request cannot be read."))?;
    let then = then.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    let then = Timestamp::from_secs(i64::try_from(then.as_secs()).unwrap_or(i64::MAX));
    if now.since(then) > WINDOW || then.since(now) > WINDOW {
        return Err(denied("The date of the request is more than 15 minutes from the server's."));
    }
    Ok(())
}

fn denied(message: &'static str) -> Error {
    Error::unauthenticated(message).code("Denied")
}
