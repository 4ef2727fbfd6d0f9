//! The promises of a bus, as one list that is run against every implementation.
//!
//! A test opens two handles for each promise and calls [`Promise::keep`]; a promise that is not kept panics.

use std::{sync::Arc, time::Duration};

use bytes::Bytes;
use futures_util::{FutureExt, future::BoxFuture, future::join_all};
use tokio::time::{Instant, timeout};

use crate::{BODY_LIMIT, Bus, BusError, Delivery, QUEUE, Questions, Subject, Subscription};

/// Two handles on the same bus, as two nodes have; they may be the same handle.
#[derive(Clone)]
pub struct Pair {
    /// One node's handle.
    pub here: Arc<dyn Bus>,
    /// The other's.
    pub there: Arc<dyn Bus>,
}

/// One promise.
pub struct Promise {
    /// The promise as a sentence.
    pub name: &'static str,
    /// Checks it; other promises may be checked on the same server at the same time.
    pub keep: fn(Pair) -> BoxFuture<'static, ()>,
}

macro_rules! promises {
    ($($name:ident),* $(,)?) => {
        /// Gives all promises.
        pub fn promises() -> Vec<Promise> {
            vec![$(Promise { name: stringify!($name), keep: |pair| $name(pair).boxed() }),*]
        }
    };
}

promises![
    a_message_reaches_every_subscription_of_its_subject_once,
    a_subscription_hears_what_is_published_after_it_was_made,
    messages_of_one_publisher_keep_their_order,
    nobody_listening_is_not_an_error,
    a_dropped_subscription_hears_nothing_and_harms_nobody,
    a_slow_subscriber_is_told_what_it_lost_and_goes_on,
    a_wait_that_is_given_up_loses_nothing,
    a_question_is_answered_by_the_other_node,
    each_question_reaches_one_of_many_who_serve,
    a_question_nobody_serves_fails_at_once,
    a_question_without_answer_fails_at_its_limit,
    a_question_let_fall_fails_at_once,
    who_stopped_serving_is_asked_no_more,
    questions_beyond_the_queue_fail_and_the_others_are_answered,
    a_body_up_to_the_limit_passes_and_a_larger_one_is_refused,
];

/// Long enough for anything that is going to come.
const SOON: Duration = Duration::from_secs(10);

/// Long enough to believe that nothing comes.
const QUIET: Duration = Duration::from_millis(100);

async fn a_message_reaches_every_subscription_of_its_subject_once(pair: Pair) {
    let (subject, other) = (subject("each"), subject("each-other"));
    let mut ears = [
        pair.here.subscribe(&subject).await.expect("subscribes"),
        pair.here.subscribe(&subject).await.expect("subscribes"),
        pair.there.subscribe(&subject).await.expect("subscribes"),
    ];
    let mut elsewhere = pair.there.subscribe(&other).await.expect("subscribes");
    pair.here.publish(&subject, "one".into()).await.expect("publishes");
    for ear in &mut ears {
        assert_eq!(hear(ear).await, message("one"));
        assert_eq!(timeout(QUIET, ear.next()).await.ok(), None, "only once");
    }
    assert_eq!(timeout(QUIET, elsewhere.next()).await.ok(), None, "only that subject");
}

async fn a_subscription_hears_what_is_published_after_it_was_made(pair: Pair) {
    // From the other node, so that the two do not share a connection that would keep them in order.
    for round in 0..50 {
        let subject = Subject::of(&["suite", "after", &round.to_string()]).expect("short");
        let mut ear = pair.there.subscribe(&subject).await.expect("subscribes");
        pair.here.publish(&subject, Bytes::new()).await.expect("publishes");
        assert_eq!(hear(&mut ear).await, message(""));
    }
}

async fn messages_of_one_publisher_keep_their_order(pair: Pair) {
    let subject = subject("order");
    let mut ear = pair.there.subscribe(&subject).await.expect("subscribes");
    for start in (0..4 * QUEUE).step_by(QUEUE / 2) {
        for number in start..start + QUEUE / 2 {
            pair.here.publish(&subject, number.to_string().into()).await.expect("publishes");
        }
        for number in start..start + QUEUE / 2 {
            assert_eq!(hear(&mut ear).await, message(&number.to_string()));
        }
    }
}

async fn nobody_listening_is_not_an_error(pair: Pair) {
    assert_eq!(pair.here.publish(&subject("nobody"), "x".into()).await, Ok(()));
}

async fn a_dropped_subscription_hears_nothing_and_harms_nobody(pair: Pair) {
    let subject = subject("dropped");
    let mut stays = pair.here.subscribe(&subject).await.expect("subscribes");
    for _ in 0..100 {
        drop(pair.here.subscribe(&subject).await.expect("subscribes"));
    }
    pair.there.publish(&subject, "x".into()).await.expect("publishes");
    assert_eq!(hear(&mut stays).await, message("x"));
    assert_eq!(timeout(QUIET, stays.next()).await.ok(), None);
}

