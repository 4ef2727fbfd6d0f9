//! Conferences on the bus: what crosses it between the owner of a call and a media node, and the desk at which a media node serves.
//!
//! ```text
//!   owner of the call ── ask media.<node>: Errand (owner, command) ──▶ media node
//!                     ◀────── Option<Event>: answered, refused, summary
//!                     ◀── publish conference.<owner>: News (node, event) ──  whatever happens later
//! ```
//!
//! A command may come twice: the media processor knows what it did by conference, participant and epoch. News may be lost: the owner asks for
//! a summary now and then.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use bytes::Bytes;
use centrale_bus::{Questions, Reply, Subject};
use centrale_media::{Command, ConferenceId, Event};
use serde::{Deserialize, Serialize};

use super::media_nodes;
use crate::{Context, Error, Result};

/// Something to do for a media node.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Errand {
    /// The node that owns the call: news go there.
    pub(crate) owner: String,
    pub(crate) command: Command,
}

/// Something that a media node noticed.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct News {
    /// The media node.
    pub(crate) node: String,
    pub(crate) event: Event,
}

/// Where a media node serves.
pub(crate) fn media_desk(node: &str) -> Subject {
    Subject::of(&["media", node]).expect("a node's name is short")
}

/// Where an owner of calls hears news of its conferences.
pub(crate) fn news_desk(owner: &str) -> Subject {
    Subject::of(&["conference", owner]).expect("a node's name is short")
}

/// The desk of a media node: commands come in, what happens goes out.
///
/// Whoever holds it takes commands one after the other ([`MediaDesk::next`]), says what happens later ([`MediaDesk::teller`]), and announces
/// itself at least every three seconds ([`MediaDesk::announce`]).
pub struct MediaDesk {
    ctx: Context,
    node: String,
    questions: Questions,
    owners: Owners,
}

/// Which node owns the call of each conference. Bound: as many as there are conferences.
type Owners = Arc<Mutex<BTreeMap<ConferenceId, String>>>;

/// A command with the way back to who gave it.
pub struct Asked {
    /// What is to be done.
    pub command: Command,
    reply: Reply,
}

/// Tells the owners of calls what happens in their conferences. Cheap to clone.
#[derive(Clone)]
pub struct Teller {
    ctx: Context,
    node: String,
    owners: Owners,
}

impl MediaDesk {
    /// Opens the desk of a node. `node`: the node's name, the same as its switchboard's where it has one.
    ///
    /// # Errors
    /// `Unavailable` when the bus cannot be reached.
    pub async fn open(ctx: Context, node: String) -> Result<MediaDesk> {
        let served = ctx.bus.serve(&media_desk(&node)).await;
        let questions = served.map_err(|error| Error::unavailable(error.to_string()))?;
        Ok(MediaDesk { ctx, node, questions, owners: Owners::default() })
    }

    /// The next command; `None` when the bus has ended.
    pub async fn next(&mut self) -> Option<Asked> {
        loop {
            let question = self.questions.next().await?;
            let Ok(Errand { owner, command }) = serde_json::from_slice(&question.body) else {
                tracing::warn!("an errand for the media processor cannot be read");
                continue;
            };
            let conference = conference_of(&command);
            let mut owners = self.owners.lock().unwrap_or_else(PoisonError::into_inner);
            match &command {
                Command::Close { .. } => owners.remove(&conference),
                // To ask about a conference that is not here does not make one.
                Command::Ask { .. } if !owners.contains_key(&conference) => None,
                _ => owners.insert(conference, owner),
            };
            drop(owners);
            return Some(Asked { command, reply: question.reply });
        }
    }

    /// Says that this node takes conferences, and how much it has to do: any number that grows with it.
    ///
    /// # Errors
    /// Those of the store.
    pub async fn announce(&self, load: u64) -> Result<()> {
        media_nodes::announce(&self.ctx, &self.node, load).await
    }

    /// Says that this node takes no more conferences; those that are there go on.
    ///
    /// # Errors
    /// Those of the store.
    pub async fn retire(&self) -> Result<()> {
        media_nodes::retire(&self.ctx, &self.node).await
    }

    /// Tells owners of calls what happens.
    pub fn teller(&self) -> Teller {
        Teller { ctx: self.ctx.clone(), node: self.node.clone(), owners: self.owners.clone() }
    }
}

impl Asked {
    /// Answers with an event: `Answered` or `Refused` to a join or describe, `Summary` to a question, nothing to others.
    pub fn answer(self, event: Option<&Event>) {
        let body = Bytes::from(serde_json::to_vec(&event).unwrap_or_default());
        if let Err(error) = self.reply.send(body) {
            tracing::warn!(%error, "an answer of the media processor was not sent");
        }
    }
}

impl Teller {
    /// Tells the owner of a conference's call what happened there. One that is lost is made good by the owner's next question.
    pub async fn tell(&self, event: Event) {
        let conference = conference_in(&event);
        let owner = self.owners.lock().unwrap_or_else(PoisonError::into_inner).get(&conference).cloned();
        let Some(owner) = owner else { return };
        let news = News { node: self.node.clone(), event };
        let body = Bytes::from(serde_json::to_vec(&news).unwrap_or_default());
        if let Err(error) = self.ctx.bus.publish(&news_desk(&owner), body).await {
            tracing::debug!(%error, "news of a conference were not told");
        }
    }
}

/// Which conference a command is about.
pub(crate) fn conference_of(command: &Command) -> ConferenceId {
    match command {
        Command::Join { conference, .. }
        | Command::Describe { conference, .. }
        | Command::Leave { conference, .. }
        | Command::Allow { conference, .. }
        | Command::Receive { conference, .. }
        | Command::Spotlight { conference, .. }
        | Command::Hold { conference, .. }
        | Command::Close { conference }
        | Command::Ask { conference } => *conference,
    }
}

/// Which conference an event is about.
pub(crate) fn conference_in(event: &Event) -> ConferenceId {
    match event {
        Event::Answered { conference, .. }
        | Event::Refused { conference, .. }
        | Event::Connected { conference, .. }
        | Event::Interrupted { conference, .. }
        | Event::Gone { conference, .. }
        | Event::Receives { conference, .. }
        | Event::Lost { conference }
        | Event::Summary { conference, .. } => *conference,
    }
}
