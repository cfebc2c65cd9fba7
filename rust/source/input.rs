//! What a conversion can read: a name, or something that a caller has opened already.

use std::fmt;
use std::fs::{File, Metadata, OpenOptions};
use std::io::{self, BufReader, Cursor, Read, Seek};
use std::os::fd::AsFd;
use std::os::unix::fs::{FileExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::sync::atomic::AtomicBool;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use arrow_array::RecordBatchReader;
use arrow_schema::SchemaRef;
use rustix::fs::OFlags;

use super::array::{Elements, is_array};
use super::decode::{Codec, decoded};
use super::foreign;
use super::frames::Frames;
use super::ipc::{Columns, Parts};
use super::parquet::{self, Groups};
use super::part::lines_before;
use super::region::{Region, Stamp, Watched};
use super::rows::Batches;
use super::stream::{Ready, Stream};
use super::wait::Waiting;
use super::{Ahead, ReadError, STDIN};
use crate::error::Error;
use crate::printable::name_of;
use crate::scan::byte_order_mark;

/// Bytes that tell what an input holds: enough for a magic number, and for the white space that may
/// stand before the first bracket.
const START: usize = 4 << 10;

/// Bytes of compressed input that are read at once.
const COMPRESSED: usize = 128 << 10;

/// Something to read that gives bytes.
pub type Bytes = Box<dyn Read + Send>;

/// Something to read that gives Arrow batches.
pub type Reader = Box<dyn RecordBatchReader + Send>;

/// An input as the caller names it.
#[derive(Debug)]
pub struct Input {
    name: String,
    origin: Origin,
}

enum Origin {
    Path {
        path: PathBuf,
        /// The bytes whose lines are read, if not all.
        part: Option<(u64, u64)>,
        /// What the file was when it was first opened: several readings are of one file.
        first: Arc<OnceLock<Stamp>>,
    },
    Bytes(Mutex<Option<Bytes>>),
    Batches(Mutex<Option<Reader>>),
    Strings(Arc<Columns>),
    Groups(Arc<Groups>),
}

impl Input {
    /// A path, or `-` for standard input.
    #[must_use]
    pub fn new(path: impl Into<PathBuf>) -> Self {
        let path = path.into();
        let name = if path.as_os_str() == STDIN { "<stdin>".to_owned() } else { name_of(&path) };
        Self { name, origin: Origin::Path { path, part: None, first: Arc::default() } }
    }

    /// Bytes that somebody else opened, and a name for messages.
    #[must_use]
    pub fn bytes(name: impl Into<String>, bytes: Bytes) -> Self {
        Self { name: name.into(), origin: Origin::Bytes(Mutex::new(Some(bytes))) }
    }

    /// Arrow batches, and a name for messages.
    #[must_use]
    pub fn batches(name: impl Into<String>, reader: Reader) -> Self {
        Self { name: name.into(), origin: Origin::Batches(Mutex::new(Some(reader))) }
    }

    /// Columns of strings in Arrow files, and a name for messages.
    #[must_use]
    pub fn strings(name: impl Into<String>, columns: Columns) -> Self {
        Self { name: name.into(), origin: Origin::Strings(Arc::new(columns)) }
    }

    /// Columns in a Parquet file, and a name for messages.
    #[must_use]
    pub fn groups(name: impl Into<String>, groups: Groups) -> Self {
        Self { name: name.into(), origin: Origin::Groups(Arc::new(groups)) }
    }

    /// Only the lines that start in these bytes of the file.
    #[must_use]
    pub(super) fn part(&self, start: u64, end: u64) -> Option<Self> {
        let Origin::Path { path, first, .. } = &self.origin else { return None };
        let (path, first) = (path.clone(), Arc::clone(first));
        let origin = Origin::Path { path, part: Some((start, end)), first };
        Some(Self { name: self.name.clone(), origin })
    }

    /// The name for messages.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The columns of Arrow batches, if the input is such.
    #[must_use]
    pub fn schema(&self) -> Option<SchemaRef> {
        match &self.origin {
            Origin::Batches(reader) => {
                let reader = reader.lock().unwrap_or_else(PoisonError::into_inner);
                reader.as_ref().map(RecordBatchReader::schema)
            }
            Origin::Strings(columns) => Some(columns.schema()),
            Origin::Groups(groups) => Some(groups.schema()),
            _ => None,
        }
    }

    /// Whether reading the input leaves it as it was.
    #[must_use]
    pub fn can_be_read_again(&self) -> bool {
        matches!(self.origin, Origin::Strings(_) | Origin::Groups(_))
            || self
                .file()
                .is_some_and(|(path, _)| path.metadata().is_ok_and(|found| found.is_file()))
    }

    /// The error of an input that has to be read again and cannot be, for this reason; or what became of it.
    pub(crate) fn read_once(&self, why: &str) -> Error {
        match self.file().map(|(path, _)| path.metadata()) {
            Some(Err(error)) => Error::io(self.name(), error),
            _ => Error::usage(format!("{}: {why}", self.name())),
        }
    }

    /// Lines of the file before those that are read.
    pub(super) fn lines_before(&self) -> io::Result<u64> {
        match &self.origin {
            Origin::Path { path, part: Some((start, _)), .. } => lines_before(path, *start),
            _ => Ok(0),
        }
    }

    /// The file, if it is one that can be looked at before it is read.
    fn file(&self) -> Option<(&Path, &Option<(u64, u64)>)> {
        match &self.origin {
            Origin::Path { path, part, .. } if path.as_os_str() != STDIN => Some((path, part)),
            _ => None,
        }
    }

    /// Bytes in the file, if that is known before reading it; for a compressed file, bytes of that.
    pub(super) fn length(&self) -> Option<u64> {
        match &self.origin {
            Origin::Strings(columns) => return Some(columns.bytes()),
            Origin::Groups(groups) => return Some(groups.bytes()),
            _ => {}
        }
        let (path, part) = self.file()?;
        if let Some((start, end)) = part {
            return Some(end - start);
        }
        let metadata = std::fs::metadata(path).ok()?;
        metadata.is_file().then_some(metadata.len())
    }

    /// Bytes in the file if its lines can be read from anywhere in it.
    pub(super) fn plain_length(&self) -> io::Result<Option<u64>> {
        let Some((path, _)) = self.file() else { return Ok(None) };
        if !std::fs::metadata(path)?.is_file() {
            return Ok(None);
        }
        let file = File::open(path)?;
        let start = start_of(&file, 0)?;
        Ok(if is_plain(&start) { Some(file.metadata()?.len()) } else { None })
    }

    pub(super) fn open(&self, options: &Options) -> Result<Opened, ReadError> {
        match &self.origin {
            Origin::Path { path, part, first } => open_path(path, *part, first, options),
            Origin::Bytes(bytes) => Ok(Opened::lines(streamed(taken(bytes)?, options.long)?)),
            Origin::Batches(reader) => {
                Ok(Opened::Ahead(Ahead::Rows(Batches::new(&self.name, taken(reader)?)?)))
            }
            Origin::Strings(columns) => Ok(Opened::Strings(Parts::new(Arc::clone(columns)))),
            Origin::Groups(groups) => {
                Ok(Opened::Ahead(Ahead::Groups(parquet::Parts::new(Arc::clone(groups)))))
            }
        }
    }
}

impl fmt::Debug for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Path { path, part, .. } => write!(f, "{} {part:?}", path.display()),
            Self::Bytes(_) => f.write_str("bytes"),
            Self::Batches(_) => f.write_str("batches"),
            Self::Strings(_) => f.write_str("columns of strings"),
            Self::Groups(_) => f.write_str("row groups"),
        }
    }
}

