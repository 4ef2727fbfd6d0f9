use centrale_codec::opus::{Decoder, Encoder, MAX_PACKET, SampleRate};

use super::*;

const MILLI: Duration = Duration::from_millis(1);

fn id(number: usize) -> ParticipantId {
    ParticipantId::from_u128(number as u128 + 1)
}

fn hertz(number: usize) -> f32 {
    300.0 + 150.0 * number as f32
}

/// A participant that sends a tone of its own and listens.
struct Person {
    id: ParticipantId,
    encoder: Encoder,
    decoder: Decoder,
    heard: Vec<f32>,
    sent: Vec<f32>,
    sequence: u16,
}

/// People around a mixer, on a network that loses nothing.
struct Room {
    mixer: Mixer,
    people: Vec<Person>,
    now: Time,
    tick: usize,
    packets: Vec<Mixed>,
}

impl Room {
    fn new(people: usize, settings: MixerSettings) -> Room {
        let now = Time::from_millis(5000);
        let mut mixer = Mixer::new(settings, now);
        let people = (0..people)
            .map(|number| {
                mixer.add_speaker(id(number), AudioFormat::Opus);
                mixer.add_listener(id(number), AudioFormat::Opus);
                let mut encoder = Encoder::new(SampleRate::Full).unwrap();
                encoder.set_bitrate(64_000);
                Person {
                    id: id(number),
                    encoder,
                    decoder: Decoder::new(SampleRate::Full).unwrap(),
                    heard: Vec::new(),
                    sent: Vec::new(),
                    sequence: number as u16,
                }
            })
            .collect();
        Room { mixer, people, now, tick: 0, packets: Vec::new() }
    }

    /// 20 ms: `speak` says what sample each person says at a time in seconds; silence when it gives nothing.
    fn pass(&mut self, speak: impl Fn(usize, f32) -> Option<f32>) {
        for (number, person) in self.people.iter_mut().enumerate() {
            let time = |n: usize| (self.tick * FRAME_SAMPLES + n) as f32 / 48_000.0;
            let is_talking = speak(number, time(0)).is_some();
            let sound: Vec<f32> = (0..FRAME_SAMPLES).map(|n| speak(number, time(n)).unwrap_or(0.0)).collect();
            let mut payload = [0; MAX_PACKET];
            let length = person.encoder.encode(&sound, &mut payload).unwrap();
            person.sent.extend(sound);
            let packet = AudioPacket {
                sequence: person.sequence,
                timestamp: (self.tick * FRAME_SAMPLES) as u32,
                level: Some(if is_talking { 15 } else { 127 }),
                payload: &payload[..length],
            };
            person.sequence = person.sequence.wrapping_add(1);
            self.mixer.push(person.id, packet, self.now + 7 * MILLI);
        }
        self.now = self.now + FRAME;
        assert_eq!(self.mixer.timeout(), Some(self.now));
        self.mixer.tick(self.now);
        self.packets = std::iter::from_fn(|| self.mixer.poll()).collect();
        for person in &mut self.people {
            let from = person.heard.len();
            person.heard.resize(from + FRAME_SAMPLES, 0.0);
            if let Some(packet) = self.packets.iter().find(|packet| packet.listener == person.id) {
                assert_eq!(packet.timestamp as usize, self.tick * FRAME_SAMPLES);
                person.decoder.decode(&packet.payload, &mut person.heard[from..]).unwrap();
            }
        }
        self.tick += 1;
    }
}

/// Amplitude of a frequency.
fn amplitude(sound: &[f32], hertz: f32) -> f32 {
    let (mut re, mut im) = (0.0_f64, 0.0_f64);
    for (n, sample) in sound.iter().enumerate() {
        let phase = n as f64 * f64::from(hertz) * core::f64::consts::TAU / 48_000.0;
        re += f64::from(*sample) * phase.cos();
        im += f64::from(*sample) * phase.sin();
    }
    (2.0 * (re * re + im * im).sqrt() / sound.len() as f64) as f32
}

fn tone(number: usize, time: f32) -> f32 {
    0.1 * (time * hertz(number) * core::f32::consts::TAU).sin()
}

