//! PostgreSQL keeps the promises of the suite, also when its server dies.
//!
//! Each test starts a server of its own, in a temporary folder, on a local socket.

use std::time::{Duration, Instant};

use centrale_store::{
    Access, Limits, StoreError, open, open_with,
    suite::{Pair, promises},
    testing::Server,
};

#[tokio::test(flavor = "multi_thread")]
async fn postgresql_keeps_every_promise() {
    let server = Server::start("suite");
    for promise in promises() {
        println!("{}", promise.name);
        server.create(promise.name);
        let limits = || Limits { connections: 4, begin: Duration::from_secs(10) };
        let here = open_with(&server.address(promise.name), limits()).await.expect("opens");
        let there = open_with(&server.address(promise.name), limits()).await.expect("opens again");
        (promise.keep)(Pair { here, there, is_parallel: true }).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_dies_in_a_unit_is_unavailable_and_its_return_is_noticed() {
    let mut server = Server::start("death");
    let limits = Limits { connections: 3, begin: Duration::from_secs(2) };
    let store = open_with(&server.address("postgres"), limits).await.expect("opens");
    let mut tx = store.begin(Access::Write).await.expect("begins");
    tx.execute("CREATE TABLE kept (id TEXT PRIMARY KEY)", &[]).await.expect("creates");
    tx.commit().await.expect("commits");

    let mut tx = store.begin(Access::Write).await.expect("begins");
    let second = store.begin(Access::Write).await.expect("begins");
    drop(second);
    tx.execute("INSERT INTO kept (id) VALUES ($1)", &["half".into()]).await.expect("inserts");
    server.kill();
    let refused = tx.execute("INSERT INTO kept (id) VALUES ($1)", &["rest".into()]).await;
    assert!(matches!(refused, Err(StoreError::Unavailable(_))), "{refused:?}");
    drop(tx);
    let start = Instant::now();
    let refused = store.begin(Access::Write).await.err();
    assert!(matches!(refused, Some(StoreError::Unavailable(_))), "{refused:?}");
    let refused = store.read("SELECT id FROM kept", &[]).await.err();
    assert!(matches!(refused, Some(StoreError::Unavailable(_))), "{refused:?}");
    assert!(start.elapsed() < Duration::from_secs(6), "told within the limits");

    server.run();
    assert_eq!(store.read("SELECT id FROM kept", &[]).await, Ok(vec![]), "the half unit is undone");

    // Connections that rested while the server was replaced are replaced, and nobody is told.
    let together =
        (store.begin(Access::Read).await.expect("begins"), store.begin(Access::Write).await.expect("begins"));
    drop(together);
    server.kill();
    server.run();
    for _ in 0..5 {
        let mut tx = store.begin(Access::Write).await.expect("begins after a restart");
        tx.execute("INSERT INTO kept (id) VALUES ($1)", &["a".into()]).await.expect("inserts");
    }
    drop(server);
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_finds_every_connection_taken_is_told_when_the_wait_is_over() {
    let server = Server::start("full");
    let limits = Limits { connections: 2, begin: Duration::from_millis(200) };
    let store = open_with(&server.address("postgres"), limits).await.expect("opens");
    let held = (store.begin(Access::Read).await.expect("begins"), store.begin(Access::Write).await.expect("begins"));
    let start = Instant::now();
    assert!(matches!(store.begin(Access::Read).await, Err(StoreError::Unavailable(_))));
    assert!(start.elapsed() < Duration::from_secs(2));
    drop(held);
    store.begin(Access::Read).await.expect("begins after the others ended");
}

#[tokio::test]
async fn a_server_that_is_not_there_is_unavailable() {
    let refused = open("postgres://nobody@127.0.0.1:1/none").await.err();
    assert!(matches!(refused, Some(StoreError::Unavailable(_))), "{refused:?}");
}
