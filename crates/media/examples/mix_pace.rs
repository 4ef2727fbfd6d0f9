//! What mixing costs beside the bare codec work, in the same run.
//!
//! ```sh
//! cargo run --release -p centrale-media --example mix_pace
//! ```
//!
//! Processor time of this thread, not wall clock; machine and bare codecs alternate for some rounds, and medians are printed. The people
//! are synthetic: voices are harmonics with syllables, pictures a moving pattern with grain.

use std::time::Duration;

use bytes::Bytes;
use centrale_codec::opus::{Decoder, Encoder, MAX_PACKET, SampleRate};
use centrale_codec::{Picture, vp8};
use centrale_media::Source;
use centrale_media::mix::{
    AudioFormat, AudioPacket, Composed, Composer, ComposerSettings, Layout, Mixer, MixerSettings, Quality, VideoCodec,
    VideoPacket, View,
};
use centrale_model::{Bitrate, ParticipantId, Time};

const FRAME: usize = 960;
const ROUNDS: usize = 5;

fn main() {
    println!("audio, µs of processor time per participant and 20 ms frame (complexity 4, 40 kbit/s)");
    for (people, talking) in [(100, 3), (40, 40), (20, 1)] {
        audio(people, talking);
    }
    println!("video, ms of processor time per composed picture");
    video(4, Quality::Medium, 16);
    video(4, Quality::High, 16);
    video(9, Quality::High, 16);
}

fn id(number: usize) -> ParticipantId {
    ParticipantId::from_u128((number as u128) << 64 | number as u128)
}

/// Processor time that this thread has used.
fn used() -> Duration {
    let text = std::fs::read_to_string("/proc/thread-self/schedstat").unwrap_or_default();
    let nanos = text.split(' ').next().and_then(|word| word.parse().ok()).unwrap_or(0);
    Duration::from_nanos(nanos)
}

fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values.get(values.len() / 2).copied().unwrap_or(0.0)
}

/// A second of some voice, encoded.
fn voice(number: usize) -> Vec<Vec<u8>> {
    let mut encoder = Encoder::new(SampleRate::Full).expect("memory");
    encoder.set_bitrate(40_000);
    let mut phase = 0.0_f32;
    (0..50)
        .map(|frame| {
            let sound: Vec<f32> = (0..FRAME)
                .map(|n| {
                    let time = (frame * FRAME + n) as f32 / 48_000.0;
                    let pitch = 95.0 + 7.0 * number as f32 + 14.0 * (time * std::f32::consts::TAU).sin();
                    phase = (phase + pitch / 48_000.0).fract();
                    let harmonic = |k: i32| (phase * k as f32 * std::f32::consts::TAU).sin() / k as f32;
                    (1..24).map(harmonic).sum::<f32>() * 0.06 * (0.55 + 0.45 * (time * 25.13).sin())
                })
                .collect();
            let mut packet = [0; MAX_PACKET];
            let length = encoder.encode(&sound, &mut packet).expect("20 ms");
            packet[..length].to_vec()
        })
        .collect()
}

