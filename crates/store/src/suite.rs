//! The promises of a store, as one list that is run against every engine.
//!
//! A test opens an empty store for each promise and calls [`Promise::keep`]; a promise that is not kept panics.

use std::{sync::Arc, time::Duration};

use bytes::Bytes;
use futures_util::{FutureExt, future::BoxFuture, future::join_all};

use crate::{Access, Migration, Row, Store, StoreError, Value, migrate, transact};

/// Two handles on the same empty place, as two nodes have; they may be the same handle.
#[derive(Clone)]
pub struct Pair {
    /// One node's handle.
    pub here: Arc<dyn Store>,
    /// The other's.
    pub there: Arc<dyn Store>,
    /// Whether a reader and a writer can be at work at the same time.
    pub is_parallel: bool,
}

/// One promise.
pub struct Promise {
    /// The promise as a sentence.
    pub name: &'static str,
    /// Checks it on an empty store.
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
    every_value_comes_back_as_it_went_in,
    null_fits_every_column_before_and_after_other_values,
    a_committed_unit_is_seen_by_the_other_node,
    a_dropped_unit_is_undone,
    a_panicking_unit_is_undone,
    a_cancelled_unit_is_undone_and_its_connection_works_on,
    a_reading_unit_cannot_write,
    a_reading_unit_sees_one_moment,
    readers_do_not_wait_for_a_writer,
    a_failed_statement_breaks_its_unit,
    a_row_that_exists_is_a_conflict,
    a_missing_parent_is_a_conflict,
    on_conflict_and_returning_work,
    counts_and_sums_are_numbers,
    what_is_wrong_is_a_bug,
    no_increment_is_lost_between_nodes,
    units_behave_as_if_one_after_another,
    transact_tells_other_errors_at_once_and_keeps_nothing,
    migrations_are_applied_once_even_by_two_nodes_at_once,
    a_failing_migration_changes_nothing,
    an_edited_or_newer_schema_is_refused,
];

async fn every_value_comes_back_as_it_went_in(pair: Pair) {
    shape(&pair, "CREATE TABLE kept (id TEXT PRIMARY KEY, number BIGINT, bytes BLOB)").await;
    let long = "é\u{1F600}'; DROP TABLE kept; --\n".repeat(5000);
    let cases: [(&str, i64, Vec<u8>); 4] = [
        ("", 0, vec![]),
        ("plain", i64::MAX, vec![0, 255, 0]),
        ("$1 %s \\ \"", i64::MIN, vec![7; 300_000]),
        (&long, -1, (0..=255).collect()),
    ];
    for (text, number, bytes) in &cases {
        put(
            &pair,
            "INSERT INTO kept (id, number, bytes) VALUES ($1, $2, $3)",
            &[(*text).into(), (*number).into(), bytes.clone().into()],
        )
        .await;
        let rows = look(&pair, "SELECT id, number, bytes FROM kept WHERE id = $1", &[(*text).into()]).await;
        assert_eq!(rows.len(), 1);
        assert_eq!(rows[0].text(0).expect("text"), *text);
        assert_eq!(rows[0].int(1).expect("number"), *number);
        assert_eq!(rows[0].blob(2).expect("bytes"), Bytes::from(bytes.clone()));
    }
    let rows = look(&pair, "SELECT number FROM kept ORDER BY number LIMIT $1", &[2.into()]).await;
    assert_eq!(rows.iter().map(|row| row.int(0).expect("number")).collect::<Vec<_>>(), [i64::MIN, -1]);
}

