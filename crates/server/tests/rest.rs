//! The adapter, through real TLS: signatures, versions, bad input, limits.

mod common;

use std::io::{Read, Write};
use std::time::{Duration, SystemTime};

use common::{Exchange, is_error};
use serde_json::{Value, json};

const CREATE: &str = "/identities?api-version=2023-10-01";

fn without<'a>(headers: &'a [(String, String)], gone: &str) -> Vec<(&'a str, &'a str)> {
    headers.iter().filter(|(name, _)| name != gone).map(|(name, value)| (name.as_str(), value.as_str())).collect()
}

#[test]
fn signed_requests_are_served_and_nothing_else_is() {
    let exchange = Exchange::dev(&[]);
    let caller = &exchange.caller;
    let now = SystemTime::now();
    let good = caller.sign("POST", CREATE, b"{}", now);
    assert_eq!(caller.send("POST", CREATE, &good, b"{}").expect("an answer").status, 201);

    // Nothing signed, or a part missing.
    is_error(&exchange.plain("POST", CREATE, &[], b"{}"), 401, "Denied");
    for part in ["authorization", "x-ms-date", "x-ms-content-sha256"] {
        is_error(&exchange.plain("POST", CREATE, &without(&good, part), b"{}"), 401, "Denied");
    }
    // Another body, path, query or method than was signed.
    let reply = caller.send("POST", CREATE, &good, b"{\"expiresInMinutes\":60}").expect("an answer");
    is_error(&reply, 401, "Denied");
    assert!(reply.json()["error"]["message"].as_str().is_some_and(|text| text.contains("x-ms-content-sha256")));
    is_error(&caller.send("POST", &format!("{CREATE}&x=1"), &good, b"{}").expect("an answer"), 401, "Denied");
    is_error(&caller.send("POST", "/admin/keys/:regenerate", &good, b"{}").expect("an answer"), 401, "Denied");
    // Replayed later, or dated ahead.
    for minutes in [16, 60 * 24] {
        let span = Duration::from_secs(minutes * 60);
        for at in [now - span, now + span] {
            let old = caller.sign("POST", CREATE, b"{}", at);
            is_error(&caller.send("POST", CREATE, &old, b"{}").expect("an answer"), 401, "Denied");
        }
    }
    let near = caller.sign("POST", CREATE, b"{}", now - Duration::from_secs(14 * 60));
    assert_eq!(caller.send("POST", CREATE, &near, b"{}").expect("an answer").status, 201);
    // Garbage of every kind.
    for wrong in [
        "HMAC-SHA256",
        "HMAC-SHA256 SignedHeaders=x-ms-date;host&Signature=AAAA",
        "HMAC-SHA256 SignedHeaders=host;x-ms-date;x-ms-content-sha256&Signature=AAAA",
        "HMAC-SHA256 SignedHeaders=x-ms-date;host;x-ms-content-sha256&Signature=%%%",
        "HMAC-SHA256 SignedHeaders=x-ms-date;host;x-ms-content-sha256&Signature=",
        "Basic dXNlcjpwYXNz",
    ] {
        let mut headers = without(&good, "authorization");
        headers.push(("authorization", wrong));
        is_error(&exchange.plain("POST", CREATE, &headers, b"{}"), 401, "Denied");
    }
    let bearer = [("authorization", "Bearer aaaa.bbbb.cccc")];
    is_error(&exchange.plain("POST", CREATE, &bearer, b"{}"), 401, "Unauthorized");
}

