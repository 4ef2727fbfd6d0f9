//! Fuzz targets. Parsers parse, write and parse again; machines are fed bytes of (input, delay) and watched by a model that is
//! simpler than they are.
//!
//! Two ways to run them: `cargo fuzz run --sanitizer none --features libfuzzer TARGET` (coverage-guided, needs cargo-fuzz), and
//! `cargo run --release --bin drive` (seeded, needs nothing). A target panics when something that ought to be true is not.

mod bytes;
mod call;
mod group;
mod media;
mod mix;
pub mod reach;
mod relay;
mod stun;

pub use call::call_machine;
pub use group::group_machine;
pub use media::{media_description, media_packets, media_peer};
pub use mix::media_mix;
pub use relay::relay_server;
pub use stun::stun_parse;

/// A target's name, what it runs, and inputs to begin with.
pub struct Target {
    pub name: &'static str,
    pub run: fn(&[u8]),
    pub seeds: fn() -> Vec<Vec<u8>>,
    /// How many ordinary inputs one of this target takes as long as: the driver makes so many fewer.
    pub cost: u64,
}

pub const TARGETS: &[Target] = &[
    Target { name: "stun_parse", run: stun_parse, seeds: stun::seeds, cost: 1 },
    Target { name: "relay_server", run: relay_server, seeds: relay::seeds, cost: 1 },
    Target { name: "call_machine", run: call_machine, seeds: call::seeds, cost: 1 },
    Target { name: "group_machine", run: group_machine, seeds: group::seeds, cost: 1 },
    Target { name: "media_description", run: media_description, seeds: media::descriptions, cost: 1 },
    Target { name: "media_packets", run: media_packets, seeds: media::packets, cost: 1 },
    Target { name: "media_mix", run: media_mix, seeds: mix::seeds, cost: 500 },
    Target { name: "media_peer", run: media_peer, seeds: media::plans, cost: 50 },
];