#[test]
fn each_hears_everybody_but_itself() {
    let settings = MixerSettings { bitrate: Bitrate::from_kilobits(64), complexity: 8, ..Default::default() };
    let mut room = Room::new(5, settings);
    for _ in 0..60 {
        // The fifth is silent.
        room.pass(|number, time| (number < 4).then(|| tone(number, time)));
    }
    for (listener, person) in room.people.iter().enumerate() {
        let sound = &person.heard[person.heard.len() - 24_000..];
        for speaker in 0..4 {
            let decibels = 20.0 * (amplitude(sound, hertz(speaker)) / 0.1).log10();
            if speaker == listener {
                assert!(decibels < -30.0, "{listener} hears itself at {decibels} dB");
            } else {
                assert!(decibels.abs() < 3.0, "{listener} hears {speaker} at {decibels} dB");
            }
        }
        assert!(amplitude(sound, hertz(4)) < 0.003);
    }
    let stats = room.mixer.stats();
    assert_eq!((stats.concealed, stats.late, stats.limited), (0, 0, 0), "{stats:?}");
    assert_eq!(stats.frames, 60);
}

#[test]
fn who_is_silent_shares_one_encode() {
    let mut room = Room::new(30, MixerSettings::default());
    for _ in 0..20 {
        room.pass(|number, time| (number < 3).then(|| tone(number, time)));
    }
    let before = room.mixer.stats();
    for _ in 0..10 {
        room.pass(|number, time| (number < 3).then(|| tone(number, time)));
    }
    let after = room.mixer.stats();
    assert_eq!(after.shared_encodes - before.shared_encodes, 10);
    assert_eq!(after.own_encodes - before.own_encodes, 30);
    assert_eq!(after.decodes - before.decodes, 30);
    assert_eq!(room.packets.len(), 30);
    let shared: Vec<&Mixed> = room.packets.iter().filter(|packet| packet.listener >= id(3)).collect();
    assert!(shared.iter().all(|packet| packet.payload.as_ptr() == shared[0].payload.as_ptr()));
    assert_eq!(room.mixer.heard().collect::<Vec<_>>(), [id(0), id(1), id(2)]);
}

#[test]
fn twenty_loud_voices_do_not_clip() {
    let mut room = Room::new(21, MixerSettings { complexity: 0, ..Default::default() });
    for _ in 0..50 {
        room.pass(|number, time| (number < 20).then(|| 9.0 * tone(number, time)));
    }
    assert!(room.mixer.stats().limited > 0);
    let loudest = room.people[20].heard.iter().fold(0.0_f32, |peak, sample| peak.max(sample.abs()));
    // The codec overshoots what it is given by a little.
    assert!((0.5..1.12).contains(&loudest), "{loudest}");
    // It is turned down, not cut off: the voices keep their ratio and there is little between them.
    let sound = &room.people[20].heard[24_000..];
    let (low, high) = (0..20)
        .map(|number| amplitude(sound, hertz(number)))
        .fold((9.0_f32, 0.0_f32), |(low, high), a| (low.min(a), high.max(a)));
    assert!(high / low < 3.0, "{low}..{high}");
    assert!(amplitude(sound, hertz(30)) < low / 4.0);
}

#[test]
fn only_so_many_voices_are_heard_and_whoever_has_the_floor_keeps_it() {
    let mut room = Room::new(6, MixerSettings { max_voices: Some(2), ..Default::default() });
    for _ in 0..30 {
        room.pass(|number, time| (number < 5).then(|| tone(number, time)));
    }
    let heard: Vec<ParticipantId> = room.mixer.heard().collect();
    // All are equally loud: more than two can be chosen only while one fades into another.
    assert!(heard.len() >= 2);
    room.mixer.remove_speaker(id(0));
    room.mixer.remove_speaker(id(1));
    for _ in 0..3 {
        room.pass(|number, time| (number < 5).then(|| tone(number, time)));
    }
    assert!(room.mixer.heard().all(|speaker| speaker > id(1)));
}

