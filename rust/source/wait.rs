//! Waiting for a pipe so that the wait can be cancelled.

use std::error::Error;
use std::fmt;
use std::fs::File;
use std::io::{self, Read};
use std::os::fd::AsFd;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use rustix::event::{PollFd, PollFlags, Timespec, poll};

/// How often a wait looks whether it was cancelled.
pub(super) const LOOK: Duration = Duration::from_millis(50);

/// What is waited for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Readiness {
    /// That a read will not block.
    Read,
    /// That a write of a few bytes will not block.
    Write,
}

/// Waits until `file` is ready, or for `patience` if that is given. `Some(ready)`, or `None` if
/// `go_on`, which is asked again and again, said no.
pub(crate) fn wait_for(
    file: &impl AsFd,
    readiness: Readiness,
    patience: Option<Duration>,
    go_on: &mut dyn FnMut() -> bool,
) -> io::Result<Option<bool>> {
    let flags = match readiness {
        Readiness::Read => PollFlags::IN,
        Readiness::Write => PollFlags::OUT,
    };
    let timeout = Timespec::try_from(patience.unwrap_or(LOOK)).map_err(io::Error::other)?;
    while go_on() {
        let mut fds = [PollFd::new(file, flags)];
        match poll(&mut fds, Some(&timeout)) {
            Ok(0) if patience.is_some() => return Ok(Some(false)),
            Ok(0) | Err(rustix::io::Errno::INTR) => {}
            // An error or a hang-up is told by the read or write that follows.
            Ok(_) => return Ok(Some(true)),
            Err(error) => return Err(error.into()),
        }
    }
    Ok(None)
}

/// A pipe, terminal or socket whose reads end when the run does.
#[derive(Debug)]
pub(super) struct Waiting {
    file: File,
    stop: Arc<AtomicBool>,
    /// What was read to look at it, and has still to be given.
    ahead: Vec<u8>,
}

/// The reason why a read ended: the run did.
#[derive(Clone, Copy, Debug)]
pub(super) struct Stopped;

impl Waiting {
    pub(super) fn new(file: File, stop: Arc<AtomicBool>) -> Self {
        Self { file, stop, ahead: Vec::new() }
    }

    /// What comes first: `length` bytes of it, or fewer if it ends before, or if they do not
    /// `want_more`.
    pub(super) fn peek(
        &mut self,
        length: usize,
        want_more: fn(&[u8]) -> bool,
    ) -> io::Result<Vec<u8>> {
        let mut bytes = vec![0; length];
        let mut seen = 0;
        while seen < length && want_more(&bytes[..seen]) {
            let count = self.read(&mut bytes[seen..])?;
            if count == 0 {
                break;
            }
            seen += count;
        }
        bytes.truncate(seen);
        self.ahead.clone_from(&bytes);
        Ok(bytes)
    }

    /// Waits until a read will give something, for `patience` at most.
    pub(super) fn is_ready(&self, patience: Option<Duration>) -> io::Result<bool> {
        if !self.ahead.is_empty() {
            return Ok(true);
        }
        let go_on = &mut || !self.stop.load(Ordering::Relaxed);
        let ready = wait_for(&self.file, Readiness::Read, patience, go_on)?;
        ready.ok_or_else(|| io::Error::other(Stopped))
    }
}

impl Read for Waiting {
    fn read(&mut self, space: &mut [u8]) -> io::Result<usize> {
        if !self.ahead.is_empty() {
            let count = self.ahead.as_slice().read(space)?;
            self.ahead.drain(..count);
            return Ok(count);
        }
        loop {
            self.is_ready(None)?;
            match self.file.read(space) {
                Err(error) if is_transient(&error) => {}
                read => return read,
            }
        }
    }
}

/// Whether a read can simply be tried again.
fn is_transient(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::Interrupted | io::ErrorKind::WouldBlock)
}

impl fmt::Display for Stopped {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the run ended")
    }
}

impl Error for Stopped {}