async fn null_fits_every_column_before_and_after_other_values(pair: Pair) {
    shape(&pair, "CREATE TABLE kept (id TEXT PRIMARY KEY, text TEXT, number BIGINT, bytes BLOB)").await;
    let insert = "INSERT INTO kept (id, text, number, bytes) VALUES ($1, $2, $3, $4)";
    let nulls = [Value::Null, Value::Null, Value::Null];
    let values = [Value::from("t"), Value::from(5), Value::from(vec![1u8])];
    for (id, rest) in [("1", &nulls), ("2", &values), ("3", &nulls)] {
        let args: Vec<Value> = [id.into()].into_iter().chain(rest.iter().cloned()).collect();
        put(&pair, insert, &args).await;
        let rows = look(&pair, "SELECT text, number, bytes FROM kept WHERE id = $1", &[id.into()]).await;
        assert_eq!(rows[0].values(), rest);
    }
    let update = "UPDATE kept SET text = COALESCE($1, text), number = $2 WHERE id = $3 AND (CAST($4 AS TEXT) IS NULL OR text = $4)";
    put(&pair, update, &[Value::Null, 9.into(), "2".into(), "t".into()]).await;
    put(&pair, update, &["u".into(), Value::Null, "3".into(), Value::Null]).await;
    let rows = look(&pair, "SELECT text, number FROM kept WHERE id <> $1 ORDER BY id", &["1".into()]).await;
    assert_eq!(rows[0].values(), ["t".into(), 9.into()]);
    assert_eq!(rows[1].values(), ["u".into(), Value::Null]);
}

async fn a_committed_unit_is_seen_by_the_other_node(pair: Pair) {
    shape(&pair, "CREATE TABLE kept (id TEXT PRIMARY KEY)").await;
    let mut tx = pair.here.begin(Access::Write).await.expect("begin");
    assert_eq!(tx.execute("INSERT INTO kept (id) VALUES ($1), ($2)", &["a".into(), "b".into()]).await, Ok(2));
    tx.commit().await.expect("commit");
    assert_eq!(pair.there.read("SELECT id FROM kept ORDER BY id", &[]).await.expect("read").len(), 2);
}

async fn a_dropped_unit_is_undone(pair: Pair) {
    shape(&pair, "CREATE TABLE kept (id TEXT PRIMARY KEY)").await;
    for _ in 0..40 {
        let mut tx = pair.here.begin(Access::Write).await.expect("begin");
        tx.execute("INSERT INTO kept (id) VALUES ($1)", &["a".into()]).await.expect("insert");
        assert_eq!(tx.query("SELECT id FROM kept", &[]).await.expect("a unit sees its own work").len(), 1);
        drop(tx);
    }
    assert_eq!(look(&pair, "SELECT id FROM kept", &[]).await, []);
}

async fn a_panicking_unit_is_undone(pair: Pair) {
    shape(&pair, "CREATE TABLE kept (id TEXT PRIMARY KEY)").await;
    put(&pair, "INSERT INTO kept (id) VALUES ($1)", &["a".into()]).await;
    let store = pair.here.clone();
    let panicking = tokio::spawn(async move {
        let mut tx = store.begin(Access::Write).await.expect("begin");
        tx.execute("DELETE FROM kept", &[]).await.expect("delete");
        panic!("this panic belongs to the test");
    });
    assert!(panicking.await.is_err());
    assert_eq!(look(&pair, "SELECT id FROM kept", &[]).await.len(), 1);
}

async fn a_cancelled_unit_is_undone_and_its_connection_works_on(pair: Pair) {
    shape(&pair, "CREATE TABLE kept (id BIGINT PRIMARY KEY)").await;
    for micros in (0..3000).step_by(60) {
        let store = pair.here.clone();
        let work = async move {
            let mut tx = store.begin(Access::Write).await?;
            for id in 0..1000i64 {
                tx.execute("INSERT INTO kept (id) VALUES ($1)", &[id.into()]).await?;
                tx.query("SELECT id FROM kept ORDER BY id", &[]).await?;
            }
            Ok::<_, StoreError>(())
        };
        let cut = tokio::time::timeout(Duration::from_micros(micros), work).await;
        assert!(cut.is_err(), "the work takes longer than its cut");
    }
    put(&pair, "INSERT INTO kept (id) VALUES ($1)", &[(-1).into()]).await;
    let rows = look(&pair, "SELECT id FROM kept", &[]).await;
    assert_eq!(rows, [Row::new(vec![(-1).into()])]);
}

