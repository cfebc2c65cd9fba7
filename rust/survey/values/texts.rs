//! Columns of strings, and of the JSON text of other scalars.

use arrow_array::OffsetSizeTrait;

use super::{Column, Duplicates, mismatch};
use crate::arrays::Strings;
use crate::error::Error;
use crate::text::Text;
use crate::walk::{Token, Walk};

impl<O: OffsetSizeTrait> Column for Strings<O> {
    fn push(&mut self, token: Token<'_>, _: &mut Walk<'_>, _: Duplicates) -> Result<(), Error> {
        self.begin()?;
        match token {
            Token::Null => return self.close(false),
            // Scalars are as they are.
            Token::Text(raw) | Token::Number(raw) | Token::Boolean(raw) => {
                self.append(Text::Escaped(raw))?;
            }
            other => return Err(mismatch(&other, "strings")),
        }
        self.close(true)
    }
}
