//! The rules of a consumer about rows, compiled: for records that become rows, and for rows that are
//! there already.

mod calls;

use std::collections::BTreeMap;

use crate::entries::{CALLS, Detail, List, ROLES};
use crate::forbidden::Forbidden;
use crate::record::{Field, Record};
use crate::rules::Rules;
use crate::shape::Shape;
use crate::shape::plan::Condition;
use crate::text::Text;
use crate::value::Value;
use crate::walk::{Token, Walk};

/// A turn as rules see it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Turn<'a> {
    /// Who speaks, by raftfast's name; empty if that has none.
    pub role: &'static str,
    pub content: Value<'a>,
    pub weight: Value<'a>,
    /// Whether it calls tools, and need not say anything.
    pub calls: bool,
    /// The calls, where they stand beside what is said.
    pub tool_calls: Value<'a>,
    /// The id of the call that it answers.
    pub answers: Value<'a>,
}

impl<'a> Turn<'a> {
    /// A turn that says something and no more.
    pub(crate) fn saying(role: &'static str, content: Value<'a>) -> Self {
        let [weight, tool_calls, answers] = [Value::Missing; 3];
        Self { role, content, weight, calls: false, tool_calls, answers }
    }
}

/// A rule that is broken.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Broken {
    /// The consumer's name for it.
    pub name: &'static str,
    /// The turn that breaks it, from 1, if it is one.
    pub turn: Option<usize>,
    /// How, in words.
    pub what: &'static str,
}

