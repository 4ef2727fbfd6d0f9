//! A canvas with people on it. Only what changed is drawn again.

use std::collections::BTreeMap;

use centrale_codec::{Picture, PictureRef};
use centrale_model::ParticipantId;

use super::Layout;
use super::draw::{Area, Color, Mask, even, fill, frame, paint, round_corners, text};
use super::feed::Feed;
use super::layout::{Cast, Tile, gap, place};
use super::scale::{Scratch, contain, cut, fit, scale};
use crate::command::Source;

const BACKGROUND: Color = Color::rgb(20, 22, 28);
const BEHIND_SCREEN: Color = Color::rgb(10, 11, 14);
const SPEAKING: Color = Color::rgb(94, 210, 150);
const WHITE: Color = Color::rgb(250, 250, 250);
const DARK: Color = Color::rgb(12, 13, 16);
const MUTED: Color = Color::rgb(240, 96, 96);

/// Behind initials, by participant: eight calm colours, each a tile and its disc.
const SHADES: [(Color, Color); 8] = [
    (Color::rgb(38, 46, 66), Color::rgb(78, 102, 160)),
    (Color::rgb(44, 40, 62), Color::rgb(114, 92, 160)),
    (Color::rgb(34, 52, 56), Color::rgb(58, 126, 134)),
    (Color::rgb(58, 44, 42), Color::rgb(160, 96, 78)),
    (Color::rgb(40, 52, 42), Color::rgb(82, 132, 88)),
    (Color::rgb(58, 40, 50), Color::rgb(162, 82, 116)),
    (Color::rgb(54, 50, 38), Color::rgb(146, 122, 62)),
    (Color::rgb(40, 48, 56), Color::rgb(92, 112, 132)),
];

/// Less than this part of a camera picture left after cutting: it is shown whole instead, between bars.
const LEAST_SEEN: f64 = 0.5;

/// What a person looks like when not in a picture.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Guise {
    pub(crate) name: String,
    pub(crate) is_muted: bool,
    pub(crate) is_speaking: bool,
}

/// What a tile was drawn from; another one is drawn again.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Drawn {
    version: u64,
    guise: Guise,
}

#[derive(Debug)]
struct Slot {
    tile: Tile,
    drawn: Option<Drawn>,
    /// Name and microphone, and what they say.
    label: Option<(Guise, Label)>,
}

#[derive(Debug)]
struct Label {
    pill: Mask,
    text: Mask,
    microphone: Option<Mask>,
    /// From the pill's left to the text's.
    indent: usize,
}

#[derive(Debug)]
pub(crate) struct Stage {
    layout: Layout,
    picture: Picture,
    slots: Vec<Slot>,
    scratch: Scratch,
}

impl Stage {
    pub(crate) fn new(layout: Layout, size: (usize, usize)) -> Stage {
        let mut picture = Picture::new(size.0, size.1);
        fill(&mut picture, Area { x: 0, y: 0, width: size.0, height: size.1 }, BACKGROUND);
        Stage { layout, picture, slots: Vec::new(), scratch: Scratch::default() }
    }

    pub(crate) fn layout(&self) -> Layout {
        self.layout
    }

    pub(crate) fn size(&self) -> (usize, usize) {
        (self.picture.width(), self.picture.height())
    }