#[test]
fn the_whole_life_of_a_user_has_the_documented_statuses() {
    let exchange = Exchange::dev(&[]);
    let made = exchange.call("POST", CREATE, &Value::Null);
    assert_eq!(made.status, 201);
    assert!(made.json().get("accessToken").is_none());
    let id = made.json()["identity"]["id"].as_str().expect("an id").to_owned();
    // Encoded and not, as the packages differ.
    for form in [id.clone(), id.replace(':', "%3A")] {
        let issue = format!("/identities/{form}/:issueAccessToken?api-version=2023-10-01");
        let issued = exchange.call("POST", &issue, &json!({ "scopes": ["voip"], "expiresInMinutes": null, "more": 1 }));
        assert_eq!(issued.status, 200, "{}", issued.json());
        assert!(issued.json()["expiresOn"].as_str().is_some_and(|text| text.ends_with("0000+00:00")));
        let revoke = format!("/identities/{form}/:revokeAccessTokens?api-version=2023-10-01");
        let revoked = exchange.call("POST", &revoke, &Value::Null);
        assert_eq!((revoked.status, revoked.body.len()), (204, 0));
    }
    let delete = format!("/identities/{id}?api-version=2023-10-01");
    assert_eq!(exchange.call("DELETE", &delete, &Value::Null).status, 204);
    let issue = format!("/identities/{id}/:issueAccessToken?api-version=2023-10-01");
    is_error(&exchange.call("POST", &issue, &json!({ "scopes": ["voip"] })), 404, "IdentityNotFound");
}

#[test]
fn every_version_in_the_field_is_served_and_others_are_refused() {
    let exchange = Exchange::dev(&[]);
    for version in
        ["2021-03-07", "2022-06-01", "2022-10-01", "2023-10-01", "2025-06-30", "2026-09-23", "ApiVersion.V2023_10_01"]
    {
        let reply = exchange.call("POST", &format!("/identities?x=y&api-version={version}"), &Value::Null);
        assert_eq!(reply.status, 201, "{version}");
        assert!(reply.header("api-supported-versions").is_some_and(|list| list.contains("2023-10-01")));
    }
    let refused = exchange.call("POST", "/identities?api-version=1999-01-01", &Value::Null);
    is_error(&refused, 400, "UnsupportedApiVersion");
    assert_eq!(
        refused.json()["error"]["message"],
        "The HTTP resource that matches the request URI '/identities' does not support the API version '1999-01-01'."
    );
    is_error(&exchange.call("POST", "/identities", &Value::Null), 400, "MissingApiVersionParameter");
    for version in
        ["2021-02-22-preview1", "2021-06-21-preview", "2021-10-08-preview", "2022-02-01", "2022-03-01-preview"]
    {
        for path in ["/networkTraversal/:issueRelayConfiguration", "/networktraversal/:issuerelayconfiguration"] {
            let reply = exchange.call("POST", &format!("{path}?api-version={version}"), &json!({}));
            assert_eq!(reply.status, 200, "{path} {version}");
        }
    }
}

#[test]
fn what_cannot_be_understood_is_refused_in_the_one_shape() {
    let exchange = Exchange::dev(&[]);
    let bad = |body: &[u8]| exchange.caller.call("POST", CREATE, body).expect("an answer");
    for body in [&b"{"[..], b"[]", b"\"x\"", b"12", b"{\"expiresInMinutes\":}", b"\xff\xfe", b"{}{}", b"nulll"] {
        is_error(&bad(body), 400, "BadRequest");
    }
    for body in [
        &br#"{"expiresInMinutes":"60"}"#[..],
        br#"{"expiresInMinutes":60.5}"#,
        br#"{"expiresInMinutes":99999999999999999999}"#,
        br#"{"createTokenWithScopes":"voip"}"#,
        br#"{"createTokenWithScopes":[1]}"#,
        br#"{"createTokenWithScopes":{"voip":true}}"#,
    ] {
        is_error(&bad(body), 400, "ValidationError");
    }
    let deep = format!("{{\"x\":{}{}}}", "[".repeat(20_000), "]".repeat(20_000));
    is_error(&bad(deep.as_bytes()), 400, "BadRequest");
    let huge = format!("{{\"x\":\"{}\"}}", "a".repeat(5_000_000));
    let reply = bad(huge.as_bytes());
    is_error(&reply, 413, "RequestEntityTooLarge");
    // And it still lives.
    assert_eq!(exchange.call("POST", CREATE, &Value::Null).status, 201);
}

