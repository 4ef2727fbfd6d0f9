use centrale_store::*;
#[tokio::test]
async fn smoke() {
    let store = open(":memory:").await.expect("open");
    migrate(&*store, &[Migration { number: 1, name: "a", sql: "CREATE TABLE a (id TEXT PRIMARY KEY, n BIGINT, b BLOB); CREATE INDEX a_n ON a (n)" }]).await.expect("migrate");
    let s2 = store.clone();
    tokio::spawn(async move {
        let id = String::from("x");
        transact!(s2, |tx| { tx.execute("INSERT INTO a (id, n) VALUES ($1, $2)", &[(&id).into(), Value::Null]).await?; Ok::<_, StoreError>(()) })
    }).await.expect("join").expect("write");
    let rows = store.read("SELECT id, n, b FROM a WHERE id = $1", &["x".into()]).await.expect("read");
    assert_eq!(rows[0].text(0), Ok("x"));
}