async fn a_reading_unit_cannot_write(pair: Pair) {
    shape(&pair, "CREATE TABLE kept (id TEXT PRIMARY KEY)").await;
    let mut tx = pair.here.begin(Access::Read).await.expect("begin");
    let refused = tx.execute("INSERT INTO kept (id) VALUES ($1)", &["a".into()]).await;
    assert!(matches!(refused, Err(StoreError::Bug(_))), "{refused:?}");
    drop(tx);
    let refused = pair.here.read("INSERT INTO kept (id) VALUES ($1) RETURNING id", &["a".into()]).await;
    assert!(matches!(refused, Err(StoreError::Bug(_))), "{refused:?}");
    put(&pair, "INSERT INTO kept (id) VALUES ($1)", &["b".into()]).await;
    assert_eq!(look(&pair, "SELECT id FROM kept", &[]).await.len(), 1);
}

async fn a_reading_unit_sees_one_moment(pair: Pair) {
    if !pair.is_parallel {
        return;
    }
    shape(&pair, "CREATE TABLE kept (id BIGINT PRIMARY KEY)").await;
    let mut tx = pair.here.begin(Access::Read).await.expect("begin");
    assert_eq!(tx.query("SELECT id FROM kept", &[]).await.expect("read").len(), 0);
    put(&Pair { here: pair.there.clone(), ..pair.clone() }, "INSERT INTO kept (id) VALUES ($1)", &[1.into()]).await;
    assert_eq!(tx.query("SELECT id FROM kept", &[]).await.expect("read").len(), 0);
    drop(tx);
    assert_eq!(look(&pair, "SELECT id FROM kept", &[]).await.len(), 1);
}

async fn readers_do_not_wait_for_a_writer(pair: Pair) {
    if !pair.is_parallel {
        return;
    }
    shape(&pair, "CREATE TABLE kept (id BIGINT PRIMARY KEY)").await;
    let mut tx = pair.here.begin(Access::Write).await.expect("begin");
    tx.execute("INSERT INTO kept (id) VALUES ($1)", &[1.into()]).await.expect("insert");
    for store in [&pair.here, &pair.there] {
        let read = tokio::time::timeout(Duration::from_secs(2), store.read("SELECT id FROM kept", &[])).await;
        assert_eq!(read.expect("in time"), Ok(vec![]));
    }
    tx.commit().await.expect("commit");
    assert_eq!(look(&pair, "SELECT id FROM kept", &[]).await.len(), 1);
}

async fn a_failed_statement_breaks_its_unit(pair: Pair) {
    shape(&pair, "CREATE TABLE kept (id TEXT PRIMARY KEY)").await;
    let mut tx = pair.here.begin(Access::Write).await.expect("begin");
    tx.execute("INSERT INTO kept (id) VALUES ($1)", &["a".into()]).await.expect("insert");
    tx.execute("INSERT INTO nowhere (id) VALUES ($1)", &["a".into()]).await.expect_err("no such table");
    assert!(matches!(tx.query("SELECT id FROM kept", &[]).await, Err(StoreError::Bug(_))));
    assert!(matches!(tx.execute("DELETE FROM kept", &[]).await, Err(StoreError::Bug(_))));
    assert!(matches!(tx.commit().await, Err(StoreError::Bug(_))));
    assert_eq!(look(&pair, "SELECT id FROM kept", &[]).await, []);
}

async fn a_row_that_exists_is_a_conflict(pair: Pair) {
    shape(&pair, "CREATE TABLE kept (id TEXT PRIMARY KEY, name TEXT UNIQUE)").await;
    put(&pair, "INSERT INTO kept (id, name) VALUES ($1, $2)", &["a".into(), "n".into()]).await;
    for (id, name) in [("a", "m"), ("b", "n")] {
        let mut tx = pair.here.begin(Access::Write).await.expect("begin");
        let refused = tx.execute("INSERT INTO kept (id, name) VALUES ($1, $2)", &[id.into(), name.into()]).await;
        assert!(matches!(refused, Err(StoreError::Conflict(_))), "{refused:?}");
    }
}