fn audio(people: usize, talking: usize) {
    let voices: Vec<Vec<Vec<u8>>> = (0..talking).map(voice).collect();
    let settings = MixerSettings { complexity: 4, bitrate: Bitrate::from_kilobits(40), ..MixerSettings::default() };
    let mut now = Time::ZERO;
    let mut mixer = Mixer::new(settings, now);
    for number in 0..people {
        mixer.add_speaker(id(number), AudioFormat::Opus);
        mixer.add_listener(id(number), AudioFormat::Opus);
    }
    let mut bare = BareAudio::new(talking, if talking < people { 1 } else { 0 });
    let (mut mixed, mut coded, mut longest) = (Vec::new(), Vec::new(), Duration::ZERO);
    let mut frame = 0_usize;
    for round in 0..=ROUNDS {
        let before = used();
        for _ in 0..50 {
            for number in 0..people {
                let payload = voices.get(number).map_or(&[0xF8, 0xFF, 0xFE][..], |voice| &voice[frame % 50]);
                let packet = AudioPacket {
                    sequence: frame as u16,
                    timestamp: (frame * FRAME) as u32,
                    level: Some(if number < talking { 30 } else { 127 }),
                    payload,
                };
                mixer.push(id(number), packet, now + Duration::from_millis(5));
            }
            now = now + Duration::from_millis(20);
            let began = used();
            mixer.tick(now);
            while mixer.poll().is_some() {}
            longest = longest.max(used() - began);
            frame += 1;
        }
        let middle = used();
        for frame in 0..50 {
            bare.frame(&voices, frame);
        }
        let after = used();
        // The first round warms up.
        if round > 0 {
            let each = |time: Duration| time.as_secs_f64() * 1e6 / 50.0 / people as f64;
            mixed.push(each(middle - before));
            coded.push(each(after - middle));
        }
    }
    let ratios = median(mixed.iter().zip(&coded).map(|(mixed, coded)| mixed / coded).collect());
    let stats = mixer.stats();
    println!(
        "  {people:3} people, {talking:2} talk: {:7.2} with the mixer, {:7.2} bare, ratio {ratios:.3}; {:.1} encodes and {:.1} decodes a frame, \
         longest tick {:.1} ms, {} made up, {} late",
        median(mixed),
        median(coded),
        (stats.own_encodes + stats.shared_encodes) as f64 / stats.frames as f64,
        stats.decodes as f64 / stats.frames as f64,
        longest.as_secs_f64() * 1e3,
        stats.concealed,
        stats.late,
    );
}

/// As many decodes and encodes as the mix needs at least.
struct BareAudio {
    decoders: Vec<Decoder>,
    encoders: Vec<Encoder>,
    sound: Vec<[f32; FRAME]>,
}

impl BareAudio {
    fn new(talking: usize, silent: usize) -> BareAudio {
        let encoder = |_| {
            let mut encoder = Encoder::new(SampleRate::Full).expect("memory");
            encoder.set_bitrate(40_000);
            encoder.set_complexity(4);
            encoder.set_redundant(true);
            encoder
        };
        BareAudio {
            decoders: (0..talking).map(|_| Decoder::new(SampleRate::Full).expect("memory")).collect(),
            encoders: (0..talking + silent).map(encoder).collect(),
            sound: vec![[0.0; FRAME]; talking],
        }
    }

    fn frame(&mut self, voices: &[Vec<Vec<u8>>], frame: usize) {
        for ((decoder, voice), sound) in self.decoders.iter_mut().zip(voices).zip(&mut self.sound) {
            decoder.decode(&voice[frame], sound).expect("a packet");
        }
        for (number, encoder) in self.encoders.iter_mut().enumerate() {
            let mut packet = [0; MAX_PACKET];
            encoder.encode(&self.sound[(number + 1) % self.sound.len()], &mut packet).expect("20 ms");
        }
    }
}

/// A moving pattern with grain: a face in front of a wall takes about as many bits.
fn scene(number: usize, step: usize) -> Picture {
    let mut picture = Picture::new(640, 360);
    let mut grain = (number * 7919 + step * 104_729 + 1) as u32;
    for plane in 0..3 {
        let (data, stride) = picture.plane_mut(plane);
        for (index, pixel) in data.iter_mut().enumerate() {
            let (x, y) = ((index % stride) as f32, (index / stride) as f32);
            grain = grain.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            let scale = if plane == 0 { 1.0 } else { 2.0 };
            let wave = ((x * scale + step as f32 * 1.5) * 0.02 + number as f32).sin()
                + ((y * scale - step as f32) * 0.03).cos();
            *pixel = (120.0 + 35.0 * wave) as u8 + (grain >> 30) as u8;
        }
    }
    picture
}

/// Two seconds of a camera, encoded.
fn camera(number: usize) -> Vec<Vec<u8>> {
    let settings = vp8::Settings { width: 640, height: 360, bitrate: 600_000, frame_rate: 25, speed: 10 };
    let mut encoder = vp8::Encoder::new(settings).expect("memory");
    let mut frames = Vec::new();
    for step in 0..50 {
        let mut frame = Vec::new();
        encoder.encode(&scene(number, step).view(), step == 0, &mut frame).expect("a picture");
        if !frame.is_empty() {
            frames.push(frame);
        }
    }
    frames
}