/// How inputs are opened.
#[derive(Clone, Debug)]
pub(super) struct Options {
    /// Whether zstd windows over 128 MiB are taken.
    pub long: bool,
    /// Whether portions count.
    pub portions: bool,
    /// Ends all waiting when it is set.
    pub stop: Arc<AtomicBool>,
}

/// An input being read.
pub(super) enum Opened {
    Region(Region),
    Strings(Parts),
    Frames {
        frames: Frames,
        watched: Arc<Watched>,
        long: bool,
    },
    /// What one worker reads, ahead of the others.
    Ahead(Ahead),
}

impl Opened {
    fn lines(stream: Stream) -> Self {
        Self::Ahead(Ahead::Lines(Box::new(stream)))
    }
}

/// What a caller opened can be read once.
fn taken<T>(once: &Mutex<Option<T>>) -> io::Result<T> {
    let taken = once.lock().unwrap_or_else(PoisonError::into_inner).take();
    taken.ok_or_else(|| io::Error::other("it has been read already"))
}

fn open_path(
    path: &Path,
    part: Option<(u64, u64)>,
    first: &OnceLock<Stamp>,
    options: &Options,
) -> Result<Opened, ReadError> {
    let is_stdin = path.as_os_str() == STDIN;
    let file = if is_stdin {
        File::from(io::stdin().as_fd().try_clone_to_owned()?)
    } else {
        // Without waiting for the writer of a FIFO: waiting is done where it can be cancelled.
        let flags = OFlags::NONBLOCK.bits().cast_signed();
        OpenOptions::new().read(true).custom_flags(flags).open(path)?
    };
    let metadata = file.metadata()?;
    if metadata.is_dir() {
        return Err(io::Error::from(rustix::io::Errno::ISDIR).into());
    }
    let stamp = Stamp::of(&metadata);
    if metadata.is_file() && *first.get_or_init(|| stamp) != stamp && !is_stdin {
        return Err(ReadError::Changed);
    }
    // Files of /proc say that they are empty, so those are read like pipes.
    if !metadata.is_file() || metadata.len() == 0 {
        let waiting = Waiting::new(file, Arc::clone(&options.stop));
        return Ok(Opened::lines(waited(waiting, options.long)?));
    }
    let start = if is_stdin { (&file).stream_position()? } else { 0 };
    open_file(file, start, &metadata, part, options)
}

