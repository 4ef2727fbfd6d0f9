//! Loads a TURN relay with verified traffic and says what each packet costs the server.
//!
//! One call runs one scenario against one server and prints one line of JSON. `bench/relay` alternates
//! servers and computes ratios. Nothing here decides who is better: it sends, receives, checks every byte and
//! reads the CPU time of the server process.
//!
//! ```text
//! relay-load SCENARIO --server 127.0.0.1:3478 --secret S --pid N [--key value …]
//! relay-load floor --server 127.0.0.1:0      the smallest relay there can be, to measure against
//! ```

mod args;
mod client;
mod floor;
mod link;
mod meter;
mod payload;
mod scenario;
mod stun;
mod tls;

use std::process::ExitCode;

use crate::args::Args;

fn main() -> ExitCode {
    let run = || -> std::io::Result<bool> {
        let args = Args::read(std::env::args().skip(1))?;
        let result = match args.scenario.as_str() {
            "floor" => return floor::serve(args.address("server")?).map(|()| true),
            "steady" => scenario::steady::run(&args),
            "pair" => scenario::pair::run(&args),
            "churn" => scenario::churn::run(&args),
            "hold" => scenario::hold::run(&args),
            "open" => scenario::open::run(&args),
            "flood" => scenario::flood::run(&args),
            other => return Err(std::io::Error::other(format!("no scenario {other}"))),
        }?;
        println!("{}", result.0);
        Ok(result.1)
    };
    match run() {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::from(1),
        Err(error) => {
            eprintln!("relay-load: {error}");
            ExitCode::from(2)
        }
    }
}
