//! Measures a store: `cargo run --release -p centrale-store --example pace [ADDRESS]`.
//!
//! Prints two-statement units per second and point reads per second, with the processor time each took in this process.

use std::{fs, time::Instant};

use centrale_store::{Access, Migration, StoreError, migrate, open, transact};

const SCHEMA: Migration = Migration {
    number: 1,
    name: "pace",
    sql: "CREATE TABLE users (id TEXT PRIMARY KEY, name TEXT NOT NULL, made BIGINT NOT NULL);
          CREATE TABLE counts (id TEXT PRIMARY KEY, number BIGINT NOT NULL)",
};

#[tokio::main]
async fn main() -> Result<(), StoreError> {
    let file = std::env::temp_dir().join(format!("centrale-pace-{}", std::process::id()));
    let address = std::env::args().nth(1).unwrap_or_else(|| file.display().to_string());
    let store = open(&address).await?;
    migrate(&*store, &[SCHEMA]).await?;

    let pace = Pace::start();
    for number in 0..20_000i64 {
        transact!(store, |tx| {
            tx.execute(
                "INSERT INTO users (id, name, made) VALUES ($1, $2, $3)",
                &[format!("8:acs:{number}").into(), "somebody".into(), number.into()],
            )
            .await?;
            let count = "INSERT INTO counts (id, number) VALUES ($1, $2) ON CONFLICT (id) DO UPDATE SET number = counts.number + excluded.number";
            tx.execute(count, &["users".into(), 1.into()]).await?;
            Ok::<_, StoreError>(())
        })?;
    }
    pace.tell("two-statement units", 20_000);

    let find = "SELECT id, name, made FROM users WHERE id = $1";
    let pace = Pace::start();
    for number in 0..50_000i64 {
        store.read(find, &[format!("8:acs:{}", number * 7 % 20_000).into()]).await?;
    }
    pace.tell("point reads (Store::read)", 50_000);

    let pace = Pace::start();
    for number in 0..20_000i64 {
        let mut tx = store.begin(Access::Read).await?;
        tx.query(find, &[format!("8:acs:{}", number * 7 % 20_000).into()]).await?;
    }
    pace.tell("point reads in a unit", 20_000);

    let pace = Pace::start();
    let tasks: Vec<_> = (0..8)
        .map(|task| {
            let store = store.clone();
            tokio::spawn(async move {
                for number in 0..10_000i64 {
                    store.read(find, &[format!("8:acs:{}", (number * 7 + task) % 20_000).into()]).await?;
                }
                Ok::<_, StoreError>(())
            })
        })
        .collect();
    for task in tasks {
        task.await.expect("no task panics")?;
    }
    pace.tell("point reads, 8 at once", 80_000);
    for suffix in ["", "-wal", "-shm"] {
        let _ = fs::remove_file(format!("{}{suffix}", file.display()));
    }
    Ok(())
}

struct Pace {
    wall: Instant,
    processor: f64,
}

impl Pace {
    fn start() -> Self {
        Pace { wall: Instant::now(), processor: processor_seconds() }
    }

    fn tell(&self, what: &str, count: u32) {
        let (wall, processor) = (self.wall.elapsed().as_secs_f64(), processor_seconds() - self.processor);
        let count = f64::from(count);
        println!("{what}: {:.0}/s, {:.1} us of processor each", count / wall, processor / count * 1e6);
    }
}

/// Reads the processor time of this process, user and system, in seconds (Linux, 100 ticks each second).
fn processor_seconds() -> f64 {
    let text = fs::read_to_string("/proc/self/stat").unwrap_or_default();
    let after_name = text.rsplit(')').next().unwrap_or_default();
    let ticks = after_name.split_whitespace().skip(11).take(2).filter_map(|word| word.parse::<f64>().ok());
    ticks.sum::<f64>() / 100.0
}
