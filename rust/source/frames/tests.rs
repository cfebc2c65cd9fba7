//! Every line of a file is in exactly one of its frames.

#![allow(clippy::unwrap_used)]

use std::io::Write;
use std::sync::atomic::{AtomicU64, Ordering};

use proptest::prelude::*;

use super::*;
use crate::source::decode::Broken;

/// A file without a name.
fn file(bytes: &[u8]) -> Arc<File> {
    static COUNT: AtomicU64 = AtomicU64::new(0);
    let count = COUNT.fetch_add(1, Ordering::Relaxed);
    let name = format!("raftfast-frames-{}-{count}", std::process::id());
    let path = std::env::temp_dir().join(name);
    let options = File::options().read(true).write(true).create_new(true).open(&path);
    let mut file = options.unwrap();
    std::fs::remove_file(&path).unwrap();
    file.write_all(bytes).unwrap();
    Arc::new(file)
}

/// A frame with or without checksum and length.
fn frame(bytes: &[u8], checksum: bool, told: bool) -> Vec<u8> {
    let mut encoder = zstd::stream::write::Encoder::new(Vec::new(), 1).unwrap();
    encoder.include_checksum(checksum).unwrap();
    if told {
        encoder.set_pledged_src_size(Some(bytes.len() as u64)).unwrap();
    }
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

fn skippable(bytes: &[u8]) -> Vec<u8> {
    let length = u32::try_from(bytes.len()).unwrap().to_le_bytes();
    [b"\x5a\x2a\x4d\x18", &length[..], bytes].concat()
}

fn limits(compressed: u64) -> Limits {
    Limits { compressed, decoded: 100 << 20 }
}

fn frames(bytes: &[u8], limits: Limits) -> Option<Frames> {
    Frames::with_limits(file(bytes), bytes.len() as u64, limits)
}

fn error(frame: Frame) -> String {
    let error = frame.lines(false).unwrap().read_to_end(&mut Vec::new()).unwrap_err();
    error.get_ref().unwrap().downcast_ref::<Broken>().unwrap().message().to_owned()
}

#[test]
fn one_group_is_not_worth_it() {
    let block = [&((128 << 10 << 3 | 0b010_u32).to_le_bytes()[..3]), b"x"].concat();
    let large = [&b"\x28\xb5\x2f\xfd\x00\x50"[..], &block.repeat(2048), b"\x01\0\0"].concat();
    let mut wide = zstd::stream::write::Encoder::new(Vec::new(), 1).unwrap();
    wide.window_log(24).unwrap();
    wide.write_all(b"a\n").unwrap();
    let wide = wide.finish().unwrap();
    let more = frame(b"b\n", true, true);
    let table = [
        ("nothing", vec![]),
        ("no frame", b"{}\n".to_vec()),
        ("one frame", more.clone()),
        ("a large frame first", [large, more.clone()].concat()),
        ("a wide window first", [wide, more.clone()].concat()),
        ("a cut frame first", more[..more.len() - 1].to_vec()),
    ];
    for (name, bytes) in table {
        assert!(frames(&bytes, limits(1)).is_none(), "{name}");
    }
    assert!(frames(&more.repeat(100), GROUP).is_none(), "small frames");
    assert!(frames(&more.repeat(2), limits(1)).is_some());
}

#[test]
fn frames_make_groups_by_their_compressed_and_by_their_decoded_length() {
    let one = frame(&[b'x'; 1000], true, true);
    let all = one.repeat(7);
    let length = one.len() as u64;
    let lengths = |limits| -> Vec<_> {
        frames(&all, limits).unwrap().map(|frame| frame.compressed_length() / length).collect()
    };
    assert_eq!(lengths(limits(1)), [1; 7]);
    assert_eq!(lengths(limits(2 * length)), [2, 2, 2, 1]);
    assert_eq!(lengths(limits(2 * length + 1)), [3, 3, 1]);
    assert_eq!(lengths(Limits { decoded: 4000, ..limits(u64::MAX) }), [4, 3]);
}

#[test]
fn offsets_are_known_as_far_as_frames_tell_their_lengths() {
    for (lengths, wide) in [([5, 300, 70_000, 2], 10), ([0, 255, 256, 65_791], 300)] {
        let mut bytes = skippable(b"first");
        for length in lengths {
            bytes.extend(frame(&vec![b'x'; length], true, true));
        }
        bytes.extend(frame(&vec![b'x'; wide], true, false));
        bytes.extend(frame(b"last", true, true));
        let told: Vec<_> =
            frames(&bytes, limits(1)).unwrap().map(|f| (f.offset(), f.told_length())).collect();
        let (mut offset, mut expected) = (0, vec![(Some(0), Some(0))]);
        for length in lengths {
            expected.push((Some(offset), Some(length as u64)));
            offset += length as u64;
        }
        expected.extend([(Some(offset), None), (None, Some(4))]);
        assert_eq!(told, expected);
    }
}

#[test]
fn what_follows_a_damaged_frame_is_one_and_tells_the_damage() {
    let (good, more) = (frame(b"line\n", true, true), frame(b"more", true, true));
    let table = [
        (more[..more.len() - 1].to_vec(), "zstd: the file ends inside a frame"),
        (b"\x28\xb5\x2f\xfd\x20".to_vec(), "zstd: the file ends inside a frame"),
        (b"\x28\xb5\x2f\xfd\x20\x01\x07\x00\x00".to_vec(), "zstd: the data is corrupt"),
        (b"garbage".to_vec(), "zstd: something else follows the last frame"),
        (skippable(b"abc")[..9].to_vec(), "zstd: the file ends inside a frame"),
    ];
    for (damaged, expected) in table {
        let bytes = [&good.repeat(2), &damaged[..]].concat();
        let mut frames = frames(&bytes, limits(1)).unwrap();
        let first = frames.next().unwrap();
        assert_eq!(first.compressed_length(), good.len() as u64);
        let (second, third) = (frames.next().unwrap(), frames.next().unwrap());
        assert_eq!(error(second), expected, "it reads on into the damage");
        assert_eq!(third.compressed_length(), damaged.len() as u64);
        assert_eq!(error(third), expected);
        assert!(frames.next().is_none());
    }
}

#[test]
fn a_file_that_has_become_shorter_is_told_from_one_that_was_cut() {
    let good = frame(b"line\n", true, true);
    let file = file(&good.repeat(2));
    let length = good.len() as u64 * 2;
    let mut frames = Frames::with_limits(Arc::clone(&file), length, limits(1)).unwrap();
    file.set_len(length - 1).unwrap();
    let last = frames.by_ref().last().unwrap();
    let error = last.lines(false).unwrap().read_to_end(&mut Vec::new()).unwrap_err();
    assert_eq!(error.kind(), io::ErrorKind::UnexpectedEof);
}

/// Some bytes of a file, and how they are put into it.
fn part() -> impl Strategy<Value = (Vec<u8>, u8)> {
    let bytes = prop_oneof![
        3 => "[a-c\n]{0,20}",
        2 => "[a-c]{0,20}\n",
        2 => "[a-c]{0,20}",
    ];
    (bytes.prop_map(String::into_bytes), 0..5_u8)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 1000, failure_persistence: None, ..Default::default() })]

    #[test]
    fn the_lines_of_all_frames_are_the_file(
        parts in proptest::collection::vec(part(), 0..12),
        group in 1..200_u64,
        piece in 1..30_usize,
    ) {
        let (mut file, mut expected) = (Vec::new(), Vec::<u8>::new());
        for (bytes, kind) in &parts {
            if *kind == 4 {
                file.extend(skippable(bytes));
            } else {
                file.extend(frame(bytes, kind & 1 != 0, kind & 2 != 0));
                expected.extend(bytes);
            }
        }
        let (mut decoded, mut start) = (Vec::<u8>::new(), 0);
        let Some(frames) = frames(&file, limits(group)) else { return Ok(()) };
        for frame in frames {
            let (told, offset) = (frame.told_length(), frame.offset());
            prop_assert!(offset.is_none_or(|offset| offset == start));
            let (mut lines, mut buffer) = (frame.lines(false).unwrap(), vec![0; piece]);
let mut is_first = true;
loop {
    let count = lines.read(&mut buffer).unwrap();
    if count == 0 {
        break;
    }
    let at = start + lines.skipped_head();
    prop_assert!(!is_first || at == decoded.len() as u64);
    is_first = false;
    decoded.extend(&buffer[..count]);
}
start += lines.decoded_length();
            prop_assert!(told.is_none_or(|told| told == lines.decoded_length()));
        }
        prop_assert_eq!(&decoded, &expected);
        prop_assert_eq!(start, expected.len() as u64);
    }
}
