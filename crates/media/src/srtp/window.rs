//! Which packets of a stream came already (RFC 3711 §3.3.2).

/// How far behind the newest a packet may come, in packets. RFC 3711 asks for 64 at least; 128 hold 100 ms of reordering of a
/// 1080p stream's packets.
const WIDTH: u64 = 128;

/// The newest index and a bit for each of those behind it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Window {
    highest: u64,
    /// Bit n: the packet n behind the newest came. Two words, so that streams need no wider alignment.
    seen: [u64; 2],
}

impl Window {
    /// A window that has seen `index` and nothing else.
    pub(super) fn starting(index: u64) -> Window {
        Window { highest: index, seen: [1, 0] }
    }

    pub(super) fn highest(&self) -> u64 {
        self.highest
    }

    /// Whether `index` neither came nor is too old.
    pub(super) fn admits(&self, index: u64) -> bool {
        let Some(behind) = self.highest.checked_sub(index) else { return true };
        behind < WIDTH && self.bits() >> behind & 1 == 0
    }

    /// Notes that `index` came, which [`Window::admits`] admitted.
    pub(super) fn mark(&mut self, index: u64) {
        let bits = match self.highest.checked_sub(index) {
            Some(behind) if behind < WIDTH => self.bits() | 1 << behind,
            Some(_) => return,
            None => {
                let ahead = index - self.highest;
                self.highest = index;
                if ahead < WIDTH { self.bits() << ahead | 1 } else { 1 }
            }
        };
        self.seen = [bits as u64, (bits >> 64) as u64];
    }

    fn bits(&self) -> u128 {
        u128::from(self.seen[1]) << 64 | u128::from(self.seen[0])
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_packet_is_taken_once_and_not_when_it_is_too_late() {
        let mut window = Window::starting(1000);
        assert!(!window.admits(1000));
        assert!(window.admits(999));
        window.mark(999);
        assert!(!window.admits(999));
        window.mark(1127);
        assert!(window.admits(1001) && !window.admits(1000) && !window.admits(999));
        window.mark(5000);
        assert!(!window.admits(1127) && window.admits(4999) && !window.admits(5000));
    }

    proptest::proptest! {
        #[test]
        fn it_agrees_with_a_list_of_everything_that_came(indices in proptest::collection::vec(0u64..400, 1..200)) {
            let mut window = Window::starting(indices[0]);
            let mut came = vec![indices[0]];
            for index in &indices[1..] {
                let highest = came.iter().copied().max().unwrap_or(0);
                let expected = !came.contains(index) && index + WIDTH > highest;
                assert_eq!(window.admits(*index), expected);
                if expected {
                    window.mark(*index);
                    came.push(*index);
                }
            }
        }
    }
}
