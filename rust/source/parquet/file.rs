//! A file that several read at once: at places of their own, without a common one that would move.

use std::fs::File;
use std::io::{self, BufRead, BufReader, Read};
use std::os::unix::fs::FileExt;
use std::sync::{Arc, Mutex, PoisonError};

use bytes::Bytes;
use parquet::errors::{ParquetError, Result};
use parquet::file::reader::{ChunkReader, Length};

use super::MAGIC;
use super::page::Announced;
use crate::memory::ask;
use crate::source::region::Watched;

/// The file, for all who read of it.
#[derive(Clone, Debug)]
pub(super) struct Shared {
    file: Arc<File>,
    length: u64,
    watched: Arc<Watched>,
}

/// The pages of a file, for one who decodes them.
#[derive(Clone, Debug)]
pub(super) struct Pages {
    of: Shared,
    /// The bytes that their codec can make of one.
    ratio: i64,
    /// What reading failed with: who decodes tells it in words only.
    failure: Arc<Mutex<Option<io::Error>>>,
}

/// Bytes behind the footer: its length, and the magic word.
const TAIL: usize = 8;

/// The longest footer that is read here. One of 20 million column chunks would be as long.
const LONGEST_FOOTER: u64 = 64 << 20;

/// Bytes that are read at once to find the header of a page. Its data is read in one.
const HEADER: usize = 4 << 10;

impl Shared {
    pub(super) fn new(file: File) -> io::Result<Self> {
        let metadata = file.metadata()?;
        let watched = Arc::new(Watched::new(file.try_clone()?, 0, &metadata));
        Ok(Self { file: Arc::new(file), length: metadata.len(), watched })
    }

    /// Where the footer starts, and its bytes; nothing if there is none.
    pub(super) fn footer(&self) -> io::Result<Option<(u64, Vec<u8>)>> {
        let Some(tail) = self.length.checked_sub(TAIL as u64) else { return Ok(None) };
        let mut bytes = [0; TAIL];
        self.file.read_exact_at(&mut bytes, tail)?;
        let [a, b, c, d, magic @ ..] = bytes;
        let length = u64::from(u32::from_le_bytes([a, b, c, d]));
        let start = tail.checked_sub(length).filter(|_| magic == MAGIC && length <= LONGEST_FOOTER);
        let Some(start) = start else { return Ok(None) };
        Ok(Some((start, self.bytes(start, length)?)))
    }

    /// Bytes of the file.
    pub(super) fn length(&self) -> u64 {
        self.length
    }

    /// Its pages, for one who decodes some.
    pub(super) fn pages(&self, ratio: i64) -> Pages {
        Pages { of: self.clone(), ratio, failure: Arc::default() }
    }

    fn bytes(&self, start: u64, length: u64) -> io::Result<Vec<u8>> {
        let mut bytes = Vec::new();
        let length = usize::try_from(length).map_err(|_| io::ErrorKind::OutOfMemory)?;
        bytes.try_reserve_exact(length)?;
        bytes.resize(length, 0);
        self.file.read_exact_at(&mut bytes, start)?;
        Ok(bytes)
    }
}

impl Pages {
    /// What reading has failed with, if it was the system that failed.
    pub(super) fn failure(&self) -> Option<io::Error> {
        self.failure.lock().unwrap_or_else(PoisonError::into_inner).take()
    }

    /// Insists that the file is what it was when it was opened.
    pub(super) fn check(&self) -> io::Result<()> {
        // An end where there was none is how a change is told.
        let is_unchanged = self.of.watched.is_unchanged()?;
        if is_unchanged { Ok(()) } else { Err(io::ErrorKind::UnexpectedEof.into()) }
    }

    /// Keeps an error, and gives it in words.
    fn noted(&self, error: impl Into<io::Error>) -> ParquetError {
        let error = error.into();
        let told = ParquetError::General(error.to_string());
        *self.failure.lock().unwrap_or_else(PoisonError::into_inner) = Some(error);
        told
    }
}

impl Length for Pages {
    fn len(&self) -> u64 {
        self.of.length
    }
}

impl ChunkReader for Pages {
    type T = BufReader<From>;

    /// Reads a page from the start of its header on, if there is memory for what that announces.
    fn get_read(&self, start: u64) -> Result<Self::T> {
        let mut page = BufReader::with_capacity(HEADER, From { pages: self.clone(), at: start });
        let announced = Announced::by(page.fill_buf()?);
        if let Some(what) = announced.wrong(self.ratio) {
            return Err(ParquetError::General(what.to_owned()));
        }
        // Who decodes takes it in a way that cannot fail.
        ask(announced.room()).map_err(|error| self.noted(error))?;
        Ok(page)
    }

    fn get_bytes(&self, start: u64, length: usize) -> Result<Bytes> {
        let length = length as u64;
        if start.checked_add(length).is_none_or(|end| end > self.of.length) {
            return Err(ParquetError::EOF("a part ends behind the file".to_owned()));
        }
        self.of.bytes(start, length).map(Bytes::from).map_err(|error| self.noted(error))
    }
}

/// The bytes of a file from some place on.
#[derive(Debug)]
pub(super) struct From {
    pages: Pages,
    at: u64,
}

impl Read for From {
    fn read(&mut self, space: &mut [u8]) -> io::Result<usize> {
        let file = &self.pages.of;
        let count = match file.file.read_at(space, self.at) {
            // It has become shorter.
            Ok(0) if self.at < file.length && !space.is_empty() => {
                Err(io::ErrorKind::UnexpectedEof.into())
            }
            Err(error) if error.kind() == io::ErrorKind::Interrupted => return Err(error),
            other => other,
        };
        let count = count.map_err(|error| io::Error::other(self.pages.noted(error)))?;
        self.at += count as u64;
        Ok(count)
    }
}
