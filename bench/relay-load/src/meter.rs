//! What a server process costs: CPU time and memory, read from `/proc`.

use std::fs;

/// A process under measurement. Without a process all figures are zero.
#[derive(Clone, Copy)]
pub(crate) struct Meter {
    pid: Option<u32>,
}

/// Memory at one moment, in bytes.
pub(crate) struct Memory {
    pub(crate) resident: u64,
    /// Share of the kernel: the slabs that sockets live in.
    pub(crate) socket_slabs: u64,
    /// Open descriptors of the process, a number.
    pub(crate) descriptors: u64,
}

/// Slabs that grow with sockets. Directory entries of sockets are counted by their inodes: the cache of all
/// directory entries moves with every file that anybody opens.
const SLABS: [&str; 12] = [
    "UDP",
    "UDPv6",
    "RAW",
    "RAWv6",
    "TCP",
    "TCPv6",
    "sock_inode_cache",
    "filp",
    "eventpoll_epi",
    "eventpoll_pwq",
    "ip_dst_cache",
    "ip6_dst_cache",
];
const DIRECTORY_ENTRY: u64 = 192;

impl Meter {
    pub(crate) fn new(pid: Option<u32>) -> Meter {
        Meter { pid }
    }

    /// CPU time of all threads so far, user and system, in nanoseconds.
    ///
    /// From `schedstat`, which counts nanoseconds; `stat` counts ticks of ten milliseconds.
    pub(crate) fn cpu(&self) -> u64 {
        let Some(pid) = self.pid else { return 0 };
        let Ok(threads) = fs::read_dir(format!("/proc/{pid}/task")) else { return 0 };
        threads
            .flatten()
            .filter_map(|thread| fs::read_to_string(thread.path().join("schedstat")).ok())
            .filter_map(|line| line.split(' ').next()?.parse::<u64>().ok())
            .sum()
    }

    pub(crate) fn memory(&self) -> Memory {
        Memory {
            resident: self.resident().unwrap_or(0),
            socket_slabs: socket_slabs().unwrap_or(0),
            descriptors: self.descriptors().unwrap_or(0),
        }
    }

    fn descriptors(&self) -> Option<u64> {
        Some(fs::read_dir(format!("/proc/{}/fd", self.pid?)).ok()?.count() as u64)
    }

    fn resident(&self) -> Option<u64> {
        let status = fs::read_to_string(format!("/proc/{}/status", self.pid?)).ok()?;
        let line = status.lines().find(|line| line.starts_with("VmRSS:"))?;
        Some(line.split_whitespace().nth(1)?.parse::<u64>().ok()? * 1024)
    }
}

fn socket_slabs() -> Option<u64> {
    let table = fs::read_to_string("/proc/slabinfo").ok()?;
    let mut sum = 0;
    for line in table.lines() {
        let mut words = line.split_whitespace();
        let Some(name) = words.next().filter(|name| SLABS.contains(name)) else { continue };
        let active: u64 = words.next()?.parse().ok()?;
        let size: u64 = words.nth(1)?.parse().ok()?;
        sum += active * size;
        if name == "sock_inode_cache" {
            sum += active * DIRECTORY_ENTRY;
        }
    }
    Some(sum)
}