async fn a_slow_subscriber_is_told_what_it_lost_and_goes_on(pair: Pair) {
    let (subject, beside) = (subject("slow"), subject("beside"));
    let mut slow = pair.there.subscribe(&subject).await.expect("subscribes");
    let mut witness = pair.there.subscribe(&beside).await.expect("subscribes");
    let sent = 3 * QUEUE;
    for number in 0..sent {
        pair.here.publish(&subject, number.to_string().into()).await.expect("publishes");
    }
    // What was published before this has arrived when this has.
    pair.here.publish(&beside, "done".into()).await.expect("publishes");
    assert_eq!(hear(&mut witness).await, message("done"));
    tokio::time::sleep(QUIET).await;

    let (mut expected, mut lost) = (0u64, 0);
    while expected < sent as u64 {
        match hear(&mut slow).await {
            Delivery::Message(body) => {
                assert_eq!(body, expected.to_string(), "after {lost} lost");
                expected += 1;
            }
            Delivery::Lagged(count) => {
                assert!(count > 0);
                expected += count;
                lost += count;
            }
        }
    }
    assert_eq!(expected, sent as u64, "every message was heard or told as lost");
    assert!(lost > 0 && lost <= (sent - QUEUE) as u64, "{lost} lost of {sent}");
    pair.here.publish(&subject, "again".into()).await.expect("publishes");
    assert_eq!(hear(&mut slow).await, message("again"));
}

async fn a_wait_that_is_given_up_loses_nothing(pair: Pair) {
    let subject = subject("given-up");
    let mut ear = pair.there.subscribe(&subject).await.expect("subscribes");
    for number in 0..200 {
        let _ = timeout(Duration::from_micros(number), ear.next()).await.map(|heard| panic!("{heard:?} came early"));
        pair.here.publish(&subject, number.to_string().into()).await.expect("publishes");
        let heard = loop {
            match timeout(Duration::from_micros(number), ear.next()).await {
                Ok(heard) => break heard,
                Err(_) => tokio::task::yield_now().await,
            }
        };
        assert_eq!(heard, Some(message(&number.to_string())));
    }
}

async fn a_question_is_answered_by_the_other_node(pair: Pair) {
    let subject = subject("answered");
    let serving = echo(pair.there.serve(&subject).await.expect("serves"), "there");
    let questions = (0..200).map(|number| {
        let (here, subject) = (pair.here.clone(), subject.clone());
        async move {
            let answer = here.ask(&subject, number.to_string().into(), SOON).await;
            assert_eq!(answer, Ok(format!("there {number}").into()));
        }
    });
    join_all(questions).await;
    assert_eq!(pair.there.ask(&subject, "itself".into(), SOON).await, Ok("there itself".into()));
    serving.abort();
}

async fn each_question_reaches_one_of_many_who_serve(pair: Pair) {
    let subject = subject("many");
    let serving = [
        echo(pair.here.serve(&subject).await.expect("serves"), "one"),
        echo(pair.there.serve(&subject).await.expect("serves"), "two"),
        echo(pair.there.serve(&subject).await.expect("serves"), "three"),
    ];
    let mut answered = std::collections::BTreeSet::new();
    for _ in 0..200 {
        let answer = pair.here.ask(&subject, "q".into(), SOON).await.expect("an answer");
        answered.insert(answer);
    }
    assert_eq!(answered, ["one q", "three q", "two q"].map(Bytes::from).into(), "the work is shared");
    serving.iter().for_each(tokio::task::JoinHandle::abort);
}

async fn a_question_nobody_serves_fails_at_once(pair: Pair) {
    let subject = subject("no-one");
    let _listening_is_not_serving = pair.there.subscribe(&Subject::of(&["suite", "no-one-else"]).expect("short")).await;
    let start = Instant::now();
    assert_eq!(pair.here.ask(&subject, "q".into(), SOON).await, Err(BusError::NoOne));
    assert!(start.elapsed() < SOON / 2);
}

async fn a_question_without_answer_fails_at_its_limit(pair: Pair) {
    let subject = subject("silent");
    let mut questions = pair.there.serve(&subject).await.expect("serves");
    let limit = Duration::from_millis(150);
    let start = Instant::now();
    let (answer, question) = tokio::join!(pair.here.ask(&subject, "q".into(), limit), questions.next());
    assert_eq!(answer, Err(BusError::Timeout));
    assert!(start.elapsed() >= limit && start.elapsed() < SOON / 2);
    let question = question.expect("the question came");
    assert_eq!(question.reply.send("late".into()), Ok(()), "an answer that comes late harms nobody");
}

