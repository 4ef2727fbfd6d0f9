//! Pictures: three planes of bytes.

use crate::CodecError;

/// One plane of a picture.
#[derive(Clone, Copy, Debug)]
pub struct Plane<'a> {
    /// Rows one after the other, `stride` bytes apart. The last row may be shorter than the stride, never than the width.
    pub data: &'a [u8],
    /// Bytes from one row's beginning to the next's.
    pub stride: usize,
    /// Pixels in a row.
    pub width: usize,
    /// Rows.
    pub height: usize,
}

impl<'a> Plane<'a> {
    /// The pixels of a row.
    ///
    /// # Panics
    /// When there is no such row.
    pub fn row(&self, y: usize) -> &'a [u8] {
        &self.data[y * self.stride..y * self.stride + self.width]
    }
}

/// A picture that somebody else owns.
#[derive(Clone, Copy, Debug)]
pub struct PictureRef<'a> {
    /// Brightness.
    pub y: Plane<'a>,
    /// Blue difference, half as wide and high (rounded up).
    pub u: Plane<'a>,
    /// Red difference, half as wide and high (rounded up).
    pub v: Plane<'a>,
}

impl PictureRef<'_> {
    /// Pixels in a row.
    pub fn width(&self) -> usize {
        self.y.width
    }

    /// Rows.
    pub fn height(&self) -> usize {
        self.y.height
    }

    /// Copies the picture, so that it can be kept.
    pub fn to_picture(&self) -> Picture {
        let mut picture = Picture::new(self.width(), self.height());
        picture.copy_from(self);
        picture
    }
}

/// A picture.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Picture {
    width: usize,
    height: usize,
    planes: [Vec<u8>; 3],
}

impl Picture {
    /// A black picture.
    pub fn new(width: usize, height: usize) -> Picture {
        let chroma = width.div_ceil(2) * height.div_ceil(2);
        Picture { width, height, planes: [vec![16; width * height], vec![128; chroma], vec![128; chroma]] }
    }

    /// Pixels in a row.
    pub fn width(&self) -> usize {
        self.width
    }

    /// Rows.
    pub fn height(&self) -> usize {
        self.height
    }

    /// The picture, borrowed.
    pub fn view(&self) -> PictureRef<'_> {
        let (width, height) = (self.width.div_ceil(2), self.height.div_ceil(2));
        PictureRef {
            y: Plane { data: &self.planes[0], stride: self.width, width: self.width, height: self.height },
            u: Plane { data: &self.planes[1], stride: width, width, height },
            v: Plane { data: &self.planes[2], stride: width, width, height },
        }
    }

    /// A plane to draw on: its bytes and its stride. 0 is brightness, 1 blue difference, 2 red difference.
    ///
    /// # Panics
    /// When there is no such plane.
    pub fn plane_mut(&mut self, index: usize) -> (&mut [u8], usize) {
        let stride = if index == 0 { self.width } else { self.width.div_ceil(2) };
        (&mut self.planes[index], stride)
    }

    /// Becomes a copy of another picture, of its size.
    pub fn copy_from(&mut self, other: &PictureRef<'_>) {
        if (self.width, self.height) != (other.width(), other.height()) {
            *self = Picture::new(other.width(), other.height());
        }
        for (into, from) in self.planes.iter_mut().zip([other.y, other.u, other.v]) {
            for (row, y) in into.chunks_exact_mut(from.width.max(1)).zip(0..from.height) {
                row.copy_from_slice(from.row(y));
            }
        }
    }
}

/// Refuses sizes that nobody sends in good faith.
pub(crate) fn check_size(width: usize, height: usize) -> Result<(), CodecError> {
    match width.checked_mul(height) {
        Some(pixels) if pixels > 0 && pixels <= crate::MAX_PIXELS => Ok(()),
        _ => Err(CodecError::Size),
    }
}
