//! The only serial step: blocks are written in order by whichever worker completes the next one.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Condvar, Mutex, MutexGuard};
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use super::{Sink, unpoisoned};
use crate::convert::{Converted, Reject, Total};
use crate::error::Error;
use crate::ledger::Ledger;
use crate::shape::Shape;
use crate::source::{Feed, Lines};

/// A converted block.
#[derive(Debug)]
pub(super) struct Block {
    pub sequence: u64,
    pub input: usize,
    /// Bytes of input.
    pub bytes: u64,
    pub lines: Lines,
    pub converted: Converted,
}

/// Puts blocks in order.
pub(super) struct Committer {
    state: Mutex<State>,
    /// Told when a block has been written: workers that are too far ahead wait for it.
    written: Condvar,
    /// Told when a worker ends: the caller waits for it. A condition of its own, because the caller
    /// would be woken thousands of times a second otherwise.
    ended: Condvar,
    /// Blocks that may be under way at once.
    window: u64,
}

struct State {
    /// The number of the block to be written next.
    next: u64,
    /// Blocks that are ready, from `next` on.
    ready: VecDeque<Option<Block>>,
    /// Absent while somebody is writing.
    writer: Option<Writer>,
    /// Row buffers to be used again.
    spare: Vec<Vec<u8>>,
    /// The first error in the order of the input.
    error: Option<Error>,
}

impl Committer {
    pub(super) fn new(writer: Writer, threads: usize) -> Self {
        let state = State {
            next: 0,
            ready: VecDeque::new(),
            writer: Some(writer),
            spare: Vec::new(),
            error: None,
        };
        // Two blocks for each worker, one at work and one waiting, and two for the one who writes.
        let window = 2 * threads as u64 + 2;
        let (written, ended) = (Condvar::new(), Condvar::new());
        Self { state: Mutex::new(state), written, ended, window }
    }

    /// Waits until block `sequence` is among those that may be under way; gives a row buffer for
    /// it, or `None` if the run is over.
    pub(super) fn reserve(&self, sequence: u64) -> Option<Vec<u8>> {
        let mut state = self.lock();
        while state.error.is_none() && sequence >= state.next + self.window {
            state = unpoisoned(self.written.wait(state));
        }
        let over = state.error.is_some();
        (!over).then(|| state.spare.pop().unwrap_or_default())
    }

    /// Takes a block, and writes all that are ready unless somebody is at it.
    pub(super) fn hand_over(&self, block: Block, feed: &Feed<'_>, stop: &AtomicBool, keep: usize) {
        let mut state = self.lock();
        state.put(block);
        let Some(mut writer) = state.writer.take() else { return };
        while let Some(mut block) = state.take_next() {
            drop(state);
            let result = writer.write(&mut block, feed, stop);
            state = self.lock();
            state.recycle(&mut writer, keep);
            if let Err(error) = result {
                state.error.get_or_insert(error);
                stop.store(true, Ordering::Relaxed);
            }
            self.written.notify_all();
        }
        state.writer = Some(writer);
    }

    /// Ends the run with an error, unless it has one.
    pub(super) fn fail(&self, error: Error) {
        self.lock().error.get_or_insert(error);
        self.written.notify_all();
    }

    /// Waits for the end of a worker, for `patience` at most, unless `over` already.
    pub(super) fn wait(&self, patience: Duration, over: impl Fn() -> bool) {
        let state = self.lock();
        let _ = unpoisoned(self.ended.wait_timeout_while(state, patience, |_| !over()));
    }

    /// Tells that a worker has ended.
    pub(super) fn worker_ended(&self) {
        // Taking the lock orders this after the check of whoever is about to wait.
        drop(self.lock());
        self.ended.notify_all();
    }

