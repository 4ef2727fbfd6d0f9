//! What stops the start, in one sentence with exit code 2.

use std::process::Stdio;

use crate::common::{Folder, program};

fn refused(keys: &[(&str, &str)]) -> String {
    let folder = Folder::new();
    let mut command = program("serve", folder.path(), &[]);
    let output = command.envs(keys.iter().copied()).stdout(Stdio::null()).output().expect("the program runs");
    let text = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(output.status.code(), Some(2), "{text}");
    assert_eq!(text.lines().count(), 1, "one sentence: {text}");
    text
}

#[test]
fn an_address_that_nobody_reaches_is_not_advertised() {
    let text = refused(&[("CENTRALE_PUBLIC_ADDRESSES", "203.0.113.7,0.0.0.0")]);
    assert!(text.contains("public.addresses has 0.0.0.0") && text.contains("write"), "{text}");
    let open = [("CENTRALE_PUBLIC_NAME", "comms.example.org"), ("CENTRALE_PUBLIC_ADDRESSES", "224.0.0.1")];
    assert!(refused(&open).contains("a group and not a machine"));
}

#[test]
fn a_role_that_there_is_not_is_named() {
    let text = refused(&[("CENTRALE_CLUSTER_ROLES", "relay,telephone")]);
    assert!(text.contains("\"telephone\"") && text.contains("api, media, relay or trunk"), "{text}");
}

#[test]
fn a_relay_alone_needs_the_secret_that_others_have() {
    let text = refused(&[("CENTRALE_CLUSTER_ROLES", "relay")]);
    assert!(text.contains("relay.secret is missing") && text.contains("relay-secret"), "{text}");
}
