//! Many workers, one order.
//!
//! A worker takes the next block, reads it, converts it and hands the rows over under the block's
//! number. Whoever hands over the block that is next to be written writes it, and all blocks after it
//! that are ready; the others go on converting. A worker that is too far ahead waits, so memory is
//! bounded by threads and block size, whatever the size of the input.
//!
//! Threads are scoped to the call, so none outlives it and a process may fork before and after.

mod commit;
pub mod compress;
mod file;
mod frame;
mod framing;
mod headroom;
mod others;
mod outlet;
mod queue;
mod read;
mod reserve;
mod rolling;
mod sample;
mod schema;
mod sink;
mod split;
mod validate;

use std::path::Path;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, PoisonError};
use std::thread::{self, Scope, ScopedJoinHandle};
use std::time::Duration;

use crate::columnar;
use crate::convert::{Converted, Converter, DEFAULT_BLOCK_BYTES, Failure, Missing};
use crate::error::{Error, ErrorKind};
use crate::ledger::Ledger;
use crate::scan::Buffer;
use crate::source::{Cut, Feed, Input, Piece, Ticket, Wanted, part};
use commit::{Block, Committer, Part, Surroundings, Writer};
use compress::Compression;
pub use frame::BATCH;
use frame::{Encoding, Frame, Payload};
use headroom::Headroom;
pub use others::with_others;
pub use outlet::Destination;
use outlet::Outlet;
pub use read::{Account, Reader, read};
pub use rolling::{Full, Next, RowsOfEach};
pub use sample::write_sample;
pub use schema::survey;
pub use sink::Sink;
pub use validate::validate;

/// How often the caller is told of the progress, and asked whether to go on.
const TICK: Duration = Duration::from_millis(50);

/// Whether to go on waiting.
type GoOn<'a> = &'a mut dyn FnMut() -> bool;

/// How a conversion is run.
#[derive(Clone, Copy, Debug)]
pub struct Settings {
    /// Workers at most; fewer if there are fewer blocks, or if the system gives no more threads.
    pub threads: usize,
    /// Bytes of input that a worker takes at a time.
    pub block_bytes: usize,
    /// What the rows become.
    pub form: Form,
    /// Whether zstd windows over 128 MiB are taken, which need as much memory.
    pub long: bool,
    /// Which of how many parts of the inputs, equal in bytes, is converted; by default all. What the
    /// columns are does not depend on it.
    pub part: Option<(u64, u64)>,
    /// Where those of the inputs start and end that are converted; by default all. The columns of the
    /// rows are those of all inputs.
    pub only: Option<(usize, usize)>,
    /// Bytes of input at most whose rows are framed together, in forms that have frames or row groups; by
    /// default 4 MiB of compressed lines and 16 MiB of columns.
    pub frame_bytes: Option<u64>,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            threads: default_threads(),
            block_bytes: DEFAULT_BLOCK_BYTES,
            form: Form::default(),
            long: false,
            part: None,
            only: None,
            frame_bytes: None,
        }
    }
}

/// The CPUs that this process may use, by affinity and cgroup quota.
#[must_use]
pub fn default_threads() -> usize {
    thread::available_parallelism().map_or(1, usize::from)
}

/// How far a run has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Progress {
    /// Bytes of input converted.
    pub done: u64,
    /// Bytes of input in all, unless a pipe is among the inputs.
    pub total: Option<u64>,
}

/// What the rows become.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Form {
    /// JSON lines, compressed or not.
    Lines(Compression),
    /// A file of Arrow columns.
    File(columnar::Form, columnar::Codec),
    /// Arrow batches, for [`Destination::Reader`].
    Batches,
}

impl Default for Form {
    fn default() -> Self {
        Self::Lines(Compression::None)
    }
}

/// What a conversion came to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Outcome {
    /// The account of all inputs.
    pub ledger: Ledger,
    /// The account of each input, by its name.
    pub inputs: Vec<(String, Ledger)>,
    /// The field in use that was in no record. It is up to the caller whether that is an error: the
    /// inputs may be a part of more.
    pub missing: Option<Missing>,
    /// The fields that some record had, as bits in the order of the target's keys.
    pub present: u64,
    /// The rules that rows broke, and where each first was in each input: its name and the line.
    pub broken: Vec<(&'static str, String, u64)>,
}

/// Converts `inputs`, one after the other, into `output`.
///
/// The rows are in the order of the records and the same bytes for every number of threads and
/// every block size. Rejected lines are written to `rejects`, if the converter's policy is to skip
/// them. `tick` is called about twenty times a second and ends the run by returning false.
///
/// # Errors
///
/// The first one in the order of the input. What was written before it stays written; making that
/// invisible is the caller's affair.
pub fn convert(
    converter: &Converter,
    inputs: &[Input],
    output: Destination,
    rejects: Option<&Path>,
    settings: Settings,
    tick: &mut dyn FnMut(Progress) -> bool,
) -> Result<Outcome, Error> {
    let converter = &with_others(converter, inputs, settings, tick)?;
    let encoding = Encoding::new(converter, inputs, settings, tick)?;
    let inputs = match settings.only {
        Some((start, end)) => inputs.get(start..end).unwrap_or_default(),
        None => inputs,
    };
    let Some((index, count)) = settings.part else {
        return run(converter, &encoding, inputs, output, rejects, settings, tick);
    };
    let inputs = part(inputs, index, count)?;
    run(converter, &encoding, &inputs, output, rejects, settings, tick)
}

