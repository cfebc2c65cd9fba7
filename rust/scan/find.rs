//! Places in a text where one of a few pairs of neighbouring bytes stands.

use super::arch::{Finder, Lanes, Simd};
use super::rewrite::chosen;
use super::string::BLOCK;
use super::{Path, Scanner};

/// Pairs of ASCII bytes that are looked for.
///
/// They are kept in eight groups, as in the Teddy algorithm of
/// [Hyperscan](https://www.usenix.org/conference/nsdi19/presentation/wang-xiang): a place is taken for a
/// pair if both of its bytes are of one group, which is true of all pairs and of few others.
#[derive(Debug)]
pub struct Pairs {
    pub(super) first: Groups,
    pub(super) second: Groups,
}

/// The groups of each byte, one bit for each. A byte that is not ASCII is of none.
#[derive(Debug)]
pub(super) struct Groups {
    /// By the low nibble. A byte is of the groups that both of its nibbles have.
    pub(super) low: [u8; 16],
    /// By the high nibble.
    pub(super) high: [u8; 16],
    /// By the byte.
    pub(super) whole: [[u8; BLOCK]; 2],
}

impl Pairs {
    /// Prepares the search. A pair with a byte that is not ASCII is never found.
    #[must_use]
    pub fn new(pairs: &[(u8, u8)]) -> Self {
        let mut seconds: Vec<u8> = pairs.iter().map(|pair| pair.1).collect();
        seconds.sort_unstable();
        seconds.dedup();
        let group = |pair: &(u8, u8)| {
            let place = seconds.iter().position(|&second| second == pair.1);
            1 << (place.unwrap_or_default() % 8)
        };
        let groups = |byte: fn(&(u8, u8)) -> u8| {
            Groups::new(pairs.iter().map(|pair| (byte(pair), group(pair))))
        };
        Self { first: groups(|pair| pair.0), second: groups(|pair| pair.1) }
    }

    /// Whether the search takes two bytes for a pair.
    #[must_use]
    pub fn may_be(&self, first: u8, second: u8) -> bool {
        self.first.of(first) & self.second.of(second) != 0
    }
}

impl Groups {
    fn new(members: impl Iterator<Item = (u8, u8)>) -> Self {
        let (mut low, mut high) = ([0; 16], [0; 16]);
        for (byte, group) in members.filter(|(byte, _)| byte.is_ascii()) {
            low[usize::from(byte & 0xf)] |= group;
            high[usize::from(byte >> 4)] |= group;
        }
        let of = |byte: usize| low[byte & 0xf] & high[byte >> 4];
        let whole = [0, BLOCK].map(|start| std::array::from_fn(|place| of(start + place)));
        Self { low, high, whole }
    }

    /// The groups of a byte.
    #[inline(always)]
    pub(super) fn of(&self, byte: u8) -> u8 {
        self.low[usize::from(byte & 0xf)] & self.high[usize::from(byte >> 4)]
    }
}

/// Whether a place is found that `judge` takes. It is asked about the second byte of each pair, and of
/// each other two bytes that [may be](Pairs::may_be) one; in order, until it takes one.
///
/// ```
/// use raftfast::scan::{Pairs, find};
///
/// let pairs = Pairs::new(&[(b'<', b's'), (b':', b':')]);
/// let mut places = Vec::new();
/// let found = find(b"a <s> <t> :::", &pairs, |place| {
///     places.push(place);
///     false
/// });
/// assert_eq!((found, places), (false, vec![3, 11, 12]));
/// ```
pub fn find(text: &[u8], pairs: &Pairs, judge: impl FnMut(usize) -> bool) -> bool {
    chosen().find(text, pairs, judge)
}

impl Scanner {
    /// Does what [`find`] does, on the CPU path of this scanner.
    pub fn find(self, text: &[u8], pairs: &Pairs, judge: impl FnMut(usize) -> bool) -> bool {
        match self.path {
            Path::Avx512(cpu) => cpu.find(text, pairs, judge),
            Path::Avx2(cpu) => cpu.find(text, pairs, judge),
            Path::Portable(cpu) => cpu.find(text, pairs, judge),
        }
    }
}

/// Looks through a text. Inlined into one function for each CPU.
#[inline(always)]
pub(super) fn run<S: Simd>(
    simd: S,
    text: &[u8],
    pairs: &Pairs,
    mut judge: impl FnMut(usize) -> bool,
) -> bool {
    let mut last = [0; BLOCK];
    let (blocks, rest) = text.as_chunks::<BLOCK>();
    last[..rest.len()].copy_from_slice(rest);
    let mut before = simd.read(&[0; BLOCK]);
    for (number, block) in blocks.iter().chain([&last]).enumerate() {
        let lanes = simd.read(block);
        let mut found = lanes.pairs(&before, pairs);
        while found != 0 {
            if judge(number * BLOCK + found.trailing_zeros() as usize) {
                return true;
            }
            found &= found - 1;
        }
        before = lanes;
    }
    false
}
