//! The Arrow schema of a target's rows.

use std::collections::HashMap;

use arrow_schema::{DataType, Schema};

use super::features::{FEATURES_KEY, features};
use super::types::Types;
use crate::error::{Error, ErrorKind};
use crate::record::Field;
use crate::scan::MAX_KEYS;
use crate::shape::Shape;
use crate::shape::tree::Node;

/// What is known of the records before the first of them becomes a row.
///
/// By default nothing is, and batches are small.
#[derive(Clone, Copy, Debug)]
pub struct Known<'a> {
    /// Fields that are in no record: what is written only where the record has one of them gets no
    /// column.
    pub absent: &'a [Field],
    /// The columns of whole records, for shapes that need a survey.
    pub records: Option<&'a Schema>,
    /// Bytes of input from which the lines of one batch start.
    pub portion_bytes: usize,
    /// Bytes of the longest record that is taken.
    pub record_bytes: usize,
    /// The name of a list's elements: `item`, as Arrow libraries have it, unless `element` is
    /// asked for, as Parquet has it.
    pub element: &'a str,
}

impl Default for Known<'_> {
    fn default() -> Self {
        Self { absent: &[], records: None, portion_bytes: 0, record_bytes: 0, element: "item" }
    }
}

impl Shape {
    /// Whether the columns depend on the types of documents or whole records, which only the data
    /// knows.
    #[must_use]
    pub fn columns_need_survey(&self) -> bool {
        needs_survey(self.tree())
    }

    /// The schema of the rows, with the features that `datasets` reads in its metadata.
    ///
    /// Strings are utf8, or all of them `large_utf8` if one batch could hold 2 GiB or more of one
    /// column.
    ///
    /// # Errors
    ///
    /// A usage error if the row is not an object or if one column would hold several types; an
    /// internal one if the columns need a survey and none was made.
    pub fn schema(&self, known: &Known<'_>) -> Result<Schema, Error> {
        if self.columns_need_survey() && known.records.is_none() {
            let message = format!("the columns of target {} need a survey", self.name());
            return Err(Error::from(ErrorKind::Internal(message)));
        }
        let wrong = |message: String| Error::usage(format!("target {}: {message}", self.name()));
        let text = if self.may_be_large(known) { DataType::LargeUtf8 } else { DataType::Utf8 };
        let &Known { absent, records, element, .. } = known;
        let types = Types { fields: self.fields(), absent, records, text, element };
        match (self.tree().as_ref(), types.of(self.tree()).map_err(wrong)?) {
            (Node::Object(_) | Node::Record, DataType::Struct(fields)) => {
                let schema = Schema::new(fields);
                let metadata = HashMap::from([(FEATURES_KEY.to_owned(), features(&schema))]);
                Ok(schema.with_metadata(metadata))
            }
            _ => Err(wrong("the row is not an object, so it has no columns".to_owned())),
        }
    }

    /// Whether a column could hold 2 GiB or more in one batch: a field as often as the row uses it,
    /// and what the target itself writes in every row.
    fn may_be_large(&self, known: &Known<'_>) -> bool {
        let input = known.portion_bytes.saturating_add(known.record_bytes);
        let fields = input.saturating_mul(most_uses(self.tree(), self.fields().len()));
        let rows = known.portion_bytes / self.least_record_bytes() + 1;
        let literals = rows.saturating_mul(literal_bytes(self.tree()));
        fields.saturating_add(literals) > i32::MAX as usize
    }

    /// Bytes of the shortest line that becomes a row: braces, the fields that it must have, and the
    /// line end.
    fn least_record_bytes(&self) -> usize {
        let member = |field: &Field| field.name().len() + br#""":"x","#.len();
        b"{}\n".len() + self.needs().iter().map(member).sum::<usize>().saturating_sub(1)
    }
}

fn needs_survey(node: &Node) -> bool {
    matches!(node, Node::Json(slot) if *slot < MAX_KEYS)
        || matches!(node, Node::Record)
        || node.children().into_iter().any(needs_survey)
}

/// How often the row uses the field that it uses most; the whole record is one of them all.
fn most_uses(tree: &Node, fields: usize) -> usize {
    let mut uses = vec![0; fields + 1];
    count_uses(tree, &mut uses);
    uses.into_iter().max().unwrap_or(0)
}

fn count_uses(node: &Node, uses: &mut [usize]) {
    let count = |slot: usize, uses: &mut [usize]| {
        uses.iter_mut().skip(slot).take(1).for_each(|uses| *uses += 1);
    };
    match node {
        Node::Json(slot) | Node::Value(slot) => count(*slot, uses),
        Node::Record => uses.iter_mut().for_each(|uses| *uses += 1),
        Node::Field(_) | Node::Text(_) | Node::Segments(_) => {
            node.texts().0.iter().for_each(|source| count(source.slot, uses));
        }
        _ => node.children().into_iter().for_each(|child| count_uses(child, uses)),
    }
}

/// Bytes of text that the target itself writes in a row.
fn literal_bytes(node: &Node) -> usize {
    match node {
        Node::Text(_) | Node::Segments(_) => node.texts().1,
        _ => node.children().into_iter().map(literal_bytes).sum(),
    }
}
