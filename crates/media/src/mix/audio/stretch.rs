//! Makes sound a little longer or shorter without changing its pitch.
//!
//! One period of the voice is repeated or left out, where the sound is most like itself that much later, and the seam is faded over
//! (the waveform similarity method). So a listener hears neither a gap nor a click when the delay is adapted.

/// Shortest and longest period, in samples of 48 kHz: 400 Hz and 66 Hz.
const SHORTEST: usize = 120;
const LONGEST: usize = 720;

/// Length over which two places are compared and faded over, in samples: 5 ms. With it, one packet of 20 ms is enough to look at.
const TEMPLATE: usize = 240;

/// Samples that [`shorten`] and [`lengthen`] look at.
pub(crate) const NEEDED: usize = LONGEST + TEMPLATE;

/// Only every fourth sample is compared: periods are found to within 80 µs, at a sixteenth of the work.
const STRIDE: usize = 4;

/// How like itself a sound must be to be cut without being heard, 0..=1.
const ALIKE: f32 = 0.75;

/// Power below which anything may be cut: 50 dB below full scale.
const QUIET: f32 = 1e-5;

/// Takes one period out of the beginning of `sound`; gives how many samples that were, 0 when there is no good place.
///
/// - `limit`: most samples to take out.
/// - `is_urgent`: cuts also where it may be heard.
pub(crate) fn shorten(sound: &mut Vec<f32>, limit: usize, is_urgent: bool) -> usize {
    let Some(lag) = find(sound, limit, is_urgent) else { return 0 };
    let fade = lag.min(TEMPLATE);
    for n in 0..fade {
        let late = n as f32 / fade as f32;
        sound[n] = sound[n] * (1.0 - late) + sound[n + lag] * late;
    }
    sound.drain(fade..fade + lag);
    lag
}

/// Repeats one period at the beginning of `sound`; gives how many samples were put in, 0 when there is no good place. Arguments as above.
pub(crate) fn lengthen(sound: &mut Vec<f32>, limit: usize, is_urgent: bool) -> usize {
    let Some(lag) = find(sound, limit, is_urgent) else { return 0 };
    let fade = lag.min(TEMPLATE);
    // The first period, then the sound from its beginning again; the seam fades from what followed the first period.
    let mut again: Vec<f32> = sound[..lag].to_vec();
    for n in 0..fade {
        let late = n as f32 / fade as f32;
        again.push(sound[n + lag] * (1.0 - late) + sound[n] * late);
    }
    sound.splice(..fade, again);
    lag
}

/// The period of the end of a sound, for making up what follows it.
pub(crate) fn period(sound: &[f32]) -> usize {
    let mut best = (0.0, LONGEST);
    if sound.len() < NEEDED {
        return LONGEST.min(sound.len().max(1));
    }
    let end = sound.len() - TEMPLATE;
    for lag in (SHORTEST..=LONGEST).step_by(STRIDE) {
        let likeness = likeness(&sound[end..], &sound[end - lag..]);
        if likeness > best.0 {
            best = (likeness, lag);
        }
    }
    best.1
}

fn find(sound: &[f32], limit: usize, is_urgent: bool) -> Option<usize> {
    if sound.len() < NEEDED || limit == 0 {
        return None;
    }
    let power = sound[..NEEDED].iter().map(|sample| sample * sample).sum::<f32>() / NEEDED as f32;
    let longest = LONGEST.min(limit);
    if power < QUIET {
        return Some(longest);
    }
    if limit < SHORTEST {
        return None;
    }
    let mut best = (0.0, longest);
    for lag in (SHORTEST..=longest).step_by(STRIDE) {
        let likeness = likeness(&sound[..TEMPLATE], &sound[lag..]);
        if likeness > best.0 {
            best = (likeness, lag);
        }
    }
    (best.0 > ALIKE || is_urgent).then_some(best.1)
}

/// Normalized correlation of the first [`TEMPLATE`] samples of two sounds.
fn likeness(a: &[f32], b: &[f32]) -> f32 {
    let (mut product, mut left, mut right) = (0.0, 1e-9, 1e-9);
    for n in (0..TEMPLATE).step_by(STRIDE) {
        product += a[n] * b[n];
        left += a[n] * a[n];
        right += b[n] * b[n];
    }
    product / (left * right).sqrt()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn voice(samples: usize) -> Vec<f32> {
        (0..samples)
            .map(|n| (1..6).map(|k| (n as f32 * k as f32 * 0.0164).sin() / k as f32).sum::<f32>() * 0.2)
            .collect()
    }

    /// The largest step between neighbours, which a click would raise.
    fn roughness(sound: &[f32]) -> f32 {
        sound.windows(2).map(|pair| (pair[1] - pair[0]).abs()).fold(0.0, f32::max)
    }

    #[test]
    fn a_voice_becomes_shorter_or_longer_by_whole_periods_without_a_click() {
        let original = voice(2400);
        let smooth = roughness(&original) * 1.1;
        let mut sound = original.clone();
        let cut = shorten(&mut sound, 960, false);
        assert!((SHORTEST..=LONGEST).contains(&cut) && sound.len() == 2400 - cut);
        assert!(roughness(&sound) < smooth);
        // 0.0164 radians a sample: a period of 383 samples.
        assert!(cut.abs_diff(383) < 6, "{cut}");
        let mut sound = original.clone();
        let put = lengthen(&mut sound, 960, false);
        assert!(put > 0 && sound.len() == 2400 + put);
        assert!(roughness(&sound) < smooth);
        assert_eq!(sound[sound.len() - 500..], original[1900..]);
    }

    #[test]
    fn noise_is_cut_only_when_urgent_and_silence_always() {
        let mut state = 1_u32;
        let noise: Vec<f32> = (0..2400)
            .map(|_| {
                state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
                (state >> 8) as f32 / 16_777_216.0 - 0.5
            })
            .collect();
        assert_eq!(shorten(&mut noise.clone(), 960, false), 0);
        assert!(shorten(&mut noise.clone(), 960, true) > 0);
        assert_eq!(shorten(&mut vec![0.0; 2400], 960, false), LONGEST);
        assert_eq!(lengthen(&mut vec![0.0; 100], 960, true), 0);
    }
}