async fn a_missing_parent_is_a_conflict(pair: Pair) {
    shape(&pair, "CREATE TABLE parent (id TEXT PRIMARY KEY)").await;
    shape(
        &pair,
        "CREATE TABLE child (id TEXT PRIMARY KEY, parent TEXT NOT NULL REFERENCES parent (id) ON DELETE CASCADE)",
    )
    .await;
    let mut tx = pair.here.begin(Access::Write).await.expect("begin");
    let refused = tx.execute("INSERT INTO child (id, parent) VALUES ($1, $2)", &["c".into(), "none".into()]).await;
    assert!(matches!(refused, Err(StoreError::Conflict(_))), "{refused:?}");
    drop(tx);
    put(&pair, "INSERT INTO parent (id) VALUES ($1)", &["p".into()]).await;
    put(&pair, "INSERT INTO child (id, parent) VALUES ($1, $2)", &["c".into(), "p".into()]).await;
    put(&pair, "DELETE FROM parent WHERE id = $1", &["p".into()]).await;
    assert_eq!(look(&pair, "SELECT id FROM child", &[]).await, []);
}

async fn on_conflict_and_returning_work(pair: Pair) {
    shape(&pair, "CREATE TABLE kept (id TEXT PRIMARY KEY, number BIGINT NOT NULL)").await;
    let count = "INSERT INTO kept (id, number) VALUES ($1, $2) ON CONFLICT (id) DO UPDATE SET number = kept.number + excluded.number RETURNING number";
    let mut tx = pair.here.begin(Access::Write).await.expect("begin");
    for expected in [5, 10, 15] {
        assert_eq!(tx.query(count, &["a".into(), 5.into()]).await.expect("upsert")[0].int(0), Ok(expected));
    }
    let once = "INSERT INTO kept (id, number) VALUES ($1, $2) ON CONFLICT (id) DO NOTHING";
    assert_eq!(tx.execute(once, &["a".into(), 1.into()]).await, Ok(0));
    assert_eq!(tx.execute(once, &["b".into(), 1.into()]).await, Ok(1));
    assert_eq!(tx.execute("UPDATE kept SET number = number WHERE id = $1", &["none".into()]).await, Ok(0));
    let gone = tx.query("DELETE FROM kept WHERE number > $1 RETURNING id", &[1.into()]).await.expect("delete");
    assert_eq!(gone[0].text(0), Ok("a"));
    tx.commit().await.expect("commit");
}

async fn counts_and_sums_are_numbers(pair: Pair) {
    shape(&pair, "CREATE TABLE kept (number BIGINT)").await;
    for number in [0i64, 9_999, 10_000, 123_456_789_012, -5] {
        put(&pair, "INSERT INTO kept (number) VALUES ($1)", &[number.into()]).await;
    }
    let total = "SELECT COUNT(*), SUM(number), MAX(number), COALESCE(SUM(number), 0) FROM kept WHERE number >= $1";
    let rows = look(&pair, total, &[0.into()]).await;
    let sum = 123_456_809_011i64;
    assert_eq!(rows[0].values(), [4.into(), sum.into(), 123_456_789_012i64.into(), sum.into()]);
    let rows = look(&pair, total, &[i64::MAX.into()]).await;
    assert_eq!(rows[0].values(), [0.into(), Value::Null, Value::Null, 0.into()]);
    let rows = look(&pair, "SELECT SUM(number) FROM kept WHERE number < $1", &[0.into()]).await;
    assert_eq!(rows[0].int(0), Ok(-5));
    let rows = look(&pair, "SELECT SUM(number) FROM kept WHERE number = $1", &[10_000.into()]).await;
    assert_eq!(rows[0].int(0), Ok(10_000));
}

