//! Who stands where.
//!
//! ```text
//!  two            four          five, six        seven and more     a screen
//! ┌────┬────┐   ┌────┬────┐   ┌───────┬───┐   ┌─────────┬──┐   ┌──────────┬──┐
//! │    │    │   │    │    │   │       │   │   │         │  │   │          │  │
//! │    │    │   ├────┼────┤   │       ├───┤   │         ├──┤   │  screen  ├──┤
//! └────┴────┘   │    │    │   ├───┬───┼───┤   │         ├──┤   │          ├──┤
//!               └────┴────┘   └───┴───┴───┘   ├──┬──┬──┬┴──┤   │          ├──┤
//!                                             └──┴──┴──┴───┘   └──────────┴──┘
//! ```
//!
//! Everybody keeps the place that joining gave, so that faces do not wander; only who is large changes.

use centrale_model::ParticipantId;

use super::Layout;
use super::draw::{Area, even};
use crate::command::Source;

/// The most people in a grid.
const GRID: usize = 9;

/// The most people beside a shared screen.
const BESIDE: usize = 5;

/// What is known of the people, as far as places go.
#[derive(Clone, Debug, Default)]
pub(crate) struct Cast {
    /// In the order of joining, and whether each sends camera pictures.
    pub(crate) people: Vec<(ParticipantId, bool)>,
    /// Whoever shares a screen, the latest first.
    pub(crate) screens: Vec<ParticipantId>,
    /// The latest speaker first.
    pub(crate) speakers: Vec<ParticipantId>,
    pub(crate) spotlight: Vec<ParticipantId>,
}

/// A place on the canvas.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Tile {
    pub(crate) participant: ParticipantId,
    pub(crate) source: Source,
    pub(crate) area: Area,
}

/// Places people on a canvas of `size` pixels.
pub(crate) fn place(layout: Layout, cast: &Cast, size: (usize, usize)) -> Vec<Tile> {
    match (layout, cast.screens.first()) {
        (Layout::Auto, Some(screen)) => stage(cast, *screen, size),
        (Layout::Speaker, Some(screen)) => vec![tile(*screen, Source::Screen, whole(size))],
        (Layout::Grid, Some(screen)) => {
            let mut sources = vec![(*screen, Source::Screen)];
            sources.extend(cast.choose(GRID - 1).into_iter().map(|person| (person, Source::Camera)));
            grid(&sources, size)
        }
        (Layout::Speaker, None) => {
            cast.leader().map(|leader| tile(leader, Source::Camera, whole(size))).into_iter().collect()
        }
        (Layout::Grid, None) => grid(&cameras(cast.choose(GRID)), size),
        (Layout::Auto, None) if cast.spotlight.len() > 1 => {
            let lit = cast.spotlight.iter().filter(|person| cast.knows(person)).take(GRID).copied();
            grid(&cameras(lit.collect()), size)
        }
        (Layout::Auto, None) => match (cast.leader(), cast.people.len()) {
            (Some(leader), 5..=6) => around(cast, leader, 3, size),
            (Some(leader), 7..) => around(cast, leader, 4, size),
            _ if cast.spotlight.is_empty() => grid(&cameras(cast.choose(4)), size),
            (Some(leader), 2..) => around(cast, leader, 3, size),
            _ => grid(&cameras(cast.choose(4)), size),
        },
    }
}

impl Cast {
    fn knows(&self, person: &ParticipantId) -> bool {
        self.people.iter().any(|(known, _)| known == person)
    }

    /// Who is large: the spotlighted one, the speaker, whoever sends pictures, whoever came first.
    fn leader(&self) -> Option<ParticipantId> {
        let named = self.spotlight.iter().chain(&self.speakers).find(|person| self.knows(person)).copied();
        let seen = || self.people.iter().find(|(_, is_seen)| *is_seen).map(|(person, _)| *person);
        named.or_else(seen).or_else(|| self.people.first().map(|(person, _)| *person))
    }

