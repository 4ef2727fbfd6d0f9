//! Nothing that is committed depends on one machine.

use std::fs;
use std::path::Path;
use std::process::Command;

use crate::Finding;

pub(crate) fn check(root: &Path) -> Vec<Finding> {
    // Written so that this file does not name them itself.
    let banned = [concat!("/wo", "rk/"), concat!("../sha", "red/"), concat!("/ro", "ot/"), concat!("/home", "/")];
    let mut findings = Vec::new();
    for name in tracked(root) {
        let Ok(text) = fs::read_to_string(root.join(&name)) else { continue };
        for (number, line) in text.lines().enumerate() {
            for word in banned {
                if line.contains(word) {
                    findings.push(format!("{name}:{}: names {word}", number + 1));
                }
            }
        }
    }
    findings
}

/// The files that git knows, relative to the root.
pub(crate) fn tracked(root: &Path) -> Vec<String> {
    let listed = Command::new("git").args(["ls-files", "-z"]).current_dir(root).output();
    let Ok(listed) = listed else { return Vec::new() };
    String::from_utf8_lossy(&listed.stdout).split('\0').filter(|name| !name.is_empty()).map(str::to_owned).collect()
}
