//! `centrale doctor`: what stands in the way, and what to do about it.

mod outside;

use std::net::{IpAddr, SocketAddr, TcpListener, ToSocketAddrs, UdpSocket};
use std::os::unix::fs::PermissionsExt;
use std::process::ExitCode;

use super::caller::Caller;
use super::options::Options;
use crate::config::{self, Config, Mode, Role};

/// What was found.
enum Finding {
    /// As it should be.
    Good(String),
    /// Works, but somebody should look.
    Notice(String),
    /// Broken; the sentence says what to do.
    Broken(String),
}

use Finding::{Broken, Good, Notice};

pub(super) fn run(options: &Options) -> ExitCode {
    let config =
        match config::resolve(Mode::Serve, options.config.as_deref(), options.given(), |name| std::env::var(name).ok())
        {
            Ok(config) => config,
            Err(error) => {
                println!("broken  {error}");
                return ExitCode::FAILURE;
            }
        };
    let mut findings = vec![Good("the configuration can be read".to_owned())];
    findings.extend(folder(&config));
    let running = Caller::find(&options.data()).ok();
    match &running {
        Some(caller) => findings.push(answers(caller)),
        None => findings.extend(ports(&config)),
    }
    findings.push(outside::advertised(&config));
    findings.extend(name(&config));
    findings.push(certificate(&config));
    findings.extend(seams(&config));
    findings.extend(outside::seen(&config));
    let mut is_broken = false;
    for finding in &findings {
        match finding {
            Good(text) => println!("good    {text}"),
            Notice(text) => println!("notice  {text}"),
            Broken(text) => {
                is_broken = true;
                println!("broken  {text}");
            }
        }
    }
    if is_broken { ExitCode::FAILURE } else { ExitCode::SUCCESS }
}

fn folder(config: &Config) -> Vec<Finding> {
    let shown = config.data.display();
    let Ok(data) = std::fs::metadata(&config.data) else {
        return vec![Notice(format!("data: {shown} does not exist yet: the first start makes it"))];
    };
    let mut findings = Vec::new();
    let probe = config.data.join(format!("doctor-{}", std::process::id()));
    match std::fs::write(&probe, b"") {
        Ok(()) => {
            let _ = std::fs::remove_file(&probe);
            findings.push(Good(format!("data: {shown} can be written")));
        }
        Err(error) => {
            findings.push(Broken(format!("data: {shown} cannot be written ({error}): give it to the user who runs us")))
        }
    }
    if data.permissions().mode() & 0o077 != 0 {
        findings.push(Notice(format!("data: others may look into {shown}: chmod 700 {shown}")));
    }
    for file in
        ["centrale.db", "connection-string", "relay-secret", "tls/ca.key", "tls/acme.pem", "tls/acme-account.json"]
    {
        let path = config.data.join(file);
        let Ok(data) = std::fs::metadata(&path) else { continue };
        if data.permissions().mode() & 0o077 != 0 {
            findings.push(Broken(format!("data: others may read {}: chmod 600 {}", path.display(), path.display())));
        }
    }
    findings
}

fn answers(caller: &Caller) -> Finding {
    match caller.call("GET", "/health/ready", b"") {
        Ok(reply) if reply.status == 200 => Good(format!("the exchange answers at https://{}", caller.host())),
        Ok(reply) => Broken(format!("the exchange is not ready ({}): look at its log", reply.status)),
        Err(error) => Broken(format!("the exchange does not answer: {error}")),
    }
}

fn ports(config: &Config) -> Vec<Finding> {
    let tcp = [
        ("listen.https", config.listen.https),
        ("listen.relay", config.listen.relay),
        ("listen.relay_tls", config.listen.relay_tls),
        ("listen.metrics", config.listen.metrics),
    ];
    let mut findings: Vec<Finding> = tcp
        .iter()
        .map(|(key, address)| match TcpListener::bind(address) {
            Ok(_) => Good(format!("{key}: {address} is free (TCP)")),
            Err(error) => Broken(format!("{key}: {address} cannot be listened on ({error}): write another address")),
        })
        .collect();
    let udp = |key: &str, address: SocketAddr| match UdpSocket::bind(address) {
        Ok(_) => Good(format!("{key}: {address} is free (UDP)")),
        Err(error) => Broken(format!("{key}: {address} cannot be listened on ({error}): write another address")),
    };
    findings.push(udp("listen.relay", config.listen.relay));
    if config.cluster.roles.has(Role::Media) {
        // One port for each worker, one after the other.
        let first = config.listen.media;
        let workers = match config.media.workers {
            0 => std::thread::available_parallelism().map_or(1, usize::from),
            workers => workers,
        };
        let ports = (0..workers).filter_map(|worker| first.port().checked_add(u16::try_from(worker).ok()?));
        findings.extend(ports.map(|port| udp("listen.media", SocketAddr::new(first.ip(), port))));
    }
    findings
}

