//! G.711: one byte for each sample of 8 kHz.
//!
//! ITU-T G.711: µ-law in table 2, A-law in table 1. Samples are 16 bits wide; µ-law has 14 significant ones, A-law 13.

/// Which of the two laws.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Law {
    /// µ-law: North America, Japan (payload type 0).
    Mu,
    /// A-law: elsewhere (payload type 8).
    A,
}

impl Law {
    /// The sample that a byte stands for.
    pub fn decode(self, byte: u8) -> i16 {
        match self {
            Law::Mu => MU[usize::from(byte)],
            Law::A => A[usize::from(byte)],
        }
    }

    /// The byte that stands nearest to a sample (the encoding intervals of the recommendation).
    pub fn encode(self, sample: i16) -> u8 {
        match self {
            Law::Mu => encode_mu(sample),
            Law::A => encode_a(sample),
        }
    }

    /// The byte for silence.
    pub fn silence(self) -> u8 {
        self.encode(0)
    }
}

static MU: [i16; 256] = tables().0;
static A: [i16; 256] = tables().1;

/// Added to a µ-law magnitude before its segment is looked for, in 16-bit steps.
const BIAS: i32 = 0x84;

const fn decode_mu(byte: u8) -> i16 {
    let code = !byte;
    let segment = (code >> 4) & 7;
    let magnitude = ((((code & 0x0F) as i32) << 3) + BIAS) << segment;
    let magnitude = magnitude - BIAS;
    (if code & 0x80 != 0 { -magnitude } else { magnitude }) as i16
}

const fn decode_a(byte: u8) -> i16 {
    let code = byte ^ 0x55;
    let segment = (code >> 4) & 7;
    let step = ((code & 0x0F) as i32) << 4;
    let magnitude = if segment == 0 { step + 8 } else { (step + 0x108) << (segment - 1) };
    (if code & 0x80 != 0 { magnitude } else { -magnitude }) as i16
}

fn encode_mu(sample: i16) -> u8 {
    let sign = if sample < 0 { 0x80 } else { 0 };
    let magnitude = (i32::from(sample).abs() + BIAS).min(0x7FFF);
    // The highest set bit is 7..=14, since the bias is in.
    let segment = 24 - magnitude.leading_zeros() as i32;
    let step = (magnitude >> (segment + 3)) & 0x0F;
    !(sign | (segment << 4) as u8 | step as u8)
}

fn encode_a(sample: i16) -> u8 {
    let sign = if sample >= 0 { 0x80 } else { 0 };
    let magnitude = if sample >= 0 { i32::from(sample) } else { -i32::from(sample) - 1 };
    let code = if magnitude < 256 {
        magnitude >> 4
    } else {
        // The highest set bit is 8..=14.
        let segment = 24 - magnitude.leading_zeros() as i32;
        (segment << 4) | ((magnitude >> (segment + 3)) & 0x0F)
    };
    (sign | code as u8) ^ 0x55
}

const fn tables() -> ([i16; 256], [i16; 256]) {
    let (mut mu, mut a) = ([0; 256], [0; 256]);
    let mut byte = 0;
    while byte < 256 {
        mu[byte] = decode_mu(byte as u8);
        a[byte] = decode_a(byte as u8);
        byte += 1;
    }
    (mu, a)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn known_codewords_have_their_values() {
        // The ends and the middle of the recommendation's tables, scaled to 16 bits.
        for (byte, value) in [(0x00, -32124), (0x80, 32124), (0x7F, 0), (0xFF, 0), (0xF0, 120), (0x70, -120)] {
            assert_eq!(Law::Mu.decode(byte), value, "µ-law {byte:#04x}");
        }
        for (byte, value) in [(0xD5, 8), (0x55, -8), (0xAA, 32256), (0x2A, -32256), (0xC5, 264), (0xDA, 248)] {
            assert_eq!(Law::A.decode(byte), value, "A-law {byte:#04x}");
        }
        assert_eq!((Law::Mu.silence(), Law::A.silence()), (0xFF, 0xD5));
    }

    #[test]
    fn each_codeword_survives_the_way_back() {
        for law in [Law::Mu, Law::A] {
            for byte in 0..=255 {
                let sample = law.decode(byte);
                // µ-law has two zeros; the negative one comes back as the positive one.
                let expected = if law == Law::Mu && byte == 0x7F { 0xFF } else { byte };
                assert_eq!(law.encode(sample), expected, "{law:?} {byte:#04x} is {sample}");
            }
        }
    }

    #[test]
    fn no_sample_is_off_by_more_than_half_a_step() {
        // Within 16-bit full scale; the outermost values are 32,124 and 32,256.
        for sample in (-32_600_i32..=32_600).step_by(7) {
            let mu = Law::Mu.encode(sample as i16);
            let half = 4 << ((!mu >> 4) & 7);
            let error = (i32::from(Law::Mu.decode(mu)) - sample).abs();
            assert!(error <= half, "µ-law {sample}: {error}");
            let a = Law::A.encode(sample as i16);
            let half = 8 << (((a ^ 0x55) >> 4) & 7).saturating_sub(1);
            let error = (i32::from(Law::A.decode(a)) - sample).abs();
            assert!(error <= half, "A-law {sample}: {error}");
        }
    }
}
