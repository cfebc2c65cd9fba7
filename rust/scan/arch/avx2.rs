//! 64 bytes in two registers of 32.
#![allow(unsafe_code)]

use std::arch::x86_64::{
    __m128i, __m256i, _mm_loadu_si128, _mm256_adds_epu8, _mm256_and_si256,
    _mm256_broadcastsi128_si256, _mm256_cmpeq_epi8, _mm256_loadu_si256, _mm256_min_epu8,
    _mm256_movemask_epi8, _mm256_or_si256, _mm256_set1_epi8, _mm256_set1_epi64x, _mm256_setr_epi8,
    _mm256_setzero_si256, _mm256_shuffle_epi8, _mm256_slli_epi16, _mm256_srli_epi16,
    _mm256_storeu_si256, _mm256_subs_epu8, _mm256_xor_si256,
};
use std::mem::MaybeUninit;

use super::utf8::{FIRST_HIGH, FIRST_LOW, LEADS_FOUR, LEADS_THREE, SECOND_HIGH};
use super::{Finder, Lanes, Rewriter, Simd, StringScanner, When, pack};
use crate::scan::find::{self, Pairs};
use crate::scan::rewrite::{Rewrite, Rewritten};
use crate::scan::string::{self, BLOCK, LOOK_BACK, StringEnd, WINDOW};
use crate::scan::unescape::SHORT;

/// Bytes in a register.
const HALF: usize = BLOCK / 2;

/// Proof that this CPU has AVX2.
#[derive(Clone, Copy, Debug)]
pub(in crate::scan) struct Avx2(());

impl Avx2 {
    pub(in crate::scan) fn detect() -> Option<Self> {
        let known = is_x86_feature_detected!("avx2")
            && is_x86_feature_detected!("bmi1")
            && is_x86_feature_detected!("bmi2")
            && is_x86_feature_detected!("lzcnt")
            && is_x86_feature_detected!("popcnt");
        known.then_some(Self(()))
    }
}

impl StringScanner for Avx2 {
    #[inline]
    fn string(self, bytes: &[u8], at: usize) -> StringEnd {
        // SAFETY: `self` can only be made by `detect`, which asked the CPU for these features.
        unsafe { scan(self, bytes, at) }
    }
}

#[target_feature(enable = "avx2,bmi1,bmi2,lzcnt,popcnt")]
fn scan(cpu: Avx2, bytes: &[u8], at: usize) -> StringEnd {
    string::scan(cpu, bytes, at)
}

impl Rewriter for Avx2 {
    #[inline]
    fn rewrite<R: Rewrite>(self, text: &[u8], out: &mut [MaybeUninit<u8>]) -> Rewritten {
        // SAFETY: as above.
        unsafe { run::<R>(self, text, out) }
    }
}

#[target_feature(enable = "avx2,bmi1,bmi2,lzcnt,popcnt")]
fn run<R: Rewrite>(cpu: Avx2, text: &[u8], out: &mut [MaybeUninit<u8>]) -> Rewritten {
    R::run(cpu, text, out)
}

impl Finder for Avx2 {
    #[inline]
    fn find(self, text: &[u8], pairs: &Pairs, judge: impl FnMut(usize) -> bool) -> bool {
        // SAFETY: as above.
        unsafe { find(self, text, pairs, judge) }
    }
}

#[target_feature(enable = "avx2,bmi1,bmi2,lzcnt,popcnt")]
fn find(cpu: Avx2, text: &[u8], pairs: &Pairs, judge: impl FnMut(usize) -> bool) -> bool {
    find::run(cpu, text, pairs, judge)
}

impl Simd for Avx2 {
    const ESCAPES: When = When::Since;
    const UTF8: When = When::Since;
    type Lanes = Bytes;

    #[inline(always)]
    fn load(self, window: &[u8; WINDOW]) -> Bytes {
        // SAFETY: `self` proves the features.
        let raw = unsafe { [load::<LOOK_BACK>(window), load::<{ LOOK_BACK + HALF }>(window)] };
        Bytes { raw }
    }

