//! Arrows between crates only go down, and only where the table says.

use std::path::Path;
use std::process::Command;

use crate::Finding;

/// Which of our crates each crate may import. A crate that is not here may not exist.
const MAY_IMPORT: &[(&str, &[&str])] = &[
    ("model", &[]),
    ("codec", &[]),
    ("wire", &["model"]),
    ("stun", &[]),
    ("relay", &["model", "stun"]),
    ("sip", &["model"]),
    ("calls", &["model"]),
    ("media", &["model", "stun", "codec"]),
    ("store", &[]),
    ("bus", &[]),
    ("exchange", &["model", "wire", "calls", "sip", "media", "relay", "store", "bus"]),
    ("server", &["exchange", "wire", "model", "relay", "sip", "media", "store", "bus"]),
    ("client", &["model", "wire", "media", "relay", "stun", "codec"]),
    (
        "sim",
        &["model", "wire", "calls", "sip", "media", "relay", "stun", "store", "bus", "exchange", "client", "codec"],
    ),
];

pub(crate) fn check(root: &Path) -> Vec<Finding> {
    let metadata = Command::new(env!("CARGO"))
        .args(["metadata", "--no-deps", "--offline", "--format-version", "1"])
        .current_dir(root)
        .output();
    let metadata: serde_json::Value = match metadata.map(|output| serde_json::from_slice(&output.stdout)) {
        Ok(Ok(metadata)) => metadata,
        Ok(Err(error)) => return vec![format!("cargo metadata cannot be read: {error}")],
        Err(error) => return vec![format!("cargo metadata cannot be run: {error}")],
    };
    let mut findings = Vec::new();
    for package in metadata["packages"].as_array().into_iter().flatten() {
        let Some(name) = package["name"].as_str().and_then(|name| name.strip_prefix("centrale-")) else { continue };
        let Some((_, allowed)) = MAY_IMPORT.iter().find(|(known, _)| *known == name) else {
            findings.push(format!("crate {name} is not in the table of layers"));
            continue;
        };
        for dependency in package["dependencies"].as_array().into_iter().flatten() {
            // Tests may look further: what they import does not ship.
            if dependency["kind"] == "dev" {
                continue;
            }
            let Some(other) = dependency["name"].as_str().and_then(|name| name.strip_prefix("centrale-")) else {
                continue;
            };
            if !allowed.contains(&other) {
                findings.push(format!("{name} imports {other}, which the table of layers does not allow"));
            }
        }
    }
    findings
}
