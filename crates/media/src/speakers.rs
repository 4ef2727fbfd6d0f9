//! Who speaks, and who spoke last: from the levels that senders put beside their voices (RFC 6464).
//!
//! Each voice has two scores, quick and slow, of how loud it is above a floor. It *speaks* while the quick one is high. It becomes
//! *dominant* when its slow score has passed that of the speaker before by a margin for a while: coughs and doors do not take the stage.

use core::time::Duration;

use centrale_model::{ParticipantId, Time};

use crate::rtp::AudioLevel;

/// Levels quieter than this count as nothing, in dB below full scale.
///
/// Higher number: whispers count. Lower: noisy rooms do not.
const FLOOR: f32 = 60.0;

/// Quick score above which a voice counts as speaking, and below which it stops, in dB above the floor.
const SPEAKS: f32 = 12.0;
const STOPS: f32 = 5.0;

/// How fast the scores follow: the time in which two thirds of a step are made.
const QUICK: f32 = 0.12;
const SLOW: f32 = 0.9;

/// How far the slow score of a challenger must be above the dominant speaker's, in dB, and for how long.
///
/// Higher: the stage changes less often; lower: it follows quicker.
const MARGIN: f32 = 3.0;
const PATIENCE: Duration = Duration::from_millis(300);

/// Without a packet this long a voice counts as silent (DTX, mute, loss).
const SILENCE: Duration = Duration::from_millis(450);

/// How many dominant speakers are remembered, the newest first.
pub(crate) const MAX_DOMINANT: usize = 8;

/// One voice.
#[derive(Clone, Debug)]
struct Voice {
    participant: ParticipantId,
    quick: f32,
    slow: f32,
    heard: Time,
    is_speaking: bool,
    /// Since when it is louder than the dominant speaker.
    ahead: Option<Time>,
    /// When it last spoke.
    spoke: Option<Time>,
}

/// The voices of a conference.
#[derive(Debug, Default)]
pub(crate) struct Speakers {
    /// In order of participant.
    voices: Vec<Voice>,
    dominant: Vec<ParticipantId>,
    has_changed: bool,
}

impl Speakers {
    /// A voice that may speak.
    pub(crate) fn add(&mut self, participant: ParticipantId, now: Time) {
        if let Err(at) = self.place(participant) {
            let voice =
                Voice { participant, quick: 0.0, slow: 0.0, heard: now, is_speaking: false, ahead: None, spoke: None };
            self.voices.insert(at, voice);
        }
    }

    /// A voice that is gone.
    pub(crate) fn remove(&mut self, participant: ParticipantId) {
        if let Ok(at) = self.place(participant) {
            self.voices.remove(at);
            self.dominant.retain(|other| *other != participant);
            self.has_changed = true;
        }
    }

    /// A packet of a voice.
    pub(crate) fn take(&mut self, participant: ParticipantId, level: AudioLevel, now: Time) {
        let Ok(at) = self.place(participant) else { return };
        let voice = &mut self.voices[at];
        let loud = (FLOOR - f32::from(level.below_full)).max(0.0);
        voice.follow(loud, now);
        voice.heard = now;
    }

    /// Judges; several times a second.
    pub(crate) fn tick(&mut self, now: Time) {
        for voice in &mut self.voices {
            if now - voice.heard > SILENCE {
                voice.follow(0.0, now);
                voice.heard = Time::from_nanos(now.as_nanos().saturating_sub(SILENCE.as_nanos() as u64));
            }
            let is_speaking = if voice.is_speaking { voice.quick > STOPS } else { voice.quick > SPEAKS };
            if is_speaking {
                voice.spoke = Some(now);
            }
            if is_speaking != voice.is_speaking {
                voice.is_speaking = is_speaking;
                self.has_changed = true;
            }
        }
        let reigning = self.dominant.first().and_then(|first| self.place(*first).ok());
        let mark = reigning.map_or(0.0, |at| self.voices[at].slow);
        let mut next: Option<usize> = None;
        for at in 0..self.voices.len() {
            let voice = &mut self.voices[at];
            let is_ahead =
                voice.is_speaking && Some(at) != reigning && (reigning.is_none() || voice.slow > mark + MARGIN);
            if !is_ahead {
                voice.ahead = None;
                continue;
            }
            let since = *voice.ahead.get_or_insert(now);
            let is_due = reigning.is_none() || now - since >= PATIENCE;
            if is_due && next.is_none_or(|best| self.voices[at].slow > self.voices[best].slow) {
                next = Some(at);
            }
        }
        if let Some(at) = next {
            let participant = self.voices[at].participant;
            self.dominant.retain(|other| *other != participant);
            self.dominant.insert(0, participant);
            self.dominant.truncate(MAX_DOMINANT);
            self.has_changed = true;
        }
    }

