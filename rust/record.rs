//! One RAFT record: the fields that raftfast knows, under their own names.

use crate::batch::Batch;
use crate::entries::{Detail, Entry, List};
use crate::error::{Fault, FaultKind};
use crate::made::{Fields, Lists, Origin};
use crate::scan::{KEYS_TOLD, KeySet, MAX_KEYS, Span, Spans, keys_of};
use crate::text::{Escape, Text};
use crate::value::{Absence, Holds, Value};

/// The table of fields: each with its key, what it holds, and the reasons for which a record
/// without it is filtered.
macro_rules! fields {
    ($($(#[$doc:meta])* $field:ident $name:literal $holds:ident;)*) => {
        /// A field of a RAFT record, as Gorilla's `raft.py` and `eval.py` write them
        /// (ShishirPatil/gorilla:raft/raft.py).
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub enum Field { $($(#[$doc])* $field,)* }

        impl Field {
            /// All fields.
            pub const ALL: &[Self] = &[$(Self::$field,)*];

            /// The key in the record, which is also the placeholder in a target.
            #[must_use]
            pub fn name(self) -> &'static str {
                match self { $(Self::$field => $name,)* }
            }

            /// What the field may hold besides null.
            #[must_use]
            pub fn holds(self) -> Holds {
                match self { $(Self::$field => Holds::$holds,)* }
            }

            /// Why a record whose field is `absence` was filtered, as the ledger counts it.
            #[must_use]
            pub fn reason(self, absence: Absence) -> &'static str {
                match (self, absence) {
                    $((Self::$field, Absence::Missing) => concat!($name, " missing"),)*
                    $((Self::$field, Absence::Null) => concat!($name, " null"),)*
                    $((Self::$field, Absence::Empty) => concat!($name, " empty"),)*
                }
            }
        }
    };
}

fields! {
    /// `seed_task_<n>` or a UUID.
    Id "id" Text;
    /// `general` or `api call`.
    Type "type" Text;
    /// The question, one line.
    Question "question" Text;
    /// The documents with their titles.
    Context "context" Documents;
    /// The document that holds the answer.
    OracleContext "oracle_context" Text;
    /// The documents between `<DOCUMENT>` tags, then the question.
    Instruction "instruction" Text;
    /// The chain of thought, ending in `<ANSWER>: ` and the final answer.
    CotAnswer "cot_answer" Text;
    /// The answer of a model under evaluation, or the short answer of the first RAFT sets.
    Answer "answer" Text;
    /// The answer without the reasoning before it.
    FinalAnswer "final_answer" Text;
    /// An answer that is worse.
    Rejected "rejected" Text;
    /// What the model is told before all questions.
    System "system" Text;
    /// The tools that the model may call.
    Tools "tools" Anything;
    /// Whether the model may call several tools at once.
    ParallelToolCalls "parallel_tool_calls" Anything;
    /// The whole conversation as a model reads it, rendered by a Jinja template.
    Rendered "text" Text;
    /// The same up to the last answer.
    RenderedPrompt "text_prompt" Text;
    /// The same from the last answer on.
    RenderedAnswer "text_answer" Text;
}

impl Field {
    /// Whether a template makes it, and no record has it.
    pub(crate) fn is_rendered(self) -> bool {
        matches!(self, Self::Rendered | Self::RenderedPrompt | Self::RenderedAnswer)
    }

    /// The field of that name.
    #[must_use]
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|field| field.name() == name)
    }
}

/// One record: a view of the line or of the row of a batch that holds it.
///
/// ```
/// use raftfast::record::{Field, Record};
/// use raftfast::scan::{Buffer, Keys, Scanner, Spans};
/// use raftfast::value::{Absence, Value};
///
/// let buffer = Buffer::from_bytes(b"{\"cot_answer\":null}\n")?;
/// let fields = [Field::CotAnswer];
/// let keys = Keys::new(fields.map(Field::name));
/// let mut spans = Spans::default();
/// Scanner::best().line(&buffer, 0, &keys, &mut spans);
/// let record = Record::new(buffer.content(), 0, 19, &spans);
/// assert_eq!(record.value(0), Value::Null);
/// assert_eq!(record.value(0).absence(), Some(Absence::Null));
/// # Ok::<(), std::collections::TryReserveError>(())
/// ```
#[derive(Clone, Copy, Debug)]
pub struct Record<'a> {
    form: Form<'a>,
    /// What it became when it was read as one of some dialect.
    view: Option<View<'a>>,
}