#[test]
fn silence_is_not_sent_but_for_a_heartbeat() {
    let mut room = Room::new(3, MixerSettings::default());
    for _ in 0..30 {
        room.pass(|number, time| (number == 0).then(|| tone(number, time)));
    }
    assert_eq!(room.packets.len(), 2, "the speaker hears nothing");
    let mut sent = 0;
    for _ in 0..100 {
        room.pass(|_, _| None);
        sent += room.packets.len();
    }
    // The hangover and the lingering, then four heartbeats, for three listeners.
    assert!((20..100).contains(&sent), "{sent}");
    for _ in 0..5 {
        room.pass(|number, time| (number == 1).then(|| tone(number, time)));
        if !room.packets.is_empty() {
            break;
        }
    }
    assert!(room.packets.iter().all(|packet| packet.is_marked) && !room.packets.is_empty());
    let continuous = MixerSettings { is_discontinuous: false, ..Default::default() };
    let mut room = Room::new(2, continuous);
    for _ in 0..50 {
        room.pass(|_, _| None);
        assert_eq!(room.packets.len(), 2);
    }
}

#[test]
fn a_change_from_shared_to_own_and_back_is_not_heard() {
    let settings = MixerSettings { bitrate: Bitrate::from_kilobits(64), ..Default::default() };
    let mut room = Room::new(3, settings);
    for tick in 0..240 {
        // The first talks all the time; the second says a word now and then, so that its own encoder comes and goes.
        let is_word = tick % 80 < 10;
        room.pass(|number, time| match number {
            0 => Some(tone(0, time)),
            1 if is_word => Some(tone(1, time)),
            _ => None,
        });
    }
    // What the second hears is one tone throughout: what is not the tone is small everywhere.
    let heard = &room.people[1].heard[9600..];
    let mut worst = 0.0_f32;
    for window in heard.chunks_exact(480) {
        // A tone obeys x[n+1] + x[n-1] = 2 cos(w) x[n].
        let cosine = 2.0 * (hertz(0) * core::f32::consts::TAU / 48_000.0).cos();
        for three in window.windows(3) {
            worst = worst.max((three[2] + three[0] - cosine * three[1]).abs());
        }
    }
    assert!(worst < 0.02, "{worst}");
    assert!(room.mixer.stats().own_encodes > 100);
}

#[test]
fn muted_voices_and_those_that_left_are_gone() {
    let mut room = Room::new(3, MixerSettings::default());
    let speak = |number: usize, time: f32| (number < 2).then(|| tone(number, time));
    for _ in 0..20 {
        room.pass(speak);
    }
    room.mixer.set_muted(id(0), true);
    room.mixer.remove_speaker(id(1));
    for _ in 0..3 {
        room.pass(speak);
    }
    assert_eq!(room.mixer.heard().count(), 0);
    room.mixer.set_muted(id(0), false);
    for _ in 0..10 {
        room.pass(speak);
    }
    assert_eq!(room.mixer.heard().collect::<Vec<_>>(), [id(0)]);
}

#[test]
fn deadlines_are_20_ms_apart_and_made_up_for_after_a_stall() {
    let mut mixer = Mixer::new(MixerSettings { is_discontinuous: false, ..Default::default() }, Time::from_millis(100));
    assert_eq!(mixer.timeout(), None);
    mixer.add_listener(id(0), AudioFormat::Opus);
    assert_eq!(mixer.timeout(), Some(Time::from_millis(120)));
    mixer.tick(Time::from_millis(119));
    assert!(mixer.poll().is_none());
    let timestamps = |mixer: &mut Mixer, now: u64| {
        let mut timestamps = Vec::new();
        while mixer.timeout().is_some_and(|due| due <= Time::from_millis(now)) {
            mixer.tick(Time::from_millis(now));
            timestamps.extend(std::iter::from_fn(|| mixer.poll()).map(|packet| packet.timestamp / 960));
        }
        timestamps
    };
    assert_eq!(timestamps(&mut mixer, 121), [0]);
    assert_eq!(timestamps(&mut mixer, 205), [1, 2, 3, 4]);
    assert_eq!(mixer.stats().late, 3);
    // 795 ms behind: 39 frames are left out, and time goes on.
    assert_eq!(timestamps(&mut mixer, 1015), [44]);
    assert_eq!((mixer.stats().skipped, mixer.stats().frames), (39, 6));
    assert_eq!(mixer.timeout(), Some(Time::from_millis(1020)));
}

