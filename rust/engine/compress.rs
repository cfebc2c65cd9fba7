//! Compressed rows: each portion of the output is a member of its own.
//!
//! Members may follow one another in a `.gz` and a `.zst` file, so workers compress portions without
//! knowing of each other, and other programs may decompress them in parallel too. What a member holds
//! depends on its rows and the level alone.

use std::io::{self, Cursor, Write};
use std::ops::RangeInclusive;

use flate2::write::GzEncoder;
use zstd::zstd_safe::zstd_sys::ZSTD_ErrorCode::ZSTD_error_memory_allocation;
use zstd::zstd_safe::{CParameter, compress_bound, get_error_name};

/// How rows are compressed.
///
/// ```
/// use raftfast::engine::compress::Compression;
///
/// let mut compressor = Compression::Zstd(Compression::ZSTD_LEVEL).compressor()?;
/// let mut file = Vec::new();
/// for rows in [b"{}\n", b"[]\n"] {
///     compressor.compress(rows, &mut file)?;
/// }
/// assert_eq!(zstd::decode_all(&file[..])?, b"{}\n[]\n");
/// # Ok::<(), std::io::Error>(())
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Compression {
    /// Not at all.
    #[default]
    None,
    /// `.gz`, with a level of [`Compression::GZIP_LEVELS`]. No name and no time are kept.
    Gzip(u32),
    /// `.zst`, with a level of [`Compression::ZSTD_LEVELS`]. Checksum and size are kept.
    Zstd(i32),
}

impl Compression {
    /// The levels of gzip.
    pub const GZIP_LEVELS: RangeInclusive<u32> = 0..=9;

    /// The level of gzip unless another is asked for; that of `gzip` too.
    pub const GZIP_LEVEL: u32 = 6;

    /// The levels of zstd. From 20 on, `zstd` itself wants to be asked with `--ultra`, because of the
    /// memory; portions are too short for that to matter.
    pub const ZSTD_LEVELS: RangeInclusive<i32> = 1..=22;

    /// The level of zstd unless another is asked for; that of `zstd` too.
    pub const ZSTD_LEVEL: i32 = 3;

    /// What compresses one portion after the other. A level outside the range is taken for the nearest
    /// one inside.
    ///
    /// # Errors
    ///
    /// When memory runs out.
    pub fn compressor(self) -> io::Result<Compressor> {
        Ok(Compressor(match self {
            Self::None => Method::None,
            Self::Gzip(level) => {
                let level = level.min(*Self::GZIP_LEVELS.end());
                Method::Gzip(flate2::Compression::new(level))
            }
            Self::Zstd(level) => Method::Zstd(zstd(level)?),
        }))
    }

    /// Appends one member that holds `rows` to `out`. Without rows that is an empty member, or nothing
    /// if nothing is compressed: the shortest right file for a run without rows.
    ///
    /// # Errors
    ///
    /// When memory runs out.
    pub fn compress(self, rows: &[u8], out: &mut Vec<u8>) -> io::Result<()> {
        self.compressor()?.compress(rows, out)
    }
}

/// Compresses portions, with what it needs for that.
pub struct Compressor(Method);

enum Method {
    None,
    /// Starts anew for each member, which takes 5 µs: what 1 KB of rows takes.
    Gzip(flate2::Compression),
    Zstd(zstd::bulk::Compressor<'static>),
}

impl Compressor {
    /// Appends one member that holds `rows` to `out`, as [`Compression::compress`] does.
    ///
    /// # Errors
    ///
    /// When memory runs out.
    pub fn compress(&mut self, rows: &[u8], out: &mut Vec<u8>) -> io::Result<()> {
        match &mut self.0 {
            Method::None => {
                out.try_reserve(rows.len())?;
                out.extend_from_slice(rows);
            }
            Method::Gzip(level) => {
                let mut member = GzEncoder::new(Reserving(out), *level);
                member.write_all(rows)?;
                member.finish()?;
            }
            Method::Zstd(compressor) => {
                out.try_reserve(compress_bound(rows.len()))?;
                let mut rest = Cursor::new(&mut *out);
                rest.set_position(rest.get_ref().len() as u64);
                compressor.compress_to_buffer(rows, &mut rest)?;
            }
        }
        Ok(())
    }
}

/// Memory that is asked for where it is written to: rows that cannot be compressed become longer.
struct Reserving<'a>(&'a mut Vec<u8>);

impl Write for Reserving<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.try_reserve(bytes.len())?;
        self.0.extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

fn zstd(level: i32) -> io::Result<zstd::bulk::Compressor<'static>> {
    let (least, most) = Compression::ZSTD_LEVELS.into_inner();
    let mut compressor = zstd::bulk::Compressor::new(level.clamp(least, most))?;
    compressor.set_parameter(CParameter::ChecksumFlag(true))?;
    Ok(compressor)
}

/// Whether what failed is memory: of zstd's errors, only the words reach us.
pub(super) fn is_out_of_memory(error: &io::Error) -> bool {
    let words = get_error_name((ZSTD_error_memory_allocation as usize).wrapping_neg());
    error.kind() == io::ErrorKind::OutOfMemory || error.to_string() == words
}

#[cfg(test)]
mod tests {
    use super::{Compression, is_out_of_memory};
    use std::io;

    #[test]
    fn memory_that_runs_out_is_told_from_other_failures() {
        let failures = [
            (io::ErrorKind::OutOfMemory.into(), true),
            (io::Error::other("Allocation error : not enough memory"), true),
            (io::Error::other("Destination buffer is too small"), false),
            (io::ErrorKind::WriteZero.into(), false),
        ];
        for (failure, expected) in failures {
            assert_eq!(is_out_of_memory(&failure), expected, "{failure}");
        }
    }

    #[test]
    fn a_buffer_that_cannot_be_had_is_memory_that_runs_out() {
        let mut out = vec![0; 1];
        let refused = out.try_reserve(usize::MAX);
        assert!(refused.is_err_and(|error| is_out_of_memory(&error.into())));
        assert!(Compression::None.compress(b"{}", &mut out).is_ok());
    }
}
