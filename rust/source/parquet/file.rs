//! A file that several read at once: at places of their own, without a common one that would move.

use std::fs::{File, Metadata};
use std::io::{self, BufReader, Read};
use std::os::unix::fs::FileExt;
use std::sync::{Arc, Mutex, PoisonError};

use bytes::Bytes;
use parquet::errors::{ParquetError, Result};
use parquet::file::reader::{ChunkReader, Length};

/// The file, for all who read of it.
#[derive(Clone, Debug)]
pub(super) struct Shared {
    file: Arc<File>,
    length: u64,
    /// What reading failed with last: who decodes tells it in words only.
    failure: Arc<Mutex<Option<io::Error>>>,
}

const MAGIC: &[u8] = b"PAR1";

/// Bytes behind the footer: its length, and the magic word.
const TAIL: usize = 8;

/// The longest footer that is read here. One of 20 million column chunks would be as long.
const LONGEST_FOOTER: u64 = 64 << 20;

/// Bytes that are read at once to find the header of a page. Its data is read in one.
const HEADER: usize = 4 << 10;

impl Shared {
    pub(super) fn new(file: File) -> io::Result<Self> {
        let length = file.metadata().map(|found: Metadata| found.len())?;
        Ok(Self { file: Arc::new(file), length, failure: Arc::default() })
    }

    /// The bytes of the footer; nothing if there is none.
    pub(super) fn footer(&self) -> io::Result<Option<Vec<u8>>> {
        let Some(tail) = self.length.checked_sub(TAIL as u64) else { return Ok(None) };
        let mut bytes = [0; TAIL];
        self.file.read_exact_at(&mut bytes, tail)?;
        let [a, b, c, d, magic @ ..] = bytes;
        let length = u64::from(u32::from_le_bytes([a, b, c, d]));
        let start = tail.checked_sub(length).filter(|_| magic == MAGIC && length <= LONGEST_FOOTER);
        let Some(start) = start else { return Ok(None) };
        self.bytes(start, length).map(Some)
    }

    /// Bytes of the file.
    pub(super) fn length(&self) -> u64 {
        self.length
    }

    /// What reading has failed with, if it was the system that failed.
    pub(super) fn failure(&self) -> Option<io::Error> {
        self.failure.lock().unwrap_or_else(PoisonError::into_inner).take()
    }

    fn bytes(&self, start: u64, length: u64) -> io::Result<Vec<u8>> {
        let end = start.checked_add(length).filter(|&end| end <= self.length);
        let length = end.and_then(|_| usize::try_from(length).ok());
        let length = length.ok_or(io::ErrorKind::UnexpectedEof)?;
        let mut bytes = Vec::new();
        bytes.try_reserve_exact(length)?;
        bytes.resize(length, 0);
        self.file.read_exact_at(&mut bytes, start)?;
        Ok(bytes)
    }

    fn noted(&self, error: io::Error) -> io::Error {
        let Some(number) = error.raw_os_error() else { return error };
        *self.failure.lock().unwrap_or_else(PoisonError::into_inner) = Some(error);
        io::Error::from_raw_os_error(number)
    }
}

impl Length for Shared {
    fn len(&self) -> u64 {
        self.length
    }
}

impl ChunkReader for Shared {
    type T = BufReader<From>;

    fn get_read(&self, start: u64) -> Result<Self::T> {
        Ok(BufReader::with_capacity(HEADER, From { file: self.clone(), at: start }))
    }

    fn get_bytes(&self, start: u64, length: usize) -> Result<Bytes> {
        let bytes = self.bytes(start, length as u64);
        bytes.map(Bytes::from).map_err(|error| ParquetError::from(self.noted(error)))
    }
}

/// The bytes of a file from some place on.
#[derive(Debug)]
pub(super) struct From {
    file: Shared,
    at: u64,
}

impl Read for From {
    fn read(&mut self, space: &mut [u8]) -> io::Result<usize> {
        let count =
            self.file.file.read_at(space, self.at).map_err(|error| self.file.noted(error))?;
        self.at += count as u64;
        Ok(count)
    }
}
