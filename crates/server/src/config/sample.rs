//! Every key there is, and the sample file made of them.

/// A key of the configuration file.
pub(super) struct Key {
    /// Its dotted name.
    pub(super) key: &'static str,
    /// The environment variable of the same meaning.
    pub(super) env: &'static str,
    /// The value in the sample: the default, as TOML.
    pub(super) sample: &'static str,
    /// What it means.
    pub(super) help: &'static str,
}

const fn key(key: &'static str, env: &'static str, sample: &'static str, help: &'static str) -> Key {
    Key { key, env, sample, help }
}

/// Every key, in the order of the sample.
pub(super) const KEYS: &[Key] = &[
    key("data", "CENTRALE_DATA", "\"./centrale-data\"", "Where files are kept."),
    key("log", "CENTRALE_LOG", "\"text\"", "How logs are written to standard error: text or json."),
    key("limits", "CENTRALE_LIMITS", "true", "Whether requests over a documented limit are refused with 429."),
    key("listen.https", "CENTRALE_HTTPS", "\"0.0.0.0:443\"", "HTTPS, the event connection, and TURN over TLS."),
    key("listen.relay", "CENTRALE_RELAY", "\"0.0.0.0:3478\"", "STUN and TURN over UDP and TCP."),
    key("listen.relay_tls", "CENTRALE_RELAY_TLS", "\"0.0.0.0:5349\"", "TURN over TLS."),
    key(
        "listen.media",
        "CENTRALE_MEDIA",
        "\"0.0.0.0:3480\"",
        "Media of group calls: UDP, the first port, one per worker.",
    ),
    key("listen.sip", "CENTRALE_SIP", "\"0.0.0.0:5060\"", "SIP over UDP and TCP; TLS on the port after it."),
    key("listen.metrics", "CENTRALE_METRICS", "\"127.0.0.1:9464\"", "Counters in Prometheus' text form; plain HTTP."),
    key(
        "public.name",
        "CENTRALE_PUBLIC_NAME",
        "\"localhost\"",
        "The name that clients use; the certificate is for it.",
    ),
    key(
        "public.addresses",
        "CENTRALE_PUBLIC_ADDRESSES",
        "[]",
        "What candidates and relays advertise; the listening address when empty.",
    ),
    key(
        "public.vantage",
        "CENTRALE_PUBLIC_VANTAGE",
        "\"\"",
        "Who tells what the world sees of us: https://another-node, which tries each port, or stun:host:port.",
    ),
    key(
        "tls.certificate",
        "CENTRALE_TLS_CERTIFICATE",
        "\"\"",
        "PEM file of a certificate chain; our own authority makes one when absent.",
    ),
    key("tls.key", "CENTRALE_TLS_KEY", "\"\"", "PEM file of the certificate's key."),
    key(
        "tls.acme.directory",
        "CENTRALE_TLS_ACME_DIRECTORY",
        "\"\"",
        "Directory of an authority that issues certificates over ACME; it must reach our HTTPS port as 443.",
    ),
    key("tls.acme.contact", "CENTRALE_TLS_ACME_CONTACT", "\"\"", "Mail address that the authority may write to."),
    key("tls.acme.domains", "CENTRALE_TLS_ACME_DOMAINS", "[]", "Names in the certificate; public.name when empty."),
    key(
        "tls.acme.roots",
        "CENTRALE_TLS_ACME_ROOTS",
        "\"\"",
        "PEM file of the authority to trust as the directory; the system's when absent.",
    ),
    key("relay.enabled", "CENTRALE_RELAY_ENABLED", "true", "Whether TURN is offered. STUN always is."),
    key(
        "relay.secret",
        "CENTRALE_RELAY_SECRET",
        "\"\"",
        "What relay passwords are computed from; generated in the data directory when absent.",
    ),
    key("relay.ports", "CENTRALE_RELAY_PORTS", "\"49152-65535\"", "UDP ports lent to clients; 20000-29999 in dev."),
    key(
        "relay.allow_peers",
        "CENTRALE_RELAY_ALLOW_PEERS",
        "[]",
        "Blocks such as 10.0.0.0/8 that may be relayed to although they are not public.",
    ),
    key(
        "relay.deny_peers",
        "CENTRALE_RELAY_DENY_PEERS",
        "[]",
        "Blocks that may not be relayed to although they are public.",
    ),
    key(
        "relay.allocations_per_user",
        "CENTRALE_RELAY_ALLOCATIONS_PER_USER",
        "64",
        "Allocations that one user may hold; 0 for no bound.",
    ),
    key(
        "relay.bytes_per_second",
        "CENTRALE_RELAY_BYTES_PER_SECOND",
        "0",
        "Relayed bytes per second and user; 0 for no bound.",
    ),
    key("relay.bytes_per_day", "CENTRALE_RELAY_BYTES_PER_DAY", "0", "Relayed bytes per day and user; 0 for no bound."),
    key(
        "relay.allocations_per_source",
        "CENTRALE_RELAY_ALLOCATIONS_PER_SOURCE",
        "1024",
        "Allocations that one address (of IPv6 a /64) may hold; 0 for no bound.",
    ),
    key(
        "relay.bytes_per_second_per_source",
        "CENTRALE_RELAY_BYTES_PER_SECOND_PER_SOURCE",
        "0",
        "Relayed bytes per second and address; 0 for no bound.",
    ),
    key(
        "relay.bytes_per_day_per_source",
        "CENTRALE_RELAY_BYTES_PER_DAY_PER_SOURCE",
        "0",
        "Relayed bytes per day and address; 0 for no bound.",
    ),
    key(
        "relay.allocations_per_resource",
        "CENTRALE_RELAY_ALLOCATIONS_PER_RESOURCE",
        "0",
        "Allocations that all users may hold together; 0 for no bound.",
    ),
    key(
        "relay.bytes_per_second_per_resource",
        "CENTRALE_RELAY_BYTES_PER_SECOND_PER_RESOURCE",
        "0",
        "Relayed bytes per second of all users together; 0 for no bound.",
    ),
    key(
        "relay.bytes_per_day_per_resource",
        "CENTRALE_RELAY_BYTES_PER_DAY_PER_RESOURCE",
        "0",
        "Relayed bytes per day of all users together; 0 for no bound.",
    ),
    key("relay.workers", "CENTRALE_RELAY_WORKERS", "0", "Threads that relay; 0 for one per core."),
    key(
        "relay.alternates",
        "CENTRALE_RELAY_ALTERNATES",
        "[]",
        "Addresses such as 203.0.113.8:3478 that new clients are sent to while this relay drains.",
    ),
    key(
        "relay.servers",
        "CENTRALE_RELAY_SERVERS",
        "[]",
        "Names of the relay nodes that clients are given, when this node is not one.",
    ),
    key(
        "drain.deadline",
        "CENTRALE_DRAIN_DEADLINE",
        "\"300s\"",
        "How long live calls may go on after SIGTERM: 30s, 5m, 1h.",
    ),
    key(
        "cluster.store",
        "CENTRALE_CLUSTER_STORE",
        "\"\"",
        "postgres://… shared with other nodes; a file in the data directory when absent.",
    ),
    key("cluster.bus", "CENTRALE_CLUSTER_BUS", "\"\"", "nats://… shared with other nodes; in process when absent."),
    key(
        "cluster.node",
        "CENTRALE_CLUSTER_NODE",
        "\"alone\"",
        "This node's name: letters, digits and dashes, the same after a restart.",
    ),
    key(
        "cluster.roles",
        "CENTRALE_CLUSTER_ROLES",
        "[]",
        "What this node does: api, media, relay, trunk; all when empty. [\"relay\"] alone needs only relay.secret.",
    ),
];

