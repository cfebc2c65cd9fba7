//! The Arrow types of a row's values, and what becomes of two types in one place.

use std::sync::Arc;

use arrow_schema::{DataType, Field as Column, FieldRef, Fields, Schema};
use serde_json::Value as Json;

use crate::entries::Detail;
use crate::record::Field;
use crate::scan::MAX_KEYS;
use crate::shape::plan::{Condition, Source};
use crate::shape::tree::{Item, Node};

type Result<T> = std::result::Result<T, String>;

/// What the types of a row depend on besides the row.
pub(super) struct Types<'a> {
    /// The shape's fields, by their slots.
    pub fields: &'a [Field],
    /// Those that no record has.
    pub absent: &'a [Field],
    /// The columns of whole records.
    pub records: Option<&'a Schema>,
    /// The type of strings.
    pub text: DataType,
    /// The name of a list's elements.
    pub element: &'a str,
}

impl Types<'_> {
    /// The type of a value.
    pub(super) fn of(&self, node: &Node) -> Result<DataType> {
        match node {
            Node::Object(members) => Ok(DataType::Struct(self.members(members)?)),
            Node::Array(items) => self.array(items),
            Node::Text(_) | Node::Field(_) => Ok(self.text.clone()),
            Node::Json(slot) if Detail::is_number(*slot) => Ok(DataType::Int64),
            Node::Json(slot) => Ok(self.documents(*slot)),
            Node::Value(_) => {
                Err("'value' gives JSON of any type, and a column has one".to_owned())
            }
            Node::Segments(_) => Ok(self.segments()),
            Node::Record => Ok(DataType::Struct(self.record())),
            Node::Literal(scalar) => literal(scalar),
        }
    }

    /// The columns of an object.
    fn members(&self, members: &[(String, Item)]) -> Result<Fields> {
        let mut fields = Vec::new();
        for (name, item) in members {
            let nodes = self.possible(item);
            if !nodes.is_empty() {
                let data_type = self.common(nodes).map_err(|error| in_member(name, &error))?;
                fields.push(Column::new(name, data_type, true));
            }
        }
        Ok(fields.into())
    }

    /// The type of segments.
    fn segments(&self) -> DataType {
        let members = [("label", DataType::Boolean), ("text", self.text.clone())];
        let members = members.map(|(name, data_type)| Column::new(name, data_type, true));
        let segment = DataType::Struct(members.to_vec().into());
        DataType::List(Arc::new(Column::new(self.element, segment, true)))
    }

    fn array(&self, items: &[Item]) -> Result<DataType> {
        let nodes = items.iter().flat_map(|item| self.possible(item)).collect();
        Ok(DataType::List(Arc::new(Column::new(self.element, self.common(nodes)?, true))))
    }

    /// What an item can come to, given that some fields are in no record.
    fn possible<'n>(&self, item: &'n Item) -> Vec<&'n Node> {
        match item {
            Item::Choice { condition, otherwise, .. } if self.never(condition) => {
                otherwise.iter().flat_map(|item| self.possible(item)).collect()
            }
            Item::Choice { then, otherwise, .. } => [then, otherwise]
                .into_iter()
                .flatten()
                .flat_map(|item| self.possible(item))
                .collect(),
            // Columns are those of plain records, where there are any: what only some turns of some
            // dialects have is an error where it appears.
            Item::Each { single, many, .. } => {
                let items = if single.is_empty() { many } else { single };
                items.iter().flat_map(|item| self.possible(item)).collect()
            }
            Item::Always(node) => vec![node],
        }
    }

    /// Whether no record that columns are made for has something. Of what is JSON in a turn, or is told as
    /// JSON, nobody knows the type: there it is an error.
    fn never(&self, condition: &Condition) -> bool {
        match condition {
            Condition::Has(slot) | Condition::Truthy(slot) if *slot >= MAX_KEYS => {
                [Detail::ToolCalls, Detail::Weight].iter().any(|detail| detail.slot() == *slot)
            }
            Condition::Has(slot)
            | Condition::Truthy(slot)
            | Condition::Says(Source { slot, .. }) => {
                self.fields.get(*slot).is_some_and(|field| self.absent.contains(field))
            }
            Condition::Tells(_) => true,
            Condition::Own(..) | Condition::SaysOwn(..) | Condition::Is(..) => false,
        }
    }

    fn common(&self, nodes: Vec<&Node>) -> Result<DataType> {
        let segments = |node: &&Node| matches!(node, Node::Segments(_));
        if nodes.iter().any(segments) && !nodes.iter().all(segments) {
            return Err("a column cannot hold both segments and something else".to_owned());
        }
        let mut common = DataType::Null;
        for node in nodes {
            common = merged(&common, &self.of(node)?)?;
        }
        Ok(common)
    }

    fn documents(&self, slot: usize) -> DataType {
        let name = self.fields.get(slot).map_or("", |field| field.name());
        let column = self.records.and_then(|records| records.field_with_name(name).ok());
        column.map_or(DataType::Null, |column| self.adapted(column.data_type()))
    }

    /// The columns of whole records.
    fn record(&self) -> Fields {
        let fields = self.records.map(|records| records.fields().clone()).unwrap_or_default();
        self.all_adapted(&fields)
    }

    fn all_adapted(&self, fields: &Fields) -> Fields {
        fields.iter().map(|field| self.field(field, field.name())).collect()
    }

    fn field(&self, field: &Column, name: &str) -> FieldRef {
        Arc::new(Column::new(name, self.adapted(field.data_type()), true))
    }

    /// A type with this row's type of strings and name of elements, and values instead of references
    /// to a dictionary.
    fn adapted(&self, data_type: &DataType) -> DataType {
        match data_type {
            DataType::Utf8 | DataType::LargeUtf8 | DataType::Utf8View => self.text.clone(),
            DataType::Dictionary(_, value) => self.adapted(value),
            DataType::List(field) => DataType::List(self.field(field, self.element)),
            DataType::Struct(fields) => DataType::Struct(self.all_adapted(fields)),
            other => other.clone(),
        }
    }
}

