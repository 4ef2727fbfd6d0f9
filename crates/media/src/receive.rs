//! What one participant sends: tracks, their layers, and what came of them.
//!
//! A [`Track`] is one m-line of a sender: a microphone, a camera, a screen. Its [`Layer`]s are the streams of a simulcast, or the one
//! stream there is. Packets are counted, gaps are asked for, and each packet is kept once in plaintext for all who receive it.

mod arrivals;
mod layer;
mod meter;
mod missing;
mod reception;
mod store;

pub(crate) use arrivals::Arrivals;
pub(crate) use layer::{Layer, Reported};
pub(crate) use store::Kept;

use bytes::Bytes;
use centrale_model::{Bitrate, ParticipantId, Time};

use crate::command::Source;
use crate::peer;
use crate::rtp::{Header, Layout};
use crate::sdp::{Codec, Format, Kind};

/// The most packets of one track that wait for the end of a batch. More than that are dropped: the shell ends batches of a few hundred.
const MAX_PENDING: usize = 2048;

/// The most layers of a track.
pub(crate) const MAX_LAYERS: usize = 4;

/// Who receives a track: index of the seat, index of the slot in it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Subscriber {
    pub(crate) seat: u32,
    pub(crate) slot: u8,
}

/// What a packet brought.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Received {
    /// It is the first since the last batch.
    pub(crate) is_first: bool,
    /// Its layer came to life with it.
    pub(crate) is_awake: bool,
    /// Something is to be asked of the sender then.
    pub(crate) due: Option<Time>,
}

/// One m-line of a sender.
#[derive(Debug)]
pub(crate) struct Track {
    pub(crate) seat: u32,
    pub(crate) participant: ParticipantId,
    pub(crate) source: Source,
    pub(crate) kind: Kind,
    /// What it is encoded with, once a packet came.
    pub(crate) format: Option<Format>,
    has_nack: bool,
    /// By index of the rid; a place without a stream yet is empty.
    pub(crate) layers: [Option<Box<Layer>>; MAX_LAYERS],
    pub(crate) subscribers: Vec<Subscriber>,
    /// What came since the last batch was sent: layer and number.
    pub(crate) pending: Vec<(u8, u64)>,
    /// Layers that some slot sends or waits for, as bits: only they are repaired.
    pub(crate) wanted: u8,
    /// Whether it came when that was last looked at.
    pub(crate) was_active: bool,
    /// Whether its sender may send it.
    pub(crate) is_allowed: bool,
    /// Somebody else than slots reads it: the mixer, the composer, the echo.
    pub(crate) is_heard: bool,
    /// Which layer the composer reads.
    pub(crate) composed: Option<u8>,
    /// The conference whose composed pictures it carries; nobody sent it.
    pub(crate) made_by: Option<u32>,
}

impl Track {
    pub(crate) fn new(seat: u32, participant: ParticipantId, source: Source, kind: Kind) -> Track {
        Track {
            seat,
            participant,
            source,
            kind,
            format: None,
            has_nack: false,
            layers: [const { None }; MAX_LAYERS],
            subscribers: Vec::new(),
            pending: Vec::new(),
            wanted: 0,
            was_active: false,
            is_allowed: true,
            is_heard: false,
            composed: None,
            made_by: None,
        }
    }

    /// Takes a packet of this track.
    pub(crate) fn receive(&mut self, rtp: &peer::Rtp, codec: &Codec, payload: &[u8], now: Time) -> Received {
        let nothing = Received::default();
        let Some(about) = rtp.track else { return nothing };
        let layer = about.rid.map_or(0, |rid| rid.0);
        let place = usize::from(layer);
        if place >= MAX_LAYERS {
            return nothing;
        }
        let mut received = Received::default();
        let sequence = if about.is_repair {
            self.layers[place].as_deref_mut().and_then(|stream| stream.repair(rtp, payload, codec.format.name(), now))
        } else {
            if self.format != Some(codec.format) {
                self.format = Some(codec.format);
                self.has_nack = codec.has_nack;
            }
            let is_repaired = self.has_nack && self.kind == Kind::Video && self.wanted & 1 << layer != 0;
            let kind = self.kind;
            let slot = &mut self.layers[place];
            received.is_awake = slot.as_ref().is_none_or(|stream| !stream.is_active(kind, now));
            if let Some(stream) = slot.as_mut().filter(|stream| stream.ssrc != rtp.header.ssrc) {
                **stream = stream.replaced(rtp, kind, now);
            }
            let stream = slot.get_or_insert_with(|| Box::new(Layer::new(rtp, kind, now)));
            let before = stream.attention();
            let sequence = stream.take(rtp, payload, codec.format.name(), is_repaired, now);
            if stream.attention() > before {
                received.due = stream.due();
            }
            sequence
        };
        let Some(sequence) = sequence else { return received };
        if (self.subscribers.is_empty() && !self.is_heard) || self.pending.len() >= MAX_PENDING {
            return received;
        }
        self.pending.push((layer, sequence));
        received.is_first = self.pending.len() == 1;
        received
    }

