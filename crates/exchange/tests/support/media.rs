//! A media node that answers every offer, keeps what it is told, and says what a test wants it to say.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use centrale_exchange::Context;
use centrale_exchange::calls::{Asked, MediaDesk, Teller};
use centrale_media::{Command, ConferenceId, Event, RefusedBecause, Summary};
use centrale_model::{CallId, ParticipantId};
use tokio::task::JoinHandle;

pub(crate) struct FakeMedia {
    state: Arc<Mutex<State>>,
    teller: Teller,
    serving: JoinHandle<()>,
    announcing: tokio::sync::mpsc::Sender<tokio::sync::oneshot::Sender<()>>,
}

#[derive(Default)]
struct State {
    commands: Vec<Command>,
    /// Who is there: epoch, and whether its path is up.
    conferences: BTreeMap<ConferenceId, BTreeMap<ParticipantId, (u32, bool)>>,
    /// Answers that are not given, though what is asked is done: lost on their way.
    lost_answers: u32,
    refusal: Option<RefusedBecause>,
}

impl FakeMedia {
    pub(crate) async fn open(ctx: Context, node: &str) -> FakeMedia {
        FakeMedia::open_with_load(ctx, node, 0).await
    }

    pub(crate) async fn open_with_load(ctx: Context, node: &str, load: u64) -> FakeMedia {
        let mut desk = MediaDesk::open(ctx, node.to_owned()).await.expect("a desk opens");
        desk.announce(load).await.expect("announced");
        let state = Arc::new(Mutex::new(State::default()));
        let teller = desk.teller();
        let (announcing, mut wanted) = tokio::sync::mpsc::channel::<tokio::sync::oneshot::Sender<()>>(1);
        let serving = tokio::spawn({
            let (state, teller) = (state.clone(), teller.clone());
            async move {
                loop {
                    tokio::select! {
                        asked = desk.next() => {
                            let Some(asked) = asked else { return };
                            for event in take(&state, asked) {
                                teller.tell(event).await;
                            }
                        }
                        Some(done) = wanted.recv() => {
                            desk.announce(load).await.expect("announced");
                            let _ = done.send(());
                        }
                    }
                }
            }
        });
        FakeMedia { state, teller, serving, announcing }
    }

    /// Says once more that it is there: a test's clock has gone on.
    pub(crate) async fn announce(&self) {
        let (done, waiting) = tokio::sync::oneshot::channel();
        self.announcing.send(done).await.expect("it serves");
        waiting.await.expect("announced");
    }

    /// Every command so far, questions apart.
    pub(crate) fn commands(&self) -> Vec<Command> {
        let all = self.state.lock().expect("whole").commands.clone();
        all.into_iter().filter(|command| !matches!(command, Command::Ask { .. })).collect()
    }

    pub(crate) fn present(&self, call: CallId) -> Vec<ParticipantId> {
        let state = self.state.lock().expect("whole");
        state.conferences.get(&ConferenceId(call)).map(|there| there.keys().copied().collect()).unwrap_or_default()
    }

    /// Waits until it was told something.
    pub(crate) async fn told(&self, is_it: impl Fn(&Command) -> bool) {
        for _ in 0..3000 {
            if self.commands().iter().any(&is_it) {
                return;
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        panic!("never told, but {:?}", self.commands());
    }

    /// The next answers get lost, though what is asked is done.
    pub(crate) fn lose_answers(&self, count: u32) {
        self.state.lock().expect("whole").lost_answers = count;
    }

    pub(crate) fn refuse(&self, because: Option<RefusedBecause>) {
        self.state.lock().expect("whole").refusal = because;
    }

    /// A worker dies with a conference, and says so or not.
    pub(crate) async fn lose(&self, call: CallId, says_so: bool) {
        self.state.lock().expect("whole").conferences.remove(&ConferenceId(call));
        if says_so {
            self.teller.tell(Event::Lost { conference: ConferenceId(call) }).await;
        }
    }

    /// Somebody is put in who does not belong there.
    pub(crate) fn haunt(&self, call: CallId, ghost: ParticipantId) {
        let mut state = self.state.lock().expect("whole");
        state.conferences.entry(ConferenceId(call)).or_default().insert(ghost, (0, true));
    }

    pub(crate) async fn tell(&self, event: Event) {
        self.teller.tell(event).await;
    }
}

impl Drop for FakeMedia {
    /// The node dies.
    fn drop(&mut self) {
        self.serving.abort();
    }
}

/// Does a command, answers it, and gives what happens next.
fn take(state: &Mutex<State>, asked: Asked) -> Vec<Event> {
    let mut state = state.lock().expect("whole");
    let command = asked.command.clone();
    state.commands.push(command.clone());
    let mut news = Vec::new();
    let answer = match command {
        Command::Join { conference, participant, epoch, .. } => match state.refusal {
            Some(because) => Some(Event::Refused { conference, participant, epoch, because }),
            None => {
                state.conferences.entry(conference).or_default().insert(participant, (epoch, true));
                news.push(Event::Connected { conference, participant, epoch });
                let answer = format!("v=0\r\nanswer {participant} {epoch}\r\n");
                Some(Event::Answered { conference, participant, epoch, answer })
            }
        },
        Command::Describe { conference, participant, epoch, .. } => {
            let is_there = state.conferences.get(&conference).is_some_and(|there| there.contains_key(&participant));
            Some(if is_there {
                let answer = format!("v=0\r\nanswer {participant} {epoch} again\r\n");
                Event::Answered { conference, participant, epoch, answer }
            } else {
                Event::Refused { conference, participant, epoch, because: RefusedBecause::Unknown }
            })
        }
        Command::Leave { conference, participant } => {
            if let Some(there) = state.conferences.get_mut(&conference) {
                there.remove(&participant);
            }
            None
        }
        Command::Close { conference } => {
            state.conferences.remove(&conference);
            None
        }
        Command::Ask { conference } => {
            let summary = state.conferences.get(&conference).map(|there| Summary {
                participants: there.iter().map(|(who, (epoch, is_up))| (*who, *epoch, *is_up)).collect(),
            });
            Some(Event::Summary { conference, summary })
        }
        Command::Allow { .. } | Command::Receive { .. } | Command::Spotlight { .. } | Command::Hold { .. } => None,
    };
    if state.lost_answers > 0 {
        state.lost_answers -= 1;
        return Vec::new();
    }
    drop(state);
    asked.answer(answer.as_ref());
    news
}
