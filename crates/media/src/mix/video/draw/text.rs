//! Text to masks: how much of each pixel the pen covers.

use super::Mask;
use super::glyphs::{CAPITAL, PEN, SMALL, SPACE, SPACING, glyph, is_above, mark, parts};

/// A piece of a stroke, in units.
type Segment = [(f32, f32); 2];

/// Above the capitals and below the small letters there is room for this much, in units.
const ASCENT: f32 = 19.0;
const DESCENT: f32 = 6.0;

/// Points of a curve.
const STEPS: usize = 8;

/// How high a line of text of this capital height is, in pixels.
pub(crate) fn line_height(capital: f32) -> usize {
    ((ASCENT + DESCENT) * capital / CAPITAL).ceil() as usize
}

/// Where the base line is in a line, in pixels from the top.
pub(crate) fn base_line(capital: f32) -> f32 {
    ASCENT * capital / CAPITAL
}

/// Draws one line of text.
///
/// - `capital`: height of capitals, in pixels.
/// - `most`: greatest width, in pixels; a longer text ends in an ellipsis.
pub(crate) fn draw(text: &str, capital: f32, most: usize) -> Mask {
    let unit = capital / CAPITAL;
    let fits = |letters: &[char]| width_of(letters) * unit <= most as f32;
    let mut letters: Vec<char> = text.chars().filter(|letter| !letter.is_control()).collect();
    if !letters.is_empty() && !fits(&letters) {
        letters.push('…');
        while letters.len() > 1 && !fits(&letters) {
            letters.remove(letters.len() - 2);
        }
    }
    let mut mask = Mask::new((width_of(&letters) * unit).ceil() as usize, line_height(capital));
    let mut x = PEN / 2.0;
    for letter in letters {
        let (segments, width) = strokes(letter);
        for segment in segments {
            let [from, to] = segment.map(|(sx, sy)| ((sx + x) * unit, (ASCENT - sy) * unit));
            mask.stroke(from, to, PEN * unit);
        }
        x += width + SPACING;
    }
    mask
}

fn width_of(letters: &[char]) -> f32 {
    let letters = letters.iter().map(|letter| strokes(*letter).1 + SPACING).sum::<f32>();
    (letters - SPACING).max(0.0) + PEN
}

/// The segments of a letter and its width, in units.
fn strokes(letter: char) -> (Vec<Segment>, f32) {
    if letter.is_whitespace() {
        return (Vec::new(), SPACE);
    }
    let (base, marks) = parts(letter);
    let Some((width, outline)) = glyph(base) else {
        // A letter that the pen does not know: a box.
        return (segments("0,0 0,14 8,14 8,0 0,0", 0.0, 0.0), 8.0);
    };
    let mut all = segments(outline, 0.0, 0.0);
    let is_high = base.is_uppercase() || matches!(base, 'b' | 'd' | 'f' | 'h' | 'k' | 'l' | 't');
    let mut height = if is_high { CAPITAL } else { SMALL } + 2.2;
    for mark_of in marks.into_iter().flatten() {
        let Some(outline) = mark(mark_of) else { continue };
        // A caron on a tall letter stands beside it, as an apostrophe.
        if mark_of == 'v' && matches!(base, 'd' | 'l' | 't' | 'L') {
            all.extend(segments("0.2,3 -0.4,0", width + 2.2, 11.6));
            continue;
        }
        all.extend(segments(outline, width / 2.0, if is_above(mark_of) { height } else { 0.0 }));
        if is_above(mark_of) {
            height += 3.2;
        }
    }
    (all, width)
}

fn segments(outline: &str, dx: f32, dy: f32) -> Vec<Segment> {
    let mut all = Vec::new();
    for stroke in outline.split(';') {
        let mut last: Option<(f32, f32)> = None;
        let mut control: Option<(f32, f32)> = None;
        for word in stroke.split(' ') {
            let point = |word: &str| {
                let (x, y) = word.split_once(',')?;
                Some((x.parse::<f32>().ok()? + dx, y.parse::<f32>().ok()? + dy))
            };
            let Some(to) = point(word.trim_start_matches('~')) else { continue };
            if word.starts_with('~') {
                control = Some(to);
                continue;
            }
            match (last, control.take()) {
                (Some(from), Some(bend)) => all.extend(curve(from, bend, to)),
                (Some(from), None) => all.push([from, to]),
                (None, _) => {}
            }
            last = Some(to);
        }
    }
    all
}

fn curve(from: (f32, f32), bend: (f32, f32), to: (f32, f32)) -> impl Iterator<Item = Segment> {
    let at = move |t: f32| {
        let (a, b, c) = ((1.0 - t) * (1.0 - t), 2.0 * t * (1.0 - t), t * t);
        (a * from.0 + b * bend.0 + c * to.0, a * from.1 + b * bend.1 + c * to.1)
    };
    (0..STEPS).map(move |step| [at(step as f32 / STEPS as f32), at((step + 1) as f32 / STEPS as f32)])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_has_ink_and_long_text_is_cut() {
        let mask = draw("Åse Łęcka", 12.0, 400);
        assert!(mask.ink() > 200 && mask.width < 130 && mask.height == line_height(12.0));
        let long = draw(&"Wolfeschlegelsteinhausen".repeat(5), 12.0, 200);
        assert!((150..=200).contains(&long.width), "{}", long.width);
        assert_ne!(draw("I", 12.0, 99), draw("l", 12.0, 99));
        // Unknown letters and nothing at all.
        assert!(draw("日本", 12.0, 100).ink() > 20);
        assert_eq!(draw("", 12.0, 100).ink(), 0);
        assert_eq!(draw("\u{0}\n", 12.0, 0).ink(), 0);
    }
}
