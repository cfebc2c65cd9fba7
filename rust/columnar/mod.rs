//! Arrow batches as the bytes of files.
//!
//! What is expensive, laying out, compressing, taking statistics, is done by an [`Encoder`], which
//! any number of threads share; it gives pieces that know nothing of their place. An [`Assembler`]
//! puts the pieces one after the other, in the order of the rows, notes where each came to stand,
//! and writes the footer that says so. The bytes depend on the batches and on nothing else.
//!
//! ```
//! use std::sync::Arc;
//! use arrow_array::{RecordBatch, StringArray};
//! use raftfast::columnar::{Codec, Encoder, Form};
//!
//! let texts = Arc::new(StringArray::from(vec!["Q", "A"])) as _;
//! let batch = RecordBatch::try_from_iter([("text", texts)])?;
//!
//! let encoder = Encoder::new(Form::IpcFile, Codec::None, batch.schema())?;
//! let mut file = Vec::new();
//! let mut assembler = encoder.assembler()?;
//! assembler.start(&mut file)?;
//! assembler.append(encoder.encode(&batch, Vec::new())?, &mut file)?;
//! assembler.finish(&mut file)?;
//! assert!(file.starts_with(b"ARROW1") && file.ends_with(b"ARROW1"));
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod ipc;
mod parquet;
mod seconds;

use std::fmt;

use ::parquet::arrow::arrow_writer::ArrowColumnChunk;
use arrow_array::RecordBatch;
use arrow_schema::{DataType, Schema, SchemaRef};

use crate::error::{Error, ErrorKind};

/// The kinds of columnar files.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Form {
    /// An Arrow IPC file, with a footer that allows for reading its batches in any order. Also
    /// known as Feather.
    IpcFile,
    /// An Arrow IPC stream, which is what `save_to_disk` of Hugging Face's `datasets` writes.
    IpcStream,
    /// A Parquet file. Each batch becomes a row group.
    Parquet,
}

impl Form {
    /// The codec that a form gets where none is asked for.
    ///
    /// Parquet gets zstd at level 3, zstd's own default: of 35 MB of chat rows it leaves 5.1 MB,
    /// level 1 leaves 7.4 MB and Snappy, pyarrow's default, 14 MB, and it takes a third more time
    /// than they do; nothing that reads Parquet today lacks it. Arrow files get none, because they
    /// are made to be mapped into memory as they are.
    #[must_use]
    pub fn codec(self) -> Codec {
        match self {
            Self::IpcFile | Self::IpcStream => Codec::None,
            Self::Parquet => Codec::Zstd(3),
        }
    }
}

impl fmt::Display for Form {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::IpcFile => "an Arrow file",
            Self::IpcStream => "an Arrow stream",
            Self::Parquet => "Parquet",
        })
    }
}

/// How the columns inside a file are compressed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Codec {
    /// Not at all.
    None,
    /// zstd at a level from 1 to 22.
    Zstd(i32),
    /// Snappy, in Parquet only.
    Snappy,
    /// LZ4: frames in Arrow files, raw blocks (`LZ4_RAW`) in Parquet.
    Lz4,
}

impl Codec {
    /// Checks what the level of a codec may be.
    fn checked(self) -> Result<Self, Error> {
        match self {
            Self::Zstd(level) if !(1..=22).contains(&level) => {
                Err(Error::usage(format!("zstd has the levels 1 to 22, not {level}")))
            }
            _ => Ok(self),
        }
    }
}

/// Encodes batches of one schema, on any number of threads.
#[derive(Debug)]
pub struct Encoder {
    schema: SchemaRef,
    form: Encoding,
}

#[derive(Debug)]
enum Encoding {
    Ipc(ipc::Encoder),
    Parquet(Box<parquet::Encoder>),
}

impl Encoder {
    /// An encoder for files of this form and schema.
    ///
    /// # Errors
    ///
    /// `Usage` if the form does not know the codec or cannot hold the schema.
    pub fn new(form: Form, codec: Codec, schema: SchemaRef) -> Result<Self, Error> {
        let codec = codec.checked()?;
        refuse_dictionaries(&schema)?;
        let encoding = match form {
            Form::IpcFile => Encoding::Ipc(ipc::Encoder::new(true, codec, &schema)?),
            Form::IpcStream => Encoding::Ipc(ipc::Encoder::new(false, codec, &schema)?),
            Form::Parquet => Encoding::Parquet(Box::new(parquet::Encoder::new(codec, &schema)?)),
        };
        Ok(Self { schema, form: encoding })
    }

    /// The schema of the batches.
    #[must_use]
    pub fn schema(&self) -> &SchemaRef {
        &self.schema
    }

    /// Encodes a batch, into the memory of `spare` if it can be used. A batch without rows becomes
    /// nothing at all.
    ///
    /// # Errors
    ///
    /// `Internal` if the batch has not the schema of the encoder, `OutOfMemory`.
    pub fn encode(&self, batch: &RecordBatch, spare: Vec<u8>) -> Result<Encoded, Error> {
        self.check(batch)?;
        if batch.num_rows() == 0 {
            return Ok(Encoded { rows: 0, piece: None });
        }
        let piece = match &self.form {
            Encoding::Ipc(encoder) => Piece::Message(encoder.encode(batch, spare)?),
            Encoding::Parquet(encoder) => Piece::RowGroup(encoder.encode(batch)?),
        };
        Ok(Encoded { rows: batch.num_rows(), piece: Some(piece) })
    }

