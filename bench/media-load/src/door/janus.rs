//! Janus' VideoRoom over its HTTP API: publishers offer, subscribers are offered to.

use std::io;
use std::net::SocketAddr;
use std::sync::mpsc::{Receiver, channel};
use std::time::{Duration, Instant};

use centrale_media::peer::Peer;
use serde_json::{Value, json};

use super::{Door, time};
use crate::client::{Fresh, Part};
use crate::http::Http;

/// How long the plugin may take over a request.
const PATIENCE: Duration = Duration::from_secs(10);

pub(crate) struct Janus {
    http: Http,
    session: u64,
    events: Receiver<Value>,
    room: u64,
    /// A handle that waits for the next client.
    handle: Option<u64>,
    /// Those who publish.
    feeds: Vec<u64>,
    number: u64,
}

impl Janus {
    /// Opens a session and makes the room.
    pub(crate) fn new(server: SocketAddr, room: u64, publishers: usize) -> io::Result<Janus> {
        let mut http = Http::new(server, None);
        let made = call(&mut http, "/janus", &json!({ "janus": "create", "transaction": "session" }))?;
        let session = made["data"]["id"].as_u64().ok_or_else(|| strange(&made))?;
        let (tell, events) = channel();
        std::thread::spawn(move || {
            let mut http = Http::new(server, None);
            while let Ok(reply) = http.send("GET", &format!("/janus/{session}?maxev=10"), &[], "") {
                let Ok(told) = serde_json::from_str::<Value>(&reply.body) else { return };
                let all = match told {
                    Value::Array(all) => all,
                    one => vec![one],
                };
                if all.into_iter().any(|event| tell.send(event).is_err()) {
                    return;
                }
            }
        });
        let mut janus = Janus { http, session, events, room, handle: None, feeds: Vec::new(), number: 0 };
        let handle = janus.attach()?;
        let body = json!({
            "request": "create", "room": room, "publishers": publishers.max(1), "bitrate": 20_000_000,
            "audiocodec": "opus", "videocodec": "vp8", "audiolevel_event": false, "notify_joining": false,
        });
        let made = janus.ask(handle, body, None)?;
        if made["plugindata"]["data"]["videoroom"] != "created" {
            return Err(strange(&made));
        }
        Ok(janus)
    }

    fn attach(&mut self) -> io::Result<u64> {
        let path = format!("/janus/{}", self.session);
        let attach = json!({ "janus": "attach", "plugin": "janus.plugin.videoroom", "transaction": "attach" });
        let made = call(&mut self.http, &path, &attach)?;
        made["data"]["id"].as_u64().ok_or_else(|| strange(&made))
    }

    /// Asks the plugin and waits for its answer, which comes as an event or at once.
    fn ask(&mut self, handle: u64, body: Value, jsep: Option<Value>) -> io::Result<Value> {
        self.number += 1;
        let transaction = self.number.to_string();
        let mut message = json!({ "janus": "message", "transaction": transaction, "body": body });
        if let Some(jsep) = jsep {
            message["jsep"] = jsep;
        }
        let path = format!("/janus/{}/{handle}", self.session);
        let reply = call(&mut self.http, &path, &message)?;
        match reply["janus"].as_str() {
            Some("success") => return Ok(reply),
            Some("ack") => {}
            _ => return Err(strange(&reply)),
        }
        let end = Instant::now() + PATIENCE;
        loop {
            let left = end.saturating_duration_since(Instant::now());
            let event = self.events.recv_timeout(left).map_err(io::Error::other)?;
            if event["transaction"].as_str() == Some(&transaction) {
                return match event["plugindata"]["data"]["error"].is_null() {
                    true => Ok(event),
                    false => Err(strange(&event)),
                };
            }
        }
    }

    fn publish(&mut self, handle: u64, fresh: &Fresh, part: Part, zero: Instant) -> io::Result<Peer> {
        let dialing = fresh.dial(part);
        let body = json!({ "request": "joinandconfigure", "ptype": "publisher", "room": self.room });
        let offer = json!({ "type": "offer", "sdp": dialing.offer() });
        let answered = self.ask(handle, body, Some(offer))?;
        let feed = answered["plugindata"]["data"]["id"].as_u64().ok_or_else(|| strange(&answered))?;
        let answer = answered["jsep"]["sdp"].as_str().ok_or_else(|| strange(&answered))?;
        self.feeds.push(feed);
        dialing.connect(answer, time(zero)).map_err(io::Error::other)
    }

    fn subscribe(&mut self, handle: u64, fresh: &Fresh, zero: Instant) -> io::Result<Peer> {
        let streams: Vec<Value> = self.feeds.iter().map(|feed| json!({ "feed": feed })).collect();
        let body = json!({ "request": "join", "ptype": "subscriber", "room": self.room, "streams": streams });
        let offered = self.ask(handle, body, None)?;
        let offer = offered["jsep"]["sdp"].as_str().ok_or_else(|| strange(&offered))?;
        let (peer, answer) = fresh.answer(offer, time(zero))?;
        let answer = json!({ "type": "answer", "sdp": answer });
        self.ask(handle, json!({ "request": "start" }), Some(answer))?;
        Ok(peer)
    }
}

impl Door for Janus {
    fn prepare(&mut self, _: Part) -> io::Result<()> {
        if self.handle.is_none() {
            self.handle = Some(self.attach()?);
        }
        Ok(())
    }

    fn enter(&mut self, fresh: &Fresh, part: Part, zero: Instant) -> io::Result<Peer> {
        let handle = self.handle.take().ok_or_else(|| io::Error::other("nothing is prepared"))?;
        match part {
            Part::Publisher { .. } => self.publish(handle, fresh, part, zero),
            Part::Subscriber { .. } => self.subscribe(handle, fresh, zero),
        }
    }
}

fn call(http: &mut Http, path: &str, message: &Value) -> io::Result<Value> {
    let reply = http.send("POST", path, &[("Content-Type", "application/json")], &message.to_string())?;
    let told: Value = serde_json::from_str(&reply.body).map_err(io::Error::other)?;
    if told["janus"] == "error" { Err(strange(&told)) } else { Ok(told) }
}

fn strange(told: &Value) -> io::Error {
    let mut text = told.to_string();
    text.truncate(text.char_indices().nth(400).map_or(text.len(), |(at, _)| at));
    io::Error::other(format!("Janus says {text}"))
}
