//! A file that is one JSON array, taken as lines.
//!
//! Each byte is replaced by one byte, so the reader of lines needs to know nothing of arrays, line k
//! is element k, and the places in its errors are those of the file. Only strings and the depth of
//! brackets are followed here; whether an element is JSON is for the scanner to say. It says so of all
//! of them, and elements that are JSON each, with commas between them and brackets around, are an
//! array.

use std::io::{self, Read};

use super::decode::Broken;
use crate::scan::byte_order_mark;

/// Whether an input that starts like this is an array: whether the first of these bytes that is no
/// white space, after a byte order mark if there is one, opens one.
///
/// ```
/// use raftfast::source::array::is_array;
///
/// assert!(is_array(b"\xef\xbb\xbf \n[{"));
/// assert!(!is_array(b"{\"a\": []}"));
/// ```
#[must_use]
pub fn is_array(first_bytes: &[u8]) -> bool {
    let start = &first_bytes[byte_order_mark(first_bytes)..];
    start.iter().find(|&&byte| !is_space(byte)) == Some(&b'[')
}

/// The elements of one JSON array as lines, in as many bytes.
///
/// The brackets and commas of the array become a space or the end of a line, the line ends between
/// and inside elements spaces. A line feed inside a string, where JSON allows none, becomes a carriage
/// return, which is as wrong there.
///
/// Reads fail with a [`Broken`] that names the element and the byte when an element is missing, when
/// the array does not end or when something follows it, after all bytes before that place were given.
///
/// ```
/// use std::io::Read;
/// use raftfast::source::array::Elements;
///
/// let mut lines = String::new();
/// Elements::new(&b"[{\"a\": 1},\n {}]"[..]).read_to_string(&mut lines)?;
/// assert_eq!(lines, " {\"a\": 1}\n  {}\n");
/// # Ok::<(), std::io::Error>(())
/// ```
#[derive(Debug)]
pub struct Elements<R: Read> {
    inner: R,
    place: Place,
    /// Brackets and braces that are open inside the element.
    depth: u64,
    /// The number of the element, from 1.
    element: u64,
    /// Where in the file the next byte is.
    offset: u64,
    /// What is wrong with that byte.
    fault: Option<String>,
}

/// Where in the array the next byte is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Place {
    /// After so many bytes of a byte order mark and nothing else.
    Mark(usize),
    /// Before the opening bracket.
    Before,
    /// Where an element is due.
    Due,
    Element,
    String,
    /// After a backslash in a string.
    Escape,
    /// After the closing bracket.
    After,
}

impl<R: Read> Elements<R> {
    /// The elements of the array that `inner` gives.
    pub fn new(inner: R) -> Self {
        Self { inner, place: Place::Mark(0), depth: 0, element: 1, offset: 0, fault: None }
    }

    /// Turns what was read into lines, up to the first byte that is wrong; gives their length.
    fn turn(&mut self, bytes: &mut [u8]) -> usize {
        let mut at = 0;
        while at < bytes.len() && self.fault.is_none() {
            at += match self.place {
                Place::Mark(known) => self.mark(known, &mut bytes[at]),
                Place::Before => self.before(&mut bytes[at]),
                Place::Due => self.due(&mut bytes[at]),
                Place::Element => self.element(&mut bytes[at..]),
                Place::String => self.string(&mut bytes[at..]),
                Place::Escape => self.escape(&mut bytes[at]),
                Place::After => self.after(&mut bytes[at]),
            };
        }
        self.offset += at as u64;
        at
    }

    fn mark(&mut self, known: usize, byte: &mut u8) -> usize {
        const MARK: &[u8] = b"\xef\xbb\xbf";
        if MARK.get(known) == Some(byte) {
            *byte = b' ';
            self.place = Place::Mark(known + 1);
            return 1;
        }
        if (1..MARK.len()).contains(&known) {
            return self.fail("a byte order mark is cut short");
        }
        self.place = Place::Before;
        0
    }

    fn before(&mut self, byte: &mut u8) -> usize {
        match *byte {
            b'[' => self.place = Place::Due,
            space if is_space(space) => {}
            _ => return self.fail("an opening bracket is due"),
        }
        *byte = b' ';
        1
    }

    fn due(&mut self, byte: &mut u8) -> usize {
        match *byte {
            b']' if self.element == 1 => self.close(byte),
            b',' | b']' => return self.fail("it is missing"),
            space if is_space(space) => *byte = b' ',
            _ => {
                self.place = Place::Element;
                return 0;
            }
        }
        1
    }

    /// Up to the next string, the end of the element or the end of what was read.
    fn element(&mut self, bytes: &mut [u8]) -> usize {
        for (at, byte) in bytes.iter_mut().enumerate() {
            match *byte {
                b'"' => self.place = Place::String,
                b'{' | b'[' => self.depth += 1,
                b',' if self.depth == 0 => self.next(byte),
                b']' if self.depth == 0 => self.close(byte),
                // A brace that closes nothing is left to the scanner.
                b'}' | b']' => self.depth = self.depth.saturating_sub(1),
                b'\n' | b'\r' => *byte = b' ',
                _ => {}
            }
            if self.place != Place::Element {
                return at + 1;
            }
        }
        bytes.len()
    }

    /// Up to the end of the string or of what was read.
    fn string(&mut self, bytes: &mut [u8]) -> usize {
        let mut at = 0;
        while let Some(found) = memchr::memchr3(b'"', b'\\', b'\n', &bytes[at..]) {
            at += found + 1;
            match bytes[at - 1] {
                b'"' => {
                    self.place = Place::Element;
                    return at;
                }
                b'\\' => match bytes.get_mut(at) {
                    Some(escaped) => at += self.escape(escaped),
                    None => self.place = Place::Escape,
                },
                _ => bytes[at - 1] = b'\r',
            }
        }
        bytes.len()
    }

    fn escape(&mut self, byte: &mut u8) -> usize {
        if *byte == b'\n' {
            *byte = b'\r';
        }
        self.place = Place::String;
        1
    }

    fn after(&mut self, byte: &mut u8) -> usize {
        if !is_space(*byte) {
            return self.fail("something follows the array");
        }
        *byte = b' ';
        1
    }

    fn next(&mut self, byte: &mut u8) {
        *byte = b'\n';
        self.element += 1;
        self.place = Place::Due;
    }

    fn close(&mut self, byte: &mut u8) {
        *byte = b'\n';
        self.place = Place::After;
    }

    fn fail(&mut self, what: &str) -> usize {
        self.fault = Some(what.to_owned());
        0
    }

    fn broken(&self, what: &str) -> io::Error {
        let Self { element, offset, .. } = self;
        Broken::error(format!("JSON array: element {element}, byte {offset}: {what}"))
    }
}

impl<R: Read> Read for Elements<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if let Some(what) = &self.fault {
            return Err(self.broken(what));
        }
        let count = self.inner.read(buffer)?;
        if count == 0 && !buffer.is_empty() && self.place != Place::After {
            return Err(self.broken("the array does not end"));
        }
        let turned = self.turn(&mut buffer[..count]);
        match &self.fault {
            Some(what) if turned == 0 => Err(self.broken(what)),
            _ => Ok(turned),
        }
    }
}

/// White space as JSON knows it.
fn is_space(byte: u8) -> bool {
    matches!(byte, b' ' | b'\t' | b'\n' | b'\r')
}
