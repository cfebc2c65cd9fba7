//! Places in escaped text where one of a few bytes stands, however it is spelled.

use super::arch::{Finder, Lanes, Simd};
use super::rewrite::chosen;
use super::string::BLOCK;
use super::{Path, Scanner};

/// Bytes that are looked for.
#[derive(Debug)]
pub struct Anchors {
    /// The bytes, printable ASCII; some may stand there twice.
    pub bytes: [u8; 3],
    /// The third digits of their escapes, from `\\u00X.`; some may stand there twice.
    pub digits: [u8; 3],
}

/// The longest start of an escape: `\\u00X`.
const START: usize = 5;

/// Whether a place is found that `judge` takes. It is asked about each of the bytes, and about each
/// backslash that may be the start of an escape of one; in order, until it takes one.
///
/// ```
/// use raftfast::scan::{Anchors, find};
///
/// let anchors = Anchors { bytes: *b"<[[", digits: *b"355" };
/// let mut places = Vec::new();
/// let found = find(br"a < \u003c \u0041 \n[", &anchors, |place| {
///     places.push(place);
///     false
/// });
/// assert_eq!((found, places), (false, vec![2, 4, 20]));
/// ```
pub fn find(text: &[u8], anchors: &Anchors, judge: impl FnMut(usize) -> bool) -> bool {
    chosen().find(text, anchors, judge)
}

impl Scanner {
    /// Does what [`find`] does, on the CPU path of this scanner.
    pub fn find(self, text: &[u8], anchors: &Anchors, judge: impl FnMut(usize) -> bool) -> bool {
        match self.path {
            Path::Avx512(cpu) => cpu.find(text, anchors, judge),
            Path::Avx2(cpu) => cpu.find(text, anchors, judge),
            Path::Portable(cpu) => cpu.find(text, anchors, judge),
        }
    }
}

/// Looks through a text. Inlined into one function for each CPU.
#[inline(always)]
pub(super) fn run<S: Simd>(
    simd: S,
    text: &[u8],
    anchors: &Anchors,
    mut judge: impl FnMut(usize) -> bool,
) -> bool {
    let mut at = 0;
    while let Some(window) = text[at..].first_chunk() {
        if judged(places(simd, window, anchors), at, &mut judge) {
            return true;
        }
        at += BLOCK;
    }
    let mut rest = &text[at..];
    // Of a text that ends within the window, and then within the start of an escape, nothing is lost:
    // what follows is not an anchor.
    while !rest.is_empty() {
        let mut window = [0; WINDOW];
        let length = rest.len().min(WINDOW);
        window[..length].copy_from_slice(&rest[..length]);
        if judged(places(simd, &window, anchors), text.len() - rest.len(), &mut judge) {
            return true;
        }
        rest = rest.get(BLOCK..).unwrap_or_default();
    }
    false
}

/// A block, and what the start of an escape at its end may reach beyond it.
const WINDOW: usize = BLOCK + START - 1;

#[inline(always)]
fn judged(mut places: u64, at: usize, judge: &mut impl FnMut(usize) -> bool) -> bool {
    while places != 0 {
        if judge(at + places.trailing_zeros() as usize) {
            return true;
        }
        places &= places - 1;
    }
    false
}

#[inline(always)]
fn places<S: Simd>(simd: S, window: &[u8; WINDOW], anchors: &Anchors) -> u64 {
    let Some(lanes) = block(simd, window, 0) else { return 0 };
    let [a, b, c] = anchors.bytes;
    let plain = lanes.equal(a) | lanes.equal(b) | lanes.equal(c);
    let backslashes = lanes.backslashes();
    if backslashes == 0 { plain } else { plain | spelled(simd, window, anchors, backslashes) }
}

/// Which of the backslashes start an escape of an anchor.
#[inline(always)]
fn spelled<S: Simd>(simd: S, window: &[u8; WINDOW], anchors: &Anchors, backslashes: u64) -> u64 {
    let is = |offset: usize, byte: u8| block(simd, window, offset).map_or(0, |b| b.equal(byte));
    let units = backslashes & is(1, b'u') & is(2, b'0') & is(3, b'0');
    let [x, y, z] = anchors.digits;
    units & block(simd, window, 4).map_or(0, |b| b.equal(x) | b.equal(y) | b.equal(z))
}

#[inline(always)]
fn block<S: Simd>(simd: S, window: &[u8; WINDOW], offset: usize) -> Option<S::Lanes> {
    window.get(offset..)?.first_chunk().map(|block| simd.read(block))
}
