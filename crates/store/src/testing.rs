//! A PostgreSQL server for tests, this room's and others' (feature `testing`).
//!
//! It lives in a temporary folder and listens on a local socket there; no port is opened. Whatever goes wrong here is the test
//! machine's fault and panics with a sentence.

use std::{
    fs,
    os::unix::fs::chown,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    sync::{
        OnceLock,
        atomic::{AtomicU32, Ordering},
    },
    thread::sleep,
    time::{Duration, Instant},
};

/// A server of its own, ended and removed with this value.
pub struct Server {
    programs: PathBuf,
    folder: PathBuf,
    process: Option<Child>,
}

impl Server {
    /// Makes a server in a temporary folder named after `name`, and waits until it answers.
    pub fn start(name: &str) -> Self {
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

    /// The server that the tests of one program share; it starts with the first of them and ends with the program, however that ends.
    pub fn shared() -> &'static Server {
        static SHARED: OnceLock<(Server, Child)> = OnceLock::new();
        let (server, _) = SHARED.get_or_init(|| {
            let server = Server::start("shared");
            let watch = server.watch();
            (server, watch)
        });
        server
    }

    /// Makes an empty database that nobody else uses, and gives its address.
    pub fn fresh(&self) -> String {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let name = format!("fresh_{}", COUNT.fetch_add(1, Ordering::Relaxed));
        self.create(&name);
        self.address(&name)
    }

    /// Starts a companion that waits for the end of this program (its input closes then) and takes the server along, since nothing drops a static.
    fn watch(&self) -> Child {
        let server = self.process.as_ref().expect("a started server has a process").id();
        let script = "trap '' INT TERM HUP; cat > /dev/null; kill -QUIT \"$1\"; \
                      while kill -0 \"$1\" 2> /dev/null; do sleep 0.1; done; rm -rf \"$2\"";
        let mut watch = Command::new("sh");
        watch.args(["-c", script, "watch", &server.to_string()]).arg(&self.folder);
        watch.stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::null()).spawn().expect("sh starts")
    }

    /// Starts the server, again after [`Server::kill`].
    pub fn run(&mut self) {
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
    pub fn kill(&mut self) {
        let Some(mut process) = self.process.take() else { return };
        process.kill().expect("our own server can be killed");
        process.wait().expect("the server ends");
        // Its children notice the death by themselves; a successor refuses to start before they have gone.
        sleep(Duration::from_millis(300));
        let _ = fs::remove_file(self.folder.join("data/postmaster.pid"));
    }

    /// Makes an empty database.
    pub fn create(&self, database: &str) {
        let mut createdb = self.program("createdb");
        let output =
            createdb.arg("-h").arg(&self.folder).args(["-U", "centrale", short(database)]).output().expect("runs");
        assert!(output.status.success(), "createdb: {}", String::from_utf8_lossy(&output.stderr));
    }

    /// The store address of a database.
    pub fn address(&self, database: &str) -> String {
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
