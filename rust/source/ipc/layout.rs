//! Where in a file the columns are: its schema and the headers of all its batches, read before the
//! first row, and checked against each other and against the length of the file.

use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;

use arrow_ipc::{Block, Endianness, Message, MessageHeader, MetadataVersion, Schema, Type};
use arrow_ipc::{RecordBatch, root_as_footer, root_as_message};
use arrow_schema::extension::EXTENSION_TYPE_NAME_KEY;

/// The first bytes of a file, and with its padding the place of its first message.
const MAGIC: &[u8; 6] = b"ARROW1";
const FIRST_MESSAGE: u64 = 8;
/// The marker of a message.
const MARKER: [u8; 4] = [0xff; 4];
/// Bytes between the last batch and the footer at most: the mark of an end, and what fills up to 64.
const BEFORE_FOOTER: u64 = 128;
/// The longest header or footer that is read: of a file with a million batches.
const LONGEST: u64 = 64 << 20;
/// Fields that may stand inside one another.
const MAX_DEPTH: usize = 64;

/// What a file holds.
#[derive(Debug)]
pub(super) struct Layout {
    pub(super) fields: Vec<Field>,
    pub(super) batches: Vec<Batch>,
}

/// A column at the top level.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Field {
    pub(super) name: String,
    pub(super) kind: Kind,
    /// Whether it is of objects that start with an array of strings.
    pub(super) is_flat: bool,
    pub(super) place: Place,
}

/// What a column is made of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// Strings with offsets of 32 bits.
    Strings,
    /// Strings with offsets of 64 bits.
    LargeStrings,
    /// Anything else.
    Other,
}

impl Kind {
    /// Bytes of an offset.
    pub(super) fn width(self) -> u64 {
        if self == Self::LargeStrings { 8 } else { 4 }
    }
}

/// Where in the lists of a batch a column begins.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Place {
    kind: Option<Kind>,
    node: usize,
    buffer: usize,
}

/// A batch, as its header describes it.
#[derive(Debug)]
pub(super) struct Batch {
    rows: u64,
    /// Rows and nulls of each node.
    nodes: Vec<(i64, i64)>,
    /// Each within the file.
    buffers: Vec<Extent>,
}

/// Bytes of a file.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Extent {
    pub(super) start: u64,
    pub(super) length: u64,
}

/// A column of strings of one batch.
#[derive(Clone, Copy, Debug)]
pub(super) struct Column {
    pub(super) kind: Kind,
    pub(super) rows: u64,
    /// A bit for each row, if one of them is null.
    pub(super) validity: Option<Extent>,
    pub(super) offsets: Extent,
    pub(super) values: Extent,
}

impl Batch {
    /// The columns at these places, if their buffers are long enough for the rows.
    pub(super) fn columns(&self, places: &[Place]) -> Option<Vec<Column>> {
        places.iter().map(|place| self.column(*place)).collect()
    }

    fn column(&self, place: Place) -> Option<Column> {
        let kind = place.kind?;
        let (rows, nulls) = *self.nodes.get(place.node)?;
        let [validity, offsets, values] = *self.buffers.get(place.buffer..)?.first_chunk()?;
        let fits = u64::try_from(rows) == Ok(self.rows)
            && (nulls <= 0 || validity.length >= self.rows.div_ceil(8))
            && (self.rows == 0 || offsets.length / kind.width() > self.rows);
        let validity = (nulls > 0).then_some(validity);
        fits.then_some(Column { kind, rows: self.rows, validity, offsets, values })
    }
}

impl Layout {
    /// Reads all headers; gives nothing if something in them is not plain or not right.
    pub(super) fn of(file: &File) -> io::Result<Option<Self>> {
        let Some(metadata) = Some(file.metadata()?).filter(std::fs::Metadata::is_file) else {
            return Ok(None);
        };
        let source = Source { file, length: metadata.len() };
        match source.bytes(0, MAGIC.len() as u64)? {
            Some(start) if start == MAGIC => source.file(),
            Some(_) => source.stream(),
            None => Ok(None),
        }
    }

    /// Whether a file that has a footer is one that this is the footer of, and not several, one after the
    /// other: then the last one tells of places in itself. What has no footer is left to others.
    pub(super) fn is_one_file(file: &File) -> io::Result<bool> {
        Source { file, length: file.metadata()?.len() }.is_one_file()
    }

