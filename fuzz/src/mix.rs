//! `media_mix`: the mixer and the composer, fed with packets that were made by codecs and then broken, in any order, at any time.
//!
//! What comes out must be what a receiver can use: at most one frame for each listener and tick, payloads within their bound, and sound and
//! pictures that decode.

use std::collections::BTreeSet;
use std::sync::OnceLock;
use std::time::Duration;

use centrale_codec::opus::{self, MAX_PACKET, SampleRate};
use centrale_codec::{Picture, h264, vp8};
use centrale_media::Source;
use centrale_media::mix::{
    AudioFormat, AudioPacket, Composed, Composer, ComposerSettings, Layout, Mixer, MixerSettings, Quality, VideoCodec,
    VideoPacket, View,
};
use centrale_model::{Bitrate, ParticipantId, Time};

use crate::bytes::Bytes;
use crate::reach::reached;

const FORMATS: [AudioFormat; 3] = [AudioFormat::Opus, AudioFormat::Pcmu, AudioFormat::Pcma];
const QUALITIES: [Quality; 3] = [Quality::Low, Quality::Low, Quality::Medium];
const LAYOUTS: [Layout; 3] = [Layout::Auto, Layout::Grid, Layout::Speaker];
const SETTINGS: vp8::Settings = vp8::Settings { width: 96, height: 64, bitrate: 80_000, frame_rate: 25, speed: 12 };
const MAX_PAYLOAD: usize = 400;

/// What honest senders send.
struct Honest {
    sound: Vec<Vec<u8>>,
    /// Payloads of VP8 frames, one each, the first a key frame; and of H.264.
    vp8: Vec<Vec<u8>>,
    h264: Vec<Vec<u8>>,
}

/// The target.
///
/// # Panics
/// When a machine panics, or gives what it ought not to.
pub fn media_mix(bytes: &[u8]) {
    let mut bytes = Bytes::new(bytes);
    let settings = MixerSettings { complexity: 0, max_voices: Some(2), ..MixerSettings::default() };
    let pictures = ComposerSettings { frame_rate: 25, max_payload: MAX_PAYLOAD };
    let mut world = World {
        mixer: Mixer::new(settings, Time::ZERO),
        composer: Composer::new(pictures, Time::ZERO),
        eyes: (0..3).map(|_| vp8::Decoder::new().expect("memory")).collect(),
        now: Time::ZERO,
        sequence: 0,
    };
    world.mixer.add_speaker(id(0), AudioFormat::Opus);
    world.mixer.add_listener(id(0), AudioFormat::Opus);
    world.mixer.add_listener(id(1), AudioFormat::Opus);
    world.composer.set_person(id(0), "Fuzz");
    world.composer.set_viewer(id(0), View { codec: VideoCodec::Vp8, layout: Layout::Auto, quality: Quality::Low });
    let mut steps = 0;
    while !bytes.is_empty() && steps < 60 {
        world.step(&mut bytes);
        steps += 1;
    }
    let (heard, seen) = (world.mixer.stats(), world.composer.stats());
    reached([
        ("sound decoded", heard.decodes),
        ("sound made up", heard.concealed),
        ("sound too late", heard.discarded),
        ("mixes", heard.own_encodes + heard.shared_encodes),
        ("pictures decoded", seen.decodes - seen.broken),
        ("pictures broken", seen.broken),
        ("pictures encoded", seen.encodes),
    ]);
}

struct World {
    mixer: Mixer,
    composer: Composer,
    /// What viewers see, as far as it is VP8.
    eyes: Vec<vp8::Decoder>,
    now: Time,
    sequence: u16,
}

