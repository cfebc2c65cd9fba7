//! A walk through a struct of Thrift in its compact protocol
//! (apache/thrift:doc/specs/thrift-compact-protocol.md; apache/parquet-format:src/main/thrift/parquet.thrift).
//!
//! A few numbers are noted and nothing of the rest is kept: readers of all of it make room for as many things
//! as a hostile file announces.

/// Who notes what some numbers are.
pub(super) trait Noted {
    /// Hears of a number, and of the numbers of the fields that lead to it.
    fn number(&mut self, path: &[i16], number: i64);

    /// Hears that a struct ends, and which fields led to it.
    fn ended(&mut self, _path: &[i16]) {}
}

/// How deep values may stand in one another. Those of a footer are 9 deep.
pub(super) const MAX_DEPTH: usize = 32;

/// Walks through a struct, all of whose values are there.
///
/// Gives nothing for what is not one.
pub(super) fn walk(bytes: &[u8], noted: &mut impl Noted) -> Option<()> {
    Walk { rest: bytes, path: Vec::new(), depth: 0, noted }.fields()
}

struct Walk<'a, N> {
    rest: &'a [u8],
    /// The numbers of the fields that lead to the place that is read.
    path: Vec<i16>,
    depth: usize,
    noted: &'a mut N,
}

impl<N: Noted> Walk<'_, N> {
    /// Passes a struct.
    fn fields(&mut self) -> Option<()> {
        let mut number = 0i16;
        loop {
            let head = self.byte()?;
            if head == 0 {
                break;
            }
            number = match head >> 4 {
                0 => i16::try_from(self.number()?).ok()?,
                more => number.checked_add(more.into())?,
            };
            self.path.push(number);
            // Of a boolean, the kind is the value.
            let passed =
                if matches!(head & 0xf, 1 | 2) { Some(()) } else { self.value(head & 0xf) };
            self.path.pop();
            passed?;
        }
        self.noted.ended(&self.path);
        Some(())
    }

    /// Passes a value of some kind.
    fn value(&mut self, kind: u8) -> Option<()> {
        match kind {
            1..=3 => self.pass(1),
            4..=6 => {
                let number = self.number()?;
                self.noted.number(&self.path, number);
                Some(())
            }
            7 => self.pass(8),
            8 => {
                let length = self.varint()?;
                self.pass(length)
            }
            9..=12 if self.depth < MAX_DEPTH => {
                self.depth += 1;
                let passed = match kind {
                    11 => self.map(),
                    12 => self.fields(),
                    _ => self.list(),
                };
                self.depth -= 1;
                passed
            }
            13 => self.pass(16),
            _ => None,
        }
    }

    fn list(&mut self) -> Option<()> {
        let head = self.byte()?;
        let count = match head >> 4 {
            15 => self.varint()?,
            few => few.into(),
        };
        (0..count).try_for_each(|_| self.value(head & 0xf))
    }

    fn map(&mut self) -> Option<()> {
        let count = self.varint()?;
        let kinds = if count > 0 { self.byte()? } else { 0 };
        (0..count).try_for_each(|_| {
            self.value(kinds >> 4)?;
            self.value(kinds & 0xf)
        })
    }

    fn byte(&mut self) -> Option<u8> {
        let (first, rest) = self.rest.split_first()?;
        self.rest = rest;
        Some(*first)
    }

    fn pass(&mut self, count: u64) -> Option<()> {
        self.rest = self.rest.get(usize::try_from(count).ok()?..)?;
        Some(())
    }

    /// Seven bits a byte, the lowest first, as long as the eighth is set.
    fn varint(&mut self) -> Option<u64> {
        let mut value = 0;
        for shift in (0..64).step_by(7) {
            let byte = self.byte()?;
            value |= u64::from(byte & 0x7f) << shift;
            if byte < 0x80 {
                return Some(value);
            }
        }
        None
    }

    /// The same with the sign in the lowest bit.
    fn number(&mut self) -> Option<i64> {
        let value = self.varint()?;
        Some((value >> 1).cast_signed() ^ -(value & 1).cast_signed())
    }
}
