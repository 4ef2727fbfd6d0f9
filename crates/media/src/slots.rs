//! Which tracks a receiver gets, and in which of its slots.
//!
//! The number of slots is fixed by the receiver's offer. Voices: all others when there is a slot for each, otherwise those who speak or
//! spoke last. Pictures: what the receiver says it renders, in its order; without a word from it, the stage first (spotlight), then who
//! spoke last, then who joined first. What stays chosen stays in its slot.

use centrale_model::ParticipantId;

use crate::command::{Source, Want};
use crate::sdp::Format;

/// From this many video slots on, the last one is for a shared screen only.
const SCREEN_SLOT_FROM: usize = 5;

/// What a loud voice that has a slot is ahead of one that has none, in thousandths of a dB: so that more speakers than slots do not take
/// turns.
///
/// Higher: calmer, but a louder voice may stay unheard. Lower: more changes.
const INCUMBENT: u64 = 6000;

/// A picture of 1280x720 is shared by all that are shown, when a receiver does not say how it renders.
const DEFAULT_HEIGHT: f64 = 720.0;

/// A track that may be given to a receiver.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Offered {
    pub(crate) track: u32,
    pub(crate) participant: ParticipantId,
    pub(crate) source: Source,
    pub(crate) format: Format,
    /// For voices: how much it deserves a slot, see [`crate::speakers::Speakers::rank`].
    pub(crate) rank: u64,
}

/// A picture that was chosen: its track, and the shorter side of what it is rendered in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Chosen {
    pub(crate) track: u32,
    pub(crate) height: u32,
}

/// Chooses voices for `slots`, which hold tracks or nothing. `voices` may be re-ordered.
pub(crate) fn place_voices(slots: &mut [Option<u32>], voices: &mut [Offered]) {
    let chosen = if voices.len() <= slots.len() {
        &*voices
    } else {
        for voice in voices.iter_mut() {
            if slots.contains(&Some(voice.track)) {
                voice.rank += INCUMBENT;
            }
        }
        voices.sort_by_key(|voice| (core::cmp::Reverse(voice.rank), voice.track));
        &voices[..slots.len()]
    };
    place(slots, chosen.iter().map(|voice| voice.track));
}

/// Chooses pictures for `slots`, which hold tracks or nothing, and gives them in order of importance.
///
/// - `pictures`: cameras and screens of others, in the order of importance for whoever does not say what it renders.
/// - `wants`: what the receiver says; nothing: it has not said.
pub(crate) fn place_pictures(slots: &mut [Option<u32>], pictures: &[Offered], wants: Option<&[Want]>) -> Vec<Chosen> {
    let has_screen_slot = slots.len() >= SCREEN_SLOT_FROM;
    let cameras = slots.len() - usize::from(has_screen_slot);
    let mut chosen: Vec<(Source, Chosen)> = Vec::with_capacity(slots.len());
    let mut free = [cameras, usize::from(has_screen_slot)];
    let mut choose = |picture: &Offered, height: u32, chosen: &mut Vec<(Source, Chosen)>| {
        let kind = usize::from(has_screen_slot && picture.source == Source::Screen);
        if free[kind] > 0 && chosen.iter().all(|(_, other)| other.track != picture.track) {
            free[kind] -= 1;
            chosen.push((picture.source, Chosen { track: picture.track, height }));
        }
    };
    match wants {
        Some(wants) => {
            for want in wants {
                let is_it =
                    |picture: &&Offered| picture.participant == want.participant && picture.source == want.source;
                if let Some(picture) = pictures.iter().find(is_it) {
                    choose(picture, want.width.min(want.height), &mut chosen);
                }
            }
        }
        None => {
            let screens = pictures.iter().filter(|picture| picture.source == Source::Screen);
            let others = pictures.iter().filter(|picture| picture.source != Source::Screen);
            screens.chain(others).for_each(|picture| choose(picture, 0, &mut chosen));
            let height = (DEFAULT_HEIGHT / (chosen.len().max(1) as f64).sqrt()) as u32;
            chosen.iter_mut().for_each(|(_, chosen)| chosen.height = height);
        }
    }
    let (front, back) = slots.split_at_mut(cameras);
    let is_at_back = |source: Source| has_screen_slot && source == Source::Screen;
    place(front, chosen.iter().filter(|(source, _)| !is_at_back(*source)).map(|(_, chosen)| chosen.track));
    place(back, chosen.iter().filter(|(source, _)| is_at_back(*source)).map(|(_, chosen)| chosen.track));
    chosen.into_iter().map(|(_, chosen)| chosen).collect()
}

