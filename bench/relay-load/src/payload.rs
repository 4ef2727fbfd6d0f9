//! Payloads that prove themselves: who sent them, which one it is, when it left, and every byte of the rest.
//!
//! ```text
//! 0       4      8            16           24                    size
//! │ magic │ flow │ sequence   │ left at ns │ bytes of the table … │
//! ```

use std::time::Instant;

const MAGIC: &[u8; 4] = b"cTrL";
const TABLE: usize = 1 << 16;

/// Smallest payload that can carry its proof, in bytes.
pub(crate) const SMALLEST: usize = 24;

/// Makes and checks payloads. The table is the same for the whole process.
pub(crate) struct Mint {
    table: Vec<u8>,
    start: Instant,
}

/// What a sound payload says about itself.
pub(crate) struct Seal {
    pub(crate) flow: u32,
    pub(crate) sequence: u64,
    /// Nanoseconds on the way.
    pub(crate) age: u64,
}

impl Mint {
    pub(crate) fn new() -> Mint {
        let mut state = 0x9e37_79b9_7f4a_7c15_u64;
        let mut table = Vec::with_capacity(TABLE);
        while table.len() < TABLE {
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            table.extend_from_slice(&state.to_le_bytes());
        }
        Mint { table, start: Instant::now() }
    }

    pub(crate) fn write(&self, flow: u32, sequence: u64, into: &mut [u8]) {
        into[..4].copy_from_slice(MAGIC);
        into[4..8].copy_from_slice(&flow.to_le_bytes());
        into[8..16].copy_from_slice(&sequence.to_le_bytes());
        into[16..24].copy_from_slice(&self.now().to_le_bytes());
        let rest = into.len() - SMALLEST;
        into[SMALLEST..].copy_from_slice(self.filling(flow, sequence, rest));
    }

    /// `None` when any byte but the time differs from what `write` makes, or the size is not `size`.
    pub(crate) fn read(&self, bytes: &[u8], size: usize) -> Option<Seal> {
        if bytes.len() != size || bytes[..4] != MAGIC[..] {
            return None;
        }
        let flow = u32::from_le_bytes(bytes[4..8].try_into().ok()?);
        let sequence = u64::from_le_bytes(bytes[8..16].try_into().ok()?);
        let left = u64::from_le_bytes(bytes[16..24].try_into().ok()?);
        let age = self.now().checked_sub(left)?;
        (bytes[SMALLEST..] == *self.filling(flow, sequence, size - SMALLEST)).then_some(Seal { flow, sequence, age })
    }

    fn filling(&self, flow: u32, sequence: u64, size: usize) -> &[u8] {
        let place = (u64::from(flow) * 1031).wrapping_add(sequence.wrapping_mul(257)) as usize % (TABLE / 2);
        &self.table[place..place + size]
    }

    fn now(&self) -> u64 {
        self.start.elapsed().as_nanos() as u64
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn any_flipped_bit_is_noticed() {
        let mint = Mint::new();
        let mut sound = [0; 160];
        mint.write(3, 9, &mut sound);
        assert!(mint.read(&sound, 160).is_some_and(|seal| seal.flow == 3 && seal.sequence == 9));
        for place in (0..16).chain(24..160) {
            let mut damaged = sound;
            damaged[place] ^= 0x40;
            assert!(mint.read(&damaged, 160).is_none_or(|seal| (seal.flow, seal.sequence) != (3, 9)), "byte {place}");
        }
        assert!(mint.read(&sound[..159], 160).is_none());
    }
}
