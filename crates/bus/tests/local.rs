//! The bus in one process keeps the promises of the suite.

use centrale_bus::{
    Subject, open,
    suite::{Pair, promises},
};

#[tokio::test(flavor = "multi_thread")]
async fn the_bus_in_one_process_keeps_every_promise() {
    for promise in promises() {
        println!("{}", promise.name);
        let here = open(None).await.expect("opens");
        (promise.keep)(Pair { there: here.clone(), here }).await;
    }
}

#[tokio::test]
async fn the_end_of_the_bus_ends_its_subscriptions() {
    let bus = open(None).await.expect("opens");
    let subject = Subject::parse("a").expect("a subject");
    let mut ear = bus.subscribe(&subject).await.expect("subscribes");
    let mut questions = bus.serve(&subject).await.expect("serves");
    drop(bus);
    assert_eq!(ear.next().await, None);
    assert!(questions.next().await.is_none());
}
