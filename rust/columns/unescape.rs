//! Escaped JSON text to the characters themselves, at the speed that columns need.

use std::collections::TryReserveError;

/// Bytes that are copied at a time while a backslash is looked for.
const CHUNK: usize = 16;

/// Adds the characters of an escaped text, the bytes between the quotes of a valid JSON string.
///
/// Text that is not valid gives U+FFFD for what cannot be decoded and never panics.
///
/// ```
/// use raftfast::columns::unescape;
///
/// let mut out = Vec::new();
/// unescape(br"4\/5 \u00fcber \ud83d\ude00\n", &mut out)?;
/// assert_eq!(out, "4/5 \u{fc}ber \u{1f600}\n".as_bytes());
/// # Ok::<(), std::collections::TryReserveError>(())
/// ```
///
/// # Errors
///
/// When memory runs out; then nothing is added.
pub fn unescape(raw: &[u8], out: &mut Vec<u8>) -> Result<(), TryReserveError> {
    out.try_reserve(raw.len() + CHUNK)?;
    let mut rest = raw;
    while !rest.is_empty() {
        rest = copy_run(rest, out);
        while let [b'\\', escape @ ..] = rest {
            rest = decode(escape, out);
        }
    }
    Ok(())
}

/// Copies what stands before the first backslash; gives the rest.
///
/// A chunk is copied before it is known where its run ends, and what is too much taken back: with a
/// backslash in every 36 bytes, as in ASCII-escaped records, this is faster than to call memchr and
/// memcpy for each run.
#[inline]
fn copy_run<'a>(raw: &'a [u8], out: &mut Vec<u8>) -> &'a [u8] {
    let mut rest = raw;
    while let Some((chunk, tail)) = rest.split_first_chunk::<CHUNK>() {
        out.extend_from_slice(chunk);
        let run = run_length(*chunk);
        if run < CHUNK {
            out.truncate(out.len() - (CHUNK - run));
            return &rest[run..];
        }
        rest = tail;
    }
    let run = rest.iter().position(|&byte| byte == b'\\').unwrap_or(rest.len());
    out.extend_from_slice(&rest[..run]);
    &rest[run..]
}

/// Bytes before the first backslash.
#[inline]
fn run_length(chunk: [u8; CHUNK]) -> usize {
    const LOW: u128 = u128::from_le_bytes([0x01; CHUNK]);
    const HIGH: u128 = u128::from_le_bytes([0x80; CHUNK]);
    // A byte is zero where there is a backslash. The lowest bit that is set marks the first such byte;
    // those above it may be wrong, by the borrow (Mycroft's test).
    let zeros = u128::from_le_bytes(chunk) ^ u128::from_le_bytes([b'\\'; CHUNK]);
    let marks = zeros.wrapping_sub(LOW) & !zeros & HIGH;
    marks.trailing_zeros() as usize / 8
}

/// Decodes one escape, of which the backslash has been taken; gives the rest.
#[inline]
fn decode<'a>(escape: &'a [u8], out: &mut Vec<u8>) -> &'a [u8] {
    match escape {
        [b'u', rest @ ..] => decode_unit(rest, out),
        [letter, rest @ ..] => {
            out.push(SHORT[usize::from(*letter)]);
            rest
        }
        [] => escape,
    }
}

/// Decodes what follows `\u`, and the other half of a surrogate pair.
#[inline]
fn decode_unit<'a>(digits: &'a [u8], out: &mut Vec<u8>) -> &'a [u8] {
    let Some((unit, rest)) = hex(digits) else { return replace(&[], out) };
    let Some(character) = char::from_u32(unit) else { return decode_pair(unit, rest, out) };
    let mut bytes = [0; 4];
    let length = character.encode_utf8(&mut bytes).len();
    out.extend_from_slice(&bytes);
    out.truncate(out.len() - (bytes.len() - length));
    rest
}

fn decode_pair<'a>(high: u32, rest: &'a [u8], out: &mut Vec<u8>) -> &'a [u8] {
    let pair = rest.strip_prefix(b"\\u").and_then(hex);
    let Some((low @ 0xdc00..0xe000, after)) = pair else { return replace(rest, out) };
    let code = 0x10000 + ((high.wrapping_sub(0xd800) & 0x3ff) << 10) + (low - 0xdc00);
    let character = char::from_u32(code).unwrap_or(char::REPLACEMENT_CHARACTER);
    out.extend_from_slice(character.encode_utf8(&mut [0; 4]).as_bytes());
    after
}

#[cold]
fn replace<'a>(rest: &'a [u8], out: &mut Vec<u8>) -> &'a [u8] {
    out.extend_from_slice("\u{fffd}".as_bytes());
    rest
}

/// The value of four hexadecimal digits, and what follows them.
#[inline]
fn hex(text: &[u8]) -> Option<(u32, &[u8])> {
    let (digits, rest) = text.split_first_chunk::<4>()?;
    let [a, b, c, d] = digits.map(|digit| u32::from(HEX[usize::from(digit)]));
    Some((a << 12 | b << 8 | c << 4 | d, rest))
}

/// What a letter after a backslash stands for: itself, but for five.
const SHORT: [u8; 256] = {
    let mut table = [0; 256];
    let mut letter = u8::MAX;
    while letter > 0 {
        table[letter as usize] = letter;
        letter -= 1;
    }
    table[b'b' as usize] = 0x08;
    table[b'f' as usize] = 0x0c;
    table[b'n' as usize] = b'\n';
    table[b'r' as usize] = b'\r';
    table[b't' as usize] = b'\t';
    table
};

/// The value of a hexadecimal digit.
const HEX: [u8; 256] = {
    let mut table = [0; 256];
    let mut value = 0;
    while value < 16 {
        table[b"0123456789abcdef"[value as usize] as usize] = value;
        table[b"0123456789ABCDEF"[value as usize] as usize] = value;
        value += 1;
    }
    table
};
