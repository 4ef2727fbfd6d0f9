//! Candidates that wait for somebody who can use them.

use serde::{Deserialize, Serialize};

use crate::Candidates;

/// Candidates of one leg, in the order in which they came, for whoever needs them later.
///
/// Bound: [`Trickle::MAX_CANDIDATES`] and [`Trickle::MAX_BYTES`]. Beyond it the newest are not kept: a client gathers host,
/// reflexive and relayed candidates first, and what follows after hundreds of them is noise.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
pub(crate) struct Trickle {
    batches: Vec<Candidates>,
}

impl Trickle {
    /// How many candidates are kept. A client with a dozen interfaces has about fifty.
    pub(crate) const MAX_CANDIDATES: usize = 256;
    /// How many bytes of candidates are kept. One candidate has about 150.
    pub(crate) const MAX_BYTES: usize = 64 * 1024;

    /// Keeps what fits of a batch.
    pub(crate) fn keep(&mut self, batch: &Candidates) {
        let mut count: usize = self.batches.iter().map(|b| b.list.len()).sum();
        let mut bytes: usize = self.all().map(|text| text.0.len()).sum();
        let mut list = Vec::new();
        for candidate in &batch.list {
            count += 1;
            bytes += candidate.0.len();
            if count > Trickle::MAX_CANDIDATES || bytes > Trickle::MAX_BYTES {
                break;
            }
            list.push(candidate.clone());
        }
        if !list.is_empty() {
            self.batches.push(Candidates { epoch: batch.epoch, list });
        }
    }

    /// Forgets those of peer connections before `epoch`.
    pub(crate) fn forget_before(&mut self, epoch: u32) {
        self.batches.retain(|batch| batch.epoch >= epoch);
    }

    /// What is kept, batch by batch as it came.
    pub(crate) fn batches(&self) -> &[Candidates] {
        &self.batches
    }

    fn all(&self) -> impl Iterator<Item = &crate::Sealed> {
        self.batches.iter().flat_map(|batch| &batch.list)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Sealed;

    fn batch(epoch: u32, count: usize, size: usize) -> Candidates {
        Candidates { epoch, list: vec![Sealed("x".repeat(size)); count] }
    }

    #[test]
    fn the_first_candidates_are_kept_up_to_a_count_and_a_size() {
        let mut many = Trickle::default();
        many.keep(&batch(0, 200, 10));
        many.keep(&batch(0, 200, 10));
        many.keep(&batch(0, 200, 10));
        assert_eq!(many.batches(), [batch(0, 200, 10), batch(0, 56, 10)].as_slice());

        let mut big = Trickle::default();
        big.keep(&batch(0, 3, 30_000));
        assert_eq!(big.batches(), [batch(0, 2, 30_000)].as_slice());
    }

    #[test]
    fn candidates_of_a_peer_connection_that_is_gone_are_forgotten() {
        let mut trickle = Trickle::default();
        trickle.keep(&batch(0, 1, 1));
        trickle.keep(&batch(1, 1, 1));
        trickle.forget_before(1);
        assert_eq!(trickle.batches(), [batch(1, 1, 1)].as_slice());
    }
}
