//! What can go wrong: a kind, and where.
//!
//! A [`Fault`] is what a scanner or a record says of one line: small, an offset and nothing else. The
//! engine turns it into an [`Error`] once, with the file, the line number and a piece of the text,
//! because only the engine knows them.

use std::any::Any;
use std::fmt;
use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use crate::printable::{cut, printable};

/// What is wrong with one line of the input.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum FaultKind {
    /// The grammar of RFC 8259 asks for something else here.
    Syntax {
        /// What would have been right, in words.
        expected: &'static str,
    },
    /// A backslash followed by something that JSON does not know.
    InvalidEscape,
    /// Bytes that are not UTF-8.
    InvalidUtf8,
    /// A byte below 0x20 inside a string.
    ControlCharacter,
    /// `\ud800` to `\udfff` without its other half.
    LoneSurrogate,
    /// `NaN` or `Infinity`, which Python writes and JSON does not know.
    NotANumber,
    /// Too many arrays and objects inside one another.
    TooDeep {
        /// How many there may be.
        limit: usize,
    },
    /// A JSON value that is not a record.
    NotAnObject,
    /// The line ends before the record does.
    CutOff,
    /// Something follows the record on its line.
    TrailingData,
    /// A line longer than the limit.
    RecordTooLong {
        /// The limit in bytes.
        limit: usize,
    },
    /// A field that the target uses holds another type than it should.
    WrongType {
        /// The field.
        field: &'static str,
        /// What it should hold.
        expected: &'static str,
        /// The type that was found.
        found: &'static str,
    },
    /// A record of no dialect that is read.
    Dialect {
        /// The one that was asked for, or `auto`.
        dialect: &'static str,
    },
    /// A turn of a conversation that cannot be read.
    Turn {
        /// Its place, from 1.
        turn: usize,
        /// What is wrong with it.
        what: &'static str,
    },
    /// A conversation of several answers for a target that takes one.
    ManyTurns {
        /// How many there are.
        answers: usize,
    },
    /// A conversation that its template does not take.
    Template {
        /// What the template says, which may be of the record.
        what: Arc<str>,
    },
    /// A row that breaks a rule of its consumer.
    Rule {
        /// The consumer's name for it.
        rule: &'static str,
    },
    /// Something that the target has no place for.
    Unfit {
        /// What it is.
        what: &'static str,
    },
}

impl FaultKind {
    /// All names, in the order of the kinds.
    pub const NAMES: &[&str] = &[
        "syntax",
        "invalid-escape",
        "invalid-utf8",
        "control-character",
        "lone-surrogate",
        "not-a-number",
        "too-deep",
        "not-an-object",
        "cut-off",
        "trailing-data",
        "record-too-long",
        "wrong-type",
        "unknown-dialect",
        "bad-turn",
        "many-turns",
        "unfit",
        "rule",
        "template",
    ];

    /// The stable name, under which the ledger counts rejected records.
    #[must_use]
    pub fn name(&self) -> &'static str {
        match self {
            Self::Syntax { .. } => "syntax",
            Self::InvalidEscape => "invalid-escape",
            Self::InvalidUtf8 => "invalid-utf8",
            Self::ControlCharacter => "control-character",
            Self::LoneSurrogate => "lone-surrogate",
            Self::NotANumber => "not-a-number",
            Self::TooDeep { .. } => "too-deep",
            Self::NotAnObject => "not-an-object",
            Self::CutOff => "cut-off",
            Self::TrailingData => "trailing-data",
            Self::RecordTooLong { .. } => "record-too-long",
            Self::WrongType { .. } => "wrong-type",
            Self::Dialect { .. } => "unknown-dialect",
            Self::Turn { .. } => "bad-turn",
            Self::ManyTurns { .. } => "many-turns",
            Self::Unfit { .. } => "unfit",
            Self::Rule { .. } => "rule",
            Self::Template { .. } => "template",
        }
    }
}