/// A configuration file with every key at its default, commented out.
pub fn sample() -> String {
    let mut text = String::from("# centrale.toml: leave everything out and it runs alone with these defaults.\n");
    let mut section = "";
    for known in KEYS {
        let (table, name) = known.key.rsplit_once('.').unwrap_or(("", known.key));
        if table != section {
            text.push_str(&format!("\n[{table}]\n"));
            section = table;
        }
        text.push_str(&format!("# {} ({})\n# {name} = {}\n", known.help, known.env, known.sample));
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_sample_is_toml_even_when_every_line_counts() {
        let all: String = sample()
            .lines()
            .map(|line| {
                line.strip_prefix("# ").filter(|rest| rest.contains(" = ") && !rest.contains(": l")).unwrap_or(line)
            })
            .map(|line| format!("{line}\n"))
            .collect();
        let table: toml::Table = toml::from_str(&all).expect("TOML");
        assert!(table.contains_key("listen"));
    }

    #[test]
    fn the_page_about_configuration_has_every_key_as_it_is() {
        let page = include_str!("../../../../docs/operating/configuration.md");
        for Key { key, env, sample, help } in KEYS {
            let row = format!("| `{key}` | `{env}` | `{sample}` | {help} |");
            assert!(page.lines().any(|line| line == row), "not in docs/operating/configuration.md:\n{row}");
        }
    }

    /// The page for whoever has coturn.
    const TURN_SERVER: &str = include_str!("../../../../docs/quickstarts/relay.md");

    #[test]
    fn the_ten_lines_for_just_a_turn_server_are_a_configuration() {
        let text = TURN_SERVER.split("```toml\n").nth(1).and_then(|rest| rest.split("```").next()).expect("a block");
        assert_eq!(text.lines().count(), 10);
        let path = std::env::temp_dir().join(format!("centrale-ten-lines-{}.toml", std::process::id()));
        std::fs::write(&path, text).expect("written");
        let config = crate::config::resolve(crate::config::Mode::Serve, Some(&path), Default::default(), |_| None);
        let _ = std::fs::remove_file(&path);
        let config = config.expect("a configuration");
        assert!(config.cluster.roles.is_relay_alone());
        assert!(config.relay.secret.is_some() && config.tls.is_some() && config.public.are_addresses_given);
    }

    #[test]
    fn whatever_stands_for_an_option_of_coturn_is_a_key_of_ours() {
        let table =
            TURN_SERVER.split("## From coturn").nth(1).and_then(|rest| rest.split("\n## ").next()).expect("a table");
        let rows: Vec<_> = table.lines().filter(|line| line.starts_with("| `") || line.starts_with("| none")).collect();
        assert!(rows.len() > 35, "a row for each option");
        for row in rows {
            let ours = row.split(" | ").nth(1).expect("three columns");
            for key in ours.split('`').skip(1).step_by(2) {
                let key = key.split(" = ").next().unwrap_or(key);
                assert!(KEYS.iter().any(|known| known.key == key), "{key} is not a key: {row}");
            }
        }
    }
}
