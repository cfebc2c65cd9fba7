//! What a file holds, in a number.

use std::fs::File;
use std::io::{self, Read};
use std::path::Path;

use xxhash_rust::xxh3::Xxh3Default;

use crate::error::{Error, ErrorKind};
use crate::printable::name_of;

/// Bytes read at once.
const READ: usize = 512 << 10;

/// Bytes between two ticks, about ten milliseconds of work.
const MOMENT: u64 = 64 << 20;

/// The XXH3 digest of a file, of 64 bits, as 16 hexadecimal digits: quick to make and good at telling
/// whether a file is the same, and no protection against somebody who wants it to seem so.
///
/// `tick` is called now and then with the bytes read; if it returns false, the work ends.
///
/// # Errors
///
/// When the file cannot be read, or `tick` ended the work.
pub fn digest(path: &Path, tick: &mut dyn FnMut(u64) -> bool) -> Result<String, Error> {
    let found = digest_of(path, tick);
    found
        .map_err(|error| Error::io(name_of(path), error))?
        .ok_or_else(|| ErrorKind::Cancelled.into())
}

fn digest_of(path: &Path, tick: &mut dyn FnMut(u64) -> bool) -> io::Result<Option<String>> {
    let mut file = File::open(path)?;
    let (mut read, mut told) = (0, 0);
    let mut state = Xxh3Default::new();
    let mut bytes = vec![0; READ];
    loop {
        match file.read(&mut bytes) {
            Ok(0) => return Ok(Some(format!("{:016x}", state.digest()))),
            Ok(count) => {
                state.update(&bytes[..count]);
                read += count as u64;
            }
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
        if read - told >= MOMENT {
            told = read;
            if !tick(read) {
                return Ok(None);
            }
        }
    }
}