async fn a_question_let_fall_fails_at_once(pair: Pair) {
    let subject = subject("fallen");
    let mut questions = pair.there.serve(&subject).await.expect("serves");
    let start = Instant::now();
    let let_fall = async { drop(questions.next().await) };
    let (answer, ()) = tokio::join!(pair.here.ask(&subject, "q".into(), SOON), let_fall);
    assert_eq!(answer, Err(BusError::NoOne));
    // The same for a question that nobody had taken yet.
    let close = async {
        tokio::time::sleep(QUIET).await;
        drop(questions);
    };
    let (answer, ()) = tokio::join!(pair.here.ask(&subject, "q".into(), SOON), close);
    assert_eq!(answer, Err(BusError::NoOne));
    assert!(start.elapsed() < SOON / 2);
}

async fn who_stopped_serving_is_asked_no_more(pair: Pair) {
    let subject = subject("stopped");
    let stays = echo(pair.there.serve(&subject).await.expect("serves"), "stays");
    drop(pair.here.serve(&subject).await.expect("serves"));
    // The farewell travels; a question on its heels may still be told that nobody took it.
    tokio::time::sleep(QUIET).await;
    for _ in 0..50 {
        assert_eq!(pair.here.ask(&subject, "q".into(), SOON).await, Ok("stays q".into()));
    }
    stays.abort();
}

async fn questions_beyond_the_queue_fail_and_the_others_are_answered(pair: Pair) {
    let subject = subject("flood");
    let questions = pair.there.serve(&subject).await.expect("serves");
    let asked = (0..QUEUE + 300).map(|_| pair.here.ask(&subject, "q".into(), SOON));
    let serve_late = async {
        tokio::time::sleep(Duration::from_millis(500)).await;
        answer_all(questions, "late").await;
    };
    tokio::pin!(serve_late);
    let answers = tokio::select! {
        answers = join_all(asked) => answers,
        () = &mut serve_late => panic!("the bus goes on"),
    };
    let answered = answers.iter().filter(|answer| **answer == Ok("late q".into())).count();
    let refused = answers.iter().filter(|answer| **answer == Err(BusError::NoOne)).count();
    assert_eq!((answered, refused), (QUEUE, 300));
}

async fn a_body_up_to_the_limit_passes_and_a_larger_one_is_refused(pair: Pair) {
    let subject = subject("large");
    let largest = Bytes::from(vec![7; BODY_LIMIT]);
    let larger = Bytes::from(vec![7; BODY_LIMIT + 1]);
    let refused = BusError::TooLarge(BODY_LIMIT + 1);
    let mut ear = pair.there.subscribe(&subject).await.expect("subscribes");
    pair.here.publish(&subject, largest.clone()).await.expect("publishes");
    assert_eq!(hear(&mut ear).await, Delivery::Message(largest.clone()));
    assert_eq!(pair.here.publish(&subject, larger.clone()).await, Err(refused.clone()));
    drop(ear);

    let subject = Subject::of(&["suite", "large", "asked"]).expect("short");
    let mut questions = pair.there.serve(&subject).await.expect("serves");
    assert_eq!(pair.here.ask(&subject, larger.clone(), SOON).await, Err(refused.clone()));
    let answer = async { questions.next().await.expect("a question").reply.send(largest.clone()) };
    let (answer, sent) = tokio::join!(pair.here.ask(&subject, largest.clone(), SOON), answer);
    assert_eq!((answer, sent), (Ok(largest.clone()), Ok(())));
    let answer = async { questions.next().await.expect("a question").reply.send(larger) };
    let (answer, sent) = tokio::join!(pair.here.ask(&subject, largest, SOON), answer);
    assert_eq!((answer, sent), (Err(BusError::NoOne), Err(refused)));
}

fn subject(name: &str) -> Subject {
    Subject::of(&["suite", name]).expect("short")
}

fn message(text: &str) -> Delivery {
    Delivery::Message(Bytes::copy_from_slice(text.as_bytes()))
}

async fn hear(ear: &mut Subscription) -> Delivery {
    timeout(SOON, ear.next()).await.expect("something is heard in time").expect("the bus goes on")
}

/// Answers every question with a name and the question, in a task.
fn echo(questions: Questions, name: &'static str) -> tokio::task::JoinHandle<()> {
    tokio::spawn(answer_all(questions, name))
}

async fn answer_all(mut questions: Questions, name: &'static str) {
    while let Some(question) = questions.next().await {
        let body = format!("{name} {}", String::from_utf8_lossy(&question.body));
        question.reply.send(body.into()).expect("short");
    }
}
