//! From given values to the configuration.

use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::time::Duration;

use centrale_model::Private;
use centrale_relay::Network;

use super::sample::KEYS;
use super::{
    Acme, Cap, Certificate, Cluster, Config, ConfigError, Given, Listen, LogFormat, Media, Mode, Public, Relay,
    RelayServer, Role, Roles, Vantage, file,
};

/// Reads the configuration: `options` by dotted key beat the environment, which beats the file.
///
/// # Errors
/// One sentence that names the key and says what to write.
pub fn resolve(
    mode: Mode,
    config_file: Option<&Path>,
    options: BTreeMap<&'static str, Given>,
    environment: impl Fn(&str) -> Option<String>,
) -> Result<Config, ConfigError> {
    let mut given = match config_file {
        Some(path) => file::read(path)?,
        None => BTreeMap::new(),
    };
    for known in KEYS {
        if let Some(text) = environment(known.env).filter(|text| !text.is_empty()) {
            given.insert(known.key.to_owned(), Given::one(known.env, text));
        }
    }
    for (key, value) in options {
        given.insert(key.to_owned(), value);
    }
    // A file's empty string means what leaving the key out means.
    given.retain(|_, value| value.texts.iter().any(|text| !text.is_empty()));
    Source { mode, given }.config()
}

/// Media workers: each has a port, and ports follow one another.
const MOST_WORKERS: usize = 256;
/// Participants of a call: one thread forwards all of them.
const MOST_PARTICIPANTS: usize = 1000;

struct Source {
    mode: Mode,
    given: BTreeMap<String, Given>,
}

impl Source {
    fn get<T>(&self, key: &str, wanted: &str, read: impl Fn(&str) -> Option<T>) -> Result<Option<T>, ConfigError> {
        self.given.get(key).map(|given| given.read(wanted, read)).transpose()
    }

    fn list<T>(&self, key: &str, wanted: &str, read: impl Fn(&str) -> Option<T>) -> Result<Vec<T>, ConfigError> {
        Ok(self.given.get(key).map(|given| given.read_all(wanted, read)).transpose()?.unwrap_or_default())
    }

    fn address(&self, key: &str, ip: IpAddr, port: u16) -> Result<SocketAddr, ConfigError> {
        let default = SocketAddr::new(ip, port);
        let wanted = format!("an address and port such as {default}");
        Ok(self.get(key, &wanted, |text| socket_address(text, ip))?.unwrap_or(default))
    }

    fn flag(&self, key: &str, default: bool) -> Result<bool, ConfigError> {
        let read = |text: &str| match text.to_ascii_lowercase().as_str() {
            "true" | "yes" | "on" | "1" => Some(true),
            "false" | "no" | "off" | "0" => Some(false),
            _ => None,
        };
        Ok(self.get(key, "true or false", read)?.unwrap_or(default))
    }

    fn number<T: std::str::FromStr>(&self, key: &str, wanted: &str, default: T) -> Result<T, ConfigError> {
        Ok(self.get(key, wanted, |text| text.parse().ok())?.unwrap_or(default))
    }

    fn config(&self) -> Result<Config, ConfigError> {
        let is_dev = self.mode == Mode::Dev;
        let any: IpAddr = if is_dev { Ipv4Addr::LOCALHOST.into() } else { Ipv4Addr::UNSPECIFIED.into() };
        let listen = self.listen(any)?;
        let public = self.public(&listen)?;
        Ok(Config {
            mode: self.mode,
            data: self
                .get("data", "a directory", |text| Some(PathBuf::from(text)))?
                .unwrap_or_else(|| PathBuf::from("./centrale-data")),
            relay: self.relay(is_dev)?,
            media: self.media()?,
            tls: self.certificate()?,
            acme: self.acme(&public)?,
            limits: self.flag("limits", !is_dev)?,
            participants: self
                .get("calls.participants", "a number from 2 to 1000", |text| {
                    text.parse().ok().filter(|number| (2..=MOST_PARTICIPANTS).contains(number))
                })?
                .unwrap_or(350),
            drain_deadline: self
                .get("drain.deadline", "a time such as 30s, 5m or 1h", duration)?
                .unwrap_or(Duration::from_secs(300)),
            log: self
                .get("log", "text or json", |text| match text {
                    "text" => Some(LogFormat::Text),
                    "json" => Some(LogFormat::Json),
                    _ => None,
                })?
                .unwrap_or(LogFormat::Text),
            cluster: self.cluster()?,
            listen,
            public,
        })
    }

