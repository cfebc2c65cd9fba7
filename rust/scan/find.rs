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
    ///
    /// Each pair is a group, and where there is one group too many, the two become one that then take the
    /// fewest others in prose; so eight groups hold many pairs and still take hardly any text for one of them.
    #[must_use]
    pub fn new(pairs: &[(u8, u8)]) -> Self {
        let ascii = pairs.iter().filter(|(first, second)| first.is_ascii() && second.is_ascii());
        let mut groups = Vec::new();
        for (first, second) in ascii {
            groups.push(Group::of(*first, *second));
            if groups.len() > GROUPS {
                join_two(&mut groups);
            }
        }
        Self {
            first: Groups::new(&groups, |group| group.first),
            second: Groups::new(&groups, |group| group.second),
        }
    }

    /// How frequent a pair is in prose as JSON spells it, in no unit.
    #[must_use]
    pub fn frequency(first: u8, second: u8) -> i32 {
        Group::of(first, second).weight
    }

    /// Whether the search takes two bytes for a pair.
    #[must_use]
    pub fn may_be(&self, first: u8, second: u8) -> bool {
        self.first.of(first) & self.second.of(second) != 0
    }
}

/// As many as a byte has bits.
const GROUPS: usize = 8;

/// Makes one of the two groups that take the fewest pairs more when they are one.
fn join_two(groups: &mut Vec<Group>) {
    let all = groups.iter().enumerate();
    let joined = all.flat_map(|(at, one)| {
        groups[..at].iter().enumerate().map(move |(before, other)| {
            let both = one.with(other);
            (both.weight - one.weight - other.weight, before, at, both)
        })
    });
    if let Some((_, before, at, both)) = joined.min_by_key(|joined| joined.0) {
        groups[before] = both;
        groups.swap_remove(at);
    }
}

/// Pairs that are looked for together.
#[derive(Clone, Copy, Debug)]
struct Group {
    first: Nibbles,
    second: Nibbles,
    /// How often it takes two bytes of prose for a pair, in no unit.
    weight: i32,
}

/// The low and the high nibbles of some bytes, one bit for each.
#[derive(Clone, Copy, Debug)]
struct Nibbles {
    low: u16,
    high: u16,
}

impl Group {
    fn of(first: u8, second: u8) -> Self {
        Self::new(Nibbles::of(first), Nibbles::of(second))
    }

    fn new(first: Nibbles, second: Nibbles) -> Self {
        // A digit is hardly ever followed by a letter: counted alike, `69` and `76` shared a group and `3a`
        // and `5b` did not.
        let letters = (b'A'..=b'Z').chain(b'a'..=b'z');
        let mixed = first.weight(b'0'..=b'9') * second.weight(letters);
        let all = first.weight(0..=0x7f) * second.weight(0..=0x7f);
        Self { first, second, weight: all - mixed + mixed / 16 }
    }

    fn with(&self, other: &Self) -> Self {
        Self::new(self.first.with(other.first), self.second.with(other.second))
    }
}

impl Nibbles {
    fn of(byte: u8) -> Self {
        Self { low: 1 << (byte & 0xf), high: 1 << (byte >> 4) }
    }

    fn with(self, other: Self) -> Self {
        Self { low: self.low | other.low, high: self.high | other.high }
    }

    fn holds(self, byte: u8) -> bool {
        self.low >> (byte & 0xf) & self.high >> (byte >> 4) & 1 == 1
    }

    /// How frequent those of some bytes are that it holds.
    fn weight(self, bytes: impl Iterator<Item = u8>) -> i32 {
        bytes.filter(|byte| self.holds(*byte)).map(frequency).sum()
    }
}

/// How frequent a byte is in prose as JSON spells it. Counted alike, `[\\` shared a group with `t:`, which
/// then took each `t\\`: two of three places in a record that were asked about.
fn frequency(byte: u8) -> i32 {
    match byte {
        b' ' | b'\\' | b'a'..=b'z' => 16,
        b'0'..=b'9' | b'A'..=b'Z' | b'"' | b',' | b'.' | b':' => 4,
        _ => 1,
    }
}

impl Groups {
    fn new(groups: &[Group], member: fn(&Group) -> Nibbles) -> Self {
        let with = |nibbles: fn(Nibbles) -> u16| {
            std::array::from_fn(|nibble| {
                let sets = groups.iter().map(|group| nibbles(member(group))).enumerate();
                sets.fold(0, |all, (group, set)| all | u8::from(set >> nibble & 1 == 1) << group)
            })
        };
        let (low, high): ([u8; 16], [u8; 16]) = (with(|some| some.low), with(|some| some.high));
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
    let mut start = 1;
    while let Some(window) = text[start - 1..].first_chunk() {
        let found = places(simd, window, pairs);
        if found != 0 && any(found, |place| judge(start + place)) {
            return true;
        }
        start += STEP;
    }
    if start >= text.len() {
        return false;
    }
    let (last_start, found) = if let Some(window) = text.last_chunk() {
        (text.len() - STEP, places(simd, window, pairs))
    } else {
        let mut window = [0; STEP + 1];
        window[..text.len()].copy_from_slice(text);
        (1, places(simd, &window, pairs) & !(u128::MAX << (text.len() - 1)))
    };
    let seen = start - last_start;
    let found = found >> seen;
    found != 0 && any(found, |place| judge(start + place))
}

/// Places that are looked at before anything is asked about them: a branch for each 64 bytes, and an
/// iterator of them, took half of the time.
const STEP: usize = 2 * BLOCK;

/// Where pairs end in a window, bit 0 for its second byte.
#[inline(always)]
fn places<S: Simd>(simd: S, window: &[u8; STEP + 1], pairs: &Pairs) -> u128 {
    let lanes = |at: usize| window[at..].first_chunk().map(|block| simd.read(block));
    let (Some(first), Some(second), Some(third), Some(fourth)) =
        (lanes(0), lanes(1), lanes(BLOCK), lanes(BLOCK + 1))
    else {
        return 0;
    };
    let (low, high) = (second.pairs(&first, pairs), fourth.pairs(&third, pairs));
    if low | high == 0 {
        return 0;
    }
    let ascii = |first: &S::Lanes, second: &S::Lanes| !(first.non_ascii() | second.non_ascii());
    let (low, high) = (low & ascii(&first, &second), high & ascii(&third, &fourth));
    u128::from(low) | u128::from(high) << BLOCK
}

/// Whether one of some places is taken; they are asked about in order. Cold, so that what is looked for stays
/// in registers where nothing is asked.
#[cold]
fn any(mut places: u128, mut judge: impl FnMut(usize) -> bool) -> bool {
    while places != 0 {
        if judge(places.trailing_zeros() as usize) {
            return true;
        }
        places &= places - 1;
    }
    false
}