    #[inline(always)]
    fn read(self, block: &[u8; BLOCK]) -> Bytes {
        // SAFETY: `self` proves the features; the loads are of the halves of the array, and any
        // alignment will do.
        let raw = unsafe {
            [block.as_ptr(), block.as_ptr().add(HALF)].map(|half| _mm256_loadu_si256(half.cast()))
        };
        Bytes { raw }
    }

    #[inline(always)]
    fn copy(self, from: &[u8; BLOCK], to: &mut [MaybeUninit<u8>; BLOCK]) -> Bytes {
        let lanes = self.read(from);
        // SAFETY: `self` proves the features; the stores are of the halves of the array, and any
        // alignment will do.
        unsafe {
            _mm256_storeu_si256(to.as_mut_ptr().cast(), lanes.raw[0]);
            _mm256_storeu_si256(to.as_mut_ptr().add(HALF).cast(), lanes.raw[1]);
        }
        lanes
    }

    #[inline(always)]
    fn pack(self, block: &[u8; BLOCK], kept: u64, out: &mut [MaybeUninit<u8>; BLOCK]) -> usize {
        // SAFETY: `self` proves more than the features that are asked for.
        unsafe { pack::pack(block, kept, out) }
    }
}

/// 64 bytes.
pub(in crate::scan) struct Bytes {
    raw: [__m256i; 2],
}

// A class is a rectangle: a set of low nibbles times a set of high nibbles, so that a byte is of
// the class if the entries of both its nibbles have the bit.
const ESCAPABLE_2X: u8 = 1 << 0;
const ESCAPABLE_6X: u8 = 1 << 1;
const ESCAPABLE_7X: u8 = 1 << 2;
const ESCAPABLE_5X: u8 = 1 << 5;
const ESCAPABLE: u8 = ESCAPABLE_2X | ESCAPABLE_5X | ESCAPABLE_6X | ESCAPABLE_7X;
const DIGIT: u8 = 1 << 3;
const LETTER_A_TO_F: u8 = 1 << 4;
const HEX_DIGIT: u8 = DIGIT | LETTER_A_TO_F;
const LETTER_D: u8 = 1 << 6;
const LETTER_U: u8 = 1 << 7;

/// By the low nibble.
const LOW: [u8; 16] = {
    let mut table = [0; 16];
    let mut nibble = 0;
    while nibble < 16 {
        if nibble < 10 {
            table[nibble] |= DIGIT;
        }
        if 1 <= nibble && nibble <= 6 {
            table[nibble] |= LETTER_A_TO_F;
        }
        nibble += 1;
    }
    table[0x2] |= ESCAPABLE_2X | ESCAPABLE_6X | ESCAPABLE_7X; // " b r
    table[0xf] |= ESCAPABLE_2X; // /
    table[0xc] |= ESCAPABLE_5X; // \
    table[0x6] |= ESCAPABLE_6X; // f
    table[0xe] |= ESCAPABLE_6X; // n
    table[0x4] |= ESCAPABLE_7X | LETTER_D; // t, d D
    table[0x5] |= ESCAPABLE_7X | LETTER_U; // u
    table
};

/// By the high nibble; a byte that is not ASCII is of no class.
const HIGH: [u8; 16] = {
    let mut table = [0; 16];
    table[0x2] = ESCAPABLE_2X;
    table[0x3] = DIGIT;
    table[0x4] = LETTER_A_TO_F | LETTER_D;
    table[0x5] = ESCAPABLE_5X;
    table[0x6] = LETTER_A_TO_F | LETTER_D | ESCAPABLE_6X;
    table[0x7] = ESCAPABLE_7X | LETTER_U;
    table
};

/// The 32 bytes of the window from `OFFSET` on.
#[inline]
#[target_feature(enable = "avx2")]
fn load<const OFFSET: usize>(window: &[u8; WINDOW]) -> __m256i {
    const { assert!(OFFSET + HALF <= WINDOW) };
    // SAFETY: the bytes are inside the window, by the assertion above; any alignment will do.
    unsafe { _mm256_loadu_si256(window.as_ptr().add(OFFSET).cast()) }
}

