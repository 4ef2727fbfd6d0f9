//! Keeps the mixer inside its 20 ms.

use core::time::Duration;

use super::FRAME;

/// Part of a frame's time beyond which less is done, and below which more is done again. The gap between them is wider than one step
/// saves, so that it does not swing.
const HIGH: f32 = 0.7;
const LOW: f32 = 0.3;

/// Frames between two steps: 200 ms down, 5 s up.
const PATIENCE_DOWN: u32 = 10;
const PATIENCE_UP: u32 = 250;

/// Voices that are heard at a time once lower complexity did not help.
const VOICES: [usize; 5] = [24, 12, 8, 5, 3];

#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Strain {
    /// Part of a frame's time that a tick takes, smoothed.
    load: f32,
    /// 0: at ease.
    step: u8,
    since: u32,
}

impl Strain {
    /// Learns how long a tick took; gives whether the step changed.
    pub(crate) fn spent(&mut self, time: Duration, complexity: u8) -> bool {
        let part = time.as_secs_f32() / FRAME.as_secs_f32();
        // One stall of the machine is not load.
        self.load += (part.min(2.0) - self.load) * 0.1;
        self.since = self.since.saturating_add(1);
        let last = complexity.div_ceil(2) + VOICES.len() as u8;
        let step = if self.load > HIGH && self.since > PATIENCE_DOWN && self.step < last {
            self.step + 1
        } else if self.load < LOW && self.since > PATIENCE_UP && self.step > 0 {
            self.step - 1
        } else {
            return false;
        };
        self.step = step;
        self.since = 0;
        true
    }

    /// The complexity that there is time for, of the one that is wanted.
    pub(crate) fn complexity(&self, wanted: u8) -> u8 {
        wanted.saturating_sub(self.step.saturating_mul(2))
    }

    /// How many voices there is time for; nothing: any number.
    pub(crate) fn voices(&self, complexity: u8) -> Option<usize> {
        let beyond = self.step.checked_sub(complexity.div_ceil(2) + 1)?;
        VOICES.get(usize::from(beyond)).copied()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn load_lowers_complexity_then_voices_and_ease_raises_them_again() {
        let mut strain = Strain::default();
        let mut seen = Vec::new();
        for _ in 0..400 {
            if strain.spent(Duration::from_millis(19), 5) {
                seen.push((strain.complexity(5), strain.voices(5)));
            }
        }
        let expected =
            [(3, None), (1, None), (0, None), (0, Some(24)), (0, Some(12)), (0, Some(8)), (0, Some(5)), (0, Some(3))];
        assert_eq!(seen, expected);
        for _ in 0..4000 {
            strain.spent(Duration::from_millis(2), 5);
        }
        assert_eq!((strain.complexity(5), strain.voices(5)), (5, None));
    }

    #[test]
    fn a_single_stall_changes_nothing() {
        let mut strain = Strain::default();
        for frame in 0..500 {
            let time = if frame == 100 { 400 } else { 3 };
            assert!(!strain.spent(Duration::from_millis(time), 5));
        }
    }
}
