//! Drawing on pictures: flat colours through masks.

pub(crate) mod glyphs;
pub(crate) mod text;

use centrale_codec::Picture;

/// A colour as a codec sees it (BT.601, limited range).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Color {
    pub(crate) y: u8,
    pub(crate) u: u8,
    pub(crate) v: u8,
}

impl Color {
    /// From red, green and blue, 0..=255.
    pub(crate) const fn rgb(red: i32, green: i32, blue: i32) -> Color {
        Color {
            y: (16 + (66 * red + 129 * green + 25 * blue + 128) / 256) as u8,
            u: (128 + (-38 * red - 74 * green + 112 * blue + 128) / 256) as u8,
            v: (128 + (112 * red - 94 * green - 18 * blue + 128) / 256) as u8,
        }
    }
}

/// A place on a canvas, in pixels.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Area {
    pub(crate) x: usize,
    pub(crate) y: usize,
    pub(crate) width: usize,
    pub(crate) height: usize,
}

/// The even number at or below, since each chroma sample covers two pixels.
pub(crate) fn even(length: usize) -> usize {
    length & !1
}

/// How much of each pixel is covered, 0..=255.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Mask {
    pub(crate) width: usize,
    pub(crate) height: usize,
    cover: Vec<u8>,
}

impl Mask {
    pub(crate) fn new(width: usize, height: usize) -> Mask {
        Mask { width, height, cover: vec![0; width * height] }
    }

    /// A filled rectangle with round corners.
    pub(crate) fn rounded(width: usize, height: usize, radius: f32) -> Mask {
        let mut mask = Mask::new(width, height);
        for y in 0..height {
            for x in 0..width {
                let outside = distance_to_rounded(x, y, width, height, radius);
                mask.cover[y * width + x] = coverage(outside);
            }
        }
        mask
    }

    /// A line with round ends; `pen` is its width.
    pub(crate) fn stroke(&mut self, from: (f32, f32), to: (f32, f32), pen: f32) {
        let reach = pen / 2.0 + 1.0;
        let range = |a: f32, b: f32, most: usize| {
            let low = (a.min(b) - reach).max(0.0) as usize;
            let high = ((a.max(b) + reach).max(0.0) as usize + 1).min(most);
            low.min(high)..high
        };
        for y in range(from.1, to.1, self.height) {
            for x in range(from.0, to.0, self.width) {
                let away = distance_to_segment((x as f32 + 0.5, y as f32 + 0.5), from, to);
                let cover = &mut self.cover[y * self.width + x];
                *cover = (*cover).max(coverage(away - pen / 2.0));
            }
        }
    }

    /// How much is covered in all, in whole pixels.
    #[cfg(test)]
    pub(crate) fn ink(&self) -> usize {
        self.cover.iter().map(|cover| usize::from(*cover)).sum::<usize>() / 255
    }

    fn at(&self, x: usize, y: usize) -> u32 {
        if x < self.width && y < self.height { u32::from(self.cover[y * self.width + x]) } else { 0 }
    }
}

/// Paints a colour through a mask whose left upper corner is at `x`, `y`; what lies outside of the picture is left out.
///
/// - `strength`: how opaque it is, 0..=255.
pub(crate) fn paint(picture: &mut Picture, x: usize, y: usize, mask: &Mask, color: Color, strength: u32) {
    let (width, height) = (picture.width(), picture.height());
    let (luma, stride) = picture.plane_mut(0);
    for row in 0..mask.height.min(height.saturating_sub(y)) {
        let columns = mask.width.min(width.saturating_sub(x));
        let line = &mut luma[(y + row) * stride + x.min(width)..][..columns];
        for (pixel, cover) in line.iter_mut().zip(&mask.cover[row * mask.width..]) {
            *pixel = blend(*pixel, color.y, u32::from(*cover) * strength / 255);
        }
    }
    // Each chroma sample covers four pixels.
    for (plane, value) in [(1, color.u), (2, color.v)] {
        let (data, stride) = picture.plane_mut(plane);
        for row in y / 2..(y + mask.height).min(height).div_ceil(2) {
            for column in x / 2..(x + mask.width).min(width).div_ceil(2) {
                let mut sum = 0;
                for (dx, dy) in [(0, 0), (1, 0), (0, 1), (1, 1)] {
                    if let (Some(mx), Some(my)) = ((2 * column + dx).checked_sub(x), (2 * row + dy).checked_sub(y)) {
                        sum += mask.at(mx, my);
                    }
                }
                let pixel = &mut data[row * stride + column];
                *pixel = blend(*pixel, value, sum / 4 * strength / 255);
            }
        }
    }
}

/// Fills an area; its edges are even.
pub(crate) fn fill(picture: &mut Picture, area: Area, color: Color) {
    for (plane, value) in [(0, color.y), (1, color.u), (2, color.v)] {
        let part = if plane == 0 { area } else { half(area) };
        let (data, stride) = picture.plane_mut(plane);
        for row in data.chunks_mut(stride).skip(part.y).take(part.height) {
            let end = (part.x + part.width).min(stride);
            row[part.x.min(end)..end].fill(value);
        }
    }
}

