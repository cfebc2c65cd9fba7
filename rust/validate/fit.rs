//! A row held against the pattern of its target: what does not fit, and who says what in it.

use std::borrow::Cow;
use std::fmt::Write as _;

use super::pattern::{Member, Pattern, Says};
use super::{Names, Problem};
use crate::checker::{Turn, speaker};
use crate::entries::Detail;
use crate::printable::cut;
use crate::text::Text;
use crate::value::Value;
use crate::walk::{Walk, decoded, elements};

/// Characters of a value that are told.
const TOLD: usize = 40;

/// What has been found in a row so far.
pub(super) struct Fit<'a, 'n> {
    names: &'n Names,
    place: Vec<Step<'a>>,
    pub problems: Vec<Problem>,
    pub turns: Vec<Turn<'a>>,
    /// Whether it is known who says what: if not, it cannot be held against rules about turns.
    pub is_plain: bool,
    /// What is said, by whomever.
    pub texts: Vec<Text<'a>>,
}

/// A step from a value to one inside of it.
enum Step<'a> {
    Key(Cow<'a, str>),
    Index(usize),
}

/// The members of an object as they stand in a row.
type Members<'a> = Vec<(Cow<'a, str>, &'a [u8])>;

/// The turn that an object is.
struct Open<'a> {
    role: &'static str,
    has_role: bool,
    content: Value<'a>,
    calls: bool,
}

impl Open<'_> {
    fn new(calls: bool) -> Self {
        Self { role: "", has_role: false, content: Value::Missing, calls }
    }
}

impl<'a, 'n> Fit<'a, 'n> {
    pub(super) fn new(names: &'n Names) -> Self {
        Self {
            names,
            place: Vec::new(),
            problems: Vec::new(),
            turns: Vec::new(),
            is_plain: true,
            texts: Vec::new(),
        }
    }

    /// Holds a value against a pattern.
    pub(super) fn value(&mut self, pattern: &Pattern, raw: &'a [u8]) {
        self.fit(pattern, raw, &mut None);
    }

    /// Long, because each pair of a pattern and a value that fit has its line.
    fn fit(&mut self, pattern: &Pattern, raw: &'a [u8], turn: &mut Option<Open<'a>>) {
        let value = Value::of(raw);
        match (pattern, value) {
            (Pattern::Object { members, is_turn }, Value::Json([b'{', ..])) => {
                if *is_turn {
                    self.turn(members, raw);
                } else {
                    self.object(members, raw, turn);
                }
            }
            (Pattern::Tuple(patterns), Value::Json([b'[', ..])) => {
                self.tuple(patterns, raw, turn);
            }
            (Pattern::Parts(part), Value::Json([b'[', ..])) => self.several(part, raw, turn),
            (Pattern::List { of, is_needed }, Value::Json([b'[', ..])) => {
                self.list(of, *is_needed, raw, turn);
            }
            (Pattern::Text { says, is_needed }, Value::Text(text)) => {
                self.text(*says, *is_needed, text, turn);
            }
            (Pattern::Text { says: Says::Content, .. }, Value::Json([b'[', ..]))
                if self.names.parts =>
            {
                self.parts(raw, turn);
            }
            (Pattern::Text { says: Says::Content, .. }, Value::Null) if turn.is_some() => {
                if let Some(turn) = turn {
                    turn.content = Value::Null;
                }
            }
            (Pattern::Exactly(text), Value::Text(found)) if found.is(text) => {}
            (Pattern::Exactly(text), Value::Text(found)) => {
                let found = told(found);
                self.problem(self.names.wrong_value, &format!("is {found}, not \"{text}\""));
            }
            (
                Pattern::Text { is_needed: false, .. }
                | Pattern::List { is_needed: false, .. }
                | Pattern::Null,
                Value::Null,
            )
            | (Pattern::Boolean, Value::Json([b't' | b'f', ..]))
            | (Pattern::Number, Value::Json([b'-' | b'0'..=b'9', ..]))
            | (Pattern::Record, Value::Json([b'{', ..]))
            | (Pattern::Anything, _) => {}
            _ => {
                if let (Pattern::Text { says: Says::Content, .. }, Some(turn)) = (pattern, turn) {
                    turn.content = value;
                }
                let what = format!("is {}, not {}", value.type_name(), expected(pattern));
                self.problem(self.names.wrong_type, &what);
            }
        }
    }

