//! Arrays to checked trees: types first, then what the buffers hold, level by level.

use std::collections::HashSet;
use std::ops::Range;
use std::sync::Arc;

use arrow_array::cast::AsArray;
use arrow_array::types::ArrowDictionaryKeyType;
use arrow_array::{
    Array, ArrayRef, DictionaryArray, GenericListArray, GenericListViewArray, MapArray,
};
use arrow_array::{OffsetSizeTrait, StructArray, downcast_dictionary_array, new_empty_array};
use arrow_data::ArrayData;
use arrow_schema::{DataType, Field};

use super::dictionaries::Dictionaries;
use super::table::item_of;
use crate::error::{Error, ErrorKind};
use crate::printable::cut;
use crate::scan::check_strings;
use crate::text::Text;
use crate::value::{
    Fixed, Holds, Jsons, List, Map, Node, NotJson, Offsets, Runs, Strings, Struct, Value, Views,
    is_json, leaf, sign,
};

/// Characters of a type that a message shows at most.
const TYPE: usize = 80;

/// Arrays that may stand inside one another: twice what Arrow C++ reads from a file. Arrow's own
/// functions call themselves for each level, so that more could end on the end of the stack.
const MAX_DEPTH: usize = 128;

/// Reads one column of an input.
#[derive(Clone, Copy, Debug)]
pub(super) struct Reader<'a> {
    path: &'a str,
    column: &'a str,
    /// Whether strings need no check.
    sound: bool,
    /// Whether values are looked at only as far as to tell whether there is something.
    shallow: bool,
    dictionaries: &'a Dictionaries,
}

impl<'a> Reader<'a> {
    pub(super) fn new(
        path: &'a str,
        column: &'a str,
        sound: bool,
        dictionaries: &'a Dictionaries,
    ) -> Self {
        Self { path, column, sound, shallow: false, dictionaries }
    }

    /// Checks the column of a field that holds such things. Of one that holds [`Holds::Something`] only what is
    /// outside: it may be of any type.
    pub(super) fn field(
        self,
        holds: Holds,
        field: &Field,
        array: &dyn Array,
    ) -> Result<Node, Error> {
        if !fits(holds, array.data_type()) {
            return Err(self.wrong_type(holds.name(), array.data_type()));
        }
        Self { shallow: holds == Holds::Something, ..self }.column(field, array)
    }

    /// Checks a column and all arrays inside.
    pub(super) fn column(self, field: &Field, array: &dyn Array) -> Result<Node, Error> {
        self.depth(array.data_type())?;
        self.of_field(field, array)
    }

    /// Checks how deep arrays of this type stand inside one another.
    pub(super) fn depth(self, data_type: &DataType) -> Result<(), Error> {
        if within(MAX_DEPTH, data_type) {
            return Ok(());
        }
        Err(self.broken(format!("nested deeper than {MAX_DEPTH} levels")))
    }

    /// The array of a field, whose strings may be the JSON of other values.
    fn of_field(self, field: &Field, array: &dyn Array) -> Result<Node, Error> {
        let emptied = emptied(array);
        let array = emptied.as_deref().unwrap_or(array);
        let node = self.node(array)?;
        if is_json(field) { self.values_of(node, array) } else { Ok(node) }
    }

    /// The values that strings are the JSON of.
    fn values_of(self, node: Node, array: &dyn Array) -> Result<Node, Error> {
        match node {
            Node::Dictionary { keys, values } => {
                let texts = array.as_any_dictionary().values();
                let json = self.jsons(&values, texts)?.map_or(values, Arc::new);
                Ok(Node::Dictionary { keys, values: json })
            }
            other => Ok(self.jsons(&other, array)?.unwrap_or(other)),
        }
    }

    /// The values that an array of strings is the JSON of, if it is one.
    fn jsons(self, node: &Node, array: &dyn Array) -> Result<Option<Node>, Error> {
        let Node::Text(strings) = node else { return Ok(None) };
        match Jsons::new(strings, array.len()) {
            Ok(values) => Ok(Some(Node::Json(values))),
            Err(NotJson::Row(row)) => {
                Err(self.broken(format!("value {row} of its JSON is none, or no valid one")))
            }
            Err(NotJson::Memory(error)) => Err(error.into()),
        }
    }

    /// Checks an array.
    fn node(self, array: &dyn Array) -> Result<Node, Error> {
        self.of_type(emptied(array).as_deref().unwrap_or(array))
    }

