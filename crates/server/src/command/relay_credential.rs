//! `centrale relay-credential`: ICE servers, from the running exchange.

use clap::Args;
use serde_json::{Value, json};

use super::caller::{Caller, Failure};
use super::options;

#[derive(Args)]
pub(super) struct Options {
    /// For whom, by raw id
    #[arg(long, value_name = "RAWID")]
    user: Option<String>,
    /// How long the credential lasts
    #[arg(long, value_name = "SECONDS", default_value_t = 86_400)]
    ttl: u32,
    /// The exchange's data directory [CENTRALE_DATA]
    #[arg(long, value_name = "DIR")]
    data: Option<String>,
}

pub(super) fn run(options: &Options) -> Result<String, Failure> {
    let caller = Caller::find(&options::data(options.data.as_deref()))?;
    let body = json!({ "identity": options.user, "ttlSeconds": options.ttl });
    let answer = caller.call("POST", "/admin/iceServers", body.to_string().as_bytes())?.good()?;
    let servers: &Value = &answer["iceServers"];
    Ok(servers.to_string())
}
