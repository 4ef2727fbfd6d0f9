//! Having ourselves looked at.

use std::net::{IpAddr, SocketAddr};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use centrale_model::Private;
use rustls::pki_types::ServerName;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpStream, lookup_host};
use tokio::time::timeout;
use tokio_rustls::TlsConnector;

use super::{Check, Over, PATH, Question, SIGNATURE, Seal, Told, look, tls};
use crate::config::{Public, Vantage};
use crate::program::Runtime;

/// How long the whole question may take: the vantage node's own patience, several times.
const PATIENCE: Duration = Duration::from_secs(20);
/// Bytes of an answer.
const ANSWER: u64 = 64 * 1024;

/// What was seen.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Sight {
    /// As it should be.
    Good(String),
    /// Not as it should be; the sentence says what to do.
    Bad(String),
    /// Perhaps on purpose.
    Odd(String),
}

/// Has every advertised address and port of a running node looked at.
pub async fn inspect(public: &Public, vantage: &Vantage, runtime: &Runtime, secret: &Private<String>) -> Vec<Sight> {
    match vantage {
        Vantage::Stun { host, port } => by_stun(public, host, *port).await,
        Vantage::Node { host, port } => match timeout(PATIENCE, by_node(public, host, *port, runtime, secret)).await {
            Ok(Ok(sights)) => sights,
            Ok(Err(error)) => vec![Sight::Bad(format!("public.vantage: {error}"))],
            Err(_) => {
                vec![Sight::Bad(format!("public.vantage: {host}:{port} does not answer: write a node that runs"))]
            }
        },
    }
}

async fn by_stun(public: &Public, host: &str, port: u16) -> Vec<Sight> {
    let servers = match lookup_host((host, port)).await {
        Ok(found) => found.collect::<Vec<_>>(),
        Err(error) => return vec![Sight::Bad(format!("public.vantage: {host} cannot be found ({error})"))],
    };
    let mut sights = Vec::new();
    for is_v4 in [true, false] {
        let is_wanted = public.addresses.iter().any(|ip| ip.is_ipv4() == is_v4);
        let Some(server) = servers.iter().find(|server| server.is_ipv4() == is_v4).filter(|_| is_wanted) else {
            continue;
        };
        sights.push(match look::mapped(*server).await {
            Ok(mapped) => judge_source(public, mapped.ip(), host, true)
                .unwrap_or_else(|| Sight::Good(format!("public.addresses: {} is what {host} sees", mapped.ip()))),
            Err(error) => Sight::Bad(format!("public.vantage: {server}: {error}")),
        });
    }
    if sights.is_empty() {
        sights.push(Sight::Odd(format!("public.vantage: {host} has no address of the kind of public.addresses")));
    }
    sights
}

/// What it means that we are seen to come from `seen`: nothing when that is an address we advertise.
fn judge_source(public: &Public, seen: IpAddr, who: &str, is_all_we_know: bool) -> Option<Sight> {
    let ours: Vec<String> =
        public.addresses.iter().filter(|ip| ip.is_ipv4() == seen.is_ipv4()).map(ToString::to_string).collect();
    if ours.is_empty() || ours.contains(&seen.to_string()) {
        return None;
    }
    let sentence = format!(
        "public.addresses: {who} sees us come from {seen}, and {} is advertised: write {seen}, unless requests leave by another way than they arrive",
        ours.join(", ")
    );
    Some(if is_all_we_know { Sight::Bad(sentence) } else { Sight::Odd(sentence) })
}

async fn by_node(
    public: &Public,
    host: &str,
    port: u16,
    runtime: &Runtime,
    secret: &Private<String>,
) -> Result<Vec<Sight>, String> {
    let told = ask(host, port, secret, checks(public, runtime)).await?;
    let mut sights: Vec<Sight> = told
        .results
        .iter()
        .map(|outcome| {
            let Check { address, over } = outcome.check;
            let over = match over {
                Over::Udp => "UDP",
                Over::Tcp => "TCP",
                Over::Tls => "TURN over TLS",
                Over::Https => "HTTPS",
            };
            match &outcome.fault {
                None => Sight::Good(format!("{address} is reached from outside ({over})")),
                Some(fault) => Sight::Bad(format!(
                    "{address} is not reached from outside ({over}): {fault}: open the port in the firewall, forward it to this machine, or correct public.addresses"
                )),
            }
        })
        .collect();
    let is_any_unreached = sights.iter().any(|sight| matches!(sight, Sight::Bad(_)));
    sights.extend(judge_source(public, told.seen, host, is_any_unreached));
    Ok(sights)
}