    /// Holds a value against several patterns, one of which it should fit.
    fn any(&mut self, of: &[Pattern], raw: &'a [u8], turn: &mut Option<Open<'a>>) {
        if let [only] = of {
            return self.fit(only, raw, turn);
        }
        let marks = (self.problems.len(), self.turns.len(), self.texts.len());
        let was_plain = self.is_plain;
        for pattern in of {
            self.fit(pattern, raw, turn);
            if self.problems.len() == marks.0 {
                return;
            }
            self.problems.truncate(marks.0);
            self.turns.truncate(marks.1);
            self.texts.truncate(marks.2);
            self.is_plain = was_plain;
        }
        if let Some(first) = of.first() {
            self.fit(first, raw, turn);
        }
    }

    fn object(&mut self, members: &[Member], raw: &'a [u8], turn: &mut Option<Open<'a>>) {
        let found = members_of(raw);
        for member in members {
            self.member(member, &found, turn);
        }
        self.refuse_others(members, &found, turn.as_ref());
        self.refuse_together(&found);
    }

    /// An object that says who speaks, and decides by that what else there may be.
    fn turn(&mut self, members: &[Member], raw: &'a [u8]) {
        let found = members_of(raw);
        let calls = is_there(&found, OLDER_CALL);
        let mut turn = Some(Open::new(calls));
        for is_role in [true, false] {
            for member in members.iter().filter(|member| says_role(member) == is_role) {
                self.member(member, &found, &mut turn);
            }
        }
        self.refuse_others(members, &found, turn.as_ref());
        self.refuse_together(&found);
        if let Some(turn) = turn {
            self.close(&turn, members, &found);
        }
    }

    fn member(&mut self, member: &Member, found: &Members<'a>, turn: &mut Option<Open<'a>>) {
        let Some(raw) = raw_of(found, &member.name) else {
            // Whether a turn may do without a content is known at its end.
            if member.is_needed && !(turn.is_some() && says_content(member)) {
                self.missing(&member.name, turn.is_some());
            }
            return;
        };
        if raw == b"null" && !member.is_needed {
            return;
        }
        if let Some(turn) = turn {
            turn.calls |=
                member.detail == Some(Detail::ToolCalls) && Value::of(raw).absence().is_none();
        }
        self.place.push(Step::Key(Cow::Owned(member.name.clone())));
        self.any(&member.of, raw, turn);
        self.place.pop();
    }

    fn missing(&mut self, name: &str, in_turn: bool) {
        let rule = if in_turn { self.names.turn_missing_key } else { self.names.missing_key };
        self.problem(rule, &format!("has no key \"{name}\""));
    }

    /// Refuses keys that the target does not have, if its consumer does.
    fn refuse_others(&mut self, members: &[Member], found: &Members<'a>, turn: Option<&Open<'a>>) {
        let others = if turn.is_some() { self.names.turn_others } else { self.names.others };
        if others {
            return;
        }
        let role = turn.map_or("", |turn| turn.role);
        let is_known = |key: &str| {
            let member = members.iter().find(|member| member.name == key);
            // Who may have a weight is a rule of its own.
            let is_for = |m: &Member| {
                m.detail == Some(Detail::Weight) || m.only.as_ref().is_none_or(|only| only == role)
            };
            let is_member = member.is_some_and(is_for);
            is_member || self.names.other_keys.iter().any(|other| other == key)
        };
        if let Some((key, _)) = found.iter().find(|(key, _)| !is_known(key)) {
            let rule =
                if turn.is_some() { self.names.turn_extra_keys } else { self.names.extra_keys };
            let key = cut(key.as_bytes(), TOLD);
            self.problem(rule, &format!("has a key \"{key}\", which is not taken"));
        }
    }

    /// Refuses keys that the consumer does not take all beside one another.
    fn refuse_together(&mut self, found: &Members<'a>) {
        let (groups, rule) = &self.names.apart;
        for group in groups.iter().filter(|group| group.iter().all(|key| stands(found, key))) {
            let keys = group.join("\", \"");
            self.problem(
                rule,
                &format!("has \"{keys}\" beside one another, which are not all taken"),
            );
        }
    }

