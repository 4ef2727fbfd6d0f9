//! Makes pictures fit.
//!
//! Whole ratios down to a quarter are averages of whole blocks, in loops that the compiler turns into vectors; everything else is bilinear, behind as
//! many halvings as it takes to come below 2:1. A source is cut rather than scaled by a little: see [`fit`].

use centrale_codec::{PictureRef, Plane};

use super::draw::even as round_down;

/// The part of a source that is shown, in pixels of the source; all even.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Crop {
    pub(crate) x: usize,
    pub(crate) y: usize,
    pub(crate) width: usize,
    pub(crate) height: usize,
}

/// How much more than asked may be cut off, so that the ratio is a whole one.
const GENEROUS: f64 = 1.08;

/// The part of a source of `from` pixels that fills a tile of `to` pixels: as much as possible from the middle. When a whole ratio would show
/// nearly as much, that one.
pub(crate) fn fit(from: (usize, usize), to: (usize, usize)) -> Crop {
    let needed = (to.0 as f64 / from.0 as f64).max(to.1 as f64 / from.1 as f64);
    let whole = [1.0, 0.5, 1.0 / 3.0, 0.25].into_iter().find(|ratio| *ratio >= needed && *ratio <= needed * GENEROUS);
    let ratio = whole.unwrap_or(needed);
    let even = |length: f64, most: usize| (((length / 2.0).round() as usize * 2).max(2)).min(most & !1).max(1);
    let (width, height) = (even(to.0 as f64 / ratio, from.0), even(to.1 as f64 / ratio, from.1));
    Crop { x: round_down((from.0 - width) / 2), y: round_down((from.1 - height) / 2), width, height }
}

/// The largest tile inside `to` that shows a source of `from` whole: width and height, even.
pub(crate) fn contain(from: (usize, usize), to: (usize, usize)) -> (usize, usize) {
    let ratio = (to.0 as f64 / from.0 as f64).min(to.1 as f64 / from.1 as f64);
    let even = |length: f64, most: usize| ((length / 2.0).round() as usize * 2).clamp(2, most & !1);
    (even(from.0 as f64 * ratio, to.0), even(from.1 as f64 * ratio, to.1))
}

/// Cuts a part out of a picture.
pub(crate) fn cut<'a>(picture: &PictureRef<'a>, crop: Crop) -> PictureRef<'a> {
    let chroma = Crop { x: crop.x / 2, y: crop.y / 2, width: crop.width.div_ceil(2), height: crop.height.div_ceil(2) };
    PictureRef { y: sub(&picture.y, crop), u: sub(&picture.u, chroma), v: sub(&picture.v, chroma) }
}

fn sub<'a>(plane: &Plane<'a>, crop: Crop) -> Plane<'a> {
    let from = crop.y * plane.stride + crop.x;
    Plane { data: &plane.data[from..], stride: plane.stride, width: crop.width, height: crop.height }
}

/// Memory that scaling needs now and then.
#[derive(Clone, Debug, Default)]
pub(crate) struct Scratch {
    halves: [Vec<u8>; 2],
    row: Vec<u16>,
    /// For each column its left neighbour and the right one's weight of 128; made for these widths.
    columns: Vec<(u32, u16)>,
    widths: (usize, usize),
}

/// Scales a plane into a tile that begins at `into[0]`.
pub(crate) fn scale(
    plane: &Plane<'_>,
    into: &mut [u8],
    stride: usize,
    width: usize,
    height: usize,
    scratch: &mut Scratch,
) {
    let ratio = |n| plane.width == n * width && plane.height == n * height;
    if plane.width == 0 || plane.height == 0 || width == 0 || height == 0 {
        return;
    }
    if ratio(1) {
        for (y, row) in into.chunks_mut(stride).take(height).enumerate() {
            row[..width].copy_from_slice(plane.row(y));
        }
    } else if ratio(2) {
        halve(plane, into, stride, width, height);
    } else if ratio(3) || ratio(4) {
        let n = plane.width / width;
        average(plane, n, into, stride, width, height, &mut scratch.row);
    } else if plane.width >= 2 * width && plane.height >= 2 * height && plane.width > 3 && plane.height > 3 {
        let (w, h) = (plane.width / 2, plane.height / 2);
        let mut half = core::mem::take(&mut scratch.halves[0]);
        half.resize(w * h, 0);
        halve(plane, &mut half, w, w, h);
        let halved = Plane { data: &half, stride: w, width: w, height: h };
        scratch.halves.swap(0, 1);
        scale(&halved, into, stride, width, height, scratch);
        scratch.halves.swap(0, 1);
        scratch.halves[0] = half;
    } else {
        bilinear(plane, into, stride, width, height, scratch);
    }
}

fn halve(plane: &Plane<'_>, into: &mut [u8], stride: usize, width: usize, height: usize) {
    for (y, out) in into.chunks_mut(stride).take(height).enumerate() {
        let (above, below) = (plane.row(2 * y), plane.row(2 * y + 1));
        let pairs = above.chunks_exact(2).zip(below.chunks_exact(2));
        for (pixel, (a, b)) in out[..width].iter_mut().zip(pairs) {
            let sum = u16::from(a[0]) + u16::from(a[1]) + u16::from(b[0]) + u16::from(b[1]);
            *pixel = ((sum + 2) >> 2) as u8;
        }
    }
}