async fn what_is_wrong_is_a_bug(pair: Pair) {
    shape(&pair, "CREATE TABLE kept (id TEXT PRIMARY KEY, must TEXT NOT NULL)").await;
    let wrong: [(&str, Vec<Value>); 4] = [
        ("SELEC id FROM kept", vec![]),
        ("SELECT id FROM nowhere", vec![]),
        ("SELECT id FROM kept WHERE id = $1", vec!["a\0b".into()]),
        ("INSERT INTO kept (id, must) VALUES ($1, $2)", vec!["a".into(), Value::Null]),
    ];
    for (sql, args) in wrong {
        let mut tx = pair.here.begin(Access::Write).await.expect("begin");
        let refused = tx.query(sql, &args).await;
        assert!(matches!(refused, Err(StoreError::Bug(_))), "{sql}: {refused:?}");
    }
}

async fn no_increment_is_lost_between_nodes(pair: Pair) {
    shape(&pair, "CREATE TABLE kept (id TEXT PRIMARY KEY, number BIGINT NOT NULL)").await;
    put(&pair, "INSERT INTO kept (id, number) VALUES ($1, $2)", &["a".into(), 0.into()]).await;
    let work = (0..6).map(|index| {
        let store = if index % 2 == 0 { pair.here.clone() } else { pair.there.clone() };
        tokio::spawn(async move {
            let mut kept = 0;
            for _ in 0..10 {
                // Reading first and writing what was read plus one is what loses increments on a weaker engine.
                let done: Result<(), StoreError> = transact!(store, |tx| {
                    let rows = tx.query("SELECT number FROM kept WHERE id = $1", &["a".into()]).await?;
                    let number = rows[0].int(0)?;
                    tx.execute("UPDATE kept SET number = $1 WHERE id = $2", &[(number + 1).into(), "a".into()]).await?;
                    Ok(())
                });
                match done {
                    Ok(()) => kept += 1,
                    Err(error) => assert!(error.is_conflict(), "{error}"),
                }
            }
            kept
        })
    });
    let kept: i64 = join_all(work).await.into_iter().map(|done| done.expect("no panic")).sum();
    assert!(kept > 0);
    assert_eq!(look(&pair, "SELECT number FROM kept", &[]).await[0].int(0), Ok(kept));
}

async fn units_behave_as_if_one_after_another(pair: Pair) {
    shape(&pair, "CREATE TABLE kept (id TEXT PRIMARY KEY, is_on_duty BIGINT NOT NULL)").await;
    for id in ["a", "b"] {
        put(&pair, "INSERT INTO kept (id, is_on_duty) VALUES ($1, $2)", &[id.into(), true.into()]).await;
    }
    // Each may leave only while the other is on duty; both look first, then both leave: one must not be allowed to.
    let leave = |store: Arc<dyn Store>, id: &'static str| async move {
        transact!(store, |tx| {
            let rows = tx.query("SELECT id FROM kept WHERE is_on_duty = $1", &[true.into()]).await?;
            tokio::time::sleep(Duration::from_millis(20)).await;
            if rows.len() > 1 {
                tx.execute("UPDATE kept SET is_on_duty = $1 WHERE id = $2", &[false.into(), id.into()]).await?;
            }
            Ok::<_, StoreError>(())
        })
    };
    let (one, other) = tokio::join!(leave(pair.here.clone(), "a"), leave(pair.there.clone(), "b"));
    one.expect("one leaves or stays");
    other.expect("the other leaves or stays");
    assert_eq!(look(&pair, "SELECT id FROM kept WHERE is_on_duty = $1", &[true.into()]).await.len(), 1);
}