/// Rounds the corners of an area off, by painting what is behind it over them.
pub(crate) fn round_corners(picture: &mut Picture, area: Area, radius: usize, behind: Color) {
    let radius = radius.min(area.width / 2).min(area.height / 2);
    if radius == 0 {
        return;
    }
    let mut mask = Mask::new(radius, radius);
    for (right, low) in [(false, false), (true, false), (false, true), (true, true)] {
        for y in 0..radius {
            for x in 0..radius {
                let (from_x, from_y) = (if right { x } else { radius - 1 - x }, if low { y } else { radius - 1 - y });
                let away = ((from_x as f32 + 0.5).powi(2) + (from_y as f32 + 0.5).powi(2)).sqrt() - radius as f32;
                mask.cover[y * radius + x] = 255 - coverage(away);
            }
        }
        let x = area.x + if right { area.width - radius } else { 0 };
        let y = area.y + if low { area.height - radius } else { 0 };
        paint(picture, x, y, &mask, behind, 255);
    }
}

/// A frame around an area, outside of it: `width` pixels wide, round like the area.
pub(crate) fn frame(picture: &mut Picture, area: Area, width: usize, radius: usize, color: Color) {
    let outer = Area {
        x: area.x.saturating_sub(width),
        y: area.y.saturating_sub(width),
        width: area.width + 2 * width,
        height: area.height + 2 * width,
    };
    let mut mask = Mask::new(outer.width, outer.height);
    for y in 0..outer.height {
        let is_edge_row = y < width + radius || y >= outer.height - width - radius;
        for x in 0..outer.width {
            if !is_edge_row && x >= width && x < outer.width - width {
                continue;
            }
            let out = distance_to_rounded(x, y, outer.width, outer.height, (radius + width) as f32);
            // Inside the area by as much: the area begins `width` further in.
            let inner = out + width as f32;
            mask.cover[y * outer.width + x] = coverage(out).saturating_sub(coverage(inner));
        }
    }
    paint(picture, outer.x, outer.y, &mask, color, 255);
}

fn half(area: Area) -> Area {
    let (x, y) = (area.x / 2, area.y / 2);
    Area { x, y, width: (area.x + area.width).div_ceil(2) - x, height: (area.y + area.height).div_ceil(2) - y }
}

fn blend(under: u8, over: u8, cover: u32) -> u8 {
    ((u32::from(under) * (255 - cover) + u32::from(over) * cover + 127) / 255) as u8
}

/// How much of a pixel is covered whose middle is this far outside of an edge.
fn coverage(outside: f32) -> u8 {
    ((0.5 - outside).clamp(0.0, 1.0) * 255.0) as u8
}

fn distance_to_segment(point: (f32, f32), from: (f32, f32), to: (f32, f32)) -> f32 {
    let (dx, dy) = (to.0 - from.0, to.1 - from.1);
    let length = dx * dx + dy * dy;
    let along = if length > 0.0 { ((point.0 - from.0) * dx + (point.1 - from.1) * dy) / length } else { 0.0 };
    let along = along.clamp(0.0, 1.0);
    (point.0 - from.0 - along * dx).hypot(point.1 - from.1 - along * dy)
}

fn distance_to_rounded(x: usize, y: usize, width: usize, height: usize, radius: f32) -> f32 {
    let radius = radius.min(width as f32 / 2.0).min(height as f32 / 2.0);
    let from_middle =
        |n: usize, length: usize| (n as f32 + 0.5 - length as f32 / 2.0).abs() - (length as f32 / 2.0 - radius);
    let (dx, dy) = (from_middle(x, width), from_middle(y, height));
    dx.max(0.0).hypot(dy.max(0.0)) + dx.max(dy).min(0.0) - radius
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn colours_have_their_known_values() {
        assert_eq!(Color::rgb(255, 255, 255), Color { y: 235, u: 128, v: 128 });
        assert_eq!(Color::rgb(0, 0, 0), Color { y: 16, u: 128, v: 128 });
        assert_eq!(Color::rgb(255, 0, 0), Color { y: 82, u: 91, v: 240 });
    }

    #[test]
    fn nothing_is_painted_outside() {
        let mut picture = Picture::new(21, 13);
        let mask = Mask::rounded(10, 10, 3.0);
        for (x, y) in [(0, 0), (15, 8), (20, 12), (30, 30)] {
            paint(&mut picture, x, y, &mask, Color::rgb(255, 255, 255), 255);
        }
        fill(&mut picture, Area { x: 10, y: 10, width: 50, height: 50 }, Color::rgb(9, 9, 9));
        round_corners(&mut picture, Area { x: 0, y: 0, width: 21, height: 13 }, 4, Color::rgb(0, 0, 0));
        frame(&mut picture, Area { x: 2, y: 2, width: 19, height: 11 }, 2, 3, Color::rgb(0, 0, 255));
        assert_eq!(picture.view().y.row(0)[0], 16);
        assert!(picture.view().y.row(0)[5] > 100 || picture.view().y.row(2)[5] > 100);
    }
}