    /// At most `most` people in the order of joining: who is in the spotlight, who spoke last, who sends pictures, who came first.
    fn choose(&self, most: usize) -> Vec<ParticipantId> {
        if self.people.len() <= most {
            return self.people.iter().map(|(person, _)| *person).collect();
        }
        let place = |list: &[ParticipantId], person| list.iter().position(|each| *each == person).unwrap_or(usize::MAX);
        let mut ranked: Vec<_> = self
            .people
            .iter()
            .enumerate()
            .map(|(joined, (person, is_seen))| {
                (place(&self.spotlight, *person), place(&self.speakers, *person), !is_seen, joined, *person)
            })
            .collect();
        ranked.sort();
        ranked.truncate(most);
        ranked.sort_by_key(|(_, _, _, joined, _)| *joined);
        ranked.into_iter().map(|(.., person)| person).collect()
    }
}

fn cameras(people: Vec<ParticipantId>) -> Vec<(ParticipantId, Source)> {
    people.into_iter().map(|person| (person, Source::Camera)).collect()
}

fn tile(participant: ParticipantId, source: Source, area: Area) -> Tile {
    Tile { participant, source, area }
}

/// Pixels between two tiles and around all: a ninetieth of the height, even.
pub(crate) fn gap(size: (usize, usize)) -> usize {
    even(size.1 / 90).max(2)
}

/// The whole canvas but for its margin.
fn whole(size: (usize, usize)) -> Area {
    let gap = gap(size);
    Area { x: gap, y: gap, width: even(size.0 - 2 * gap), height: even(size.1 - 2 * gap) }
}

/// Cells of `columns` x `rows` with gaps between; `span` of them from column and row on.
fn cell(size: (usize, usize), columns: usize, rows: usize, (column, row): (usize, usize), span: usize) -> Area {
    let gap = gap(size);
    let width = even((size.0 - gap * (columns + 1)) / columns);
    let height = even((size.1 - gap * (rows + 1)) / rows);
    // What division left over is margin on both sides.
    let left = even((size.0 - columns * width - (columns - 1) * gap) / 2);
    let top = even((size.1 - rows * height - (rows - 1) * gap) / 2);
    Area {
        x: left + column * (width + gap),
        y: top + row * (height + gap),
        width: span * width + (span - 1) * gap,
        height: span * height + (span - 1) * gap,
    }
}

fn grid(sources: &[(ParticipantId, Source)], size: (usize, usize)) -> Vec<Tile> {
    let count = sources.len();
    let columns = (1..).find(|columns| columns * columns >= count).unwrap_or(1);
    let rows = count.div_ceil(columns).max(1);
    let mut tiles = Vec::with_capacity(count);
    for (index, (participant, source)) in sources.iter().enumerate() {
        let (row, column) = (index / columns, index % columns);
        let mut area = cell(size, columns, rows, (column, row), 1);
        // The last row stands in the middle.
        let missing = if row + 1 == rows { columns * rows - count } else { 0 };
        area.x += even(missing * (area.width + gap(size)) / 2);
        // Two side by side would be narrow and high: no narrower than 4:3.
        let most = even(area.width * 3 / 4);
        if area.height > most {
            area.y += even((area.height - most) / 2);
            area.height = most;
        }
        tiles.push(tile(*participant, *source, area));
    }
    tiles
}

/// One large, the others in the cells to its right and below; `cells` in a row of small ones.
fn around(cast: &Cast, leader: ParticipantId, cells: usize, size: (usize, usize)) -> Vec<Tile> {
    let mut tiles = vec![tile(leader, Source::Camera, cell(size, cells, cells, (0, 0), cells - 1))];
    let right = (0..cells).map(|row| (cells - 1, row));
    let below = (0..cells - 1).rev().map(|column| (column, cells - 1));
    let others = cast.choose(2 * cells).into_iter().filter(|person| *person != leader);
    for (person, place) in others.zip(right.chain(below)) {
        tiles.push(tile(person, Source::Camera, cell(size, cells, cells, place, 1)));
    }
    tiles
}

