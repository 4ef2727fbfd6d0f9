//! `relay_server`: the whole relay machine, with six clients on every transport, peers inside and outside of the rules, sockets that
//! open late or never, and time that creeps or leaps.
//!
//! Watched by a model of what ought to be true:
//! - bytes go to a peer only for a client that asked for it with its own sound credentials, within the time that the RFC gives, to an
//!   address that the rules allow or that is a relayed one of this node, and from a socket that is open;
//! - bytes come to a client only from an address it asked for, whole, behind a head that says who sent them;
//! - each answer goes to who asked, parses, and is signed when it is a success;
//! - sockets are opened once, and none is left open at the end;
//! - what is billed is what was relayed, to the byte, and no two records have one id;
//! - a deadline that has been handled is not put out again.

mod client;
mod world;

use crate::bytes::Bytes;
use world::World;

/// The target.
///
/// # Panics
/// When the machine panics, or does what it ought not to.
pub fn relay_server(bytes: &[u8]) {
    let mut bytes = Bytes::new(bytes);
    let mut world = World::new(bytes.byte());
    let (warm, peer) = (bytes.byte(), bytes.byte());
    for who in (0..6).filter(|who| warm & (1 << who) != 0) {
        // Neighbours are each other's peers when the byte says so, else they share one outside.
        world.warm(who, if peer & 1 == 0 { peer / 2 } else { 12 + 16 * (who as u8 ^ 1) });
    }
    let mut steps = 0;
    while !bytes.is_empty() && steps < 200 {
        world.step(&mut bytes);
        steps += 1;
    }
    world.end();
}

/// Histories that reach the far corners: a challenge, an allocation, a channel, data both ways, time, an end.
pub(crate) fn seeds() -> Vec<Vec<u8>> {
    let mut seeds = Vec::new();
    for client in 0..6 {
        for peer in 0..14 {
            let mut history = vec![client, if peer % 2 == 0 { 0x3f } else { 0 }, peer];
            // Challenge, allocate, permit, bind, send both ways, refresh, wait, send, end.
            for (what, detail) in [
                (0, 0),
                (1, 0),
                (2, peer),
                (3, peer),
                (4, peer),
                (5, peer),
                (6, peer),
                (7, 60),
                (4, peer),
                (8, 0),
                (1, 1),
            ] {
                history.extend_from_slice(&[what, client, detail, 0, 0, 0, 8, 1]);
            }
            seeds.push(history);
        }
    }
    // Limits of bandwidth and of the day: big packets in a row, an end, a new beginning.
    for kind in [4, 32] {
        let mut history = vec![kind, 0x3f, 0];
        for _ in 0..6 {
            history.extend_from_slice(&[4, 0, 0, 1, 255]);
        }
        history.extend_from_slice(&[8, 0, 0, 0, 0, 1, 1, 0, 0, 0, 0, 1, 7, 255, 3, 0, 0, 0, 0, 1, 4, 0, 0, 1, 255]);
        seeds.push(history);
    }
    seeds
}
