//! The same bytes give the same rows and the same error, whatever the blocks, the threads and the source.

use std::io::{self, Read, Write};
use std::os::fd::AsRawFd;
use std::sync::LazyLock;

use raftfast::convert::{Converter, OnError};
use raftfast::engine::Settings;
use raftfast::shape::Options;
use raftfast::source::Input;
use raftfast::source::array::is_array;
use raftfast::source::decode::Codec;

use super::{Outcome, TemporaryFile};

const BLOCKS: [usize; 8] = [1, 2, 7, 64, 100, 1000, 4 << 10, 256 << 10];

/// Bytes that a pipe takes before anybody reads from it.
const PIPE: usize = 64 << 10;

static CONVERTERS: LazyLock<[Converter; 2]> = LazyLock::new(|| {
    let converter = Converter::new("completion", &Options::default()).unwrap();
    [OnError::Fail, OnError::Skip].map(|on_error| converter.clone().on_error(on_error))
});

/// Checks what follows the first byte, which chooses the settings.
pub fn blocks(data: &[u8]) {
    let Some((&choice, data)) = data.split_first() else { return };
    let choice = usize::from(choice);
    let converter = &CONVERTERS[choice / 128];
    let settings = Settings {
        threads: 1 + choice / 8 % 4,
        block_bytes: BLOCKS[choice % BLOCKS.len()],
        ..Settings::default()
    };
    let file = TemporaryFile::new(data);
    let whole = Settings { threads: 1, ..Settings::default() };
    let expected = Outcome::of(converter, Input::new(file.path()), whole);
    assert_in_memory(converter, data, &expected);
    assert_eq!(Outcome::of(converter, Input::new(file.path()), settings), expected);
    let bytes = Box::new(Pieces { bytes: data.to_vec(), at: 0, piece: 1 + choice % 100 });
    assert_eq!(Outcome::of(converter, Input::bytes("input", bytes), settings), expected);
    if data.len() <= PIPE {
        assert_eq!(from_pipe(converter, data, settings), expected);
    }
}

/// Says that lines give the same rows or error without an engine.
fn assert_in_memory(converter: &Converter, data: &[u8], expected: &Outcome) {
    let columns = [&b"PAR1"[..], b"ARROW1", &[0xff; 4]];
    let is_lines = Codec::of(data).is_none()
        && !is_array(data)
        && !columns.iter().any(|magic| data.starts_with(magic));
    match converter.convert_bytes(data) {
        _ if !is_lines => {}
        Ok((rows, _)) => assert_eq!(rows, expected.rows),
        Err(error) => {
            assert_eq!(expected.result, Err(error.to_string().replace("<bytes>", "input")));
        }
    }
}

fn from_pipe(converter: &Converter, data: &[u8], settings: Settings) -> Outcome {
    let (reader, mut writer) = io::pipe().unwrap();
    writer.write_all(data).unwrap();
    drop(writer);
    let path = format!("/dev/fd/{}", reader.as_raw_fd());
    Outcome::of(converter, Input::new(path), settings)
}

/// Bytes that come in pieces.
struct Pieces {
    bytes: Vec<u8>,
    at: usize,
    piece: usize,
}

impl Read for Pieces {
    fn read(&mut self, space: &mut [u8]) -> io::Result<usize> {
        let length = space.len().min(self.piece);
        let count = (&self.bytes[self.at..]).read(&mut space[..length])?;
        self.at += count;
        Ok(count)
    }
}
