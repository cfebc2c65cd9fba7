//! What the header of a page announces, before anybody makes room for it.

use super::thrift::{Noted, walk};

/// Numbers of a `PageHeader`, that of values only if it is of a dictionary.
#[derive(Default)]
pub(super) struct Announced {
    bytes: i64,
    values: i64,
}

impl Announced {
    /// By what a page starts with. A header that is not whole there is none of a dictionary, whose are short,
    /// and tells how long its page is before that.
    pub(super) fn by(start: &[u8]) -> Self {
        let mut announced = Self::default();
        // What follows the header, or is not there, makes no difference to what was noted.
        let _ = walk(start, &mut announced);
        announced
    }

    /// Whether a dictionary announces more values than it has bytes: each takes one at least, and room is made
    /// for all before the first is looked at, which was 8 GB for a header of 20 bytes.
    pub(super) fn is_bottomless(&self) -> bool {
        self.values > self.bytes
    }

    /// Bytes that it takes to decode the page: as it is in the file, as it is without compression, and its
    /// values, of which those of a dictionary are kept with their places.
    pub(super) fn room(&self) -> usize {
        let bytes = usize::try_from(self.bytes).unwrap_or(0);
        let values = usize::try_from(self.values).unwrap_or(0);
        bytes.saturating_mul(3).saturating_add(values.saturating_mul(8))
    }
}

impl Noted for Announced {
    fn number(&mut self, path: &[i16], number: i64) {
        match path {
            [2] => self.bytes = number,
            [7, 1] => self.values = number,
            _ => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Fields 1 to 3 are the kind and two lengths, of 100 bytes; field 7 is a struct of how many values.
    fn dictionary(values: &[u8]) -> Vec<u8> {
        [&[0x15, 4, 0x15, 0xc8, 1, 0x15, 0xc8, 1, 0x4c, 0x15], values, &[0x15, 0, 0, 0]].concat()
    }

    #[test]
    fn a_dictionary_has_no_more_values_than_bytes() {
        let fits = Announced::by(&dictionary(&[0xc8, 1]));
        assert!(!fits.is_bottomless());
        assert_eq!(fits.room(), 3 * 100 + 8 * 100);
        assert!(Announced::by(&dictionary(&[0xca, 1])).is_bottomless());
        assert!(Announced::by(&dictionary(&[0xfe, 0xff, 0xff, 0xff, 0xf])).is_bottomless());
    }

    #[test]
    fn what_is_no_dictionary_is_not_asked() {
        let rows: [&[u8]; 4] = [b"", b"PAR1", &[0x15, 0], &[0x15, 0, 0x15, 0xc8, 1, 0]];
        for start in rows {
            assert!(!Announced::by(start).is_bottomless(), "{start:?}");
        }
    }

    #[test]
    fn no_lengths_are_no_room_and_huge_ones_are_much() {
        let negative = Announced { bytes: -1, values: -1 };
        assert_eq!((negative.room(), negative.is_bottomless()), (0, false));
        assert_eq!(Announced { bytes: i64::MAX, values: i64::MAX }.room(), usize::MAX);
    }
}
