//! Data channels of a peer connection.

use centrale_model::Time;

use super::webrtc::Phase;
use super::{Output, Peer};
use crate::data::{self, Association, ChannelId, DataError, Reliability};

impl Peer {
    /// Opens a data channel towards the other side; may be called before the association is up, and is then sent when it is.
    ///
    /// - `label`, `protocol`: at most [`crate::data::MAX_LABEL`] bytes.
    ///
    /// # Errors
    /// `NotOpen` when the description has no data channels, `TooLong`, `TooMany`.
    pub fn open_channel(
        &mut self,
        label: &str,
        protocol: &str,
        reliability: Reliability,
        now: Time,
    ) -> Result<ChannelId, DataError> {
        let (instant, mut events) = (self.instant(now), Vec::new());
        let opened = self.association()?.open(label, protocol, reliability, instant, &mut events);
        self.data_events(events, now);
        opened
    }

    /// Queues a message on an open channel. Empty messages are allowed (RFC 8831 §6.6).
    ///
    /// # Errors
    /// `NotOpen`, `TooLong`, or `Full`: then nothing was queued.
    pub fn send(&mut self, channel: ChannelId, is_text: bool, bytes: &[u8], now: Time) -> Result<(), DataError> {
        let (instant, mut events) = (self.instant(now), Vec::new());
        let sent = self.association()?.send(channel, is_text, bytes, instant, &mut events);
        self.data_events(events, now);
        sent
    }

    /// How many bytes wait to be sent on a channel.
    pub fn buffered(&mut self, channel: ChannelId) -> usize {
        self.data.as_mut().map_or(0, |data| data.buffered(channel))
    }

    /// Closes a data channel, both ways (RFC 8831 §6.7); [`Output::ChannelClosed`] follows.
    pub fn close_channel(&mut self, channel: ChannelId, now: Time) {
        let (instant, mut events) = (self.instant(now), Vec::new());
        if let Some(data) = &mut self.data {
            data.close(channel, instant, &mut events);
        }
        self.data_events(events, now);
    }

    pub(super) fn sctp(&mut self, packet: Vec<u8>, now: Time) {
        let (instant, mut events) = (self.instant(now), Vec::new());
        if let Ok(association) = self.association() {
            association.handle(packet, instant, &mut events);
        }
        self.data_events(events, now);
    }

    /// The association, made when it is first needed.
    pub(super) fn association(&mut self) -> Result<&mut Association, DataError> {
        let port = self.negotiated.sctp_port.filter(|_| self.phase != Phase::Closed).ok_or(DataError::NotOpen)?;
        let make = || Box::new(Association::new(self.side, port, self.negotiated.max_message_size, self.has_control));
        Ok(self.data.get_or_insert_with(make))
    }

    pub(super) fn data_events(&mut self, events: Vec<data::Event>, now: Time) {
        for event in events {
            let output = match event {
                data::Event::Transmit(packet) => {
                    let mut events = Vec::new();
                    if let Some(dtls) = &mut self.dtls {
                        dtls.send(&packet, &mut events);
                    }
                    self.dtls_events(events, now);
                    continue;
                }
                data::Event::Opened(opened) => Output::ChannelOpened(opened),
                data::Event::Message(channel, message) => Output::ChannelMessage { channel, message },
                data::Event::Drained(channel) => Output::ChannelDrained(channel),
                data::Event::Closed(channel) => Output::ChannelClosed(channel),
            };
            self.outputs.push_back(output);
        }
    }
}
