//! The program from outside: start, files, commands, wrong configuration, end.

mod common;

use std::io::Read;
use std::net::{TcpListener, TcpStream};
use std::os::unix::fs::PermissionsExt;
use std::time::{Duration, Instant};

use common::{Exchange, Folder, program};
use serde_json::Value;

fn refused(command: &str, more: &[&str]) -> String {
    let folder = Folder::new();
    let output = program(command, folder.path(), more).output().expect("the program runs");
    assert_eq!(output.status.code(), Some(2), "{more:?}");
    assert!(output.stdout.is_empty());
    let text = String::from_utf8(output.stderr).expect("text");
    assert_eq!(text.trim().lines().count(), 1, "{text}");
    text
}

#[test]
fn a_wrong_configuration_is_one_sentence_and_exit_code_2() {
    let held = TcpListener::bind("127.0.0.1:0").expect("a port");
    let taken = held.local_addr().expect("an address").to_string();
    let folder = Folder::new();
    let file = folder.path().join("centrale.toml");
    let path = file.to_str().expect("text");
    for (more, named) in [
        (vec!["--https", "nonsense"], "--https"),
        (vec!["--https", &taken], "listen.https"),
        (vec!["--metrics", &taken], "listen.metrics"),
        (vec!["--public-name", "a b"], "--public-name"),
        (vec!["--public-address", "x"], "--public-address"),
        (vec!["--log", "xml"], "--log"),
        (vec!["--config", "/nonexistent/file.toml"], "--config"),
        (vec!["--nonsense"], "--nonsense"),
    ] {
        let text = refused("serve", &more);
        assert!(text.contains(named), "{more:?}: {text}");
    }
    for (content, named) in [
        ("[listen]\nhtps = \"127.0.0.1:0\"", "write listen.https"),
        ("[publik]\nname = \"x\"", "publik"),
        ("[tls]\ncertificate = \"/nonexistent.pem\"\nkey = \"/nonexistent.pem\"", "/nonexistent.pem"),
        ("[tls]\ncertificate = \"/nonexistent.pem\"", "tls.key"),
        ("[relay]\nsecret = \"short\"", "relay.secret"),
        ("not toml", "line 1"),
    ] {
        std::fs::write(&file, content).expect("a file");
        let text = refused("serve", &["--config", path]);
        assert!(text.contains(named), "{content}: {text}");
    }
}

#[test]
fn files_are_as_the_contract_says_and_a_second_exchange_keeps_out() {
    let mut exchange = Exchange::dev(&[]);
    let folder = exchange.folder.path().to_owned();
    for file in ["runtime.json", "connection-string", "centrale.db", "tls/ca.key", "relay-secret"] {
        let mode = std::fs::metadata(folder.join(file)).expect(file).permissions().mode();
        assert_eq!(mode & 0o777, 0o600, "{file}");
    }
    let text = std::fs::read(folder.join("runtime.json")).expect("runtime.json");
    let runtime: Value = serde_json::from_slice(&text).expect("JSON");
    assert_eq!(runtime["pid"].to_string(), exchange.pid());
    assert_eq!(runtime["resource_id"], "00000000-0000-4000-8000-00000000cafe");
    let string = runtime["connection_string"].as_str().expect("text");
    assert!(string.ends_with("/;accesskey=Y2VudHJhbGUtZGV2LWtleS1ub3QtYS1zZWNyZXQtMDAwMQ=="));
    assert_eq!(std::fs::read_to_string(folder.join("connection-string")).expect("the file"), string);
    for kind in ["udp", "tcp", "tls"] {
        assert!(runtime["relay"][kind][0].as_str().is_some_and(|text| text.starts_with("127.0.0.1:")), "{kind}");
    }
    assert!(runtime["media"]["udp"].is_array() && runtime["sip"]["tls"].is_array() && runtime["metrics"].is_string());
    let second = program("dev", &folder, &[]).output().expect("the program runs");
    assert_eq!(second.status.code(), Some(2));
    assert_eq!(exchange.end("-TERM"), Some(0));
    assert!(!folder.join("runtime.json").exists());
}

#[test]
fn serve_makes_its_own_resource_and_keeps_it() {
    let first = Exchange::start("serve", Folder::new(), &["--public-name", "localhost"]);
    let text = std::fs::read_to_string(first.folder.path().join("connection-string")).expect("the file");
    assert!(!text.contains("Y2VudHJhbGUtZGV2"));
    let status = first.call("GET", "/admin/status", &Value::Null).json();
    assert_ne!(status["resourceId"], "00000000-0000-4000-8000-00000000cafe");
    assert_eq!((&status["dev"], &status["limits"]), (&Value::Bool(false), &Value::Bool(true)));
    // There are no tokens for nothing.
    assert_eq!(first.plain("POST", "/dev/token", &[], b"").status, 404);
    // A developer's exchange will not use its directory, nor the other way round.
    let dev = Exchange::dev(&[]);
    let mut dev = dev;
    dev.end("-TERM");
    let output = program("serve", dev.folder.path(), &[]).output().expect("the program runs");
    assert_eq!(output.status.code(), Some(2));
    assert!(String::from_utf8_lossy(&output.stderr).contains("--data"));
}