/// Finds out what [`convert`] would come to, and writes nothing.
///
/// # Errors
///
/// Those of [`convert`].
pub fn count(
    converter: &Converter,
    inputs: &[Input],
    settings: Settings,
    tick: &mut dyn FnMut(Progress) -> bool,
) -> Result<Outcome, Error> {
    let converter = &with_others(converter, inputs, settings, tick)?;
    run(converter, &Encoding::Nothing, inputs, Destination::Nowhere, None, settings, tick)
}

/// Converts `inputs` with an encoding that is known. Long, because all that a run has comes together here.
fn run(
    converter: &Converter,
    encoding: &Encoding,
    inputs: &[Input],
    output: Destination,
    rejects: Option<&Path>,
    settings: Settings,
    tick: &mut dyn FnMut(Progress) -> bool,
) -> Result<Outcome, Error> {
    let stop = Arc::new(AtomicBool::new(false));
    let most = settings.frame_bytes.unwrap_or(u64::MAX).max(1);
    let portion = encoding.portion().map(|bytes| bytes.min(most));
    let cut = Cut { block_bytes: settings.block_bytes, portion };
    let limit = converter.record_limit();
    let shape = converter.shape();
    let keys = converter.reader().columns();
    let wanted = Wanted { keys: &keys, whole: shape.takes_whole() };
    let feed = Feed::new(inputs, wanted, cut, limit, settings.long, Arc::clone(&stop));
    let feed = feed.workers(settings.threads);
    let tickets = feed.tickets().and_then(|tickets| usize::try_from(tickets).ok());
    // What a compressed file comes to is not known before.
    let total = feed.length().filter(|_| tickets.is_some());
    let mut opening = || tick(Progress { done: 0, total });
    let writer = Writer::new(
        Outlet::open(output, encoding, &mut opening)?,
        rejects.map(|path| Sink::open(path, &mut opening)).transpose()?,
        inputs.len(),
    );
    let threads = settings.threads.clamp(1, tickets.unwrap_or(usize::MAX).max(1));
    let keep = settings.block_bytes.saturating_mul(4);
    let portion = cut.portion.map(|bytes| usize::try_from(bytes).unwrap_or(usize::MAX));
    let is_small = cut.portion.is_none() && tickets.is_some();
    let run = Run {
        converter,
        // Of blocks that are small, one at work and one waiting; portions and frames are many times
        // larger.
        committer: Committer::new(writer, threads, if is_small { 2 } else { 1 }),
        around: Surroundings {
            feed: &feed,
            encoding,
            stop: &stop,
            keep,
            keep_rows: match portion {
                _ if !encoding.takes_written() => 0,
                Some(bytes) => bytes.saturating_mul(2),
                None => keep,
            },
        },
        done: AtomicU64::new(0),
        working: AtomicUsize::new(0),
        headroom: Headroom::new(),
        keep_rejects: rejects.is_some(),
    };
    run.workers(threads, &mut |done| tick(Progress { done, total }))?;
    let done = run.done.into_inner();
    let go_on = &mut || tick(Progress { done, total });
    let writer = run.committer.into_writer(encoding, go_on)?;
    let names = inputs.iter().map(|input| input.name().to_owned());
    let mut outcome = writer.outcome(converter.shape(), names)?;
    outcome.ledger.bytes_in += feed.passed_over();
    Ok(outcome)
}

/// What the workers share.
struct Run<'a> {
    converter: &'a Converter,
    committer: Committer,
    around: Surroundings<'a>,
    /// Bytes converted.
    done: AtomicU64,
    /// Workers that have not ended.
    working: AtomicUsize,
    headroom: Headroom,
    /// Whether somebody wants the lines that are left out.
    keep_rejects: bool,
}

