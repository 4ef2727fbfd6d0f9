//! Pure crates own no socket, clock, chance, thread, file or environment.

use std::fs;
use std::path::{Path, PathBuf};

use crate::Finding;

/// Crates that know nothing of the world.
const PURE: &[&str] = &["model", "wire", "stun", "relay", "calls", "sip", "media"];

/// What their sources may not name, and why. Clippy knows more; this knows what a lint cannot be told.
const BANNED: &[(&str, &str)] = &[
    ("std::net::UdpSocket", "sockets are the server's"),
    ("std::net::Tcp", "sockets are the server's"),
    ("std::thread", "machines own no thread"),
    ("std::fs", "machines own no file"),
    ("std::env", "machines have no surroundings"),
    ("std::sync::Mutex", "whose machine is it really"),
    ("std::sync::RwLock", "whose machine is it really"),
    ("std::sync::atomic", "whose machine is it really"),
    ("Instant::now", "time is an argument"),
    ("SystemTime", "time is an argument"),
    ("tokio", "machines do not wait"),
    ("async fn", "machines do not wait"),
    ("rand::", "chance is an argument"),
];

/// Lines that each pure crate's `clippy.toml` must hold.
const BANS: &[&str] =
    &["std::time::Instant::now", "std::time::SystemTime::now", "std::collections::HashMap", "std::process::exit"];

pub(crate) fn check(root: &Path) -> Vec<Finding> {
    let mut findings = Vec::new();
    for name in PURE {
        let home = root.join("crates").join(name);
        if !home.exists() {
            continue;
        }
        let lints = fs::read_to_string(home.join("clippy.toml")).unwrap_or_default();
        for ban in BANS {
            if !lints.contains(ban) {
                findings.push(format!("crates/{name}/clippy.toml does not ban {ban}"));
            }
        }
        for file in sources(&home.join("src")) {
            let text = fs::read_to_string(&file).unwrap_or_default();
            // What stands behind the first test module is not shipped.
            let shipped = text.split("#[cfg(test)]").next().unwrap_or_default();
            for (number, line) in shipped.lines().enumerate() {
                let code = line.split("//").next().unwrap_or_default();
                for (word, why) in BANNED {
                    if code.contains(word) {
                        findings.push(format!("{}:{}: {word}: {why}", file.display(), number + 1));
                    }
                }
            }
        }
    }
    findings
}

fn sources(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
        let path = entry.path();
        if path.is_dir() {
            found.extend(sources(&path));
        } else if path.extension().is_some_and(|extension| extension == "rs")
            && path.file_name().is_some_and(|name| name != "tests.rs")
        {
            found.push(path);
        }
    }
    found
}
