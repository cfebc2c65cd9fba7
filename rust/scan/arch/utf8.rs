//! The tables of Keiser and Lemire, "Validating UTF-8 In Less Than One Instruction Per Byte"
//! (Software: Practice and Experience 51(5), 2021), section 6, made from the rules.
//!
//! Two bytes in a row are wrong in one of eight ways. Each of the three nibbles that decide it
//! votes for the ways it allows, as bits of a table entry; what all three vote for is the case.

/// A lead byte, then no continuation.
const TOO_SHORT: u8 = 1 << 0;
/// ASCII, then a continuation.
const TOO_LONG: u8 = 1 << 1;
/// E0 80 to E0 9F.
const OVERLONG_3: u8 = 1 << 2;
/// F4 90 and above.
const TOO_LARGE: u8 = 1 << 3;
/// ED A0 to ED BF.
const SURROGATE: u8 = 1 << 4;
/// C0 and C1.
const OVERLONG_2: u8 = 1 << 5;
/// F0 80 to F0 8F; and F5 and above, then 80 to 8F.
const OVERLONG_4_OR_TOO_LARGE: u8 = 1 << 6;
/// Two continuations: right or wrong by what stands before them, so it is set apart as bit 7.
const TWO_CONTINUATIONS: u8 = 1 << 7;

/// By the high nibble of the first byte.
pub(super) const FIRST_HIGH: [u8; 16] = {
    let mut table = [TOO_LONG; 16];
    let mut nibble = 0x8;
    while nibble < 0xc {
        table[nibble] = TWO_CONTINUATIONS;
        nibble += 1;
    }
    table[0xc] = TOO_SHORT | OVERLONG_2;
    table[0xd] = TOO_SHORT;
    table[0xe] = TOO_SHORT | OVERLONG_3 | SURROGATE;
    table[0xf] = TOO_SHORT | TOO_LARGE | OVERLONG_4_OR_TOO_LARGE;
    table
};

/// By the low nibble of the first byte.
pub(super) const FIRST_LOW: [u8; 16] = {
    // Ways that do not depend on this nibble.
    const ANY: u8 = TOO_SHORT | TOO_LONG | TWO_CONTINUATIONS;
    let mut table = [ANY | TOO_LARGE | OVERLONG_4_OR_TOO_LARGE; 16];
    table[0x0] = ANY | OVERLONG_2 | OVERLONG_3 | OVERLONG_4_OR_TOO_LARGE;
    table[0x1] = ANY | OVERLONG_2;
    table[0x2] = ANY;
    table[0x3] = ANY;
    table[0x4] = ANY | TOO_LARGE;
    table[0xd] |= SURROGATE;
    table
};

/// By the high nibble of the second byte.
pub(super) const SECOND_HIGH: [u8; 16] = {
    const CONTINUATION: u8 = TOO_LONG | OVERLONG_2 | TWO_CONTINUATIONS;
    let mut table = [TOO_SHORT; 16];
    table[0x8] = CONTINUATION | OVERLONG_3 | OVERLONG_4_OR_TOO_LARGE;
    table[0x9] = CONTINUATION | OVERLONG_3 | TOO_LARGE;
    table[0xa] = CONTINUATION | SURROGATE | TOO_LARGE;
    table[0xb] = CONTINUATION | SURROGATE | TOO_LARGE;
    table
};

/// A byte at or above this, two places back, asks for a continuation: it leads three bytes or four.
pub(super) const LEADS_THREE: u8 = 0xe0;
/// The same, three places back: it leads four bytes.
pub(super) const LEADS_FOUR: u8 = 0xf0;
