//! Memory that is asked for before it is needed, where the process may have only so much of it.
//!
//! What is sized by data is reserved in a way that can fail. The encoders of other libraries, small
//! things and the C library's own are not: there, the end of memory is the end of the process. So
//! before a ticket is worked on, what it may need is asked for, and given back at once.

use std::sync::{Condvar, Mutex};

use super::unpoisoned;
use crate::error::Error;
use crate::memory::ask;

/// What the workers of a run have been promised.
#[derive(Debug)]
pub(super) struct Headroom {
    /// Whether asking is of use: a system without a limit gives what it does not have, too.
    is_limited: bool,
    promised: Mutex<usize>,
    /// Told when a promise ends.
    returned: Condvar,
}

/// Memory that was there when it was asked for, beside all that others had been promised.
#[derive(Debug)]
pub(super) struct Promise<'a> {
    headroom: &'a Headroom,
    bytes: usize,
}

impl Headroom {
    /// For a run, under the limit that the process has now (`ulimit -v`).
    pub(super) fn new() -> Self {
        Self::with(is_limited())
    }

    fn with(is_limited: bool) -> Self {
        Self { is_limited, promised: Mutex::new(0), returned: Condvar::new() }
    }

    /// Finds out whether there is so much memory. Where others have been promised it, their work is
    /// waited for: fewer threads are slower, and come to the same rows.
    pub(super) fn promise(&self, bytes: usize) -> Result<Promise<'_>, Error> {
        if !self.is_limited {
            return Ok(Promise { headroom: self, bytes: 0 });
        }
        let mut promised = unpoisoned(self.promised.lock());
        while let Err(error) = ask(promised.saturating_add(bytes)) {
            if *promised == 0 {
                return Err(error.into());
            }
            promised = unpoisoned(self.returned.wait(promised));
        }
        *promised += bytes;
        Ok(Promise { headroom: self, bytes })
    }
}

impl Drop for Promise<'_> {
    fn drop(&mut self) {
        if self.bytes > 0 {
            *unpoisoned(self.headroom.promised.lock()) -= self.bytes;
            self.headroom.returned.notify_all();
        }
    }
}

#[cfg(unix)]
fn is_limited() -> bool {
    use rustix::process::{Resource, getrlimit};
    getrlimit(Resource::As).current.is_some()
}

#[cfg(not(unix))]
fn is_limited() -> bool {
    false
}

#[cfg(test)]
mod tests {
    use std::thread;

    use super::Headroom;

    /// More than there can be.
    const TOO_MUCH: usize = isize::MAX as usize;

    #[test]
    fn what_is_not_there_is_refused() {
        let headroom = Headroom::with(true);
        let refused = headroom.promise(TOO_MUCH).map_err(|error| error.name());
        assert_eq!(refused.err(), Some("out-of-memory"));
    }

    #[test]
    fn without_a_limit_nothing_is_refused() {
        assert!(Headroom::with(false).promise(TOO_MUCH).is_ok());
    }

    #[test]
    fn what_others_were_promised_is_waited_for() {
        let headroom = Headroom::with(true);
        *super::unpoisoned(headroom.promised.lock()) = TOO_MUCH;
        thread::scope(|scope| {
            let waiting = scope.spawn(|| headroom.promise(1 << 20).is_ok());
            drop(super::Promise { headroom: &headroom, bytes: TOO_MUCH });
            assert!(waiting.join().is_ok_and(|is_promised| is_promised));
        });
        assert!(headroom.promised.into_inner().is_ok_and(|promised| promised == 0));
    }
}
