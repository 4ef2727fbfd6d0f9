//! A relay node's usage on its way to a node that has a store: files first, then the bus.
//!
//! ```text
//!   relay threads ─▶ waiting ─(every 4 s)─▶ DATA/usage/N.jsonl, synced ─▶ asked of the bus until written ─▶ removed
//! ```
//!
//! What a crash loses is what the relay had not put out (5 s) and what waited (4 s). Files that are found at the start are sent
//! again; whoever writes them knows each record by its id.

use std::collections::VecDeque;
use std::fs::{self, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use centrale_bus::Bus;
use centrale_exchange::usage::{BATCH, Told, report};

use crate::metrics::{self, Source};

/// How often measurements are written to the file.
pub(super) const EVERY: Duration = Duration::from_secs(4);
/// Measurements in memory between two writes, of about 200 bytes each. When it is full, which takes a dead disk, the oldest are lost.
const WAITING: usize = 200_000;
/// Where a file is closed and the next is begun. Smaller: less is sent twice; larger: fewer files while the bus is away.
const FILE: u64 = 1024 * 1024;
/// Bytes of all files. Beyond, the oldest file is lost, and the log says so: half a year of a node with a hundred allocations at a time.
const ALL: u64 = 512 * 1024 * 1024;

/// The files, and what waits to be put into them.
pub(super) struct Spool {
    folder: PathBuf,
    waiting: Mutex<VecDeque<Told>>,
    files: Mutex<Files>,
    lost: AtomicU64,
    reported: AtomicU64,
}

/// Numbers of the files there are, the oldest first, with their lengths. The last one is written to.
#[derive(Default)]
struct Files {
    all: VecDeque<(u64, u64)>,
    next: u64,
}

impl Spool {
    /// Finds what an earlier run left.
    pub(super) fn open(data: &Path) -> io::Result<Spool> {
        let folder = data.join("usage");
        crate::tls::make_private_folder(&folder).map_err(io::Error::other)?;
        let mut all: Vec<(u64, u64)> = fs::read_dir(&folder)?
            .filter_map(|entry| {
                let entry = entry.ok()?;
                let number = entry.file_name().to_str()?.strip_suffix(".jsonl")?.parse().ok()?;
                Some((number, entry.metadata().ok()?.len()))
            })
            .collect();
        all.sort_unstable();
        // A file that a crash may have cut is not written to again.
        let next = all.last().map_or(0, |(number, _)| number + 2);
        Ok(Spool {
            folder,
            waiting: Mutex::default(),
            files: Mutex::new(Files { all: all.into(), next }),
            lost: AtomicU64::new(0),
            reported: AtomicU64::new(0),
        })
    }

    /// Adds a measurement. Quick, from any thread.
    pub(super) fn add(&self, measured: Told) {
        let mut waiting = self.waiting.lock().unwrap_or_else(PoisonError::into_inner);
        if waiting.len() >= WAITING {
            waiting.pop_front();
            self.lost.fetch_add(1, Ordering::Relaxed);
        }
        waiting.push_back(measured);
    }

    /// Puts what waits into the newest file.
    ///
    /// # Errors
    /// Whatever the disk says; nothing is lost by that, it waits on.
    pub(super) fn write(&self) -> io::Result<()> {
        let batch = std::mem::take(&mut *self.waiting.lock().unwrap_or_else(PoisonError::into_inner));
        if batch.is_empty() {
            return Ok(());
        }
        let mut text = Vec::with_capacity(batch.len() * 200);
        for measured in &batch {
            serde_json::to_writer(&mut text, measured).map_err(io::Error::other)?;
            text.push(b'\n');
        }
        let written = self.append(&text);
        if written.is_err() {
            let mut waiting = self.waiting.lock().unwrap_or_else(PoisonError::into_inner);
            for measured in batch.into_iter().rev() {
                waiting.push_front(measured);
            }
        }
        written
    }

    fn append(&self, text: &[u8]) -> io::Result<()> {
        let mut files = self.files.lock().unwrap_or_else(PoisonError::into_inner);
        let number = match files.all.back() {
            Some((number, length)) if *length < FILE && *number + 1 == files.next => *number,
            _ => {
                let number = files.next;
                files.next += 1;
                files.all.push_back((number, 0));
                number
            }
        };
        let mut file = OpenOptions::new().append(true).create(true).mode(0o600).open(self.path(number))?;
        // A part of a line that an earlier failure left is closed by the line's end and skipped by the reader.
        file.write_all(b"\n")?;
        file.write_all(text)?;
        file.sync_data()?;
        if let Some(last) = files.all.back_mut() {
            last.1 += text.len() as u64 + 1;
        }
        while files.all.iter().map(|(_, length)| length).sum::<u64>() > ALL {
            let Some((oldest, _)) = files.all.pop_front() else { break };
            let lost = fs::read(self.path(oldest)).map_or(0, |text| lines(&text).len() as u64);
            self.lost.fetch_add(lost, Ordering::Relaxed);
            tracing::error!(lost, "nobody took our usage for so long that the oldest of it is lost");
            let _ = fs::remove_file(self.path(oldest));
        }
        Ok(())
    }

    /// Hands in every file, the oldest first, and removes each when all of it is written.
    ///
    /// # Errors
    /// What kept a batch from being taken; the file is sent again the next time.
    pub(super) async fn send(&self, bus: &dyn Bus) -> Result<(), String> {
        loop {
            let oldest = {
                let mut files = self.files.lock().unwrap_or_else(PoisonError::into_inner);
                let Some((number, _)) = files.all.front().copied() else { return Ok(()) };
                // Nothing is added to a file that is being sent.
                files.next = files.next.max(number + 2);
                number
            };
            let path = self.path(oldest);
            let text = tokio::fs::read(&path).await.map_err(|error| format!("{}: {error}", path.display()))?;
            for batch in lines(&text).chunks(BATCH) {
                report(bus, batch).await.map_err(|error| error.log().unwrap_or_default().to_owned())?;
                self.reported.fetch_add(batch.len() as u64, Ordering::Relaxed);
            }
            let mut files = self.files.lock().unwrap_or_else(PoisonError::into_inner);
            files.all.retain(|(number, _)| *number != oldest);
            if let Err(error) = fs::remove_file(&path) {
                tracing::warn!(%error, "usage that is written cannot be removed and will be sent again");
            }
        }
    }

    fn path(&self, number: u64) -> PathBuf {
        self.folder.join(format!("{number:012}.jsonl"))
    }

    /// What can be seen of it from outside.
    pub(super) fn counters(self: &Arc<Spool>) -> Source {
        let spool = self.clone();
        Arc::new(move |out| {
            let bytes: u64 =
                spool.files.lock().unwrap_or_else(PoisonError::into_inner).all.iter().map(|(_, length)| length).sum();
            let reported = spool.reported.load(Ordering::Relaxed);
            let lost = spool.lost.load(Ordering::Relaxed);
            metrics::line(
                out,
                "centrale_usage_spooled_bytes",
                "gauge",
                "Usage on disk that nobody has written yet.",
                bytes,
            );
            metrics::line(
                out,
                "centrale_usage_reported_total",
                "counter",
                "Measurements that another node has written.",
                reported,
            );
            metrics::line(out, "centrale_usage_lost_total", "counter", "Measurements lost for want of room.", lost);
        })
    }
}

/// The whole lines of a file. One that a crash cut short is none.
fn lines(text: &[u8]) -> Vec<Told> {
    text.split(|byte| *byte == b'\n').filter_map(|line| serde_json::from_slice(line).ok()).collect()
}

/// Writes and sends until the program ends. The bus is opened when it can be: a relay works without it.
pub(super) async fn keep(spool: Arc<Spool>, address: String) {
    let mut bus: Option<Arc<dyn Bus>> = None;
    let mut ticks = tokio::time::interval(EVERY);
    let mut was_silent = false;
    loop {
        ticks.tick().await;
        write(&spool).await;
        let sent = match &bus {
            Some(bus) => spool.send(&**bus).await,
            None => match centrale_bus::open(Some(&address)).await {
                Ok(opened) => spool.send(&**bus.insert(opened)).await,
                Err(error) => Err(error.to_string()),
            },
        };
        // Said once, and not every few seconds for a night.
        match (&sent, was_silent) {
            (Err(error), false) => tracing::warn!(error, "usage waits on disk: nobody takes it"),
            (Ok(()), true) => tracing::info!("usage is taken again"),
            (Err(_), true) | (Ok(()), false) => {}
        }
        was_silent = sent.is_err();
    }
}

/// The last measurements: to disk in any case, to the bus when it answers at once.
pub(super) async fn finish(spool: &Arc<Spool>, address: Option<&str>) {
    write(spool).await;
    let Some(address) = address else { return };
    let last = async {
        let bus = centrale_bus::open(Some(address)).await.map_err(|error| error.to_string())?;
        spool.send(&*bus).await
    };
    match tokio::time::timeout(Duration::from_secs(5), last).await {
        Ok(Ok(())) => {}
        Ok(Err(error)) => tracing::warn!(error, "the last usage stays on disk until the next start"),
        Err(_) => tracing::warn!("the last usage stays on disk until the next start"),
    }
}

async fn write(spool: &Arc<Spool>) {
    let spool = spool.clone();
    match tokio::task::spawn_blocking(move || spool.write()).await {
        Ok(Ok(())) => {}
        Ok(Err(error)) => tracing::error!(%error, "usage cannot be written to disk"),
        Err(error) => tracing::error!(%error, "usage cannot be written to disk"),
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::AtomicU32;

    use bytes::Bytes;
    use centrale_bus::{Subject, open};
    use centrale_exchange::usage::{Refused, Relayed};

    use super::*;

    struct Folder(PathBuf);

    impl Folder {
        fn new() -> Folder {
            static NUMBER: AtomicU32 = AtomicU32::new(0);
            let number = NUMBER.fetch_add(1, Ordering::Relaxed);
            let path = std::env::temp_dir().join(format!("centrale-spool-{}-{number}", std::process::id()));
            fs::create_dir_all(&path).expect("a directory");
            Folder(path)
        }
    }

    impl Drop for Folder {
        fn drop(&mut self) {
            let _ = fs::remove_dir_all(&self.0);
        }
    }

    fn measured(part: u32) -> Told {
        Told::Relayed(Relayed {
            id: format!("relay-1-1-{part}"),
            user: "8:acs:a_b".to_owned(),
            transport: "udp".to_owned(),
            sent: 10,
            received: 20,
            from: 1,
            to: 2,
        })
    }

    fn id(told: &Told) -> String {
        match told {
            Told::Relayed(Relayed { id, .. }) | Told::Refused(Refused { id, .. }) => id.clone(),
        }
    }

    fn kept(folder: &Folder) -> usize {
        let all = fs::read_dir(folder.0.join("usage")).expect("the files");
        all.map(|entry| lines(&fs::read(entry.expect("an entry").path()).expect("a file")).len()).sum()
    }

    #[tokio::test]
    async fn usage_outlives_its_process_and_goes_when_somebody_has_written_it() {
        let folder = Folder::new();
        let spool = Spool::open(&folder.0).expect("a spool");
        for part in 0..3 {
            spool.add(measured(part));
        }
        spool.write().expect("written");
        drop(spool);
        // The crash cut the last line.
        let cut = folder.0.join("usage/000000000000.jsonl");
        let mut text = fs::read(&cut).expect("the file");
        text.extend_from_slice(b"{\"id\":\"relay-1");
        fs::write(&cut, text).expect("cut");

        let spool = Spool::open(&folder.0).expect("a spool");
        spool.add(measured(3));
        spool.write().expect("written");
        let bus = open(None).await.expect("a bus");
        assert!(spool.send(&*bus).await.is_err(), "nobody listens");
        assert_eq!(kept(&folder), 4, "and nothing is lost by that");

        let mut questions = bus.serve(&Subject::parse("usage.relay").expect("a subject")).await.expect("served");
        let writer = tokio::spawn(async move {
            let mut heard: Vec<String> = Vec::new();
            while heard.len() < 4 {
                let question = questions.next().await.expect("a batch");
                let batch: Vec<Told> = serde_json::from_slice(&question.body).expect("a batch");
                heard.extend(batch.iter().map(id));
                question.reply.send(Bytes::from_static(b"written")).expect("answered");
            }
            heard
        });
        spool.send(&*bus).await.expect("taken");
        let heard = writer.await.expect("heard");
        assert_eq!(heard, ["relay-1-1-0", "relay-1-1-1", "relay-1-1-2", "relay-1-1-3"]);
        assert_eq!(kept(&folder), 0);
    }

    #[tokio::test]
    async fn what_comes_while_a_file_is_being_sent_goes_into_another() {
        let folder = Folder::new();
        let spool = Arc::new(Spool::open(&folder.0).expect("a spool"));
        spool.add(measured(0));
        spool.write().expect("written");
        let bus = open(None).await.expect("a bus");
        let mut questions = bus.serve(&Subject::parse("usage.relay").expect("a subject")).await.expect("served");
        let sending = tokio::spawn({
            let (spool, bus) = (spool.clone(), bus.clone());
            async move { spool.send(&*bus).await }
        });
        let question = questions.next().await.expect("a batch");
        spool.add(measured(1));
        spool.write().expect("written");
        question.reply.send(Bytes::from_static(b"written")).expect("answered");
        let second = questions.next().await.expect("the second file");
        assert!(String::from_utf8_lossy(&second.body).contains("relay-1-1-1"));
        drop(second);
        assert!(sending.await.expect("ran").is_err(), "the second was not answered");
        assert_eq!(kept(&folder), 1);
    }
}
