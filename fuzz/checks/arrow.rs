//! Arrow files and streams: what the library writes is read as it was, and what is changed in them does no
//! harm.
//!
//! The library is not asked to read what is changed: it panics on some, and reserves what they announce.

use arrow_array::RecordBatch;
use arrow_ipc::MetadataVersion;
use arrow_ipc::writer::{FileWriter, IpcWriteOptions, StreamWriter};
use arrow_schema::SchemaRef;
use raftfast::source::{Input, Strings};

use super::files::{CONVERTER, Format, WANTED, are_texts, settings};
use super::recipe::Kind;
use super::{Outcome, TemporaryFile};

/// Checks the bytes after a zero as a file or stream; any others say what one holds and what is changed.
pub fn arrow(data: &[u8]) {
    Format { read, write, is_plain, keeps_empty: true }.check(data);
}

/// What our own reader makes of a file, if it takes it.
fn read(file: &[u8]) -> Option<Outcome> {
    let file = TemporaryFile::new(file);
    let columns = Strings::open(&[file.path()]).unwrap()?.columns(&WANTED.map(str::to_owned))?;
    Some(Outcome::of(&CONVERTER, Input::strings("input", columns), settings()))
}

/// Whether the columns in use are strings and there once, and what is beside them has no dictionary or view.
fn is_plain(kinds: &[(&str, Kind)]) -> bool {
    let is_whole = |one: &(&str, Kind)| !matches!(one.1, Kind::Dictionary | Kind::Views);
    kinds.iter().all(is_whole) && are_texts(kinds)
}

fn write(form: u8, schema: &SchemaRef, batches: &[RecordBatch]) -> Vec<u8> {
    let (alignment, is_old) = (8 << (form % 4), form / 4 % 2 == 1);
    let version = if is_old { MetadataVersion::V4 } else { MetadataVersion::V5 };
    let options = IpcWriteOptions::try_new(alignment, is_old, version).unwrap();
    let mut file = Vec::new();
    if form / 8 % 2 == 1 {
        let mut writer = FileWriter::try_new_with_options(&mut file, schema, options).unwrap();
        for batch in batches {
            writer.write(batch).unwrap();
        }
        writer.finish().unwrap();
    } else {
        let mut writer = StreamWriter::try_new_with_options(&mut file, schema, options).unwrap();
        for batch in batches {
            writer.write(batch).unwrap();
        }
        writer.finish().unwrap();
    }
    file
}