async fn transact_tells_other_errors_at_once_and_keeps_nothing(pair: Pair) {
    shape(&pair, "CREATE TABLE kept (id TEXT PRIMARY KEY)").await;
    let mut runs = 0;
    let done: Result<(), StoreError> = transact!(pair.here, |tx| {
        runs += 1;
        tx.execute("INSERT INTO kept (id) VALUES ($1)", &["a".into()]).await?;
        Err(StoreError::Bug("of the test".into()))
    });
    assert_eq!(done, Err(StoreError::Bug("of the test".into())));
    assert_eq!(runs, 1);
    assert_eq!(look(&pair, "SELECT id FROM kept", &[]).await, []);
    let mut runs = 0;
    let done: Result<i32, StoreError> = transact!(pair.here, |tx| {
        runs += 1;
        tx.execute("INSERT INTO kept (id) VALUES ($1)", &["a".into()]).await?;
        if runs < 3 { Err(StoreError::Conflict("of the test".into())) } else { Ok(runs) }
    });
    assert_eq!(done, Ok(3));
    assert_eq!(look(&pair, "SELECT id FROM kept", &[]).await.len(), 1);
}

const FIRST: Migration = Migration {
    number: 1,
    name: "first",
    sql: "-- one; two\nCREATE TABLE things (id TEXT PRIMARY KEY, bytes BLOB);\nCREATE INDEX things_bytes ON things (bytes);\nINSERT INTO things (id) VALUES ('a;b');",
};
const SECOND: Migration = Migration { number: 2, name: "second", sql: "ALTER TABLE things ADD COLUMN more BLOB" };

async fn migrations_are_applied_once_even_by_two_nodes_at_once(pair: Pair) {
    let steps = [FIRST, SECOND];
    let nodes = (0..4).map(|index| {
        let store = if index % 2 == 0 { pair.here.clone() } else { pair.there.clone() };
        async move { migrate(&*store, &steps).await }
    });
    for done in join_all(nodes).await {
        assert_eq!(done, Ok(()));
    }
    assert_eq!(migrate(&*pair.here, &steps).await, Ok(()));
    let rows = look(&pair, "SELECT id, bytes, more FROM things", &[]).await;
    assert_eq!(rows, [Row::new(vec!["a;b".into(), Value::Null, Value::Null])]);
    put(&pair, "UPDATE things SET more = $1", &[vec![1u8].into()]).await;
}

async fn a_failing_migration_changes_nothing(pair: Pair) {
    migrate(&*pair.here, &[FIRST]).await.expect("the first");
    let wrong = Migration { number: 2, name: "wrong", sql: "DELETE FROM things; CREATE TABLE things (id TEXT)" };
    let refused = migrate(&*pair.here, &[FIRST, wrong]).await;
    assert!(matches!(&refused, Err(StoreError::Bug(why)) if why.contains("migration 2 (wrong)")), "{refused:?}");
    assert_eq!(look(&pair, "SELECT id FROM things", &[]).await.len(), 1);
    assert_eq!(migrate(&*pair.here, &[FIRST, SECOND]).await, Ok(()));
    let gap = migrate(&*pair.here, &[FIRST, Migration { number: 3, ..SECOND }]).await;
    assert!(matches!(gap, Err(StoreError::Bug(_))));
}

async fn an_edited_or_newer_schema_is_refused(pair: Pair) {
    migrate(&*pair.here, &[FIRST, SECOND]).await.expect("both");
    let newer = migrate(&*pair.there, &[FIRST]).await;
    assert!(matches!(&newer, Err(StoreError::Schema(why)) if why.contains("migration 2 (second)")), "{newer:?}");
    let edited = Migration { sql: "CREATE TABLE other (id TEXT)", ..FIRST };
    let edited = migrate(&*pair.there, &[edited, SECOND]).await;
    assert!(matches!(&edited, Err(StoreError::Schema(why)) if why.contains("migration 1 (first)")), "{edited:?}");
}

async fn shape(pair: &Pair, sql: &str) {
    put(pair, sql, &[]).await;
}

async fn put(pair: &Pair, sql: &str, args: &[Value]) {
    let mut tx = pair.here.begin(Access::Write).await.expect("begin");
    tx.execute(sql, args).await.expect("execute");
    tx.commit().await.expect("commit");
}

async fn look(pair: &Pair, sql: &str, args: &[Value]) -> Vec<Row> {
    pair.here.read(sql, args).await.expect("read")
}
