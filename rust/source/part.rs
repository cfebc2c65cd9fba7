//! One of several equal parts of the inputs, for outputs that are written side by side.

use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;
use std::path::Path;

use super::Input;
use crate::error::Error;

/// Bytes read at once to count lines.
const COUNTED: usize = 256 << 10;

/// The `index`-th of `count` parts of the inputs, equal in bytes: the lines that start in it. Every line
/// is in one part, and the parts in order are the inputs in order.
///
/// # Errors
///
/// A usage error for inputs that can only be read from their start, such as compressed files and
/// pipes; an I/O error for one that cannot be read at all.
pub fn part(inputs: &[Input], index: u64, count: u64) -> Result<Vec<Input>, Error> {
    let mut lengths = Vec::new();
    for input in inputs {
        let length = input.plain_length().map_err(|error| Error::io(input.name(), error))?;
        lengths.push(length.ok_or_else(|| cannot_be_cut(input.name()))?);
    }
    let total = u128::from(lengths.iter().sum::<u64>());
    let border = |index: u64| {
        u64::try_from(total * u128::from(index) / u128::from(count.max(1))).unwrap_or(u64::MAX)
    };
    let (from, to) = (border(index), border(index + 1));
    let mut parts = Vec::new();
    let mut start = 0;
    for (input, length) in inputs.iter().zip(lengths) {
        let (first, last) = (from.max(start), to.min(start + length));
        if first < last {
            parts.extend(input.part(first - start, last - start));
        }
        start += length;
    }
    Ok(parts)
}

fn cannot_be_cut(name: &str) -> Error {
    Error::usage(format!(
        "{name} can only be read from its start, so it cannot be cut into a number of shards; \
         give their size instead"
    ))
}

/// Lines that end before the first line that starts at byte `start` or later, where that is known: it
/// starts after the next line end from the byte before on.
pub(super) fn lines_before(path: &Path, start: u64) -> io::Result<u64> {
    if start == 0 {
        return Ok(0);
    }
    let file = File::open(path)?;
    let mut bytes = vec![0; COUNTED];
    let (mut at, end) = (0, start - 1);
    let mut lines = 1;
    while at < end {
        let length = COUNTED.min(usize::try_from(end - at).unwrap_or(COUNTED));
        file.read_exact_at(&mut bytes[..length], at)?;
        lines += memchr::memchr_iter(b'\n', &bytes[..length]).count() as u64;
        at += length as u64;
    }
    Ok(lines)
}
