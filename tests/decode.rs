//! Compressed inputs give all their bytes or an error; JSON arrays become lines; compressed rows can be
//! decompressed.

#![allow(missing_docs, clippy::unwrap_used, clippy::expect_used)]

use std::io::{self, BufReader, Cursor, Read, Write};

use proptest::prelude::*;
use raftfast::engine::compress::Compression;
use raftfast::source::array::{Elements, is_array};
use raftfast::source::decode::{Broken, Codec, decoded};

const CODECS: [Codec; 4] = [Codec::Gzip, Codec::Zstd, Codec::Bzip2, Codec::Xz];

/// Bytes asked for at once, and bytes that the file gives at once.
const PIECES: [usize; 4] = [1, 7, 100, 64 << 10];

/// Some text that neither repeats itself nor is noise.
fn text(length: usize) -> Vec<u8> {
    let lines = (0_u64..).flat_map(|index| {
        format!("{{\"id\": {index}, \"text\": \"{:x}\"}}\n", index.wrapping_mul(0x9e37_79b9_7f4a))
            .into_bytes()
    });
    lines.take(length).collect()
}

fn member(codec: Codec, bytes: &[u8]) -> Vec<u8> {
    let mut file = Vec::new();
    match codec {
        Codec::Gzip => Compression::Gzip(6).compress(bytes, &mut file).unwrap(),
        Codec::Zstd => Compression::Zstd(3).compress(bytes, &mut file).unwrap(),
        Codec::Bzip2 => {
            let level = bzip2::Compression::fast();
            bzip2::read::BzEncoder::new(bytes, level).read_to_end(&mut file).map(drop).unwrap();
        }
        Codec::Xz => {
            liblzma::read::XzEncoder::new(bytes, 1).read_to_end(&mut file).map(drop).unwrap();
        }
    }
    file
}

fn members(codec: Codec, parts: &[&[u8]]) -> Vec<u8> {
    parts.iter().flat_map(|part| member(codec, part)).collect()
}

/// A member of gzip with every field that its header may have, a checksum of them included.
fn gzip_with_all_fields(bytes: &[u8]) -> Vec<u8> {
    let plain = member(Codec::Gzip, bytes);
    let mut header = plain[..10].to_vec();
    header[3] = 0b1_1110;
    header.extend(b"\x06\x00BC\x02\x00\x00\x00name.jsonl\x00why not\x00");
    let mut checksum = flate2::Crc::new();
    checksum.update(&header);
    header.extend(&checksum.sum().to_le_bytes()[..2]);
    [&header, &plain[10..]].concat()
}

/// What `bgzip` writes: small members that tell their length in an extra field, the last one empty.
fn bgzip(bytes: &[u8]) -> Vec<u8> {
    let block = |part: &[u8]| {
        let plain = member(Codec::Gzip, part);
        let mut header = plain[..10].to_vec();
        header[3] = 0b100;
        header.extend(b"\x06\x00BC\x02\x00");
        header.extend(u16::try_from(plain.len() + 7).unwrap().to_le_bytes());
        [&header, &plain[10..]].concat()
    };
    bytes.chunks(300).chain([&b""[..]]).flat_map(block).collect()
}

fn skippable_frame(bytes: &[u8]) -> Vec<u8> {
    let length = u32::try_from(bytes.len()).unwrap().to_le_bytes();
    [b"\x53\x2a\x4d\x18", &length[..], bytes].concat()
}

/// An empty frame of zstd that asks for a window of `1 << log` bytes.
fn frame_with_window(log: u8) -> Vec<u8> {
    [b"\x28\xb5\x2f\xfd\x00", &[(log - 10) << 3][..], b"\x01\x00\x00"].concat()
}

/// A stream of xz that asks for a dictionary of 256 MiB.
fn stream_with_large_dictionary(bytes: &[u8]) -> Vec<u8> {
    let mut stream = member(Codec::Xz, bytes);
    let header = 12..12 + usize::from(stream[12]) * 4;
    assert_eq!(stream[14..16], [0x21, 1], "the filter is LZMA2");
    stream[16] = 32;
    let mut checksum = flate2::Crc::new();
    checksum.update(&stream[header.clone()]);
    stream[header.end..header.end + 4].copy_from_slice(&checksum.sum().to_le_bytes());
    stream
}

fn read(mut reader: impl Read, piece: usize) -> (Vec<u8>, io::Result<()>) {
    let (mut bytes, mut buffer) = (Vec::new(), vec![0; piece]);
    loop {
        match reader.read(&mut buffer) {
            Ok(0) => return (bytes, Ok(())),
            Ok(count) => bytes.extend(&buffer[..count]),
            Err(error) => return (bytes, Err(error)),
        }
    }
}

