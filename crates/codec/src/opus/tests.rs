use super::*;

const FRAME: usize = 960;

fn tone(hertz: f32, rate: SampleRate, from: usize, samples: usize) -> Vec<f32> {
    (from..from + samples)
        .map(|n| 0.4 * (n as f32 * hertz * core::f32::consts::TAU / rate.hertz() as f32).sin())
        .collect()
}

/// Power of a frequency in some sound, relative to full scale.
fn power(sound: &[f32], hertz: f32, rate: SampleRate) -> f32 {
    let (mut re, mut im) = (0.0, 0.0);
    for (n, sample) in sound.iter().enumerate() {
        let phase = n as f32 * hertz * core::f32::consts::TAU / rate.hertz() as f32;
        re += sample * phase.cos();
        im += sample * phase.sin();
    }
    4.0 * (re * re + im * im) / (sound.len() as f32).powi(2)
}

fn speak(encoder: &mut Encoder, rate: SampleRate, frames: usize) -> Vec<Vec<u8>> {
    let frame = rate.hertz() / 50;
    let mut out = [0; MAX_PACKET];
    (0..frames)
        .map(|n| {
            let length = encoder.encode(&tone(440.0, rate, n * frame, frame), &mut out).unwrap();
            out[..length].to_vec()
        })
        .collect()
}

#[test]
fn a_tone_survives_at_each_rate() {
    for rate in [SampleRate::Narrow, SampleRate::Wide, SampleRate::Full] {
        let mut encoder = Encoder::new(rate).unwrap();
        encoder.set_bitrate(32_000);
        let mut decoder = Decoder::new(rate).unwrap();
        let mut sound = Vec::new();
        let mut out = vec![0.0; rate.hertz() * 120 / 1000];
        for packet in speak(&mut encoder, rate, 25) {
            assert_eq!(samples(&packet, rate), Some(rate.hertz() / 50));
            let count = decoder.decode(&packet, &mut out).unwrap();
            sound.extend_from_slice(&out[..count]);
        }
        let power = power(&sound[sound.len() / 2..], 440.0, rate);
        assert!((power / 0.16 - 1.0).abs() < 0.3, "{rate:?}: {power}");
    }
}

#[test]
fn a_packet_made_at_one_rate_is_heard_at_another() {
    let mut encoder = Encoder::new(SampleRate::Full).unwrap();
    let mut decoder = Decoder::new(SampleRate::Narrow).unwrap();
    let mut sound = Vec::new();
    for packet in speak(&mut encoder, SampleRate::Full, 25) {
        let mut out = [0.0; 160];
        assert_eq!(decoder.decode(&packet, &mut out), Ok(160));
        sound.extend_from_slice(&out);
    }
    assert!(power(&sound[2000..], 440.0, SampleRate::Narrow) > 0.1);
}

#[test]
fn a_lost_packet_is_recovered_from_its_successor() {
    let mut encoder = Encoder::new(SampleRate::Wide).unwrap();
    encoder.set_bitrate(24_000);
    encoder.set_redundant(true);
    encoder.set_loss(20);
    let packets = speak(&mut encoder, SampleRate::Wide, 20);
    assert!(is_redundant(&packets[11]));
    let mut decoder = Decoder::new(SampleRate::Wide).unwrap();
    let mut out = [0.0; 320];
    for packet in &packets[..10] {
        decoder.decode(packet, &mut out).unwrap();
    }
    assert_eq!(decoder.recover(&packets[11], &mut out), Ok(320));
    assert!(power(&out, 440.0, SampleRate::Wide) > 0.05);
}

#[test]
fn what_is_missing_is_made_up_and_fades() {
    let mut encoder = Encoder::new(SampleRate::Full).unwrap();
    let mut decoder = Decoder::new(SampleRate::Full).unwrap();
    let mut out = [0.0; FRAME];
    for packet in speak(&mut encoder, SampleRate::Full, 20) {
        decoder.decode(&packet, &mut out).unwrap();
    }
    let loudness = |sound: &[f32]| sound.iter().map(|sample| sample * sample).sum::<f32>();
    decoder.conceal(&mut out).unwrap();
    let first = loudness(&out);
    for _ in 0..30 {
        decoder.conceal(&mut out).unwrap();
    }
    assert!(first > 1.0 && loudness(&out) < first / 10.0);
}

#[test]
fn silence_needs_no_packets_when_it_may_pause() {
    let mut encoder = Encoder::new(SampleRate::Full).unwrap();
    encoder.set_discontinuous(true);
    let mut out = [0; MAX_PACKET];
    let silent = (0..50)
        .filter(|_| {
            let length = encoder.encode(&[0.0; FRAME], &mut out).unwrap();
            is_silence(&out[..length])
        })
        .count();
    assert!(silent > 30, "{silent} of 50");
}

#[test]
fn nonsense_is_refused() {
    let mut decoder = Decoder::new(SampleRate::Full).unwrap();
    let mut out = [0.0; 5760];
    assert_eq!(decoder.decode(&[], &mut out), Err(CodecError::Corrupt));
    // Code 3 without its count byte (RFC 6716 §3.4, R6).
    assert_eq!(decoder.decode(&[0xFF], &mut out), Err(CodecError::Corrupt));
    assert_eq!(decoder.decode(&[0x08, 1, 2, 3], &mut out[..10]), Err(CodecError::Length));
    assert_eq!(decoder.conceal(&mut out[..100]), Err(CodecError::Length));
    assert_eq!(Encoder::new(SampleRate::Full).unwrap().encode(&out[..100], &mut [0; 100]), Err(CodecError::Length));
    assert!(!is_redundant(&[]) && samples(&[], SampleRate::Full).is_none());
    // Any bytes at all leave the decoder usable.
    let mut state = 1_u32;
    for length in 1..400 {
        let packet: Vec<u8> = (0..length)
            .map(|_| {
                state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
                (state >> 24) as u8
            })
            .collect();
        let _ = decoder.decode(&packet, &mut out);
        let _ = decoder.recover(&packet, &mut out[..960]);
        let _ = is_redundant(&packet);
    }
    assert_eq!(decoder.conceal(&mut out[..960]), Ok(960));
}
