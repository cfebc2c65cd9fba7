//! Moving those bytes of a block together that count, which only the newest CPUs have an instruction for.
#![allow(unsafe_code)]

use std::arch::x86_64::{_mm_loadl_epi64, _mm_loadu_si128, _mm_shuffle_epi8, _mm_storel_epi64};
use std::mem::MaybeUninit;

use crate::scan::string::BLOCK;

/// For each choice among eight bytes the places of those that are kept. One entry more than there are
/// choices, because 16 bytes are loaded where each begins.
static KEPT: [[u8; 8]; 257] = {
    let mut table = [[0; 8]; 257];
    let mut kept = 0;
    while kept < 256 {
        let (mut place, mut count) = (0_u8, 0);
        while place < 8 {
            if kept >> place & 1 == 1 {
                table[kept][count] = place;
                count += 1;
            }
            place += 1;
        }
        kept += 1;
    }
    table
};

/// What [`Simd::pack`](super::Simd::pack) does, by a lookup for every eight bytes, as Lemire and others
/// do it to take the white space out of JSON (simdjson's `minify`).
#[inline]
#[target_feature(enable = "ssse3,popcnt")]
pub(super) fn pack(block: &[u8; BLOCK], kept: u64, out: &mut [MaybeUninit<u8>; BLOCK]) -> usize {
    let mut written = 0;
    for (eight, kept) in block.as_chunks::<8>().0.iter().zip(kept.to_le_bytes()) {
        // SAFETY: the first load is of 16 bytes from one of the first 256 entries of eight bytes, after
        // which there is another one; the second is of the eight bytes of an array. The store is of
        // eight bytes, after at most eight for each of the arrays before, and `out` has as many as all
        // arrays together. Any alignment will do.
        unsafe {
            let places = _mm_loadu_si128(KEPT.as_ptr().add(usize::from(kept)).cast());
            let bytes = _mm_loadl_epi64(eight.as_ptr().cast());
            let packed = _mm_shuffle_epi8(bytes, places);
            _mm_storel_epi64(out.as_mut_ptr().add(written).cast(), packed);
        }
        written += kept.count_ones() as usize;
    }
    written
}
