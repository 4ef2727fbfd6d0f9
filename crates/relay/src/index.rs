//! A flat hash index from keys that live elsewhere to slot numbers.
//!
//! Each cell is eight bytes: a 32-bit hash and a slot. The keys stay in their records, so growing never touches them, and the
//! layout can be copied into a kernel map as it is. Linear probing, at most half full, removal by shifting back.

/// Marks an empty cell.
const EMPTY: u32 = u32::MAX;

#[derive(Clone, Copy)]
struct Cell {
    hash: u32,
    slot: u32,
}

/// The index.
pub(crate) struct Index {
    cells: Vec<Cell>,
    used: usize,
}

impl Index {
    pub(crate) fn new() -> Index {
        Index { cells: vec![Cell { hash: 0, slot: EMPTY }; 16], used: 0 }
    }

    /// The slot whose hash is this one and for which `is_it` holds.
    #[inline]
    pub(crate) fn find(&self, hash: u32, is_it: impl Fn(u32) -> bool) -> Option<u32> {
        let mask = self.cells.len() - 1;
        let mut at = hash as usize & mask;
        loop {
            let cell = self.cells[at];
            if cell.slot == EMPTY {
                return None;
            }
            if cell.hash == hash && is_it(cell.slot) {
                return Some(cell.slot);
            }
            at = (at + 1) & mask;
        }
    }

    /// Adds a slot that is not in the index yet.
    pub(crate) fn insert(&mut self, hash: u32, slot: u32) {
        if (self.used + 1) * 2 > self.cells.len() {
            let old = core::mem::take(&mut self.cells);
            self.cells = vec![Cell { hash: 0, slot: EMPTY }; old.len() * 2];
            for cell in old.into_iter().filter(|cell| cell.slot != EMPTY) {
                self.place(cell);
            }
        }
        self.place(Cell { hash, slot });
        self.used += 1;
    }

    /// Removes a slot; nothing happens when it is not there.
    pub(crate) fn remove(&mut self, hash: u32, slot: u32) {
        let mask = self.cells.len() - 1;
        let mut at = hash as usize & mask;
        while self.cells[at].slot != slot {
            if self.cells[at].slot == EMPTY {
                return;
            }
            at = (at + 1) & mask;
        }
        self.used -= 1;
        // Whatever follows and does not stand at its own place moves into the hole, or a later search would stop short.
        let mut hole = at;
        loop {
            at = (at + 1) & mask;
            let cell = self.cells[at];
            if cell.slot == EMPTY {
                break;
            }
            let home = cell.hash as usize & mask;
            if (at.wrapping_sub(home) & mask) >= (at.wrapping_sub(hole) & mask) {
                self.cells[hole] = cell;
                hole = at;
            }
        }
        self.cells[hole].slot = EMPTY;
    }

    fn place(&mut self, cell: Cell) {
        let mask = self.cells.len() - 1;
        let mut at = cell.hash as usize & mask;
        while self.cells[at].slot != EMPTY {
            at = (at + 1) & mask;
        }
        self.cells[at] = cell;
    }
}

/// Hashes words with a seed, so that nobody outside can choose colliding keys.
#[derive(Clone, Copy)]
pub(crate) struct Hasher(u64, u64);

impl Hasher {
    pub(crate) fn new(seed: [u8; 16]) -> Hasher {
        let (a, b) = seed.split_at(8);
        let word = |bytes: &[u8]| u64::from_le_bytes(bytes.try_into().expect("half of sixteen bytes"));
        Hasher(word(a) | 1, word(b) | 1)
    }

    #[inline]
    pub(crate) fn hash(self, words: [u64; 3]) -> u32 {
        let mixed = fold(words[0] ^ self.0, words[1] ^ self.1);
        let mixed = fold(mixed ^ words[2] ^ self.1, 0x9E37_79B9_7F4A_7C15 ^ self.0);
        (mixed ^ (mixed >> 32)) as u32
    }
}

#[inline]
fn fold(a: u64, b: u64) -> u64 {
    let product = u128::from(a) * u128::from(b);
    product as u64 ^ (product >> 64) as u64
}

/// An address as two words.
#[inline]
pub(crate) fn words(ip: core::net::IpAddr) -> [u64; 2] {
    match ip {
        core::net::IpAddr::V4(ip) => [0, u64::from(u32::from(ip))],
        core::net::IpAddr::V6(ip) => {
            let number = u128::from(ip);
            [(number >> 64) as u64, number as u64]
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whatever_was_inserted_and_not_removed_is_found() {
        let mut index = Index::new();
        let mut present = std::collections::BTreeMap::new();
        let mut chance = 7_u64;
        for step in 0..20_000_u32 {
            chance = chance.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            let hash = (chance >> 33) as u32 % 97;
            if chance >> 63 == 0 {
                index.insert(hash, step);
                present.insert(step, hash);
            } else if let Some((slot, hash)) = present.pop_first() {
                index.remove(hash, slot);
                assert_eq!(index.find(hash, |found| found == slot), None);
            }
            if step % 500 == 0 {
                for (slot, hash) in &present {
                    assert_eq!(index.find(*hash, |found| found == *slot), Some(*slot));
                }
            }
        }
        assert_eq!(index.used, present.len());
    }
}
