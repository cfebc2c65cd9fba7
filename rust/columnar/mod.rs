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
//! let mut assembler = encoder.assembler()?;
//! let mut file = assembler.start()?;
//! let (encoded, _memory) = encoder.encode(batch)?;
//! assembler.append(encoded)?.iter().for_each(|bytes| file.extend(bytes));
//! file.extend(assembler.finish()?);
//! assert!(file.starts_with(b"ARROW1") && file.ends_with(b"ARROW1"));
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod ipc;
mod parquet;
mod seconds;

use std::fmt;

use ::parquet::arrow::arrow_writer::ArrowColumnChunk;
use arrow_array::{Array, RecordBatch};
use arrow_buffer::Buffer;
use arrow_data::ArrayData;
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

    /// Whether the large buffers of a batch become a part of what it is encoded to.
    #[must_use]
    pub fn moves(&self) -> bool {
        matches!(&self.form, Encoding::Ipc(encoder) if !encoder.compresses())
    }

    /// The schema of the batches.
    #[must_use]
    pub fn schema(&self) -> &SchemaRef {
        &self.schema
    }

    /// Encodes a batch, and gives the memory of its columns that is not part of what it is encoded to. A
    /// batch without rows becomes nothing at all.
    ///
    /// # Errors
    ///
    /// `Internal` if the batch has not the schema of the encoder, `OutOfMemory`.
    pub fn encode(&self, batch: RecordBatch) -> Result<(Encoded, Vec<Vec<u8>>), Error> {
        self.check(&batch)?;
        let rows = batch.num_rows();
        if rows == 0 {
            return Ok((Encoded { rows, piece: None }, Vec::new()));
        }
        let (piece, memory) = match &self.form {
            Encoding::Ipc(encoder) => {
                let message = encoder.encode(&batch)?;
                let memory = memory_of(batch);
                (Piece::Message(ipc::Message::new(message)?), memory)
            }
            Encoding::Parquet(encoder) => {
                let chunks = encoder.encode(&batch)?;
                (Piece::RowGroup(chunks), memory_of(batch))
            }
        };
        Ok((Encoded { rows, piece: Some(piece) }, memory))
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
/// then [`finish`](Self::finish). Each of them gives the bytes that come next. A file to which nothing was
/// appended is a valid file with a schema and no rows.
pub struct Assembler(Assembly);

enum Assembly {
    Ipc(ipc::Assembler),
    Parquet(parquet::Assembler),
}

impl Assembler {
    /// Gives what comes before the first batch.
    ///
    /// # Errors
    ///
    /// `OutOfMemory`.
    pub fn start(&mut self) -> Result<Vec<u8>, Error> {
        match &mut self.0 {
            Assembly::Ipc(assembler) => assembler.start(),
            Assembly::Parquet(assembler) => assembler.start(),
        }
    }

    /// Gives the bytes of a batch, in pieces that need not be copied.
    ///
    /// # Errors
    ///
    /// `OutOfMemory`; `Internal` if the batch was encoded for another form; `Usage` if a Parquet
    /// file would get more row groups than the 32,767 that it can count.
    pub fn append(&mut self, encoded: Encoded) -> Result<Vec<Vec<u8>>, Error> {
        match (&mut self.0, encoded.piece) {
            (_, None) => Ok(Vec::new()),
            (Assembly::Ipc(assembler), Some(Piece::Message(message))) => assembler.append(message),
            (Assembly::Parquet(assembler), Some(Piece::RowGroup(chunks))) => {
                assembler.append(chunks).map(|bytes| vec![bytes])
            }
            _ => Err(internal("a batch that was encoded for another form of file")),
        }
    }

    /// Gives what comes after the last batch.
    ///
    /// # Errors
    ///
    /// `OutOfMemory`, `Internal`.
    pub fn finish(self) -> Result<Vec<u8>, Error> {
        match self.0 {
            Assembly::Ipc(assembler) => assembler.finish(),
            Assembly::Parquet(assembler) => assembler.finish(),
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

/// Bytes from which on a buffer is worth to be kept or to be written from where it is.
pub(crate) const LARGE: usize = 64 << 10;

/// The large buffers of a batch that are nobody else's.
fn memory_of(batch: RecordBatch) -> Vec<Vec<u8>> {
    let mut buffers = Vec::new();
    batch.columns().iter().for_each(|column| add_buffers(&column.to_data(), &mut buffers));
    drop(batch);
    buffers.into_iter().filter_map(|buffer| buffer.into_vec().ok()).collect()
}

fn add_buffers(array: &ArrayData, buffers: &mut Vec<Buffer>) {
    buffers.extend(array.buffers().iter().filter(|buffer| buffer.len() >= LARGE).cloned());
    array.child_data().iter().for_each(|child| add_buffers(child, buffers));
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