    pub(crate) fn picture(&self) -> PictureRef<'_> {
        self.picture.view()
    }

    pub(crate) fn tiles(&self) -> impl Iterator<Item = &Tile> {
        self.slots.iter().map(|slot| &slot.tile)
    }

    /// Places everybody. Gives whether anybody moved.
    pub(crate) fn arrange(&mut self, cast: &Cast) -> bool {
        let tiles = place(self.layout, cast, self.size());
        if self.slots.iter().map(|slot| &slot.tile).eq(&tiles) {
            return false;
        }
        let (width, height) = self.size();
        fill(&mut self.picture, Area { x: 0, y: 0, width, height }, BACKGROUND);
        self.slots = tiles.into_iter().map(|tile| Slot { tile, drawn: None, label: None }).collect();
        true
    }

    /// Draws what changed; gives whether anything did.
    pub(crate) fn draw(
        &mut self,
        guises: &BTreeMap<ParticipantId, Guise>,
        feeds: &BTreeMap<(ParticipantId, Source), Feed>,
    ) -> bool {
        let unknown = Guise::default();
        let margin = gap(self.size());
        let mut is_changed = false;
        for slot in &mut self.slots {
            let guise = guises.get(&slot.tile.participant).unwrap_or(&unknown);
            let picture = feeds
                .get(&(slot.tile.participant, slot.tile.source))
                .filter(|feed| !feed.is_off)
                .and_then(|feed| Some((feed.version(), feed.picture()?)));
            let version = picture.as_ref().map_or(0, |(version, _)| *version);
            let is_same = slot.drawn.as_ref().is_some_and(|drawn| drawn.version == version && drawn.guise == *guise);
            if is_same {
                continue;
            }
            is_changed = true;
            let was_speaking = slot.drawn.as_ref().is_some_and(|drawn| drawn.guise.is_speaking);
            let area = slot.tile.area;
            match picture {
                Some((_, picture)) if slot.tile.source == Source::Screen => {
                    show_whole(&mut self.picture, area, &picture, BEHIND_SCREEN, &mut self.scratch);
                }
                Some((_, picture)) => show(&mut self.picture, area, &picture, &mut self.scratch),
                None => draw_initials(&mut self.picture, area, slot.tile.participant, &guise.name),
            }
            let radius = (margin * 5 / 4).min(area.height / 8);
            round_corners(&mut self.picture, area, radius, BACKGROUND);
            if slot.tile.source == Source::Camera && was_speaking != guise.is_speaking {
                let color = if guise.is_speaking { SPEAKING } else { BACKGROUND };
                frame(&mut self.picture, area, (margin * 3 / 8).max(1), radius, color);
            }
            if slot.label.as_ref().is_none_or(|(of, _)| of.name != guise.name || of.is_muted != guise.is_muted) {
                slot.label = label(guise, slot.tile).map(|label| (guise.clone(), label));
            }
            if let Some((_, label)) = &slot.label {
                label.draw(&mut self.picture, area, margin);
            }
            slot.drawn = Some(Drawn { version, guise: guise.clone() });
        }
        is_changed
    }
}

/// Fills a tile with the middle of a picture.
fn show(canvas: &mut Picture, area: Area, picture: &PictureRef<'_>, scratch: &mut Scratch) {
    let from = (picture.width(), picture.height());
    let to = (area.width, area.height);
    let shapes = (from.0 as f64 * to.1 as f64, from.1 as f64 * to.0 as f64);
    if from.0 < 2 || from.1 < 2 {
        return;
    }
    if shapes.0.min(shapes.1) / shapes.0.max(shapes.1) < LEAST_SEEN {
        show_whole(canvas, area, picture, BEHIND_SCREEN, scratch);
        return;
    }
    put(canvas, area, &cut(picture, fit(from, to)), scratch);
}

/// Shows all of a picture in the middle of a tile.
fn show_whole(canvas: &mut Picture, area: Area, picture: &PictureRef<'_>, behind: Color, scratch: &mut Scratch) {
    let (width, height) = contain((picture.width(), picture.height()), (area.width, area.height));
    if (width, height) != (area.width, area.height) {
        fill(canvas, area, behind);
    }
    let inner = Area {
        x: area.x + even((area.width - width) / 2),
        y: area.y + even((area.height - height) / 2),
        width,
        height,
    };
    put(canvas, inner, picture, scratch);
}

fn put(canvas: &mut Picture, area: Area, picture: &PictureRef<'_>, scratch: &mut Scratch) {
    for (index, plane) in [picture.y, picture.u, picture.v].into_iter().enumerate() {
        let divisor = if index == 0 { 1 } else { 2 };
        let (into, stride) = canvas.plane_mut(index);
        let from = area.y / divisor * stride + area.x / divisor;
        scale(&plane, &mut into[from..], stride, area.width / divisor, area.height / divisor, scratch);
    }
}