/// The screen on the stage, the people in a column beside it.
fn stage(cast: &Cast, screen: ParticipantId, size: (usize, usize)) -> Vec<Tile> {
    let gap = gap(size);
    let people = cast.choose(BESIDE);
    let small = cell(size, BESIDE, BESIDE, (BESIDE - 1, 0), 1);
    let stage = Area { width: even(small.x - 2 * gap), ..whole(size) };
    let mut tiles = vec![tile(screen, Source::Screen, stage)];
    let height = people.len() * small.height + people.len().saturating_sub(1) * gap;
    let top = even((size.1 - height) / 2);
    for (index, person) in people.into_iter().enumerate() {
        let area = Area { y: top + index * (small.height + gap), ..small };
        tiles.push(tile(person, Source::Camera, area));
    }
    tiles
}

#[cfg(test)]
mod tests {
    use super::*;

    fn id(number: usize) -> ParticipantId {
        ParticipantId::from_u128(number as u128)
    }

    fn cast(people: usize) -> Cast {
        Cast { people: (0..people).map(|number| (id(number), true)).collect(), ..Cast::default() }
    }

    fn is_apart(a: &Area, b: &Area) -> bool {
        a.x + a.width <= b.x || b.x + b.width <= a.x || a.y + a.height <= b.y || b.y + b.height <= a.y
    }

    #[test]
    fn tiles_never_overlap_are_even_and_stay_inside() {
        for size in [(1280, 720), (640, 360), (320, 180)] {
            for layout in [Layout::Auto, Layout::Grid, Layout::Speaker] {
                for people in 0..15 {
                    for (screens, spotlight) in [(0, 0), (1, 0), (0, 1), (0, 3), (2, 2)] {
                        let mut cast = cast(people);
                        cast.screens = (0..screens.min(people)).map(id).collect();
                        cast.spotlight = (0..spotlight.min(people)).map(|n| id(people - 1 - n)).collect();
                        let tiles = place(layout, &cast, size);
                        assert_eq!(tiles.is_empty(), people == 0);
                        for (index, a) in tiles.iter().enumerate() {
                            let Area { x, y, width, height } = a.area;
                            assert!(x % 2 == 0 && y % 2 == 0 && width % 2 == 0 && height % 2 == 0, "{a:?}");
                            assert!(width > 20 && height > 10 && x + width < size.0 && y + height < size.1, "{a:?}");
                            for b in &tiles[index + 1..] {
                                assert!(is_apart(&a.area, &b.area), "{people} {layout:?} {size:?}: {a:?} {b:?}");
                                assert!((a.participant, a.source) != (b.participant, b.source));
                            }
                        }
                    }
                }
            }
        }
    }

    #[test]
    fn the_speaker_is_larger_and_nobody_else_moves() {
        let mut cast = cast(6);
        cast.speakers = vec![id(2)];
        let tiles = place(Layout::Auto, &cast, (1280, 720));
        assert_eq!((tiles.len(), tiles[0].participant), (6, id(2)));
        assert!(tiles[1..].iter().all(|tile| tile.area.width * 2 <= tiles[0].area.width));
        cast.speakers = vec![id(40), id(2)];
        assert_eq!(place(Layout::Auto, &cast, (1280, 720)), tiles);
        cast.spotlight = vec![id(5)];
        assert_eq!(place(Layout::Auto, &cast, (1280, 720))[0].participant, id(5));
    }

    #[test]
    fn of_many_the_latest_speakers_are_seen() {
        let mut cast = cast(100);
        cast.speakers = (60..68).map(id).collect();
        let tiles = place(Layout::Auto, &cast, (1280, 720));
        assert_eq!(tiles.len(), 8);
        assert!(tiles.iter().all(|tile| (id(60)..=id(67)).contains(&tile.participant)));
        assert_eq!(place(Layout::Grid, &cast, (1280, 720)).len(), 9);
        cast.screens = vec![id(7)];
        let tiles = place(Layout::Auto, &cast, (1280, 720));
        assert_eq!((tiles[0].source, tiles[0].participant, tiles.len()), (Source::Screen, id(7), 6));
        assert!(tiles[0].area.width > 1000);
    }
}
