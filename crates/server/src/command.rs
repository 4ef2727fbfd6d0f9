//! The command line.

mod caller;
mod doctor;
mod explain;
mod options;
mod relay_credential;
mod token;

use std::process::ExitCode;

use clap::{Parser, Subcommand};

use crate::config::{self, Mode};
use crate::{logs, program};

pub use caller::{Caller, Failure, Reply};

/// A telephone exchange for the internet age that anyone can run.
#[derive(Parser)]
#[command(name = "centrale", version, about, propagate_version = true)]
struct Line {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// A whole exchange for one developer: loopback only, the well-known resource and key
    Dev {
        /// Refuse requests over the documented limits
        #[arg(long)]
        limits: bool,
        #[command(flatten)]
        options: options::Options,
    },
    /// A production node, with its own resource and keys made at the first start
    Serve {
        #[command(flatten)]
        options: options::Options,
    },
    /// Make (or reuse) a user and print a token for it
    Token(token::Options),
    /// Print ICE servers with credentials, as RTCIceServer[]
    RelayCredential(relay_credential::Options),
    /// Check ports, addresses, certificates, store and bus
    Doctor(options::Options),
    /// Tell why a call went the way it did
    Explain(explain::Options),
}

/// Runs the command line. Exit code 0: done; 1: it did not work; 2: the command or the configuration is wrong.
pub fn run() -> ExitCode {
    let line = match Line::try_parse() {
        Ok(line) => line,
        Err(error) => {
            // Help and version are no errors; a wrong line is one sentence.
            if !error.use_stderr() {
                let _ = error.print();
                return ExitCode::SUCCESS;
            }
            let text = error.to_string();
            let sentence: Vec<&str> = text
                .lines()
                .take_while(|line| !line.starts_with("Usage:") && !line.starts_with("For more"))
                .map(str::trim)
                .filter(|line| !line.is_empty())
                .collect();
            eprintln!("centrale: {}", sentence.join(" ").trim_start_matches("error: "));
            return ExitCode::from(2);
        }
    };
    match line.command {
        Command::Dev { limits, options } => node(Mode::Dev, options.with_limits(limits)),
        Command::Serve { options } => node(Mode::Serve, options),
        Command::Token(options) => told(token::run(&options)),
        Command::RelayCredential(options) => told(relay_credential::run(&options)),
        Command::Doctor(options) => doctor::run(&options),
        Command::Explain(options) => told(explain::run(&options)),
    }
}

fn node(mode: Mode, options: options::Options) -> ExitCode {
    let config =
        match config::resolve(mode, options.config.as_deref(), options.given(), |name| std::env::var(name).ok()) {
            Ok(config) => config,
            Err(error) => return refused(&error),
        };
    logs::start(config.log);
    let runtime = match tokio::runtime::Builder::new_multi_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => return refused(&error),
    };
    let ended = runtime.block_on(program::run(config));
    runtime.shutdown_background();
    match ended {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => refused(&error),
    }
}

fn refused(error: &dyn std::fmt::Display) -> ExitCode {
    eprintln!("centrale: {error}");
    ExitCode::from(2)
}

fn told(result: Result<String, Failure>) -> ExitCode {
    match result {
        Ok(text) => {
            println!("{text}");
            ExitCode::SUCCESS
        }
        Err(failure) => {
            eprintln!("centrale: {failure}");
            ExitCode::FAILURE
        }
    }
}