/// Each kind of listener on each advertised address.
fn checks(public: &Public, runtime: &Runtime) -> Vec<Check> {
    let https = runtime.https.strip_prefix("https://").unwrap_or_default();
    let https_port =
        https.rsplit_once(':').filter(|(_, port)| !port.ends_with(']')).and_then(|(_, port)| port.parse().ok());
    let ports = |list: &[SocketAddr]| {
        let mut ports: Vec<u16> = list.iter().map(SocketAddr::port).collect();
        ports.sort_unstable();
        ports.dedup();
        ports
    };
    let kinds = [
        (Over::Udp, ports(&runtime.relay.udp)),
        (Over::Tcp, ports(&runtime.relay.tcp)),
        (Over::Tls, ports(&runtime.relay.tls)),
        (Over::Https, vec![https_port.unwrap_or(443)]),
    ];
    let mut checks = Vec::new();
    for ip in &public.addresses {
        for (over, ports) in &kinds {
            checks.extend(ports.iter().map(|port| Check { address: SocketAddr::new(*ip, *port), over: *over }));
        }
    }
    checks.truncate(super::MOST_CHECKS);
    checks
}

/// Puts the question to a vantage node.
async fn ask(host: &str, port: u16, secret: &Private<String>, checks: Vec<Check>) -> Result<Told, String> {
    let seal = Seal::new(secret);
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    let time = i64::try_from(now.as_millis()).unwrap_or(i64::MAX);
    let question = serde_json::to_vec(&Question { time, checks }).map_err(|error| error.to_string())?;
    let signature = seal.sign([b"ask", &question]);
    let stream = TcpStream::connect((host, port))
        .await
        .map_err(|error| format!("{host}:{port} cannot be reached ({error}): write a node that runs"))?;
    let name = ServerName::try_from(host.to_owned()).map_err(|error| error.to_string())?;
    let connector = TlsConnector::from(tls::client().map_err(|error| error.to_string())?);
    let mut stream = connector.connect(name, stream).await.map_err(|error| format!("{host}:{port}: {error}"))?;
    let head = format!(
        "POST {PATH} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\nContent-Type: application/json\r\n{SIGNATURE}: {signature}\r\nContent-Length: {}\r\n\r\n",
        question.len()
    );
    let mut bytes = Vec::new();
    let exchange = async {
        stream.write_all(head.as_bytes()).await?;
        stream.write_all(&question).await?;
        stream.flush().await?;
        // A peer that ends without saying so in TLS has said all that it had to say.
        match stream.take(ANSWER).read_to_end(&mut bytes).await {
            Err(error) if error.kind() != std::io::ErrorKind::UnexpectedEof => Err(error),
            Ok(_) | Err(_) => Ok(()),
        }
    };
    exchange.await.map_err(|error| format!("{host}:{port}: {error}"))?;
    let end = bytes
        .windows(4)
        .position(|four| four == b"\r\n\r\n")
        .ok_or_else(|| format!("{host}:{port} is no node of ours"))?;
    let head = String::from_utf8_lossy(&bytes[..end]);
    let body = &bytes[end + 4..];
    if !head.starts_with("HTTP/1.1 200") {
        let told: serde_json::Value = serde_json::from_slice(body).unwrap_or_default();
        let reason = told["error"]["message"].as_str().unwrap_or("no reason given");
        return Err(format!("{host}:{port} does not look for us: {reason}"));
    }
    let signed = head
        .lines()
        .filter_map(|line| line.split_once(':'))
        .find_map(|(name, value)| name.eq_ignore_ascii_case(SIGNATURE).then(|| value.trim()))
        .unwrap_or_default();
    if !seal.is_signed([signature.as_bytes(), body], signed) {
        return Err(format!("{host}:{port} answers with another secret: write the same relay.secret on both nodes"));
    }
    serde_json::from_slice(body).map_err(|error| format!("{host}:{port}: {error}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn public(addresses: &[&str]) -> Public {
        Public {
            name: "comms.example.org".to_owned(),
            addresses: addresses.iter().map(|text| text.parse().expect("an address")).collect(),
            are_addresses_given: true,
            vantage: None,
        }
    }

    #[test]
    fn another_source_than_advertised_is_told_with_what_to_write() {
        let seen = "198.51.100.9".parse().expect("an address");
        let told = judge_source(&public(&["10.0.0.7"]), seen, "eyes", true).expect("a finding");
        assert!(matches!(&told, Sight::Bad(text) if text.contains("write 198.51.100.9")), "{told:?}");
        assert_eq!(judge_source(&public(&["10.0.0.7", "198.51.100.9"]), seen, "eyes", true), None);
        assert_eq!(judge_source(&public(&["2001:db8::7"]), seen, "eyes", true), None, "another family says nothing");
    }
}