impl fmt::Display for FaultKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Syntax { expected } => write!(f, "expected {expected}"),
            Self::InvalidEscape => f.write_str("invalid escape in a string"),
            Self::InvalidUtf8 => f.write_str("invalid UTF-8 in a string"),
            Self::ControlCharacter => f.write_str("unescaped control character in a string"),
            Self::LoneSurrogate => f.write_str("surrogate escape without its other half"),
            Self::NotANumber => f.write_str("NaN and Infinity are not JSON"),
            Self::TooDeep { limit } => write!(f, "nested deeper than {limit} levels"),
            Self::NotAnObject => f.write_str("a record must be a JSON object"),
            Self::CutOff => f.write_str("the line ends inside the record"),
            Self::TrailingData => f.write_str("something follows the record on its line"),
            Self::RecordTooLong { limit } => {
                write!(f, "record longer than {limit} bytes (raise --max-record-bytes to take it)")
            }
            Self::WrongType { field, expected, found } => {
                write!(f, "field '{field}' must be {expected}, found {found}")
            }
            Self::Dialect { dialect: "auto" } => {
                f.write_str("a record of no known dialect (raftfast dialects lists those that are)")
            }
            Self::Dialect { dialect } => write!(f, "not a record of the dialect {dialect}"),
            Self::Turn { turn, what } => write!(f, "turn {turn} {what}"),
            Self::ManyTurns { answers } => write!(
                f,
                "{answers} answers in a conversation, and the target takes one (pass --turns last, or each)"
            ),
            Self::Template { what } => write!(f, "the template does not take it: {what}"),
            Self::Rule { rule } => write!(f, "the row breaks a rule of its consumer: {rule}"),
            Self::Unfit { what } => write!(f, "the target has no place for {what}"),
        }
    }
}

/// What is wrong with a line, and at which byte of the buffer that holds it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fault {
    /// What is wrong.
    pub kind: FaultKind,
    /// The offending byte, counted from the start of the buffer's content.
    pub offset: usize,
}

/// The reason why a run ended, with its place in the input where there is one.
#[derive(Debug)]
pub struct Error(Box<Inner>);

#[derive(Debug)]
struct Inner {
    kind: ErrorKind,
    place: Option<Place>,
}

/// Where in which input.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Place {
    /// The input, as the caller named it.
    pub path: String,
    /// The line, from 1.
    pub line: u64,
    /// The byte, from 0.
    pub offset: u64,
    /// The text around the byte, cut and without control characters.
    pub snippet: String,
}

