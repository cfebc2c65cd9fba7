//! Lists that a record holds: its turns, its documents, its quotes; and what an entry of one has.

use crate::scan::{MAX_KEYS, Span};

/// A list of a record.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum List {
    /// All turns, a system message first if there is one.
    Messages,
    /// All turns but a system message.
    Turns,
    /// All turns but the answer at their end.
    Prompt,
    /// Each question with its answer.
    Pairs,
    /// Each question with its answer, but for the last.
    History,
    /// The documents that the question is about.
    Documents,
    /// What the answer quotes from them.
    Quotes,
    /// The parts of the answer that are trained on, and those that are not.
    Spans,
}

impl List {
    /// All lists.
    pub const ALL: [Self; 8] = [
        Self::Messages,
        Self::Turns,
        Self::Prompt,
        Self::Pairs,
        Self::History,
        Self::Documents,
        Self::Quotes,
        Self::Spans,
    ];

    /// The name in a target.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Messages => "messages",
            Self::Turns => "turns",
            Self::Prompt => "prompt",
            Self::Pairs => "pairs",
            Self::History => "history",
            Self::Documents => "documents",
            Self::Quotes => "quotes",
            Self::Spans => "spans",
        }
    }

    /// The list of that name.
    #[must_use]
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|list| list.name() == name)
    }

    /// Whether its entries are turns or made of them.
    #[must_use]
    pub fn is_of_turns(self) -> bool {
        !matches!(self, Self::Documents | Self::Quotes | Self::Spans)
    }

    /// What its entries have.
    #[must_use]
    pub fn details(self) -> &'static [Detail] {
        match self {
            Self::Messages | Self::Turns | Self::Prompt => Detail::OF_TURNS,
            Self::Pairs | Self::History => Detail::OF_PAIRS,
            Self::Documents | Self::Quotes => Detail::OF_TEXTS,
            Self::Spans => Detail::OF_SPANS,
        }
    }
}

/// Something that an entry of a list has.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Detail {
    /// Who speaks, by the consumer's name for it.
    Role,
    /// What is said, in a turn or as the question of a pair; or a text.
    Content,
    /// The answer of a pair.
    Assistant,
    /// Who speaks, by raftfast's own name for it.
    Is,
    /// The name of a speaker or of a tool.
    Name,
    /// The id of the call that a tool answers.
    ToolCallId,
    /// Calls of tools.
    ToolCalls,
    /// Whether the turn is trained on, as the record has it.
    Weight,
    /// There if the span is trained on.
    Train,
    /// Characters of the answer before the span.
    Begin,
    /// Characters of the answer up to the end of the span.
    End,
    /// Characters of the answer before the last one of the span.
    Through,
    /// There if it is the first entry.
    First,
    /// There if it is the last one.
    Last,
    /// The rejected answer, of what was said in a conversation.
    Rejected,
}

impl Detail {
    const OF_TURNS: &[Self] = &[
        Self::Role,
        Self::Is,
        Self::Content,
        Self::Name,
        Self::ToolCallId,
        Self::ToolCalls,
        Self::Weight,
        Self::First,
        Self::Last,
    ];
    const OF_PAIRS: &[Self] = &[Self::Content, Self::Assistant, Self::First, Self::Last];
    const OF_TEXTS: &[Self] = &[Self::Content, Self::First, Self::Last];
    const OF_SPANS: &[Self] = &[
        Self::Content,
        Self::Train,
        Self::Begin,
        Self::End,
        Self::Through,
        Self::First,
        Self::Last,
    ];
    const NUMBERS: [Self; 3] = [Self::Begin, Self::End, Self::Through];

    /// The names in a target, two of which are of one detail.
    const NAMES: [(&str, Self); 15] = [
        ("role", Self::Role),
        ("content", Self::Content),
        ("user", Self::Content),
        ("text", Self::Content),
        ("assistant", Self::Assistant),
        ("name", Self::Name),
        ("tool_call_id", Self::ToolCallId),
        ("tool_calls", Self::ToolCalls),
        ("weight", Self::Weight),
        ("train", Self::Train),
        ("begin", Self::Begin),
        ("end", Self::End),
        ("through", Self::Through),
        ("first", Self::First),
        ("last", Self::Last),
    ];

    /// The keys of a message besides its role and its content.
    pub(crate) const OF_MESSAGES: [(&str, Self); 4] = [
        ("name", Self::Name),
        ("tool_call_id", Self::ToolCallId),
        ("tool_calls", Self::ToolCalls),
        ("weight", Self::Weight),
    ];

    /// The detail of that name.
    #[must_use]
    pub fn named(name: &str) -> Option<Self> {
        Self::NAMES.iter().find(|(known, _)| *known == name).map(|&(_, detail)| detail)
    }

    /// Whether it may be any JSON, and not only a text.
    #[must_use]
    pub fn is_json(self) -> bool {
        matches!(self, Self::ToolCalls | Self::Weight) || Self::NUMBERS.contains(&self)
    }

    /// Whether the JSON of a slot is a number.
    pub(crate) fn is_number(slot: usize) -> bool {
        Self::NUMBERS.iter().any(|number| number.slot() == slot)
    }

    /// Its place in an entry. Details of different lists share places, but none of those that are JSON
    /// with another one that is.
    fn place(self) -> usize {
        match self {
            Self::Role | Self::Is | Self::Through => 0,
            Self::Content => 1,
            Self::Assistant | Self::End => 2,
            Self::Name | Self::Train => 3,
            Self::ToolCallId | Self::Begin => 4,
            Self::ToolCalls => 5,
            Self::Weight => 6,
            Self::First => 7,
            Self::Last | Self::Rejected => 8,
        }
    }

    /// Its slot among those of a record.
    #[must_use]
    pub(crate) fn slot(self) -> usize {
        MAX_KEYS + self.place()
    }
}

/// An entry: where its details are.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Entry([Span; 9]);

impl Entry {
    /// Where the detail of a slot is.
    #[inline]
    pub(crate) fn at(&self, slot: usize) -> Span {
        self.0.get(slot - MAX_KEYS).copied().unwrap_or_default()
    }

    pub(crate) fn set(&mut self, detail: Detail, span: Span) {
        self.0[detail.place()] = span;
    }

    pub(crate) fn get(&self, detail: Detail) -> Span {
        self.0[detail.place()]
    }
}

/// raftfast's own names for those who speak.
pub const ROLES: [&str; 6] = ["system", "developer", "user", "assistant", "tool", "function"];

/// The name for an assistant's turn that calls tools, for consumers that have one: what is said in it is
/// then the calls, as JSON.
pub const CALLS: &str = "calls";