    fn of_type(self, array: &dyn Array) -> Result<Node, Error> {
        match array.data_type() {
            DataType::Null => Ok(Node::Null),
            DataType::Utf8 | DataType::LargeUtf8 | DataType::Utf8View => self.text(array),
            DataType::Dictionary(..) | DataType::Struct(_) | DataType::Map(..) if self.shallow => {
                self.sign(array)
            }
            DataType::Dictionary(..) => downcast_dictionary_array!(
                array => self.dictionary(array),
                found => Err(self.wrong_type("a dictionary", found))
            ),
            DataType::Struct(_) => self.object(array.as_struct()),
            DataType::Map(..) => self.map(array.as_map()),
            DataType::List(_) => self.list(array.as_list::<i32>()),
            DataType::LargeList(_) => self.list(array.as_list::<i64>()),
            DataType::ListView(_) => self.list_view(array.as_list_view::<i32>()),
            DataType::LargeListView(_) => self.list_view(array.as_list_view::<i64>()),
            DataType::FixedSizeList(..) => self.fixed_list(array),
            _ if self.shallow => self.sign(array),
            _ => self.leaf(array),
        }
    }

    fn text(self, array: &dyn Array) -> Result<Node, Error> {
        if !self.sound {
            self.check_text(array)?;
        }
        Ok(Node::Text(match array.data_type() {
            DataType::Utf8 => Strings::Small(array.as_string().clone()),
            DataType::LargeUtf8 => Strings::Large(array.as_string().clone()),
            _ => Strings::View(array.as_string_view().clone()),
        }))
    }

    fn check_text(self, array: &dyn Array) -> Result<(), Error> {
        let data = array.to_data();
        self.checked(data.validate().and_then(|()| data.validate_nulls()))?;
        match array.data_type() {
            DataType::Utf8 => {
                let array = array.as_string::<i32>();
                self.checked(check_strings(array.value_offsets(), array.value_data()))
            }
            DataType::LargeUtf8 => {
                let array = array.as_string::<i64>();
                self.checked(check_strings(array.value_offsets(), array.value_data()))
            }
            _ => self.checked(data.validate_values()),
        }
    }

    fn leaf(self, array: &dyn Array) -> Result<Node, Error> {
        const EXPECTED: &str = "values that JSON has";
        let leaf = leaf(array).ok_or_else(|| self.wrong_type(EXPECTED, array.data_type()))?;
        self.own(&array.to_data())?;
        match leaf.unwritable() {
            None => Ok(Node::Leaf(leaf)),
            Some(row) => {
                let found = cut(array.data_type().to_string().as_bytes(), TYPE);
                Err(self.broken(format!("value {row} of its {found} is out of range")))
            }
        }
    }

    fn sign(self, array: &dyn Array) -> Result<Node, Error> {
        self.own(&array.to_data())?;
        Ok(Node::Leaf(sign(array)))
    }

    fn dictionary<K: ArrowDictionaryKeyType>(
        self,
        array: &DictionaryArray<K>,
    ) -> Result<Node, Error> {
        self.own(&array.to_data())?;
        let values = self.dictionaries.get(array.values(), || self.node(array.values()))?;
        Ok(Node::Dictionary { keys: Box::new(array.keys().clone()), values })
    }

    fn object(self, array: &StructArray) -> Result<Node, Error> {
        self.own(&array.to_data())?;
        let fields = array.fields().iter().zip(array.columns());
        let mut names = HashSet::new();
        let mut members = Vec::with_capacity(array.num_columns());
        for (field, column) in fields {
            if !names.insert(field.name()) {
                return Err(self.broken(format!("two members are named '{}'", field.name())));
            }
            members.push((field.name().clone(), self.of_field(field, column)?));
        }
        Ok(Node::Struct(Struct { nulls: array.nulls().cloned(), members }))
    }

    fn list<O: OffsetSizeTrait>(self, array: &GenericListArray<O>) -> Result<Node, Error> {
        self.own(&array.to_data())?;
        let runs = Offsets(array.offsets().clone());
        // What was sliced away is neither read nor checked.
        let whole = runs.whole();
        let items = array.values().slice(whole.start, whole.len());
        self.items(array, runs, &items)
    }

    fn list_view<O: OffsetSizeTrait>(self, array: &GenericListViewArray<O>) -> Result<Node, Error> {
        self.own(&array.to_data())?;
        let runs = Views { offsets: array.offsets().clone(), sizes: array.sizes().clone() };
        self.items(array, runs, array.values())
    }

    fn fixed_list(self, array: &dyn Array) -> Result<Node, Error> {
        self.own(&array.to_data())?;
        let array = array.as_fixed_size_list();
        let runs = Fixed(usize::try_from(array.value_length()).unwrap_or_default());
        self.items(array, runs, array.values())
    }

