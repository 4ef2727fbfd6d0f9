//! Keeps a mix below full scale without distorting it.
//!
//! The gain of each millisecond is low enough for its loudest sample; it falls within the millisecond before the loud one and rises again over
//! a fifth of a second. Inside one frame that is looked ahead; only a peak in a frame's first millisecond comes without warning, and is rounded off.

/// The loudest that comes out: 0.5 dB below full scale, so that the codec's own overshoot has room.
const CEILING: f32 = 0.944;

/// Samples for which one gain is looked for: 1 ms.
const BLOCK: usize = 48;

/// Part of the way back to full gain in each millisecond. Higher: louder sooner, but the mix is heard to breathe.
const RELEASE: f32 = 0.005;

#[derive(Clone, Copy, Debug)]
pub(crate) struct Limiter {
    gain: f32,
}

impl Limiter {
    pub(crate) fn new() -> Limiter {
        Limiter { gain: 1.0 }
    }

    /// Turns a frame down as far as it must be; gives how many samples were turned down.
    pub(crate) fn run(&mut self, sound: &mut [f32]) -> u64 {
        let loudest = peak(sound);
        if loudest <= CEILING && self.gain >= 1.0 {
            return 0;
        }
        let mut limited = 0;
        let blocks = sound.len().div_ceil(BLOCK);
        for block in 0..blocks {
            let from = block * BLOCK;
            let end = (from + BLOCK).min(sound.len());
            let allowed = allowed(&sound[from..end]);
            // What the next block needs must be reached when it begins.
            let next = if end < sound.len() { self::allowed(&sound[end..(end + BLOCK).min(sound.len())]) } else { 1.0 };
            let risen = self.gain + (1.0 - self.gain) * RELEASE;
            let aim = risen.min(allowed).min(next);
            let aim = if aim > 0.9999 { 1.0 } else { aim };
            let step = (aim - self.gain) / (end - from) as f32;
            let mut gain = self.gain;
            for sample in &mut sound[from..end] {
                gain += step;
                *sample = round_off(*sample * gain);
            }
            self.gain = aim;
            if aim < 1.0 {
                limited += (end - from) as u64;
            }
        }
        limited
    }
}

fn peak(sound: &[f32]) -> f32 {
    // Eight at a time, so that the compiler makes vectors of it.
    let mut peaks = [0.0_f32; 8];
    let chunks = sound.chunks_exact(8);
    for sample in chunks.remainder() {
        peaks[0] = peaks[0].max(sample.abs());
    }
    for chunk in chunks {
        for (peak, sample) in peaks.iter_mut().zip(chunk) {
            *peak = peak.max(sample.abs());
        }
    }
    peaks.into_iter().fold(0.0, f32::max)
}

fn allowed(sound: &[f32]) -> f32 {
    let peak = peak(sound);
    if peak <= CEILING { 1.0 } else { CEILING / peak }
}

/// Bends what is still above the ceiling so that it approaches full scale and never reaches it.
fn round_off(sample: f32) -> f32 {
    let over = sample.abs() - CEILING;
    if over <= 0.0 {
        return sample;
    }
    let room = 0.999 - CEILING;
    (CEILING + room * over / (over + room)).copysign(sample)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tone(amplitude: f32, from: usize) -> Vec<f32> {
        (from..from + 960).map(|n| amplitude * (n as f32 * 0.06).sin()).collect()
    }

    #[test]
    fn nothing_ever_clips_and_quiet_sound_is_left_alone() {
        let mut limiter = Limiter::new();
        let quiet = tone(0.9, 0);
        let mut sound = quiet.clone();
        assert_eq!(limiter.run(&mut sound), 0);
        assert_eq!(sound, quiet);
        for (frame, amplitude) in [5.0, 1.2, 40.0, 0.5, 3.0, 3.0].into_iter().enumerate() {
            let mut sound = tone(amplitude, frame * 960);
            assert!(limiter.run(&mut sound) > 0);
            assert!(peak(&sound) < 1.0, "{amplitude}: {}", peak(&sound));
        }
    }

    #[test]
    fn a_loud_tone_stays_a_tone_and_the_gain_returns() {
        let mut limiter = Limiter::new();
        for frame in 0..10 {
            let mut sound = tone(2.0, frame * 960);
            limiter.run(&mut sound);
            if frame > 0 {
                // Apart from the gain it is the same: the ratio hardly changes within the frame.
                let ratios: Vec<f32> = sound
                    .iter()
                    .zip(tone(2.0, frame * 960))
                    .filter(|(_, o)| o.abs() > 0.5)
                    .map(|(s, o)| s / o)
                    .collect();
                let (low, high) = ratios.iter().fold((9.0_f32, 0.0_f32), |(l, h), r| (l.min(*r), h.max(*r)));
                assert!(high - low < 0.03, "frame {frame}: {low}..{high}");
            }
        }
        for frame in 0..100 {
            limiter.run(&mut tone(0.3, frame * 960));
        }
        assert!(limiter.gain >= 1.0, "{}", limiter.gain);
    }
}