/// The kinds of [`Error`].
#[derive(Debug)]
#[non_exhaustive]
pub enum ErrorKind {
    /// The operating system refused; the text names the file.
    Io {
        /// The file, as the caller named it.
        path: String,
        /// What it said.
        source: io::Error,
    },
    /// A malformed record.
    Data(FaultKind),
    /// A row of a table that is no record.
    Row {
        /// The input, as the caller named it.
        path: String,
        /// The row, from 1.
        row: u64,
        /// What is wrong with it.
        fault: FaultKind,
    },
    /// A field that the target uses is in none of the records.
    MissingField {
        /// The field.
        field: &'static str,
        /// The keys of a record in which it is missing.
        keys: Vec<String>,
    },
    /// A column that the target uses holds another type than it should.
    ColumnType {
        /// The input, as the caller named it.
        path: String,
        /// The column.
        column: String,
        /// What it should hold.
        expected: &'static str,
        /// The Arrow type that was found.
        found: String,
    },
    /// An input that is not what its format promises: cut, corrupt, or made to harm.
    Broken {
        /// The input, as the caller named it.
        path: String,
        /// What is wrong with it, in one line.
        what: String,
    },
    /// A key whose values no column holds together: arrays, objects and scalars do not mix.
    MixedTypes {
        /// The key, with those of the objects around it.
        key: String,
        /// Two types that were found, and where each was first found, as far as that is known.
        found: [(&'static str, String); 2],
    },
    /// A key with a character that ends the names of columns where Arrow is handed over.
    NulInKey {
        /// The key, with those of the objects around it.
        key: String,
    },
    /// Records with so many different keys that they cannot be columns.
    TooManyKeys {
        /// How many there may be.
        limit: usize,
    },
    /// Records nested too deep for columns.
    TooNested {
        /// How many arrays and objects may stand inside one another.
        limit: usize,
        /// The input, or nothing.
        path: String,
        /// The line, or 0 if it is not known.
        line: u64,
    },
    /// A record that the columns are not for, which were decided when the records were surveyed.
    SchemaMismatch {
        /// The key, with those of the objects around it.
        key: String,
        /// What the column is for.
        expected: String,
        /// What was found.
        found: &'static str,
    },
    /// A file changed while it was read.
    InputChanged {
        /// The file.
        path: String,
    },
    /// The call is wrong: an unknown target, option or placeholder.
    Usage(String),
    /// The caller asked to stop.
    Cancelled,
    /// Memory ran out.
    OutOfMemory,
    /// A defect of raftfast.
    Internal(String),
}

impl Error {
    /// An error of the operating system about a file.
    #[must_use]
    pub fn io(path: impl Into<String>, source: io::Error) -> Self {
        let path = path.into();
        Self::from(ErrorKind::Io { path, source })
    }

    /// A wrong call, told in one line.
    #[must_use]
    pub fn usage(message: impl Into<String>) -> Self {
        Self::from(ErrorKind::Usage(message.into()))
    }

    /// A call that names one of a kind that there is none of.
    ///
    /// ```
    /// use raftfast::error::Error;
    ///
    /// let error = Error::unknown("target", "chta", &["chat", "hf"]).to_string();
    /// assert_eq!(error, "no target 'chta' (did you mean chat?); there are chat, hf");
    /// ```
    #[must_use]
    pub fn unknown(what: &str, name: &str, known: &[&str]) -> Self {
        let hint =
            nearest(name, known).map_or_else(String::new, |one| format!(" (did you mean {one}?)"));
        Self::usage(format!("no {what} '{name}'{hint}; there are {}", known.join(", ")))
    }

    /// A malformed record and its place.
    #[must_use]
    pub fn data(kind: FaultKind, place: Place) -> Self {
        Self(Box::new(Inner { kind: ErrorKind::Data(kind), place: Some(place) }))
    }

    /// With the line of a block that it is about, if it says one.
    pub(crate) fn in_line(mut self, place: u64) -> Self {
        if let ErrorKind::TooNested { line, .. } = &mut self.0.kind {
            *line = place;
        }
        self
    }

    /// With the input of that block, before which there are so many `lines`.
    pub(crate) fn in_input(mut self, name: &str, lines: u64) -> Self {
        if let ErrorKind::TooNested { path, line, .. } = &mut self.0.kind {
            name.clone_into(path);
            *line += lines;
        }
        self
    }

    /// The kind of the error.
    #[must_use]
    pub fn kind(&self) -> &ErrorKind {
        &self.0.kind
    }

    /// Where it is, for malformed records.
    #[must_use]
    pub fn place(&self) -> Option<&Place> {
        self.0.place.as_ref()
    }

    /// The input that is to blame, as the caller named it, if one is.
    #[must_use]
    pub fn path(&self) -> Option<&str> {
        match &self.0.kind {
            ErrorKind::Io { path, .. }
            | ErrorKind::InputChanged { path }
            | ErrorKind::ColumnType { path, .. }
            | ErrorKind::Row { path, .. }
            | ErrorKind::Broken { path, .. } => Some(path),
            ErrorKind::TooNested { path, .. } => {
                Some(path.as_str()).filter(|path| !path.is_empty())
            }
            _ => self.place().map(|place| place.path.as_str()),
        }
    }

    /// The line that is to blame, from 1, if one is and it is known.
    #[must_use]
    pub fn line(&self) -> Option<u64> {
        match self.0.kind {
            ErrorKind::TooNested { line, .. } => Some(line).filter(|line| *line > 0),
            _ => self.place().map(|place| place.line),
        }
    }

    /// The row of columns that is to blame, from 1, if one is.
    #[must_use]
    pub fn row(&self) -> Option<u64> {
        match self.0.kind {
            ErrorKind::Row { row, .. } => Some(row),
            _ => None,
        }
    }

    /// The stable name of the kind, for programs.
    #[must_use]
    pub fn name(&self) -> &'static str {
        match &self.0.kind {
            ErrorKind::Io { .. } => "io",
            ErrorKind::Data(kind) | ErrorKind::Row { fault: kind, .. } => kind.name(),
            ErrorKind::MissingField { .. } => "missing-field",
            ErrorKind::ColumnType { .. } => "wrong-type",
            ErrorKind::Broken { .. } => "broken-input",
            ErrorKind::MixedTypes { .. } => "mixed-types",
            ErrorKind::NulInKey { .. } => "nul-in-key",
            ErrorKind::TooManyKeys { .. } => "too-many-keys",
            ErrorKind::TooNested { .. } => "too-deep",
            ErrorKind::SchemaMismatch { .. } => "schema-mismatch",
            ErrorKind::InputChanged { .. } => "input-changed",
            ErrorKind::Usage(_) => "usage",
            ErrorKind::Cancelled => "cancelled",
            ErrorKind::OutOfMemory => "out-of-memory",
            ErrorKind::Internal(_) => "internal",
        }
    }
}

impl From<ErrorKind> for Error {
    fn from(kind: ErrorKind) -> Self {
        Self(Box::new(Inner { kind, place: None }))
    }
}

impl From<std::collections::TryReserveError> for Error {
    fn from(_: std::collections::TryReserveError) -> Self {
        Self::from(ErrorKind::OutOfMemory)
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0.place {
            Some(place) => write!(
                f,
                "{}: line {}, byte {}: {}, near `{}`",
                printable(place.path.as_bytes()),
                place.line,
                place.offset,
                self.0.kind,
                place.snippet
            ),
            None => self.0.kind.fmt(f),
        }
    }
}

impl fmt::Display for ErrorKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Io { path, source } => write!(f, "{}: {source}", printable(path.as_bytes())),
            Self::Data(kind) => kind.fmt(f),
            Self::Row { path, row, fault } => {
                write!(f, "{}: row {row}: {fault}", printable(path.as_bytes()))
            }
            Self::MissingField { field, keys } => {
                write!(f, "no record has the field '{field}'; {}", told(keys))
            }
            Self::ColumnType { path, column, expected, found } => {
                let (path, column) = (printable(path.as_bytes()), cut(column.as_bytes(), NAME));
                write!(f, "{path}: column '{column}' must hold {expected}, found {found}")
            }
            Self::Broken { path, what } => {
                write!(f, "{}: {}", printable(path.as_bytes()), cut(what.as_bytes(), WHAT))
            }
            Self::MixedTypes { key, found: [one, other] } => write!(
                f,
                "field '{}' holds {} and {}, which no column holds together; write JSON Lines instead",
                cut(key.as_bytes(), NAME),
                seen(one),
                seen(other)
            ),
            Self::NulInKey { key } => write!(
                f,
                "field '{}' has U+0000 in its name, where names of columns end; write JSON Lines \
                 instead",
                cut(key.as_bytes(), NAME)
            ),
            Self::TooManyKeys { limit } => write!(
                f,
                "the records have more than {limit} different keys, too many for columns: data was \
                 used for keys; write JSON Lines instead"
            ),
            Self::TooNested { limit, path, line } => write!(
                f,
                "{}{}records nested deeper than {limit} levels cannot be columns; write JSON Lines \
                 instead",
                if path.is_empty() { String::new() } else { printable(path.as_bytes()) + ": " },
                if *line == 0 { String::new() } else { format!("line {line}: ") }
            ),
            Self::SchemaMismatch { key, expected, found } => write!(
                f,
                "field '{}' is {found}, where the survey of the records has {expected}; has the \
                 input changed since?",
                cut(key.as_bytes(), NAME)
            ),
            Self::InputChanged { path } => {
                write!(f, "{}: changed while it was being read", printable(path.as_bytes()))
            }
            Self::Usage(message) => f.write_str(&printable(message.as_bytes())),
            Self::Cancelled => f.write_str("cancelled"),
            Self::OutOfMemory => f.write_str("out of memory"),
            Self::Internal(message) => write!(f, "internal error: {message}"),
        }
    }
}