    fn new(schema: Schema<'_>) -> Option<(Self, Place)> {
        if schema.endianness() != Endianness::Little {
            return None;
        }
        let (mut next, mut fields) = (Place::default(), Vec::new());
        for field in schema.fields()? {
            let kind = match field.type_type() {
                Type::Utf8 => Kind::Strings,
                Type::LargeUtf8 => Kind::LargeStrings,
                _ => Kind::Other,
            };
            let place = Place { kind: Some(kind), ..next };
            let (name, is_flat) = (field.name()?.to_owned(), is_flat(field));
            fields.push(Field { name, kind, is_flat, place });
            next.pass(field, MAX_DEPTH)?;
        }
        (!fields.is_empty()).then_some((Self { fields, batches: Vec::new() }, next))
    }
}

impl Place {
    /// Moves on by what a field and those within take, if that is known.
    fn pass(&mut self, field: arrow_ipc::Field<'_>, depth: usize) -> Option<()> {
        if field.dictionary().is_some() || is_extension(field) {
            return None;
        }
        let buffers = match field.type_type() {
            Type::Null => 0,
            Type::Struct_ | Type::FixedSizeList => 1,
            Type::Bool
            | Type::Int
            | Type::FloatingPoint
            | Type::Decimal
            | Type::Date
            | Type::Time
            | Type::Timestamp
            | Type::Duration
            | Type::Interval
            | Type::FixedSizeBinary
            | Type::List
            | Type::LargeList
            | Type::Map => 2,
            Type::Utf8 | Type::LargeUtf8 | Type::Binary | Type::LargeBinary => 3,
            _ => return None,
        };
        self.node += 1;
        self.buffer += buffers;
        let depth = depth.checked_sub(1)?;
        field.children().into_iter().flatten().try_for_each(|child| self.pass(child, depth))
    }
}

/// Whether a field is of a type that Arrow itself does not know.
fn is_extension(field: arrow_ipc::Field<'_>) -> bool {
    let mut pairs = field.custom_metadata().into_iter().flatten();
    pairs.any(|pair| pair.key() == Some(EXTENSION_TYPE_NAME_KEY))
}

/// Whether a column is of objects that start with an array of strings.
fn is_flat(field: arrow_ipc::Field<'_>) -> bool {
    let Some(list) = Some(field).filter(|field| field.type_type() == Type::Struct_).and_then(first)
    else {
        return false;
    };
    let items = first(list).map(|items| items.type_type());
    matches!(list.type_type(), Type::List | Type::LargeList)
        && matches!(items, Some(Type::Utf8 | Type::LargeUtf8))
}

/// The first of the fields inside a field.
fn first(field: arrow_ipc::Field<'_>) -> Option<arrow_ipc::Field<'_>> {
    field.children()?.iter().next()
}

/// A file to read headers from.
struct Source<'a> {
    file: &'a File,
    length: u64,
}

/// A header, and where its body starts.
struct Header {
    bytes: Vec<u8>,
    body: u64,
}

