//! Arrow IPC: messages, one after the other, and for a file a footer that says where they are.
//!
//! The [format](https://arrow.apache.org/docs/format/Columnar.html) in short: a message is a
//! marker of four bytes, the length of its header, the header, and the body; each is padded to the
//! alignment. The first message is the schema. A stream ends with a header of length 0. A file is
//! a stream between two magic words, with a footer before the second one.

use arrow_array::RecordBatch;
use arrow_buffer::Buffer;
use arrow_ipc::convert::IpcSchemaEncoder;
use arrow_ipc::writer::{IpcWriteOptions, StreamEncoder};
use arrow_ipc::{Block, CompressionType, FooterBuilder, MetadataVersion};
use arrow_schema::{ArrowError, SchemaRef};

use super::{Codec, LARGE, add, internal};
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
    compresses: bool,
    /// The message of the schema.
    head: Vec<u8>,
}

impl Encoder {
    pub(super) fn new(footer: bool, codec: Codec, schema: &SchemaRef) -> Result<Self, Error> {
        let (options, compresses) = (options(codec)?, codec != Codec::None);
        let mut encoder =
            Self { footer, schema: schema.clone(), options, compresses, head: Vec::new() };
        let end_of_stream = encoder.stream()?.finish().map_err(internal)?;
        end_of_stream.iter().try_for_each(|bytes| add(&mut encoder.head, bytes))?;
        encoder.head.truncate(encoder.head.len() - END.len());
        Ok(encoder)
    }

    /// The message of a batch, whose large buffers are not copied.
    ///
    /// Each batch has a stream of its own: it costs a message of some hundred bytes for the 16 MiB of a
    /// batch, and nothing else that `arrow_ipc` makes public leaves the buffers where they are.
    pub(super) fn encode(&self, batch: &RecordBatch) -> Result<Vec<Buffer>, Error> {
        let mut bytes = self.stream()?.encode(batch).map_err(internal)?;
        let mut head = self.head.len();
        bytes.retain(|bytes| {
            let is_head = head > 0;
            head = head.saturating_sub(bytes.len());
            !is_head
        });
        Ok(bytes)
    }

    pub(super) fn compresses(&self) -> bool {
        self.compresses
    }

    fn stream(&self) -> Result<StreamEncoder, Error> {
        StreamEncoder::try_new_with_options(&self.schema, self.options.clone())
            .map_err(|error| Error::usage(format!("Arrow files cannot hold this: {error}")))
    }

    pub(super) fn assembler(&self, schema: &SchemaRef) -> Assembler {
        let footer = self.footer.then(|| Footer { schema: schema.clone(), blocks: Vec::new() });
        Assembler { head: self.head.clone(), footer, written: 0 }
    }
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
    pieces: Vec<Vec<u8>>,
    /// How many of the bytes come before the body.
    header: usize,
}

impl Message {
    /// A message of these bytes, in which the header comes first. Large buffers are taken as they are, if
    /// nobody else holds them.
    pub(super) fn new(buffers: Vec<Buffer>) -> Result<Self, Error> {
        let length = buffers.first().and_then(|prefix| prefix.get(4..PREFIX)?.try_into().ok());
        let length: [u8; 4] = length.ok_or_else(|| internal("a message without a header"))?;
        let header = usize::try_from(i32::from_le_bytes(length)).map_err(internal)? + PREFIX;
        Ok(Self { pieces: pieces(buffers)?, header })
    }

    pub(super) fn bytes(&self) -> usize {
        self.pieces.iter().map(Vec::len).sum()
    }

    /// Its entry in the footer.
    fn block(&self, offset: usize) -> Result<Block, Error> {
        let body = self.bytes() - self.header;
        Ok(Block::new(
            offset.try_into().map_err(internal)?,
            self.header.try_into().map_err(internal)?,
            body.try_into().map_err(internal)?,
        ))
    }
}

/// Buffers one after the other, of which those that are not large are put together.
fn pieces(buffers: Vec<Buffer>) -> Result<Vec<Vec<u8>>, Error> {
    let (mut pieces, mut small) = (Vec::new(), Vec::new());
    for buffer in buffers {
        match if buffer.len() < LARGE { Err(buffer) } else { buffer.into_vec() } {
            Ok(large) => pieces.extend([std::mem::take(&mut small), large]),
            Err(bytes) => add(&mut small, &bytes)?,
        }
    }
    pieces.push(small);
    pieces.retain(|piece| !piece.is_empty());
    Ok(pieces)
}

pub(super) struct Assembler {
    head: Vec<u8>,
    /// What a file has and a stream has not.
    footer: Option<Footer>,
    /// How many bytes the file has so far.
    written: usize,
}

impl Assembler {
    pub(super) fn start(&mut self) -> Result<Vec<u8>, Error> {
        let mut out = Vec::new();
        if self.footer.is_some() {
            add(&mut out, &MAGIC)?;
        }
        add(&mut out, &self.head)?;
        self.written = out.len();
        Ok(out)
    }

    pub(super) fn append(&mut self, message: Message) -> Result<Vec<Vec<u8>>, Error> {
        if let Some(footer) = &mut self.footer {
            footer.blocks.try_reserve(1)?;
            footer.blocks.push(message.block(self.written)?);
        }
        self.written += message.bytes();
        Ok(message.pieces)
    }

    pub(super) fn finish(self) -> Result<Vec<u8>, Error> {
        let mut out = Vec::new();
        add(&mut out, &END)?;
        self.footer.map_or(Ok(()), |footer| footer.write(&mut out))?;
        Ok(out)
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
