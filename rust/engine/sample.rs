//! Writing a sample corpus where a conversion would write its rows.

use std::io::{self, Write};
use std::path::Path;

use super::Sink;
use crate::error::{Error, ErrorKind};
use crate::sample::{self, Style};

/// Writes at least `size` bytes of sample records to an existing name, or to standard output if it
/// is called `-`; gives the number of records. `tick` is told the bytes written, also while waiting
/// for a reader, and ends the run by returning false.
///
/// # Errors
///
/// When the output cannot be written, or `tick` ended the run.
pub fn write_sample(
    output: &Path,
    size: u64,
    style: Style,
    seed: u64,
    tick: &mut dyn FnMut(u64) -> bool,
) -> Result<u64, Error> {
    let sink = Sink::open(output, &mut || tick(0))?;
    let mut telling = Telling { sink, written: 0, tick, ended: None };
    let result = sample::write_sample(&mut telling, size, style, seed, &mut |_| true);
    let Telling { mut sink, ended, .. } = telling;
    let records = result.map_err(|_| ended.unwrap_or_else(|| ErrorKind::Cancelled.into()))?;
    sink.finish()?;
    Ok(records)
}

/// A sink that tells how much was written to it, and keeps the error that ended the writing.
struct Telling<'a> {
    sink: Sink,
    written: u64,
    tick: &'a mut dyn FnMut(u64) -> bool,
    ended: Option<Error>,
}

impl Write for Telling<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let go_on = &mut || (self.tick)(self.written);
        let mut rows = self.sink.spare().unwrap_or_default();
        rows.clear();
        rows.extend_from_slice(bytes);
        if let Err(error) = self.sink.write(rows, go_on) {
            self.ended = Some(error);
            return Err(io::ErrorKind::Other.into());
        }
        self.written += bytes.len() as u64;
        if (self.tick)(self.written) { Ok(bytes.len()) } else { Err(io::ErrorKind::Other.into()) }
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
