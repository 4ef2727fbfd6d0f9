//! The options common to `dev` and `serve` (contract section 1).

use std::collections::BTreeMap;
use std::path::PathBuf;

use clap::Args;

use crate::config::Given;

/// Each is also an environment variable and a key of the file. They are read as text, so that a wrong one is told in one
/// sentence wherever it came from.
#[derive(Args, Clone, Default)]
pub(super) struct Options {
    /// Configuration file (TOML)
    #[arg(long, value_name = "FILE")]
    pub(super) config: Option<PathBuf>,
    /// Where files are kept [CENTRALE_DATA]
    #[arg(long, value_name = "DIR")]
    data: Option<String>,
    /// HTTPS, the event connection, and TURN over TLS [CENTRALE_HTTPS]
    #[arg(long, value_name = "ADDR")]
    https: Option<String>,
    /// STUN and TURN over UDP and TCP [CENTRALE_RELAY]
    #[arg(long, value_name = "ADDR")]
    relay: Option<String>,
    /// Media of group calls [CENTRALE_MEDIA]
    #[arg(long, value_name = "ADDR")]
    media: Option<String>,
    /// SIP over UDP and TCP [CENTRALE_SIP]
    #[arg(long, value_name = "ADDR")]
    sip: Option<String>,
    /// Counters over plain HTTP [CENTRALE_METRICS]
    #[arg(long, value_name = "ADDR")]
    metrics: Option<String>,
    /// The name that clients use [CENTRALE_PUBLIC_NAME]
    #[arg(long, value_name = "NAME")]
    public_name: Option<String>,
    /// An address that candidates and relays advertise; repeatable [CENTRALE_PUBLIC_ADDRESSES]
    #[arg(long, value_name = "IP")]
    public_address: Vec<String>,
    /// How logs are written: text or json [CENTRALE_LOG]
    #[arg(long, value_name = "FORMAT")]
    log: Option<String>,
    #[arg(skip)]
    limits: bool,
}

impl Options {
    pub(super) fn with_limits(mut self, limits: bool) -> Options {
        self.limits = limits;
        self
    }

    /// What was given, by dotted key.
    pub(super) fn given(&self) -> BTreeMap<&'static str, Given> {
        let mut given = BTreeMap::new();
        for (key, name, value) in [
            ("data", "--data", &self.data),
            ("listen.https", "--https", &self.https),
            ("listen.relay", "--relay", &self.relay),
            ("listen.media", "--media", &self.media),
            ("listen.sip", "--sip", &self.sip),
            ("listen.metrics", "--metrics", &self.metrics),
            ("public.name", "--public-name", &self.public_name),
            ("log", "--log", &self.log),
        ] {
            if let Some(text) = value {
                given.insert(key, Given::one(name, text));
            }
        }
        if !self.public_address.is_empty() {
            let texts = self.public_address.clone();
            given.insert("public.addresses", Given { name: "--public-address".to_owned(), texts });
        }
        if self.limits {
            given.insert("limits", Given::one("--limits", "true"));
        }
        given
    }

    /// The data directory alone, for commands that speak to a running exchange.
    pub(super) fn data(&self) -> PathBuf {
        data(self.data.as_deref())
    }
}

/// The data directory that an option, the environment or the default names.
pub(super) fn data(option: Option<&str>) -> PathBuf {
    option
        .map(PathBuf::from)
        .or_else(|| std::env::var("CENTRALE_DATA").ok().filter(|text| !text.is_empty()).map(PathBuf::from))
        .unwrap_or_else(|| PathBuf::from("./centrale-data"))
}