impl Source<'_> {
    /// Reads by the footer.
    fn file(&self) -> io::Result<Option<Layout>> {
        let Some(footer) = self.footer()?.filter(|_| self.is_one_file().is_ok_and(|one| one))
        else {
            return Ok(None);
        };
        let Ok(footer) = root_as_footer(&footer) else { return Ok(None) };
        let Some((mut layout, end)) = footer.schema().and_then(Layout::new) else {
            return Ok(None);
        };
        if footer.dictionaries().is_some_and(|blocks| !blocks.is_empty()) {
            return Ok(None);
        }
        // One after the other, as they are written: a footer may name one batch a million times.
        let mut at = FIRST_MESSAGE;
        for block in footer.recordBatches().into_iter().flatten() {
            let start = u64::try_from(block.offset()).unwrap_or(0);
            let header = if start < at { None } else { self.header(start)? };
            let Some((batch, next)) = header.and_then(|header| self.batch(&header, end)) else {
                return Ok(None);
            };
            layout.batches.push(batch);
            at = next;
        }
        Ok(Some(layout))
    }

    fn is_one_file(&self) -> io::Result<bool> {
        let Some(bytes) = self.footer()? else { return Ok(true) };
        let Ok(footer) = root_as_footer(&bytes) else { return Ok(true) };
        let blocks = footer.dictionaries().into_iter().chain(footer.recordBatches()).flatten();
        let end = |block: &Block| {
            let length = i64::from(block.metaDataLength()).checked_add(block.bodyLength())?;
            u64::try_from(block.offset().checked_add(length)?).ok()
        };
        let Some(ends) = blocks.map(end).collect::<Option<Vec<_>>>() else { return Ok(true) };
        let last = match ends.into_iter().max() {
            Some(last) => Some(last),
            // Of a schema alone. Polars writes files without rows that have no message of it.
            None if self.bytes(FIRST_MESSAGE, 4)?.is_some_and(|first| first == MARKER) => {
                self.header(FIRST_MESSAGE)?.map(|header| header.body)
            }
            None => None,
        };
        let rest = self.length - 10 - bytes.len() as u64;
        Ok(last.is_none_or(|last| rest <= last.saturating_add(BEFORE_FOOTER)))
    }

    fn footer(&self) -> io::Result<Option<Vec<u8>>> {
        let Some(start) = self.length.checked_sub(10) else { return Ok(None) };
        let Some(tail) = self.bytes(start, 10)? else { return Ok(None) };
        let Some((length, word)) = tail.split_first_chunk() else { return Ok(None) };
        let length = u64::from(u32::from_le_bytes(*length));
        match start.checked_sub(length) {
            Some(start) if word == MAGIC && length <= LONGEST => self.bytes(start, length),
            _ => Ok(None),
        }
    }

    /// Reads message by message. Only the mark at the end of the file ends it.
    fn stream(&self) -> io::Result<Option<Layout>> {
        let Some(header) = self.header(0)? else { return Ok(None) };
        let schema = message(&header.bytes).and_then(|message| message.header_as_schema());
        let Some((mut layout, end)) = schema.and_then(Layout::new) else { return Ok(None) };
        let mut at = header.body;
        loop {
            let rest = self.length.saturating_sub(at);
            if rest <= 8 {
                let mark: &[u8] =
                    if rest == 8 { &[255, 255, 255, 255, 0, 0, 0, 0] } else { &[0; 4] };
                return Ok(self.bytes(at, rest)?.filter(|rest| rest == mark).map(|_| layout));
            }
            let header = self.header(at)?;
            let Some((batch, next)) = header.and_then(|header| self.batch(&header, end)) else {
                return Ok(None);
            };
            layout.batches.push(batch);
            at = next;
        }
    }

    /// The header of the message that starts here.
    fn header(&self, start: u64) -> io::Result<Option<Header>> {
        let Some(prefix) = self.bytes(start, 8)? else { return Ok(None) };
        let (first, second) = prefix.split_at(4);
        let (length, prefix) = if first == MARKER { (second, 8) } else { (first, 4) };
        let length = length.iter().rev().fold(0, |length, &byte| length << 8 | u64::from(byte));
        let start = start + prefix;
        let bytes = if (1..=LONGEST).contains(&length) { self.bytes(start, length)? } else { None };
        Ok(bytes.map(|bytes| Header { bytes, body: start + length }))
    }

    /// A batch, and where its body ends; `all` is how many nodes and buffers its columns have.
    fn batch(&self, header: &Header, all: Place) -> Option<(Batch, u64)> {
        let message = message(&header.bytes)?;
        let length = u64::try_from(message.bodyLength()).ok()?;
        let end = header.body.checked_add(length).filter(|&end| end <= self.length)?;
        let batch =
            message.header_as_record_batch().filter(|batch| batch.compression().is_none())?;
        let nodes = batch.nodes()?.iter().map(|node| (node.length(), node.null_count()));
        let nodes: Vec<_> = nodes.collect();
        let buffers = buffers(batch, header.body, length)?;
        let rows = u64::try_from(batch.length()).ok()?;
        let whole = nodes.len() == all.node && buffers.len() == all.buffer;
        whole.then_some((Batch { rows, nodes, buffers }, end))
    }

    /// Bytes of the file, if it has them.
    fn bytes(&self, start: u64, length: u64) -> io::Result<Option<Vec<u8>>> {
        if start.checked_add(length).is_none_or(|end| end > self.length) {
            return Ok(None);
        }
        let length = usize::try_from(length).unwrap_or_default();
        let mut bytes = Vec::new();
        bytes.try_reserve_exact(length)?;
        bytes.resize(length, 0);
        self.file.read_exact_at(&mut bytes, start)?;
        Ok(Some(bytes))
    }
}

/// A message that is laid out as this reader knows it.
fn message(header: &[u8]) -> Option<Message<'_>> {
    let message = root_as_message(header).ok()?;
    let known = matches!(message.version(), MetadataVersion::V4 | MetadataVersion::V5);
    let wanted =
        matches!(message.header_type(), MessageHeader::Schema | MessageHeader::RecordBatch);
    (known && wanted).then_some(message)
}

/// The buffers of a batch, all of which lie in its body.
fn buffers(batch: RecordBatch<'_>, body: u64, body_length: u64) -> Option<Vec<Extent>> {
    let extent = |buffer: &arrow_ipc::Buffer| {
        let start = u64::try_from(buffer.offset()).ok()?;
        let length = u64::try_from(buffer.length()).ok()?;
        let inside = start.checked_add(length)? <= body_length;
        inside.then_some(Extent { start: body + start, length })
    };
    batch.buffers()?.iter().map(extent).collect()
}
