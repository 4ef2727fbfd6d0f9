//! What the outside sees: of the addresses that are advertised, and of the ports on them.

use std::net::IpAddr;

use centrale_model::Private;

use super::Finding::{self, Broken, Good, Notice};
use crate::config::Config;
use crate::program::Runtime;
use crate::program::addresses;
use crate::vantage::{Sight, inspect};

/// Whether what is advertised can be true.
pub(super) fn advertised(config: &Config) -> Finding {
    match addresses::check(config) {
        Ok(()) => Good(format!("public.addresses: {} can be advertised", list(&config.public.addresses))),
        Err(error) => Broken(error.0),
    }
}

/// Whether a name that was looked up leads anywhere for others.
pub(super) fn useless(name: &str, found: &[IpAddr]) -> Option<Finding> {
    found.iter().all(|ip| addresses::fault(*ip).is_some()).then(|| {
        Broken(format!(
            "public.name: {name} leads to {}, which others cannot reach: let its DNS record name one of public.addresses",
            list(found)
        ))
    })
}

fn list(addresses: &[IpAddr]) -> String {
    addresses.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ")
}

/// What the vantage point sees.
pub(super) fn seen(config: &Config) -> Vec<Finding> {
    let Some(vantage) = &config.public.vantage else {
        return vec![Notice("public.vantage is not set: whether the outside reaches us is not known".to_owned())];
    };
    let Some(runtime) = Runtime::read(&config.data) else {
        return vec![Notice(
            "public.vantage: nothing runs here that could be looked at: start the node, then ask again".to_owned(),
        )];
    };
    let kept = || {
        std::fs::read_to_string(config.data.join("relay-secret")).ok().map(|text| Private::new(text.trim().to_owned()))
    };
    let Some(secret) = config.relay.secret.clone().or_else(kept) else {
        return vec![Broken("relay.secret is missing: write the one that the vantage node has".to_owned())];
    };
    let Ok(runtime_of_tasks) = tokio::runtime::Builder::new_current_thread().enable_all().build() else {
        return vec![Broken("no async runtime can be made: raise the limit of open files".to_owned())];
    };
    runtime_of_tasks
        .block_on(inspect(&config.public, vantage, &runtime, &secret))
        .into_iter()
        .map(|sight| match sight {
            Sight::Good(text) => Good(text),
            Sight::Bad(text) => Broken(text),
            Sight::Odd(text) => Notice(text),
        })
        .collect()
}
