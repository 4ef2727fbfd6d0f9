use centrale_codec::opus::{Encoder, MAX_PACKET};

use super::*;

/// Packets of something like speech: a pitch that wanders, with syllables.
struct Talker {
    encoder: Encoder,
    sample: usize,
    phase: f32,
}

impl Talker {
    fn new() -> Talker {
        let mut encoder = Encoder::new(SampleRate::Full).unwrap();
        encoder.set_bitrate(32_000);
        encoder.set_redundant(true);
        encoder.set_loss(10);
        Talker { encoder, sample: 0, phase: 0.0 }
    }

    fn packet(&mut self) -> Vec<u8> {
        let sound: Vec<f32> = (0..FRAME_SAMPLES)
            .map(|_| {
                let time = self.sample as f32 / 48_000.0;
                self.sample += 1;
                self.phase += (130.0 + 30.0 * (time * 2.0).sin()) / 48_000.0;
                let syllable = 0.6 + 0.4 * (time * 25.0).sin();
                (1..12).map(|k| (self.phase * k as f32 * core::f32::consts::TAU).sin() * 0.2 / k as f32).sum::<f32>()
                    * syllable
            })
            .collect();
        let mut out = [0; MAX_PACKET];
        let length = self.encoder.encode(&sound, &mut out).unwrap();
        out[..length].to_vec()
    }
}

struct Chance(u32);

impl Chance {
    fn below(&mut self, bound: u32) -> u32 {
        self.0 = self.0.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        (self.0 >> 8) % bound
    }
}

/// What a network did, and what came of it.
#[derive(Debug, Default)]
struct Run {
    ticks: u64,
    silent: u64,
    /// Mean and longest waiting time, in milliseconds.
    waiting: f64,
    longest: i64,
    counts: Counts,
}

/// Plays `packets` packets of 20 ms. `fate` says for each when it arrives after it was sent, in samples, or that it is lost.
fn play(packets: u16, drift: f64, mut fate: impl FnMut(u16) -> Option<i64>) -> Run {
    let mut talker = Talker::new();
    let mut voice = Voice::new(AudioFormat::Opus);
    let mut arrivals: Vec<(i64, u16, Vec<u8>)> = Vec::new();
    for n in 0..packets {
        let payload = talker.packet();
        if let Some(late) = fate(n) {
            let sent = (f64::from(n) * 960.0 * (1.0 + drift)) as i64;
            arrivals.push((10_000 + sent + late, n, payload));
        }
    }
    arrivals.sort();
    let mut arrivals = arrivals.into_iter().peekable();
    let mut run = Run::default();
    let mut out = [0.0; FRAME_SAMPLES];
    for tick in 0..i64::from(packets) {
        // Ticks have a phase of their own.
        let due = 10_400 + tick * 960;
        while let Some((arrival, n, payload)) = arrivals.next_if(|(arrival, ..)| *arrival <= due) {
            let timestamp = u32::from(n).wrapping_mul(960).wrapping_add(4_294_000_000);
            voice.push(n.wrapping_add(65_000), timestamp, Some(25), &payload, arrival);
        }
        run.ticks += 1;
        run.silent += u64::from(!voice.pull(due, true, &mut out));
        assert!(out.iter().all(|sample| sample.abs() < 1.5));
        let waiting = voice.waiting(due);
        run.waiting += waiting as f64 / 48.0 / f64::from(packets);
        run.longest = run.longest.max(waiting / 48);
    }
    run.counts = voice.counts;
    run
}

impl Run {
    /// Made-up sound, in per cent of all.
    fn concealed(&self) -> f64 {
        100.0 * self.counts.concealed as f64 / (self.ticks * FRAME_SAMPLES as u64) as f64
    }
}

#[test]
fn a_good_network_adds_hardly_any_delay() {
    let run = play(500, 0.0, |_| Some(0));
    assert_eq!(run.counts.concealed, 0, "{run:?}");
    assert!(run.silent <= 3 && run.waiting < 30.0, "{run:?}");
    assert!(run.counts.decodes >= 497, "{run:?}");
}

#[test]
fn three_per_cent_loss_and_80_ms_of_jitter_are_mostly_mended() {
    let mut chance = Chance(7);
    let run = play(3000, 0.0, |_| (chance.below(100) >= 3).then(|| i64::from(chance.below(80 * 48))));
    println!("{run:?}: {:.2} % made up", run.concealed());
    // Three are lost anyway; one more may be late.
    assert!(run.concealed() < 5.0, "{run:?}: {}", run.concealed());
    assert!(run.counts.recovered > 0, "{run:?}");
    assert!(run.waiting < 120.0 && run.longest < 200, "{run:?}");
}

#[test]
fn the_delay_shrinks_when_jitter_is_over() {
    let mut chance = Chance(3);
    let stormy = play(1000, 0.0, |_| Some(i64::from(chance.below(100 * 48))));
    let mut chance = Chance(3);
    let calmed = play(4000, 0.0, |n| {
        Some(if n < 1000 { i64::from(chance.below(100 * 48)) } else { i64::from(chance.below(48)) })
    });
    assert!(stormy.waiting > 80.0, "{stormy:?}");
    // The last three quarters are calm; on average that is far below the storm.
    assert!(calmed.waiting < 70.0, "{calmed:?}");
    assert!(calmed.counts.stretched > 0 && calmed.concealed() < 1.5, "{calmed:?}");
}