impl World {
    /// What, who, and details.
    fn step(&mut self, bytes: &mut Bytes<'_>) {
        let (what, who, detail) = (bytes.below(16), bytes.below(3), bytes.byte());
        let flag = detail & 1 == 1;
        match what {
            0..=3 => self.say(who, detail, bytes),
            4..=7 => self.show(who, detail, bytes),
            8 | 9 => {
                self.now = self.now + Duration::from_millis(u64::from(detail) * if what == 9 { 1 } else { 20 } / 8);
                self.tick();
            }
            10 if flag => self.mixer.add_speaker(id(who), FORMATS[usize::from(detail >> 1) % 3]),
            10 => self.mixer.remove_speaker(id(who)),
            11 if flag => self.mixer.add_listener(id(who), FORMATS[usize::from(detail >> 1) % 3]),
            11 => self.mixer.remove_listener(id(who)),
            12 => {
                self.mixer.set_muted(id(who), flag);
                self.mixer.set_loss(id(who), detail);
                self.mixer.spent(Duration::from_millis(u64::from(detail)));
                self.composer.spent(Duration::from_millis(u64::from(detail)));
                self.composer.set_bandwidth(id(who), Bitrate(u64::from(detail) * 8000));
            }
            13 if flag => self.composer.set_person(id(who), &String::from_utf8_lossy(bytes.take(20))),
            13 => self.composer.remove_person(id(who)),
            14 => {
                let (codec, place) = (codec_of(detail), usize::from(detail >> 1));
                let view = View { codec, layout: LAYOUTS[place % 3], quality: QUALITIES[place / 3 % 3] };
                if flag {
                    self.composer.remove_viewer(id(who));
                } else {
                    self.composer.set_viewer(id(who), view);
                }
            }
            _ => {
                self.composer.set_speakers(&[id(who), id(9)], &[id(who)]);
                self.composer.set_spotlight(&[id(usize::from(detail)), id(who)][..usize::from(detail % 3)]);
                self.composer.set_sending(id(who), source_of(detail), flag);
                self.composer.request_key_frame(id(who));
            }
        }
    }

    fn say(&mut self, who: usize, detail: u8, bytes: &mut Bytes<'_>) {
        let sound = &honest().sound;
        let payload = broken(&sound[usize::from(detail) % sound.len()], detail, bytes);
        let jump = if detail & 0x40 != 0 { bytes.word() } else { u16::from(detail & 3) };
        self.sequence = self.sequence.wrapping_add(jump);
        let timestamp =
            u32::from(self.sequence) * 960 + if detail & 0x20 != 0 { u32::from(bytes.word()) << 12 } else { 0 };
        let level = (detail & 0x10 == 0).then_some(detail & 0x7F);
        let packet = AudioPacket { sequence: self.sequence, timestamp, level, payload: &payload };
        self.mixer.push(id(who), packet, self.now);
    }

    fn show(&mut self, who: usize, detail: u8, bytes: &mut Bytes<'_>) {
        let codec = codec_of(detail);
        let frames = if codec == VideoCodec::Vp8 { &honest().vp8 } else { &honest().h264 };
        let place = bytes.below(frames.len());
        let payload = broken(&frames[place], detail, bytes);
        let packet = VideoPacket {
            codec,
            ssrc: u32::from(detail >> 6),
            sequence: (place as u16).wrapping_add(if detail & 0x20 != 0 { bytes.word() } else { 0 }),
            timestamp: place as u32 * 3600,
            is_marked: detail & 0x10 == 0,
            quarter_turns: detail >> 2 & 3,
            payload: payload.into(),
        };
        self.composer.push(id(who), source_of(detail >> 1), packet, self.now);
    }

    fn tick(&mut self) {
        let mut ticks = 0;
        while self.mixer.timeout().is_some_and(|due| due <= self.now) {
            self.mixer.tick(self.now);
            let mut listeners = BTreeSet::new();
            while let Some(mixed) = self.mixer.poll() {
                assert!(listeners.insert(mixed.listener), "one frame for each listener");
                let is_sound = opus::samples(&mixed.payload, SampleRate::Full) == Some(960);
                assert!(is_sound || mixed.payload.len() == 160, "20 ms of Opus or G.711");
            }
            ticks += 1;
            assert!(ticks <= 12, "a stall is made up for within bounds");
        }
        self.composer.tick(self.now);
        assert!(self.composer.timeout().is_none_or(|due| due > self.now));
        while let Some(composed) = self.composer.poll() {
            let Composed::Frame { viewers, is_key, payloads, .. } = composed else { continue };
            assert!(!payloads.is_empty() && payloads.iter().all(|each| (1..=MAX_PAYLOAD).contains(&each.len())));
            // The first byte of our VP8 is a descriptor with an extension and nothing else, or the beginning (RFC 7741 §4.2).
            if matches!(payloads[0][..2], [0x90, 0x80]) {
                let frame: Vec<u8> = payloads.iter().flat_map(|each| each[4..].to_vec()).collect();
                assert_eq!(vp8::is_key(&frame), is_key);
                for viewer in viewers {
                    let eye = &mut self.eyes[viewer.to_u128() as usize - 1];
                    eye.decode(&frame).expect("what is sent can be decoded by whom it is sent to");
                }
            }
        }
        for tile in self.composer.visible() {
            assert!(tile.width > 0 && tile.height > 0);
        }
    }
}

