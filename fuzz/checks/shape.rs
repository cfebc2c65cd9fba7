//! A target file is refused in words, or makes JSON rows.

use raftfast::convert::{Converter, OnError};
use raftfast::dialect::Reading;
use raftfast::shape::{Options, Shape};
use raftfast::target::Target;

use super::assert_rows;

/// What stands between the target file and the records.
const BETWEEN: &str = "\n---\n";

/// Checks a target file with the records after it.
pub fn shape(data: &[u8]) {
    let text = String::from_utf8_lossy(data);
    let (target, records) = text.split_once(BETWEEN).unwrap_or((&text, "{}"));
    let shape = Target::parse("fuzz", target)
        .and_then(|target| Shape::compile(&target, &Options::default()));
    match shape {
        Ok(shape) => assert_shape(shape, records.as_bytes()),
        Err(error) => assert_eq!(error.name(), "usage", "{error}"),
    }
}

fn assert_shape(shape: Shape, records: &[u8]) {
    let converter = Converter::with_shape(shape, &Reading::default()).unwrap();
    let (rows, ledger) = converter.on_error(OnError::Skip).convert_bytes(records).unwrap();
    assert_rows(&rows, &ledger);
}
