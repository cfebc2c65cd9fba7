//! 64 bytes in one register: a comparison is a mask already.
#![allow(unsafe_code)]

use std::arch::x86_64::{
    __m128i, __m512i, _mm_loadu_si128, _mm512_and_si512, _mm512_broadcast_i32x4,
    _mm512_cmpeq_epi8_mask, _mm512_cmplt_epu8_mask, _mm512_loadu_si512, _mm512_mask_mov_epi8,
    _mm512_maskz_mov_epi8, _mm512_movepi8_mask, _mm512_or_si512, _mm512_permutex2var_epi8,
    _mm512_set1_epi8, _mm512_shuffle_epi8, _mm512_srli_epi16, _mm512_storeu_si512,
    _mm512_subs_epu8, _mm512_test_epi8_mask, _mm512_xor_si512,
};
use std::mem::MaybeUninit;

use super::utf8::{FIRST_HIGH, FIRST_LOW, LEADS_FOUR, LEADS_THREE, SECOND_HIGH};
use super::{Finder, Lanes, Rewriter, Simd, StringScanner, When, pack};
use crate::scan::find::{self, Pairs};
use crate::scan::rewrite::{Rewrite, Rewritten};
use crate::scan::string::{self, BLOCK, LOOK_BACK, StringEnd, WINDOW};
use crate::scan::unescape::SHORT;

/// Proof that this CPU has AVX-512 with BW and VBMI.
#[derive(Clone, Copy, Debug)]
pub(in crate::scan) struct Avx512(());

impl Avx512 {
    pub(in crate::scan) fn detect() -> Option<Self> {
        let known = is_x86_feature_detected!("avx512f")
            && is_x86_feature_detected!("avx512bw")
            && is_x86_feature_detected!("avx512vbmi")
            && is_x86_feature_detected!("bmi1")
            && is_x86_feature_detected!("bmi2")
            && is_x86_feature_detected!("lzcnt")
            && is_x86_feature_detected!("popcnt");
        known.then_some(Self(()))
    }
}

impl StringScanner for Avx512 {
    #[inline]
    fn string(self, bytes: &[u8], at: usize) -> StringEnd {
        // SAFETY: `self` can only be made by `detect`, which asked the CPU for these features.
        unsafe { scan(self, bytes, at) }
    }
}

#[target_feature(enable = "avx512f,avx512bw,avx512vbmi,bmi1,bmi2,lzcnt,popcnt")]
fn scan(cpu: Avx512, bytes: &[u8], at: usize) -> StringEnd {
    string::scan(cpu, bytes, at)
}

impl Rewriter for Avx512 {
    #[inline]
    fn rewrite<R: Rewrite>(self, text: &[u8], out: &mut [MaybeUninit<u8>]) -> Rewritten {
        // SAFETY: as above.
        unsafe { run::<R>(self, text, out) }
    }
}

#[target_feature(enable = "avx512f,avx512bw,avx512vbmi,bmi1,bmi2,lzcnt,popcnt")]
fn run<R: Rewrite>(cpu: Avx512, text: &[u8], out: &mut [MaybeUninit<u8>]) -> Rewritten {
    R::run(cpu, text, out)
}

impl Finder for Avx512 {
    #[inline]
    fn find(self, text: &[u8], pairs: &Pairs, judge: impl FnMut(usize) -> bool) -> bool {
        // SAFETY: as above.
        unsafe { find(self, text, pairs, judge) }
    }
}

#[target_feature(enable = "avx512f,avx512bw,avx512vbmi,bmi1,bmi2,lzcnt,popcnt")]
fn find(cpu: Avx512, text: &[u8], pairs: &Pairs, judge: impl FnMut(usize) -> bool) -> bool {
    find::run(cpu, text, pairs, judge)
}

impl Simd for Avx512 {
    const ESCAPES: When = When::Always;
    const UTF8: When = When::Since;
    type Lanes = Bytes;

    #[inline(always)]
    fn load(self, window: &[u8; WINDOW]) -> Bytes {
        // SAFETY: `self` proves the features.
        unsafe { Bytes::new(load::<LOOK_BACK>(window)) }
    }

    #[inline(always)]
    fn read(self, block: &[u8; BLOCK]) -> Bytes {
        // SAFETY: `self` proves the features; the load is of the 64 bytes of the array, and any
        // alignment will do.
        unsafe { Bytes::new(_mm512_loadu_si512(block.as_ptr().cast())) }
    }

