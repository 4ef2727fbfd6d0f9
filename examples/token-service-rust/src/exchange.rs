//! Signed requests to the exchange: all that a service needs of an SDK.

use std::time::SystemTime;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use hmac::{Hmac, Mac};
use serde_json::Value;
use sha2::{Digest, Sha256};
use ureq::tls::{Certificate, RootCerts, TlsConfig};

pub type Failure = Box<dyn std::error::Error + Send + Sync>;

pub struct Exchange {
    endpoint: String,
    host: String,
    key: Vec<u8>,
    agent: ureq::Agent,
}

impl Exchange {
    /// Reads `endpoint=https://…/;accesskey=…`. `ca`: an authority to trust instead of the usual ones, PEM.
    pub fn new(connection_string: &str, ca: Option<&[u8]>) -> Result<Exchange, Failure> {
        let part = |name: &str| connection_string.split(';').find_map(|part| part.strip_prefix(name));
        let endpoint = part("endpoint=").ok_or("no endpoint in the connection string")?.trim_end_matches('/').to_owned();
        let host = endpoint.strip_prefix("https://").ok_or("the endpoint is not https")?.to_owned();
        let key = STANDARD.decode(part("accesskey=").ok_or("no access key in the connection string")?)?;
        let roots = match ca {
            Some(pem) => RootCerts::new_with_certs(&[Certificate::from_pem(pem)?]),
            None => RootCerts::WebPki,
        };
        let tls = TlsConfig::builder().root_certs(roots).build();
        let agent = ureq::Agent::config_builder().tls_config(tls).http_status_as_error(false).build().into();
        Ok(Exchange { endpoint, host, key, agent })
    }

    /// Posts JSON to a path and gives the JSON of the answer.
    pub fn post(&self, path: &str, body: &Value) -> Result<Value, Failure> {
        let target = format!("{path}?api-version=2023-10-01");
        let body = body.to_string();
        let date = httpdate::fmt_http_date(SystemTime::now());
        let hash = STANDARD.encode(Sha256::digest(&body));
        // Method, target, then date, host and hash of the body: signed with the key's bytes.
        let text = format!("POST\n{target}\n{date};{};{hash}", self.host);
        let mut mac = Hmac::<Sha256>::new_from_slice(&self.key)?;
        mac.update(text.as_bytes());
        let signature = STANDARD.encode(mac.finalize().into_bytes());
        let authorization = format!("HMAC-SHA256 SignedHeaders=x-ms-date;host;x-ms-content-sha256&Signature={signature}");
        let mut answer = self
            .agent
            .post(format!("{}{target}", self.endpoint))
            .header("x-ms-date", date)
            .header("x-ms-content-sha256", hash)
            .header("authorization", authorization)
            .header("content-type", "application/json")
            .send(body)?;
        let status = answer.status();
        let text = answer.body_mut().read_to_string()?;
        let json: Value = serde_json::from_str(&text).unwrap_or_default();
        if status.is_success() {
            return Ok(json);
        }
        Err(format!("{status}: {}", json["error"]["message"]).into())
    }
}
