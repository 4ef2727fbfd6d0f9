//! A NATS server for tests, this room's and others' (feature `testing`).
//!
//! Whatever goes wrong here is the test machine's fault and panics with a sentence.

use std::{
    fs,
    net::{TcpListener, TcpStream},
    path::PathBuf,
    process::{Child, Command, Stdio},
    time::{Duration, Instant},
};

/// A server of its own, ended with this value.
pub struct Server {
    program: PathBuf,
    settings: PathBuf,
    port: u16,
    process: Option<Child>,
}

impl Server {
    /// Starts a server on a free port of the loopback and waits until it answers.
    ///
    /// `settings`: lines of a server's settings file, or nothing.
    pub fn start(name: &str, settings: &str) -> Self {
        let port = TcpListener::bind("127.0.0.1:0").and_then(|socket| socket.local_addr()).expect("a free port").port();
        let file = std::env::temp_dir().join(format!("centrale-nats-{name}-{}-{port}", std::process::id()));
        fs::write(&file, settings).expect("the settings can be written");
        let mut server = Server { program: program(), settings: file, port, process: None };
        server.run();
        server
    }

    /// Starts the server, again after [`Server::kill`].
    pub fn run(&mut self) {
        let mut command = Command::new(&self.program);
        command.args(["-a", "127.0.0.1", "-p", &self.port.to_string(), "-c"]).arg(&self.settings);
        let process = command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().expect("nats-server starts");
        self.process = Some(process);
        let end = Instant::now() + Duration::from_secs(30);
        while TcpStream::connect(("127.0.0.1", self.port)).is_err() {
            assert!(Instant::now() < end, "nats-server does not come up on port {}", self.port);
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    /// Ends the server as a crash would.
    pub fn kill(&mut self) {
        if let Some(mut process) = self.process.take() {
            process.kill().expect("our own server can be killed");
            process.wait().expect("the server ends");
        }
    }

    /// The bus address of the server.
    pub fn address(&self) -> String {
        format!("nats://127.0.0.1:{}", self.port)
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.kill();
        let _ = fs::remove_file(&self.settings);
    }
}

/// Finds the server on the path, or where Debian puts it.
fn program() -> PathBuf {
    let path = std::env::var_os("PATH").unwrap_or_default();
    std::env::split_paths(&path)
        .chain(["/usr/sbin".into(), "/usr/local/bin".into()])
        .map(|folder| folder.join("nats-server"))
        .find(|program| program.exists())
        .expect("these tests need a NATS server: install the Debian package nats-server (apt-get install nats-server)")
}
