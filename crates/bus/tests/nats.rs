//! NATS keeps the promises of the suite, also when its server is replaced.
//!
//! Each test starts a server of its own on a free port of the loopback.

use std::time::{Duration, Instant};

use centrale_bus::{
    BusError, Delivery, Subject, open,
    suite::{Pair, promises},
    testing::Server,
};
use tokio::time::{sleep, timeout};

#[tokio::test(flavor = "multi_thread")]
async fn nats_keeps_every_promise() {
    let server = Server::start("suite", "");
    for promise in promises() {
        println!("{}", promise.name);
        let here = open(Some(&server.address())).await.expect("opens");
        let there = open(Some(&server.address())).await.expect("opens again");
        (promise.keep)(Pair { here, there }).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_dies_is_unavailable_and_its_return_is_noticed_and_told() {
    let mut server = Server::start("restart", "");
    let here = open(Some(&server.address())).await.expect("opens");
    let there = open(Some(&server.address())).await.expect("opens");
    let subject = Subject::parse("kept.subject").expect("a subject");
    let mut ear = there.subscribe(&subject).await.expect("subscribes");
    let mut questions = there.serve(&subject).await.expect("serves");
    here.publish(&subject, "before".into()).await.expect("publishes");
    assert_eq!(ear.next().await, Some(Delivery::Message("before".into())));

    server.kill();
    sleep(Duration::from_millis(200)).await;
    let start = Instant::now();
    let limit = Duration::from_millis(500);
    assert!(matches!(here.publish(&subject, "lost".into()).await, Err(BusError::Unavailable(_))));
    assert!(matches!(here.ask(&subject, "lost".into(), limit).await, Err(BusError::Unavailable(_))));
    assert!(matches!(here.subscribe(&subject).await, Err(BusError::Unavailable(_))));
    assert!(matches!(here.serve(&subject).await, Err(BusError::Unavailable(_))));
    assert!(start.elapsed() < Duration::from_secs(5), "nothing hangs");

    server.run();
    let told = timeout(Duration::from_secs(20), ear.next()).await.expect("told of the break");
    assert!(matches!(told, Some(Delivery::Lagged(1..))), "{told:?}");
    let end = Instant::now() + Duration::from_secs(20);
    while let Err(error) = here.publish(&subject, "after".into()).await {
        assert!(Instant::now() < end, "{error}");
        sleep(Duration::from_millis(20)).await;
    }
    let heard = timeout(Duration::from_secs(5), ear.next()).await.expect("heard again");
    assert_eq!(heard, Some(Delivery::Message("after".into())));
    let answer = async { questions.next().await.expect("a question").reply.send("answer".into()) };
    let (answer, sent) = tokio::join!(here.ask(&subject, "q".into(), Duration::from_secs(5)), answer);
    assert_eq!((answer, sent), (Ok("answer".into()), Ok(())));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_with_a_smaller_limit_is_refused_with_a_sentence() {
    let server = Server::start("small", "max_payload: 1000\n");
    let Err(BusError::Unavailable(why)) = open(Some(&server.address())).await else { panic!("opened") };
    assert!(why.contains("max_payload"), "{why}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_is_not_there_or_wants_a_password_is_unavailable() {
    let server = Server::start("password", "authorization { user: u, password: \"se@ret\" }\n");
    open(Some(&server.address().replace("//", "//u:se%40ret@"))).await.expect("opens with the password");
    for address in [server.address(), "nats://127.0.0.1:1".into()] {
        let error = open(Some(&address)).await.err();
        assert!(matches!(error, Some(BusError::Unavailable(_))), "{error:?}");
    }
}