fn open(codec: Codec, file: &[u8], piece: usize, long: bool) -> Box<dyn Read + Send> {
    let raw = BufReader::with_capacity(piece, Cursor::new(file.to_vec()));
    decoded(codec, Box::new(raw), long).unwrap()
}

fn decode(codec: Codec, file: &[u8], piece: usize) -> (Vec<u8>, io::Result<()>) {
    read(open(codec, file, piece, false), piece)
}

fn message(result: io::Result<()>) -> String {
    let error = result.unwrap_err();
    error.get_ref().unwrap().downcast_ref::<Broken>().unwrap().message().to_owned()
}

#[test]
fn files_are_known_by_their_first_bytes() {
    for codec in CODECS {
        assert_eq!(Codec::of(&member(codec, b"text")[..6]), Some(codec), "{}", codec.name());
    }
    assert_eq!(Codec::of(&skippable_frame(b"")), Some(Codec::Zstd));
    for start in [&b""[..], b"{", b"[1]", b"BZh", b"BZh0", b"\x1f", b"PK\x03\x04", b"\xfd7zXZ"] {
        assert_eq!(Codec::of(start), None, "{start:?}");
    }
}

#[test]
fn all_members_are_decoded_whatever_the_pieces() {
    let (all, half) = (&text(5000)[..], 2500);
    let parts: &[&[u8]] = &[&all[..half], b"", &all[half..]];
    let mut table: Vec<(&str, Codec, Vec<u8>, &[u8])> = vec![
        ("bgzip", Codec::Gzip, bgzip(all), all),
        ("all fields", Codec::Gzip, gzip_with_all_fields(all), all),
        ("zeros after", Codec::Gzip, [member(Codec::Gzip, all), vec![0; 1000]].concat(), all),
        ("skippable only", Codec::Zstd, skippable_frame(b"rest"), b""),
        (
            "skippable among others",
            Codec::Zstd,
            [skippable_frame(b""), member(Codec::Zstd, all), skippable_frame(all)].concat(),
            all,
        ),
        (
            "padding",
            Codec::Xz,
            [&member(Codec::Xz, &all[..half])[..], &[0; 8], &member(Codec::Xz, &all[half..])]
                .concat(),
            all,
        ),
        ("padding after", Codec::Xz, [member(Codec::Xz, all), vec![0; 4]].concat(), all),
    ];
    for codec in CODECS {
        table.push(("one", codec, member(codec, all), all));
        table.push(("several", codec, members(codec, parts), all));
        table.push(("empty", codec, member(codec, b""), b""));
    }
    for (name, codec, file, expected) in table {
        for piece in PIECES {
            let (bytes, result) = decode(codec, &file, piece);
            result.unwrap_or_else(|error| panic!("{name}: {error}"));
            assert!(bytes == expected, "{name}: {} in pieces of {piece}", codec.name());
        }
    }
}

#[test]
fn a_file_cut_anywhere_but_between_members_is_an_error() {
    let text = text(1000);
    for codec in CODECS {
        let first = member(codec, &text);
        let file = [&first[..], &member(codec, b"more")].concat();
        for length in (0..file.len()).filter(|&length| length != first.len()) {
            let (_, result) = decode(codec, &file[..length], 512);
            let expected = match codec {
                Codec::Gzip => "gzip: the file ends inside a member",
                Codec::Zstd => "zstd: the file ends inside a frame",
                Codec::Bzip2 => "bzip2: the file ends inside a stream",
                Codec::Xz => "xz: the file ends inside a stream",
            };
            assert_eq!(message(result), expected, "cut after {length} of {}", file.len());
        }
    }
}

#[test]
fn no_flipped_bit_changes_the_bytes_in_silence() {
    let text = text(200);
    for codec in CODECS {
        let file = members(codec, &[&text, b"more"]);
        for bit in 0..file.len() * 8 {
            let mut flipped = file.clone();
            flipped[bit / 8] ^= 1 << (bit % 8);
            let (bytes, result) = decode(codec, &flipped, 512);
            let right = bytes == [&text[..], b"more"].concat();
            assert!(result.is_err() || right, "{}: bit {bit}", codec.name());
        }
    }
}

