//! Documents link to files that exist.

use std::fs;
use std::path::Path;

use crate::{Finding, paths};

pub(crate) fn check(root: &Path) -> Vec<Finding> {
    let mut findings = Vec::new();
    for name in paths::tracked(root).iter().filter(|name| name.ends_with(".md")) {
        let file = root.join(name);
        let text = fs::read_to_string(&file).unwrap_or_default();
        for target in targets(&text) {
            let path = target.split(['#', '?']).next().unwrap_or_default();
            let is_outside = path.is_empty() || path.contains("://") || path.starts_with("mailto:");
            let home = file.parent().unwrap_or(root);
            if !is_outside && !home.join(path).exists() {
                findings.push(format!("{name} links to {path}, which is not there"));
            }
        }
    }
    findings
}

/// The targets of Markdown links and images, outside of code blocks.
fn targets(text: &str) -> Vec<&str> {
    let mut found = Vec::new();
    let mut is_code = false;
    for line in text.lines() {
        if line.trim_start().starts_with("```") {
            is_code = !is_code;
        }
        if is_code {
            continue;
        }
        let mut rest = line;
        while let Some((_, after)) = rest.split_once("](") {
            let Some((target, next)) = after.split_once(')') else { break };
            found.push(target.trim());
            rest = next;
        }
    }
    found
}
