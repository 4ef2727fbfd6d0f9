//! The desk of a node: what other nodes have for calls hosted here, and what this one has for calls of others.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use centrale_bus::{BusError, Subject};

use super::command::{Answer, Command};
use super::switchboard::Switchboard;
use crate::{Error, Result};

/// How long another node may take over one command.
const ASK_LIMIT: Duration = Duration::from_secs(5);

/// How many commands of other nodes are worked on at once; further ones wait in the bus, whose queue is bounded.
const SERVED_AT_ONCE: usize = 64;

impl Switchboard {
    pub(super) async fn ask_owner(&self, owner: &str, command: &Command) -> Result<Answer, BusError> {
        let body = serde_json::to_vec(command).unwrap_or_default();
        let answer = self.0.ctx.bus.ask(&desk(owner), Bytes::from(body), ASK_LIMIT).await?;
        Ok(serde_json::from_slice(&answer).unwrap_or(Answer::Elsewhere))
    }

    /// Answers other nodes that have something for calls hosted here.
    pub(super) async fn serve_others(&self) -> Result<()> {
        let served = self.0.ctx.bus.serve(&desk(&self.0.node)).await;
        let mut questions = served.map_err(|error| Error::unavailable(error.to_string()))?;
        let board = self.clone();
        let at_once = Arc::new(tokio::sync::Semaphore::new(SERVED_AT_ONCE));
        tokio::spawn(async move {
            while let Some(question) = questions.next().await {
                let Ok(permit) = at_once.clone().acquire_owned().await else { return };
                let board = board.clone();
                tokio::spawn(async move {
                    let answer = board.answer_other(&question.body).await;
                    let body = Bytes::from(serde_json::to_vec(&answer).unwrap_or_default());
                    if let Err(error) = question.reply.send(body) {
                        tracing::warn!(%error, "an answer to another node was not sent");
                    }
                    drop(permit);
                });
            }
        });
        Ok(())
    }

    async fn answer_other(&self, body: &[u8]) -> Answer {
        let Ok(command) = serde_json::from_slice::<Command>(body) else { return Answer::Elsewhere };
        match self.do_here(&command).await {
            Ok(Some(done)) => match self.complete(&command, done).await {
                Ok(answer) => answer,
                Err(error) => Answer::refusing(&error),
            },
            Ok(None) => Answer::Elsewhere,
            Err(error) => Answer::refusing(&error),
        }
    }
}

/// Where a node answers for its calls.
fn desk(node: &str) -> Subject {
    Subject::of(&["calls", node]).expect("a node's name is short")
}