fn id(number: usize) -> ParticipantId {
    ParticipantId::from_u128(number as u128 + 1)
}

fn codec_of(detail: u8) -> VideoCodec {
    if detail & 8 == 0 { VideoCodec::Vp8 } else { VideoCodec::H264 }
}

fn source_of(detail: u8) -> Source {
    if detail & 6 == 0 { Source::Screen } else { Source::Camera }
}

/// An honest payload with some bytes replaced, or bytes of nobody's.
fn broken(payload: &[u8], detail: u8, bytes: &mut Bytes<'_>) -> Vec<u8> {
    match detail >> 5 {
        0..=4 => payload.to_vec(),
        5 | 6 => {
            let mut payload = payload.to_vec();
            let at = usize::from(bytes.word()) % payload.len();
            for (byte, other) in payload[at..].iter_mut().zip(bytes.take(4)) {
                *byte = *other;
            }
            payload
        }
        _ => bytes.take(24).to_vec(),
    }
}

fn honest() -> &'static Honest {
    static HONEST: OnceLock<Honest> = OnceLock::new();
    HONEST.get_or_init(|| {
        let mut encoder = opus::Encoder::new(SampleRate::Full).expect("memory");
        encoder.set_complexity(0);
        let sound = (0..8)
            .map(|frame| {
                let sound: Vec<f32> = (0..960).map(|n| ((frame * 960 + n) as f32 * 0.05).sin() * 0.3).collect();
                let mut packet = [0; MAX_PACKET];
                let length = encoder.encode(&sound, &mut packet).expect("20 ms");
                packet[..length].to_vec()
            })
            .collect();
        let mut first = vp8::Encoder::new(SETTINGS).expect("memory");
        let mut second = h264::Encoder::new(SETTINGS).expect("memory");
        let (mut small, mut other) = (Vec::new(), Vec::new());
        for step in 0..6_usize {
            let mut picture = Picture::new(96, 64);
            picture.plane_mut(0).0.iter_mut().enumerate().for_each(|(n, pixel)| *pixel = (n * 3 + step * 9) as u8);
            // One payload each: the begin bit of RFC 7741, no extension.
            let mut frame = vec![0x10];
            first.encode(&picture.view(), false, &mut frame).expect("a picture");
            small.push(frame);
            let mut frame = Vec::new();
            second.encode(&picture.view(), false, &mut frame).expect("a picture");
            // An aggregate (RFC 6184 §5.7.1) carries all units of a frame.
            let mut payload = vec![0x78];
            for unit in h264::units(&frame) {
                payload.extend((unit.len() as u16).to_be_bytes());
                payload.extend(unit);
            }
            other.push(payload);
        }
        Honest { sound, vp8: small, h264: other }
    })
}

/// A conversation with pictures, a stall, and a change of everything.
pub(crate) fn seeds() -> Vec<Vec<u8>> {
    let mut talk = Vec::new();
    let mut watch = Vec::new();
    for frame in 0..14_u8 {
        talk.extend([0, 0, 1, 8, 0, 8]);
        watch.extend([4, 0, 4, frame % 6, 9, 0, 255, 9, 0, 80]);
    }
    let mut change = watch.clone();
    change.extend([
        13, 1, 1, b'A', b'd', b'a', 15, 1, 5, 14, 1, 16, 10, 1, 3, 11, 2, 5, 8, 0, 200, 12, 1, 200, 9, 0, 255,
    ]);
    vec![[talk.clone(), change.clone()].concat(), talk, watch, change]
}
