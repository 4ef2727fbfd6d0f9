//! The house's own checks: `cargo xtask check`.
//!
//! - **layers**: a crate imports only what the table in `docs/architecture.md` lets it import.
//! - **purity**: each pure crate has its bans, and names nothing of the world outside.
//! - **links**: files that documents link to exist.
//! - **paths**: nothing that is committed names somebody's machine.

mod layers;
mod links;
mod paths;
mod purity;

use std::process::ExitCode;

/// Something that is not as it should be: a sentence that says where and what to do.
type Finding = String;

/// Looks at the house whose root is given.
type Check = fn(&std::path::Path) -> Vec<Finding>;

fn main() -> ExitCode {
    let Some("check") = std::env::args().nth(1).as_deref() else {
        eprintln!("usage: xtask check");
        return ExitCode::from(2);
    };
    let root = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let checks: [(&str, Check); 4] =
        [("layers", layers::check), ("purity", purity::check), ("links", links::check), ("paths", paths::check)];
    let mut failed = 0;
    for (name, check) in checks {
        let findings = check(&root);
        println!(
            "{name}: {}",
            if findings.is_empty() { "ok".to_owned() } else { format!("{} findings", findings.len()) }
        );
        for finding in &findings {
            println!("  {finding}");
        }
        failed += usize::from(!findings.is_empty());
    }
    println!("checks: {} passed, {failed} failed", checks.len() - failed);
    if failed == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}
