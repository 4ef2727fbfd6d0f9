//! SQLite keeps the promises of the suite, and a few of its own.

use std::{
    fs,
    io::{BufRead, BufReader},
    os::unix::fs::PermissionsExt,
    path::PathBuf,
    process::{Command, Stdio},
    time::{Duration, Instant},
};

use centrale_store::{
    Access, Limits, Migration, StoreError, migrate, open, open_with,
    suite::{Pair, promises},
};

const TWO_TABLES: Migration = Migration {
    number: 1,
    name: "two tables",
    sql: "CREATE TABLE a (n BIGINT PRIMARY KEY); CREATE TABLE b (n BIGINT PRIMARY KEY)",
};

#[tokio::test(flavor = "multi_thread")]
async fn a_file_keeps_every_promise() {
    let folder = Folder::new("suite");
    for promise in promises() {
        println!("{}", promise.name);
        let path = folder.file(promise.name);
        let here = open(&path).await.expect("opens");
        let there = open(&format!("sqlite:{path}")).await.expect("opens again");
        (promise.keep)(Pair { here, there, is_parallel: true }).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn memory_keeps_every_promise() {
    for promise in promises() {
        println!("{}", promise.name);
        let here = open(":memory:").await.expect("opens");
        (promise.keep)(Pair { there: here.clone(), here, is_parallel: false }).await;
    }
}

#[tokio::test]
async fn the_files_are_for_their_owner_only() {
    let folder = Folder::new("mode");
    let store = open(&folder.file("db")).await.expect("opens");
    migrate(&*store, &[TWO_TABLES]).await.expect("migrates");
    let mut seen = 0;
    for entry in fs::read_dir(&folder.0).expect("the folder is there") {
        let entry = entry.expect("the folder can be read");
        let mode = entry.metadata().expect("the file is there").permissions().mode() & 0o777;
        assert_eq!(mode, 0o600, "{:?}", entry.file_name());
        seen += 1;
    }
    assert!(seen >= 2, "the file and its log");
}

#[tokio::test]
async fn whoever_finds_every_connection_taken_is_told_when_the_wait_is_over() {
    let limits = Limits { connections: 2, begin: Duration::from_millis(50) };
    let folder = Folder::new("wait");
    let store = open_with(&folder.file("db"), limits).await.expect("opens");
    let first = store.begin(Access::Write).await.expect("begins");
    let start = Instant::now();
    assert!(matches!(store.begin(Access::Write).await, Err(StoreError::Unavailable(_))));
    assert!(start.elapsed() < Duration::from_secs(2));
    let readers = (store.begin(Access::Read).await.expect("begins"), store.begin(Access::Read).await.expect("begins"));
    assert!(matches!(store.begin(Access::Read).await, Err(StoreError::Unavailable(_))));
    drop((first, readers));
    store.begin(Access::Write).await.expect("begins after the first ended");
    store.begin(Access::Read).await.expect("begins after the readers ended");
}

#[tokio::test]
async fn what_is_no_database_is_refused_with_a_sentence() {
    let folder = Folder::new("wrong");
    let text = "this is a text and not a database, and long enough to be looked at as one ".repeat(20);
    fs::write(folder.file("text"), text).expect("writes");
    for address in
        [folder.file("text"), folder.file("no/such/folder/db"), "mysql://u:secret@h/db".into(), String::new()]
    {
        let Err(StoreError::Unavailable(why)) = open(&address).await else { panic!("{address} opened") };
        assert!(!why.contains("secret"));
    }
}

/// Writes numbers until it is killed; run as a child by the test below, and empty otherwise.
#[tokio::test]
async fn child_that_writes() {
    let Ok(path) = std::env::var("CENTRALE_TEST_WRITES") else { return };
    let store = open(&path).await.expect("opens");
    migrate(&*store, &[TWO_TABLES]).await.expect("migrates");
    for number in 0i64.. {
        let mut tx = store.begin(Access::Write).await.expect("begins");
        tx.execute("INSERT INTO a (n) VALUES ($1)", &[number.into()]).await.expect("inserts");
        tx.execute("INSERT INTO b (n) VALUES ($1)", &[number.into()]).await.expect("inserts");
        tx.commit().await.expect("commits");
        println!("\ncommitted {number}");
    }
}

#[tokio::test]
async fn what_was_committed_survives_the_death_of_the_process() {
    let folder = Folder::new("kill");
    let path = folder.file("db");
    let mut child = Command::new(std::env::current_exe().expect("the test knows its program"))
        .args(["--exact", "child_that_writes", "--nocapture"])
        .env("CENTRALE_TEST_WRITES", &path)
        .stdout(Stdio::piped())
        .spawn()
        .expect("the child starts");
    let lines = BufReader::new(child.stdout.take().expect("piped")).lines();
    let mut committed = lines.filter_map(|line| line.ok()?.strip_prefix("committed ")?.parse::<i64>().ok());
    let seen = committed.find(|number| *number >= 300).expect("the child commits");
    child.kill().expect("the child can be killed");
    child.wait().expect("the child ends");
    let last = committed.last().unwrap_or(seen);
    let store = open(&path).await.expect("opens after the kill");
    let rows = store.read("SELECT COUNT(*), MAX(n) FROM a", &[]).await.expect("reads");
    let other = store.read("SELECT COUNT(*), MAX(n) FROM b", &[]).await.expect("reads");
    assert_eq!(rows, other, "units are whole");
    assert!(rows[0].int(1).expect("a number") >= last);
    assert_eq!(rows[0].int(0).expect("a number"), rows[0].int(1).expect("a number") + 1);
}

/// A folder of this test, removed at its end.
struct Folder(PathBuf);

impl Folder {
    fn new(name: &str) -> Self {
        let path = std::env::temp_dir().join(format!("centrale-store-{name}-{}", std::process::id()));
        let _ = fs::remove_dir_all(&path);
        fs::create_dir_all(&path).expect("a temporary folder can be made");
        Folder(path)
    }

    fn file(&self, name: &str) -> String {
        self.0.join(name).display().to_string()
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}
