//! `centrale explain`: why a call went the way it did, told by the running exchange.

use clap::Args;

use super::caller::{Caller, Failure};
use super::options;

#[derive(Args)]
pub(super) struct Options {
    /// The call's id
    #[arg(value_name = "CALL_ID")]
    call: String,
    /// The exchange's data directory [CENTRALE_DATA]
    #[arg(long, value_name = "DIR")]
    data: Option<String>,
}

pub(super) fn run(options: &Options) -> Result<String, Failure> {
    if options.call.is_empty() || !options.call.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-') {
        return Err(Failure("a call's id has letters, digits and dashes".to_owned()));
    }
    let caller = Caller::find(&options::data(options.data.as_deref()))?;
    let answer = caller.call("GET", &format!("/admin/calls/{}/explain", options.call), b"")?.good()?;
    // Whoever tells it as text is believed; else the whole story as it is.
    match answer["text"].as_str() {
        Some(text) => Ok(text.to_owned()),
        None => serde_json::to_string_pretty(&answer).map_err(|error| Failure(error.to_string())),
    }
}