#[test]
fn unknown_paths_and_methods_are_errors_in_json_and_never_html() {
    let exchange = Exchange::dev(&[]);
    for path in
        ["/nothing", "/identities/x/y/z", "/%", "/%FF", "/../etc/passwd", "/sdk/../Cargo.toml", "/sdk/..%2f..%2fx"]
    {
        let reply = exchange.plain("GET", path, &[], b"");
        is_error(&reply, 404, "NotFound");
    }
    let reply = exchange.plain("PUT", CREATE, &[], b"");
    is_error(&reply, 405, "MethodNotAllowed");
    assert_eq!(reply.header("allow"), Some("POST"));
    is_error(&exchange.plain("GET", "/identities", &[], b""), 405, "MethodNotAllowed");
}

#[test]
fn request_ids_are_echoed_also_in_errors() {
    let exchange = Exchange::dev(&[]);
    for (target, status) in [(CREATE, 401), ("/nothing", 404)] {
        let reply = exchange.plain("POST", target, &[("x-ms-client-request-id", "abc-1")], b"");
        assert_eq!((reply.status, reply.header("x-ms-client-request-id")), (status, Some("abc-1")));
    }
}

#[test]
fn limits_answer_429_with_the_time_to_wait_and_dev_has_none() {
    let unlimited = Exchange::dev(&[]);
    let limited = Exchange::dev(&["--limits"]);
    let stranger = "/identities/8:acs:00000000-0000-4000-8000-00000000cafe_00000000-0000-4000-8000-0000000000ff\
         /:revokeAccessTokens?api-version=2023-10-01"
        .replace(' ', "");
    let ask = |exchange: &Exchange, count: usize| -> Vec<u16> {
        let mut stream = exchange.caller.connect().expect("a connection");
        let headers = exchange.caller.sign("POST", &stranger, b"", SystemTime::now());
        let mut request =
            format!("POST {stranger} HTTP/1.1\r\nHost: {}\r\nContent-Length: 0\r\n", exchange.caller.host());
        for (name, value) in &headers {
            request.push_str(&format!("{name}: {value}\r\n"));
        }
        request.push_str("\r\n");
        (0..count)
            .map(|_| {
                stream.write_all(request.as_bytes()).expect("sent");
                let head = read_answer(&mut stream);
                let status = head.split(' ').nth(1).and_then(|text| text.parse().ok()).expect("a status");
                if status == 429 {
                    let wait = head.lines().find_map(|line| line.strip_prefix("retry-after: ")).expect("Retry-After");
                    let wait: u64 = wait.parse().expect("seconds");
                    assert!((1..=60).contains(&wait), "{wait}");
                }
                status
            })
            .collect()
    };
    let statuses = ask(&limited, 502);
    assert!(statuses[..500].iter().all(|status| *status == 404), "{statuses:?}");
    assert_eq!(statuses[500..], [429, 429]);
    // Other operations have their own count.
    assert_eq!(limited.call("POST", CREATE, &Value::Null).status, 201);
    assert!(ask(&unlimited, 502).iter().all(|status| *status == 404));
}

/// Reads one answer from a connection that stays open, and gives its head.
fn read_answer(stream: &mut impl Read) -> String {
    let mut bytes = Vec::new();
    let mut byte = [0];
    while !bytes.ends_with(b"\r\n\r\n") {
        stream.read_exact(&mut byte).expect("an answer");
        bytes.push(byte[0]);
    }
    let head = String::from_utf8(bytes).expect("text");
    let length = head
        .lines()
        .find_map(|line| line.strip_prefix("content-length: "))
        .map_or(0, |text| text.parse().expect("a length"));
    let mut body = vec![0; length];
    stream.read_exact(&mut body).expect("a body");
    head
}

#[test]
fn browsers_may_ask_on_routes_for_users_and_not_on_routes_for_keys() {
    let exchange = Exchange::dev(&[]);
    let keys = exchange.plain("GET", "/.well-known/jwks.json", &[("origin", "https://app.example")], b"");
    assert_eq!((keys.status, keys.header("access-control-allow-origin")), (200, Some("*")));
    let asked =
        exchange.plain("OPTIONS", "/access/entra/:exchangeAccessToken", &[("origin", "https://app.example")], b"");
    assert_eq!((asked.status, asked.header("access-control-allow-methods")), (204, Some("POST")));
    assert!(asked.header("access-control-allow-headers").is_some_and(|list| list.contains("authorization")));
    let refused = exchange.plain("OPTIONS", "/identities", &[("origin", "https://app.example")], b"");
    assert_eq!((refused.status, refused.header("access-control-allow-origin")), (405, None));
}

