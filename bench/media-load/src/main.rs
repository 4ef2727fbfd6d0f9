//! Loads a selective forwarding unit with real peer connections and says what each forwarded packet costs the server.
//!
//! Publishers send a voice and pictures that say whose they are and which; subscribers check every packet that reaches them. One call
//! runs one load against one server and prints one line of JSON; `bench/media` alternates servers and computes ratios.
//!
//! ```text
//! media-load whip  --server 10.99.0.1:443 --tokens FILE   --group GUID …     WHIP and WHEP over HTTPS
//! media-load janus --server 10.99.0.1:8088                --room N …         Janus' VideoRoom over its HTTP API
//!   --publishers 1 --subscribers 40 --seconds 10 --pid N  [--loss PERCENT] [--packets 6] [--size 1100] [--video no]
//! ```

mod args;
mod arrivals;
mod client;
mod content;
mod door;
mod figures;
mod http;
mod incoming;
#[path = "../../relay-load/src/meter.rs"]
#[expect(dead_code, reason = "shared with relay-load, which counts slabs as well")]
mod meter;
mod outgoing;
mod run;
#[path = "../../relay-load/src/tls.rs"]
mod tls;

use std::process::ExitCode;

use crate::args::Args;

fn main() -> ExitCode {
    match Args::read(std::env::args().skip(1)).and_then(|args| run::run(&args)) {
        Ok(figures) => {
            println!("{}", figures.json());
            if figures.is_sound() { ExitCode::SUCCESS } else { ExitCode::from(1) }
        }
        Err(error) => {
            eprintln!("media-load: {error}");
            ExitCode::from(2)
        }
    }
}
