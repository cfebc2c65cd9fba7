//! Data as it may stand in a message.

use std::path::Path;

/// Characters of data that a message shows at most.
const SNIPPET: usize = 120;

/// Bytes of a file or of its name as they may stand in a message: on one line, without control
/// characters, and without those that reorder what a terminal shows; a byte order mark, which it does not show, is
/// shown as well.
#[must_use]
pub fn printable(bytes: &[u8]) -> String {
    let mut shown = String::with_capacity(bytes.len());
    for chunk in bytes.utf8_chunks() {
        for character in chunk.valid().chars() {
            if character.is_control() || is_harmful(character) {
                shown.extend(character.escape_unicode());
            } else {
                shown.push(character);
            }
        }
        shown.extend(chunk.invalid().iter().flat_map(|&byte| byte.escape_ascii()).map(char::from));
    }
    shown
}

/// The name of a file, in which a byte that is not UTF-8 is told as `\xff`.
#[must_use]
pub fn name_of(path: &Path) -> String {
    let mut name = String::new();
    for chunk in path.as_os_str().as_encoded_bytes().utf8_chunks() {
        name.push_str(chunk.valid());
        name.extend(chunk.invalid().iter().flat_map(|&byte| byte.escape_ascii()).map(char::from));
    }
    name
}

/// The text of a line around a byte, printable and cut.
#[must_use]
pub fn snippet(line: &[u8], at: usize) -> String {
    const BEFORE: usize = 30;
    let start = at.min(line.len()).saturating_sub(BEFORE);
    cut(&line[start..], SNIPPET)
}

/// Bytes as they may stand in a message, `length` characters of them at most.
#[must_use]
pub fn cut(bytes: &[u8], length: usize) -> String {
    // No character has more than four bytes, and what is not printable only grows.
    printable(&bytes[..bytes.len().min(4 * length)]).chars().take(length).collect()
}

fn is_harmful(character: char) -> bool {
    matches!(character, '\u{feff}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{200e}' | '\u{200f}' | '\u{61c}' | '\u{2028}' | '\u{2029}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn messages_hold_no_control_characters() {
        assert_eq!(printable(b"a\x1b[31m\xff\xe2\x80\xaeb"), "a\\u{1b}[31m\\xff\\u{202e}b");
        assert!(snippet(&[b'x'; 1000], 500).chars().count() <= SNIPPET);
    }
}