/// A table of 16 entries, twice.
#[inline]
#[target_feature(enable = "avx2")]
fn table(entries: &[u8; 16]) -> __m256i {
    // SAFETY: the load is of the 16 bytes of the array; any alignment will do.
    let once: __m128i = unsafe { _mm_loadu_si128(entries.as_ptr().cast()) };
    _mm256_broadcastsi128_si256(once)
}

/// The top bits of 64 bytes.
#[inline]
#[target_feature(enable = "avx2")]
fn top_bits(halves: [__m256i; 2]) -> u64 {
    let low = _mm256_movemask_epi8(halves[0]).cast_unsigned();
    let high = _mm256_movemask_epi8(halves[1]).cast_unsigned();
    u64::from(low) | u64::from(high) << HALF
}

#[inline]
#[target_feature(enable = "avx2")]
fn high_nibbles(bytes: __m256i) -> __m256i {
    _mm256_and_si256(_mm256_srli_epi16::<4>(bytes), _mm256_set1_epi8(0x0f))
}

#[inline]
#[target_feature(enable = "avx2")]
fn classify(bytes: __m256i, low: &[u8; 16], high: &[u8; 16]) -> __m256i {
    // The shuffle gives 0 for an index with its top bit set: bytes that are not ASCII.
    _mm256_and_si256(
        _mm256_shuffle_epi8(table(low), bytes),
        _mm256_shuffle_epi8(table(high), high_nibbles(bytes)),
    )
}

impl Bytes {
    /// The classes of each byte. Asked for by several questions, computed once.
    #[inline]
    #[target_feature(enable = "avx2")]
    fn classes(&self) -> [__m256i; 2] {
        self.raw.map(|half| classify(half, &LOW, &HIGH))
    }

    #[inline]
    #[target_feature(enable = "avx2")]
    fn pairs_after(&self, before: &Self, Pairs { first, second }: &Pairs) -> u64 {
        let none = [0, 1].map(|half| {
            let first = classify(before.raw[half], &first.low, &first.high);
            let second = classify(self.raw[half], &second.low, &second.high);
            _mm256_cmpeq_epi8(_mm256_and_si256(first, second), _mm256_setzero_si256())
        });
        !top_bits(none)
    }

    #[inline]
    #[target_feature(enable = "avx2")]
    fn at_most(&self, limit: u8) -> u64 {
        let limit = _mm256_set1_epi8(limit.cast_signed());
        top_bits(self.raw.map(|half| _mm256_cmpeq_epi8(_mm256_min_epu8(half, limit), half)))
    }

    #[inline]
    #[target_feature(enable = "avx2")]
    fn bytes_equal(&self, byte: u8) -> u64 {
        let byte = _mm256_set1_epi8(byte.cast_signed());
        top_bits(self.raw.map(|half| _mm256_cmpeq_epi8(half, byte)))
    }

    /// With one bit changed a quote is the first byte above the controls, which change places.
    #[inline]
    #[target_feature(enable = "avx2")]
    fn quotes_and_controls(&self) -> u64 {
        let changed = self.raw.map(|half| _mm256_xor_si256(half, _mm256_set1_epi8(0x02)));
        Self { raw: changed }.at_most(0x20)
    }

    #[inline]
    #[target_feature(enable = "avx2")]
    fn top_bits_of_both(&self) -> u64 {
        let both = _mm256_or_si256(self.raw[0], self.raw[1]);
        u64::from(_mm256_movemask_epi8(both).cast_unsigned())
    }

    /// What is not ASCII has its top bit set already, so one mask tells three things.
    #[inline]
    #[target_feature(enable = "avx2")]
    fn not_plain(&self) -> u64 {
        let (backslash, control) = (_mm256_set1_epi8(b'\\'.cast_signed()), _mm256_set1_epi8(0x1f));
        top_bits(self.raw.map(|half| {
            let backslashes = _mm256_cmpeq_epi8(half, backslash);
            let controls = _mm256_cmpeq_epi8(_mm256_min_epu8(half, control), half);
            _mm256_or_si256(_mm256_or_si256(backslashes, controls), half)
        }))
    }

