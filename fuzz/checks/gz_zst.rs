//! A compressed input is taken only where the libraries of its format take it whole, with the same bytes.

use std::io::{self, BufReader, Cursor, Read};

use flate2::bufread::GzDecoder;
use raftfast::source::decode::{Codec, decoded};

/// Bytes of a bomb that are read.
const MOST: u64 = 4 << 20;

/// Checks the bytes as what they are compressed with; the last one says how they are read.
pub fn gz_zst(data: &[u8]) {
    let (Some(codec), Some((&piece, data))) = (Codec::of(data), data.split_last()) else { return };
    let Some(found) = ours(codec, data, 1 + usize::from(piece)) else { return };
    let expected = match codec {
        Codec::Gzip => gzip(data),
        Codec::Zstd => zstd(data),
        Codec::Bzip2 | Codec::Xz => return,
    };
    match (found, expected) {
        (Ok(found), expected) => assert_eq!(found, expected.unwrap()),
        (Err(_), None) => {}
        (Err(error), Some(_)) => panic!("{error}: {}", data.escape_ascii()),
    }
}

/// What is decoded, if it is not too much.
fn ours(codec: Codec, data: &[u8], piece: usize) -> Option<io::Result<Vec<u8>>> {
    let raw = BufReader::with_capacity(piece, Cursor::new(data.to_vec()));
    let reader = decoded(codec, Box::new(raw), false).unwrap();
    let mut bytes = Vec::new();
    let result = reader.take(MOST).read_to_end(&mut bytes);
    ((bytes.len() as u64) < MOST).then(|| result.map(|_| bytes))
}

/// What all members hold; zeros may follow them.
fn gzip(data: &[u8]) -> Option<Vec<u8>> {
    let (mut bytes, mut rest) = (Vec::new(), data);
    while rest.first() == Some(&0x1f) || rest.len() == data.len() {
        let mut member = GzDecoder::new(rest);
        (&mut member).take(2 * MOST).read_to_end(&mut bytes).ok()?;
        rest = member.into_inner();
    }
    rest.iter().all(|&byte| byte == 0).then_some(bytes)
}

fn zstd(data: &[u8]) -> Option<Vec<u8>> {
    let mut reader = zstd::Decoder::with_buffer(data).unwrap();
    reader.window_log_max(27).unwrap();
    let mut bytes = Vec::new();
    reader.take(2 * MOST).read_to_end(&mut bytes).ok()?;
    Some(bytes)
}