/// Empties slots whose track was not chosen, and puts new ones into the first free slots.
fn place(slots: &mut [Option<u32>], chosen: impl Iterator<Item = u32> + Clone) {
    for slot in slots.iter_mut() {
        *slot = slot.filter(|track| chosen.clone().any(|other| other == *track));
    }
    for track in chosen {
        if !slots.contains(&Some(track))
            && let Some(slot) = slots.iter_mut().find(|slot| slot.is_none())
        {
            *slot = Some(track);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn who(n: u32) -> ParticipantId {
        ParticipantId::from_u128(u128::from(n))
    }

    fn offered(track: u32, source: Source, rank: u64) -> Offered {
        Offered { track, participant: who(track % 100), source, format: Format::Vp8, rank }
    }

    fn want(n: u32, source: Source, height: u32) -> Want {
        Want { participant: who(n), source, width: height * 16 / 9, height }
    }

    #[test]
    fn voices_stay_where_they_are_and_speakers_displace_the_silent() {
        let mut slots = [None; 2];
        place_voices(&mut slots, &mut [offered(1, Source::Microphone, 0), offered(2, Source::Microphone, 0)]);
        assert_eq!(slots, [Some(1), Some(2)]);
        let mut three = [(1, 5), (2, 900), (3, 1 << 48)].map(|(n, rank)| offered(n, Source::Microphone, rank));
        place_voices(&mut slots, &mut three);
        assert_eq!(slots, [Some(3), Some(2)]);
        let mut close =
            [(2, 1 << 48), (3, 1 << 48), (1, (1 << 48) + 4000)].map(|(n, rank)| offered(n, Source::Microphone, rank));
        place_voices(&mut slots, &mut close);
        assert_eq!(slots, [Some(3), Some(2)]);
        place_voices(&mut slots, &mut [offered(2, Source::Microphone, 0)]);
        assert_eq!(slots, [None, Some(2)]);
    }

    #[test]
    fn pictures_follow_what_is_rendered() {
        let pictures = [offered(1, Source::Camera, 0), offered(2, Source::Camera, 0), offered(102, Source::Screen, 0)];
        let mut slots = [None; 10];
        let wants = [want(2, Source::Camera, 360), want(2, Source::Screen, 720), want(9, Source::Camera, 90)];
        let chosen = place_pictures(&mut slots, &pictures, Some(&wants));
        assert_eq!(chosen, [Chosen { track: 2, height: 360 }, Chosen { track: 102, height: 720 }]);
        assert_eq!((slots[0], slots[9]), (Some(2), Some(102)));
        assert_eq!(place_pictures(&mut slots, &pictures, Some(&[])), []);
        assert_eq!(slots, [None; 10]);
    }

    #[test]
    fn without_a_word_everybody_is_shown_in_order_and_the_screen_first() {
        let mut pictures: Vec<Offered> = (1..=6).map(|n| offered(n, Source::Camera, 0)).collect();
        pictures.push(offered(103, Source::Screen, 0));
        let mut slots = [None; 4];
        let chosen = place_pictures(&mut slots, &pictures, None);
        assert_eq!(chosen.iter().map(|chosen| chosen.track).collect::<Vec<_>>(), [103, 1, 2, 3]);
        assert!(chosen.iter().all(|chosen| chosen.height == 360));
        let mut one = [None];
        place_pictures(&mut one, &pictures[..2], None);
        assert_eq!(one, [Some(1)]);
        place_pictures(&mut one, &pictures, None);
        assert_eq!(one, [Some(103)]);
    }
}