#[derive(Clone, Copy, Debug)]
enum Form<'a> {
    Line { content: &'a [u8], whole: Span, spans: &'a Spans },
    Row { batch: &'a Batch, row: usize },
}

/// A record as it was made from another.
#[derive(Clone, Copy, Debug)]
struct View<'a> {
    lists: &'a Lists,
    /// The fields, once they are made; before that, they are those of the record that it is made from.
    fields: Option<&'a Fields>,
    /// The entry of a list that this is about.
    entry: &'a Entry,
    /// Whether what the entry says stands in the line.
    stands: bool,
}

impl<'a> Form<'a> {
    #[inline]
    fn content(&self) -> &'a [u8] {
        match self {
            Self::Line { content, .. } => content,
            Self::Row { .. } => &[],
        }
    }

    #[inline]
    fn value(&self, slot: usize) -> Value<'a> {
        match *self {
            Self::Line { content, spans, .. } => {
                let Span { start, end } = spans[slot];
                Value::of(&content[start..end])
            }
            Self::Row { batch, row } => batch.value(slot, row),
        }
    }
}

impl<'a> View<'a> {
    /// A detail of the entry, as JSON.
    #[inline]
    fn detail(&self, slot: usize, content: &'a [u8]) -> &'a [u8] {
        let Span { start, end } = self.entry.at(slot);
        if self.stands && slot == Detail::Content.slot() {
            content.get(start..end).unwrap_or_default()
        } else {
            self.lists.bytes(Span { start, end })
        }
    }

    /// Where the value of a slot comes from.
    #[inline]
    fn origin(&self, slot: usize, content: &'a [u8]) -> Origin<'a> {
        match self.fields {
            _ if slot >= MAX_KEYS => Origin::Made(self.detail(slot, content)),
            Some(fields) => fields.origin(slot),
            None => Origin::Kept(slot),
        }
    }
}

impl<'a> Record<'a> {
    /// The record from `start` to `end` of `content`, whose fields a scanner found at `spans`.
    #[inline]
    #[must_use]
    pub fn new(content: &'a [u8], start: usize, end: usize, spans: &'a Spans) -> Self {
        Self { form: Form::Line { content, whole: Span { start, end }, spans }, view: None }
    }

    /// The record of a row. Its values are there for rows below [`Batch::rows`] only.
    #[inline]
    #[must_use]
    pub fn of_row(batch: &'a Batch, row: usize) -> Self {
        Self { form: Form::Row { batch, row }, view: None }
    }

    /// The same record with lists of its own, about one entry of them.
    pub(crate) fn with_lists(mut self, lists: &'a Lists, entry: &'a Entry) -> Self {
        self.view = Some(View { lists, fields: None, entry, stands: false });
        self
    }

    /// The same record with the fields that were made from its own, about an entry that may be empty.
    pub(crate) fn with_fields(
        mut self,
        lists: &'a Lists,
        fields: &'a Fields,
        entry: &'a Entry,
    ) -> Self {
        self.view = Some(View { lists, fields: Some(fields), entry, stands: false });
        self
    }

    /// The entries of a list; `None` if the record has no such list of its own, and what its fields say
    /// is all.
    #[inline]
    pub(crate) fn entries(&self, list: List) -> Option<&'a [Entry]> {
        let view = self.view.as_ref().filter(|view| view.lists.tells(list))?;
        Some(view.lists.entries(list))
    }

    /// The same, each as a record that has the details of the entry besides its fields.
    #[inline]
    pub(crate) fn list(&self, list: List) -> Option<impl Iterator<Item = Self> + use<'a>> {
        let view = self.view.filter(|view| view.lists.tells(list))?;
        let (form, stands) = (self.form, view.lists.stands(list));
        let entries = view.lists.entries(list).iter();
        Some(entries.map(move |entry| Self { form, view: Some(View { entry, stands, ..view }) }))
    }

