//! Which layers a receiver gets, of what its path carries.
//!
//! ```text
//!  1 voices come first and are not bargained about
//!  2 each picture, in the order in which it was asked for, gets its smallest layer while that fits
//!  3 then, again in that order, each is raised rung by rung, as far as it is rendered, while that fits
//! ```
//!
//! A layer that is sent already fits up to the whole estimate; one that would be new must leave a margin, so that pictures do not
//! flap. What does not fit even at its smallest is sent with fewer pictures a second (its temporal base), where the sender made it so, or
//! paused. With nothing left, only voices are sent.

use centrale_model::Bitrate;

use crate::receive::Ladder;

/// What a new layer must leave free, in per cent of the estimate.
///
/// Higher: fewer changes, smaller pictures. Lower: larger pictures, more changes.
const MARGIN: u64 = 15;

/// How much of the height that is rendered a layer must have: a little less is not seen.
const ENOUGH: (u32, u32) = (3, 4);

/// One picture that a receiver may get.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Candidate {
    /// What there is of it.
    pub(crate) ladder: Ladder,
    /// The shorter side of what it is rendered in, in pixels.
    pub(crate) height: u32,
    /// The layer that is sent at present.
    pub(crate) current: Option<u8>,
}

/// What was decided.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Decision {
    /// Which layer; nothing: paused.
    pub(crate) layer: Option<u8>,
    /// Only its temporal base.
    pub(crate) is_base_only: bool,
    /// Its rate, for the sum.
    pub(crate) rate: Bitrate,
}

/// The sum of an allocation.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Sum {
    /// What is sent.
    pub(crate) rate: Bitrate,
    /// What would be sent if the path carried everything: the aim of probes.
    pub(crate) wanted: Bitrate,
}

/// Shares an estimate among candidates, the most important first.
///
/// - `voices`: what the voices take.
/// - `out`: one decision for each candidate.
pub(crate) fn allocate(candidates: &[Candidate], estimate: Bitrate, voices: Bitrate, out: &mut Vec<Decision>) -> Sum {
    out.clear();
    out.resize(candidates.len(), Decision::default());
    let room = estimate.0.saturating_sub(voices.0);
    let cautious = room - room * MARGIN / 100;
    let mut spent = 0;
    let mut wanted = voices.0;
    // `rung` of each candidate, one above its index; 0: paused.
    let mut rungs = [0u8; 32];
    for (candidate, place) in candidates.iter().zip(&mut rungs) {
        let Some(best) = best(candidate) else { continue };
        wanted += candidate.ladder.rungs()[best].rate.0;
        let first = candidate.ladder.rungs()[0];
        let limit = if candidate.current.is_some() { room } else { cautious };
        if spent + first.rate.0 <= limit {
            spent += first.rate.0;
            *place = 1;
        } else if let Some(base) = first.base.filter(|base| spent + base.0 <= limit) {
            spent += base.0;
            *place = BASE;
        }
    }
    for (candidate, place) in candidates.iter().zip(&mut rungs) {
        let (1, Some(best)) = (*place, best(candidate)) else { continue };
        let ladder = candidate.ladder.rungs();
        let current = ladder.iter().position(|rung| Some(rung.layer) == candidate.current);
        let base = ladder[0].rate.0;
        // The highest that fits, not the next: between two rungs there may be one that is dear and useless.
        for rung in (1..=best).rev() {
            let limit = if current.is_some_and(|current| rung <= current) { room } else { cautious };
            if spent - base + ladder[rung].rate.0 <= limit {
                spent = spent - base + ladder[rung].rate.0;
                *place = rung as u8 + 1;
                break;
            }
        }
    }
    for ((candidate, place), decision) in candidates.iter().zip(rungs).zip(out.iter_mut()) {
        if place == BASE {
            let rung = candidate.ladder.rungs()[0];
            *decision = Decision { layer: Some(rung.layer), is_base_only: true, rate: rung.base.unwrap_or(rung.rate) };
        } else if let Some(rung) = place.checked_sub(1) {
            let rung = candidate.ladder.rungs()[usize::from(rung)];
            *decision = Decision { layer: Some(rung.layer), is_base_only: false, rate: rung.rate };
        }
    }
    Sum { rate: Bitrate(spent + voices.0), wanted: Bitrate(wanted) }
}