fn name(config: &Config) -> Vec<Finding> {
    let name = &config.public.name;
    if name == "localhost" {
        return vec![Notice(
            "public.name is localhost: only this machine can use the exchange; write its public name".to_owned(),
        )];
    }
    let found: Vec<IpAddr> = match (name.as_str(), 443).to_socket_addrs() {
        Ok(found) => found.map(|address: SocketAddr| address.ip()).collect(),
        Err(error) => {
            return vec![Broken(format!("public.name: {name} cannot be found ({error}): make a DNS record for it"))];
        }
    };
    if found.iter().any(|ip| config.public.addresses.contains(ip)) {
        return vec![Good(format!("public.name: {name} leads to one of public.addresses"))];
    }
    if let Some(finding) = outside::useless(name, &found) {
        return vec![finding];
    }
    vec![Notice(format!(
        "public.name: {name} leads to {found:?}, and public.addresses are {:?}: let them agree, unless a load balancer is between",
        config.public.addresses
    ))]
}

fn certificate(config: &Config) -> Finding {
    if let Some(acme) = &config.acme {
        return ordered(config, acme);
    }
    let Some(files) = &config.tls else {
        return Notice("tls.certificate is not set: clients must trust tls/ca.pem of the data directory".to_owned());
    };
    let origin = crate::tls::Origin::Files(files.clone());
    match crate::tls::load(&origin, centrale_model::Timestamp::from_secs(0)) {
        Ok(certified) => {
            let shown = files.certificate.display();
            match certified.expires().map(|end| end.since(now()).as_secs() / 86_400) {
                Some(0) => Broken(format!(
                    "tls.certificate: {shown} ends within a day or has ended: put a new one in its place"
                )),
                Some(days) if days < 14 => Notice(format!("tls.certificate: {shown} ends in {days} days")),
                Some(_) | None => Good(format!("tls.certificate: {shown} and its key belong together")),
            }
        }
        Err(error) => Broken(format!("tls.certificate: {error}")),
    }
}

fn now() -> centrale_model::Timestamp {
    use centrale_exchange::Clock;
    centrale_exchange::SystemClock::new().now()
}

/// The certificate that came over ACME.
fn ordered(config: &Config, acme: &config::Acme) -> Finding {
    let names = acme.domains.join(", ");
    match crate::tls::ordered(acme, &config.data.join("tls")) {
        Some(end) if end > now() => Good(format!(
            "tls.acme: the certificate for {names} is good for {} days",
            end.since(now()).as_secs() / 86_400
        )),
        Some(_) => {
            Broken(format!("tls.acme: the certificate for {names} has ended: look in the log why it is not renewed"))
        }
        None => Notice(format!(
            "tls.acme: there is no certificate for {names} yet: start the node, and let port 443 of each name lead to it"
        )),
    }
}

fn seams(config: &Config) -> Vec<Finding> {
    let Ok(runtime) = tokio::runtime::Builder::new_current_thread().enable_all().build() else {
        return vec![Broken("no async runtime can be made: raise the limit of open files".to_owned())];
    };
    let mut findings = Vec::new();
    if let Some(address) = &config.cluster.store {
        findings.push(match runtime.block_on(centrale_store::open(address.reveal())) {
            Ok(_) => Good("cluster.store can be reached".to_owned()),
            Err(error) => Broken(format!("cluster.store: {error}")),
        });
    }
    if let Some(address) = &config.cluster.bus {
        findings.push(match runtime.block_on(centrale_bus::open(Some(address.reveal()))) {
            Ok(_) => Good("cluster.bus can be reached".to_owned()),
            Err(error) => Broken(format!("cluster.bus: {error}")),
        });
    }
    findings
}
