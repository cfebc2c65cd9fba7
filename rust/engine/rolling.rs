//! Outputs that are written one after the other, each until it is full.

use std::collections::TryReserveError;
use std::path::PathBuf;
use std::sync::{Arc, Mutex};

use super::compress::Compression;
use super::file::File;
use super::frame::{Encoding, Payload};
use super::{GoOn, unpoisoned};
use crate::error::{Error, ErrorKind};

/// When one of several outputs is full.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Full {
    /// At so many bytes; a row that is longer has an output of its own.
    Bytes(u64),
    /// At these rows, those of the outputs before it counted: one of what is framed together goes where its
    /// first row goes. There are as many outputs, with rows or without, and the last one is never full.
    Rows(Vec<u64>),
}

/// Gives the name of the next output, which exists already.
pub type Next = Box<dyn FnMut() -> Result<PathBuf, Error> + Send>;

/// How many rows each of several outputs has got.
pub type RowsOfEach = Arc<Mutex<Vec<u64>>>;

/// The outputs, of which one is open.
pub(super) struct Rolling {
    pub(super) file: File,
    full: Full,
    next: Next,
    /// Rows of all outputs so far, and of each.
    done: u64,
    rows: RowsOfEach,
}

/// What goes into the output that is open, and what does not.
type Parts = (Payload, Option<Payload>);

impl Rolling {
    pub(super) fn open(
        full: Full,
        mut next: Next,
        rows: RowsOfEach,
        encoding: &Encoding,
        go_on: GoOn<'_>,
    ) -> Result<Self, Error> {
        let file = File::open(&next()?, encoding, go_on)?;
        *unpoisoned(rows.lock()) = vec![0];
        Ok(Self { file, full, next, done: 0, rows })
    }

    /// Writes what the next portion came to, into as many outputs as it takes.
    pub(super) fn write(
        &mut self,
        payload: Payload,
        mut count: u64,
        encoding: &Encoding,
        go_on: GoOn<'_>,
    ) -> Result<u64, Error> {
        let lines = matches!(encoding, Encoding::Lines(Compression::None, _));
        let mut written = 0;
        let mut rest = Some(payload);
        while let Some(payload) = rest {
            let (now, later) = self.cut(payload, lines)?;
            let rows = if later.is_none() { count } else { lines_of(&now) };
            written += self.file.write(now, go_on)?;
            debug_assert!(rows <= count, "each row is a line");
            count -= rows;
            self.add_rows(rows);
            rest = later;
            if rest.is_some() {
                written += self.roll(encoding, go_on)?;
            }
        }
        Ok(written)
    }

    /// Ends the output that is open, and makes those that are still to come.
    pub(super) fn finish(&mut self, encoding: &Encoding, go_on: GoOn<'_>) -> Result<u64, Error> {
        let mut written = 0;
        while let Full::Rows(ends) = &self.full
            && unpoisoned(self.rows.lock()).len() < ends.len()
        {
            written += self.roll(encoding, go_on)?;
        }
        Ok(written + self.file.finish(go_on)?)
    }

    /// Goes on to the next output.
    fn roll(&mut self, encoding: &Encoding, go_on: GoOn<'_>) -> Result<u64, Error> {
        // A block can fill many outputs, and each takes longer than its rows.
        if !go_on() {
            return Err(ErrorKind::Cancelled.into());
        }
        let written = self.file.finish(go_on)?;
        self.file = File::open(&(self.next)()?, encoding, go_on)?;
        unpoisoned(self.rows.lock()).push(0);
        Ok(written)
    }

    fn cut(&self, payload: Payload, lines: bool) -> Result<Parts, TryReserveError> {
        if payload.len() == 0 {
            return Ok((payload, None));
        }
        match &self.full {
            Full::Bytes(bytes) => {
                fitting(payload, self.file.room(*bytes), self.file.is_empty(), lines)
            }
            Full::Rows(ends) => {
                let opened = unpoisoned(self.rows.lock()).len();
                let end = ends.get(opened - 1).filter(|_| opened < ends.len());
                let room = end.map(|end| end.saturating_sub(self.done));
                counted(payload, room.unwrap_or(u64::MAX), lines)
            }
        }
    }

    fn add_rows(&mut self, rows: u64) {
        self.done += rows;
        if let Some(of_this) = unpoisoned(self.rows.lock()).last_mut() {
            *of_this += rows;
        }
    }
}

/// The rows in bytes that are lines; there are none in what is kept whole for the next output.
fn lines_of(payload: &Payload) -> u64 {
    let Payload::Bytes(rows) = payload else { return 0 };
    memchr::memchr_iter(b'\n', rows).count() as u64
}

/// What still fits into `room`, and what does not: lines are cut between rows, everything else is kept
/// whole. What does not even fit into an empty output is not kept back.
fn fitting(
    payload: Payload,
    room: u64,
    is_empty: bool,
    lines: bool,
) -> Result<Parts, TryReserveError> {
    if payload.len() <= room {
        return Ok((payload, None));
    }
    match payload {
        Payload::Bytes(rows) if lines => {
            let room = usize::try_from(room).unwrap_or(usize::MAX).min(rows.len());
            let end = memchr::memrchr(b'\n', &rows[..room]);
            let end = end.or_else(|| memchr::memchr(b'\n', &rows).filter(|_| is_empty));
            divided(rows, end.map_or(0, |end| end + 1))
        }
        whole if is_empty => Ok((whole, None)),
        whole => Ok((Payload::Nothing, Some(whole))),
    }
}

/// So many rows, and those after them, if they are lines; everything else is kept whole.
fn counted(payload: Payload, room: u64, lines: bool) -> Result<Parts, TryReserveError> {
    match payload {
        Payload::Bytes(rows) if lines => {
            let last = usize::try_from(room).unwrap_or(usize::MAX).checked_sub(1);
            let end = last.map(|last| memchr::memchr_iter(b'\n', &rows).nth(last));
            let end = end.map_or(0, |end| end.map_or(rows.len(), |end| end + 1));
            divided(rows, end)
        }
        whole if room > 0 => Ok((whole, None)),
        whole => Ok((Payload::Nothing, Some(whole))),
    }
}

/// Lines cut at a place between them.
fn divided(mut rows: Vec<u8>, end: usize) -> Result<Parts, TryReserveError> {
    let mut rest = Vec::new();
    rest.try_reserve(rows.len() - end)?;
    rest.extend_from_slice(&rows[end..]);
    rows.truncate(end);
    let rest = (!rest.is_empty()).then_some(Payload::Bytes(rest));
    Ok((Payload::Bytes(rows), rest))
}