impl Run<'_> {
    /// Runs the workers to their end, telling the caller how far they are.
    fn workers(&self, threads: usize, tick: &mut dyn FnMut(u64) -> bool) -> Result<(), Error> {
        thread::scope(|scope| {
            let workers = self.spawn(scope, threads)?;
            let is_over = || self.working.load(Ordering::SeqCst) == 0;
            loop {
                // Asked before the last time that somebody is told, who then hears of all bytes. On a
                // busy machine workers may be done before this thread has its turn.
                let is_last = is_over();
                if !tick(self.done.load(Ordering::Relaxed)) {
                    self.cancel();
                }
                if is_last {
                    break;
                }
                self.committer.wait(TICK, is_over);
            }
            // A panic was made an error by the worker itself.
            for worker in workers {
                drop(worker.join());
            }
            Ok(())
        })
    }

    /// Starts as many workers as the system allows: fewer do as well, but one there must be.
    fn spawn<'scope>(
        &'scope self,
        scope: &'scope Scope<'scope, '_>,
        threads: usize,
    ) -> Result<Vec<ScopedJoinHandle<'scope, ()>>, Error> {
        let mut workers = Vec::new();
        while workers.len() < threads {
            self.working.fetch_add(1, Ordering::SeqCst);
            match thread::Builder::new().spawn_scoped(scope, || self.work()) {
                Ok(worker) => workers.push(worker),
                Err(error) => {
                    self.working.fetch_sub(1, Ordering::SeqCst);
                    if workers.is_empty() {
                        return Err(Error::io("cannot start a thread", error));
                    }
                    break;
                }
            }
        }
        Ok(workers)
    }

    fn cancel(&self) {
        // In this order: a worker that is told to stop hands over a part of its block, which nothing may
        // follow.
        self.committer.fail(ErrorKind::Cancelled.into());
        self.around.stop.store(true, Ordering::Relaxed);
    }

    /// One worker, until there is no more work.
    fn work(&self) {
        let _ending = Ending(self);
        let mut buffer = Buffer::default();
        let mut frame = self.around.encoding.frame(self.converter.shape());
        while !self.around.stop.load(Ordering::Relaxed) {
            buffer.reset(self.around.keep);
            match self.around.feed.next(&mut buffer) {
                Ok(None) => return,
                Ok(Some(ticket)) => self.ticket(ticket, &mut buffer, &mut frame),
                Err((sequence, error)) => {
                    return self.hand_over(Block::failed(sequence, error));
                }
            }
        }
    }

    fn ticket(&self, mut ticket: Ticket, buffer: &mut Buffer, frame: &mut Frame) {
        if !self.committer.reserve(ticket.sequence, frame) {
            return;
        }
        let (sequence, input) = (ticket.sequence, ticket.input);
        let _promise = match self.headroom.promise(self.around.encoding.headroom()) {
            Ok(promise) => promise,
            Err(error) => return self.hand_over(Block::failed(sequence, error)),
        };
        let mut block = Block { sequence, input, parts: Vec::new(), payload: Payload::Nothing };
        loop {
            let part = match self.around.feed.read(&mut ticket, buffer, self.around.keep) {
                Ok(None) => break,
                Ok(Some(piece)) => self.piece(piece, buffer, frame),
                Err(error) => Part::failed(error),
            };
            let over = part.converted.failure.is_some();
            block.parts.push(part);
            if over || self.around.stop.load(Ordering::Relaxed) {
                break;
            }
        }
        match self.around.encoding.encode(frame) {
            Ok(payload) => block.payload = payload,
            Err(error) => block.parts.push(Part::failed(error)),
        }
        self.hand_over(block);
    }

    fn piece(&self, piece: Piece, buffer: &Buffer, frame: &mut Frame) -> Part {
        let (lines, converted) = match piece {
            Piece::Lines(lines) => {
                let keep = self.keep_rejects || frame.takes_rejects();
                let mut converted = self.converter.block(buffer, lines.start, frame, keep);
                frame.reject(&mut converted.rejects);
                (Some(lines), converted)
            }
            Piece::Rows(rows) => (None, self.converter.rows(&rows.batch, rows.rows, frame)),
        };
        frame.passed(converted.lines);
        let bytes = lines.as_ref().map_or(converted.ledger.bytes_in, |lines| lines.bytes);
        self.done.fetch_add(bytes, Ordering::Relaxed);
        Part { lines, converted }
    }

    fn hand_over(&self, block: Block) {
        self.committer.hand_over(block, self.around);
    }
}

/// Tells that a worker has ended, however it ended: a worker that panics must not leave the others
/// waiting for its block.
struct Ending<'a>(&'a Run<'a>);

impl Drop for Ending<'_> {
    fn drop(&mut self) {
        if thread::panicking() {
            self.0.committer.fail(internal("a worker panicked"));
            self.0.around.stop.store(true, Ordering::Relaxed);
        }
        self.0.working.fetch_sub(1, Ordering::SeqCst);
        self.0.committer.worker_ended();
    }
}

impl Block {
    fn failed(sequence: u64, error: Error) -> Self {
        Self { sequence, input: 0, parts: vec![Part::failed(error)], payload: Payload::Nothing }
    }
}

impl Part {
    fn failed(error: Error) -> Self {
        let mut converted = Converted::default();
        converted.failure = Some(Failure::Run(error));
        Self { lines: None, converted }
    }
}

/// What a poisoned lock holds is still right here: the state is changed in single steps, and a
/// panic ends the run with an error anyway.
fn unpoisoned<T>(result: Result<T, PoisonError<T>>) -> T {
    result.unwrap_or_else(PoisonError::into_inner)
}

fn internal(message: &str) -> Error {
    ErrorKind::Internal(message.to_owned()).into()
}