/// RTP payloads of a VP8 frame (RFC 7741 §4.2): a descriptor of one byte.
fn payloads(frame: &[u8]) -> Vec<Bytes> {
    let parts = frame.chunks(1100).enumerate();
    parts.map(|(index, part)| [&[if index == 0 { 0x10 } else { 0 }], part].concat().into()).collect()
}

fn video(senders: usize, quality: Quality, viewers: usize) {
    let cameras: Vec<Vec<Vec<u8>>> = (0..senders).map(camera).collect();
    let layout = Layout::Grid;
    let mut now = Time::ZERO;
    let mut composer = Composer::new(ComposerSettings::default(), now);
    for number in 0..senders {
        composer.set_person(id(number), "Somebody Example");
    }
    for number in 0..viewers {
        composer.set_viewer(id(1000 + number), View { codec: VideoCodec::Vp8, layout, quality });
    }
    let (width, height) = quality.size();
    let rate = if quality == Quality::High { 1_500_000 } else { 600_000 };
    let settings = vp8::Settings { width, height, bitrate: rate, frame_rate: 25, speed: 12 };
    let mut encoder = vp8::Encoder::new(settings).expect("memory");
    let mut decoders: Vec<vp8::Decoder> = (0..senders).map(|_| vp8::Decoder::new().expect("memory")).collect();
    let (mut composed, mut coded, mut bytes) = (Vec::new(), Vec::new(), 0);
    let mut sequences = vec![0_u16; senders];
    let mut pictures = 0_u64;
    for round in 0..=ROUNDS {
        let mut shown = Vec::new();
        let mut spent = Duration::ZERO;
        for step in 0..50 {
            for (number, camera) in cameras.iter().enumerate() {
                let payloads = payloads(&camera[step % camera.len()]);
                let last = payloads.len() - 1;
                for (index, payload) in payloads.into_iter().enumerate() {
                    sequences[number] = sequences[number].wrapping_add(1);
                    let packet = VideoPacket {
                        codec: VideoCodec::Vp8,
                        ssrc: number as u32,
                        sequence: sequences[number],
                        timestamp: (round * 50 + step) as u32 * 3600,
                        is_marked: index == last,
                        quarter_turns: 0,
                        payload,
                    };
                    composer.push(id(number), Source::Camera, packet, now);
                }
            }
            let before = used();
            composer.tick(now);
            while let Some(made) = composer.poll() {
                if let Composed::Frame { payloads, .. } = made {
                    bytes += payloads.iter().map(Bytes::len).sum::<usize>();
                }
            }
            spent += used() - before;
            pictures += 1;
            now = now + Duration::from_millis(40);
            // What the bare encoder is given: the same pictures.
            shown.push(composer.picture(layout).map(|picture| picture.to_picture()).unwrap_or_default());
        }
        let before = used();
        let mut frame = Vec::new();
        for (step, picture) in shown.iter().enumerate() {
            for (decoder, camera) in decoders.iter_mut().zip(&cameras) {
                decoder.decode(&camera[step % camera.len()]).expect("a frame");
            }
            frame.clear();
            encoder.encode(&picture.view(), round == 0 && step == 0, &mut frame).expect("a picture");
        }
        let bare = used() - before;
        if round > 0 {
            composed.push(spent.as_secs_f64() * 1e3 / 50.0);
            coded.push(bare.as_secs_f64() * 1e3 / 50.0);
        }
    }
    let ratio = median(composed.iter().zip(&coded).map(|(composed, coded)| composed / coded).collect());
    let stats = composer.stats();
    println!(
        "  {senders} senders of 640x360 into {width}x{height} for {viewers}: {:.2} with the composer, {:.2} bare ({senders} decodes and 1 encode), \
         ratio {ratio:.3}; {:.0} kbit/s, {} decodes, {} encodes, {} broken",
        median(composed),
        median(coded),
        bytes as f64 * 8.0 / (pictures as f64 / 25.0) / 1e3,
        stats.decodes,
        stats.encodes,
        stats.broken,
    );
}
