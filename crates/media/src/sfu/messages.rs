//! Data between participants (B-DATA), relayed.
//!
//! ```text
//!  sender opens    data/<channelId>/<session>/<Durable|Lossy>                  u32 number | u8 n | n × u128 participant | payload
//!  receivers get   data/<channelId>/<session>/<Durable|Lossy>/<sender>         u32 number | payload
//! ```
//!
//! Channels towards receivers are opened when the first message for them comes. A slow receiver loses lossy messages; a durable channel
//! that is full is closed, because what was promised cannot be kept.

use centrale_model::{ParticipantId, Time};

use super::Sfu;
use crate::data::{CONTROL, ChannelId, DataError, Message, Opened, OpenedBy, Reliability};

/// The most receivers that a message may name (B-DATA-8).
const MAX_TARGETS: usize = 64;

/// The longest payload, in bytes (B-DATA-2).
const MAX_PAYLOAD: usize = 32 << 10;

/// What waits while a channel is being opened: messages and bytes. Beyond that lossy messages are dropped, durable channels closed.
const MAX_WAITING: usize = 64;
const MAX_WAITING_BYTES: usize = 256 << 10;

/// Twice what a client keeps to by itself (B-DATA-9), in bytes per second, and the burst.
///
/// Higher: more load by hostile clients; lower: honest ones are cut when their clock drifts.
const DURABLE_RATE: f64 = 2.0 * 64_000.0 / 8.0;
const LOSSY_RATE: f64 = 2.0 * 512_000.0 / 8.0;
const BURST: f64 = 2.0 * (MAX_PAYLOAD + 1200) as f64;

/// Packets of 1,200 bytes to everybody, in a second: twice the documented 80.
const BROADCAST_RATE: f64 = 160.0;
const PACKET: usize = 1200;

/// What a participant sends and gets besides media.
#[derive(Debug, Default)]
pub(super) struct Messages {
    inbound: Vec<Inbound>,
    outbound: Vec<Outbound>,
    durable: Bucket,
    lossy: Bucket,
    broadcast: Bucket,
}

/// A channel that the participant opened towards others.
#[derive(Debug)]
struct Inbound {
    channel: ChannelId,
    label: Box<str>,
    is_durable: bool,
}

/// A channel towards the participant.
#[derive(Debug)]
struct Outbound {
    channel: ChannelId,
    sender: ParticipantId,
    /// The sender's label.
    label: Box<str>,
    is_durable: bool,
    state: State,
}

#[derive(Debug)]
enum State {
    /// Messages wait for it to open.
    Opening(Vec<Box<[u8]>>),
    Open,
    /// It was closed because it could not keep up; nothing more is sent in this session.
    Broken,
}

/// A bucket that fills by time.
#[derive(Debug, Default)]
struct Bucket {
    spent: f64,
    at: Time,
}

impl Bucket {
    fn take(&mut self, amount: f64, rate: f64, burst: f64, now: Time) -> bool {
        self.spent = (self.spent - (now - self.at).as_secs_f64() * rate).max(0.0);
        self.at = now;
        let has_room = self.spent + amount <= burst;
        if has_room {
            self.spent += amount;
        }
        has_room
    }
}

/// A message of a sender, taken apart.
struct Parts<'a> {
    number: [u8; 4],
    targets: &'a [[u8; 16]],
    payload: &'a [u8],
}

fn parts(bytes: &[u8]) -> Option<Parts<'_>> {
    let (number, rest) = bytes.split_first_chunk::<4>()?;
    let (count, rest) = rest.split_first()?;
    let count = usize::from(*count);
    let (targets, payload) = rest.split_at_checked(count * 16)?;
    let (targets, _) = targets.as_chunks::<16>();
    (count <= MAX_TARGETS && payload.len() <= MAX_PAYLOAD).then_some(Parts { number: *number, targets, payload })
}

