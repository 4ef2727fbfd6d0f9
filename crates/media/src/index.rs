//! Which seat an address belongs to: a flat table with the keys inside, looked at once per datagram.
//!
//! Linear probing, at most half full, removal by shifting back. The hash is seeded, so that nobody can choose addresses that collide.

use core::net::{IpAddr, SocketAddr};

const EMPTY: u32 = u32::MAX;

#[derive(Clone, Copy, Debug)]
struct Cell {
    ip: u128,
    port: u16,
    seat: u32,
}

const HOLE: Cell = Cell { ip: 0, port: 0, seat: EMPTY };

/// The table.
#[derive(Debug)]
pub(crate) struct Addresses {
    cells: Vec<Cell>,
    used: usize,
    key: [u64; 2],
}

impl Addresses {
    /// - `key`: chance.
    pub(crate) fn new(key: [u64; 2]) -> Addresses {
        Addresses { cells: vec![HOLE; 64], used: 0, key: [key[0] | 1, key[1] | 1] }
    }

    /// The seat of an address.
    #[inline]
    pub(crate) fn find(&self, address: SocketAddr) -> Option<u32> {
        let (ip, port) = words(address);
        let mask = self.cells.len() - 1;
        let mut at = self.home(ip, port);
        loop {
            let cell = &self.cells[at];
            if cell.seat == EMPTY {
                return None;
            }
            if cell.ip == ip && cell.port == port {
                return Some(cell.seat);
            }
            at = (at + 1) & mask;
        }
    }

    /// Gives an address to a seat, whosever it was.
    pub(crate) fn insert(&mut self, address: SocketAddr, seat: u32) {
        self.remove(address);
        if (self.used + 1) * 2 > self.cells.len() {
            let larger = vec![HOLE; self.cells.len() * 2];
            for cell in core::mem::replace(&mut self.cells, larger) {
                if cell.seat != EMPTY {
                    self.place(cell);
                }
            }
        }
        let (ip, port) = words(address);
        self.place(Cell { ip, port, seat });
        self.used += 1;
    }

    /// Forgets an address.
    pub(crate) fn remove(&mut self, address: SocketAddr) {
        let (ip, port) = words(address);
        let mask = self.cells.len() - 1;
        let mut at = self.home(ip, port);
        while self.cells[at].seat == EMPTY || self.cells[at].ip != ip || self.cells[at].port != port {
            if self.cells[at].seat == EMPTY {
                return;
            }
            at = (at + 1) & mask;
        }
        self.used -= 1;
        // What follows and does not stand at home moves into the hole, or a later search would stop short.
        let mut hole = at;
        loop {
            at = (at + 1) & mask;
            let cell = self.cells[at];
            if cell.seat == EMPTY {
                break;
            }
            let home = self.home(cell.ip, cell.port);
            if (at.wrapping_sub(home) & mask) >= (at.wrapping_sub(hole) & mask) {
                self.cells[hole] = cell;
                hole = at;
            }
        }
        self.cells[hole] = HOLE;
    }

    /// Forgets all addresses of a seat. Walks the whole table: for the end of a seat only.
    pub(crate) fn remove_seat(&mut self, seat: u32) {
        let mut gone = Vec::new();
        gone.extend(self.cells.iter().filter(|cell| cell.seat == seat).map(|cell| (cell.ip, cell.port)));
        for (ip, port) in gone {
            self.remove(SocketAddr::new(IpAddr::V6(ip.into()), port));
        }
    }

    fn place(&mut self, cell: Cell) {
        let mask = self.cells.len() - 1;
        let mut at = self.home(cell.ip, cell.port);
        while self.cells[at].seat != EMPTY {
            at = (at + 1) & mask;
        }
        self.cells[at] = cell;
    }

    /// Multiply and fold, twice: enough for addresses, with odd keys that nobody knows.
    fn home(&self, ip: u128, port: u16) -> usize {
        let fold = |one: u64, other: u64| {
            let product = u128::from(one) * u128::from(other);
            product as u64 ^ (product >> 64) as u64
        };
        let first = fold((ip >> 64) as u64 ^ self.key[0] ^ u64::from(port) << 32, self.key[1]);
        fold(first ^ ip as u64, self.key[0]) as usize & (self.cells.len() - 1)
    }
}

/// An address as numbers; IPv4 as IPv4-mapped IPv6, so that a dual-stack socket's addresses are the same.
fn words(address: SocketAddr) -> (u128, u16) {
    let ip = match address.ip() {
        IpAddr::V4(ip) => ip.to_ipv6_mapped(),
        IpAddr::V6(ip) => ip,
    };
    (ip.to_bits(), address.port())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn address(n: u32) -> SocketAddr {
        SocketAddr::new(IpAddr::V4((0x0a00_0000 + n / 100).into()), 1000 + (n % 100) as u16)
    }

    #[test]
    fn addresses_are_found_until_they_are_removed() {
        let mut addresses = Addresses::new([0x1234_5678_9abc_def0, 0x0fed_cba9_8765_4321]);
        for n in 0..3000 {
            addresses.insert(address(n), n / 3);
        }
        for n in (0..3000).step_by(2) {
            addresses.remove(address(n));
        }
        for n in 0..3000 {
            assert_eq!(addresses.find(address(n)), (n % 2 == 1).then_some(n / 3), "{n}");
        }
        addresses.insert(address(1), 77);
        assert_eq!(addresses.find(address(1)), Some(77));
        addresses.remove_seat(77);
        assert_eq!(addresses.find(address(1)), None);
        assert_eq!(addresses.find(address(3)), Some(1));
    }
}
