//! `centrale token`: a user and a token, from the running exchange.

use clap::Args;
use serde_json::json;

use super::caller::{Caller, Failure};
use super::options;

const VERSION: &str = "2023-10-01";

#[derive(Args)]
pub(super) struct Options {
    /// What the token permits: voip, voip.join, chat, chat.join, chat.join.limited
    #[arg(long, value_delimiter = ',', default_value = "voip,chat")]
    scope: Vec<String>,
    /// A user that exists, by raw id; a new one without
    #[arg(long, value_name = "RAWID")]
    user: Option<String>,
    /// Validity in hours, 1 to 24
    #[arg(long, value_name = "N", default_value_t = 24)]
    hours: u32,
    /// The exchange's data directory [CENTRALE_DATA]
    #[arg(long, value_name = "DIR")]
    data: Option<String>,
}

pub(super) fn run(options: &Options) -> Result<String, Failure> {
    let caller = Caller::find(&options::data(options.data.as_deref()))?;
    let minutes = u64::from(options.hours) * 60;
    let (id, token) = match &options.user {
        Some(user) => {
            let target = format!("/identities/{}/:issueAccessToken?api-version={VERSION}", user.replace(':', "%3A"));
            let body = json!({ "scopes": options.scope, "expiresInMinutes": minutes });
            (json!(user), caller.call("POST", &target, body.to_string().as_bytes())?.good()?)
        }
        None => {
            let target = format!("/identities?api-version={VERSION}");
            let body = json!({ "createTokenWithScopes": options.scope, "expiresInMinutes": minutes });
            let made = caller.call("POST", &target, body.to_string().as_bytes())?.good()?;
            (made["identity"]["id"].clone(), made["accessToken"].clone())
        }
    };
    Ok(json!({ "id": id, "token": token["token"], "expiresOn": token["expiresOn"] }).to_string())
}
