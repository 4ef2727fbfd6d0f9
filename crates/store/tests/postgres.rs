//! PostgreSQL keeps the promises of the suite, also when its server dies.
//!
//! Each test starts a server of its own, in a temporary folder, on a local socket.

use std::{
    fs,
    os::unix::fs::chown,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    thread::sleep,
    time::{Duration, Instant},
};

use centrale_store::{
    Access, Limits, StoreError, open, open_with,
    suite::{Pair, promises},
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

/// A server of this test, ended and removed at its end.
struct Server {
    programs: PathBuf,
    folder: PathBuf,
    process: Option<Child>,
}

impl Server {
    fn start(name: &str) -> Self {
        let folder = std::env::temp_dir().join(format!("centrale-pg-{name}-{}", std::process::id()));
        let _ = fs::remove_dir_all(&folder);
        fs::create_dir_all(&folder).expect("a temporary folder can be made");
        let mut server = Server { programs: programs(), folder, process: None };
        if let Some((user, group)) = other_user() {
            chown(&server.folder, Some(user), Some(group)).expect("root can give a folder away");
        }
        let mut initdb = server.program("initdb");
        initdb.args(["--no-sync", "--auth=trust", "--username=centrale", "--encoding=UTF8", "--locale=C", "-D"]);
        let output = initdb.arg(server.folder.join("data")).output().expect("initdb runs");
        assert!(output.status.success(), "initdb: {}", String::from_utf8_lossy(&output.stderr));
        server.run();
        server
    }

    fn run(&mut self) {
        let log = fs::File::create(self.folder.join("log")).expect("a log can be made");
        let mut postgres = self.program("postgres");
        // Not durable against power cuts, which no test makes; the socket is in our folder, no port is opened.
        postgres.args(["-c", "listen_addresses=", "-c", "fsync=off", "-c", "shared_buffers=16MB"]);
        postgres.arg("-k").arg(&self.folder).arg("-D").arg(self.folder.join("data"));
        self.process = Some(postgres.stderr(log).stdout(Stdio::null()).spawn().expect("postgres starts"));
        let end = Instant::now() + Duration::from_secs(60);
        while !self
            .program("pg_isready")
            .args(["-q", "-h"])
            .arg(&self.folder)
            .status()
            .is_ok_and(|status| status.success())
        {
            let log = || fs::read_to_string(self.folder.join("log")).unwrap_or_default();
            assert!(Instant::now() < end, "postgres does not come up: {}", log());
            sleep(Duration::from_millis(50));
        }
    }

    /// Ends the server as a crash would, and waits until its last process let go.
    fn kill(&mut self) {
        let Some(mut process) = self.process.take() else { return };
        process.kill().expect("our own server can be killed");
        process.wait().expect("the server ends");
        // Its children notice the death by themselves; a successor refuses to start before they have gone.
        sleep(Duration::from_millis(300));
        let _ = fs::remove_file(self.folder.join("data/postmaster.pid"));
    }

    fn create(&self, database: &str) {
        let mut createdb = self.program("createdb");
        let output =
            createdb.arg("-h").arg(&self.folder).args(["-U", "centrale", short(database)]).output().expect("runs");
        assert!(output.status.success(), "createdb: {}", String::from_utf8_lossy(&output.stderr));
    }

    fn address(&self, database: &str) -> String {
        let folder = self.folder.display().to_string().replace('/', "%2F");
        format!("postgres://centrale@{folder}/{}", short(database))
    }

    /// A program of the server's, run by somebody who is not root (the server refuses root).
    fn program(&self, name: &str) -> Command {
        let path = self.programs.join(name);
        let mut command = match other_user() {
            None => Command::new(path),
            Some((user, group)) => {
                let mut command = Command::new("setpriv");
                command.args([format!("--reuid={user}"), format!("--regid={group}"), "--clear-groups".into()]);
                command.arg(path);
                command
            }
        };
        command.current_dir(&self.folder).env("LC_ALL", "C");
        command
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        if let Some(mut process) = self.process.take() {
            // An immediate shutdown (SIGQUIT) takes the children along, which SIGKILL would not.
            let _ = Command::new("kill").args(["-QUIT", &process.id().to_string()]).status();
            let _ = process.wait();
        }
        let _ = fs::remove_dir_all(&self.folder);
    }
}

/// Database names end at 63 bytes.
fn short(name: &str) -> &str {
    &name[..name.len().min(60)]
}

/// Finds the newest server's programs, in Debian's place or on the path.
fn programs() -> PathBuf {
    let debian =
        fs::read_dir("/usr/lib/postgresql").into_iter().flatten().flatten().map(|entry| entry.path().join("bin"));
    let path = std::env::var_os("PATH").unwrap_or_default();
    let mut found: Vec<PathBuf> = debian.filter(|folder| has_server(folder)).collect();
    found.sort();
    found.pop().or_else(|| std::env::split_paths(&path).find(|folder| has_server(folder))).expect(
        "these tests need a PostgreSQL server: install the Debian package postgresql (apt-get install postgresql)",
    )
}

fn has_server(folder: &Path) -> bool {
    folder.join("initdb").exists() && folder.join("postgres").exists()
}

/// When we are root: the user and group number of `nobody`, who owns nothing here and will do.
fn other_user() -> Option<(u32, u32)> {
    use std::os::unix::fs::MetadataExt;
    let is_root = fs::metadata("/proc/self").is_ok_and(|me| me.uid() == 0);
    is_root.then_some((65534, 65534))
}