#[test]
fn the_commands_speak_to_the_running_exchange() {
    let exchange = Exchange::dev(&[]);
    let run = |arguments: &[&str]| {
        std::process::Command::new(env!("CARGO_BIN_EXE_centrale"))
            .env_clear()
            .env("CENTRALE_DATA", exchange.folder.path())
            .args(arguments)
            .output()
            .expect("the program runs")
    };
    let made = run(&["token", "--scope", "voip,chat", "--hours", "2"]);
    assert!(made.status.success());
    let made: Value = serde_json::from_slice(&made.stdout).expect("JSON");
    let id = made["id"].as_str().expect("an id");
    assert!(made["token"].is_string() && made["expiresOn"].is_string());
    let again: Value = serde_json::from_slice(&run(&["token", "--user", id]).stdout).expect("JSON");
    assert_eq!(again["id"], id);
    let servers: Value =
        serde_json::from_slice(&run(&["relay-credential", "--user", id, "--ttl", "60"]).stdout).expect("JSON");
    let turn = servers.as_array().expect("a list").iter().find(|server| server["username"].is_string()).expect("TURN");
    assert!(turn["username"].as_str().is_some_and(|name| name.ends_with(id)));
    assert!(
        turn["urls"]
            .as_array()
            .is_some_and(|urls| urls.iter().any(|url| url.as_str().is_some_and(|u| u.starts_with("turns:localhost:"))))
    );
    let wrong = run(&["token", "--hours", "25"]);
    assert_eq!(wrong.status.code(), Some(1));
    assert!(String::from_utf8_lossy(&wrong.stderr).contains("[60, 1440]"));
    assert_eq!(run(&["explain", "00000000-0000-4000-8000-000000000000"]).status.code(), Some(1));
    assert!(run(&["--version"]).status.success());
    let alone = std::process::Command::new(env!("CARGO_BIN_EXE_centrale"))
        .args(["token", "--data", "/nonexistent"])
        .output()
        .expect("the program runs");
    assert_eq!(alone.status.code(), Some(1));
}

#[test]
fn silence_and_nonsense_on_the_https_port_end_soon_and_harm_nobody() {
    let exchange = Exchange::dev(&[]);
    let port = exchange.caller.host().rsplit_once(':').and_then(|(_, port)| port.parse::<u16>().ok()).expect("a port");
    let connect = || TcpStream::connect(("127.0.0.1", port)).expect("a connection");
    let silent = connect();
    for nonsense in
        [&b"GET / HTTP/1.1\r\n\r\n"[..], &[0xFF; 100], &[0x00, 0x01, 0, 0, 1, 2, 3, 4, 5], b"\x16\x03\x01\xff\xff"]
    {
        use std::io::Write;
        let mut stream = connect();
        stream.write_all(nonsense).expect("sent");
        // It may have been closed from the other end already.
        let _ = stream.shutdown(std::net::Shutdown::Write);
        stream.set_read_timeout(Some(Duration::from_secs(15))).expect("a limit");
        let mut answer = Vec::new();
        // Closed, with an alert at most.
        let _ = stream.read_to_end(&mut answer);
        assert!(answer.len() < 20);
    }
    let began = Instant::now();
    silent.set_read_timeout(Some(Duration::from_secs(20))).expect("a limit");
    let count = (&silent).read(&mut [0; 10]);
    assert!(matches!(count, Ok(0) | Err(_)) && began.elapsed() < Duration::from_secs(15), "{count:?}");
    assert_eq!(exchange.plain("GET", "/health/ready", &[], b"").status, 200);
}

#[test]
fn stun_inside_tls_on_the_https_port_is_answered_by_the_relay() {
    use std::io::Write;
    let exchange = Exchange::dev(&[]);
    let mut stream = exchange.caller.connect().expect("a TLS connection");
    // A Binding request (RFC 8489 section 5): type, length, cookie, transaction id.
    let mut request = vec![0x00, 0x01, 0x00, 0x00, 0x21, 0x12, 0xA4, 0x42];
    request.extend_from_slice(b"transaction1");
    stream.write_all(&request).expect("sent");
    stream.flush().expect("sent");
    let mut answer = [0; 20];
    stream.read_exact(&mut answer).expect("an answer");
    assert_eq!(answer[..2], [0x01, 0x01], "a Binding success response");
    assert_eq!(&answer[8..20], b"transaction1");
}

#[test]
fn counters_are_on_their_own_address_only() {
    use std::io::Write;
    let exchange = Exchange::dev(&[]);
    exchange.user(&["voip"]);
    assert_eq!(exchange.plain("GET", "/metrics", &[], b"").status, 404);
    let text = std::fs::read(exchange.folder.path().join("runtime.json")).expect("runtime.json");
    let runtime: Value = serde_json::from_slice(&text).expect("JSON");
    let mut stream = TcpStream::connect(runtime["metrics"].as_str().expect("an address")).expect("a connection");
    stream.write_all(b"GET /metrics HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n").expect("sent");
    let mut answer = String::new();
    stream.read_to_string(&mut answer).expect("text");
    assert!(
        answer.contains("centrale_requests_total{operation=\"CommunicationIdentity_Create\",status=\"201\"} 1"),
        "{answer}"
    );
}