/// Marks a candidate of which only the temporal base of the smallest layer is sent.
const BASE: u8 = u8::MAX;

/// The smallest rung that fills what is rendered, or the highest; nothing when nothing comes.
fn best(candidate: &Candidate) -> Option<usize> {
    let rungs = candidate.ladder.rungs();
    let last = rungs.len().checked_sub(1)?;
    let enough = candidate.height * ENOUGH.0 / ENOUGH.1;
    let fills = |height: u16| u32::from(height) >= enough;
    Some(rungs.iter().position(|rung| rung.height.is_some_and(fills)).unwrap_or(last))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::receive::Rung;

    fn ladder() -> Ladder {
        let rung = |layer, kilobits, height| Rung {
            layer,
            rate: Bitrate::from_kilobits(kilobits),
            base: None,
            height: Some(height),
        };
        Ladder::of(&[rung(2, 150, 180), rung(1, 500, 360), rung(0, 1700, 720)])
    }

    fn decide(candidates: &[Candidate], kilobits: u64) -> (Vec<Option<u8>>, u64) {
        let mut out = Vec::new();
        let voices = Bitrate::from_kilobits(40);
        let sum = allocate(candidates, Bitrate::from_kilobits(kilobits), voices, &mut out);
        (out.iter().map(|decision| decision.layer).collect(), sum.rate.0 / 1000)
    }

    fn shown(height: u32, current: Option<u8>) -> Candidate {
        Candidate { ladder: ladder(), height, current }
    }

    #[test]
    fn layers_follow_what_is_rendered_and_what_passes() {
        assert_eq!(decide(&[shown(720, None)], 5000), (vec![Some(0)], 1740));
        assert_eq!(decide(&[shown(360, None)], 5000), (vec![Some(1)], 540));
        assert_eq!(decide(&[shown(90, None)], 5000), (vec![Some(2)], 190));
        assert_eq!(decide(&[shown(720, None)], 1000), (vec![Some(1)], 540));
        assert_eq!(decide(&[shown(720, None)], 100), (vec![None], 40));
    }

    #[test]
    fn everybody_is_seen_before_anybody_is_large() {
        let (layers, _) = decide(&[shown(720, None), shown(720, None), shown(720, None)], 1200);
        assert_eq!(layers, [Some(1), Some(2), Some(2)]);
        let (layers, _) = decide(&[shown(720, None), shown(720, None), shown(720, None)], 400);
        assert_eq!(layers, [Some(2), Some(2), None]);
    }

    #[test]
    fn what_is_sent_stays_while_it_fits_and_what_is_new_needs_a_margin() {
        assert_eq!(decide(&[shown(720, Some(0))], 1760), (vec![Some(0)], 1740));
        assert_eq!(decide(&[shown(720, Some(1))], 1760), (vec![Some(1)], 540));
        assert_eq!(decide(&[shown(720, Some(1))], 2100), (vec![Some(0)], 1740));
    }

    #[test]
    fn fewer_pictures_are_better_than_none() {
        let rate = Bitrate::from_kilobits(150);
        let rung = Rung { layer: 0, rate, base: Some(Bitrate::from_kilobits(80)), height: Some(180) };
        let candidate = Candidate { ladder: Ladder::of(&[rung]), height: 180, current: Some(0) };
        let mut out = Vec::new();
        for (kilobits, layer, is_base_only) in [(200, Some(0), false), (140, Some(0), true), (110, None, false)] {
            allocate(&[candidate], Bitrate::from_kilobits(kilobits), Bitrate::from_kilobits(40), &mut out);
            assert_eq!((out[0].layer, out[0].is_base_only), (layer, is_base_only), "{kilobits}");
        }
    }

    #[test]
    fn a_sender_of_nothing_gets_nothing() {
        let nothing = Candidate { ladder: Ladder::default(), height: 720, current: None };
        assert_eq!(decide(&[nothing, shown(90, None)], 1000), (vec![None, Some(2)], 190));
        assert_eq!(decide(&[], 1000), (vec![], 40));
    }
}