    /// Notes a turn that has been seen whole.
    fn close(&mut self, turn: &Open<'a>, members: &[Member], found: &Members<'a>) {
        let Open { role, content, calls, has_role } = *turn;
        let key = members.iter().find(|member| says_content(member));
        match (content, key) {
            _ if calls => {}
            (Value::Missing, Some(key)) => self.missing(&key.name, true),
            _ if content.absence().is_some() => self.problem(self.names.content, "has no content"),
            _ => {}
        }
        let of = |detail: Detail| {
            let member = members.iter().find(|member| member.detail == Some(detail));
            member.map_or(Value::Missing, |member| value_of(found, &member.name))
        };
        if has_role {
            let (weight, tool_calls) = (of(Detail::Weight), of(Detail::ToolCalls));
            let answers = of(Detail::ToolCallId);
            self.turns.push(Turn { role, content, weight, calls, tool_calls, answers });
        }
    }

    fn tuple(&mut self, patterns: &[Pattern], raw: &'a [u8], turn: &mut Option<Open<'a>>) {
        let elements: Vec<_> = elements(raw).collect();
        if elements.len() != patterns.len() {
            let what = format!("has {} elements, not {}", elements.len(), patterns.len());
            return self.problem(self.names.wrong_type, &what);
        }
        for (index, (pattern, element)) in patterns.iter().zip(elements).enumerate() {
            self.place.push(Step::Index(index));
            self.fit(pattern, element, turn);
            self.place.pop();
        }
    }

    fn list(
        &mut self,
        of: &[Pattern],
        is_needed: bool,
        raw: &'a [u8],
        turn: &mut Option<Open<'a>>,
    ) {
        let elements: Vec<_> = elements(raw).collect();
        if elements.is_empty() && is_needed {
            self.problem(self.names.missing_key, "is empty");
        }
        for (index, element) in elements.into_iter().enumerate() {
            self.place.push(Step::Index(index));
            self.any(of, element, turn);
            self.place.pop();
        }
    }

    fn text(&mut self, says: Says, is_needed: bool, text: Text<'a>, turn: &mut Option<Open<'a>>) {
        match (says, turn) {
            (Says::Role, Some(turn)) => {
                turn.has_role = true;
                let (role, calls) = speaker(self.role(text));
                turn.role = role;
                turn.calls |= calls;
            }
            (Says::Content, Some(turn)) => {
                turn.content = Value::Text(text);
                self.texts.push(text);
            }
            (Says::User, _) => self.says("user", text),
            (Says::Assistant, _) => self.says("assistant", text),
            _ => {
                if is_needed && says != Says::Made && text.is_empty() {
                    self.problem(self.names.content, "is empty");
                }
                self.texts.push(text);
            }
        }
    }