    /// Whether it may have lists of its own.
    #[inline]
    pub(crate) fn has_lists(&self) -> bool {
        self.view.is_some()
    }

    /// Whether its fields were made from those of another dialect.
    #[inline]
    pub(crate) fn is_made(&self) -> bool {
        self.view.is_some_and(|view| view.fields.is_some())
    }

    /// A field, if it was made for this record.
    #[inline]
    pub(crate) fn own(&self, slot: usize) -> Option<Value<'a>> {
        self.is_made().then(|| self.value(slot))
    }

    /// The value of one of the fields that are made of what is in this record.
    pub(crate) fn value_in(&self, fields: &'a Fields, slot: usize) -> Value<'a> {
        match fields.origin(slot) {
            Origin::Kept(from) => self.value(from),
            Origin::Made(json) => Value::of(json),
        }
    }

    /// Where the value of a slot comes from.
    #[inline]
    fn origin(&self, slot: usize) -> Origin<'a> {
        let view = self.view.as_ref();
        view.map_or(Origin::Kept(slot), |view| view.origin(slot, self.form.content()))
    }

    /// The whole record, braces included, if it is a line.
    #[inline]
    #[must_use]
    pub fn raw(&self) -> Option<&'a [u8]> {
        match self.form {
            Form::Line { content, whole, .. } => Some(&content[whole.start..whole.end]),
            Form::Row { .. } => None,
        }
    }

    /// The whole record as one value.
    #[inline]
    #[must_use]
    pub fn whole(&self) -> Value<'a> {
        match self.form {
            Form::Line { content, whole, .. } => Value::Json(&content[whole.start..whole.end]),
            Form::Row { batch, row } => batch.whole(row),
        }
    }

    /// The first keys of the record, for messages.
    #[must_use]
    pub fn keys(&self) -> Vec<String> {
        match self.form {
            Form::Line { content, whole, .. } => keys_of(&content[whole.start..whole.end]),
            Form::Row { batch, .. } => {
                let names = batch.table().iter().map(|column| column.name.clone());
                names.take(KEYS_TOLD).collect()
            }
        }
    }

    /// The value of the field that was asked for at this place.
    #[inline]
    #[must_use]
    pub fn value(&self, slot: usize) -> Value<'a> {
        if let Some(view) = self.view.as_ref().filter(|_| slot >= MAX_KEYS) {
            return Value::of(view.detail(slot, self.form.content()));
        }
        match self.origin(slot) {
            Origin::Made(json) => Value::of(json),
            Origin::Kept(slot) => self.form.value(slot),
        }
    }

    /// The same, if it is a text.
    #[inline(always)]
    pub(crate) fn text(&self, slot: usize) -> Option<Text<'a>> {
        match self.view.as_ref().filter(|_| slot >= MAX_KEYS) {
            Some(view) => match view.detail(slot, self.form.content()) {
                [b'"', inside @ .., b'"'] => Some(Text::Escaped(inside)),
                _ => None,
            },
            None => self.value(slot).text(),
        }
    }

    /// Whether there is a value that is not empty.
    #[inline(always)]
    pub(crate) fn is_there(&self, slot: usize) -> bool {
        match self.view.as_ref().filter(|_| slot >= MAX_KEYS) {
            Some(view) if view.detail(slot, self.form.content()).is_empty() => false,
            _ => self.value(slot).absence().is_none(),
        }
    }

    /// Whether the record has the key, whatever it holds. All rows of a batch have all its columns.
    #[inline]
    #[must_use]
    pub fn has(&self, slot: usize) -> bool {
        match (self.origin(slot), &self.form) {
            (Origin::Made(json), _) => !json.is_empty(),
            (Origin::Kept(slot), Form::Line { spans, .. }) => spans[slot].end > spans[slot].start,
            (Origin::Kept(slot), Form::Row { batch, .. }) => batch.has(slot),
        }
    }

    /// The value of a key as JSON, if it stands so in the line that the record is.
    #[inline]
    pub(crate) fn json(&self, slot: usize) -> Option<&'a [u8]> {
        self.span(slot).map(|span| &self.form.content()[span.start..span.end])
    }

    /// Where it stands in what the line was found in.
    #[inline]
    pub(crate) fn span(&self, slot: usize) -> Option<Span> {
        match (self.origin(slot), &self.form) {
            (Origin::Kept(slot), Form::Line { spans, .. }) => Some(spans[slot]),
            _ => None,
        }
    }

    /// The closing quotes of the first strings in it, if it stands there and a scanner noted them.
    #[inline]
    pub(crate) fn quotes(&self, slot: usize) -> &'a [usize] {
        match (self.origin(slot), &self.form) {
            (Origin::Kept(slot), Form::Line { spans, .. }) => spans.quotes(slot),
            _ => &[],
        }
    }

    /// The keys that it has, of those that were asked for.
    #[inline]
    pub(crate) fn found(&self) -> KeySet {
        match self.form {
            Form::Line { spans, .. } => spans.found(),
            Form::Row { batch, .. } => batch.found(),
        }
    }

    /// Those of some keys that hold something else than null. What was not read of a table does not tell.
    #[inline]
    pub(crate) fn told(&self, keys: KeySet) -> KeySet {
        match self.form {
            Form::Line { spans, .. } => spans.told(keys),
            Form::Row { batch, row } => batch.told(keys, row),
        }
    }

    /// Bytes of the value as it stands; 0 if the field is missing.
    #[inline]
    #[must_use]
    pub fn raw_len(&self, slot: usize) -> usize {
        // A detail is as long as its entry says, wherever it is kept.
        if let Some(view) = self.view.as_ref().filter(|_| slot >= MAX_KEYS) {
            let Span { start, end } = view.entry.at(slot);
            return end - start;
        }
        match (self.origin(slot), &self.form) {
            (Origin::Made(json), _) => json.len(),
            (Origin::Kept(slot), Form::Line { spans, .. }) => spans[slot].end - spans[slot].start,
            (Origin::Kept(slot), Form::Row { batch, row }) => batch.value(slot, *row).json_len(),
        }
    }

    /// What a byte of the record becomes at most: text of Arrow may need escapes, `\u0000` among
    /// them; text of a line has them already, and is only written another way if that is asked for.
    #[inline]
    pub(crate) fn growth(&self, escape: Escape) -> usize {
        let kept = matches!(self.form, Form::Line { .. }) && escape == Escape::Keep;
        if kept { 1 } else { 6 }
    }

    /// The fault of a field that does not hold what it should.
    #[cold]
    pub(crate) fn wrong_type(&self, slot: usize, field: Field, name: &'static str) -> Fault {
        self.mistyped(slot, name, field.holds().name())
    }

    /// The same for a field that is not one of RAFT.
    #[cold]
    pub(crate) fn mistyped(
        &self,
        slot: usize,
        name: &'static str,
        expected: &'static str,
    ) -> Fault {
        let found = self.value(slot).type_name();
        let kind = FaultKind::WrongType { field: name, expected, found };
        let offset = match self.form {
            Form::Line { spans, .. } if !self.is_made() => spans[slot].start,
            _ => self.start(),
        };
        Fault { kind, offset }
    }

    /// A fault of the record as a whole.
    #[cold]
    pub(crate) fn fault(&self, kind: FaultKind) -> Fault {
        Fault { kind, offset: self.start() }
    }

    /// Where it starts in what it was found in.
    fn start(&self) -> usize {
        if let Form::Line { whole, .. } = self.form { whole.start } else { 0 }
    }
}
