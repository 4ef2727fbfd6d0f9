//! What the relay's and the media room's threads share: datagrams in and out, and waiting for them.
//!
//! - [`arriving`]: a socket and how it is received from; how many datagrams to take at a time.
//! - [`listen`]: opening sockets.
//! - [`ready`]: who has something to read, over epoll; [`pace`]: how to wait.
//! - [`udp`]: the system calls, for one datagram or a run of them.
//!
//! Not here: what is done with a datagram.

pub(crate) mod arriving;
pub(crate) mod listen;
pub(crate) mod pace;
pub(crate) mod ready;
pub(crate) mod udp;