#[test]
fn telephones_take_part() {
    let mut room = Room::new(2, MixerSettings::default());
    let (mu, a) = (id(10), id(11));
    room.mixer.add_listener(mu, AudioFormat::Pcmu);
    room.mixer.add_listener(a, AudioFormat::Pcma);
    let mut heard = Vec::new();
    for _ in 0..40 {
        room.pass(|number, time| (number == 0).then(|| tone(0, time)));
        // `pass` asserts time stamps for its own people only; telephones count in 8 kHz.
        let packet = room.packets.iter().find(|packet| packet.listener == mu).unwrap();
        assert_eq!(packet.timestamp as usize, (room.tick - 1) * 160);
        assert_eq!(packet.payload.len(), 160);
        let law = centrale_codec::g711::Law::Mu;
        heard.extend(packet.payload.iter().map(|byte| f32::from(law.decode(*byte)) / 32_768.0));
        assert!(room.packets.iter().any(|packet| packet.listener == a && packet.payload.len() == 160));
    }
    let sound = &heard[3200..];
    // 300 Hz at 8 kHz is 1,800 Hz at 48.
    let decibels = 20.0 * (amplitude(sound, hertz(0) * 6.0) / 0.1).log10();
    assert!(decibels.abs() < 1.5, "{decibels}");
}

#[test]
fn a_mix_is_as_like_the_sum_as_the_codec_allows() {
    let voice = |number: usize, time: f32| {
        let pitch = 110.0 + 35.0 * number as f32 + 8.0 * (time * (1.0 + number as f32)).sin();
        let syllable = 0.5 + 0.5 * (time * (9.0 + 2.0 * number as f32)).sin();
        (1..10).map(|k| (time * pitch * k as f32 * core::f32::consts::TAU).sin() * 0.08 / k as f32).sum::<f32>()
            * syllable
    };
    let settings = MixerSettings { bitrate: Bitrate::from_kilobits(64), complexity: 9, ..Default::default() };
    let mut room = Room::new(4, settings);
    for _ in 0..200 {
        room.pass(|number, time| (number < 3).then(|| voice(number, time)));
    }
    let ideal: Vec<f32> =
        (0..room.people[0].sent.len()).map(|n| room.people[..3].iter().map(|person| person.sent[n]).sum()).collect();
    let (delay, decibels) = best_likeness(&ideal, &room.people[3].heard);
    println!("segmental SNR {decibels:.1} dB at a delay of {:.1} ms", delay as f32 / 48.0);
    assert!(decibels > 9.0, "{decibels}");
    // Two codecs of 6.5 ms look-ahead, and less than a frame of waiting.
    assert!(delay < 48 * 34, "{delay}");
}

/// Segmental signal-to-noise ratio, in decibels, at the delay at which it is best, in samples.
fn best_likeness(ideal: &[f32], heard: &[f32]) -> (usize, f32) {
    let ratio = |delay: usize| {
        let (mut sum, mut count) = (0.0, 0);
        // By then the delay has settled.
        for from in (96_000..ideal.len() - 48 * 100 - 960).step_by(1920) {
            let (mut signal, mut noise) = (1e-9, 1e-9);
            for n in from..from + 960 {
                signal += ideal[n] * ideal[n];
                noise += (ideal[n] - heard[n + delay]).powi(2);
            }
            sum += (10.0_f32 * (signal / noise).log10()).clamp(-10.0, 35.0);
            count += 1;
        }
        sum / count as f32
    };
    let coarse = (0..48 * 60).step_by(12).max_by(|a, b| ratio(*a).total_cmp(&ratio(*b))).unwrap();
    let best = (coarse.saturating_sub(12)..coarse + 12).max_by(|a, b| ratio(*a).total_cmp(&ratio(*b))).unwrap();
    (best, ratio(best))
}
