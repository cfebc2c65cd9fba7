//! Bytes to validated spans: one line is checked whole and its wanted fields are found, in one
//! pass, without copying and without building values.
//!
//! What is accepted is exactly one JSON object (RFC 8259) in valid UTF-8 (RFC 3629) on one line,
//! nested at most [`MAX_DEPTH`] deep, without lone surrogate escapes. Fields that nobody asked for
//! and the tail of the line are checked like all others.
//!
//! The fast scanners (`grammar`, `string`) only say whether a line is right. A wrong line is
//! read again by `diagnose`, one byte at a time, which finds the first fault. So every CPU path
//! gives the same errors, and the fast code holds no error paths.
//!
//! ```
//! use raftfast::scan::{Buffer, Keys, Line, Scanner, Spans};
//!
//! let buffer = Buffer::from_bytes(b"{\"instr\\u0075ction\": \"why?\"}\n")?;
//! let keys = Keys::new(["instruction"]);
//! let mut spans = Spans::default();
//! let line = Scanner::best().line(&buffer, 0, &keys, &mut spans);
//! assert_eq!(line, Line::Record { start: 0, end: 28, next: 29 });
//! assert_eq!(&buffer.content()[spans[0].start..spans[0].end], b"\"why?\"");
//! # Ok::<(), std::collections::TryReserveError>(())
//! ```

mod arch;
mod buffer;
mod diagnose;
mod escape;
mod find;
mod grammar;
mod keys;
mod respell;
mod rewrite;
mod string;
mod texts;
mod unescape;
mod utf8;

pub use arch::Cpu;
pub use buffer::Buffer;
pub(crate) use diagnose::KEYS_TOLD;
pub use diagnose::keys_of;
pub use escape::escape;
pub use find::{Pairs, find};
pub(crate) use keys::slots_of;
pub use keys::{KeySet, Keys, MAX_KEYS, Span, Spans};
pub use respell::{Ascii, Spelled, respell};
pub(crate) use rewrite::ROOM;
pub use texts::Texts;
pub use unescape::unescape;
pub(crate) use utf8::decode_utf8;
pub use utf8::{check_strings, strings, to_string};

use crate::error::Fault;
use arch::{Avx2, Avx512, Portable};

/// Arrays and objects that may stand inside one another, the record itself counted.
pub const MAX_DEPTH: usize = 1024;

/// The length of a byte order mark at the start of an input: it is skipped there, and an error
/// anywhere else.
#[must_use]
pub fn byte_order_mark(start: &[u8]) -> usize {
    if start.starts_with(b"\xef\xbb\xbf") { 3 } else { 0 }
}

/// One line of the input, scanned. Offsets count from the start of the buffer's content.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Line {
    /// Nothing but white space.
    Blank {
        /// Where the next line starts.
        next: usize,
    },
    /// A valid record.
    Record {
        /// The opening brace.
        start: usize,
        /// Just past the closing brace.
        end: usize,
        /// Where the next line starts.
        next: usize,
    },
    /// A malformed record.
    Bad {
        /// The first fault.
        fault: Fault,
        /// Where the next line starts.
        next: usize,
    },
}

/// A scanner for the CPU it runs on.
#[derive(Clone, Copy, Debug)]
pub struct Scanner {
    path: Path,
}

#[derive(Clone, Copy, Debug)]
enum Path {
    Avx512(Avx512),
    Avx2(Avx2),
    Portable(Portable),
}

impl Scanner {
    /// The fastest scanner that this CPU runs.
    #[must_use]
    pub fn best() -> Self {
        let path = Avx512::detect()
            .map(Path::Avx512)
            .or_else(|| Avx2::detect().map(Path::Avx2))
            .unwrap_or(Path::Portable(Portable));
        Self { path }
    }

    /// The scanner of one CPU path, or `None` if this CPU lacks it.
    ///
    /// All paths give the same spans and the same faults; choose one to test or to measure.
    #[must_use]
    pub fn for_cpu(cpu: Cpu) -> Option<Self> {
        let path = match cpu {
            Cpu::Avx512 => Path::Avx512(Avx512::detect()?),
            Cpu::Avx2 => Path::Avx2(Avx2::detect()?),
            Cpu::Portable => Path::Portable(Portable),
        };
        Some(Self { path })
    }

    /// The CPU path of this scanner.
    #[must_use]
    pub fn cpu(self) -> Cpu {
        match self.path {
            Path::Avx512(_) => Cpu::Avx512,
            Path::Avx2(_) => Cpu::Avx2,
            Path::Portable(_) => Cpu::Portable,
        }
    }

    /// Scans the line that starts at `start` and notes where the values of `keys` are.
    ///
    /// Keys are compared decoded; of duplicate keys the last one counts. The spans of a line that
    /// is not a [`Line::Record`] mean nothing.
    #[inline]
    pub fn line(self, buffer: &Buffer, start: usize, keys: &Keys, spans: &mut Spans) -> Line {
        let bytes = buffer.padded();
        let at = grammar::skip_space(bytes, Buffer::LEAD + start);
        if bytes[at] == b'\n' {
            return Line::Blank { next: buffer.line_after(at) };
        }
        spans.clear();
        let end = match self.path {
            Path::Avx512(cpu) => grammar::record(cpu, bytes, at, keys, spans),
            Path::Avx2(cpu) => grammar::record(cpu, bytes, at, keys, spans),
            Path::Portable(cpu) => grammar::record(cpu, bytes, at, keys, spans),
        };
        match end.map(|end| (end, grammar::skip_space(bytes, end))) {
            Some((end, newline)) if bytes[newline] == b'\n' => Line::Record {
                start: at - Buffer::LEAD,
                end: end - Buffer::LEAD,
                next: buffer.line_after(newline),
            },
            _ => Self::bad(buffer, start),
        }
    }

    #[cold]
    fn bad(buffer: &Buffer, start: usize) -> Line {
        let rest = &buffer.content()[start..];
        let length = memchr::memchr(b'\n', rest).unwrap_or(rest.len());
        let mut fault = diagnose::first_fault(&rest[..length]);
        fault.offset += start;
        Line::Bad { fault, next: buffer.line_after(Buffer::LEAD + start + length) }
    }
}
