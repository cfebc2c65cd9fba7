//! What the header of a page announces, before anybody makes room for it.

use super::thrift::{Noted, walk};

/// Numbers of a `PageHeader`, and those of the header in it that is of its kind.
#[derive(Default)]
pub(super) struct Announced {
    kind: Option<i64>,
    bytes: i64,
    compressed: i64,
    encoding: Option<i64>,
    /// Of a dictionary.
    values: i64,
}

impl Announced {
    /// By what a page starts with. One whose header is so long that its encoding is not there is refused: texts
    /// that are told of a page stand behind that.
    pub(super) fn by(start: &[u8]) -> Self {
        let mut announced = Self::default();
        // What follows the header, or is not there, makes no difference to what was noted.
        let _ = walk(start, &mut announced);
        announced
    }

    /// What is wrong with a page of a codec that makes at most so many bytes of one.
    pub(super) fn wrong(&self, ratio: i64) -> Option<&'static str> {
        const INDEX: i64 = 1;
        if self.kind == Some(INDEX) {
            return None;
        }
        if !self.encoding.is_some_and(|encoding| ENCODINGS.contains(&encoding)) {
            return Some("a page has another encoding than its column");
        }
        if self.bytes > self.compressed.saturating_mul(ratio).saturating_add(SLACK) {
            return Some("a page announces more bytes than it can have");
        }
        // Each takes one at least, and room is made for all before the first is looked at, which was 8 GB for a
        // header of 20 bytes.
        (self.values > self.bytes).then_some("a dictionary announces more values than it has bytes")
    }

    /// Bytes that it takes to decode the page: as it is in the file, as it is without compression, and its
    /// values, of which those of a dictionary are kept with their places.
    pub(super) fn room(&self) -> usize {
        let bytes = usize::try_from(self.bytes).unwrap_or(0);
        let values = usize::try_from(self.values).unwrap_or(0);
        bytes.saturating_mul(3).saturating_add(values.saturating_mul(8))
    }
}

/// Plain values, and the two names of places in a dictionary. The library takes others in more ways than their
/// definition has: prefixes longer than what they are of, and room for as many lengths as are announced.
const ENCODINGS: [i64; 3] = [0, 2, 8];

/// Bytes beside the ratio, of what is short.
const SLACK: i64 = 64;

impl Noted for Announced {
    fn number(&mut self, path: &[i16], number: i64) {
        match path {
            [1] => self.kind = Some(number),
            [2] => self.bytes = number,
            [3] => self.compressed = number,
            [7, 1] => self.values = number,
            [5 | 7, 2] | [8, 4] => self.encoding = Some(number),
            _ => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NONE: i64 = i64::MAX;

    /// A page of 100 bytes, of which there are 10 in the file: fields 1 to 3; then the header of its kind.
    fn page(kind: u8, header: &[u8]) -> Announced {
        let lengths = [0x15, kind * 2, 0x15, 0xc8, 1, 0x15, 20];
        Announced::by(&[&lengths, header, &[0, 0]].concat())
    }

    /// Field 7 of a page, with so many values and an encoding.
    fn dictionary(values: &[u8], encoding: u8) -> Announced {
        page(2, &[&[0x4c, 0x15], values, &[0x15, encoding * 2]].concat())
    }

    #[test]
    fn a_dictionary_has_no_more_values_than_bytes() {
        let fits = dictionary(&[0xc8, 1], 0);
        assert_eq!((fits.wrong(NONE), fits.room()), (None, 3 * 100 + 8 * 100));
        assert!(dictionary(&[0xca, 1], 0).wrong(NONE).is_some());
        assert!(dictionary(&[0xfe, 0xff, 0xff, 0xff, 0xf], 2).wrong(NONE).is_some());
    }

    #[test]
    fn a_page_has_an_encoding_that_is_read() {
        // Fields 5 and 8 are of pages of values; 6 are lengths in deltas.
        for encoding in [0, 2, 8] {
            assert_eq!(page(0, &[0x2c, 0x15, 20, 0x15, encoding * 2]).wrong(NONE), None);
            assert_eq!(page(3, &[0x5c, 0x45, encoding * 2]).wrong(NONE), None);
        }
        assert!(page(0, &[0x2c, 0x15, 20, 0x15, 12]).wrong(NONE).is_some());
        assert!(page(3, &[0x5c, 0x45, 12]).wrong(NONE).is_some());
        assert!(dictionary(&[2], 6).wrong(NONE).is_some());
        assert_eq!(page(1, &[]).wrong(NONE), None);
    }

    #[test]
    fn no_codec_makes_more_of_bytes_than_it_can() {
        let of_ten = page(0, &[0x2c, 0x15, 20, 0x15, 0]);
        assert_eq!(of_ten.wrong(4), None);
        assert!(of_ten.wrong(3).is_some());
    }

    #[test]
    fn what_is_no_header_is_refused() {
        for start in [&b""[..], b"PAR1", &[0x15, 0]] {
            assert!(Announced::by(start).wrong(NONE).is_some(), "{start:?}");
        }
    }

    #[test]
    fn no_lengths_are_no_room_and_huge_ones_are_much() {
        let of = |bytes| Announced { bytes, values: bytes, ..Announced::default() };
        assert_eq!((of(-1).room(), of(i64::MAX).room()), (0, usize::MAX));
    }
}
