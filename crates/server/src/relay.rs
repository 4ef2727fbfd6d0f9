//! The relay's sockets: UDP, TCP and TLS towards clients, UDP towards peers.
//!
//! ```text
//!            ┌ worker 0: listeners ─ centrale_relay::Server ─ relayed sockets   ports 49152..=57343 ┐
//!   kernel ──┤                                                                                      ├─▶ usage sink
//!            └ worker 1: listeners ─ centrale_relay::Server ─ relayed sockets   ports 57344..=65535 ┘
//! ```
//!
//! One plain thread per core, each with its own listening sockets (SO_REUSEPORT: the kernel keeps a client on its thread), its
//! own machine and its own share of the ports. No lock and no channel between them on the packet path. All decisions are the
//! machine's; here bytes are received, handed in and sent. What pays was measured: datagrams are received in batches and
//! sent from the buffer they arrived in, runs to one destination leave as one segmented send, a socket is opened when
//! somebody may speak to it and not before.
//!
//! Not here: credentials and limits (`centrale_relay`), who is told of the relay (`exchange`), what usage costs.

mod config;
mod handle;
mod listen;
mod outgoing;
mod pace;
mod ready;
mod sockets;
mod stream;
mod udp;
mod worker;

pub(crate) use config::RelayConfig;
pub(crate) use handle::{RelayAddresses, RelayHandle, start};
