//! Between the mixer's 48 kHz and a telephone's 8 kHz.
//!
//! One windowed-sinc low-pass filter of [`TAPS`] taps at 48 kHz, flat to 3.4 kHz, serves both ways: upward each of six phases uses every sixth
//! tap, downward only every sixth sample is computed. Its delay is 1.3 ms each way.

const RATIO: usize = 6;
const TAPS: usize = 128;
const PHASE: usize = TAPS / RATIO + 1;

/// Corner of the filter, in hertz.
const CORNER: f64 = 3_700.0;

/// The filter: a sinc under a Blackman window, for unity gain at 48 kHz.
fn filter() -> [f32; TAPS] {
    let mut taps = [0.0; TAPS];
    let middle = (TAPS - 1) as f64 / 2.0;
    let turn = core::f64::consts::TAU;
    for (n, tap) in taps.iter_mut().enumerate() {
        let x = n as f64 - middle;
        let angle = turn * CORNER / 48_000.0 * x;
        let sinc = if x == 0.0 { 1.0 } else { angle.sin() / angle };
        let place = turn * n as f64 / (TAPS - 1) as f64;
        let window = 0.42 - 0.5 * place.cos() + 0.08 * (2.0 * place).cos();
        *tap = (sinc * window * 2.0 * CORNER / 48_000.0) as f32;
    }
    taps
}

/// From 8 kHz to 48 kHz.
#[derive(Debug)]
pub(crate) struct Up {
    /// Taps by phase, the newest sample's first.
    phases: [[f32; PHASE]; RATIO],
    /// The last samples, the newest last.
    history: [f32; PHASE],
}

impl Up {
    pub(crate) fn new() -> Up {
        let taps = filter();
        let mut phases = [[0.0; PHASE]; RATIO];
        for (n, tap) in taps.iter().enumerate() {
            phases[n % RATIO][n / RATIO] = tap * RATIO as f32;
        }
        Up { phases, history: [0.0; PHASE] }
    }

    /// Adds six samples to `out` for each of `sound`.
    pub(crate) fn run(&mut self, sound: impl Iterator<Item = f32>, out: &mut Vec<f32>) {
        for sample in sound {
            self.history.copy_within(1.., 0);
            self.history[PHASE - 1] = sample;
            for phase in &self.phases {
                let sum = phase.iter().zip(self.history.iter().rev()).map(|(tap, sample)| tap * sample).sum();
                out.push(sum);
            }
        }
    }
}

/// From 48 kHz to 8 kHz.
#[derive(Debug)]
pub(crate) struct Down {
    taps: [f32; TAPS],
    /// The end of the last frame, and the frame.
    sound: Vec<f32>,
}

impl Down {
    pub(crate) fn new() -> Down {
        Down { taps: filter(), sound: vec![0.0; TAPS - RATIO] }
    }

    /// Gives one sample for each six of `frame`, whose length is a multiple of six.
    pub(crate) fn run(&mut self, frame: &[f32], out: &mut Vec<f32>) {
        self.sound.extend_from_slice(frame);
        let mut from = 0;
        while let Some(window) = self.sound.get(from..from + TAPS) {
            out.push(window.iter().zip(&self.taps).map(|(sample, tap)| sample * tap).sum());
            from += RATIO;
        }
        self.sound.drain(..from);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tone(hertz: f32, rate: f32, samples: usize) -> Vec<f32> {
        (0..samples).map(|n| (n as f32 * hertz * core::f32::consts::TAU / rate).sin()).collect()
    }

    fn level(sound: &[f32]) -> f32 {
        10.0 * (2.0 * sound.iter().map(|sample| sample * sample).sum::<f32>() / sound.len() as f32).log10()
    }

    #[test]
    fn speech_passes_both_ways_at_its_level() {
        for hertz in [200.0, 1000.0, 3200.0] {
            let mut up = Vec::new();
            Up::new().run(tone(hertz, 8_000.0, 1600).into_iter(), &mut up);
            assert_eq!(up.len(), 9600);
            assert!(level(&up[1000..]).abs() < 1.0, "{hertz}: {}", level(&up[1000..]));
            let mut down = Vec::new();
            Down::new().run(&up, &mut down);
            assert_eq!(down.len(), 1600);
            assert!(level(&down[200..]).abs() < 1.5, "{hertz}: {}", level(&down[200..]));
        }
    }

    #[test]
    fn what_a_telephone_cannot_carry_is_taken_out() {
        let mut down = Vec::new();
        Down::new().run(&tone(6_000.0, 48_000.0, 9600), &mut down);
        assert!(level(&down[200..]) < -50.0, "{}", level(&down[200..]));
    }
}