#[test]
fn what_is_wrong_is_told_in_one_line() {
    let all = &text(3000)[..];
    let file = |codec| member(codec, all);
    let with = |codec, from_end: usize, byte: u8| {
        let mut file = file(codec);
        let at = file.len() - from_end;
        file[at] ^= byte;
        file
    };
    let then = |codec, rest: &[u8]| [&file(codec)[..], rest].concat();
    let mut reserved_block = file(Codec::Zstd);
    reserved_block[7] |= 0b110;
    let mut deflate64 = file(Codec::Gzip);
    deflate64[2] = 9;
    let mut header_checksum = gzip_with_all_fields(all);
    header_checksum[14] ^= 1;
    let zeros_then_more = [file(Codec::Gzip), vec![0; 9], file(Codec::Gzip)].concat();
    let table = [
        (Codec::Gzip, with(Codec::Gzip, 8, 1), "gzip: wrong checksum"),
        (Codec::Gzip, with(Codec::Gzip, 1, 1), "gzip: wrong length"),
        (Codec::Gzip, header_checksum, "gzip: wrong checksum"),
        (Codec::Gzip, deflate64, "gzip: a member of an unknown kind"),
        (Codec::Gzip, then(Codec::Gzip, b"{"), "gzip: something else follows the last member"),
        (Codec::Gzip, zeros_then_more, "gzip: something else follows the last member"),
        (Codec::Zstd, with(Codec::Zstd, 1, 1), "zstd: wrong checksum"),
        (Codec::Zstd, reserved_block, "zstd: the data is corrupt"),
        (Codec::Zstd, then(Codec::Zstd, b"ab"), "zstd: something else follows the last frame"),
        (Codec::Zstd, then(Codec::Zstd, b"\0"), "zstd: something else follows the last frame"),
        (
            Codec::Zstd,
            frame_with_window(28),
            "zstd: a frame needs more than 128 MiB of memory (allow it with --long)",
        ),
        (Codec::Bzip2, with(Codec::Bzip2, 3, 8), "bzip2: the data is corrupt"),
        (Codec::Bzip2, then(Codec::Bzip2, b"x"), "bzip2: something else follows the last stream"),
        (Codec::Bzip2, then(Codec::Bzip2, b"\0"), "bzip2: something else follows the last stream"),
        (Codec::Xz, with(Codec::Xz, 20, 1), "xz: the data is corrupt"),
        (Codec::Xz, then(Codec::Xz, all), "xz: something else follows the last stream"),
        (Codec::Xz, then(Codec::Xz, &[0; 5]), "xz: something else follows the last stream"),
        (
            Codec::Xz,
            stream_with_large_dictionary(all),
            "xz: a stream needs more than 128 MiB of memory (allow it with --long)",
        ),
    ];
    for (codec, file, expected) in table {
        for piece in PIECES {
            let mut reader = open(codec, &file, piece, false);
            assert_eq!(message(read(&mut reader, piece).1), expected);
            assert_eq!(message(read(&mut reader, piece).1), expected, "again");
        }
    }
}

#[test]
fn long_windows_are_taken_when_they_are_asked_for() {
    let (frame, stream) = (frame_with_window(31), stream_with_large_dictionary(b"text"));
    for (codec, file, expected) in [(Codec::Zstd, frame, &b""[..]), (Codec::Xz, stream, b"text")] {
        let (bytes, result) = read(open(codec, &file, 512, true), 512);
        result.unwrap();
        assert_eq!(bytes, expected);
    }
}

#[test]
fn errors_of_the_file_itself_are_passed_on_and_reading_may_go_on() {
    /// Gives some bytes, then fails, then gives the others.
    struct Pieces(Vec<io::Result<Vec<u8>>>);
    impl Read for Pieces {
        fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
            self.0.pop().unwrap_or(Ok(Vec::new())).map(|piece| {
                buffer[..piece.len()].copy_from_slice(&piece);
                piece.len()
            })
        }
    }
    for codec in CODECS {
        let file = member(codec, b"some text");
        let (start, rest) = file.split_at(9);
        let failure = Err(io::Error::from_raw_os_error(5));
        let pieces = Pieces(vec![Ok(rest.to_vec()), failure, Ok(start.to_vec())]);
        let mut reader = decoded(codec, Box::new(BufReader::new(pieces)), false).unwrap();
        assert_eq!(read(&mut reader, 100).1.unwrap_err().raw_os_error(), Some(5));
        assert_eq!(read(&mut reader, 100).0, b"some text");
    }
}

