//! Rows for somebody in this process: a conversion on threads of its own, read batch by batch.

use std::process;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, sync_channel};
use std::sync::{Arc, OnceLock};
use std::task::Poll;
use std::thread::{self, JoinHandle};
use std::time::Duration;

use arrow_array::{RecordBatch, RecordBatchReader};
use arrow_schema::{ArrowError, SchemaRef};

use super::frame::Encoding;
use super::{Destination, Form, Outcome, Progress, Settings, internal, run, with_others};
use crate::convert::Converter;
use crate::error::Error;
use crate::source::Input;

/// Batches that wait for the reader at most.
const WAITING: usize = 2;

/// Batches of rows, converted while they are read.
///
/// Its threads live as long as it does. It must be read in the process that made it: a child has none
/// of its threads, and is told so.
pub struct Reader {
    schema: SchemaRef,
    /// There until the reader is dropped.
    batches: Option<Receiver<RecordBatch>>,
    stop: Arc<AtomicBool>,
    thread: Option<JoinHandle<Result<Outcome, Error>>>,
    account: Account,
    process: u32,
}

/// What a [`Reader`] has come to, once it has been read to its end. Errors pass through other libraries as
/// text; here they are whole.
pub type Account = Arc<OnceLock<Result<Outcome, Error>>>;

/// Starts a conversion whose rows are read as Arrow batches.
///
/// `tick` is called while the schema is found out, which for some targets takes a reading of all
/// records; what is read later ends when the reader is dropped.
///
/// # Errors
///
/// When the target has no columns, or an input cannot be read to find out what they are.
pub fn read(
    converter: &Converter,
    inputs: Vec<Input>,
    settings: Settings,
    tick: &mut dyn FnMut(Progress) -> bool,
) -> Result<Reader, Error> {
    let settings = Settings { form: Form::Batches, ..settings };
    let converter = with_others(converter, &inputs, settings, tick)?;
    let encoding = Encoding::new(&converter, &inputs, settings, tick)?;
    let Encoding::Batches(schema, _) = &encoding else {
        return Err(internal("no columns where batches are read"));
    };
    let (sender, batches) = sync_channel(WAITING);
    let (schema, stop) = (SchemaRef::clone(schema), Arc::new(AtomicBool::new(false)));
    let stopped = Arc::clone(&stop);
    let work = move || {
        let output = Destination::Reader(sender);
        let tick = &mut |_| !stopped.load(Ordering::Relaxed);
        let outcome = run(&converter, &encoding, &inputs, output, None, settings, tick)?;
        match &outcome.missing {
            Some(missing) => Err(missing.clone().into()),
            None => Ok(outcome),
        }
    };
    let thread = thread::Builder::new().spawn(work);
    let thread = thread.map_err(|error| Error::io("cannot start a thread", error))?;
    Ok(Reader {
        schema,
        batches: Some(batches),
        stop,
        thread: Some(thread),
        account: Account::default(),
        process: process::id(),
    })
}

impl Reader {
    /// Where the account will be, once the last batch has been read.
    #[must_use]
    pub fn account(&self) -> Account {
        Arc::clone(&self.account)
    }

    /// The next batch or the end, if there is one within some time: for callers who have to look after
    /// something else meanwhile.
    pub fn next_within(&mut self, time: Duration) -> Poll<Option<<Self as Iterator>::Item>> {
        let batches = self.batches.as_ref().filter(|_| self.process == process::id());
        match batches.map(|batches| batches.recv_timeout(time)) {
            Some(Ok(batch)) => Poll::Ready(Some(Ok(batch))),
            Some(Err(RecvTimeoutError::Timeout)) => Poll::Pending,
            Some(Err(RecvTimeoutError::Disconnected)) | None => Poll::Ready(self.next()),
        }
    }

    /// Ends the conversion, which takes as long as whoever waits for an input needs to hear of it.
    pub fn stop(&self) {
        self.stop.store(true, Ordering::Relaxed);
    }

    /// The end of the conversion: nothing more, or what ended it early.
    fn end(&mut self) -> Option<Result<RecordBatch, ArrowError>> {
        let ended = self.thread.take()?.join();
        let ended = ended.unwrap_or_else(|_| Err(internal("a worker panicked")));
        let failure = ended.as_ref().err().map(ToString::to_string);
        // There is one thread, and it was taken: this is the first account.
        let _ = self.account.set(ended);
        failure.map(|text| Err(ArrowError::ExternalError(text.into())))
    }
}

impl Iterator for Reader {
    type Item = Result<RecordBatch, ArrowError>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.process != process::id() {
            let message = "these batches can only be read in the process that asked for them";
            return Some(Err(ArrowError::InvalidArgumentError(message.to_owned())));
        }
        let batch = self.batches.as_ref().and_then(|batches| batches.recv().ok());
        batch.map_or_else(|| self.end(), |batch| Some(Ok(batch)))
    }
}

impl RecordBatchReader for Reader {
    fn schema(&self) -> SchemaRef {
        SchemaRef::clone(&self.schema)
    }
}

impl Drop for Reader {
    fn drop(&mut self) {
        self.stop();
        if self.process == process::id()
            && let Some(thread) = self.thread.take()
        {
            // Whatever it ends in, nobody is left to be told.
            drop(thread.join());
        } else {
            // The thread is in another process, where it goes on, and may be sending just now.
            std::mem::forget((self.thread.take(), self.batches.take()));
        }
    }
}