    /// Takes a picture that was made here: payloads in order. Says whether it is the first since the last batch.
    pub(crate) fn make(&mut self, payloads: &[Bytes], timestamp: u32, now: Time) -> bool {
        let Some(format) = self.format else { return false };
        let was_empty = self.pending.is_empty();
        for (n, payload) in payloads.iter().enumerate() {
            let number = self.layers[0].as_deref().map_or(0, |layer| (layer.highest() as u16).wrapping_add(1));
            let header =
                Header { is_marked: n + 1 == payloads.len(), sequence: number, timestamp, ..Header::default() };
            let rtp = peer::Rtp { header, layout: Layout { payload: payload.len(), ..Layout::default() }, track: None };
            let layer = self.layers[0].get_or_insert_with(|| Box::new(Layer::new(&rtp, Kind::Video, now)));
            if let Some(sequence) = layer.take(&rtp, payload, format.name(), false, now)
                && self.pending.len() < MAX_PENDING
            {
                self.pending.push((0, sequence));
            }
        }
        was_empty && !self.pending.is_empty()
    }

    /// The stream of a layer.
    pub(crate) fn layer(&self, layer: u8) -> Option<&Layer> {
        self.layers.get(usize::from(layer))?.as_deref()
    }

    /// The stream of a layer, for changing.
    pub(crate) fn layer_mut(&mut self, layer: u8) -> Option<&mut Layer> {
        self.layers.get_mut(usize::from(layer))?.as_deref_mut()
    }

    /// Its streams, with their numbers.
    pub(crate) fn streams(&mut self) -> impl Iterator<Item = (u8, &mut Layer)> {
        self.layers.iter_mut().enumerate().filter_map(|(n, layer)| Some((n as u8, layer.as_deref_mut()?)))
    }

    /// Whether anything comes at present.
    pub(crate) fn is_active(&self, now: Time) -> bool {
        self.layers.iter().flatten().any(|layer| layer.is_active(self.kind, now))
    }

    /// The layers that come at present, the smallest first.
    pub(crate) fn ladder(&self, now: Time) -> Ladder {
        let mut ladder = Ladder::default();
        for (n, layer) in self.layers.iter().enumerate() {
            if let Some(layer) = layer.as_deref().filter(|layer| layer.is_active(self.kind, now)) {
                let rung = Rung {
                    layer: n as u8,
                    rate: layer.rate(now),
                    base: layer.base_rate(now),
                    height: layer.size.map(|(width, height)| width.min(height)),
                };
                ladder.rungs[ladder.count] = rung;
                ladder.count += 1;
            }
        }
        let rungs = &mut ladder.rungs[..ladder.count];
        if rungs.iter().all(|rung| rung.height.is_some()) {
            rungs.sort_by_key(|rung| (rung.height, rung.rate));
        } else {
            rungs.sort_by_key(|rung| rung.rate);
        }
        ladder
    }

    /// Asks the sender for a key picture of a layer, as soon as that is due.
    pub(crate) fn want_key(&mut self, layer: u8) {
        if self.kind == Kind::Video
            && let Some(layer) = self.layer_mut(layer)
        {
            layer.want_key();
        }
    }
}

/// One layer as allocation sees it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Rung {
    pub(crate) layer: u8,
    pub(crate) rate: Bitrate,
    /// The rate of its temporal base alone, where it has more temporal layers than that.
    pub(crate) base: Option<Bitrate>,
    /// The shorter side of the picture, when it is known.
    pub(crate) height: Option<u16>,
}

/// The layers of a track that come at present, the smallest first.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Ladder {
    rungs: [Rung; MAX_LAYERS],
    count: usize,
}

impl Ladder {
    pub(crate) fn rungs(&self) -> &[Rung] {
        &self.rungs[..self.count]
    }

    /// A ladder for tests of allocation.
    #[cfg(test)]
    pub(crate) fn of(rungs: &[Rung]) -> Ladder {
        let mut ladder = Ladder { count: rungs.len(), ..Ladder::default() };
        ladder.rungs[..rungs.len()].copy_from_slice(rungs);
        ladder
    }
}