#[test]
fn a_bomb_takes_no_more_memory_than_was_given() {
    // One frame: a window of 1 MiB, and blocks of 128 KiB that are one byte, repeated.
    let block = [&((128 << 10 << 3 | 0b010_u32).to_le_bytes()[..3]), b"x"].concat();
    let file = [&b"\x28\xb5\x2f\xfd\x00\x50"[..], &block.repeat(40_000)].concat();
    let mut reader = open(Codec::Zstd, &file, 256 << 10, false);
    let mut buffer = vec![0; 64 << 10];
    for _ in 0..1000 {
        let count = reader.read(&mut buffer).unwrap();
        assert!(buffer[..count].iter().all(|&byte| byte == b'x') && count > 0);
    }
}

#[test]
fn rows_come_back_from_every_compression_in_any_number_of_members() {
    let rows = text(100_000);
    let gzip = Compression::GZIP_LEVELS.map(|level| (Some(Codec::Gzip), Compression::Gzip(level)));
    let zstd = Compression::ZSTD_LEVELS.map(|level| (Some(Codec::Zstd), Compression::Zstd(level)));
    let outside = [
        (Some(Codec::Gzip), Compression::Gzip(10)),
        (Some(Codec::Zstd), Compression::Zstd(-9)),
        (None, Compression::None),
    ];
    for (codec, compression) in gzip.chain(zstd).chain(outside) {
        let (mut file, mut compressor) = (Vec::new(), compression.compressor().unwrap());
        for part in rows.chunks(30_000) {
            compressor.compress(part, &mut file).unwrap();
        }
        assert_eq!(Codec::of(&file), codec);
        let bytes = codec.map_or(file.clone(), |codec| decode(codec, &file, 64 << 10).0);
        assert!(bytes == rows, "{compression:?}");
    }
}

#[test]
fn members_tell_size_and_checksum_and_nothing_about_the_machine() {
    let zstd = member(Codec::Zstd, b"some rows\n");
    assert_eq!(zstd::zstd_safe::get_frame_content_size(&zstd).unwrap(), Some(10));
    assert_eq!(zstd[4] & 0b100, 0b100, "the flag of the checksum");
    let gzip = member(Codec::Gzip, b"some rows\n");
    assert_eq!(gzip[3..8], [0; 5], "no fields and no time");
    assert_eq!(gzip[9], 255, "no operating system");
}

#[test]
fn without_rows_a_file_is_still_right() {
    let table = [
        (Compression::None, None),
        (Compression::Gzip(6), Some(Codec::Gzip)),
        (Compression::Zstd(3), Some(Codec::Zstd)),
    ];
    for (compression, codec) in table {
        let mut file = Vec::new();
        compression.compress(b"", &mut file).unwrap();
        assert_eq!(Codec::of(&file), codec);
        if let Some(codec) = codec {
            decode(codec, &file, 512).1.unwrap();
        }
    }
}

fn lines(array: &[u8], piece: usize) -> (Vec<u8>, io::Result<()>) {
    read(Elements::new(array), piece)
}

#[test]
fn arrays_are_known_by_their_first_bytes() {
    for (start, expected) in [
        (&b"[]"[..], true),
        (b" \t\r\n[", true),
        (b"\xef\xbb\xbf [", true),
        (b"", false),
        (b" \n", false),
        (b"{\"a\":[", false),
        (b"\xef\xbb[", false),
        (b"x[", false),
    ] {
        assert_eq!(is_array(start), expected, "{start:?}");
    }
}