#[test]
fn developers_pages_get_tokens_and_foreign_pages_do_not() {
    let exchange = Exchange::dev(&[]);
    let own = format!("https://{}", exchange.caller.host());
    let given = exchange.plain("POST", "/dev/token", &[("origin", &own)], b"");
    assert_eq!(given.status, 200);
    let (id, token) = (given.json()["id"].clone(), given.json()["token"].clone());
    assert!(token.as_str().is_some_and(|token| token.split('.').count() == 3));
    let again = exchange.plain("POST", "/dev/token", &[], json!({ "id": id }).to_string().as_bytes());
    assert_eq!((again.status, &again.json()["id"]), (200, &id));
    is_error(&exchange.plain("POST", "/dev/token", &[("origin", "https://evil.example")], b""), 403, "Forbidden");
    is_error(&exchange.plain("POST", "/dev/token", &[], b"{\"scopes\":[\"all\"]}"), 400, "ValidationError");
    is_error(&exchange.plain("POST", "/dev/token", &[], b"{"), 400, "BadRequest");
}

#[test]
fn the_api_document_lists_what_is_mounted() {
    let exchange = Exchange::dev(&[]);
    let document = exchange.plain("GET", "/openapi.json", &[], b"").json();
    assert_eq!(document["openapi"], "3.1.0");
    let issue = &document["paths"]["/identities/{id}/:issueAccessToken"]["post"];
    assert_eq!(issue["operationId"], "CommunicationIdentity_IssueAccessToken");
    assert!(
        issue["parameters"]
            .as_array()
            .is_some_and(|list| list.iter().any(|one| one["name"] == "id" && one["in"] == "path"))
    );
    let body = &issue["requestBody"]["content"]["application/json"]["schema"]["properties"];
    assert!(body["scopes"].is_object() && body.get("id").is_none(), "{body}");
    // Every operation that it lists is there: it asks for a key, a token or a better request, and never says 404 for the route.
    let paths = document["paths"].as_object().expect("paths");
    assert!(paths.len() > 10);
    for (path, methods) in paths {
        for method in methods.as_object().expect("methods").keys() {
            let path = path.replace(['{', '}'], "x");
            let reply = exchange.plain(&method.to_uppercase(), &path, &[], b"");
            assert_ne!(reply.json()["error"]["code"], "NotFound", "{method} {path}");
            assert_ne!(reply.status, 405, "{method} {path}");
        }
    }
}

#[test]
fn replacing_the_primary_key_takes_effect_at_once_everywhere() {
    let exchange = Exchange::dev(&[]);
    let (id, _) = exchange.user(&["voip"]);
    let replaced = exchange.call("POST", "/admin/keys/:regenerate", &json!({ "keyType": "primary" }));
    assert_eq!(replaced.status, 200);
    is_error(&exchange.call("POST", CREATE, &Value::Null), 401, "Denied");
    let string = replaced.json()["primaryConnectionString"].as_str().expect("a connection string").to_owned();
    let ca = std::fs::read(exchange.folder.path().join("tls/ca.pem")).expect("the authority");
    let renewed = centrale_server::command::Caller::new(&string, Some(&ca)).expect("a caller");
    let target = format!("/identities/{id}/:issueAccessToken?api-version=2023-10-01");
    assert_eq!(renewed.call("POST", &target, b"{\"scopes\":[\"voip\"]}").expect("an answer").status, 200);
    // The files follow.
    let file = exchange.folder.path().join("connection-string");
    let end = std::time::Instant::now() + Duration::from_secs(10);
    while std::fs::read_to_string(&file).expect("the file") != string {
        assert!(std::time::Instant::now() < end, "the file keeps the old key");
        std::thread::sleep(Duration::from_millis(20));
    }
}