/// Whether a label is that of a sender's channel, and whether it is durable.
fn durability(label: &str) -> Option<bool> {
    let mut parts = label.strip_prefix("data/")?.split('/');
    let (id, session, reliability) = (parts.next()?, parts.next()?, parts.next()?);
    let is_id = id.parse::<u16>().is_ok_and(|id| id > 0);
    if !is_id || session.is_empty() || parts.next().is_some() {
        return None;
    }
    match reliability {
        "Durable" => Some(true),
        "Lossy" => Some(false),
        _ => None,
    }
}

impl Sfu {
    pub(super) fn channel_opened(&mut self, at: u32, opened: Opened, now: Time) {
        if opened.channel == CONTROL {
            self.control_opened(at, now);
            return;
        }
        let Some(seat) = self.seat_mut(at) else { return };
        match opened.by {
            OpenedBy::Them => {
                if let Some(is_durable) = durability(&opened.label) {
                    let inbound = Inbound { channel: opened.channel, label: opened.label.into(), is_durable };
                    seat.messages.inbound.push(inbound);
                }
            }
            OpenedBy::Us => {
                let Some(outbound) = seat.messages.outbound.iter_mut().find(|out| out.channel == opened.channel) else {
                    return;
                };
                if let State::Opening(waiting) = core::mem::replace(&mut outbound.state, State::Open) {
                    for message in waiting {
                        // What does not fit is judged by the next message.
                        let _ = seat.peer.send(opened.channel, false, &message, now);
                    }
                }
            }
            OpenedBy::Agreement => {}
        }
        self.follow_transport(at);
    }

    pub(super) fn channel_drained(&mut self, at: u32, now: Time) {
        self.control_drained(at, now);
    }

    pub(super) fn channel_closed(&mut self, at: u32, channel: ChannelId, now: Time) {
        let Some(seat) = self.seat_mut(at) else { return };
        seat.messages.outbound.retain(|out| out.channel != channel || matches!(out.state, State::Broken));
        let Some(place) = seat.messages.inbound.iter().position(|inbound| inbound.channel == channel) else { return };
        let inbound = seat.messages.inbound.swap_remove(place);
        let (index, sender) = (seat.conference, seat.participant);
        self.end_messages(index, sender, Some(&inbound.label), now);
    }

    pub(super) fn channel_message(&mut self, at: u32, channel: ChannelId, message: Message, now: Time) {
        if channel == CONTROL {
            self.control_message(at, &message, now);
            return;
        }
        let Some(seat) = self.seats.get_mut(at as usize).and_then(Option::as_deref_mut) else { return };
        let (index, sender) = (seat.conference, seat.participant);
        let Some(conference) = self.conferences[index as usize].as_deref() else { return };
        let may_send = conference.participants.get(&sender).is_some_and(|p| p.rights.data && p.seat == at);
        let Some(inbound) = seat.messages.inbound.iter().find(|inbound| inbound.channel == channel) else { return };
        let Some(parts) = parts(&message.bytes).filter(|_| may_send) else { return };
        let (label, is_durable) = (inbound.label.clone(), inbound.is_durable);
        let length = parts.payload.len() as f64;
        let (bucket, rate) = match is_durable {
            true => (&mut seat.messages.durable, DURABLE_RATE),
            false => (&mut seat.messages.lossy, LOSSY_RATE),
        };
        if !bucket.take(length, rate, BURST, now) {
            return;
        }
        let packets = parts.payload.len().div_ceil(PACKET).max(1) as f64;
        if parts.targets.is_empty() && !seat.messages.broadcast.take(packets, BROADCAST_RATE, BROADCAST_RATE, now) {
            return;
        }
        let targets: Vec<u32> = if parts.targets.is_empty() {
            conference.participants.iter().filter(|(who, _)| **who != sender).map(|(_, p)| p.seat).collect()
        } else {
            let named = parts.targets.iter().map(|id| ParticipantId::from_u128(u128::from_be_bytes(*id)));
            named.filter(|who| *who != sender).filter_map(|who| Some(conference.participants.get(&who)?.seat)).collect()
        };
        let mut out = Vec::with_capacity(4 + parts.payload.len());
        out.extend_from_slice(&parts.number);
        out.extend_from_slice(parts.payload);
        for to in targets {
            self.relay(to, sender, &label, is_durable, &out, now);
        }
    }