/// The rules that a row can break.
#[derive(Debug, Default)]
pub struct Checker {
    first: Option<(String, &'static str)>,
    last: Option<(String, &'static str)>,
    alternate: Option<&'static str>,
    after: Option<(BTreeMap<String, Vec<String>>, &'static str)>,
    roles: Option<(Vec<String>, &'static str)>,
    min_turns: Option<(u64, &'static str)>,
    has: Option<(Vec<String>, &'static str)>,
    system_first: Option<&'static str>,
    one_system: Option<&'static str>,
    weight: Option<(Vec<String>, &'static str)>,
    content: Option<&'static str>,
    calls_alone: Option<&'static str>,
    calls_answered: Option<&'static str>,
    calls_as_text: Option<&'static str>,
    call_id_chars: Option<(u64, &'static str)>,
    forbidden: Option<(Forbidden, &'static str)>,
    /// What rows break whose system message is not their record's own.
    given: Option<&'static str>,
    /// The slot of a record's own system message, if rows may have that.
    own_system: Option<usize>,
    max_row_chars: Option<(u64, &'static str)>,
    /// The list in which rows have their turns.
    list: Option<List>,
    /// The slots of the texts of a record of one question and one answer.
    texts: Vec<usize>,
    /// Whether such a record has a system message.
    system: Option<Condition>,
    /// The rules that all such records break: without a system message, and with one.
    plain: [Option<&'static str>; 2],
}

/// What has been seen of a conversation.
#[derive(Debug, Default)]
struct SoFar {
    place: usize,
    systems: usize,
    /// Turns, but for system messages at the start.
    turns: u64,
    before: &'static str,
    /// The roles that spoke, as bits in the order of `ROLES`.
    spoke: u32,
    /// Calls that no tool has answered, and answers to none.
    waiting: usize,
    unasked: usize,
}

impl Checker {
    /// Compiles the rules of a shape; `None` if no record can break one.
    #[must_use]
    pub fn new(shape: &Shape) -> Option<Self> {
        let mut checker = Self::compiled(shape.rules());
        let has_rules = checker.asks_for_turns()
            || checker.forbidden.is_some()
            || checker.max_row_chars.is_some();
        if checker.asks_for_turns() {
            let has_system =
                [List::Messages, List::Prompt].iter().any(|l| shape.lists().contains(l));
            checker.list = Some(if has_system { List::Messages } else { List::Turns });
            checker.system = shape.says_system().filter(|_| has_system);
            checker.plain = [false, true].map(|said| checker.broken_by_plain(said));
        }
        checker.texts = slots_of_texts(shape.fields());
        checker.own_system = shape.fields().iter().position(|field| *field == Field::System);
        checker.given = shape.system().and_then(|system| checker.forbids(Text::Plain(system)));
        has_rules.then_some(checker)
    }

    /// Compiles rules for rows that are there already.
    pub(crate) fn compiled(rules: &Rules) -> Self {
        let some =
            |list: &[String], rule| (!list.is_empty()).then(|| (list.to_vec(), rules.name(rule)));
        let flag = |flag: bool, rule| flag.then(|| rules.name(rule));
        Self {
            first: rules.first.clone().map(|role| (role, rules.name("first"))),
            last: rules.last.clone().map(|role| (role, rules.name("last"))),
            alternate: flag(rules.alternate, "alternate"),
            after: (!rules.after.is_empty()).then(|| (rules.after.clone(), rules.name("after"))),
            roles: some(&rules.roles, "roles"),
            min_turns: rules.min_turns.map(|turns| (turns, rules.name("min_turns"))),
            has: some(&rules.has, "has"),
            system_first: flag(rules.system_first, "system_first"),
            one_system: flag(rules.one_system, "one_system"),
            weight: some(&rules.weight, "weight"),
            content: flag(rules.content, "content"),
            calls_alone: flag(rules.calls_alone, "calls_alone"),
            calls_answered: flag(rules.calls_answered, "calls_answered"),
            calls_as_text: flag(rules.calls_as_text, "calls_as_text"),
            call_id_chars: rules.call_id_chars.map(|chars| (chars, rules.name("call_id_chars"))),
            forbidden: Forbidden::new(&rules.forbidden)
                .map(|texts| (texts, rules.name("forbidden"))),
            max_row_chars: rules.max_row_chars.map(|most| (most, rules.name("max_row_chars"))),
            ..Self::default()
        }
    }

    /// Whether some rule is about turns.
    fn asks_for_turns(&self) -> bool {
        let names = [self.alternate, self.system_first, self.one_system];
        let of_turns = [self.content, self.calls_alone, self.calls_answered, self.calls_as_text];
        names.iter().chain(&of_turns).any(Option::is_some)
            || self.call_id_chars.is_some()
            || [&self.first, &self.last].iter().any(|rule| rule.is_some())
            || [&self.roles, &self.has, &self.weight].iter().any(|rule| rule.is_some())
            || self.min_turns.is_some()
            || self.after.is_some()
    }

    /// The name of the first rule that a record breaks.
    #[must_use]
    pub fn broken(&self, shape: &Shape, record: &Record<'_>) -> Option<&'static str> {
        self.broken_by_turns(record)
            .or_else(|| self.holds_forbidden(record))
            .or_else(|| self.is_long(shape, record))
    }

    /// The rule that all records of one question and one answer break.
    fn broken_by_plain(&self, has_system: bool) -> Option<&'static str> {
        let said = Value::Text(Text::Plain("something"));
        let system = has_system.then_some("system");
        let roles = system.into_iter().chain(["user", "assistant"]);
        self.first_broken(roles.map(|role| Turn::saying(role, said)))
    }

    fn broken_by_turns(&self, record: &Record<'_>) -> Option<&'static str> {
        let Some(turns) = record.list(self.list?) else {
            let has_system = self.system.as_ref().is_some_and(|system| system.holds(record));
            return self.plain[usize::from(has_system)];
        };
        self.first_broken(turns.map(|turn| {
            let (role, calls) = role_of(turn.value(Detail::Is.slot()));
            let tool_calls = turn.value(Detail::ToolCalls.slot());
            Turn {
                role,
                content: turn.value(Detail::Content.slot()),
                weight: turn.value(Detail::Weight.slot()),
                calls: calls || tool_calls.absence().is_none(),
                tool_calls,
                answers: turn.value(Detail::ToolCallId.slot()),
            }
        }))
    }

    fn first_broken<'a>(&self, turns: impl Iterator<Item = Turn<'a>>) -> Option<&'static str> {
        let mut first = None;
        self.hold(turns, &mut |broken| {
            first.get_or_insert(broken.name);
        });
        first
    }

    /// Holds a conversation against the rules, and tells all that it breaks.
    pub(crate) fn hold<'a>(
        &self,
        turns: impl Iterator<Item = Turn<'a>>,
        tell: &mut impl FnMut(Broken),
    ) {
        let mut so_far = SoFar::default();
        let mut turns = turns.peekable();
        while let Some(turn) = turns.next() {
            so_far.place += 1;
            self.in_order(&turn, &mut so_far, tell);
            self.by_itself(&turn, so_far.place, tell);
            self.answered(&turn, &mut so_far, tell);
            if turn.calls || turn.role == "tool" {
                self.of_calls(&turn, so_far.place, turns.peek().is_none(), tell);
            }
        }
        self.as_a_whole(&so_far, tell);
    }

    /// What depends on the turns before.
    fn in_order(&self, turn: &Turn<'_>, so_far: &mut SoFar, tell: &mut impl FnMut(Broken)) {
        let mut broken = |name: Option<&'static str>, what| {
            if let Some(name) = name {
                tell(Broken { name, turn: Some(so_far.place), what });
            }
        };
        if let Some(place) = ROLES.iter().position(|role| *role == turn.role) {
            so_far.spoke |= 1 << place;
        }
        if let Some((after, name)) = &self.after
            && let Some(next) = after.get(so_far.before)
            && !next.iter().any(|role| role == turn.role)
        {
            broken(Some(name), "is of a role that may not follow the turn before");
        }
        if turn.role == "system" {
            so_far.systems += 1;
            if so_far.systems > 1 {
                broken(self.one_system, "is a second system message");
            }
            if so_far.turns == 0 {
                so_far.before = turn.role;
                return;
            }
            broken(self.system_first, "is a system message after others");
        }
        if let Some((_, name)) = self.first.as_ref().filter(|(role, _)| role != turn.role)
            && so_far.turns == 0
        {
            broken(Some(name), "is not of the role that the first turn must be of");
        }
        // Several tools may answer the calls of one turn.
        if so_far.turns > 0 && so_far.before == turn.role && turn.role != "tool" {
            broken(self.alternate, "is of the same role as the turn before");
        }
        so_far.turns += 1;
        so_far.before = turn.role;
    }

    fn by_itself(&self, turn: &Turn<'_>, place: usize, tell: &mut impl FnMut(Broken)) {
        let mut broken = |name, what| tell(Broken { name, turn: Some(place), what });
        if let Some((roles, name)) = &self.roles
            && !roles.iter().any(|role| role == turn.role)
        {
            broken(*name, "is of a role that there may not be");
        }
        if let Some(name) = self.content
            && !turn.calls
            && turn.content.absence().is_some()
        {
            broken(name, "says nothing");
        }
        let has_weight = !matches!(turn.weight, Value::Missing | Value::Null);
        if let Some((roles, name)) = self.weight.as_ref().filter(|_| has_weight) {
            if !roles.iter().any(|role| role == turn.role) {
                broken(*name, "is of a role that has no weight");
            } else if !matches!(turn.weight, Value::Json(b"0" | b"1")) {
                broken(*name, "has a weight that is neither 0 nor 1");
            }
        }
    }

    /// Whether all calls are answered, and nothing else is (mistral-common,
    /// `_validate_tool_calls_followed_by_tool_messages`).
    fn answered(&self, turn: &Turn<'_>, so_far: &mut SoFar, tell: &mut impl FnMut(Broken)) {
        let Some(name) = self.calls_answered else { return };
        if turn.role == "tool" && so_far.waiting > 0 {
            so_far.waiting -= 1;
        } else if turn.role == "tool" {
            so_far.unasked += 1;
        }
        if turn.role == "assistant" {
            if so_far.waiting + so_far.unasked > 0 {
                let what = "comes after calls of tools that have more answers or fewer";
                tell(Broken { name, turn: Some(so_far.place), what });
            }
            (so_far.waiting, so_far.unasked) = (calls::calls_in(turn.tool_calls), 0);
        }
    }

    /// What depends on calls of tools, and the answers to them.
    fn of_calls(
        &self,
        turn: &Turn<'_>,
        place: usize,
        is_last: bool,
        tell: &mut impl FnMut(Broken),
    ) {
        let mut broken = |name, what| tell(Broken { name, turn: Some(place), what });
        if let Some(name) = self.calls_alone
            && turn.tool_calls.absence().is_none()
            && turn.content.absence().is_none()
        {
            broken(name, "says something beside its calls");
        }
        if let Some(name) = self.calls_as_text
            && !calls::are_as_text(turn.tool_calls)
        {
            broken(name, "calls with arguments that are no text");
        }
        if let Some((chars, name)) = self.call_id_chars
            && !calls::are_of(chars, turn, is_last)
        {
            broken(name, "has an id of a call that has other characters or another length");
        }
    }

    fn as_a_whole(&self, so_far: &SoFar, tell: &mut impl FnMut(Broken)) {
        let mut broken = |name, turn, what| tell(Broken { name, turn, what });
        let spoke = |role: &String| {
            let place = ROLES.iter().position(|known| known == role);
            place.is_some_and(|place| so_far.spoke >> place & 1 == 1)
        };
        if let Some((role, name)) = &self.last
            && (so_far.turns == 0 || so_far.before != role)
        {
            let turn = Some(so_far.place).filter(|_| so_far.turns > 0);
            broken(*name, turn, "is not of the role that the last turn must be of");
        }
        if let Some(name) = self.calls_answered.filter(|_| so_far.unasked > 0) {
            broken(name, None, "a tool answers what was not called");
        }
        if let Some((least, name)) = &self.min_turns
            && so_far.turns < *least
        {
            broken(*name, None, "there are too few turns");
        }
        if let Some((roles, name)) = &self.has
            && !roles.iter().all(spoke)
        {
            broken(*name, None, "there is no turn of a role that must speak");
        }
    }

    /// The name of the rule that a text breaks by what it holds.
    pub(crate) fn forbids(&self, text: Text<'_>) -> Option<&'static str> {
        let (forbidden, name) = self.forbidden.as_ref()?;
        forbidden.are_in(text).then_some(*name)
    }

    /// The name of the rule that a row of JSON breaks by being long.
    pub(crate) fn is_too_long(&self, row: &[u8]) -> Option<&'static str> {
        let (most, name) = self.max_row_chars.as_ref()?;
        // A character takes a byte or more, so most rows need not be looked at.
        (row.len() as u64 > *most && chars_of_texts(row) > *most).then_some(*name)
    }

    fn holds_forbidden(&self, record: &Record<'_>) -> Option<&'static str> {
        self.forbidden.as_ref()?;
        let holds = |value| if let Value::Text(text) = value { self.forbids(text) } else { None };
        let texts = self.texts.iter().map(|slot| record.value(*slot));
        let turns = record.list(List::Messages).into_iter().flatten();
        let held =
            texts.chain(turns.map(|turn| turn.value(Detail::Content.slot()))).find_map(holds);
        held.or_else(|| {
            self.given.filter(|_| !self.own_system.is_some_and(|slot| record.is_there(slot)))
        })
    }

    /// Whether the row is too long, which is known only once it is written, unless its record is short.
    fn is_long(&self, shape: &Shape, record: &Record<'_>) -> Option<&'static str> {
        let (most, _) = self.max_row_chars.as_ref()?;
        if shape.most_characters(record) as u64 <= *most {
            return None;
        }
        let mut row = Vec::new();
        // Where memory runs out, it does so again when the row is put where it belongs.
        shape.write(record, &mut row).ok()?;
        self.is_too_long(&row)
    }
}

/// Who speaks, and whether to call tools.
fn role_of(value: Value<'_>) -> (&'static str, bool) {
    let Value::Text(text) = value else { return ("", false) };
    let named = ROLES.iter().chain([&CALLS]).find(|role| text.is(role));
    speaker(named.copied().unwrap_or_default())
}

/// The role of whoever speaks in a turn of a name, and whether to call tools.
pub(crate) fn speaker(name: &'static str) -> (&'static str, bool) {
    if name == CALLS { ("assistant", true) } else { (name, false) }
}

fn slots_of_texts(fields: &[Field]) -> Vec<usize> {
    let is_text = |field: &Field| {
        matches!(field, Field::Instruction | Field::CotAnswer | Field::Question | Field::System)
    };
    (0..fields.len()).filter(|&slot| is_text(&fields[slot])).collect()
}

/// The characters in the strings of a row, its keys not counted, as they read and not as they are
/// escaped.
fn chars_of_texts(row: &[u8]) -> u64 {
    let mut count = 0;
    let mut walk = Walk::new(row);
    let mut closing = Vec::new();
    loop {
        match walk.value() {
            Some(Token::Text(raw)) => count += Text::Escaped(raw).to_plain().chars().count() as u64,
            Some(Token::List) => closing.push(b']'),
            Some(Token::Object) => closing.push(b'}'),
            Some(_) => {}
            None => return count,
        }
        while let Some(&close) = closing.last() {
            match walk.more(close) {
                Some(true) if close == b'}' => {
                    walk.key();
                    break;
                }
                Some(true) => break,
                _ => drop(closing.pop()),
            }
        }
        if closing.is_empty() {
            return count;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn characters_are_counted_as_they_read() {
        let rows: [(&[u8], u64); 5] = [
            (br#"{"a": "xyz"}"#, 3),
            (br#"{"key": ["\u00fc", {"b": "\n\""}], "c": 12, "d": null}"#, 3),
            ("{\"a\":\"\u{fc}\u{1f600}\"}\n".as_bytes(), 2),
            (b"{}", 0),
            (br#"{"a": [], "b": {"c": "d"}, "e": "f"}"#, 2),
        ];
        for (row, expected) in rows {
            assert_eq!(chars_of_texts(row), expected, "{}", row.escape_ascii());
        }
    }
}
