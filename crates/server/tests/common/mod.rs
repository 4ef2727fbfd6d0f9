//! The real program on free ports, and a caller that trusts its authority.
#![allow(dead_code, unreachable_pub, reason = "each test file uses some of it")]

use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

use centrale_server::command::{Caller, Reply};
use serde_json::{Value, json};

static NUMBER: AtomicU32 = AtomicU32::new(0);

/// A directory that goes away with its owner.
pub struct Folder(PathBuf);

impl Folder {
    pub fn new() -> Folder {
        let number = NUMBER.fetch_add(1, Ordering::Relaxed);
        let path = std::env::temp_dir().join(format!("centrale-test-{}-{number}", std::process::id()));
        std::fs::create_dir_all(&path).expect("a directory for the test");
        Folder(path)
    }

    pub fn path(&self) -> &Path {
        &self.0
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

/// A running exchange.
pub struct Exchange {
    child: Child,
    pub caller: Caller,
    pub folder: Folder,
}

/// The program with nothing of the tester's environment.
pub fn program(command: &str, data: &Path, more: &[&str]) -> Command {
    let mut program = Command::new(env!("CARGO_BIN_EXE_centrale"));
    program.env_clear().arg(command).arg("--data").arg(data);
    for (option, address) in [
        ("--https", "127.0.0.1:0"),
        ("--relay", "127.0.0.1:0"),
        ("--media", "127.0.0.1:0"),
        ("--metrics", "127.0.0.1:0"),
    ] {
        if !more.contains(&option) {
            program.args([option, address]);
        }
    }
    program.args(more).stdout(Stdio::piped()).stderr(Stdio::piped());
    program
}

impl Exchange {
    pub fn dev(more: &[&str]) -> Exchange {
        Exchange::start("dev", Folder::new(), more)
    }

    /// A developer's exchange whose ports for group calls nobody chose.
    pub fn with_usual_media(more: &[&str]) -> Exchange {
        let folder = Folder::new();
        let mut program = Command::new(env!("CARGO_BIN_EXE_centrale"));
        program.env_clear().arg("dev").arg("--data").arg(folder.path());
        program.args(["--https", "127.0.0.1:0", "--relay", "127.0.0.1:0", "--metrics", "127.0.0.1:0"]).args(more);
        Exchange::run(program, folder)
    }

    pub fn start(command: &str, folder: Folder, more: &[&str]) -> Exchange {
        let program = program(command, folder.path(), more);
        Exchange::run(program, folder)
    }

    fn run(mut program: Command, folder: Folder) -> Exchange {
        let mut child = program.stdout(Stdio::piped()).stderr(Stdio::null()).spawn().expect("the program starts");
        let runtime = folder.path().join("runtime.json");
        let end = Instant::now() + Duration::from_secs(60);
        while !runtime.exists() {
            assert!(child.try_wait().expect("a child").is_none(), "the program ended");
            assert!(Instant::now() < end, "the program is not ready after a minute");
            std::thread::sleep(Duration::from_millis(20));
        }
        let caller = Caller::find(folder.path()).expect("a running exchange");
        Exchange { child, caller, folder }
    }

    pub fn pid(&self) -> String {
        self.child.id().to_string()
    }

    /// A signed request.
    pub fn call(&self, method: &str, target: &str, body: &Value) -> Reply {
        let text = if body.is_null() { String::new() } else { body.to_string() };
        self.caller.call(method, target, text.as_bytes()).expect("an answer")
    }

    /// An unsigned request.
    pub fn plain(&self, method: &str, target: &str, headers: &[(&str, &str)], body: &[u8]) -> Reply {
        let headers: Vec<_> = headers.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        self.caller.send(method, target, &headers, body).expect("an answer")
    }

    /// A new user and a token for it.
    pub fn user(&self, scopes: &[&str]) -> (String, String) {
        let made = self.call("POST", "/identities?api-version=2023-10-01", &json!({ "createTokenWithScopes": scopes }));
        assert_eq!(made.status, 201, "{:?}", made.json());
        let json = made.json();
        let text = |value: &Value| value.as_str().expect("text").to_owned();
        (text(&json["identity"]["id"]), text(&json["accessToken"]["token"]))
    }

    /// Sends a signal to the program, and gives its exit code.
    pub fn end(&mut self, signal: &str) -> Option<i32> {
        Command::new("kill").args([signal, &self.pid()]).status().expect("kill");
        self.child.wait().expect("the program ends").code()
    }
}

impl Drop for Exchange {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Whether an answer is an error in the one shape, with this status and code.
pub fn is_error(reply: &Reply, status: u16, code: &str) {
    let json = reply.json();
    assert_eq!((reply.status, json["error"]["code"].as_str()), (status, Some(code)), "{}\n{json}", reply.head);
    assert!(json["error"]["message"].as_str().is_some_and(|text| !text.is_empty()));
    assert!(reply.header("content-type").is_some_and(|kind| kind.starts_with("application/json")), "{}", reply.head);
}
