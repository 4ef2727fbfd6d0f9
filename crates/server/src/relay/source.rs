//! What a relay worker watches.

/// What an event is about: the kind in the upper half of its token, the number in the lower.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Source {
    Inbox,
    Listener(u32),
    Acceptor(u32),
    /// The socket of a relayed address.
    Relayed(u32),
    /// The second socket of a relayed address, connected to the peer it talks to most.
    Paired(u32),
    Stream(u32),
}

impl Source {
    pub(super) fn token(self) -> u64 {
        let (kind, number) = match self {
            Source::Inbox => (0, 0),
            Source::Listener(number) => (1, number),
            Source::Acceptor(number) => (2, number),
            Source::Relayed(number) => (3, number),
            Source::Paired(number) => (4, number),
            Source::Stream(number) => (5, number),
        };
        (kind << 32) | u64::from(number)
    }

    pub(super) fn of(token: u64) -> Source {
        let number = token as u32;
        match token >> 32 {
            0 => Source::Inbox,
            1 => Source::Listener(number),
            2 => Source::Acceptor(number),
            3 => Source::Relayed(number),
            4 => Source::Paired(number),
            _ => Source::Stream(number),
        }
    }
}