    /// The writer, after the last block; or the error that ended the run, before which all rows are
    /// written too.
    pub(super) fn into_writer(self) -> Result<Writer, Error> {
        let state = unpoisoned(self.state.into_inner());
        let Some(mut writer) = state.writer else {
            return Err(state.error.unwrap_or_else(|| super::internal("the writer was lost")));
        };
        let flushed = writer.flush();
        state.error.map_or(Ok(()), Err).and(flushed)?;
        Ok(writer)
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        unpoisoned(self.state.lock())
    }
}

impl State {
    fn put(&mut self, block: Block) {
        let place = usize::try_from(block.sequence - self.next).unwrap_or(usize::MAX);
        while self.ready.len() <= place {
            self.ready.push_back(None);
        }
        self.ready[place] = Some(block);
    }

    /// The next block, if it is ready and there was no error.
    fn take_next(&mut self) -> Option<Block> {
        if self.error.is_some() || !matches!(self.ready.front(), Some(Some(_))) {
            return None;
        }
        self.next += 1;
        self.ready.pop_front().flatten()
    }

    /// Takes back the row buffers that were written, unless they have grown out of measure.
    fn recycle(&mut self, writer: &mut Writer, keep: usize) {
        while let Some(mut rows) = writer.rows.spare() {
            if rows.capacity() <= keep {
                rows.clear();
                self.spare.push(rows);
            }
        }
    }
}

/// Writes blocks and keeps the account.
#[derive(Debug)]
pub(super) struct Writer {
    rows: Sink,
    rejects: Option<Sink>,
    total: Total,
    /// The input that `total` counts the lines of.
    input: usize,
}

impl Writer {
    pub(super) fn new(rows: Sink, rejects: Option<Sink>) -> Self {
        Self { rows, rejects, total: Total::default(), input: 0 }
    }

    /// Writes a block, and then tells what ended it early, if something did.
    fn write(
        &mut self,
        block: &mut Block,
        feed: &Feed<'_>,
        stop: &AtomicBool,
    ) -> Result<(), Error> {
        if block.input != self.input {
            self.input = block.input;
            self.total.lines = 0;
        }
        let go_on = &mut || !stop.load(Ordering::Relaxed);
        self.total.ledger.bytes_in += block.bytes;
        self.total.ledger.bytes_out += block.converted.rows.len() as u64;
        self.rows.write(std::mem::take(&mut block.converted.rows), go_on)?;
        self.write_rejects(block, feed, go_on)?;
        self.total.add(&mut block.converted, feed.name(block.input), block.lines.offset)?;
        feed.check(block.input, &block.lines)
    }

    fn write_rejects(
        &mut self,
        block: &Block,
        feed: &Feed<'_>,
        go_on: &mut dyn FnMut() -> bool,
    ) -> Result<(), Error> {
        let Some(sink) = &mut self.rejects else { return Ok(()) };
        let (name, offset) = (feed.name(block.input), block.lines.offset);
        let mut lines = Vec::new();
        for reject in &block.converted.rejects {
            lines.extend(reject_line(reject, name, self.total.lines, offset).into_bytes());
        }
        sink.write(lines, go_on)
    }

    /// Writes what was held back.
    fn flush(&mut self) -> Result<(), Error> {
        self.rows.finish()?;
        self.rejects.as_mut().map_or(Ok(()), Sink::finish)
    }

    /// The account, once everything is written.
    pub(super) fn finish(mut self, shape: &Shape) -> Result<Ledger, Error> {
        self.total.finish(shape)?;
        if !self.total.ledger.adds_up() {
            return Err(super::internal("the ledger does not add up"));
        }
        Ok(self.total.ledger)
    }
}

/// A rejected line as a line of JSON.
fn reject_line(reject: &Reject, name: &str, lines: u64, offset: u64) -> String {
    let (line, fault) = reject.position(lines, offset);
    let mut object = serde_json::json!({
        "file": name,
        "line": line,
        "offset": fault,
        "start": offset + reject.start as u64,
        "reason": reject.fault.kind.name(),
        "message": reject.fault.kind.to_string(),
        "raw": STANDARD.encode(&reject.raw),
    });
    if reject.cut {
        object["cut"] = true.into();
    }
    format!("{object}\n")
}
