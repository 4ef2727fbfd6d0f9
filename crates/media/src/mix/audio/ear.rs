//! The way out: limits a mix, and encodes it for one listener or for many.

use bytes::Bytes;
use centrale_codec::g711::Law;
use centrale_codec::opus::{self, MAX_PACKET, SampleRate};

use super::limit::Limiter;
use super::resample::Down;
use super::{AudioFormat, FRAME_SAMPLES, MixerSettings};

/// Silent frames that are still sent when there is nothing more to hear: 200 ms, so that the end of a word is not cut.
const LINGER: u32 = 10;

/// In a silence, one frame in so many is sent: each 400 ms, as Opus does itself (RFC 6716 §2.1.9), so that the listener sees a living stream.
const HEARTBEAT: u32 = 20;

/// Loudest sample of a frame that counts as silent: 94 dB below full scale.
const SILENT: f32 = 2e-5;

#[derive(Debug)]
pub(crate) struct Ear {
    coder: Coder,
    limiter: Limiter,
    is_discontinuous: bool,
    /// Silent frames in a row.
    silent: u32,
    /// Number of the last frame that was encoded.
    last: u64,
}

#[derive(Debug)]
enum Coder {
    Opus {
        encoder: opus::Encoder,
        is_independent: bool,
    },
    G711 {
        law: Law,
        down: Box<Down>,
        sound: Vec<f32>,
    },
    /// The library had no memory; nothing is sent.
    None,
}

/// What an Opus encoder is told now and then.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Effort {
    pub(crate) complexity: u8,
    /// Loss to guard against, in per cent.
    pub(crate) loss: u8,
}

impl Ear {
    pub(crate) fn new(format: AudioFormat, settings: &MixerSettings, effort: Effort) -> Ear {
        let g711 = |law| Coder::G711 { law, down: Box::new(Down::new()), sound: Vec::new() };
        let coder = match format {
            AudioFormat::Opus => opus::Encoder::new(SampleRate::Full).map_or(Coder::None, |mut encoder| {
                encoder.set_bitrate(u32::try_from(settings.bitrate.0).unwrap_or(u32::MAX));
                encoder.set_redundant(true);
                encoder.set_discontinuous(settings.is_discontinuous);
                Coder::Opus { encoder, is_independent: false }
            }),
            AudioFormat::Pcmu => g711(Law::Mu),
            AudioFormat::Pcma => g711(Law::A),
        };
        let mut ear =
            Ear { coder, limiter: Limiter::new(), is_discontinuous: settings.is_discontinuous, silent: 0, last: 0 };
        ear.set_effort(effort);
        ear
    }

    pub(crate) fn set_effort(&mut self, effort: Effort) {
        if let Coder::Opus { encoder, .. } = &mut self.coder {
            encoder.set_complexity(effort.complexity);
            encoder.set_loss(effort.loss);
        }
    }

    /// Takes the place of another encoder for some listener: the next frame leans on its predecessors as little as it can, and an encoder that
    /// did not hear the last frame hears it now.
    ///
    /// - `frame`: number of the frame that comes next.
    /// - `before`: the mix of the frame before it.
    pub(crate) fn take_over(&mut self, frame: u64, before: &[f32; FRAME_SAMPLES]) {
        let is_fresh = self.last + 1 != frame;
        match &mut self.coder {
            Coder::Opus { encoder, is_independent } => {
                if is_fresh && self.silent <= LINGER {
                    encoder.reset();
                    let _ = encoder.encode(before, &mut [0; MAX_PACKET]);
                }
                encoder.set_independent(true);
                *is_independent = true;
            }
            Coder::G711 { down, sound, .. } => {
                if is_fresh {
                    sound.clear();
                    down.run(before, sound);
                }
            }
            Coder::None => {}
        }
    }

    /// Goes on where another's gain was, so that a change of encoders is not heard.
    pub(crate) fn limit_like(&mut self, other: &Ear) {
        self.limiter = other.limiter;
    }

    /// Limits and encodes one frame. Gives nothing when it need not be sent, and how many samples were turned down.
    pub(crate) fn encode(&mut self, frame: u64, mix: &mut [f32; FRAME_SAMPLES]) -> (Option<Bytes>, u64) {
        self.last = frame;
        let limited = self.limiter.run(mix);
        let is_silent = mix.iter().all(|sample| sample.abs() < SILENT);
        self.silent = if is_silent { self.silent.saturating_add(1) } else { 0 };
        let is_paused = self.is_discontinuous && self.silent > LINGER;
        let is_heartbeat = is_paused && self.silent.is_multiple_of(HEARTBEAT);
        if is_paused && !is_heartbeat {
            return (None, limited);
        }
        let payload = match &mut self.coder {
            Coder::Opus { encoder, is_independent } => {
                let mut packet = [0; MAX_PACKET];
                if is_heartbeat {
                    encoder.set_discontinuous(false);
                }
                let length = encoder.encode(mix, &mut packet).unwrap_or(0);
                if is_heartbeat {
                    encoder.set_discontinuous(true);
                }
                if core::mem::take(is_independent) {
                    encoder.set_independent(false);
                }
                // An empty packet says "nothing to hear"; so does not sending it.
                (!opus::is_silence(&packet[..length])).then(|| Bytes::copy_from_slice(&packet[..length]))
            }
            Coder::G711 { law, down, sound } => {
                sound.clear();
                down.run(mix, sound);
                let sample = |sample: &f32| law.encode((sample * 32_767.0) as i16);
                Some(sound.iter().map(sample).collect())
            }
            Coder::None => None,
        };
        (payload, limited)
    }
}