#[test]
fn each_byte_of_an_array_becomes_one_byte_of_its_lines() {
    let table: [(&[u8], &[u8]); 12] = [
        (b"[]", b" \n"),
        (b"\xef\xbb\xbf\n[ \r\n\t]\n", b"         \n "),
        (b"[1]", b" 1\n"),
        (b"[1,2]\n", b" 1\n2\n "),
        (
            b"[\n {\"a\": [1, 2],\r\n \"b\": {}},\n {}\n]",
            b"   {\"a\": [1, 2],   \"b\": {}}\n  {} \n",
        ),
        (br#"["],[\"",{"}":"\\"}]"#, b" \"],[\\\"\"\n{\"}\":\"\\\\\"}\n"),
        (b"[\"a\nb\\\nc\rd\"]", b" \"a\rb\\\rc\rd\"\n"),
        (b"[[[]],[{}]]", b" [[]]\n[{}]\n"),
        // What is wrong inside an element is left to the scanner.
        (b"[}]", b" }\n"),
        (b"[{]},1]", b" {]}\n1\n"),
        (b"[{} {}]", b" {} {}\n"),
        (b"[\x0c]", b" \x0c\n"),
    ];
    for (array, expected) in table {
        for piece in PIECES {
            let (bytes, result) = lines(array, piece);
            result.unwrap();
            assert_eq!(bytes, expected, "{}", String::from_utf8_lossy(array));
        }
    }
}

#[test]
fn faults_of_an_array_are_told_after_all_that_is_before_them() {
    let table: [(&[u8], &[u8], &str); 15] = [
        (b"", b"", "element 1, byte 0: the array does not end"),
        (b" \n", b"  ", "element 1, byte 2: the array does not end"),
        (b"[", b" ", "element 1, byte 1: the array does not end"),
        (b"[1", b" 1", "element 1, byte 2: the array does not end"),
        (b"[1,", b" 1\n", "element 2, byte 3: the array does not end"),
        (b"[\"]", b" \"]", "element 1, byte 3: the array does not end"),
        (b"[{},{]", b" {}\n{]", "element 2, byte 6: the array does not end"),
        (b"[,", b" ", "element 1, byte 1: it is missing"),
        (b"[1,,2]", b" 1\n", "element 2, byte 3: it is missing"),
        (b"[1, ]", b" 1\n ", "element 2, byte 4: it is missing"),
        (b"[1]\n[2]", b" 1\n ", "element 1, byte 4: something follows the array"),
        (b"[1]]", b" 1\n", "element 1, byte 3: something follows the array"),
        (b"\n{}", b" ", "element 1, byte 1: an opening bracket is due"),
        (b"\xef\xbb[", b"  ", "element 1, byte 2: a byte order mark is cut short"),
        (b" \xef\xbb\xbf[", b" ", "element 1, byte 1: an opening bracket is due"),
    ];
    for (array, before, expected) in table {
        for piece in PIECES {
            let mut reader = Elements::new(array);
            let (bytes, result) = read(&mut reader, piece);
            assert_eq!(bytes, before, "{}", String::from_utf8_lossy(array));
            assert_eq!(message(result), format!("JSON array: {expected}"));
            assert_eq!(message(read(&mut reader, piece).1), format!("JSON array: {expected}"));
        }
    }
}

fn value() -> impl Strategy<Value = serde_json::Value> {
    let leaf = prop_oneof![
        Just(serde_json::Value::Null),
        any::<i64>().prop_map(Into::into),
        "[\\[\\]{},:\"\\\\\n a-zä🦀]{0,12}".prop_map(Into::into),
    ];
    leaf.prop_recursive(4, 20, 4, |inner| {
        prop_oneof![
            proptest::collection::vec(inner.clone(), 0..4).prop_map(Into::into),
            proptest::collection::vec(("[\\]\\[\",}{\\\\a]{0,4}", inner), 0..4)
                .prop_map(|members| serde_json::Value::Object(members.into_iter().collect())),
        ]
    })
}

/// A reader that gives the same pieces again and again.
struct Pieces<'a>(&'a [u8], std::iter::Cycle<std::vec::IntoIter<usize>>);

impl Read for Pieces<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let length = self.1.next().unwrap().min(buffer.len()).min(self.0.len());
        let (piece, rest) = self.0.split_at(length);
        self.0 = rest;
        (&mut buffer[..]).write_all(piece)?;
        Ok(length)
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 1000, failure_persistence: None, ..Default::default() })]

    #[test]
    fn line_k_is_element_k(
        elements in proptest::collection::vec(value(), 0..6),
        style in 0..3,
        pieces in proptest::collection::vec(1_usize..20, 1..5),
    ) {
        let array = match style {
            0 => serde_json::to_string(&elements).unwrap(),
            1 => serde_json::to_string_pretty(&elements).unwrap(),
            _ => format!("\u{feff}\r\n{}\r\n", serde_json::to_string_pretty(&elements).unwrap().replace('\n', "\r\n")),
        };
        let pieces = Pieces(array.as_bytes(), pieces.into_iter().cycle());
        let (bytes, result) = read(Elements::new(pieces), 16);
        result.unwrap();
        prop_assert_eq!(bytes.len(), array.len());
        let text = String::from_utf8(bytes).unwrap();
        let lines = text.lines().filter(|line| !line.trim().is_empty());
        let parsed: Vec<serde_json::Value> =
            lines.map(|line| serde_json::from_str(line).unwrap()).collect();
        prop_assert_eq!(&parsed, &elements);
        // No blank line stands before an element.
        let blank = text.lines().take(elements.len()).filter(|line| line.trim().is_empty()).count();
        prop_assert_eq!(blank, 0);
    }
}
