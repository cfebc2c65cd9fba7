//! Waiting for a pipe so that the wait can be cancelled.

use std::io;
use std::os::fd::AsFd;
use std::time::Duration;

use rustix::event::{PollFd, PollFlags, Timespec, poll};

/// How often a wait looks whether it was cancelled.
const LOOK: Duration = Duration::from_millis(50);

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
