//! Records of any dialect, and of none, become JSON rows or are accounted for.

use std::sync::LazyLock;

use raftfast::convert::{Converter, OnError};
use raftfast::shape::Options;

use super::assert_rows;

/// Targets that take turns, documents, quotes and whole records.
const TARGETS: [&str; 6] = ["chat", "raft", "alpaca", "eval", "openai-dpo", "hf"];

static CONVERTERS: LazyLock<Vec<Converter>> = LazyLock::new(|| {
    let converter = |name| Converter::new(name, &Options::default()).unwrap();
    TARGETS.map(|name| converter(name).on_error(OnError::Skip)).into()
});

/// Checks lines of records.
pub fn dialect(data: &[u8]) {
    for converter in CONVERTERS.iter() {
        let (rows, ledger) = converter.convert_bytes(data).unwrap();
        assert_rows(&rows, &ledger);
    }
}
