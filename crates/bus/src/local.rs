//! The bus of a node that is alone: queues in this process.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError, Weak},
    time::Duration,
};

use async_trait::async_trait;
use bytes::Bytes;
use tokio::{sync::oneshot, time::timeout};

use crate::{
    Bus, BusError, Question, Questions, Reply, Subject, Subscription,
    bus::{Ear, check_body},
    mailbox::Mailbox,
};

pub(crate) struct LocalBus {
    places: Arc<Places>,
}

#[derive(Default)]
struct Places {
    subjects: Mutex<HashMap<Subject, Place>>,
}

/// Who is at one subject.
#[derive(Default)]
struct Place {
    last: u64,
    listeners: Vec<Entry<Bytes>>,
    servers: Vec<Entry<Question>>,
    /// Whose turn it is among the servers.
    turn: usize,
}

/// One who listens or serves. The number tells it from the others when it leaves.
struct Entry<T> {
    number: u64,
    mailbox: Mailbox<T>,
}

impl LocalBus {
    pub(crate) fn new() -> Self {
        LocalBus { places: Arc::default() }
    }

    fn arrive<T>(&self, subject: &Subject, list: fn(&mut Place) -> &mut Vec<Entry<T>>) -> (Mailbox<T>, Ear)
    where
        T: Send + 'static,
    {
        let mailbox = Mailbox::new();
        let mut subjects = self.places.lock();
        let place = subjects.entry(subject.clone()).or_default();
        place.last += 1;
        let number = place.last;
        list(place).push(Entry { number, mailbox: mailbox.clone() });
        drop(subjects);
        let (places, subject) = (Arc::downgrade(&self.places), subject.clone());
        (mailbox, Ear::new(move || leave(&places, &subject, number)))
    }

    /// Gives the servers of a subject, the one whose turn it is first.
    fn servers(&self, subject: &Subject) -> Vec<Mailbox<Question>> {
        let mut subjects = self.places.lock();
        let Some(place) = subjects.get_mut(subject) else { return Vec::new() };
        place.turn = place.turn.wrapping_add(1);
        let mut servers: Vec<_> = place.servers.iter().map(|entry| entry.mailbox.clone()).collect();
        if !servers.is_empty() {
            let first = place.turn % servers.len();
            servers.rotate_left(first);
        }
        servers
    }
}

fn leave(places: &Weak<Places>, subject: &Subject, number: u64) {
    let Some(places) = places.upgrade() else { return };
    let mut subjects = places.lock();
    if let Some(place) = subjects.get_mut(subject) {
        place.listeners.retain(|entry| entry.number != number);
        place.servers.retain(|entry| entry.number != number);
        if place.listeners.is_empty() && place.servers.is_empty() {
            subjects.remove(subject);
        }
    }
}

impl Places {
    fn lock(&self) -> MutexGuard<'_, HashMap<Subject, Place>> {
        // Nothing panics between two changes that belong together, so a poisoned lock is still good.
        self.subjects.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for LocalBus {
    fn drop(&mut self) {
        for place in self.places.lock().values() {
            place.listeners.iter().for_each(|entry| entry.mailbox.close());
            place.servers.iter().for_each(|entry| entry.mailbox.close());
        }
    }
}

#[async_trait]
impl Bus for LocalBus {
    async fn publish(&self, subject: &Subject, body: Bytes) -> Result<(), BusError> {
        check_body(&body)?;
        // Under the lock, so that two messages arrive everywhere in the same order.
        if let Some(place) = self.places.lock().get(subject) {
            for entry in &place.listeners {
                // A full mailbox counts the loss and tells its reader.
                let _ = entry.mailbox.put(body.clone(), body.len());
            }
        }
        Ok(())
    }

    async fn subscribe(&self, subject: &Subject) -> Result<Subscription, BusError> {
        let (mailbox, ear) = self.arrive(subject, |place| &mut place.listeners);
        Ok(Subscription::new(mailbox, ear))
    }

    async fn ask(&self, subject: &Subject, body: Bytes, limit: Duration) -> Result<Bytes, BusError> {
        check_body(&body)?;
        let (answer, answered) = oneshot::channel();
        let bytes = body.len();
        let reply = Reply::new(move |body| {
            // An asker that stopped waiting has dropped the other end.
            let _ = answer.send(body);
        });
        let mut question = Question { body, reply };
        for server in self.servers(subject) {
            match server.put(question, bytes) {
                Ok(()) => {
                    let answer = timeout(limit, answered).await.map_err(|_| BusError::Timeout)?;
                    return answer.ok().flatten().ok_or(BusError::NoOne);
                }
                Err(refused) => question = refused,
            }
        }
        Err(BusError::NoOne)
    }

    async fn serve(&self, subject: &Subject) -> Result<Questions, BusError> {
        let (mailbox, ear) = self.arrive(subject, |place| &mut place.servers);
        Ok(Questions::new(mailbox, ear))
    }
}
