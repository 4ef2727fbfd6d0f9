//! Runs fuzz targets without a fuzzer: the kept corpus first, then inputs made from a seed, by mutation and from nothing.
//!
//! ```text
//! drive [--inputs N] [--seed S] [TARGET…]        N inputs per target, one million unless said otherwise
//! drive --replay FILE TARGET                      one input
//! ```
//!
//! A failure prints the seed, the number of the input and its bytes in hexadecimal, and leaves it in `artifacts/`.

use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Instant;

use centrale_fuzz::{TARGETS, Target};

/// Longest input that is made, in bytes. Longer: deeper histories, fewer of them.
const LONGEST: usize = 320;
/// Inputs that are kept for further mutation.
const KEPT: usize = 256;

fn main() -> ExitCode {
    let mut inputs = 1_000_000_u64;
    let mut seed = 1_u64;
    let mut replay = None;
    let mut names = Vec::new();
    let mut words = std::env::args().skip(1);
    while let Some(word) = words.next() {
        match word.as_str() {
            "--inputs" => inputs = number(words.next()),
            "--seed" => seed = number(words.next()),
            "--replay" => replay = words.next(),
            _ => names.push(word),
        }
    }
    let chosen: Vec<&Target> =
        TARGETS.iter().filter(|t| names.is_empty() || names.iter().any(|n| n == t.name)).collect();
    if chosen.is_empty() {
        eprintln!("no such target; there are {}", TARGETS.iter().map(|t| t.name).collect::<Vec<_>>().join(", "));
        return ExitCode::from(2);
    }
    if let Some(file) = replay {
        let bytes = std::fs::read(&file).expect("the file to replay can be read");
        chosen.iter().for_each(|target| (target.run)(&bytes));
        return ExitCode::SUCCESS;
    }
    let is_sound = chosen.into_iter().all(|target| drive(target, inputs, seed));
    if is_sound { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

fn number(word: Option<String>) -> u64 {
    word.and_then(|word| word.parse().ok()).expect("a number after --inputs or --seed")
}

fn drive(target: &Target, inputs: u64, seed: u64) -> bool {
    let start = Instant::now();
    let kept = corpus(target.name);
    let mut pool = (target.seeds)();
    pool.extend(kept.iter().cloned());
    let mut count = 0;
    for bytes in &pool {
        count += 1;
        if !holds(target, bytes, "corpus", count) {
            return false;
        }
    }
    let mut chance = Chance(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1);
    let mut made = 0;
    while count < inputs / target.cost {
        let bytes = match chance.below(4) {
            0 => chance.bytes(),
            _ => mutate(&pool, &mut chance),
        };
        made += 1;
        count += 1;
        if !holds(target, &bytes, &format!("seed {seed}"), made) {
            return false;
        }
        // Mutations of mutations walk away from the seeds; the pool stays bounded and the seeds stay in it.
        if pool.len() < KEPT + kept.len() {
            pool.push(bytes);
        } else if chance.below(64) == 0 {
            let place = pool.len() - 1 - chance.below(KEPT / 2);
            pool[place] = bytes;
        }
    }
    println!(
        "{}: {count} inputs, {} of them kept ones, seed {seed}, {:.1} s, none failed",
        target.name,
        kept.len(),
        start.elapsed().as_secs_f64()
    );
    let reached = centrale_fuzz::reach::take();
    let (never, often): (Vec<_>, Vec<_>) = reached.into_iter().partition(|(_, times)| *times == 0);
    println!(
        "  reached: {}",
        often.iter().map(|(place, times)| format!("{place} {times}")).collect::<Vec<_>>().join(", ")
    );
    if !never.is_empty() {
        println!("  never reached: {}", never.iter().map(|(place, _)| *place).collect::<Vec<_>>().join(", "));
    }
    true
}

fn holds(target: &Target, bytes: &[u8], origin: &str, number: u64) -> bool {
    let run = target.run;
    if std::panic::catch_unwind(|| run(bytes)).is_ok() {
        return true;
    }
    let hex: String = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
    let folder = home().join("artifacts").join(target.name);
    let file = folder.join(format!("{origin}-{number}").replace(' ', "-"));
    let _ = std::fs::create_dir_all(&folder).and_then(|()| std::fs::write(&file, bytes));
    eprintln!("{} failed: {origin}, input {number}, kept in {}\n{hex}", target.name, file.display());
    false
}

/// Inputs that once mattered, committed in `seeds/TARGET`, in the order of their names.
fn corpus(name: &str) -> Vec<Vec<u8>> {
    let Ok(folder) = std::fs::read_dir(home().join("seeds").join(name)) else { return Vec::new() };
    let mut files: Vec<PathBuf> = folder.flatten().map(|entry| entry.path()).collect();
    files.sort();
    files.iter().filter_map(|file| std::fs::read(file).ok()).collect()
}

fn home() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn mutate(pool: &[Vec<u8>], chance: &mut Chance) -> Vec<u8> {
    let mut bytes = pool[chance.below(pool.len())].clone();
    for _ in 0..=chance.below(6) {
        let at = chance.below(bytes.len() + 1);
        let end = (at + 1 + chance.below(12)).min(bytes.len());
        match chance.below(8) {
            0 if at < bytes.len() => bytes[at] ^= 1 << chance.below(8),
            1 if at < bytes.len() => bytes[at] = chance.next() as u8,
            2 => bytes.insert(at, chance.next() as u8),
            3 if at < end => drop(bytes.drain(at..end)),
            4 if at < end => {
                let copy = bytes[at..end].to_vec();
                let to = chance.below(bytes.len());
                bytes.splice(to..to, copy);
            }
            5 => {
                let other = &pool[chance.below(pool.len())];
                let from = chance.below(other.len() + 1);
                bytes.truncate(at);
                bytes.extend_from_slice(&other[from..]);
            }
            6 => bytes.extend_from_slice(&chance.bytes()),
            7 if at < bytes.len() => bytes[at] = [0, 1, 4, 16, 127, 128, 255][chance.below(7)],
            _ => {}
        }
    }
    bytes.truncate(LONGEST);
    bytes
}

/// A small generator (xorshift), so that a run repeats from its seed.
struct Chance(u64);

impl Chance {
    fn next(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0.wrapping_mul(0x2545_f491_4f6c_dd1d) >> 16
    }

    fn below(&mut self, bound: usize) -> usize {
        (self.next() % bound as u64) as usize
    }

    fn bytes(&mut self) -> Vec<u8> {
        (0..self.below(LONGEST / 2)).map(|_| self.next() as u8).collect()
    }
}