fn open_file(
    file: File,
    start: u64,
    metadata: &Metadata,
    part: Option<(u64, u64)>,
    options: &Options,
) -> Result<Opened, ReadError> {
    let long = options.long;
    let first = start_of(&file, start)?;
    foreign::refuse(&first)?;
    if is_plain(&first) {
        return Ok(Opened::Region(Region::new(file, start, metadata, part)));
    }
    let watched = Arc::new(Watched::new(file.try_clone()?, start, metadata));
    // Frames end anywhere in a portion.
    if start == 0 && !options.portions && Codec::of(&first) == Some(Codec::Zstd) {
        let frames = Frames::open(Arc::new(file.try_clone()?), metadata.len());
        if let Some(frames) = frames.filter(|_| holds_lines(&file, long)) {
            return Ok(Opened::Frames { frames, watched, long });
        }
    }
    let stream = streamed(Box::new(FromStart { file, at: start }), long)?;
    Ok(Opened::lines(stream.watching(watched)))
}

/// Whether a compressed file starts with lines; if it cannot be read, that is found out later.
fn holds_lines(file: &File, long: bool) -> bool {
    let start = || {
        let bytes = Box::new(FromStart { file: file.try_clone()?, at: 0 });
        let bytes = BufReader::with_capacity(COMPRESSED, bytes as Bytes);
        let mut start = Vec::new();
        decoded(Codec::Zstd, Box::new(bytes), long)?.take(START as u64).read_to_end(&mut start)?;
        Ok::<_, io::Error>(start)
    };
    start().is_ok_and(|start| !is_array(&start))
}

