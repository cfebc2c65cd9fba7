//! A walk over JSON that the scanner has validated.
//!
//! On anything else it ends early with `None`, or gives nonsense, but it never panics.

use std::borrow::Cow;
use std::slice;

use crate::scan::unescape;
use crate::text::closing_quote;

/// What stands at some place: a scalar, or the start of what holds others.
pub(crate) enum Token<'a> {
    Null,
    /// `true` or `false`.
    Boolean(&'a [u8]),
    /// The text of a number.
    Number(&'a [u8]),
    /// The bytes between the quotes.
    Text(&'a [u8]),
    /// The opening bracket, which has been passed.
    List,
    /// The opening brace, which has been passed.
    Object,
}

pub(crate) struct Walk<'a> {
    json: &'a [u8],
    at: usize,
    known: Known<'a>,
}

/// Where the next strings end, as far as that is known.
struct Known<'a> {
    /// Their closing quotes, in what the JSON is a part of.
    quotes: slice::Iter<'a, usize>,
    /// Where the JSON starts in it.
    start: usize,
}

impl<'a> Walk<'a> {
    pub(crate) fn new(json: &'a [u8]) -> Self {
        Self::with_quotes(json, 0, &[])
    }

    /// A walk over what starts somewhere in a text, where the first strings end with these quotes.
    pub(crate) fn with_quotes(json: &'a [u8], start: usize, quotes: &'a [usize]) -> Self {
        Self { json, at: 0, known: Known { quotes: quotes.iter(), start } }
    }

    /// Passes a scalar, or an opening bracket or brace.
    #[inline]
    pub(crate) fn value(&mut self) -> Option<Token<'a>> {
        match self.next_but(|byte| byte.is_ascii_whitespace())? {
            b'"' => self.text().map(Token::Text),
            b'{' => self.take(1).map(|_| Token::Object),
            b'[' => self.take(1).map(|_| Token::List),
            b't' => self.take(4).map(Token::Boolean),
            b'f' => self.take(5).map(Token::Boolean),
            b'n' => self.take(4).map(|_| Token::Null),
            _ => self.number().map(Token::Number),
        }
    }

    /// Whether something follows before `close`; passes it if not.
    #[inline]
    pub(crate) fn more(&mut self, close: u8) -> Option<bool> {
        let next = self.next_but(|byte| byte == b',' || byte.is_ascii_whitespace())?;
        self.at += usize::from(next == close);
        Some(next != close)
    }

    /// Passes a key and its colon; gives the bytes between the quotes.
    #[inline]
    pub(crate) fn key(&mut self) -> Option<&'a [u8]> {
        let key = self.text()?;
        self.next_but(|byte| byte == b':' || byte.is_ascii_whitespace());
        Some(key)
    }

    /// Passes white space; gives the place of what follows.
    pub(crate) fn place(&mut self) -> Option<usize> {
        self.next_but(|byte| byte.is_ascii_whitespace()).map(|_| self.at)
    }

    /// Passes a whole value and gives it.
    pub(crate) fn whole(&mut self) -> Option<&'a [u8]> {
        let before = self.at;
        if matches!(self.value()?, Token::List | Token::Object) {
            self.close()?;
        }
        self.json.get(before..self.at)
    }

    /// Passes what is left of an array or object, bracket by bracket.
    pub(crate) fn close(&mut self) -> Option<()> {
        let mut open = 1;
        while open > 0 {
            match *self.json.get(self.at)? {
                b'"' => {
                    self.text()?;
                    continue;
                }
                b'[' | b'{' => open += 1,
                b']' | b'}' => open -= 1,
                _ => {}
            }
            self.at += 1;
        }
        Some(())
    }

    /// Passes the next number, whatever stands before it.
    pub(crate) fn next_number(&mut self) -> Option<&'a [u8]> {
        loop {
            match *self.json.get(self.at)? {
                b'"' => drop(self.text()?),
                b'-' | b'0'..=b'9' => return self.number(),
                _ => self.at += 1,
            }
        }
    }

    /// The next byte but for those that are skipped.
    #[inline]
    fn next_but(&mut self, skipped: impl Fn(u8) -> bool) -> Option<u8> {
        loop {
            let next = *self.json.get(self.at)?;
            if !skipped(next) {
                return Some(next);
            }
            self.at += 1;
        }
    }

    #[inline]
    fn take(&mut self, length: usize) -> Option<&'a [u8]> {
        let end = self.at + length;
        let taken = self.json.get(self.at..end)?;
        self.at = end;
        Some(taken)
    }

    fn number(&mut self) -> Option<&'a [u8]> {
        let inside =
            |byte: &u8| byte.is_ascii_digit() || matches!(byte, b'+' | b'-' | b'.' | b'e' | b'E');
        let length = self.json.get(self.at..)?.iter().take_while(|byte| inside(byte)).count();
        if length == 0 { None } else { self.take(length) }
    }

    /// Passes a string, if that is next; gives the bytes between the quotes.
    #[inline]
    pub(crate) fn text(&mut self) -> Option<&'a [u8]> {
        if *self.json.get(self.at)? != b'"' {
            return None;
        }
        let start = self.at + 1;
        let end = match self.known.quotes.next() {
            Some(quote) => quote.checked_sub(self.known.start)?,
            None => self.quote_from(start)?,
        };
        let text = self.json.get(start..end)?;
        self.at = end + 1;
        Some(text)
    }

    /// Apart, so that what is known takes no more than it must.
    #[inline(never)]
    fn quote_from(&self, start: usize) -> Option<usize> {
        Some(start + closing_quote(self.json.get(start..)?)?)
    }
}

/// The elements of an array, white space around them taken away; none of anything else.
pub(crate) fn elements(json: &[u8]) -> impl Iterator<Item = &[u8]> {
    let mut walk = Walk::new(json);
    let is_list = matches!(walk.value(), Some(Token::List));
    std::iter::from_fn(move || (is_list && walk.more(b']') == Some(true)).then(|| walk.whole())?)
}

/// The last value of a key of an object.
pub(crate) fn member<'a>(json: &'a [u8], name: &str) -> Option<&'a [u8]> {
    let mut walk = Walk::new(json);
    let Token::Object = walk.value()? else { return None };
    let mut found = None;
    while walk.more(b'}')? {
        let (key, value) = (walk.key()?, walk.whole()?);
        if is_key(key, &[name]) {
            found = Some(value.trim_ascii());
        }
    }
    found
}

/// Whether a key is one of these, however it is spelled.
pub(crate) fn is_key(key: &[u8], names: &[&str]) -> bool {
    let spelled = |key: &[u8]| names.iter().any(|name| key == name.as_bytes());
    spelled(key) || is_escaped(key) && decoded(key).is_some_and(|key| spelled(key.as_bytes()))
}

/// A key decoded.
pub(crate) fn decoded(key: &[u8]) -> Option<Cow<'_, str>> {
    if !is_escaped(key) {
        return std::str::from_utf8(key).ok().map(Cow::Borrowed);
    }
    let mut plain = Vec::new();
    unescape(key, &mut plain).ok()?;
    String::from_utf8(plain).ok().map(Cow::Owned)
}

/// Keys are short: to call for a search took longer.
pub(crate) fn is_escaped(key: &[u8]) -> bool {
    key.contains(&b'\\')
}