fn average(
    plane: &Plane<'_>,
    n: usize,
    into: &mut [u8],
    stride: usize,
    width: usize,
    height: usize,
    sums: &mut Vec<u16>,
) {
    let area = (n * n) as u32;
    // Multiplication instead of division, exact for sums of up to 16 bytes.
    let reciprocal = 65_536_u32.div_ceil(area);
    sums.resize(plane.width, 0);
    for (y, out) in into.chunks_mut(stride).take(height).enumerate() {
        sums.fill(0);
        for line in 0..n {
            for (sum, pixel) in sums.iter_mut().zip(plane.row(n * y + line)) {
                *sum += u16::from(*pixel);
            }
        }
        for (pixel, block) in out[..width].iter_mut().zip(sums.chunks_exact(n)) {
            let sum: u32 = block.iter().map(|sum| u32::from(*sum)).sum();
            *pixel = (((sum + area / 2) * reciprocal) >> 16).min(255) as u8;
        }
    }
}

fn bilinear(plane: &Plane<'_>, into: &mut [u8], stride: usize, width: usize, height: usize, scratch: &mut Scratch) {
    if scratch.widths != (plane.width, width) {
        scratch.widths = (plane.width, width);
        scratch.columns = (0..width).map(|x| neighbours(x, plane.width, width)).map(|(i, w)| (i as u32, w)).collect();
    }
    // One pixel more, so that the last column has a right neighbour.
    scratch.row.resize(plane.width + 1, 0);
    for (y, out) in into.chunks_mut(stride).take(height).enumerate() {
        let (first, weight) = neighbours(y, plane.height, height);
        let (above, below) = (plane.row(first), plane.row((first + 1).min(plane.height - 1)));
        for (sum, (a, b)) in scratch.row.iter_mut().zip(above.iter().zip(below)) {
            *sum = u16::from(*a) * (128 - weight) + u16::from(*b) * weight;
        }
        scratch.row[plane.width] = scratch.row[plane.width - 1];
        for (pixel, (left, weight)) in out[..width].iter_mut().zip(&scratch.columns) {
            let left = *left as usize;
            let (a, b) = (u32::from(scratch.row[left]), u32::from(scratch.row[left + 1]));
            *pixel = ((a * (128 - u32::from(*weight)) + b * u32::from(*weight) + 8192) >> 14) as u8;
        }
    }
}

/// The source pixel left of (or at) the middle of pixel `n`, and how much its right neighbour counts, of 128.
fn neighbours(n: usize, from: usize, to: usize) -> (usize, u16) {
    let place = ((n as f64 + 0.5) * from as f64 / to as f64 - 0.5).max(0.0);
    let left = (place as usize).min(from - 1);
    let weight = if left + 1 < from { ((place - left as f64) * 128.0).round() as u16 } else { 0 };
    (left, weight)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ramp(width: usize, height: usize) -> Vec<u8> {
        (0..width * height).map(|n| ((n % width) * 200 / width + (n / width) * 50 / height) as u8).collect()
    }

    #[test]
    fn a_ramp_stays_a_ramp_at_any_ratio() {
        let data = ramp(240, 120);
        let plane = Plane { data: &data, stride: 240, width: 240, height: 120 };
        let mut scratch = Scratch::default();
        for (width, height) in
            [(240, 120), (120, 60), (80, 40), (60, 30), (160, 80), (100, 51), (37, 19), (300, 170), (48, 24)]
        {
            let stride = width + 5;
            let mut out = vec![9; stride * height];
            scale(&plane, &mut out, stride, width, height, &mut scratch);
            for y in 0..height {
                for x in 0..width {
                    let ideal = (x as f64 + 0.5) * 200.0 / width as f64 + (y as f64 + 0.5) * 50.0 / height as f64;
                    let error = (f64::from(out[y * stride + x]) - ideal).abs();
                    assert!(error < 4.5, "{width}x{height} at {x},{y}: {error}");
                }
                assert!(out[y * stride + width..(y + 1) * stride].iter().all(|pixel| *pixel == 9));
            }
        }
    }

    #[test]
    fn nothing_is_lost_of_white() {
        let data = vec![255; 96 * 96];
        let plane = Plane { data: &data, stride: 96, width: 96, height: 96 };
        for size in [96, 48, 32, 24, 50, 11, 200] {
            let mut out = vec![0; size * size];
            scale(&plane, &mut out, size, size, size, &mut Scratch::default());
            assert!(out.iter().all(|pixel| *pixel == 255), "{size}");
        }
    }

    #[test]
    fn a_little_is_cut_for_a_whole_ratio() {
        assert_eq!(fit((640, 360), (628, 348)), Crop { x: 6, y: 6, width: 628, height: 348 });
        assert_eq!(fit((640, 360), (310, 170)), Crop { x: 10, y: 10, width: 620, height: 340 });
        // Far from a whole ratio: as much as possible.
        assert_eq!(fit((640, 360), (416, 228)), Crop { x: 0, y: 4, width: 640, height: 350 });
        // A portrait fills a landscape with its middle.
        assert_eq!(fit((360, 640), (416, 234)), Crop { x: 0, y: 218, width: 360, height: 202 });
        assert_eq!(contain((1920, 1080), (1018, 704)), (1018, 572));
        assert_eq!(contain((360, 640), (416, 234)), (132, 234));
    }
}
