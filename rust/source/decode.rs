//! Compressed inputs: the bytes they hold, checked to their very end.
//!
//! A compressed file is a row of members, each of which can be decoded alone: gzip and zstd files are
//! often made by several threads or by `cat`. All of them are decoded, and after the last one the file
//! must end. What is cut, damaged or followed by something else is an error, never a shorter result.
//!
//! What a file is, its first bytes say, whatever its name is:
//!
//! ```
//! use std::io::Read;
//! use raftfast::source::decode::{Codec, decoded};
//!
//! let file = zstd::encode_all(&b"{}\n"[..], 3)?;
//! let codec = Codec::of(&file).ok_or(std::io::ErrorKind::InvalidData)?;
//! let mut bytes = Vec::new();
//! decoded(codec, Box::new(std::io::Cursor::new(file)), false)?.read_to_end(&mut bytes)?;
//! assert_eq!((codec.name(), &bytes[..]), ("zstd", &b"{}\n"[..]));
//! # Ok::<(), std::io::Error>(())
//! ```

mod bzip2;
mod gzip;
mod xz;
mod zstd;

use std::fmt;
use std::io::{self, BufRead, Read};

/// A way of compression.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Codec {
    /// `.gz` (RFC 1952), also as written by `bgzip`.
    Gzip,
    /// `.zst` (RFC 8878).
    Zstd,
    /// `.bz2`.
    Bzip2,
    /// `.xz`.
    Xz,
}

impl Codec {
    /// What a file that starts like this is compressed with, if it is; six bytes are enough.
    #[must_use]
    pub fn of(first_bytes: &[u8]) -> Option<Self> {
        match first_bytes {
            [0x1f, 0x8b, ..] => Some(Self::Gzip),
            // A frame, or one of those that a decoder has to skip.
            [0x28, 0xb5, 0x2f, 0xfd, ..] | [0x50..=0x5f, 0x2a, 0x4d, 0x18, ..] => Some(Self::Zstd),
            [b'B', b'Z', b'h', b'1'..=b'9', ..] => Some(Self::Bzip2),
            [0xfd, b'7', b'z', b'X', b'Z', 0, ..] => Some(Self::Xz),
            _ => None,
        }
    }

    /// The name, which is also that of its program.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Gzip => "gzip",
            Self::Zstd => "zstd",
            Self::Bzip2 => "bzip2",
            Self::Xz => "xz",
        }
    }

    /// What its documentation calls a member.
    fn member(self) -> &'static str {
        match self {
            Self::Gzip => "member",
            Self::Zstd => "frame",
            Self::Bzip2 | Self::Xz => "stream",
        }
    }

    /// Whether so many zeros may follow a member: tapes fill up what `gzip` wrote, and `xz` knows
    /// padding in fours, also before a next stream.
    fn allows(self, zeros: u64, at_end: bool) -> bool {
        match self {
            Self::Gzip => zeros == 0 || at_end,
            Self::Xz => zeros.is_multiple_of(4),
            Self::Zstd | Self::Bzip2 => zeros == 0,
        }
    }

    fn decoder(self, long: bool) -> Result<Box<dyn Decoder + Send>, Flaw> {
        Ok(match self {
            Self::Gzip => Box::<gzip::Gzip>::default(),
            Self::Zstd => Box::new(zstd::Zstd::new(long)?),
            Self::Bzip2 => Box::new(bzip2::Bzip2::new()),
            Self::Xz => Box::new(xz::Xz::new(long)?),
        })
    }
}

/// The bytes that a compressed input holds. Each read fills at most the buffer that it is given, so
/// nobody can make it take memory beyond the window of the format: 128 MiB, or with `long` whatever
/// the input asks for (zstd: 2 GiB).
///
/// # Errors
///
/// When memory runs out. Reads fail with a [`Broken`] inside when the input is cut or damaged, or when
/// something else follows it, and from then on always; errors of `raw` are passed on as they are, and
/// the read may be tried again.
pub fn decoded(
    codec: Codec,
    raw: Box<dyn BufRead + Send>,
    long: bool,
) -> io::Result<Box<dyn Read + Send>> {
    let decoder = codec.decoder(long).map_err(|flaw| flaw.of(codec))?;
    let members = Members { codec, decoder, place: Place::Inside };
    Ok(Box::new(Decoded { raw, members }))
}

/// An input that is not what it claims to be, told in one line without the name of the file.
///
/// ```
/// use std::io::Read;
/// use raftfast::source::decode::{Broken, Codec, decoded};
///
/// let mut rest = Vec::new();
/// let mut file = decoded(Codec::Gzip, Box::new(&b"\x1f\x8b\x08"[..]), false)?;
/// let error = file.read_to_end(&mut rest).unwrap_err();
/// let broken = error.get_ref().and_then(|inner| inner.downcast_ref::<Broken>());
/// assert_eq!(broken.map(Broken::message), Some("gzip: the file ends inside a member"));
/// # Ok::<(), std::io::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Broken(String);

