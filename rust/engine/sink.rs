//! Where rows go: a file, or something that may keep a writer waiting.

use std::fs::{File, OpenOptions};
use std::io::{self, IsTerminal, Write};
use std::os::fd::AsFd;
use std::os::unix::fs::{FileTypeExt, OpenOptionsExt};
use std::path::Path;
use std::thread;

use rustix::fs::OFlags;

use super::TICK;
use super::queue::Queue;
use super::reserve::Reserve;
use crate::error::{Error, ErrorKind};
use crate::printable::name_of;
use crate::source::{Readiness, wait_for};

/// The name of standard output in commands.
const STDOUT: &str = "-";

/// Bytes written at once to a pipe that is ready: as much as certainly fits (`PIPE_BUF`), so that
/// the write does not block and the run can be cancelled.
const PIPE_WRITE: usize = if cfg!(target_os = "linux") { 4 << 10 } else { 512 };

/// An open output.
pub struct Sink {
    name: String,
    to: To,
    /// Buffers that have been written.
    spare: Vec<Vec<u8>>,
}

enum To {
    File(Queued),
    /// A pipe, FIFO or device, that can keep a writer waiting, and the bytes that it is given at once.
    Waiting(File, usize),
    /// Whatever the caller opened.
    Object(Box<dyn Write + Send>),
}

/// A file and what is still to be written to it.
struct Queued {
    file: File,
    queue: Queue,
    reserve: Reserve,
    /// Bytes handed to the queue.
    length: u64,
}

impl Sink {
    /// Opens an existing name for writing, or standard output if it is called `-`. Waits for the
    /// reader of a FIFO as long as `go_on` allows.
    ///
    /// # Errors
    ///
    /// When it cannot be opened.
    pub fn open(path: &Path, go_on: &mut dyn FnMut() -> bool) -> Result<Self, Error> {
        let is_stdout = path.as_os_str() == STDOUT;
        let name = if is_stdout { "<stdout>".to_owned() } else { name_of(path) };
        let file = if is_stdout { stdout() } else { existing(path, go_on) };
        let file = match file {
            Ok(Some(file)) => file,
            Ok(None) => return Err(ErrorKind::Cancelled.into()),
            Err(error) => return Err(Error::io(name.as_str(), error)),
        };
        let metadata = file.metadata().map_err(|error| Error::io(name.as_str(), error))?;
        let kind = metadata.file_type();
        // Standard output may be shared with others, who must not find its length changed.
        let ours = kind.is_file() && metadata.len() == 0 && !is_stdout;
        let waits = !(kind.is_file() || kind.is_block_device());
        // `/dev/null` takes whatever comes; in pieces, a run to it took half as long again.
        let is_device = kind.is_char_device() && !file.is_terminal();
        let at_once = if is_device { usize::MAX } else { PIPE_WRITE };
        let to = if waits { To::Waiting(file, at_once) } else { To::File(Queued::new(file, ours)) };
        Ok(Self { name, to, spare: Vec::new() })
    }

    /// Writes to what the caller opened, called `name` in messages.
    #[must_use]
    pub fn object(name: String, object: Box<dyn Write + Send>) -> Self {
        Self { name, to: To::Object(object), spare: Vec::new() }
    }

    /// Writes rows, waiting for a reader as long as `go_on` allows. The end of what goes to a file
    /// is held back until [`Sink::finish`].
    ///
    /// # Errors
    ///
    /// When the system refuses, or when the waiting ended.
    pub fn write(&mut self, rows: Vec<u8>, go_on: &mut dyn FnMut() -> bool) -> Result<(), Error> {
        let mut written = Vec::new();
        let done = match &mut self.to {
            To::File(queued) => queued.write(rows, &mut |rows| written.push(rows)).map(|()| true),
            To::Waiting(file, at_once) => {
                let done = write_waiting(file, &rows, *at_once, go_on);
                written.push(rows);
                done
            }
            To::Object(object) => {
                let done = object.write_all(&rows).map(|()| true);
                written.push(rows);
                done
            }
        };
        self.recycle(written);
        match done {
            Ok(true) => Ok(()),
            Ok(false) => Err(ErrorKind::Cancelled.into()),
            Err(error) => Err(Error::io(self.name.as_str(), error)),
        }
    }

