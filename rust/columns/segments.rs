//! Columns of segments: lists of texts, each with whether it is trained on.

use std::convert::Infallible;

use arrow_array::{ArrayRef, BooleanArray, ListArray, OffsetSizeTrait, StructArray};
use arrow_schema::{DataType, FieldRef, Fields};

use super::column::{Column, misfit};
use super::strings;
use crate::arrays::{Bits, Growing, Offsets, Strings, Validity, made};
use crate::error::Error;
use crate::mask::Cutter;
use crate::record::Record;
use crate::shape::plan::Source;
use crate::shape::tree::{Node, Part};

/// The column of segments of a type, if it is one of segments.
pub(super) fn column(data_type: &DataType) -> Option<Box<dyn Column>> {
    let DataType::List(element) = data_type else { return None };
    let DataType::Struct(members) = element.data_type() else { return None };
    match members.get(1)?.data_type() {
        DataType::Utf8 => Some(Box::new(Segments::<i32>::new(element, members))),
        DataType::LargeUtf8 => Some(Box::new(Segments::<i64>::new(element, members))),
        _ => None,
    }
}

/// A column of lists of segments.
#[derive(Debug)]
struct Segments<O> {
    element: FieldRef,
    members: Fields,
    labels: Bits,
    texts: Strings<O>,
    offsets: Offsets<i32>,
    validity: Validity,
    /// Whether the segment under construction is trained on.
    trained: bool,
}

impl<O: OffsetSizeTrait> Segments<O> {
    fn new(element: &FieldRef, members: &Fields) -> Self {
        Self {
            element: element.clone(),
            members: members.clone(),
            labels: Bits::default(),
            texts: Strings::default(),
            offsets: Offsets::default(),
            validity: Validity::default(),
            trained: false,
        }
    }

    fn append(&mut self, part: &Part, record: &Record<'_>) -> Result<(), Error> {
        match part {
            Part::Label(trained) => self.begin(*trained),
            Part::Spans(source, cutter) => self.append_spans(source, cutter, record),
            Part::Choice { condition, then, otherwise } => {
                self.append_all(if condition.holds(record) { then } else { otherwise }, record)
            }
            Part::Each { list, single, many } => match record.list(*list) {
                None => self.append_all(single, record),
                Some(mut entries) => entries.try_for_each(|entry| self.append_all(many, &entry)),
            },
            text => strings::append(&mut self.texts, text, record),
        }
    }

    fn append_all(&mut self, parts: &[Part], record: &Record<'_>) -> Result<(), Error> {
        parts.iter().try_for_each(|part| self.append(part, record))
    }

    fn append_spans(
        &mut self,
        source: &Source,
        cutter: &Cutter,
        record: &Record<'_>,
    ) -> Result<(), Error> {
        let Some(text) = source.text(record) else { return Ok(()) };
        cutter.cut(text, |trained, part| {
            if trained != self.trained {
                self.begin(trained)?;
            }
            self.texts.append(part)
        })
    }

    /// Ends the segment before, unless it is empty, and begins another one.
    fn begin(&mut self, trained: bool) -> Result<(), Error> {
        if self.texts.has_begun() {
            self.texts.close(true)?;
            self.labels.push(self.trained)?;
        }
        self.trained = trained;
        Ok(())
    }

    fn close(&mut self, valid: bool) -> Result<(), Error> {
        self.offsets.push(self.labels.len())?;
        self.validity.push(valid)
    }
}

impl<O: OffsetSizeTrait> Column for Segments<O> {
    fn push_value(&mut self, node: &Node, record: &Record<'_>) -> Result<(), Error> {
        let Node::Segments(parts) = node else { return Err(misfit(node, "segments")) };
        self.trained = false;
        self.append_all(parts, record)?;
        self.begin(false)?;
        self.close(true)
    }
}

impl<O: OffsetSizeTrait> Growing for Segments<O> {
    fn push_null(&mut self) -> Result<(), Error> {
        self.close(false)
    }

    fn len(&self) -> usize {
        self.validity.len()
    }

    fn bytes(&self) -> usize {
        self.labels.bytes() + self.texts.bytes() + self.offsets.bytes() + self.validity.bytes()
    }

    fn truncate(&mut self, rows: usize) {
        self.validity.truncate(rows);
        let segments = self.offsets.truncate(rows);
        self.labels.truncate(segments);
        self.texts.truncate(segments);
    }

    fn finish(&mut self) -> Result<ArrayRef, Error> {
        let (labels, texts) = (BooleanArray::new(self.labels.finish(), None), self.texts.finish()?);
        let columns = vec![made(Ok::<_, Infallible>(labels))?, texts];
        let segments = made(StructArray::try_new(self.members.clone(), columns, None))?;
        let (element, offsets) = (self.element.clone(), self.offsets.finish());
        made(ListArray::try_new(element, offsets, segments, self.validity.finish()))
    }

    fn refill(&mut self, spare: &mut Vec<Vec<u8>>) {
        self.texts.refill(spare);
    }
}