    /// Bytes that may be taken for a batch without a chance to refuse: buffers and compressors of the
    /// Parquet writer, and small things of Arrow's. With 32 and 48 MiB for 16 MiB of input, Parquet still
    /// aborted now and then under some limit; with 64 MiB it did not in 81 runs between 50 and 300 MB.
    #[must_use]
    pub fn headroom(&self) -> usize {
        match self.form {
            Encoding::Ipc(_) => 4 << 20,
            Encoding::Parquet(_) => 64 << 20,
        }
    }

    /// What puts encoded batches together to a new file; one for each file.
    ///
    /// # Errors
    ///
    /// `Internal`, if the schema cannot be written, which [`Encoder::new`] has ruled out.
    pub fn assembler(&self) -> Result<Assembler, Error> {
        Ok(Assembler(match &self.form {
            Encoding::Ipc(encoder) => Assembly::Ipc(encoder.assembler(&self.schema)),
            Encoding::Parquet(encoder) => Assembly::Parquet(encoder.assembler()?),
        }))
    }

    /// A message of another schema would be read as what it is not.
    fn check(&self, batch: &RecordBatch) -> Result<(), Error> {
        if batch.schema_ref().fields() == self.schema.fields() {
            return Ok(());
        }
        Err(internal("a batch that has not the schema of its file"))
    }
}

/// A batch as a piece of a file.
pub struct Encoded {
    rows: usize,
    piece: Option<Piece>,
}

enum Piece {
    Message(ipc::Message),
    RowGroup(Vec<ArrowColumnChunk>),
}

impl Encoded {
    /// How many rows the batch had.
    #[must_use]
    pub fn rows(&self) -> usize {
        self.rows
    }

    /// How many bytes it adds to the file, not counting its entry in the footer.
    #[must_use]
    pub fn bytes(&self) -> usize {
        match &self.piece {
            None => 0,
            Some(Piece::Message(message)) => message.bytes(),
            Some(Piece::RowGroup(chunks)) => parquet::bytes(chunks),
        }
    }
}

impl fmt::Debug for Encoded {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Encoded({} rows, {} bytes)", self.rows, self.bytes())
    }
}

/// Puts encoded batches together to a file.
///
/// [`start`](Self::start), then [`append`](Self::append) for each batch in the order of the rows,
/// then [`finish`](Self::finish). Each of them adds bytes to the end of `out`, which must be
/// written in this order; how often `out` is emptied in between makes no difference. A file to
/// which nothing was appended is a valid file with a schema and no rows.
pub struct Assembler(Assembly);

enum Assembly {
    Ipc(ipc::Assembler),
    Parquet(parquet::Assembler),
}

impl Assembler {
    /// Adds what comes before the first batch.
    ///
    /// # Errors
    ///
    /// `OutOfMemory`.
    pub fn start(&mut self, out: &mut Vec<u8>) -> Result<(), Error> {
        match &mut self.0 {
            Assembly::Ipc(assembler) => assembler.start(out),
            Assembly::Parquet(assembler) => assembler.start(out),
        }
    }

    /// Adds a batch.
    ///
    /// # Errors
    ///
    /// `OutOfMemory`; `Internal` if the batch was encoded for another form; `Usage` if a Parquet
    /// file would get more row groups than the 32,767 that it can count.
    pub fn append(&mut self, encoded: Encoded, out: &mut Vec<u8>) -> Result<(), Error> {
        match (&mut self.0, encoded.piece) {
            (_, None) => Ok(()),
            (Assembly::Ipc(assembler), Some(Piece::Message(message))) => {
                assembler.append(message, out)
            }
            (Assembly::Parquet(assembler), Some(Piece::RowGroup(chunks))) => {
                assembler.append(chunks, out)
            }
            _ => Err(internal("a batch that was encoded for another form of file")),
        }
    }

    /// Adds what comes after the last batch.
    ///
    /// # Errors
    ///
    /// `OutOfMemory`, `Internal`.
    pub fn finish(self, out: &mut Vec<u8>) -> Result<(), Error> {
        match self.0 {
            Assembly::Ipc(assembler) => assembler.finish(out),
            Assembly::Parquet(assembler) => assembler.finish(out),
        }
    }
}

impl fmt::Debug for Assembler {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Assembler")
    }
}

/// Dictionaries would tie the batches of a file to one another; raftfast makes none.
fn refuse_dictionaries(schema: &Schema) -> Result<(), Error> {
    let fields = schema.flattened_fields();
    let found = fields.iter().find(|field| matches!(field.data_type(), DataType::Dictionary(..)));
    found.map_or(Ok(()), |field| {
        Err(Error::usage(format!("column '{}' is a dictionary; make it text", field.name())))
    })
}

fn internal(what: impl fmt::Display) -> Error {
    Error::from(ErrorKind::Internal(what.to_string()))
}

/// Adds bytes to the end of others.
fn add(out: &mut Vec<u8>, bytes: &[u8]) -> Result<(), Error> {
    out.try_reserve(bytes.len())?;
    out.extend_from_slice(bytes);
    Ok(())
}