    /// For a class of several bits.
    #[inline]
    #[target_feature(enable = "avx2")]
    fn of_classes(&self, classes: u8) -> u64 {
        let classes = _mm256_set1_epi8(classes.cast_signed());
        !top_bits(
            self.classes().map(|half| {
                _mm256_cmpeq_epi8(_mm256_and_si256(half, classes), _mm256_setzero_si256())
            }),
        )
    }

    /// For a class of one bit, `UP` places below the top one.
    #[inline]
    #[target_feature(enable = "avx2")]
    fn of_class<const UP: i32>(&self) -> u64 {
        top_bits(self.classes().map(|half| _mm256_slli_epi16::<UP>(half)))
    }

    #[inline]
    #[target_feature(enable = "avx2")]
    fn with_letters_unescaped(&self, letters: u64, to: &mut [u8; BLOCK]) {
        for (half, bytes) in self.raw.into_iter().enumerate() {
            let change = _mm256_and_si256(escaped(bytes), spread(letters >> (half * HALF)));
            // SAFETY: the stores are of the halves of the array, and any alignment will do.
            unsafe {
                let to = to.as_mut_ptr().add(half * HALF);
                _mm256_storeu_si256(to.cast(), _mm256_xor_si256(bytes, change));
            }
        }
    }

    #[inline]
    #[target_feature(enable = "avx2")]
    fn invalid_utf8(&self, window: &[u8; WINDOW]) -> u64 {
        let low = wrong_utf8(
            self.raw[0],
            load::<{ LOOK_BACK - 1 }>(window),
            load::<{ LOOK_BACK - 2 }>(window),
            load::<{ LOOK_BACK - 3 }>(window),
        );
        let high = wrong_utf8(
            self.raw[1],
            load::<{ LOOK_BACK - 1 + HALF }>(window),
            load::<{ LOOK_BACK - 2 + HALF }>(window),
            load::<{ LOOK_BACK - 3 + HALF }>(window),
        );
        let right = [low, high].map(|half| _mm256_cmpeq_epi8(half, _mm256_setzero_si256()));
        !top_bits(right)
    }
}

/// The bits by which letters that are escaped differ from what they stand for, for those of 0x60 and of
/// 0x70 by the lower nibble.
const ESCAPED: [[u8; 16]; 2] = {
    let mut tables = [[0; 16]; 2];
    let mut letter = 0x60_u8;
    while letter < 0x80 {
        let change = letter ^ SHORT[letter as usize];
        tables[letter as usize / 16 - 6][letter as usize % 16] = change;
        letter += 1;
    }
    tables
};

/// Each byte as if it were the letter of an escape, as the bits by which it would become another.
#[inline]
#[target_feature(enable = "avx2")]
fn escaped(bytes: __m256i) -> __m256i {
    // The shuffle gives 0 for an index with its top bit set: for what is not of the sixteen.
    let of = |first: u8, entries| {
        let from_first = _mm256_xor_si256(bytes, _mm256_set1_epi8(first.cast_signed()));
        let index = _mm256_adds_epu8(from_first, _mm256_set1_epi8(0x70));
        _mm256_shuffle_epi8(table(entries), index)
    };
    _mm256_or_si256(of(0x60, &ESCAPED[0]), of(0x70, &ESCAPED[1]))
}

/// All bits of the bytes whose bits are set in the lower half of a mask.
#[inline]
#[target_feature(enable = "avx2")]
fn spread(mask: u64) -> __m256i {
    let eights = _mm256_setr_epi8(
        0, 0, 0, 0, 0, 0, 0, 0, 1, 1, 1, 1, 1, 1, 1, 1, //
        2, 2, 2, 2, 2, 2, 2, 2, 3, 3, 3, 3, 3, 3, 3, 3,
    );
    let bits = _mm256_set1_epi64x(0x8040_2010_0804_0201_u64.cast_signed());
    let repeated = _mm256_shuffle_epi8(_mm256_set1_epi64x(mask.cast_signed()), eights);
    _mm256_cmpeq_epi8(_mm256_and_si256(repeated, bits), bits)
}