    fn role(&mut self, text: Text<'a>) -> &'static str {
        let known = self.names.roles.iter().find(|(name, _)| text.is(name));
        known.map_or_else(
            || {
                self.problem(self.names.unknown_role, &format!("is {}", told(text)));
                ""
            },
            |(_, role)| *role,
        )
    }

    /// Notes what somebody says at a place of their own.
    fn says(&mut self, role: &'static str, text: Text<'a>) {
        if text.is_empty() {
            self.problem(self.names.content, "is empty");
        }
        self.texts.push(text);
        self.turns.push(Turn::saying(role, Value::Text(text)));
    }

    /// A content in parts, each of which is a text or of a kind that whoever speaks may use.
    fn several(&mut self, part: &Pattern, raw: &'a [u8], turn: &mut Option<Open<'a>>) {
        let role = turn.as_ref().map_or("", |turn| turn.role);
        let others = self.names.other_parts.get(role).map_or(&[][..], Vec::as_slice);
        let mut says = false;
        for (index, element) in elements(raw).enumerate() {
            let found = members_of(element);
            self.place.push(Step::Index(index));
            let before = self.problems.len();
            says |= others.iter().any(|key| is_there(&found, key)) || self.says_part(part, element);
            if self.problems.len() == before {
                self.refuse_parts_of_others(role, &found);
            }
            self.place.pop();
        }
        if let Some(turn) = turn.as_mut().filter(|_| says) {
            turn.content = Value::Json(raw);
        }
    }

    /// Refuses a part that is not for whoever speaks.
    fn refuse_parts_of_others(&mut self, role: &str, found: &Members<'a>) {
        let parts = &self.names.other_parts;
        let is_own = |key: &String| parts.get(role).is_some_and(|own| own.contains(key));
        let mut others = parts.values().flatten().filter(|key| !is_own(key));
        if let Some(key) = others.find(|key| stands(found, key)) {
            self.problem(
                self.names.wrong_type,
                &format!("has a key \"{key}\", which is not taken"),
            );
        }
    }

    /// Holds a part against what texts are; whether it says something, or nobody can tell.
    fn says_part(&mut self, part: &Pattern, raw: &'a [u8]) -> bool {
        let before = self.problems.len();
        self.fit(part, raw, &mut Some(Open::new(false)));
        let Pattern::Object { members, .. } = part else { return true };
        if self.problems.len() > before {
            return true;
        }
        let found = members_of(raw);
        let mut texts = members.iter().filter_map(|member| match value_of(&found, &member.name) {
            Value::Text(text) => Some(text),
            _ => None,
        });
        let Some(text) = texts.next() else {
            self.problem(self.names.missing_key, "has no text");
            return true;
        };
        !text.is_empty()
    }

    /// A content in parts, each an object that says what it is.
    fn parts(&mut self, raw: &'a [u8], turn: &mut Option<Open<'a>>) {
        for (index, part) in elements(raw).enumerate() {
            let members = if part.starts_with(b"{") { members_of(part) } else { Vec::new() };
            match (value_of(&members, "type"), value_of(&members, "text")) {
                (Value::Text(kind), Value::Text(text)) if kind.is("text") => self.texts.push(text),
                (Value::Text(kind), Value::Missing) if !kind.is("text") => {}
                _ => {
                    self.place.push(Step::Index(index));
                    self.problem(self.names.wrong_type, "is no part of a content");
                    self.place.pop();
                }
            }
        }
        if let Some(turn) = turn {
            turn.content = Value::Json(raw);
        }
    }

    /// Notes what does not fit, at the place that is being looked at.
    fn problem(&mut self, rule: &'static str, what: &str) {
        let mut place = String::new();
        for step in &self.place {
            let _ = match step {
                Step::Key(key) if place.is_empty() => write!(place, "{key}"),
                Step::Key(key) => write!(place, ".{key}"),
                Step::Index(index) => write!(place, "[{index}]"),
            };
        }
        let place = if place.is_empty() { "the row" } else { &place };
        self.is_plain &= rule == self.names.content || self.names.is_extra(rule);
        self.problems.push(Problem { rule, message: format!("{place} {what}") });
    }
}

/// What a call was called before there were tools; older rows still have it.
const OLDER_CALL: &str = "function_call";

fn is_there(members: &Members<'_>, name: &str) -> bool {
    value_of(members, name).absence().is_none()
}

/// Whether a key is there and not null.
fn stands(members: &Members<'_>, name: &str) -> bool {
    raw_of(members, name).is_some_and(|raw| raw != b"null")
}

fn says_role(member: &Member) -> bool {
    member.of.iter().any(|of| matches!(of, Pattern::Text { says: Says::Role, .. }))
}

fn says_content(member: &Member) -> bool {
    member.of.iter().any(|of| matches!(of, Pattern::Text { says: Says::Content, .. }))
}

fn expected(pattern: &Pattern) -> &'static str {
    match pattern {
        Pattern::Object { .. } | Pattern::Record => "an object",
        Pattern::Tuple(_) | Pattern::Parts(_) | Pattern::List { .. } => "an array",
        Pattern::Text { .. } | Pattern::Exactly(_) => "a string",
        Pattern::Boolean => "a boolean",
        Pattern::Number => "a number",
        Pattern::Null => "null",
        Pattern::Anything => "anything",
    }
}

/// A text for a message.
fn told(text: Text<'_>) -> String {
    format!("\"{}\"", cut(text.to_plain().as_bytes(), TOLD))
}

/// The members of an object, in order.
fn members_of(raw: &[u8]) -> Members<'_> {
    let mut members = Vec::new();
    let mut walk = Walk::new(raw);
    walk.value();
    while walk.more(b'}') == Some(true) {
        let (Some(key), Some(value)) = (walk.key().and_then(decoded), walk.whole()) else { break };
        members.push((key, value));
    }
    members
}

/// The last member of a name, as everything that reads JSON takes it.
fn raw_of<'a>(members: &Members<'a>, name: &str) -> Option<&'a [u8]> {
    members.iter().rfind(|(key, _)| key == name).map(|(_, raw)| *raw)
}

fn value_of<'a>(members: &Members<'a>, name: &str) -> Value<'a> {
    raw_of(members, name).map_or(Value::Missing, Value::of)
}
