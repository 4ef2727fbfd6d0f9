//! What another node sees of this one.

use std::process::Output;

use crate::common::{Folder, program};
use crate::{Running, SECRET};

fn doctor(node: &Running, keys: &[(&str, &str)]) -> (Option<i32>, String) {
    let https = node.https().to_string();
    let mut command = program("doctor", node.folder.path(), &["--https", &https]);
    let output: Output =
        command.env("CENTRALE_RELAY_SECRET", SECRET).envs(keys.iter().copied()).output().expect("the doctor");
    (output.status.code(), String::from_utf8_lossy(&output.stdout).into_owned())
}

#[test]
fn another_node_tells_which_ports_are_reached() {
    let eyes = Running::relay(Folder::new(), &[]);
    let vantage = format!("https://{}", eyes.https());
    let node = Running::relay(Folder::new(), &[("CENTRALE_PUBLIC_VANTAGE", &vantage)]);
    // At the start, for the log.
    crate::until("the log tells", std::time::Duration::from_secs(20), || {
        node.log().matches("is reached from outside").count() == 4
    });
    std::thread::sleep(std::time::Duration::from_secs(1));
    let (exit, text) = doctor(&node, &[("CENTRALE_PUBLIC_VANTAGE", &vantage)]);
    for kind in ["(UDP)", "(TCP)", "(TURN over TLS)", "(HTTPS)"] {
        assert!(text.lines().any(|line| line.starts_with("good") && line.ends_with(kind)), "{kind}: {text}");
    }
    assert_eq!(exit, Some(0), "{text}");

    // Advertised is what nobody answers at.
    std::thread::sleep(std::time::Duration::from_secs(1));
    let wrong = [("CENTRALE_PUBLIC_VANTAGE", vantage.as_str()), ("CENTRALE_PUBLIC_ADDRESSES", "127.0.0.77")];
    let (exit, text) = doctor(&node, &wrong);
    assert_eq!(exit, Some(1), "{text}");
    assert_eq!(text.matches("is not reached from outside").count(), 4, "{text}");
    assert!(text.contains("sees us come from 127.0.0.1, and 127.0.0.77 is advertised: write 127.0.0.1"), "{text}");
}

#[test]
fn nobody_is_looked_at_who_does_not_know_the_secret() {
    let eyes = Running::relay(Folder::new(), &[]);
    let vantage = format!("https://{}", eyes.https());
    let node = Running::relay(Folder::new(), &[]);
    let keys = [("CENTRALE_PUBLIC_VANTAGE", vantage.as_str()), ("CENTRALE_RELAY_SECRET", "another secret, as long")];
    let (exit, text) = doctor(&node, &keys);
    assert_eq!(exit, Some(1), "{text}");
    assert!(text.contains("does not look for us: The question is not signed with the relay secret"), "{text}");
}

#[test]
fn a_stun_server_tells_the_address() {
    let eyes = Running::relay(Folder::new(), &[]);
    let node = Running::relay(Folder::new(), &[]);
    let vantage = format!("stun:{}", eyes.runtime().relay.udp[0]);
    let (exit, text) = doctor(&node, &[("CENTRALE_PUBLIC_VANTAGE", &vantage)]);
    assert_eq!(exit, Some(0), "{text}");
    assert!(text.contains("public.addresses: 127.0.0.1 is what 127.0.0.1 sees"), "{text}");
    let wrong = [("CENTRALE_PUBLIC_VANTAGE", vantage.as_str()), ("CENTRALE_PUBLIC_ADDRESSES", "203.0.113.7")];
    let (exit, text) = doctor(&node, &wrong);
    assert_eq!(exit, Some(1), "{text}");
    assert!(text.contains("sees us come from 127.0.0.1, and 203.0.113.7 is advertised: write 127.0.0.1"), "{text}");
}
