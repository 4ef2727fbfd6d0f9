//! How a client comes in: each server's own signalling.
//!
//! A door does what it does on a thread of its own, one client after the other, while packets go on elsewhere.

pub(crate) mod janus;
pub(crate) mod whip;

use std::io;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::time::Instant;

use centrale_media::peer::Peer;
use centrale_model::Time;

use crate::client::{Fresh, Part};

/// A server's signalling.
pub(crate) trait Door: Send {
    /// Does what can be done before a client comes: connections, handles.
    fn prepare(&mut self, part: Part) -> io::Result<()>;

    /// Brings a client in: offers or answers by the server's own rules. Gives its peer connection.
    fn enter(&mut self, fresh: &Fresh, part: Part, zero: Instant) -> io::Result<Peer>;
}

/// Somebody who wants to come in.
pub(crate) struct Visitor {
    pub(crate) fresh: Fresh,
    pub(crate) part: Part,
}

/// Somebody who is in.
pub(crate) struct Guest {
    pub(crate) fresh: Fresh,
    pub(crate) part: Part,
    pub(crate) peer: Peer,
    pub(crate) began: Time,
}

/// Opens a door on a thread of its own.
pub(crate) fn open(mut door: Box<dyn Door>, zero: Instant) -> (Sender<Visitor>, Receiver<io::Result<Guest>>) {
    let (visit, visitors) = channel::<Visitor>();
    let (tell, guests) = channel();
    std::thread::spawn(move || {
        for Visitor { fresh, part } in visitors {
            let entered = door.prepare(part).and_then(|()| {
                let began = time(zero);
                door.enter(&fresh, part, zero).map(|peer| (peer, began))
            });
            let told = entered.map(|(peer, began)| Guest { fresh, part, peer, began });
            if tell.send(told).is_err() {
                return;
            }
        }
    });
    (visit, guests)
}

pub(crate) fn time(zero: Instant) -> Time {
    Time::from_nanos(zero.elapsed().as_nanos() as u64)
}