/// A disc with initials, for whom there is no picture of.
fn draw_initials(canvas: &mut Picture, area: Area, participant: ParticipantId, name: &str) {
    // Any byte of the id will do; ids are random.
    let (behind, disc) = SHADES[(participant.to_u128() >> 64) as usize % SHADES.len()];
    fill(canvas, area, behind);
    let diameter = even(area.width.min(area.height) * 9 / 20);
    let middle = (area.x + area.width / 2, area.y + area.height / 2);
    let mask = Mask::rounded(diameter, diameter, diameter as f32 / 2.0);
    paint(canvas, middle.0 - diameter / 2, middle.1 - diameter / 2, &mask, disc, 255);
    let capital = diameter as f32 * 0.34;
    let initials = text::draw(&initials(name), capital, diameter);
    let top = (middle.1 as f32 + capital / 2.0 - text::base_line(capital)).max(0.0) as usize;
    paint(canvas, middle.0 - initials.width / 2, top, &initials, WHITE, 235);
}

/// The first letters of the first and the last word.
pub(crate) fn initials(name: &str) -> String {
    let mut words = name.split(|c: char| !c.is_alphanumeric() && c != '\'').filter_map(|word| word.chars().next());
    let first = words.next();
    let letters: String = first.into_iter().chain(words.next_back()).flat_map(char::to_uppercase).collect();
    if letters.is_empty() { "?".to_owned() } else { letters }
}

/// Name and microphone in the lower left corner; nothing when there is neither.
fn label(guise: &Guise, tile: Tile) -> Option<Label> {
    if guise.name.trim().is_empty() && !guise.is_muted {
        return None;
    }
    let area = tile.area;
    let capital = (area.height as f32 / 24.0).clamp(7.5, 14.0);
    let most = area.width * 7 / 10;
    let text = text::draw(guise.name.trim(), capital, most);
    let is_muted = guise.is_muted && tile.source == Source::Camera;
    let microphone = is_muted.then(|| microphone(capital));
    let side = (capital * 0.75) as usize;
    let indent = side + microphone.as_ref().map_or(0, |icon| icon.width + side / 2);
    let width = indent + text.width + side;
    let height = (capital * 2.0) as usize;
    Some(Label { pill: Mask::rounded(width, height, height as f32 / 2.0), text, microphone, indent })
}

impl Label {
    fn draw(&self, canvas: &mut Picture, area: Area, margin: usize) {
        let x = area.x + margin;
        let y = (area.y + area.height).saturating_sub(margin + self.pill.height);
        paint(canvas, x, y, &self.pill, DARK, 165);
        // The middle of capitals in the middle of the pill.
        let capital = self.pill.height as f32 / 2.0;
        let top = (y as f32 + capital * 1.5 - text::base_line(capital)).max(0.0) as usize;
        paint(canvas, x + self.indent, top, &self.text, WHITE, 255);
        if let Some(icon) = &self.microphone {
            let side = (capital * 0.75) as usize;
            paint(canvas, x + side, y + (self.pill.height - icon.height) / 2, icon, MUTED, 255);
        }
    }
}

/// A crossed-out microphone.
fn microphone(capital: f32) -> Mask {
    let unit = capital / 14.0;
    let mut mask = Mask::new((15.0 * unit).ceil() as usize, (18.0 * unit).ceil() as usize);
    let mut stroke = |from: (f32, f32), to: (f32, f32), pen: f32| {
        mask.stroke((from.0 * unit, from.1 * unit), (to.0 * unit, to.1 * unit), pen * unit);
    };
    stroke((7.5, 4.0), (7.5, 8.0), 5.2);
    for [from, to] in [
        [(2.6, 8.0), (3.6, 11.2)],
        [(3.6, 11.2), (7.5, 13.0)],
        [(7.5, 13.0), (11.4, 11.2)],
        [(11.4, 11.2), (12.4, 8.0)],
    ] {
        stroke(from, to, 1.6);
    }
    stroke((7.5, 13.0), (7.5, 16.4), 1.6);
    stroke((1.4, 1.6), (13.6, 16.4), 1.8);
    mask
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn initials_are_of_the_first_and_last_word() {
        for (name, expected) in [
            ("Ada Lovelace", "AL"),
            ("  jean-luc de la tour ", "JT"),
            ("öznur", "Ö"),
            ("", "?"),
            ("+49 30 1234", "41"),
            ("ßtraße", "SS"),
        ] {
            assert_eq!(initials(name), expected, "{name}");
        }
    }
}