/// Characters of a key, with those around it, or of a column that a message shows.
const NAME: usize = 200;

/// Characters of what is wrong with an input, which may quote it.
const WHAT: usize = 300;

/// A type and where it was found.
fn seen((what, place): &(&str, String)) -> String {
    if place.is_empty() {
        (*what).to_owned()
    } else {
        format!("{what} ({})", printable(place.as_bytes()))
    }
}

/// The keys of a record, for people.
fn told(keys: &[String]) -> String {
    const KEY: usize = 40;
    let keys: Vec<_> = keys.iter().map(|key| cut(key.as_bytes(), KEY)).collect();
    if keys.is_empty() {
        return "the records have no keys at all".to_owned();
    }
    format!("the keys seen are: {}", keys.join(", "))
}

impl std::error::Error for Error {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match &self.0.kind {
            ErrorKind::Io { source, .. } => Some(source),
            _ => None,
        }
    }
}

/// Does some work for a caller who is not in Rust: a panic, which is a defect of raftfast, is an error as
/// any other to them.
///
/// ```
/// use raftfast::error::caught;
///
/// let error = caught(|| Ok([1][[1].len()])).unwrap_err().to_string();
/// assert!(error.starts_with("internal error: panicked: index out of bounds"), "{error}");
/// ```
///
/// # Errors
///
/// Those of the work, or an internal one that says what the panic did.
pub fn caught<T>(work: impl FnOnce() -> Result<T, Error>) -> Result<T, Error> {
    // What the work was about is given up with it.
    catch_unwind(AssertUnwindSafe(work)).unwrap_or_else(|panic| Err(panicked(&*panic)))
}

/// The one that a name may have been meant for: half of its letters or fewer would have to change.
fn nearest<'a>(name: &str, known: &[&'a str]) -> Option<&'a str> {
    let name = name.to_lowercase();
    let changed = |one: &&&str| strsim::damerau_levenshtein(&name, one);
    let one = known.iter().min_by_key(changed)?;
    (2 * changed(&one) <= name.chars().count()).then_some(*one)
}

#[cold]
fn panicked(panic: &dyn Any) -> Error {
    let said = panic.downcast_ref::<String>().map(String::as_str);
    let said = said.or_else(|| panic.downcast_ref::<&str>().copied()).unwrap_or("no message");
    ErrorKind::Internal(format!("panicked: {said}")).into()
}