    #[inline(always)]
    fn copy(self, from: &[u8; BLOCK], to: &mut [MaybeUninit<u8>; BLOCK]) -> Bytes {
        let lanes = self.read(from);
        // SAFETY: `self` proves the features; the store is of the 64 bytes of the array, and any
        // alignment will do.
        unsafe { _mm512_storeu_si512(to.as_mut_ptr().cast(), lanes.raw) };
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
    raw: __m512i,
    non_ascii: u64,
}

const ESCAPABLE: u8 = 1 << 0;
const HEX_DIGIT: u8 = 1 << 1;
const LETTER_D: u8 = 1 << 2;
const LETTER_U: u8 = 1 << 3;

/// The classes of each ASCII byte: one lookup in two registers tells them all.
static CLASSES: [[u8; BLOCK]; 2] = {
    let mut table = [[0; BLOCK]; 2];
    let mut byte = 0;
    while byte < 128_u8 {
        let mut class = 0;
        if matches!(byte, b'"' | b'/' | b'\\' | b'b' | b'f' | b'n' | b'r' | b't' | b'u') {
            class |= ESCAPABLE;
        }
        if byte.is_ascii_hexdigit() {
            class |= HEX_DIGIT;
        }
        if matches!(byte, b'd' | b'D') {
            class |= LETTER_D;
        }
        if byte == b'u' {
            class |= LETTER_U;
        }
        table[byte as usize / BLOCK][byte as usize % BLOCK] = class;
        byte += 1;
    }
    table
};

/// What each ASCII letter of an escape stands for.
static ESCAPED: [[u8; BLOCK]; 2] = {
    let mut table = [[0; BLOCK]; 2];
    let mut letter = 0;
    while letter < 2 * BLOCK {
        table[letter / BLOCK][letter % BLOCK] = SHORT[letter];
        letter += 1;
    }
    table
};

/// The 64 bytes of the window from `OFFSET` on.
#[inline]
#[target_feature(enable = "avx512f")]
fn load<const OFFSET: usize>(window: &[u8; WINDOW]) -> __m512i {
    const { assert!(OFFSET + BLOCK <= WINDOW) };
    // SAFETY: the bytes are inside the window, by the assertion above; any alignment will do.
    unsafe { _mm512_loadu_si512(window.as_ptr().add(OFFSET).cast()) }
}

/// A table of 16 entries, four times.
#[inline]
#[target_feature(enable = "avx512f")]
fn table(entries: &[u8; 16]) -> __m512i {
    // SAFETY: the load is of the 16 bytes of the array; any alignment will do.
    let once: __m128i = unsafe { _mm_loadu_si128(entries.as_ptr().cast()) };
    _mm512_broadcast_i32x4(once)
}

impl Bytes {
    #[inline]
    #[target_feature(enable = "avx512f,avx512bw")]
    fn new(raw: __m512i) -> Self {
        Self { raw, non_ascii: _mm512_movepi8_mask(raw) }
    }

    /// The classes of each byte. Asked for by several questions, computed once.
    #[inline]
    #[target_feature(enable = "avx512f,avx512bw,avx512vbmi")]
    fn classes(&self) -> __m512i {
        self.look_up(&CLASSES)
    }

    /// The entry of each ASCII byte in a table, and 0 of each other one.
    #[inline]
    #[target_feature(enable = "avx512f,avx512bw,avx512vbmi")]
    fn look_up(&self, table: &[[u8; BLOCK]; 2]) -> __m512i {
        _mm512_maskz_mov_epi8(!self.non_ascii, self.look_up_low(table))
    }

    /// The entry of the lower seven bits of each byte in a table.
    #[inline]
    #[target_feature(enable = "avx512f,avx512bw,avx512vbmi")]
    fn look_up_low(&self, table: &[[u8; BLOCK]; 2]) -> __m512i {
        // SAFETY: each load is of the 64 bytes of one array; any alignment will do.
        let (low, high) = unsafe {
            (
                _mm512_loadu_si512(table[0].as_ptr().cast()),
                _mm512_loadu_si512(table[1].as_ptr().cast()),
            )
        };
        _mm512_permutex2var_epi8(low, self.raw, high)
    }

    #[inline]
    #[target_feature(enable = "avx512f,avx512bw,avx512vbmi")]
    fn with_letters_unescaped(&self, letters: u64, to: &mut [u8; BLOCK]) {
        let letters = letters & !self.non_ascii;
        let bytes = _mm512_mask_mov_epi8(self.raw, letters, self.look_up_low(&ESCAPED));
        // SAFETY: the store is of the 64 bytes of the array; any alignment will do.
        unsafe { _mm512_storeu_si512(to.as_mut_ptr().cast(), bytes) }
    }

    #[inline]
    #[target_feature(enable = "avx512f,avx512bw,avx512vbmi")]
    fn pairs_after(&self, before: &Self, pairs: &Pairs) -> u64 {
        let first = before.look_up_low(&pairs.first.whole);
        _mm512_test_epi8_mask(first, self.look_up_low(&pairs.second.whole))
    }

