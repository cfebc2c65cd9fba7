//! Columns of strings.

use arrow_array::OffsetSizeTrait;

use super::column::{Column, misfit};
use crate::arrays::Strings;
use crate::error::Error;
use crate::record::Record;
use crate::shape::plan;
use crate::shape::tree::{Node, Part};
use crate::text::Text;

/// Adds a part of a text to the string under construction.
pub(super) fn append<O: OffsetSizeTrait>(
    strings: &mut Strings<O>,
    part: &Part,
    record: &Record<'_>,
) -> Result<(), Error> {
    match part {
        Part::Literal(text) => strings.append(Text::Plain(text)),
        // Labels and spans stand in segments, which have a column of their own.
        Part::Label(_) | Part::Spans(..) | Part::Cut => Ok(()),
        Part::Field(source) => source.text(record).map_or(Ok(()), |text| strings.append(text)),
        Part::Json(source) => {
            let told = plan::tell(record.value(source.slot), |text| strings.append(text));
            told.unwrap_or(Ok(()))
        }
        Part::Own(source, text) => match record.own(source.slot) {
            Some(_) => source.text(record).map_or(Ok(()), |text| strings.append(text)),
            None => strings.append(Text::Plain(text)),
        },
        Part::Choice { condition, then, otherwise } => {
            append_all(strings, if condition.holds(record) { then } else { otherwise }, record)
        }
        Part::Each { list, single, many } => match record.list(*list) {
            None => append_all(strings, single, record),
            Some(mut entries) => entries.try_for_each(|entry| append_all(strings, many, &entry)),
        },
    }
}

fn append_all<O: OffsetSizeTrait>(
    strings: &mut Strings<O>,
    parts: &[Part],
    record: &Record<'_>,
) -> Result<(), Error> {
    parts.iter().try_for_each(|part| append(strings, part, record))
}

impl<O: OffsetSizeTrait> Column for Strings<O> {
    fn push_value(&mut self, node: &Node, record: &Record<'_>) -> Result<(), Error> {
        self.begin()?;
        match node {
            Node::Text(parts) => {
                append_all(self, parts, record)?;
                self.close(true)
            }
            Node::Field(source) => match source.text(record) {
                Some(text) => self.append(text).and_then(|()| self.close(true)),
                None => self.close(false),
            },
            other => Err(misfit(other, "strings")),
        }
    }
}
