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
        let hash_text = self
            .header("x-ms-content-sha256")
            .ok_or_else(|| denied("The request has no x-ms-content-sha256 header."))?;
        let hash = STANDARD
            .decode(hash_text)
            .ok()
            .and_then(|bytes| bytes.try_into().ok())
            .ok_or_else(|| denied("x-ms-content-sha256 is not the base64 of a SHA-256 hash."))?;
        let signature = STANDARD.decode(signature).map_err(|_| denied("The signature is not base64."))?;
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

#[cfg(test)]
mod tests {
    use centrale_exchange::identity::{AccessKey, KeyName};
    use http::HeaderValue;

    use super::*;

    /// The worked example of the wire notes, to which both vendor packages agree.
    const KEY: &str = "MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY=";
    const PATH: &str = "/identities/8%3Aacs%3Aabc_def/:issueAccessToken";
    const DATE: &str = "Fri, 02 Jan 2026 03:04:05 GMT";
    const HASH: &str = "J+doRQjtFVYLx3qOvzptwBLjQWqy6OEWEEk1TY1+rT4=";
    const SIGNATURE: &str = "PCw1G0UmMcNolM5nUdEnHQpuGDtRyHMhImHyy8x74kY=";
    /// The date as seconds.
    const AT: i64 = 1_767_323_045;

    fn ring(secret: &str) -> KeyRing {
        let key =
            |name, secret: &str| AccessKey::new(KeyUse { name, generation: 1 }, secret.to_owned()).expect("base64");
        KeyRing { primary: key(KeyName::Primary, "AAAA"), secondary: key(KeyName::Secondary, secret) }
    }

    fn headers(host: &str, signature: &str) -> HeaderMap {
        let mut headers = HeaderMap::new();
        let authorization =
            format!("HMAC-SHA256 SignedHeaders=x-ms-date;host;x-ms-content-sha256&Signature={signature}");
        for (name, value) in
            [("host", host), ("x-ms-date", DATE), ("x-ms-content-sha256", HASH), ("authorization", &authorization)]
        {
            headers.insert(name, HeaderValue::from_str(value).expect("a header"));
        }
        headers
    }

    fn verify(
        path: &str,
        query: Option<&str>,
        headers: &HeaderMap,
        public_hosts: &[String],
    ) -> Result<(KeyUse, BodyHash)> {
        Signed { method: "POST", path, query, headers, public_hosts }.verify(&ring(KEY), Timestamp::from_secs(AT))
    }

    /// The signature of whatever text, with the example's key.
    fn sign(target: &str, host: &str) -> String {
        let key = aws_lc_rs::hmac::Key::new(aws_lc_rs::hmac::HMAC_SHA256, b"0123456789abcdef0123456789abcdef");
        let text = format!("POST\n{target}\n{DATE};{host};{HASH}");
        STANDARD.encode(aws_lc_rs::hmac::sign(&key, text.as_bytes()))
    }

    #[test]
    fn the_worked_example_verifies_and_names_its_key() {
        let headers = headers("acs.example.com:8443", SIGNATURE);
        let (key, hash) = verify(PATH, Some("api-version=2023-10-01"), &headers, &[]).expect("good");
        assert_eq!(key.name, KeyName::Secondary);
        hash.check(br#"{"scopes":["chat"]}"#).expect("the body");
        hash.check(br#"{"scopes":["voip"]}"#).expect_err("another body");
    }

    #[test]
    fn one_changed_letter_does_not_verify() {
        let good = headers("acs.example.com:8443", SIGNATURE);
        for (path, query) in [
            ("/identities/8%3Aacs%3Aabc_deg/:issueAccessToken", Some("api-version=2023-10-01")),
            (PATH, Some("api-version=2023-10-02")),
            (PATH, None),
        ] {
            verify(path, query, &good, &[]).expect_err("another target");
        }
        let other = headers("acs.example.org:8443", SIGNATURE);
        verify(PATH, Some("api-version=2023-10-01"), &other, &[]).expect_err("another host");
        let signed = Signed {
            method: "PUT",
            path: PATH,
            query: Some("api-version=2023-10-01"),
            headers: &good,
            public_hosts: &[],
        };
        signed.verify(&ring(KEY), Timestamp::from_secs(AT)).expect_err("another method");
        let other_key = ring("MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWc=");
        let signed = Signed { method: "POST", ..signed };
        signed.verify(&other_key, Timestamp::from_secs(AT)).expect_err("another key");
        signed.verify(&ring(KEY), Timestamp::from_secs(AT)).expect("as it was");
    }

    #[test]
    fn the_window_is_fifteen_minutes_either_way() {
        let headers = headers("acs.example.com:8443", SIGNATURE);
        for (offset, is_good) in [(-901, false), (-900, true), (900, true), (901, false)] {
            let signed = Signed {
                method: "POST",
                path: PATH,
                query: Some("api-version=2023-10-01"),
                headers: &headers,
                public_hosts: &[],
            };
            assert_eq!(signed.verify(&ring(KEY), Timestamp::from_secs(AT + offset)).is_ok(), is_good, "{offset}");
        }
    }

    #[test]
    fn the_forms_that_packages_sign_verify() {
        let query = Some("locality=San%20Jos%C3%A9%20(x)%27s&api-version=1");
        let path = "/participants/4:%2B14255550123";
        for target in [
            // Decoded altogether (Python rooms and some asynchronous clients).
            "/participants/4:+14255550123?locality=San José (x)'s&api-version=1",
            // The query as forms write it (JavaScript).
            "/participants/4:%2B14255550123?locality=San+Jos%C3%A9+%28x%29%27s&api-version=1",
            // The path strictly encoded (Python call automation, asynchronous).
            "/participants/4%3A%2B14255550123?locality=San%20Jos%C3%A9%20(x)%27s&api-version=1",
        ] {
            let headers = headers("h:1", &sign(target, "h:1"));
            verify(path, query, &headers, &[]).expect(target);
        }
    }

    #[test]
    fn the_forms_of_the_host_that_packages_sign_verify() {
        for (sent, signed) in
            [("h:1", "h:1/"), ("h", "h:443"), ("h:443", "h"), ("h", "h/"), ("10.0.0.1:8443", "public.example:8443")]
        {
            let headers = headers(sent, &sign("/x", signed));
            verify("/x", None, &headers, &["public.example:8443".to_owned()]).expect(signed);
        }
        let headers = headers("h", &sign("/x", "evil"));
        verify("/x", None, &headers, &[]).expect_err("a foreign host");
    }

    #[test]
    fn an_old_preview_may_sign_the_date_header() {
        let mut headers = headers("h", &sign("/x", "h"));
        let authorization = headers["authorization"].to_str().expect("text").replace("x-ms-date", "date");
        headers.insert("authorization", HeaderValue::from_str(&authorization).expect("a header"));
        headers.remove("x-ms-date");
        headers.insert("date", HeaderValue::from_static(DATE));
        verify("/x", None, &headers, &[]).expect("good");
    }
}
