//! The only serial step: blocks are written in order by whichever worker completes the next one.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Condvar, Mutex, MutexGuard};
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use super::frame::{Encoding, Frame, Payload};
use super::outlet::Outlet;
use super::{GoOn, Outcome, Sink, unpoisoned};
use crate::convert::{Converted, Failure, Reject, Total};
use crate::error::Error;
use crate::ledger::Ledger;
use crate::shape::Shape;
use crate::source::{Feed, Lines};

/// What a ticket came to.
#[derive(Debug)]
pub(super) struct Block {
    pub sequence: u64,
    pub input: usize,
    /// The account of its pieces, in order.
    pub parts: Vec<Part>,
    /// Their rows.
    pub payload: Payload,
}

/// A piece of a ticket, converted.
#[derive(Debug)]
pub(super) struct Part {
    /// The lines, unless they are rows of a batch.
    pub lines: Option<Lines>,
    pub converted: Converted,
}

impl Block {
    /// Whether something of it will be told with the number of a line.
    fn names_lines(&self) -> bool {
        let told = |part: &Part| {
            let converted = &part.converted;
            matches!(converted.failure, Some(Failure::Line { .. }))
                || !converted.rejects.is_empty()
                || !converted.broken.is_empty()
        };
        matches!(self.payload, Payload::Survey(_) | Payload::Findings(_))
            || self.parts.iter().any(told)
    }
}

