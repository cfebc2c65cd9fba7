//! What is wrong with a line that a fast scanner refused: one byte at a time, from the left, the
//! first fault and its place. Also the slow twin of the fast scanners in the tests.

use super::MAX_DEPTH;
use super::unescape::unescaped;
use crate::error::{Fault, FaultKind};

/// The first fault of a line, without its line end.
///
/// A line without a fault was refused by mistake; that is told as a syntax error at its start, so
/// that a defect of a fast scanner loses a record loudly instead of writing a wrong row.
pub(super) fn first_fault(line: &[u8]) -> Fault {
    check(line).err().unwrap_or(Fault {
        kind: FaultKind::Syntax { expected: "a line that all scanners agree on" },
        offset: 0,
    })
}

/// The first top-level keys of a record, up to twenty of them or to its first fault, decoded,
/// in order of first appearance.
#[must_use]
pub fn keys_of(line: &[u8]) -> Vec<String> {
    let mut keys = Vec::new();
    // What follows a fault has no keys to tell.
    let _ = Checker { line, at: 0 }.record(&mut |raw| {
        let key = unescaped(raw);
        if keys.len() < KEYS_TOLD && !keys.contains(&key) {
            keys.push(key);
        }
    });
    keys
}

/// Keys that help to see what a record is; more would only hide it, and cost a walk each.
pub(crate) const KEYS_TOLD: usize = 20;

/// Checks that a line is exactly one record.
pub(super) fn check(line: &[u8]) -> Result<(), Fault> {
    let mut checker = Checker { line, at: 0 };
    checker.record(&mut |_| ())?;
    checker.space();
    match checker.peek() {
        None => Ok(()),
        Some(_) => Err(checker.fault(FaultKind::TrailingData)),
    }
}

struct Checker<'a> {
    line: &'a [u8],
    at: usize,
}

type Checked = Result<(), Fault>;

impl<'a> Checker<'a> {
    fn peek(&self) -> Option<u8> {
        self.line.get(self.at).copied()
    }

    fn fault(&self, kind: FaultKind) -> Fault {
        Fault { kind, offset: self.at }
    }

    fn space(&mut self) {
        while matches!(self.peek(), Some(b' ' | b'\t' | b'\r')) {
            self.at += 1;
        }
    }

    /// What is wrong where `expected` should stand.
    fn unexpected(&self, expected: &'static str) -> Fault {
        let rest = &self.line[self.at..];
        let number = ["NaN", "Infinity", "-Infinity"];
        self.fault(if rest.is_empty() {
            FaultKind::CutOff
        } else if number.iter().any(|word| rest.starts_with(word.as_bytes())) {
            FaultKind::NotANumber
        } else {
            FaultKind::Syntax { expected }
        })
    }

    fn expect(&mut self, byte: u8, expected: &'static str) -> Checked {
        if self.peek() != Some(byte) {
            return Err(self.unexpected(expected));
        }
        self.at += 1;
        Ok(())
    }

