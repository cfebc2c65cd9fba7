//! Arrow IPC: messages, one after the other, and for a file a footer that says where they are.
//!
//! The [format](https://arrow.apache.org/docs/format/Columnar.html) in short: a message is a
//! marker of four bytes, the length of its header, the header, and the body; each is padded to the
//! alignment. The first message is the schema. A stream ends with a header of length 0. A file is
//! a stream between two magic words, with a footer before the second one.

use arrow_array::RecordBatch;
use arrow_ipc::convert::IpcSchemaEncoder;
use arrow_ipc::writer::{IpcWriteOptions, StreamWriter};
use arrow_ipc::{Block, CompressionType, FooterBuilder, MetadataVersion};
use arrow_schema::{ArrowError, Schema, SchemaRef};

use super::{Codec, add, internal};
use crate::error::Error;

/// The magic word, padded to the alignment that the writer uses by default, so that the buffers of
/// a mapped file are aligned in memory as well.
const MAGIC: [u8; 64] = {
    let mut padded = [0; 64];
    padded.split_at_mut(WORD.len()).0.copy_from_slice(WORD);
    padded
};
const WORD: &[u8; 6] = b"ARROW1";

/// A header of length 0.
const END: [u8; 8] = [0xff, 0xff, 0xff, 0xff, 0, 0, 0, 0];

/// The marker and the length.
const PREFIX: usize = 8;

#[derive(Debug)]
pub(super) struct Encoder {
    footer: bool,
    schema: SchemaRef,
    options: IpcWriteOptions,
    /// The message of the schema.
    head: Vec<u8>,
}

impl Encoder {
    pub(super) fn new(footer: bool, codec: Codec, schema: &SchemaRef) -> Result<Self, Error> {
        let options = options(codec)?;
        let head = std::mem::take(writer(Vec::new(), schema, &options)?.get_mut());
        Ok(Self { footer, schema: schema.clone(), options, head })
    }

    pub(super) fn encode(&self, batch: &RecordBatch, spare: Vec<u8>) -> Result<Message, Error> {
        let mut writer = writer(spare, &self.schema, &self.options)?;
        let bytes = writer.get_mut();
        bytes.clear();
        bytes.try_reserve(batch.get_array_memory_size())?;
        writer.write(batch).map_err(internal)?;
        Message::new(std::mem::take(writer.get_mut()))
    }

    pub(super) fn assembler(&self, schema: &SchemaRef) -> Assembler {
        let footer = self.footer.then(|| Footer { schema: schema.clone(), blocks: Vec::new() });
        Assembler { head: self.head.clone(), footer, written: 0 }
    }
}

/// A writer that has already written the schema.
///
/// Each batch gets its own: it costs a message of some hundred bytes for the 16 MiB of a batch, and
/// of all that `arrow_ipc` makes public only this lays out a body without a second copy of it.
fn writer(
    into: Vec<u8>,
    schema: &Schema,
    options: &IpcWriteOptions,
) -> Result<StreamWriter<Vec<u8>>, Error> {
    StreamWriter::try_new_with_options(into, schema, options.clone())
        .map_err(|error| Error::usage(format!("Arrow files cannot hold this: {error}")))
}

fn options(codec: Codec) -> Result<IpcWriteOptions, Error> {
    let (compression, level) = match codec {
        Codec::None => (None, None),
        Codec::Zstd(level) => (Some(CompressionType::ZSTD), Some(level)),
        Codec::Lz4 => (Some(CompressionType::LZ4_FRAME), None),
        Codec::Snappy => {
            return Err(Error::usage("Arrow files are compressed with zstd or lz4, not snappy"));
        }
    };
    let set = |options: IpcWriteOptions| -> Result<_, ArrowError> {
        options.try_with_compression(compression)?.try_with_compression_level(level)
    };
    set(IpcWriteOptions::default()).map_err(internal)
}

/// The message of a batch.
pub(super) struct Message {
    bytes: Vec<u8>,
    /// How many of them come before the body.
    header: usize,
}

impl Message {
    fn new(bytes: Vec<u8>) -> Result<Self, Error> {
        let length = bytes.get(4..PREFIX).and_then(|length| length.try_into().ok());
        let length: [u8; 4] = length.ok_or_else(|| internal("a message without a header"))?;
        let header = usize::try_from(i32::from_le_bytes(length)).map_err(internal)? + PREFIX;
        Ok(Self { bytes, header })
    }

    pub(super) fn bytes(&self) -> usize {
        self.bytes.len()
    }

    /// Its entry in the footer.
    fn block(&self, offset: usize) -> Result<Block, Error> {
        let body = self.bytes.len() - self.header;
        Ok(Block::new(
            offset.try_into().map_err(internal)?,
            self.header.try_into().map_err(internal)?,
            body.try_into().map_err(internal)?,
        ))
    }
}

pub(super) struct Assembler {
    head: Vec<u8>,
    /// What a file has and a stream has not.
    footer: Option<Footer>,
    /// How many bytes the file has so far.
    written: usize,
}

impl Assembler {
    pub(super) fn start(&mut self, out: &mut Vec<u8>) -> Result<(), Error> {
        if self.footer.is_some() {
            add(out, &MAGIC)?;
            self.written += MAGIC.len();
        }
        self.written += self.head.len();
        add(out, &self.head)
    }

    pub(super) fn append(&mut self, message: Message, out: &mut Vec<u8>) -> Result<(), Error> {
        if let Some(footer) = &mut self.footer {
            footer.blocks.try_reserve(1)?;
            footer.blocks.push(message.block(self.written)?);
        }
        self.written += message.bytes();
        if out.is_empty() {
            *out = message.bytes;
            return Ok(());
        }
        add(out, &message.bytes)
    }

    pub(super) fn finish(self, out: &mut Vec<u8>) -> Result<(), Error> {
        add(out, &END)?;
        self.footer.map_or(Ok(()), |footer| footer.write(out))
    }
}

struct Footer {
    schema: SchemaRef,
    /// Where the batches are.
    blocks: Vec<Block>,
}

impl Footer {
    fn write(&self, out: &mut Vec<u8>) -> Result<(), Error> {
        let mut encoder = IpcSchemaEncoder::new();
        // A builder of exactly the version that `arrow_ipc` uses.
        let mut builder = encoder.schema_to_fb(&self.schema);
        builder.reset();
        let schema = encoder.schema_to_fb_offset(&mut builder, &self.schema);
        let none = builder.create_vector::<Block>(&[]);
        let blocks = builder.create_vector(&self.blocks);
        let mut footer = FooterBuilder::new(&mut builder);
        footer.add_version(MetadataVersion::V5);
        footer.add_schema(schema);
        footer.add_dictionaries(none);
        footer.add_recordBatches(blocks);
        let root = footer.finish();
        builder.finish(root, None);
        let footer = builder.finished_data();
        add(out, footer)?;
        add(out, &i32::try_from(footer.len()).map_err(internal)?.to_le_bytes())?;
        add(out, WORD)
    }
}