fn in_member(name: &str, error: &str) -> String {
    format!("'{name}': {error}")
}

fn literal(scalar: &Json) -> Result<DataType> {
    match scalar {
        Json::Null => Ok(DataType::Null),
        Json::Bool(_) => Ok(DataType::Boolean),
        number if number.is_i64() => Ok(DataType::Int64),
        number if number.is_f64() => Ok(DataType::Float64),
        number => Err(format!("the number {number} is too large for a column")),
    }
}

/// The type that holds values of both: null goes with everything, and objects have the members of
/// both.
fn merged(one: &DataType, other: &DataType) -> Result<DataType> {
    match (one, other) {
        (DataType::Null, known) | (known, DataType::Null) => Ok(known.clone()),
        (DataType::Struct(one), DataType::Struct(other)) => {
            merged_members(one, other).map(DataType::Struct)
        }
        (DataType::List(one), DataType::List(other)) => {
            Ok(DataType::List(Arc::new(merged_field(one, other)?)))
        }
        _ if one == other => Ok(one.clone()),
        _ => Err(format!("a column cannot hold both {} and {}", told(one), told(other))),
    }
}

fn merged_members(one: &Fields, other: &Fields) -> Result<Fields> {
    let mut fields = one.iter().map(|field| field.as_ref().clone()).collect::<Vec<_>>();
    for field in other {
        match fields.iter_mut().find(|known| known.name() == field.name()) {
            Some(known) => *known = merged_field(known, field)?,
            None => fields.push(field.as_ref().clone()),
        }
    }
    Ok(fields.into())
}

fn merged_field(one: &Column, other: &Column) -> Result<Column> {
    let data_type = merged(one.data_type(), other.data_type());
    let data_type = data_type.map_err(|error| in_member(one.name(), &error))?;
    Ok(Column::new(one.name(), data_type, true))
}

/// A type in the words of JSON.
fn told(data_type: &DataType) -> String {
    match data_type {
        DataType::Struct(_) => "objects".to_owned(),
        DataType::List(_) => "arrays".to_owned(),
        DataType::Utf8 | DataType::LargeUtf8 => "strings".to_owned(),
        DataType::Boolean => "booleans".to_owned(),
        DataType::Int64 => "integers".to_owned(),
        DataType::Float64 => "floats".to_owned(),
        other => other.to_string(),
    }
}
