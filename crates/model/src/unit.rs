//! Numbers with a unit.

use serde::{Deserialize, Serialize};

/// Bits per second.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Bitrate(pub u64);

impl Bitrate {
    /// A rate in thousands of bits per second.
    pub const fn from_kilobits(kilobits: u64) -> Bitrate {
        Bitrate(kilobits.saturating_mul(1000))
    }

    /// The bytes that pass in a second.
    pub const fn bytes_per_second(self) -> u64 {
        self.0 / 8
    }
}

/// A number of bytes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Bytes(pub u64);
