//! The kinds of values that were seen in one place, and the type of a column that holds them all.

use arrow_schema::DataType;

/// A set of kinds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Kinds(u16);

impl Kinds {
    pub(super) const NULL: Self = Self(1);
    pub(super) const BOOLEAN: Self = Self(1 << 1);
    pub(super) const TEXT: Self = Self(1 << 2);
    pub(super) const LIST: Self = Self(1 << 3);
    pub(super) const OBJECT: Self = Self(1 << 4);
    /// A number without fraction and exponent.
    const INTEGER: Self = Self(1 << 5);
    /// One below zero.
    const NEGATIVE: Self = Self(1 << 6);
    /// One that only 64 bits without a sign hold.
    const UNSIGNED: Self = Self(1 << 7);
    /// One that a float does not hold exactly.
    const LONG: Self = Self(1 << 8);
    /// A number with fraction or exponent.
    const FLOAT: Self = Self(1 << 9);
    /// A number that no type holds.
    const BEYOND: Self = Self(1 << 10);
    const NUMBER: Self = Self(Self::INTEGER.0 | Self::FLOAT.0 | Self::BEYOND.0);

    pub(super) fn and(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    /// Whether all of these were seen.
    #[inline]
    pub(super) fn has(self, others: Self) -> bool {
        self.0 & others.0 == others.0
    }

    fn has_any(self, others: Self) -> bool {
        self.0 & others.0 != 0
    }

    /// The kinds of a number.
    ///
    /// Numbers with a fraction are what Python makes of them, the nearest float; those that are too
    /// large for one, or so small that it would be zero, are beyond all types.
    pub(super) fn of_number(text: &[u8]) -> Self {
        let has_fraction = text.iter().any(|byte| matches!(byte, b'.' | b'e' | b'E'));
        if has_fraction { of_float(text) } else { of_integer(text) }
    }

    /// The groups of which a column holds one: scalars, arrays, objects.
    fn groups(self) -> [bool; 3] {
        let scalar = Self::BOOLEAN.and(Self::TEXT).and(Self::NUMBER);
        [self.has_any(scalar), self.has(Self::LIST), self.has(Self::OBJECT)]
    }

    /// Whether there is nothing but null.
    pub(super) fn are_null(self) -> bool {
        Self::NULL.has(self)
    }

    /// Whether some of these are something else in a column of all of them.
    pub(super) fn are_retyped(self) -> bool {
        let scalars = self.has_any(Self::BOOLEAN.and(Self::NUMBER));
        self.are_mixed() || (scalars && self.scalar() == DataType::Utf8)
    }

    /// Whether no column holds all of these.
    pub(super) fn are_mixed(self) -> bool {
        self.groups().into_iter().filter(|&group| group).count() > 1
    }

    /// The type of a column of scalars.
    ///
    /// What no other type holds exactly is text: the JSON text of numbers and booleans, and strings
    /// as they are.
    pub(super) fn scalar(self) -> DataType {
        let numbers = self.has_any(Self::NUMBER);
        match (self.has(Self::BOOLEAN), numbers, self.has(Self::TEXT)) {
            (false, false, false) => DataType::Null,
            (true, false, false) => DataType::Boolean,
            (false, true, false) => self.number(),
            _ => DataType::Utf8,
        }
    }

    fn number(self) -> DataType {
        let integers = self.has(Self::INTEGER);
        match (self.has(Self::FLOAT), self.has(Self::UNSIGNED)) {
            _ if self.has(Self::BEYOND) => DataType::Utf8,
            (true, _) if integers && self.has(Self::LONG) => DataType::Utf8,
            (true, _) => DataType::Float64,
            (false, true) if self.has(Self::NEGATIVE) => DataType::Utf8,
            (false, true) => DataType::UInt64,
            (false, false) => DataType::Int64,
        }
    }
}

fn of_integer(text: &[u8]) -> Kinds {
    /// So many digits are less than 2^53.
    const SHORT: usize = 15;
    let sign = if text.starts_with(b"-") { Kinds::NEGATIVE } else { Kinds::default() };
    let kinds = Kinds::INTEGER.and(sign);
    if text.len() <= SHORT {
        return kinds;
    }
    let text = std::str::from_utf8(text).unwrap_or_default();
    match (text.parse::<i64>(), text.parse::<u64>()) {
        (Ok(value), _) => kinds.and(length(value.unsigned_abs())),
        (_, Ok(value)) => kinds.and(Kinds::UNSIGNED).and(length(value)),
        _ => Kinds::BEYOND,
    }
}

/// Floats hold 53 bits after one another, wherever they are.
fn length(value: u64) -> Kinds {
    let bits = u64::BITS.saturating_sub(value.leading_zeros() + value.trailing_zeros());
    if bits > f64::MANTISSA_DIGITS { Kinds::LONG } else { Kinds::default() }
}

fn of_float(text: &[u8]) -> Kinds {
    /// So short a text without an exponent is in range.
    const SHORT: usize = 300;
    let digits = text.split(|byte| matches!(byte, b'e' | b'E')).next().unwrap_or_default();
    if digits.len() == text.len() && text.len() <= SHORT {
        return Kinds::FLOAT;
    }
    let value = std::str::from_utf8(text).ok().and_then(|text| text.parse::<f64>().ok());
    let zero = !digits.iter().any(|digit| matches!(digit, b'1'..=b'9'));
    match value {
        Some(value) if value.is_finite() && (zero || value != 0.0) => Kinds::FLOAT,
        _ => Kinds::BEYOND,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_get_the_narrowest_type_that_holds_all_of_them_exactly() {
        let rows: [(&[&str], DataType); 24] = [
            (&["0", "-0", "12"], DataType::Int64),
            (&["9223372036854775807", "-9223372036854775808"], DataType::Int64),
            (&["9223372036854775808"], DataType::UInt64),
            (&["18446744073709551615", "0"], DataType::UInt64),
            (&["18446744073709551615", "-1"], DataType::Utf8),
            (&["18446744073709551616"], DataType::Utf8),
            (&["-9223372036854775809"], DataType::Utf8),
            (&["123456789012345678901234567890"], DataType::Utf8),
            (&["1.0"], DataType::Float64),
            (&["1e5", "0e999999", "-0.0"], DataType::Float64),
            (&["0.1", "2"], DataType::Float64),
            (&["0.1", "9007199254740992"], DataType::Float64),
            (&["0.1", "9007199254740993"], DataType::Utf8),
            (&["0.1", "-9007199254740993"], DataType::Utf8),
            (&["0.1", "9007199254740994"], DataType::Float64),
            (&["0.1", "9223372036854775808"], DataType::Float64),
            (&["0.1", "18446744073709551615"], DataType::Utf8),
            (&["1e400"], DataType::Utf8),
            (&["-1e400"], DataType::Utf8),
            (&["1e-400"], DataType::Utf8),
            (&["1.7976931348623157e308", "5e-324"], DataType::Float64),
            (&["3.14159265358979323846264338327950288"], DataType::Float64),
            (&["1", "1e400"], DataType::Utf8),
            (&[], DataType::Null),
        ];
        for (numbers, expected) in rows {
            let kinds = numbers.iter().map(|number| Kinds::of_number(number.as_bytes()));
            let all = kinds.fold(Kinds::NULL, Kinds::and);
            assert_eq!(all.scalar(), expected, "{numbers:?}");
        }
    }
}