    /// Writes what was held back.
    ///
    /// # Errors
    ///
    /// When the system refuses.
    pub fn finish(&mut self) -> Result<(), Error> {
        let done = match &mut self.to {
            To::File(queued) => queued.finish(),
            To::Waiting(..) => Ok(()),
            To::Object(object) => object.flush(),
        };
        done.map_err(|error| Error::io(self.name.as_str(), error))
    }

    /// Writes what was held back of a file, when an error has ended the run; whether it succeeds makes no
    /// difference any more.
    pub(super) fn leave(&mut self) {
        if let To::File(queued) = &mut self.to {
            let _ = queued.finish();
        }
    }

    /// A buffer that has been written and can be used again.
    pub(super) fn spare(&mut self) -> Option<Vec<u8>> {
        self.spare.pop()
    }

    /// Keeps a few buffers for whoever asks for them: of those that hold rows, since what stands between
    /// the rows of an array is a few bytes, and to grow such a buffer takes longer than to make one.
    fn recycle(&mut self, rows: impl IntoIterator<Item = Vec<u8>>) {
        const FEW: usize = 8;
        const SMALL: usize = 4 << 10;
        self.spare.extend(rows.into_iter().filter(|rows| rows.capacity() > SMALL));
        self.spare.truncate(FEW);
    }
}

impl Queued {
    fn new(file: File, ours: bool) -> Self {
        let reserve = if ours { Reserve::new(&file) } else { Reserve::default() };
        Self { file, queue: Queue::default(), reserve, length: 0 }
    }

    fn write(&mut self, rows: Vec<u8>, spare: &mut dyn FnMut(Vec<u8>)) -> io::Result<()> {
        self.length += rows.len() as u64;
        self.reserve.up_to(&self.file, self.length);
        if let Some(rows) = self.queue.push(rows) {
            spare(rows);
        }
        self.queue.write(&mut self.file, false, spare)
    }

    fn finish(&mut self) -> io::Result<()> {
        self.queue.write(&mut self.file, true, &mut drop)?;
        self.reserve.release(&self.file);
        Ok(())
    }
}

fn write_waiting(
    file: &mut File,
    mut bytes: &[u8],
    at_once: usize,
    go_on: &mut dyn FnMut() -> bool,
) -> io::Result<bool> {
    while !bytes.is_empty() {
        if wait_for(file, Readiness::Write, None, go_on)?.is_none() {
            return Ok(false);
        }
        match file.write(&bytes[..bytes.len().min(at_once)]) {
            Ok(0) => return Err(io::ErrorKind::WriteZero.into()),
            Ok(count) => bytes = &bytes[count..],
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
            Err(error) => return Err(error),
        }
    }
    Ok(true)
}

fn stdout() -> io::Result<Option<File>> {
    Ok(Some(File::from(io::stdout().as_fd().try_clone_to_owned()?)))
}

/// Opens without waiting, again and again while a FIFO has no reader.
fn existing(path: &Path, go_on: &mut dyn FnMut() -> bool) -> io::Result<Option<File>> {
    let flags = OFlags::NONBLOCK.bits().cast_signed();
    loop {
        match OpenOptions::new().write(true).custom_flags(flags).open(path) {
            Err(error) if is_unread_fifo(path, &error) => {
                if !go_on() {
                    return Ok(None);
                }
                thread::sleep(TICK);
            }
            opened => return opened.map(Some),
        }
    }
}

fn is_unread_fifo(path: &Path, error: &io::Error) -> bool {
    let no_reader = error.raw_os_error() == Some(rustix::io::Errno::NXIO.raw_os_error());
    no_reader && path.metadata().is_ok_and(|metadata| metadata.file_type().is_fifo())
}