    /// A record; tells the raw text of each of its keys.
    fn record(&mut self, key: &mut dyn FnMut(&'a [u8])) -> Checked {
        self.space();
        if self.peek() != Some(b'{') {
            return Err(self.not_a_record());
        }
        let mut open = Vec::new();
        self.open(&mut open)?;
        while let Some(&closing) = open.last() {
            self.item(closing, open.len() == 1, key)?;
            if matches!(self.peek(), Some(b'[' | b'{')) {
                self.open(&mut open)?;
            } else {
                self.scalar()?;
                self.close(&mut open)?;
            }
        }
        Ok(())
    }

    /// A line that does not start with a brace: another JSON value, or none at all.
    fn not_a_record(&mut self) -> Fault {
        let start = self.at;
        let kind = match self.peek() {
            Some(b'[') => FaultKind::NotAnObject,
            _ => match self.scalar() {
                Ok(()) => FaultKind::NotAnObject,
                Err(fault) => return fault,
            },
        };
        Fault { kind, offset: start }
    }

    /// Opens a container; an empty one is closed again, and what ends with it.
    fn open(&mut self, open: &mut Vec<u8>) -> Checked {
        if open.len() == MAX_DEPTH {
            return Err(self.fault(FaultKind::TooDeep { limit: MAX_DEPTH }));
        }
        let closing = if self.peek() == Some(b'[') { b']' } else { b'}' };
        self.at += 1;
        self.space();
        open.push(closing);
        if self.peek() == Some(closing) { self.close(open) } else { Ok(()) }
    }

    /// The key of the next item, if the innermost container is an object.
    fn item(&mut self, closing: u8, top: bool, key: &mut dyn FnMut(&'a [u8])) -> Checked {
        if closing == b']' {
            return Ok(());
        }
        let start = self.at + 1;
        if self.peek() != Some(b'"') {
            return Err(self.unexpected("a key in double quotes"));
        }
        self.string()?;
        if top {
            key(&self.line[start..self.at - 1]);
        }
        self.space();
        self.expect(b':', "':' after a key")?;
        self.space();
        Ok(())
    }

    /// After a value: closes the containers that end here, or passes the comma.
    fn close(&mut self, open: &mut Vec<u8>) -> Checked {
        while let Some(&closing) = open.last() {
            self.space();
            match self.peek() {
                Some(b',') => {
                    self.at += 1;
                    self.space();
                    return Ok(());
                }
                Some(byte) if byte == closing => {
                    self.at += 1;
                    open.pop();
                }
                _ if closing == b']' => return Err(self.unexpected("',' or ']'")),
                _ => return Err(self.unexpected("',' or '}'")),
            }
        }
        Ok(())
    }

    fn scalar(&mut self) -> Checked {
        match self.peek() {
            Some(b'"') => self.string(),
            Some(b't') => self.literal("true"),
            Some(b'f') => self.literal("false"),
            Some(b'n') => self.literal("null"),
            Some(b'0'..=b'9') => self.number(),
            Some(b'-') if self.line.get(self.at + 1) != Some(&b'I') => self.number(),
            _ => Err(self.unexpected("a value")),
        }
    }

    fn literal(&mut self, word: &'static str) -> Checked {
        let rest = &self.line[self.at..];
        if rest.starts_with(word.as_bytes()) {
            self.at += word.len();
            return Ok(());
        }
        if word.as_bytes().starts_with(rest) {
            self.at = self.line.len();
        }
        Err(self.unexpected("a value"))
    }

    fn number(&mut self) -> Checked {
        self.at += usize::from(self.peek() == Some(b'-'));
        if self.peek() == Some(b'0') {
            self.at += 1;
        } else {
            self.digits()?;
        }
        if self.peek() == Some(b'.') {
            self.at += 1;
            self.digits()?;
        }
        if matches!(self.peek(), Some(b'e' | b'E')) {
            self.at += 1;
            self.at += usize::from(matches!(self.peek(), Some(b'+' | b'-')));
            self.digits()?;
        }
        Ok(())
    }

    fn digits(&mut self) -> Checked {
        if !self.peek().is_some_and(|byte| byte.is_ascii_digit()) {
            return Err(self.unexpected("a digit"));
        }
        while self.peek().is_some_and(|byte| byte.is_ascii_digit()) {
            self.at += 1;
        }
        Ok(())
    }

    /// A string from its opening quote; stops after the closing one.
    fn string(&mut self) -> Checked {
        self.at += 1;
        loop {
            match self.peek() {
                None => return Err(self.fault(FaultKind::CutOff)),
                Some(b'"') => {
                    self.at += 1;
                    return Ok(());
                }
                Some(b'\\') => self.escape()?,
                Some(0..0x20) => return Err(self.fault(FaultKind::ControlCharacter)),
                Some(0x20..0x80) => self.at += 1,
                Some(0x80..) => self.character()?,
            }
        }
    }

    /// A character of two bytes or more.
    fn character(&mut self) -> Checked {
        let rest = &self.line[self.at..];
        let window = &rest[..rest.len().min(4)];
        let character =
            window.utf8_chunks().next().map_or("", |chunk| chunk.valid()).chars().next();
        let Some(character) = character else {
            return Err(self.fault(FaultKind::InvalidUtf8));
        };
        self.at += character.len_utf8();
        Ok(())
    }

    /// An escape, or a pair of them that makes one character.
    fn escape(&mut self) -> Checked {
        match self.line.get(self.at + 1) {
            Some(b'"' | b'\\' | b'/' | b'b' | b'f' | b'n' | b'r' | b't') => self.at += 2,
            Some(b'u') => match self.unicode(self.at)? {
                0xdc00..=0xdfff => return Err(self.fault(FaultKind::LoneSurrogate)),
                0xd800..=0xdbff => {
                    if !self.is_low_surrogate(self.at + 6) {
                        return Err(self.fault(FaultKind::LoneSurrogate));
                    }
                    self.at += 12;
                }
                _ => self.at += 6,
            },
            None => {
                self.at = self.line.len();
                return Err(self.fault(FaultKind::CutOff));
            }
            Some(_) => return Err(self.fault(FaultKind::InvalidEscape)),
        }
        Ok(())
    }

    fn is_low_surrogate(&self, at: usize) -> bool {
        self.line[at..].starts_with(b"\\u")
            && self.unicode(at).is_ok_and(|code| (0xdc00..=0xdfff).contains(&code))
    }

    /// The code unit of the `\uXXXX` at `at`.
    fn unicode(&self, at: usize) -> Result<u32, Fault> {
        let digits = &self.line[at + 2..self.line.len().min(at + 6)];
        let mut code = 0;
        for &byte in digits {
            let digit = char::from(byte).to_digit(16);
            code = code * 16 + digit.ok_or(self.fault(FaultKind::InvalidEscape))?;
        }
        if digits.len() < 4 {
            return Err(Fault { kind: FaultKind::CutOff, offset: self.line.len() });
        }
        Ok(code)
    }
}

#[cfg(test)]
mod tests {
    use super::{first_fault, keys_of};

    #[test]
    fn the_first_fault_is_named_with_its_byte() {
        let rows: [(&[u8], &str, usize); 24] = [
            (b"[1]", "not-an-object", 0),
            (b" \"x\"", "not-an-object", 1),
            (b"x", "syntax", 0),
            (b"NaN", "not-a-number", 0),
            (b"{\"a\":NaN}", "not-a-number", 5),
            (b"{\"a\":-Infinity}", "not-a-number", 5),
            (b"{\"a\":1}x", "trailing-data", 7),
            (b"{\"a\":1} {}", "trailing-data", 8),
            (b"{\"a\":1", "cut-off", 6),
            (b"{\"a", "cut-off", 3),
            (b"{\"a\":\"\\", "cut-off", 7),
            (b"{\"a\":\"\\u12", "cut-off", 10),
            (b"{\"a\":tru", "cut-off", 8),
            (b"{\"a\":01}", "syntax", 6),
            (b"{\"a\":1.}", "syntax", 7),
            (b"{\"a\" 1}", "syntax", 5),
            (b"{a:1}", "syntax", 1),
            (b"{\"a\":1,}", "syntax", 7),
            (b"{\"a\":\"\\x\"}", "invalid-escape", 6),
            (b"{\"a\":\"\\u12G4\"}", "invalid-escape", 6),
            (b"{\"a\":\"\\ud800\"}", "lone-surrogate", 6),
            (b"{\"a\":\"\\udc00\\ud800\"}", "lone-surrogate", 6),
            (b"{\"a\":\"\x01\"}", "control-character", 6),
            (b"{\"a\":\"\xc3\"}", "invalid-utf8", 6),
        ];
        for (line, kind, offset) in rows {
            let fault = first_fault(line);
            assert_eq!(
                (fault.kind.name(), fault.offset),
                (kind, offset),
                "{}",
                line.escape_ascii()
            );
        }
    }

    #[test]
    fn the_keys_of_a_record_are_told_decoded_and_once() {
        assert_eq!(keys_of(br#"{"a":{"x":1},"\u0062":[],"a":2}"#), ["a", "b"]);
        assert_eq!(keys_of(br#"{"a":1,"b":"#), ["a", "b"]);
        assert!(keys_of(b"[]").is_empty());
    }
}