    #[inline]
    #[target_feature(enable = "avx512f,avx512bw")]
    fn below(&self, limit: u8) -> u64 {
        _mm512_cmplt_epu8_mask(self.raw, _mm512_set1_epi8(limit.cast_signed()))
    }

    #[inline]
    #[target_feature(enable = "avx512f,avx512bw")]
    fn bytes_equal(&self, byte: u8) -> u64 {
        _mm512_cmpeq_epi8_mask(self.raw, _mm512_set1_epi8(byte.cast_signed()))
    }

    #[inline]
    #[target_feature(enable = "avx512f,avx512bw,avx512vbmi")]
    fn of_class(&self, class: u8) -> u64 {
        _mm512_test_epi8_mask(self.classes(), _mm512_set1_epi8(class.cast_signed()))
    }

    #[inline]
    #[target_feature(enable = "avx512f,avx512bw")]
    fn invalid_utf8(&self, window: &[u8; WINDOW]) -> u64 {
        let low_nibble = _mm512_set1_epi8(0x0f);
        let previous = load::<{ LOOK_BACK - 1 }>(window);
        let first_high = _mm512_and_si512(_mm512_srli_epi16::<4>(previous), low_nibble);
        let first_low = _mm512_and_si512(previous, low_nibble);
        let second_high = _mm512_and_si512(_mm512_srli_epi16::<4>(self.raw), low_nibble);
        let pairs = _mm512_and_si512(
            _mm512_and_si512(
                _mm512_shuffle_epi8(table(&FIRST_HIGH), first_high),
                _mm512_shuffle_epi8(table(&FIRST_LOW), first_low),
            ),
            _mm512_shuffle_epi8(table(&SECOND_HIGH), second_high),
        );
        // What is at least 0x80 after the subtraction was at least the lead byte.
        let third = _mm512_subs_epu8(load::<{ LOOK_BACK - 2 }>(window), lead(LEADS_THREE));
        let fourth = _mm512_subs_epu8(load::<{ LOOK_BACK - 3 }>(window), lead(LEADS_FOUR));
        let top = _mm512_set1_epi8(0x80_u8.cast_signed());
        let continued = _mm512_and_si512(_mm512_or_si512(third, fourth), top);
        let wrong = _mm512_xor_si512(continued, pairs);
        _mm512_test_epi8_mask(wrong, wrong)
    }
}

#[inline]
#[target_feature(enable = "avx512f")]
fn lead(byte: u8) -> __m512i {
    _mm512_set1_epi8((byte - 0x80).cast_signed())
}

impl Lanes for Bytes {
    #[inline(always)]
    fn pairs(&self, before: &Self, pairs: &Pairs) -> u64 {
        // SAFETY: `self` proves the features.
        unsafe { self.pairs_after(before, pairs) }
    }

    #[inline(always)]
    fn equal_to(&self, byte: u8) -> u64 {
        // SAFETY: `self` proves the features.
        unsafe { self.bytes_equal(byte) }
    }

    #[inline(always)]
    fn controls(&self) -> u64 {
        // SAFETY: `self` proves the features.
        unsafe { self.below(0x20) }
    }

    #[inline(always)]
    fn non_ascii(&self) -> u64 {
        self.non_ascii
    }

    #[inline(always)]
    fn special(&self) -> u64 {
        self.backslashes() | self.controls() | self.non_ascii
    }

    #[inline(always)]
    fn escapable(&self) -> u64 {
        // SAFETY: `self` proves the features.
        unsafe { self.of_class(ESCAPABLE) }
    }

    #[inline(always)]
    fn hex_digits(&self) -> u64 {
        // SAFETY: `self` proves the features.
        unsafe { self.of_class(HEX_DIGIT) }
    }

    #[inline(always)]
    fn letters_u(&self) -> u64 {
        // SAFETY: `self` proves the features.
        unsafe { self.of_class(LETTER_U) }
    }

    #[inline(always)]
    fn letters_d(&self) -> u64 {
        // SAFETY: `self` proves the features.
        unsafe { self.of_class(LETTER_D) }
    }

    #[inline(always)]
    fn unescape_letters(&self, letters: u64, to: &mut [u8; BLOCK]) {
        // SAFETY: `self` proves the features.
        unsafe { self.with_letters_unescaped(letters, to) }
    }

    #[inline(always)]
    fn utf8_errors(&self, window: &[u8; WINDOW]) -> u64 {
        // SAFETY: `self` proves the features.
        unsafe { self.invalid_utf8(window) }
    }
}
