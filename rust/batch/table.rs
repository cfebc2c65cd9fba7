//! What is known of a table before its rows are read: the names of all its columns, also of those that are
//! not read, and what kind of values they can have.

use arrow_schema::{DataType, Field, Schema};

use crate::value::is_json;

/// The key in the metadata of a schema under which stand, as a JSON array, the names of all columns of the
/// table that its columns are of.
pub const ALL_COLUMNS: &str = "raftfast.columns";

/// A column of a table.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Column {
    /// Its name.
    pub name: String,
    /// What it can hold.
    pub form: Form,
}

/// What a column can hold, as far as dialects are told by it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Form {
    /// Strings.
    Text,
    /// Objects that start with an array of strings.
    Flat,
    /// Anything else.
    Other,
    /// It is not read, and nobody says what it is.
    Unknown,
}

impl Column {
    /// The columns of a table of which a schema has some or all.
    #[must_use]
    pub fn all_of(schema: &Schema) -> Vec<Self> {
        let form = |name: &str| {
            let field = schema.column_with_name(name);
            field.map_or(Form::Unknown, |(_, field)| Form::of_field(field))
        };
        let own = || schema.fields().iter().map(|field| field.name().clone()).collect();
        let told =
            schema.metadata().get(ALL_COLUMNS).and_then(|told| serde_json::from_str(told).ok());
        let names: Vec<String> = told.unwrap_or_else(own);
        names.into_iter().map(|name| Self { form: form(&name), name }).collect()
    }

    /// A column of a form that has a name.
    #[must_use]
    pub fn of(name: String, form: &str) -> Self {
        let form = Form::ALL.into_iter().find(|known| known.name() == form);
        Self { name, form: form.unwrap_or(Form::Unknown) }
    }
}

impl Form {
    const ALL: [Self; 4] = [Self::Text, Self::Flat, Self::Other, Self::Unknown];

    /// The name.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Text => "text",
            Self::Flat => "flat",
            Self::Other => "other",
            Self::Unknown => "unknown",
        }
    }

    /// Of JSON, only its values say what they are.
    pub(crate) fn of_field(field: &Field) -> Self {
        if is_json(field) { Self::Unknown } else { Self::of(field.data_type()) }
    }

    fn of(data_type: &DataType) -> Self {
        match data_type {
            DataType::Utf8 | DataType::LargeUtf8 | DataType::Utf8View => Self::Text,
            DataType::Dictionary(_, values) => Self::of(values),
            DataType::Struct(fields) => {
                let first = fields.first().and_then(|field| item_of(field.data_type()));
                if first.is_some_and(|items| Self::of_field(items) == Self::Text) {
                    Self::Flat
                } else {
                    Self::Other
                }
            }
            _ => Self::Other,
        }
    }
}

/// The field of what a list holds.
pub(super) fn item_of(data_type: &DataType) -> Option<&Field> {
    match data_type {
        DataType::List(field)
        | DataType::LargeList(field)
        | DataType::ListView(field)
        | DataType::LargeListView(field)
        | DataType::FixedSizeList(field, _) => Some(field),
        _ => None,
    }
}