    /// Sends a message of a sender to one receiver.
    fn relay(&mut self, to: u32, sender: ParticipantId, label: &str, is_durable: bool, message: &[u8], now: Time) {
        let Some(seat) = self.seat_mut(to).filter(|seat| seat.is_connected()) else { return };
        let peer = &mut seat.peer;
        let known = seat.messages.outbound.iter_mut().find(|out| out.sender == sender && *out.label == *label);
        let outbound = match known {
            Some(outbound) => outbound,
            None => {
                let reliability = if is_durable { Reliability::DURABLE } else { Reliability::LOSSY };
                let Ok(channel) = peer.open_channel(&format!("{label}/{sender}"), "", reliability, now) else { return };
                let state = State::Opening(Vec::new());
                seat.messages.outbound.push(Outbound { channel, sender, label: label.into(), is_durable, state });
                seat.messages.outbound.last_mut().expect("one was added in the line above")
            }
        };
        let is_lost = match &mut outbound.state {
            State::Opening(waiting) => {
                let bytes: usize = waiting.iter().map(|message| message.len()).sum();
                let has_room = waiting.len() < MAX_WAITING && bytes + message.len() <= MAX_WAITING_BYTES;
                if has_room {
                    waiting.push(message.into());
                }
                !has_room
            }
            State::Open => match peer.send(outbound.channel, false, message, now) {
                Ok(()) | Err(DataError::TooLong) => false,
                Err(DataError::Full | DataError::NotOpen | DataError::TooMany) => true,
            },
            State::Broken => false,
        };
        if is_lost && outbound.is_durable {
            outbound.state = State::Broken;
            peer.close_channel(outbound.channel, now);
        }
        self.follow_transport(to);
    }

    /// A sender's channel (or the sender) is gone: so are the channels towards its receivers.
    pub(super) fn end_messages(&mut self, index: u32, sender: ParticipantId, label: Option<&str>, now: Time) {
        for at in self.seats_of(index) {
            let Some(seat) = self.seat_mut(at) else { continue };
            let peer = &mut seat.peer;
            let mut has_closed = false;
            seat.messages.outbound.retain(|out| {
                let is_over = out.sender == sender && label.is_none_or(|label| *out.label == *label);
                if is_over && !matches!(out.state, State::Broken) {
                    peer.close_channel(out.channel, now);
                    has_closed = true;
                }
                !is_over
            });
            if has_closed {
                self.follow_transport(at);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn labels_say_how_hard_a_channel_tries() {
        assert_eq!(durability("data/5/abc/Durable"), Some(true));
        assert_eq!(durability("data/65535/1/Lossy"), Some(false));
        for wrong in
            ["data/0/a/Lossy", "data/70000/a/Lossy", "data/5//Lossy", "data/5/a/Lossy/x", "chat/5/a/Lossy", "data/5/a"]
        {
            assert_eq!(durability(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn messages_are_taken_apart_and_odd_ones_are_not() {
        let mut message = vec![0, 0, 0, 9, 2];
        message.extend_from_slice(&1u128.to_be_bytes());
        message.extend_from_slice(&2u128.to_be_bytes());
        message.extend_from_slice(b"hello");
        let taken = parts(&message).expect("whole");
        assert_eq!((taken.number, taken.targets.len(), taken.payload), ([0, 0, 0, 9], 2, &b"hello"[..]));
        assert!(parts(&message[..20]).is_none());
        assert!(parts(&[0, 0, 0, 9]).is_none());
        assert!(parts(&[&[0, 0, 0, 1, 65][..], &[0; 65 * 16]].concat()).is_none());
        assert!(parts(&[&[0, 0, 0, 1, 0][..], &vec![0; MAX_PAYLOAD + 1]].concat()).is_none());
    }
}