    fn listen(&self, any: IpAddr) -> Result<Listen, ConfigError> {
        let https = self.address("listen.https", any, if self.mode == Mode::Dev { 8443 } else { 443 })?;
        let relay = self.address("listen.relay", any, 3478)?;
        // A relay elsewhere than on its usual port has its TLS port beside it.
        let tls_port = match relay.port() {
            3478 => 5349,
            0 => 0,
            other => other.checked_add(1).unwrap_or(0),
        };
        Ok(Listen {
            https,
            relay,
            relay_tls: self.address("listen.relay_tls", relay.ip(), tls_port)?,
            media: self.address("listen.media", any, 3480)?,
            is_media_given: self.given.contains_key("listen.media"),
            sip: self.address("listen.sip", any, 5060)?,
            metrics: self.address("listen.metrics", Ipv4Addr::LOCALHOST.into(), 9464)?,
        })
    }

    fn public(&self, listen: &Listen) -> Result<Public, ConfigError> {
        let name = self
            .get("public.name", "a host name such as comms.example.org", host_name)?
            .unwrap_or_else(|| "localhost".to_owned());
        let addresses = self.list("public.addresses", "an IP address such as 203.0.113.7", |text| text.parse().ok())?;
        let are_addresses_given = !addresses.is_empty();
        let addresses = if are_addresses_given { addresses } else { vec![own_address(listen.relay.ip())] };
        let wanted =
            "another node such as https://relay2.example.org, or a STUN server such as stun:stun.example.org:3478";
        let vantage = self.get("public.vantage", wanted, vantage)?;
        Ok(Public { name, addresses, are_addresses_given, vantage })
    }

