//! WHIP and WHEP, with a user's token each.

use std::collections::VecDeque;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Instant;

use centrale_media::peer::Peer;
use rustls::ClientConfig;

use super::{Door, time};
use crate::client::{Fresh, Part};
use crate::http::Http;

pub(crate) struct Whip {
    http: Http,
    group: String,
    media: String,
    /// Tokens that nobody has used yet.
    tokens: VecDeque<String>,
}

impl Whip {
    /// - `media`: how subscribers want to receive: `auto`, `forwarded` or `mixed`.
    pub(crate) fn new(
        server: SocketAddr,
        tls: Arc<ClientConfig>,
        group: String,
        media: String,
        tokens: VecDeque<String>,
    ) -> Whip {
        Whip { http: Http::new(server, Some(tls)), group, media, tokens }
    }
}

impl Door for Whip {
    fn prepare(&mut self, _: Part) -> io::Result<()> {
        self.http.open()
    }

    fn enter(&mut self, fresh: &Fresh, part: Part, zero: Instant) -> io::Result<Peer> {
        let token = self.tokens.pop_front().ok_or_else(|| io::Error::other("there are more clients than tokens"))?;
        let dialing = fresh.dial(part);
        let target = match part {
            Part::Publisher { .. } => format!("/whip/{}", self.group),
            Part::Subscriber { .. } => format!("/whep/{}?media={}", self.group, self.media),
        };
        let bearer = format!("Bearer {token}");
        let headers = [("Content-Type", "application/sdp"), ("Authorization", bearer.as_str())];
        let reply = self.http.send("POST", &target, &headers, dialing.offer())?;
        if reply.status != 201 || reply.header("location").is_none() {
            return Err(io::Error::other(format!("{target} is answered {}: {}", reply.status, reply.body)));
        }
        dialing.connect(&reply.body, time(zero)).map_err(io::Error::other)
    }
}
