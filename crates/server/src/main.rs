//! The program. Everything is in the library, so that tests and examples can use it too.

use std::process::ExitCode;

fn main() -> ExitCode {
    // Two providers may be linked; this one is used everywhere.
    if rustls::crypto::aws_lc_rs::default_provider().install_default().is_err() {
        eprintln!("centrale: the crypto provider was chosen already");
    }
    centrale_server::command::run()
}
