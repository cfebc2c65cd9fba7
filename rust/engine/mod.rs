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
mod queue;
mod reserve;
mod sample;
mod sink;

use std::path::Path;
use std::sync::PoisonError;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::thread::{self, Scope, ScopedJoinHandle};
use std::time::Duration;

use crate::convert::{Converted, Converter, DEFAULT_BLOCK_BYTES, Failure};
use crate::error::{Error, ErrorKind};
use crate::ledger::Ledger;
use crate::scan::Buffer;
use crate::source::{Feed, Input, Lines, Ticket};
use commit::{Block, Committer, Writer};
pub use sample::write_sample;
pub use sink::Sink;

/// How often the caller is told of the progress, and asked whether to go on.
const TICK: Duration = Duration::from_millis(50);

/// How a conversion is run.
#[derive(Clone, Copy, Debug)]
pub struct Settings {
    /// Workers at most; fewer if there are fewer blocks, or if the system gives no more threads.
    pub threads: usize,
    /// Bytes of input that a worker takes at a time.
    pub block_bytes: usize,
}

impl Default for Settings {
    fn default() -> Self {
        Self { threads: default_threads(), block_bytes: DEFAULT_BLOCK_BYTES }
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
    output: &Path,
    rejects: Option<&Path>,
    settings: Settings,
    tick: &mut dyn FnMut(Progress) -> bool,
) -> Result<Ledger, Error> {
    let stop = AtomicBool::new(false);
    let feed = Feed::new(inputs, settings.block_bytes, converter.record_limit(), &stop);
    let total = feed.length();
    let mut opening = || tick(Progress { done: 0, total });
    let writer = Writer::new(
        Sink::open(output, &mut opening)?,
        rejects.map(|path| Sink::open(path, &mut opening)).transpose()?,
    );
    let blocks = feed.blocks().and_then(|blocks| usize::try_from(blocks).ok());
    let threads = settings.threads.clamp(1, blocks.unwrap_or(usize::MAX).max(1));
    let run = Run {
        converter,
        committer: Committer::new(writer, threads),
        feed: &feed,
        stop: &stop,
        done: AtomicU64::new(0),
        working: AtomicUsize::new(0),
        keep: settings.block_bytes.saturating_mul(4),
        keep_rejects: rejects.is_some(),
    };
    run.workers(threads, &mut |done| tick(Progress { done, total }))?;
    let mut ledger = run.committer.into_writer()?.finish(converter.shape())?;
    ledger.bytes_in += feed.passed_over();
    Ok(ledger)
}

/// What the workers share.
struct Run<'a> {
    converter: &'a Converter,
    committer: Committer,
    feed: &'a Feed<'a>,
    stop: &'a AtomicBool,
    /// Bytes converted.
    done: AtomicU64,
    /// Workers that have not ended.
    working: AtomicUsize,
    /// Bytes of a buffer that are kept for the next block.
    keep: usize,
    /// Whether somebody wants the lines that are left out.
    keep_rejects: bool,
}

impl Run<'_> {
    /// Runs the workers to their end, telling the caller how far they are.
    fn workers(&self, threads: usize, tick: &mut dyn FnMut(u64) -> bool) -> Result<(), Error> {
        thread::scope(|scope| {
            let workers = self.spawn(scope, threads)?;
            while self.working.load(Ordering::SeqCst) > 0 {
                if !tick(self.done.load(Ordering::Relaxed)) {
                    self.cancel();
                }
                self.committer.wait(TICK, || self.working.load(Ordering::SeqCst) == 0);
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
        self.stop.store(true, Ordering::Relaxed);
        self.committer.fail(ErrorKind::Cancelled.into());
    }

    /// One worker, until there are no more blocks.
    fn work(&self) {
        let _ending = Ending(self);
        let mut buffer = Buffer::default();
        while !self.stop.load(Ordering::Relaxed) {
            buffer.reset(self.keep);
            match self.feed.next(&mut buffer) {
                Ok(None) => return,
                Ok(Some(ticket)) => self.block(&ticket, &mut buffer),
                Err((sequence, error)) => {
                    return self.hand_over(Block::failed(sequence, error));
                }
            }
        }
    }

    fn block(&self, ticket: &Ticket, buffer: &mut Buffer) {
        let Some(rows) = self.committer.reserve(ticket.sequence) else { return };
        let block = match self.feed.read(ticket, buffer) {
            Ok(lines) => self.convert(ticket, buffer, lines, rows),
            Err(error) => Block::failed(ticket.sequence, error),
        };
        self.hand_over(block);
    }

    fn convert(&self, ticket: &Ticket, buffer: &Buffer, lines: Lines, rows: Vec<u8>) -> Block {
        let converted = self.converter.block(buffer, lines.start, rows, self.keep_rejects);
        let bytes = ticket.length().unwrap_or(buffer.content().len() as u64);
        self.done.fetch_add(bytes, Ordering::Relaxed);
        Block { sequence: ticket.sequence, input: ticket.input, bytes, lines, converted }
    }

    fn hand_over(&self, block: Block) {
        self.committer.hand_over(block, self.feed, self.stop, self.keep);
    }
}

/// Tells that a worker has ended, however it ended: a worker that panics must not leave the others
/// waiting for its block.
struct Ending<'a>(&'a Run<'a>);

impl Drop for Ending<'_> {
    fn drop(&mut self) {
        if thread::panicking() {
            self.0.stop.store(true, Ordering::Relaxed);
            self.0.committer.fail(internal("a worker panicked"));
        }
        self.0.working.fetch_sub(1, Ordering::SeqCst);
        self.0.committer.worker_ended();
    }
}

impl Block {
    fn failed(sequence: u64, error: Error) -> Self {
        let mut converted = Converted::default();
        converted.failure = Some(Failure::Run(error));
        let lines = Lines { offset: 0, start: 0, ends: None };
        Self { sequence, input: 0, bytes: 0, lines, converted }
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