impl Broken {
    /// What is wrong.
    #[must_use]
    pub fn message(&self) -> &str {
        &self.0
    }

    /// As what a read fails with.
    pub(super) fn error(message: String) -> io::Error {
        io::Error::new(io::ErrorKind::InvalidData, Self(message))
    }
}

impl fmt::Display for Broken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for Broken {}

/// One of the libraries, decoding one member after the other.
trait Decoder {
    /// Decodes some of `input`; an empty one is the end of the file.
    fn step(&mut self, input: &[u8], output: &mut [u8]) -> Result<Step, Flaw>;

    /// Makes ready for the next member.
    fn restart(&mut self) -> Result<(), Flaw>;
}

/// What a decoder did.
#[derive(Clone, Copy, Debug, Default)]
struct Step {
    /// Bytes taken from the input.
    consumed: usize,
    /// Bytes put into the output.
    produced: usize,
    /// Whether the member is complete and all of it has been put out.
    ended: bool,
}

impl Step {
    /// From a library's totals of what went in and came out, before and after.
    fn from_totals(before: (u64, u64), after: (u64, u64), ended: bool) -> Self {
        let difference = |after, before| usize::try_from(after - before).unwrap_or(usize::MAX);
        let (consumed, produced) = (difference(after.0, before.0), difference(after.1, before.1));
        Self { consumed, produced, ended }
    }
}

/// What can be wrong with an input, in the words of no library.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Flaw {
    Cut,
    Corrupt,
    Checksum,
    Length,
    Garbage,
    TooLong,
    Dictionary,
    Unsupported,
    OutOfMemory,
}

impl Flaw {
    fn of(self, codec: Codec) -> io::Error {
        let member = codec.member();
        let what = match self {
            Self::Cut => format!("the file ends inside a {member}"),
            Self::Corrupt => "the data is corrupt".to_owned(),
            Self::Checksum => "wrong checksum".to_owned(),
            Self::Length => "wrong length".to_owned(),
            Self::Garbage => format!("something else follows the last {member}"),
            Self::TooLong => {
                format!("a {member} needs more than 128 MiB of memory (allow it with --long)")
            }
            Self::Dictionary => format!("a {member} needs a dictionary"),
            Self::Unsupported => format!("a {member} of an unknown kind"),
            Self::OutOfMemory => return io::ErrorKind::OutOfMemory.into(),
        };
        Broken::error(format!("{}: {what}", codec.name()))
    }
}

/// A compressed input being read.
struct Decoded {
    raw: Box<dyn BufRead + Send>,
    members: Members,
}

impl Read for Decoded {
    fn read(&mut self, output: &mut [u8]) -> io::Result<usize> {
        if output.is_empty() {
            return Ok(0);
        }
        while self.members.place != Place::Ended {
            let step = self.members.step(self.raw.fill_buf()?, output)?;
            self.raw.consume(step.consumed);
            if step.produced > 0 {
                return Ok(step.produced);
            }
        }
        Ok(0)
    }
}

/// The members of an input.
struct Members {
    codec: Codec,
    decoder: Box<dyn Decoder + Send>,
    place: Place,
}

/// Where in the input the next byte is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Place {
    Inside,
    /// After a member, and after so many zeros.
    Between(u64),
    Ended,
    Broken(Flaw),
}

impl Members {
    fn step(&mut self, input: &[u8], output: &mut [u8]) -> io::Result<Step> {
        let step = match self.place {
            Place::Inside => self.inside(input, output),
            Place::Between(zeros) => self.between(zeros, input),
            Place::Ended => Ok(Step::default()),
            Place::Broken(flaw) => Err(flaw),
        };
        step.map_err(|flaw| {
            self.place = Place::Broken(flaw);
            flaw.of(self.codec)
        })
    }

    fn inside(&mut self, input: &[u8], output: &mut [u8]) -> Result<Step, Flaw> {
        let step = self.decoder.step(input, output)?;
        if step.ended {
            self.place = Place::Between(0);
        } else if step.consumed == 0 && step.produced == 0 {
            return Err(if input.is_empty() { Flaw::Cut } else { Flaw::Corrupt });
        }
        Ok(step)
    }

    fn between(&mut self, zeros: u64, input: &[u8]) -> Result<Step, Flaw> {
        let more = input.iter().take_while(|&&byte| byte == 0).count();
        let zeros = zeros + more as u64;
        if more > 0 {
            self.place = Place::Between(zeros);
        } else if !self.codec.allows(zeros, input.is_empty()) {
            return Err(Flaw::Garbage);
        } else if input.is_empty() {
            self.place = Place::Ended;
        } else {
            self.decoder.restart()?;
            self.place = Place::Inside;
        }
        Ok(Step { consumed: more, ..Step::default() })
    }
}