/// What all who hand over need to write.
#[derive(Clone, Copy)]
pub(super) struct Surroundings<'a> {
    pub feed: &'a Feed<'a>,
    pub encoding: &'a Encoding,
    pub stop: &'a AtomicBool,
    /// Bytes of an input buffer that are kept to be used again.
    pub keep: usize,
    /// The same of a row buffer.
    pub keep_rows: usize,
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
    /// For `threads` workers, so many blocks of each of which may be under way at once.
    pub(super) fn new(writer: Writer, threads: usize, blocks: u64) -> Self {
        let state = State {
            next: 0,
            ready: VecDeque::new(),
            writer: Some(writer),
            spare: Vec::new(),
            error: None,
        };
        // And two for the one who writes.
        let window = blocks * threads as u64 + 2;
        let (written, ended) = (Condvar::new(), Condvar::new());
        Self { state: Mutex::new(state), written, ended, window }
    }

    /// Waits until block `sequence` is among those that may be under way, and gives its frame memory; tells
    /// whether the run goes on.
    pub(super) fn reserve(&self, sequence: u64, frame: &mut Frame) -> bool {
        let mut state = self.lock();
        while state.error.is_none() && sequence >= state.next + self.window {
            state = unpoisoned(self.written.wait(state));
        }
        let goes_on = state.error.is_none();
        if goes_on {
            frame.reuse(&mut state.spare);
        }
        goes_on
    }

    /// Takes a block, and writes all that are ready unless somebody is at it.
    pub(super) fn hand_over(&self, block: Block, around: Surroundings<'_>) {
        let mut state = self.lock();
        state.put(block);
        let Some(mut writer) = state.writer.take() else { return };
        while let Some(block) = state.take_next() {
            drop(state);
            let result = writer.write(block, around);
            state = self.lock();
            state.recycle(&mut writer, around.keep_rows, self.window);
            if let Err(error) = result {
                state.error.get_or_insert(error);
                around.stop.store(true, Ordering::Relaxed);
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
    pub(super) fn into_writer(self, encoding: &Encoding, go_on: GoOn<'_>) -> Result<Writer, Error> {
        let state = unpoisoned(self.state.into_inner());
        let Some(mut writer) = state.writer else {
            return Err(state.error.unwrap_or_else(|| super::internal("the writer was lost")));
        };
        let lost = || super::internal("blocks before the last one were lost");
        let unwritten = (!state.ready.is_empty()).then(lost);
        if let Some(error) = state.error.or(unwritten) {
            writer.leave();
            return Err(error);
        }
        writer.finish(encoding, go_on)?;
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

    /// Takes back the row buffers that were written, unless they have grown out of measure, and keeps the last
    /// ones, no more than can be under way: where rows go to several files, each block comes back as one for
    /// each.
    fn recycle(&mut self, writer: &mut Writer, keep: usize, most: u64) {
        while let Some(mut rows) = writer.rows.spare() {
            if rows.capacity() > keep {
                continue;
            }
            if self.spare.len() as u64 >= most {
                self.spare.remove(0);
            }
            rows.clear();
            self.spare.push(rows);
        }
    }
}

/// Writes blocks and keeps the account.
pub(super) struct Writer {
    rows: Outlet,
    rejects: Option<Sink>,
    total: Total,
    /// The account of each input.
    inputs: Vec<Ledger>,
    /// The input that `total` counts the lines of.
    input: Option<usize>,
    /// Whether the lines before the part of it that is read have been counted: only if some line is to
    /// be named, because it means to read them.
    has_counted: bool,
    /// Where its current frame starts, if it has frames.
    frame: u64,
}

impl Writer {
    pub(super) fn new(rows: Outlet, rejects: Option<Sink>, inputs: usize) -> Self {
        let inputs = vec![Ledger::default(); inputs];
        Self {
            rows,
            rejects,
            total: Total::default(),
            inputs,
            input: None,
            has_counted: false,
            frame: 0,
        }
    }

    /// Writes a block, and then tells what ended it early, if something did.
    fn write(&mut self, mut block: Block, around: Surroundings<'_>) -> Result<(), Error> {
        if self.input != Some(block.input) {
            self.input = Some(block.input);
            self.frame = 0;
            self.total.lines = 0;
            self.has_counted = false;
        }
        if block.names_lines() && !self.has_counted {
            self.total.lines += around.feed.lines_before(block.input)?;
            self.has_counted = true;
        }
        match &mut block.payload {
            Payload::Survey(survey) => {
                survey.locate(around.feed.name(block.input), self.total.lines);
            }
            Payload::Findings(findings) => {
                findings.locate(around.feed.name(block.input), self.total.lines);
            }
            _ => {}
        }
        let go_on = &mut || !around.stop.load(Ordering::Relaxed);
        let count = block.parts.iter().map(|part| part.converted.ledger.written).sum();
        let bytes = self.rows.write(block.payload, count, around.encoding, go_on)?;
        self.account(block.input, |ledger| ledger.bytes_out += bytes);
        for part in &mut block.parts {
            self.add(block.input, part, around, go_on)?;
        }
        Ok(())
    }

    fn add(
        &mut self,
        input: usize,
        part: &mut Part,
        around: Surroundings<'_>,
        go_on: GoOn<'_>,
    ) -> Result<(), Error> {
        let (bytes, offset) = part.lines.as_ref().map_or((0, 0), |l| (l.bytes, l.offset));
        let offset = self.frame + offset;
        self.frame += part.lines.as_ref().and_then(|lines| lines.frame).unwrap_or_default();
        part.converted.ledger.bytes_in += bytes;
        self.write_rejects(&part.converted.rejects, around.feed.name(input), offset, go_on)?;
        if let Some(ledger) = self.inputs.get_mut(input) {
            ledger.add(&part.converted.ledger);
        }
        self.total.add(&mut part.converted, around.feed.name(input), offset)?;
        part.lines.as_ref().map_or(Ok(()), |lines| around.feed.check(input, lines))
    }

    /// Puts something into the account of an input, and of all.
    fn account(&mut self, input: usize, put: impl Fn(&mut Ledger)) {
        self.inputs.get_mut(input).map(&put);
        put(&mut self.total.ledger);
    }

    fn write_rejects(
        &mut self,
        rejects: &[Reject],
        name: &str,
        offset: u64,
        go_on: GoOn<'_>,
    ) -> Result<(), Error> {
        let Some(sink) = self.rejects.as_mut().filter(|_| !rejects.is_empty()) else {
            return Ok(());
        };
        let mut lines = Vec::new();
        for reject in rejects {
            lines.extend(reject_line(reject, name, self.total.lines, offset).into_bytes());
        }
        sink.write(lines, go_on)
    }

    /// Writes what files were to get before an error, and nothing that would make it look complete.
    fn leave(&mut self) {
        self.rows.leave();
        if let Some(rejects) = &mut self.rejects {
            rejects.leave();
        }
    }

    /// Writes what was held back, and what ends the outputs.
    fn finish(&mut self, encoding: &Encoding, go_on: GoOn<'_>) -> Result<(), Error> {
        self.total.ledger.bytes_out += self.rows.finish(encoding, go_on)?;
        self.rejects.as_mut().map_or(Ok(()), Sink::finish)
    }

    /// The account, once everything is written.
    pub(super) fn outcome(
        self,
        shape: &Shape,
        names: impl Iterator<Item = String>,
    ) -> Result<Outcome, Error> {
        let missing = self.total.missing(shape);
        if !self.total.ledger.adds_up() {
            return Err(super::internal("the ledger does not add up"));
        }
        let present = self.total.present();
        let broken = self.total.broken().to_vec();
        Ok(Outcome {
            ledger: self.total.ledger,
            inputs: names.zip(self.inputs).collect(),
            missing,
            present,
            broken,
        })
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