#[test]
fn clocks_that_drift_apart_make_neither_gaps_nor_delay() {
    for drift in [-300e-6, 300e-6] {
        let mut chance = Chance(11);
        let run = play(3000, drift, |_| Some(i64::from(chance.below(10 * 48))));
        assert!(run.concealed() < 0.5, "{drift}: {run:?}");
        assert!(run.longest < 120 && run.waiting < 60.0, "{drift}: {run:?}");
    }
}

#[test]
fn packets_out_of_order_are_played_in_order() {
    let mut chance = Chance(5);
    // Every tenth is 45 ms late: behind the two that follow it.
    let run = play(2000, 0.0, |n| Some(if n % 10 == 0 { 45 * 48 } else { i64::from(chance.below(48)) }));
    assert!(run.concealed() < 1.0, "{run:?}");
    assert!(run.waiting < 90.0, "{run:?}");
}

#[test]
fn a_burst_of_loss_ends_in_silence_and_the_voice_returns() {
    let run = play(600, 0.0, |n| (!(300..330).contains(&n)).then_some(0));
    // 100 ms are made up, the rest of the 600 ms is silent.
    assert_eq!(run.counts.concealed / 960, 5, "{run:?}");
    assert!((24..=30).contains(&run.silent), "{run:?}");
    assert!(run.counts.decodes >= 565, "{run:?}");
}

#[test]
fn a_pause_of_the_sender_is_silence_and_not_loss() {
    let mut talker = Talker::new();
    let mut voice = Voice::new(AudioFormat::Opus);
    let mut out = [0.0; FRAME_SAMPLES];
    let mut sequence = 0;
    let mut heard = 0;
    for tick in 0..300_i64 {
        let due = 5_000 + tick * 960;
        let payload = talker.packet();
        // One second of talk, one of discontinuous transmission with a word of silence each 400 ms.
        let is_talking = tick % 100 < 50;
        if is_talking || tick % 20 == 10 {
            let packet: &[u8] = if is_talking { &payload } else { &[0xF8] };
            voice.push(sequence, (tick * 960) as u32, Some(if is_talking { 20 } else { 127 }), packet, due - 100);
            sequence += 1;
        }
        heard += u64::from(voice.pull(due, true, &mut out) && out.iter().any(|sample| sample.abs() > 0.01));
    }
    assert_eq!(voice.counts.concealed, 0, "{:?}", voice.counts);
    // The decoder fades out over a few frames.
    assert!((145..=165).contains(&heard), "{heard}");
}

#[test]
fn a_voice_that_is_not_wanted_is_not_decoded_and_begins_without_a_click() {
    let mut talker = Talker::new();
    let mut voice = Voice::new(AudioFormat::Opus);
    let mut out = [0.0; FRAME_SAMPLES];
    for tick in 0..100_u16 {
        let due = 5_000 + i64::from(tick) * 960;
        voice.push(tick, u32::from(tick) * 960, Some(30), &talker.packet(), due - 100);
        let is_heard = voice.pull(due, tick >= 50, &mut out);
        assert_eq!(is_heard, tick >= 50);
        if tick == 49 {
            assert_eq!(voice.counts.decodes, 0);
        }
    }
    assert_eq!(voice.counts.decodes, 50);
}

#[test]
fn a_telephone_is_heard_and_its_losses_are_made_up() {
    let mut voice = Voice::new(AudioFormat::Pcma);
    let mut out = [0.0; FRAME_SAMPLES];
    let mut power = 0.0;
    for tick in 0..100_u16 {
        let due = 5_000 + i64::from(tick) * 960;
        let payload: Vec<u8> = (0..160)
            .map(|n| {
                let time = (f32::from(tick) * 160.0 + n as f32) / 8000.0;
                Law::A.encode((9000.0 * (time * 440.0 * core::f32::consts::TAU).sin()) as i16)
            })
            .collect();
        if tick % 20 != 13 {
            voice.push(tick, u32::from(tick) * 160, None, &payload, due - 100);
        }
        voice.pull(due, true, &mut out);
        if tick > 50 {
            power += out.iter().map(|sample| sample * sample).sum::<f32>() / 960.0 / 49.0;
        }
    }
    let expected = (9000.0_f32 / 32768.0).powi(2) / 2.0;
    assert!((power / expected - 1.0).abs() < 0.15, "{power} instead of {expected}");
    assert_eq!(voice.counts.concealed / 960, 5);
    assert!(voice.loudness().is_some_and(|level| level > 100));
}

#[test]
fn bytes_nobody_would_send_do_no_harm() {
    let mut chance = Chance(1);
    for format in [AudioFormat::Opus, AudioFormat::Pcmu] {
        let mut voice = Voice::new(format);
        let mut out = [0.0; FRAME_SAMPLES];
        for tick in 0..2000_i64 {
            for _ in 0..chance.below(4) {
                let payload: Vec<u8> = (0..chance.below(1600)).map(|_| chance.below(256) as u8).collect();
                let wild = chance.below(20) == 0;
                let sequence = if wild { chance.below(65_536) as u16 } else { tick as u16 };
                let timestamp = if chance.below(20) == 0 { chance.below(u32::MAX) } else { tick as u32 * 960 };
                voice.push(sequence, timestamp, Some(chance.below(256) as u8), &payload, tick * 960);
            }
            voice.pull(tick * 960 + 480, tick % 3 != 0, &mut out);
            assert!(voice.ready.len() < 3 * LONGEST_PACKET);
        }
    }
}
