//! Datagrams on their way to the shell, gathered so that one system call sends many.
//!
//! Datagrams to one address that follow one another and have one length (the last may be shorter) are one *run*: the shell hands it
//! to the kernel in one piece (UDP generic segmentation offload).

use core::net::SocketAddr;

/// The most datagrams of one run: what Linux takes (`UDP_MAX_SEGMENTS`; newer kernels take 128).
const MAX_SEGMENTS: usize = 64;

/// The most bytes of one run: what one IP packet could hold, less its headers.
const MAX_RUN: usize = 65_000;

#[derive(Clone, Copy, Debug)]
struct Run {
    to: SocketAddr,
    begin: usize,
    end: usize,
    segment: usize,
    count: usize,
    /// A shorter datagram was its last.
    is_over: bool,
}

/// The datagrams.
#[derive(Debug, Default)]
pub(crate) struct Outbox {
    bytes: Vec<u8>,
    filled: usize,
    runs: Vec<Run>,
}

impl Outbox {
    /// Room of at least `length` bytes for one datagram, to be ended by [`Outbox::push`].
    #[inline]
    pub(crate) fn room(&mut self, length: usize) -> &mut [u8] {
        let end = self.filled + length;
        if self.bytes.len() < end {
            self.bytes.resize(end.next_multiple_of(16 << 10), 0);
        }
        &mut self.bytes[self.filled..end]
    }

    /// The datagram in the room is done and has this length.
    #[inline]
    pub(crate) fn push(&mut self, to: SocketAddr, length: usize) {
        let (begin, end) = (self.filled, self.filled + length);
        self.filled = end;
        if let Some(run) = self.runs.last_mut()
            && run.to == to
            && !run.is_over
            && length <= run.segment
            && run.count < MAX_SEGMENTS
            && end - run.begin <= MAX_RUN
        {
            run.end = end;
            run.count += 1;
            run.is_over = length < run.segment;
            return;
        }
        self.runs.push(Run { to, begin, end, segment: length, count: 1, is_over: false });
    }

    /// Adds a datagram that is ready.
    pub(crate) fn add(&mut self, to: SocketAddr, datagram: &[u8]) {
        self.room(datagram.len()).copy_from_slice(datagram);
        self.push(to, datagram.len());
    }

    /// Hands out each run: address, bytes, length of a datagram. The outbox is empty afterwards and keeps some memory.
    #[inline]
    pub(crate) fn drain(&mut self, mut send: impl FnMut(SocketAddr, &[u8], usize)) {
        for run in self.runs.drain(..) {
            send(run.to, &self.bytes[run.begin..run.end], run.segment);
        }
        self.filled = 0;
        if self.bytes.len() > KEEP {
            self.bytes.truncate(KEEP);
            self.bytes.shrink_to_fit();
        }
    }
}

/// How much memory an empty outbox keeps, in bytes.
const KEEP: usize = 256 << 10;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn equal_lengths_to_one_address_are_one_run() {
        let one: SocketAddr = "192.0.2.1:1".parse().expect("an address");
        let other: SocketAddr = "192.0.2.2:1".parse().expect("an address");
        let mut outbox = Outbox::default();
        for (to, length) in [(one, 100), (one, 100), (one, 60), (one, 60), (one, 80), (other, 80), (other, 80)] {
            outbox.add(to, &vec![length as u8; length]);
        }
        let mut runs = Vec::new();
        outbox.drain(|to, bytes, segment| runs.push((to, bytes.len(), segment)));
        assert_eq!(runs, [(one, 260, 100), (one, 60, 60), (one, 80, 80), (other, 160, 80)]);
        outbox.drain(|_, _, _| panic!("empty"));
    }

    #[test]
    fn runs_are_no_longer_than_the_kernel_takes() {
        let to: SocketAddr = "192.0.2.1:1".parse().expect("an address");
        let mut outbox = Outbox::default();
        for _ in 0..100 {
            outbox.add(to, &[0; 1200]);
        }
        let mut lengths = Vec::new();
        outbox.drain(|_, bytes, _| lengths.push(bytes.len() / 1200));
        assert_eq!(lengths, [54, 46]);
    }
}