    /// Whether the lists changed since this was last asked.
    pub(crate) fn take_change(&mut self) -> bool {
        core::mem::take(&mut self.has_changed)
    }

    /// Who spoke last, the newest first.
    pub(crate) fn dominant(&self) -> &[ParticipantId] {
        &self.dominant
    }

    /// Who speaks at this moment.
    pub(crate) fn speaking(&self) -> impl Iterator<Item = ParticipantId> {
        self.voices.iter().filter(|voice| voice.is_speaking).map(|voice| voice.participant)
    }

    /// How much a voice deserves one of few audio slots: those who speak, the loudest first, then those who spoke last. Higher is more.
    pub(crate) fn rank(&self, participant: ParticipantId) -> u64 {
        let Ok(at) = self.place(participant) else { return 0 };
        let voice = &self.voices[at];
        let spoke = voice.spoke.map_or(0, |at| at.as_millis() + 1);
        if voice.is_speaking { (1 << 48) + (voice.slow * 1000.0) as u64 } else { spoke }
    }

    fn place(&self, participant: ParticipantId) -> Result<usize, usize> {
        self.voices.binary_search_by_key(&participant, |voice| voice.participant)
    }
}

impl Voice {
    fn follow(&mut self, loud: f32, now: Time) {
        let passed = (now - self.heard).as_secs_f32().min(0.5);
        self.quick += (loud - self.quick) * (passed / QUICK).min(1.0);
        self.slow += (loud - self.slow) * (passed / SLOW).min(1.0);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const A: ParticipantId = ParticipantId::from_u128(1);
    const B: ParticipantId = ParticipantId::from_u128(2);

    fn play(speakers: &mut Speakers, from: u64, to: u64, levels: &[(ParticipantId, u8)]) {
        for millis in (from..to).step_by(20) {
            let now = Time::from_millis(millis);
            for (who, below_full) in levels {
                speakers.take(*who, AudioLevel { is_voice: true, below_full: *below_full }, now);
            }
            if millis % 100 == 0 {
                speakers.tick(now);
            }
        }
    }

    fn two() -> Speakers {
        let mut speakers = Speakers::default();
        speakers.add(A, Time::ZERO);
        speakers.add(B, Time::ZERO);
        speakers
    }

    #[test]
    fn whoever_speaks_takes_the_stage_and_keeps_it_in_silence() {
        let mut speakers = two();
        play(&mut speakers, 0, 1000, &[(A, 25), (B, 90)]);
        assert_eq!(speakers.dominant(), [A]);
        assert_eq!(speakers.speaking().collect::<Vec<_>>(), [A]);
        play(&mut speakers, 1000, 4000, &[(A, 100), (B, 100)]);
        assert_eq!(speakers.dominant(), [A]);
        assert_eq!(speakers.speaking().count(), 0);
        play(&mut speakers, 4000, 5500, &[(A, 100), (B, 30)]);
        assert_eq!(speakers.dominant(), [B, A]);
        assert!(speakers.rank(B) > speakers.rank(A));
    }

    #[test]
    fn a_cough_does_not_take_the_stage() {
        let mut speakers = two();
        play(&mut speakers, 0, 2000, &[(A, 25), (B, 90)]);
        play(&mut speakers, 2000, 2200, &[(A, 25), (B, 5)]);
        play(&mut speakers, 2200, 4000, &[(A, 25), (B, 90)]);
        assert_eq!(speakers.dominant(), [A]);
    }

    #[test]
    fn a_voice_without_packets_stops_speaking() {
        let mut speakers = two();
        play(&mut speakers, 0, 1000, &[(A, 25)]);
        speakers.take_change();
        play(&mut speakers, 1000, 3000, &[]);
        assert_eq!(speakers.speaking().count(), 0);
        assert!(speakers.take_change());
        speakers.remove(A);
        assert_eq!(speakers.dominant(), []);
    }
}
