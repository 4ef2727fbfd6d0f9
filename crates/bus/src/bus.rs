//! The door: publish and subscribe, ask and serve.

use std::{sync::Arc, time::Duration};

use async_trait::async_trait;
use bytes::Bytes;

use crate::{
    BusError, Subject,
    local::LocalBus,
    mailbox::{Found, Mailbox},
    nats::NatsBus,
};

/// The most bytes a body may have: half of what a NATS server takes by default. Larger things go through the store.
pub const BODY_LIMIT: usize = 512 * 1024;

/// How nodes talk. Channels when alone, NATS when together.
#[async_trait]
pub trait Bus: Send + Sync {
    /// Rings a bell: tells every subscription of the subject. Nobody listening is not an error.
    ///
    /// Fails with `TooLarge`, or with `Unavailable` when it is known that nobody else can hear it.
    async fn publish(&self, subject: &Subject, body: Bytes) -> Result<(), BusError>;

    /// Listens to a subject; what is published after this returned is heard.
    async fn subscribe(&self, subject: &Subject) -> Result<Subscription, BusError>;

    /// Asks whoever serves the subject and waits for the answer, at most for `limit`.
    ///
    /// Fails with `NoOne`, `Timeout`, `TooLarge` or `Unavailable`. After `Timeout` the question may have been acted on, so a
    /// question that changes something carries an id.
    async fn ask(&self, subject: &Subject, body: Bytes, limit: Duration) -> Result<Bytes, BusError>;

    /// Serves a subject. Of several who serve the same one, each question reaches one.
    async fn serve(&self, subject: &Subject) -> Result<Questions, BusError>;
}

/// Opens the bus: in process without an address, NATS with `nats://[user:password@ | token@]host[:port]` or
/// `tls://…`; several servers of one cluster are separated by commas, and the first one's credentials are used for all.
///
/// Fails with `Unavailable` when the server cannot be reached or cannot carry bodies of [`BODY_LIMIT`].
pub async fn open(address: Option<&str>) -> Result<Arc<dyn Bus>, BusError> {
    match address {
        None => Ok(Arc::new(LocalBus::new())),
        Some(address) => Ok(Arc::new(NatsBus::open(address).await?)),
    }
}

/// What a subscription hears.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Delivery {
    /// A message, as it was published.
    Message(Bytes),
    /// At least so many messages were lost here: the reader was slow, or the connection to the other nodes broke.
    Lagged(u64),
}

/// An ear on one subject. Dropping it stops listening.
pub struct Subscription {
    mailbox: Mailbox<Bytes>,
    _ear: Ear,
}

impl Subscription {
    pub(crate) fn new(mailbox: Mailbox<Bytes>, ear: Ear) -> Self {
        Subscription { mailbox, _ear: ear }
    }

    /// Waits for the next message or the notice of a loss; `None` when the bus has ended. Nothing is lost by
    /// dropping the future before it is ready.
    pub async fn next(&mut self) -> Option<Delivery> {
        Some(match self.mailbox.take().await? {
            Found::Item(body) => Delivery::Message(body),
            Found::Lost(count) => Delivery::Lagged(count),
        })
    }
}

/// The questions on one subject. Dropping it stops serving; questions that wait fail at their askers.
pub struct Questions {
    mailbox: Mailbox<Question>,
    _ear: Ear,
}

impl Questions {
    pub(crate) fn new(mailbox: Mailbox<Question>, ear: Ear) -> Self {
        Questions { mailbox, _ear: ear }
    }

    /// Waits for the next question; `None` when the bus has ended. Nothing is lost by dropping the future before it is ready.
    pub async fn next(&mut self) -> Option<Question> {
        loop {
            match self.mailbox.take().await? {
                Found::Item(question) => return Some(question),
                // A question that found the queue full was let fall, which its asker knows.
                Found::Lost(_) => {}
            }
        }
    }
}

impl Drop for Questions {
    fn drop(&mut self) {
        self.mailbox.discard();
    }
}

/// Somebody waits for an answer to this.
pub struct Question {
    /// What is asked.
    pub body: Bytes,
    /// Where the answer goes. Dropping it tells the asker that there will be none.
    pub reply: Reply,
}

/// The way back to one asker.
pub struct Reply {
    answer: Option<Box<dyn FnOnce(Option<Bytes>) + Send>>,
}

impl Reply {
    pub(crate) fn new(answer: impl FnOnce(Option<Bytes>) + Send + 'static) -> Self {
        Reply { answer: Some(Box::new(answer)) }
    }

    /// Answers. An asker that no longer waits is not an error; an answer over [`BODY_LIMIT`] is, and its asker is told `NoOne`.
    pub fn send(mut self, body: Bytes) -> Result<(), BusError> {
        check_body(&body)?;
        if let Some(answer) = self.answer.take() {
            answer(Some(body));
        }
        Ok(())
    }
}

impl Drop for Reply {
    fn drop(&mut self) {
        if let Some(answer) = self.answer.take() {
            answer(None);
        }
    }
}

/// What ends when its owner is dropped.
pub(crate) struct Ear {
    end: Option<Box<dyn FnOnce() + Send + Sync>>,
}

impl Ear {
    pub(crate) fn new(end: impl FnOnce() + Send + Sync + 'static) -> Self {
        Ear { end: Some(Box::new(end)) }
    }
}

impl Drop for Ear {
    fn drop(&mut self) {
        if let Some(end) = self.end.take() {
            end();
        }
    }
}

pub(crate) fn check_body(body: &Bytes) -> Result<(), BusError> {
    if body.len() > BODY_LIMIT {
        return Err(BusError::TooLarge(body.len()));
    }
    Ok(())
}