/// Reads a file without moving the place that descriptors share.
struct FromStart {
    file: File,
    at: u64,
}

impl Read for FromStart {
    fn read(&mut self, space: &mut [u8]) -> io::Result<usize> {
        let count = self.file.read_at(space, self.at)?;
        self.at += count as u64;
        Ok(count)
    }
}

/// The first bytes of a file.
fn start_of(file: &File, start: u64) -> io::Result<Vec<u8>> {
    let mut bytes = vec![0; START];
    let mut length = 0;
    while length < START {
        match file.read_at(&mut bytes[length..], start + length as u64) {
            Ok(0) => break,
            Ok(count) => length += count,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    bytes.truncate(length);
    Ok(bytes)
}

/// How a file begins.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Beginning {
    /// With a byte order mark.
    pub mark: bool,
    /// As one JSON array.
    pub array: bool,
}

impl Beginning {
    /// Looks at the first bytes of a regular file, or of what a compressed one holds; `None` of anything
    /// else, whose first bytes can be read only once.
    ///
    /// # Errors
    ///
    /// When it cannot be read.
    pub fn of(path: &Path, long: bool) -> io::Result<Option<Self>> {
        if path.as_os_str() == STDIN || !std::fs::metadata(path)?.is_file() {
            return Ok(None);
        }
        let (first, bytes) = peeked(Box::new(File::open(path)?))?;
        let first = match Codec::of(&first) {
            Some(codec) => peeked(decoded(codec, Box::new(BufReader::new(bytes)), long)?)?.0,
            None => first,
        };
        Ok(Some(Self { mark: byte_order_mark(&first) > 0, array: is_array(&first) }))
    }
}

/// A pipe: as it is, so that its lines can be handed on as they come, unless its bytes are to be made
/// other ones.
fn waited(mut waiting: Waiting, long: bool) -> Result<Stream, ReadError> {
    let first = waiting.peek(START, is_undecided)?;
    foreign::refuse(&first)?;
    if is_plain(&first) {
        return Ok(Stream::new(Ready::Waits(waiting)));
    }
    streamed(Box::new(waiting), long)
}

/// Whether the bytes are lines already.
fn is_plain(first: &[u8]) -> bool {
    Codec::of(first).is_none() && !is_array(first)
}

/// Whether more bytes could change what these seem to be. A pipe must not be kept waiting for them
/// otherwise: its next bytes may come tomorrow.
fn is_undecided(first: &[u8]) -> bool {
    const MAGIC: usize = 6;
    let text = &first[byte_order_mark(first)..];
    let may_be_magic = |byte: &u8| !byte.is_ascii_graphic() || matches!(byte, b'(' | b'A'..=b'_');
    let blank = text.iter().all(u8::is_ascii_whitespace);
    blank || foreign::is_begun(first) || (first.len() < MAGIC && may_be_magic(&first[0]))
}

/// Bytes decompressed, and the elements of an array as lines, as their first bytes ask for.
fn streamed(bytes: Bytes, long: bool) -> Result<Stream, ReadError> {
    let (first, bytes) = peeked(bytes)?;
    let bytes = match Codec::of(&first) {
        Some(codec) => decoded(codec, Box::new(BufReader::with_capacity(COMPRESSED, bytes)), long)?,
        None => bytes,
    };
    let (first, bytes) = peeked(bytes)?;
    foreign::refuse(&first)?;
    let bytes = if is_array(&first) { Box::new(Elements::new(bytes)) } else { bytes };
    Ok(Stream::new(Ready::Always(bytes)))
}

/// The first bytes, and all of them.
fn peeked(mut bytes: Bytes) -> io::Result<(Vec<u8>, Bytes)> {
    let mut first = Vec::new();
    (&mut bytes).take(START as u64).read_to_end(&mut first)?;
    Ok((first.clone(), Box::new(Cursor::new(first).chain(bytes))))
}