    fn items(
        self,
        array: &dyn Array,
        runs: impl Runs + 'static,
        items: &dyn Array,
    ) -> Result<Node, Error> {
        let items = match item_of(array.data_type()) {
            _ if self.shallow => Node::Null,
            Some(field) => self.of_field(field, items)?,
            None => self.node(items)?,
        };
        let (nulls, items) = (array.nulls().cloned(), Box::new(items));
        Ok(Node::List(List { nulls, runs: Box::new(runs), items }))
    }

    fn map(self, array: &MapArray) -> Result<Node, Error> {
        self.own(&array.to_data())?;
        let runs = Offsets(array.offsets().clone());
        let entries = array.entries().slice(runs.whole().start, runs.whole().len());
        self.own(&entries.to_data())?;
        let (names, values) = (entries.column(0), entries.column(1));
        if !fits(Holds::Text, names.data_type()) {
            return Err(self.wrong_type("maps whose keys are strings", array.data_type()));
        }
        if names.logical_null_count() > 0 {
            return Err(self.broken("a key of its maps is null"));
        }
        let field = &array.entries().fields()[1];
        let (names, values) =
            (Box::new(self.node(names)?), Box::new(self.of_field(field, values)?));
        let mut rows = (0..array.len()).filter(|&row| array.is_valid(row));
        if rows.any(|row| is_twice_in(&names, runs.run(row))) {
            return Err(self.broken("a key stands twice in one of its maps"));
        }
        Ok(Node::Map(Map { nulls: array.nulls().cloned(), runs, names, values }))
    }

    /// Checks an array, but not those inside.
    fn own(self, data: &ArrayData) -> Result<(), Error> {
        self.checked(data.validate_data())
    }

    fn checked<E: ToString>(self, found: Result<(), E>) -> Result<(), Error> {
        found.map_err(|error| self.broken(error.to_string()))
    }

    fn broken(self, what: impl AsRef<str>) -> Error {
        let what = format!("column '{}': {}", self.column, what.as_ref());
        Error::from(ErrorKind::Broken { path: self.path.to_owned(), what })
    }

    fn wrong_type(self, expected: &'static str, found: &DataType) -> Error {
        Error::from(ErrorKind::ColumnType {
            path: self.path.to_owned(),
            column: self.column.to_owned(),
            expected,
            found: cut(found.to_string().as_bytes(), TYPE),
        })
    }
}

/// Whether one of some strings is there twice: of two members of one name, most readers lose one.
fn is_twice_in(names: &Node, run: Range<usize>) -> bool {
    let mut seen = HashSet::new();
    let text = |row| match names.value(row) {
        Value::Text(Text::Plain(text)) => Some(text),
        _ => None,
    };
    !run.filter_map(text).all(|name| seen.insert(name))
}

/// Whether at most so many arrays stand inside one another.
fn within(levels: usize, data_type: &DataType) -> bool {
    use DataType::{
        Dictionary, FixedSizeList, LargeList, LargeListView, List, ListView, Map, Struct,
    };
    let Some(levels) = levels.checked_sub(1) else { return false };
    match data_type {
        Struct(fields) => fields.iter().all(|field| within(levels, field.data_type())),
        List(field) | LargeList(field) | FixedSizeList(field, _) => {
            within(levels, field.data_type())
        }
        ListView(field) | LargeListView(field) | Map(field, _) => within(levels, field.data_type()),
        Dictionary(_, values) => within(levels, values),
        _ => true,
    }
}

/// Whether a field that holds such things may stand in such a column.
fn fits(holds: Holds, column: &DataType) -> bool {
    use DataType::{Dictionary, FixedSizeList, LargeList, LargeListView, LargeUtf8, List};
    use DataType::{ListView, Map, Null, Struct, Utf8, Utf8View};
    match column {
        _ if matches!(holds, Holds::Anything | Holds::Something) => true,
        Null | Utf8 | LargeUtf8 | Utf8View => true,
        Dictionary(_, values) => fits(holds, values),
        Struct(_) | Map(..) => holds == Holds::Documents,
        List(_) | LargeList(_) | ListView(_) | LargeListView(_) | FixedSizeList(..) => {
            holds == Holds::Documents
        }
        _ => false,
    }
}

/// An array without values anew, instead of what it is a slice of: arrow-rs refuses offsets there that start
/// behind the data, which Arrow allows.
fn emptied(array: &dyn Array) -> Option<ArrayRef> {
    array.is_empty().then(|| new_empty_array(array.data_type()))
}
