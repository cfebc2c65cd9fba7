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

/// Bytes between a backslash and the third digit after it.
const REACH: usize = 4;

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
    let mut last = [0; BLOCK];
    let (blocks, rest) = text.as_chunks::<BLOCK>();
    last[..rest.len()].copy_from_slice(rest);
    let mut before = Start::default();
    for (number, block) in blocks.iter().chain([&last]).enumerate() {
        let (plain, digits) = places(&simd.read(block), anchors, &mut before);
        let mut found = plain | digits;
        while found != 0 {
            let place = number * BLOCK + found.trailing_zeros() as usize;
            let is_digit = digits & found & found.wrapping_neg() != 0;
            if judge(if is_digit { place - REACH } else { place }) {
                return true;
            }
            found &= found - 1;
        }
    }
    false
}

/// Where in a block the bytes are that an escape starts with: it may end in the next block.
#[derive(Clone, Copy, Default)]
struct Start {
    backslashes: u64,
    units: u64,
    zeros: u64,
}

/// Where the bytes stand, and where the third digits of their escapes do.
///
/// The starts of escapes are put together from the masks of one load: to load the block again at four
/// offsets took three times as long, because each of these loads reads two lines of the cache.
#[inline(always)]
fn places<L: Lanes>(lanes: &L, anchors: &Anchors, before: &mut Start) -> (u64, u64) {
    let any = |[a, b, c]: [u8; 3]| lanes.equal(a) | lanes.equal(b) | lanes.equal(c);
    let here = Start {
        backslashes: lanes.backslashes(),
        units: lanes.equal(b'u'),
        zeros: lanes.equal(b'0'),
    };
    let after = |here: u64, before: u64, bytes: u32| here << bytes | before >> (u64::BITS - bytes);
    let digits = after(here.backslashes, before.backslashes, 4)
        & after(here.units, before.units, 3)
        & after(here.zeros, before.zeros, 2)
        & after(here.zeros, before.zeros, 1)
        & any(anchors.digits);
    *before = here;
    (any(anchors.bytes), digits)
}
