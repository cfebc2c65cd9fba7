//! RAFT records to the exact rows that fine-tuning consumers accept, every byte checked.
//!
//! The way of the data is the order of the modules: a [`source`] gives blocks of whole lines,
//! [`scan`] validates a line and yields the spans of its fields, a [`record::Record`] gives those
//! spans their RAFT names, a [`shape::Shape`] renders the record as a row of a [`target`], as JSON
//! or into Arrow [`columns`], and the [`engine`] does this on many threads and commits the rows in
//! order, keeping a [`ledger::Ledger`].
//!
//! ```
//! use raftfast::{convert::Converter, shape::Options};
//!
//! let converter = Converter::new("completion", &Options::default())?;
//! let (rows, ledger) = converter.convert_bytes(br#"{"instruction":"Q","cot_answer":"A"}"#)?;
//! assert_eq!(rows, b"{\"prompt\":\"Q\",\"completion\":\"A<STOP>\"}\n");
//! assert_eq!(ledger.written, 1);
//! # Ok::<(), raftfast::error::Error>(())
//! ```

mod arrays;
pub mod batch;
pub mod checker;
pub mod columnar;
pub mod columns;
pub mod convert;
pub mod dialect;
pub mod engine;
pub mod entries;
pub mod error;
mod forbidden;
pub mod jinja;
pub mod ledger;
mod made;
pub mod mask;
mod memory;
pub mod oracle;
pub mod pool;
pub mod printable;
#[cfg(feature = "python")]
mod python;
mod random;
pub mod record;
pub mod rules;
pub mod sample;
pub mod scan;
pub mod shape;
pub mod source;
pub mod survey;
pub mod target;
pub mod text;
pub mod validate;
pub mod value;
mod walk;