/// Not zero where a byte is wrong after those one, two and three places back.
#[inline]
#[target_feature(enable = "avx2")]
fn wrong_utf8(bytes: __m256i, one: __m256i, two: __m256i, three: __m256i) -> __m256i {
    let pairs = _mm256_and_si256(
        _mm256_and_si256(
            _mm256_shuffle_epi8(table(&FIRST_HIGH), high_nibbles(one)),
            _mm256_shuffle_epi8(table(&FIRST_LOW), _mm256_and_si256(one, _mm256_set1_epi8(0x0f))),
        ),
        _mm256_shuffle_epi8(table(&SECOND_HIGH), high_nibbles(bytes)),
    );
    // What is at least 0x80 after the subtraction was at least the lead byte.
    let third = _mm256_subs_epu8(two, lead(LEADS_THREE));
    let fourth = _mm256_subs_epu8(three, lead(LEADS_FOUR));
    let top = _mm256_set1_epi8(0x80_u8.cast_signed());
    _mm256_xor_si256(_mm256_and_si256(_mm256_or_si256(third, fourth), top), pairs)
}

#[inline]
#[target_feature(enable = "avx2")]
fn lead(byte: u8) -> __m256i {
    _mm256_set1_epi8((byte - 0x80).cast_signed())
}

impl Lanes for Bytes {
    #[inline(always)]
    fn pairs(&self, before: &Self, pairs: &Pairs) -> u64 {
        // SAFETY: `self` proves the features.
        unsafe { self.pairs_after(before, pairs) }
    }

    #[inline(always)]
    fn equal_to(&self, byte: u8) -> u64 {
        // SAFETY: a `Bytes` is only made from an `Avx2`, which proves the features.
        unsafe { self.bytes_equal(byte) }
    }

    #[inline(always)]
    fn controls(&self) -> u64 {
        // SAFETY: as above.
        unsafe { self.at_most(0x1f) }
    }

    #[inline(always)]
    fn non_ascii(&self) -> u64 {
        // SAFETY: as above.
        unsafe { top_bits(self.raw) }
    }

    #[inline(always)]
    fn stops(&self) -> u64 {
        // SAFETY: as above.
        unsafe { self.quotes_and_controls() }
    }

    #[inline(always)]
    fn some_non_ascii(&self) -> u64 {
        // SAFETY: as above.
        unsafe { self.top_bits_of_both() }
    }

    #[inline(always)]
    fn special(&self) -> u64 {
        // SAFETY: as above.
        unsafe { self.not_plain() }
    }

    #[inline(always)]
    fn escapable(&self) -> u64 {
        // SAFETY: as above.
        unsafe { self.of_classes(ESCAPABLE) }
    }

    #[inline(always)]
    fn hex_digits(&self) -> u64 {
        // SAFETY: as above.
        unsafe { self.of_classes(HEX_DIGIT) }
    }

    #[inline(always)]
    fn letters_u(&self) -> u64 {
        const { assert!(LETTER_U == 0x80) };
        // SAFETY: as above.
        unsafe { top_bits(self.classes()) }
    }

    #[inline(always)]
    fn letters_d(&self) -> u64 {
        const { assert!(LETTER_D << 1 == 0x80) };
        // SAFETY: as above.
        unsafe { self.of_class::<1>() }
    }

    #[inline(always)]
    fn unescape_letters(&self, letters: u64, to: &mut [u8; BLOCK]) {
        // SAFETY: `self` proves the features.
        unsafe { self.with_letters_unescaped(letters, to) }
    }

    #[inline(always)]
    fn utf8_errors(&self, window: &[u8; WINDOW]) -> u64 {
        // SAFETY: as above.
        unsafe { self.invalid_utf8(window) }
    }
}