    fn cap(&self, [allocations, per_second, per_day]: [&'static str; 3], most: u32) -> Result<Cap, ConfigError> {
        Ok(Cap {
            allocations: self.number(allocations, "a number, 0 for no bound", most)?,
            bytes_per_second: self.number(per_second, "a number of bytes, 0 for no bound", 0)?,
            bytes_per_day: self.number(per_day, "a number of bytes, 0 for no bound", 0)?,
        })
    }

    fn relay(&self, is_dev: bool) -> Result<Relay, ConfigError> {
        let block = "a block of addresses such as 10.0.0.0/8";
        let mut allowed = self.list("relay.allow_peers", block, |text| text.parse().ok())?;
        if is_dev {
            // Both ends of a developer's call are on this machine.
            allowed.extend(["127.0.0.0/8", "::1/128"].iter().filter_map(|text| text.parse::<Network>().ok()));
        }
        let secret = self.get("relay.secret", "a text of at least 16 characters", |text| {
            (text.len() >= 16).then(|| Private::new(text.to_owned()))
        });
        Ok(Relay {
            enabled: self.flag("relay.enabled", true)?,
            // The value itself is a secret and must not be in the sentence.
            secret: secret.map_err(|error| {
                let name = error.0.split(" is ").next().unwrap_or("relay.secret").to_owned();
                ConfigError(format!("{name} is too short: write a text of at least 16 characters."))
            })?,
            ports: self
                .get("relay.ports", "two ports such as 49152-65535, the first even", |text| {
                    let (low, high) = text.split_once('-')?;
                    let (low, high): (u16, u16) = (low.trim().parse().ok()?, high.trim().parse().ok()?);
                    (low >= 1024 && low < high).then_some(low..=high)
                })?
                // A developer's browsers are on this machine too, with ports from the range that the system gives to programs: a peer at
                // such a port of the relay's own address would pass for a relayed one.
                .unwrap_or(if self.mode == Mode::Dev { 20_000..=29_999 } else { 49_152..=65_535 }),
            allowed_peers: allowed,
            denied_peers: self.list("relay.deny_peers", block, |text| text.parse().ok())?,
            user: self.cap(["relay.allocations_per_user", "relay.bytes_per_second", "relay.bytes_per_day"], 64)?,
            source: self.cap(
                ["relay.allocations_per_source", "relay.bytes_per_second_per_source", "relay.bytes_per_day_per_source"],
                1_024,
            )?,
            resource: self.cap(
                [
                    "relay.allocations_per_resource",
                    "relay.bytes_per_second_per_resource",
                    "relay.bytes_per_day_per_resource",
                ],
                0,
            )?,
            workers: self.number("relay.workers", "a number of threads, 0 for one per core", 0)?,
            alternates: self.list("relay.alternates", "an IP address and port such as 203.0.113.8:3478", |text| {
                text.parse().ok()
            })?,
            servers: self.list(
                "relay.servers",
                "a host name, with a port when it is not 3478, such as turn.example.org",
                |text| {
                    let (host, port) = host_and_port(text, 3478)?;
                    Some(RelayServer { host, port })
                },
            )?,
        })
    }

    fn media(&self) -> Result<Media, ConfigError> {
        let workers = |text: &str| text.parse().ok().filter(|workers| *workers <= MOST_WORKERS);
        Ok(Media {
            workers: self
                .get("media.workers", "a number of threads up to 256, 0 for one per core", workers)?
                .unwrap_or(0),
        })
    }

    fn acme(&self, public: &Public) -> Result<Option<Acme>, ConfigError> {
        let directory =
            self.get("tls.acme.directory", "an address such as https://acme.example.org/directory", |text| {
                text.strip_prefix("https://").filter(|rest| !rest.is_empty()).map(|_| text.to_owned())
            })?;
        let contact = self.get("tls.acme.contact", "a mail address such as mailto:you@example.org", |text| {
            let mail = text.strip_prefix("mailto:").unwrap_or(text);
            mail.contains('@').then(|| format!("mailto:{mail}"))
        })?;
        let domain = |text: &str| host_name(text).filter(|name| name.parse::<IpAddr>().is_err());
        let mut domains = self.list("tls.acme.domains", "a host name such as comms.example.org", domain)?;
        let roots = self.get("tls.acme.roots", "a PEM file", |text| Some(PathBuf::from(text)))?;
        let Some(directory) = directory else {
            return match contact.is_some() || roots.is_some() || !domains.is_empty() {
                true => Err(ConfigError(
                    "tls.acme.directory is missing: write the address of the authority's directory.".into(),
                )),
                false => Ok(None),
            };
        };
        if self.given.contains_key("tls.certificate") {
            return Err(ConfigError(
                "tls.certificate and tls.acme.directory are both given: write one of them.".into(),
            ));
        }
        if domains.is_empty() {
            if public.name == "localhost" || public.name.parse::<IpAddr>().is_ok() {
                return Err(ConfigError(
                    "tls.acme.domains is missing: write the host names in the certificate, or public.name.".into(),
                ));
            }
            domains.push(public.name.clone());
        }
        Ok(Some(Acme { directory, contact, domains, roots }))
    }

    fn certificate(&self) -> Result<Option<Certificate>, ConfigError> {
        let path = |text: &str| Some(PathBuf::from(text));
        let certificate = self.get("tls.certificate", "a PEM file", path)?;
        let key = self.get("tls.key", "a PEM file", path)?;
        match (certificate, key) {
            (Some(certificate), Some(key)) => Ok(Some(Certificate { certificate, key })),
            (None, None) => Ok(None),
            (Some(_), None) => {
                Err(ConfigError("tls.key is missing: write the PEM file of the key of tls.certificate.".into()))
            }
            (None, Some(_)) => {
                Err(ConfigError("tls.certificate is missing: write the PEM file of the chain for tls.key.".into()))
            }
        }
    }

    fn cluster(&self) -> Result<Cluster, ConfigError> {
        let secret = |text: &str| Some(Private::new(text.to_owned()));
        Ok(Cluster {
            store: self.get("cluster.store", "an address such as postgres://…", secret)?,
            bus: self.get("cluster.bus", "an address such as nats://…", secret)?,
            node: self
                .get("cluster.node", "a name of letters, digits and dashes", |text| {
                    text.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-').then(|| text.to_owned())
                })?
                .unwrap_or_else(|| "alone".to_owned()),
            roles: Roles::of(self.list("cluster.roles", Role::WANTED, Role::named)?),
        })
    }
}

/// `127.0.0.1:8443`, `[::1]:8443`, `:8443` or `8443`.
fn socket_address(text: &str, ip: IpAddr) -> Option<SocketAddr> {
    if let Ok(address) = text.parse() {
        return Some(address);
    }
    if let Ok(port) = text.strip_prefix(':').unwrap_or(text).parse() {
        return Some(SocketAddr::new(ip, port));
    }
    let port = text.strip_prefix("localhost:")?.parse().ok()?;
    Some(SocketAddr::new(Ipv4Addr::LOCALHOST.into(), port))
}

/// `https://host[:port]` or `stun:host[:port]`.
fn vantage(text: &str) -> Option<Vantage> {
    if let Some(rest) = text.strip_prefix("https://") {
        let (host, port) = host_and_port(rest.trim_end_matches('/'), 443)?;
        return Some(Vantage::Node { host, port });
    }
    let (host, port) = host_and_port(text.strip_prefix("stun:")?, 3478)?;
    Some(Vantage::Stun { host, port })
}

/// `host`, `host:port`, `1.2.3.4:port`, `[::1]:port` or a bare address.
fn host_and_port(text: &str, default: u16) -> Option<(String, u16)> {
    if let Ok(address) = text.parse::<SocketAddr>() {
        return Some((address.ip().to_string(), address.port()));
    }
    let unwrapped = text.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')).unwrap_or(text);
    if let Some(host) = host_name(unwrapped) {
        return Some((host, default));
    }
    let (host, port) = text.rsplit_once(':')?;
    Some((host_name(host)?, port.parse().ok().filter(|port| *port != 0)?))
}

fn host_name(text: &str) -> Option<String> {
    if let Ok(ip) = text.parse::<IpAddr>() {
        return Some(ip.to_string());
    }
    let is_label = |label: &str| {
        (1..=63).contains(&label.len())
            && label.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-')
            && !label.starts_with('-')
            && !label.ends_with('-')
    };
    (text.len() <= 253 && text.split('.').all(is_label)).then(|| text.to_ascii_lowercase())
}

fn duration(text: &str) -> Option<Duration> {
    let split = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
    let (number, unit) = text.split_at(split);
    let number: u64 = number.parse().ok()?;
    let seconds = match unit.trim() {
        "" | "s" => number,
        "m" => number.checked_mul(60)?,
        "h" => number.checked_mul(3600)?,
        _ => return None,
    };
    Some(Duration::from_secs(seconds))
}

/// The address that others reach this machine by, when it listens on all of them: the one it would speak from.
fn own_address(listening: IpAddr) -> IpAddr {
    if !listening.is_unspecified() {
        return listening;
    }
    // Connecting a datagram socket sends nothing; it only picks the route.
    let (bind, towards) = match listening {
        IpAddr::V4(_) => ("0.0.0.0:0", "192.0.2.1:9"),
        IpAddr::V6(_) => ("[::]:0", "[2001:db8::1]:9"),
    };
    std::net::UdpSocket::bind(bind)
        .and_then(|socket| socket.connect(towards).and_then(|()| socket.local_addr()))
        .map_or(IpAddr::V4(Ipv4Addr::LOCALHOST), |address| address.ip())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn with(key: &'static str, text: &str) -> Result<Config, ConfigError> {
        resolve(Mode::Dev, None, BTreeMap::from([(key, Given::one(format!("--{key}"), text))]), |_| None)
    }

    #[test]
    fn options_beat_the_environment() {
        let options = BTreeMap::from([("listen.https", Given::one("--https", "127.0.0.1:1"))]);
        let config = resolve(Mode::Dev, None, options, |name| {
            (name == "CENTRALE_HTTPS" || name == "CENTRALE_RELAY").then(|| "127.0.0.1:2".to_owned())
        })
        .expect("a configuration");
        assert_eq!(config.listen.https.port(), 1);
        assert_eq!((config.listen.relay.port(), config.listen.relay_tls.port()), (2, 3));
    }

    #[test]
    fn a_wrong_value_is_one_sentence_that_names_the_key() {
        let error = with("listen.https", "nonsense").expect_err("refused");
        assert_eq!(error.0, "--listen.https is \"nonsense\": write an address and port such as 127.0.0.1:8443.");
        for (key, text) in [
            ("relay.enabled", "maybe"),
            ("drain.deadline", "soon"),
            ("public.name", "a b"),
            ("public.addresses", "x"),
            ("relay.allow_peers", "10/8/8"),
            ("relay.ports", "9-1"),
            ("log", "xml"),
            ("cluster.node", "a/b"),
            ("media.workers", "many"),
            ("calls.participants", "1"),
            ("cluster.roles", "relay,telephone"),
            ("relay.alternates", "turn.example.org"),
            ("relay.servers", "a b"),
            ("public.vantage", "http://x"),
            ("tls.acme.directory", "http://acme.example.org"),
            ("tls.acme.contact", "nobody"),
        ] {
            let error = with(key, text).expect_err(key);
            assert!(error.0.contains(key) && error.0.contains("write"), "{}", error.0);
        }
    }

    #[test]
    fn another_node_is_named_with_or_without_a_port() {
        let config =
            with("relay.servers", "turn.example.org, 203.0.113.9:4000, [2001:db8::1]:4001").expect("a configuration");
        let found: Vec<_> = config.relay.servers.iter().map(|server| (server.host.as_str(), server.port)).collect();
        assert_eq!(found, [("turn.example.org", 3478), ("203.0.113.9", 4000), ("2001:db8::1", 4001)]);
        let config = with("public.vantage", "https://eyes.example.org:8443/").expect("a configuration");
        assert_eq!(config.public.vantage, Some(Vantage::Node { host: "eyes.example.org".into(), port: 8443 }));
        let config = with("public.vantage", "stun:eyes.example.org").expect("a configuration");
        assert_eq!(config.public.vantage, Some(Vantage::Stun { host: "eyes.example.org".into(), port: 3478 }));
    }

    #[test]
    fn an_authority_needs_to_know_for_which_name() {
        let error = with("tls.acme.directory", "https://acme.example.org/dir").expect_err("refused");
        assert!(error.0.contains("tls.acme.domains"), "{error}");
        let error = with("tls.acme.contact", "mailto:a@example.org").expect_err("refused");
        assert!(error.0.contains("tls.acme.directory"), "{error}");
        let given = |key, text| (key, Given::one(key, text));
        let options = BTreeMap::from([
            given("tls.acme.directory", "https://acme.example.org/dir"),
            given("public.name", "comms.example.org"),
        ]);
        let config = resolve(Mode::Serve, None, options, |_| None).expect("a configuration");
        assert_eq!(config.acme.expect("ACME").domains, ["comms.example.org"]);
    }

    #[test]
    fn a_secret_is_not_repeated() {
        let error = with("relay.secret", "short").expect_err("refused");
        assert!(!error.0.contains("\"short\"") && error.0.contains("relay.secret"), "{}", error.0);
    }
}
