//! Lines to rows: a block of lines at a time, with the account of what became of each.

mod converted;
mod total;

use std::ops::Range;
use std::sync::Arc;

use crate::batch::Batch;
use crate::checker::Checker;
use crate::dialect::{Answers, Read, Reader, Reading, Rejected, Scratch};
use crate::error::{Error, Fault, FaultKind};
use crate::ledger::Ledger;
use crate::pool::Pool;
use crate::printable::snippet;
use crate::record::{Field, Record};
use crate::rules::{Check, interned};
use crate::scan::{Buffer, Cpu, Line, Scanner, Spans, byte_order_mark};
use crate::shape::{Options, Shape};
use crate::target::Target;

pub use converted::{Converted, Failure, Reject, Rows};
pub use total::{Missing, Total};

/// What a malformed record does.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum OnError {
    /// It ends the run: the default, so that nothing is lost in silence.
    #[default]
    Fail,
    /// It is counted and left out.
    Skip,
}

/// The longest record that is taken unless asked otherwise.
pub const DEFAULT_MAX_RECORD_BYTES: usize = 256 << 20;

/// Bytes of input that are worked on at a time: they and their rows stay in a core's L2 cache.
pub const DEFAULT_BLOCK_BYTES: usize = 512 << 10;

/// Bytes of a rejected line that are kept for the rejects file.
const KEPT: usize = 1 << 20;

/// A compiled target with its policies; shared by all workers.
#[derive(Clone, Debug)]
pub struct Converter {
    shape: Arc<Shape>,
    reader: Arc<Reader>,
    checker: Option<Arc<Checker>>,
    others: Option<Arc<Pool>>,
    check: Check,
    scanner: Scanner,
    on_error: OnError,
    max_record_bytes: usize,
}

impl Converter {
    /// Compiles a target, built-in or a file, for this CPU or for the path that `RAFTFAST_CPU` asks
    /// for.
    ///
    /// # Errors
    ///
    /// When there is no such target, when it does not fit the options, or when this CPU lacks the
    /// path that was asked for.
    pub fn new(to: &str, options: &Options) -> Result<Self, Error> {
        Self::with_shape(Shape::compile(&Target::named(to)?, options)?, &Reading::default())
    }

    /// Uses a target that is compiled already.
    ///
    /// # Errors
    ///
    /// When there is no such dialect or repair, or when this CPU lacks the path that `RAFTFAST_CPU`
    /// asks for.
    pub fn with_shape(mut shape: Shape, reading: &Reading) -> Result<Self, Error> {
        if let Rejected::Key(key) = &reading.rejected {
            shape.rename(Field::Rejected, interned(key));
        }
        Ok(Self {
            reader: Arc::new(Reader::new(&shape, reading)?),
            checker: Checker::new(&shape).map(Arc::new),
            others: None,
            check: Check::default(),
            shape: Arc::new(shape),
            scanner: chosen_scanner()?,
            on_error: OnError::default(),
            max_record_bytes: DEFAULT_MAX_RECORD_BYTES,
        })
    }

    /// What a malformed record does; by default it ends the run.
    #[must_use]
    pub fn on_error(mut self, on_error: OnError) -> Self {
        self.on_error = on_error;
        self
    }

    /// What becomes of records that break a rule of the consumer; by default they are counted and
    /// written.
    #[must_use]
    pub fn check(mut self, check: Check) -> Self {
        self.check = check;
        self
    }

    /// The longest line that is taken, without its line end; by default
    /// [`DEFAULT_MAX_RECORD_BYTES`].
    #[must_use]
    pub fn max_record_bytes(mut self, limit: usize) -> Self {
        self.max_record_bytes = limit;
        self
    }

    /// The same with the answers of other records, from which the rejected ones are taken.
    #[must_use]
    pub fn with_others(&self, others: Pool) -> Self {
        Self { others: Some(Arc::new(others)), ..self.clone() }
    }

    /// The seed by which answers of other records are to be taken, as long as these are not known.
    #[must_use]
    pub fn lacks_others(&self) -> Option<u64> {
        self.reader.seed().filter(|_| self.others.is_none())
    }

    /// A converter of whole records with the same policies.
    ///
    /// # Errors
    ///
    /// None for a target that compiles.
    pub(crate) fn of_whole_records(&self) -> Result<Self, Error> {
        let whole = Self::new("hf", &Options::default())?;
        Ok(whole.on_error(self.on_error).max_record_bytes(self.max_record_bytes))
    }

    /// The longest line that is taken.
    #[must_use]
    pub fn record_limit(&self) -> usize {
        self.max_record_bytes
    }

    /// How records are read.
    #[must_use]
    pub fn reader(&self) -> &Reader {
        &self.reader
    }

    /// The compiled target.
    #[must_use]
    pub fn shape(&self) -> &Shape {
        &self.shape
    }

    /// Converts the lines of `buffer` from `start` on, adding the rows to `rows`. Lines that are left
    /// out are kept only if `keep_rejects` says so: there may be many.
    #[must_use]
    pub fn block<R: Rows>(
        &self,
        buffer: &Buffer,
        start: usize,
        rows: &mut R,
        keep_rejects: bool,
    ) -> Converted {
        let mut converted = Converted { keep_rejects, ..Converted::default() };
        let (mut spans, mut scratch) = (Spans::default(), self.scratch());
        let mut at = start;
        let end = buffer.content().len();
        while at < end && converted.failure.is_none() {
            let line = self.scanner.line(buffer, at, self.reader.keys(), &mut spans);
            let next = self.take(&mut converted, rows, buffer, at, (line, &spans), &mut scratch);
            converted.lines += 1;
            at = next;
        }
        converted
    }

    /// Converts some rows of an Arrow batch, adding the new rows to `rows`.
    #[must_use]
    pub fn rows<R: Rows>(&self, batch: &Batch, range: Range<usize>, rows: &mut R) -> Converted {
        let (mut converted, mut scratch) = (Converted::default(), self.scratch());
        let used = self.reader.used(batch.table());
        for row in range {
            let record = Record::of_row(batch, row);
            converted.ledger.bytes_in += self.shape.used_bytes(&record, &used);
            if let Err(fault) = self.row(&mut converted, rows, &record, &mut scratch) {
                match self.on_error {
                    OnError::Fail => converted.failure = Some(Failure::Row(fault.kind)),
                    OnError::Skip => converted.ledger.skip(&fault.kind),
                }
            }
            converted.lines += 1;
            if converted.failure.is_some() {
                break;
            }
        }
        converted
    }

    fn scratch(&self) -> Scratch {
        Scratch::with(self.others.clone())
    }

    /// Accounts for one scanned line; gives the start of the next one.
    #[inline]
    fn take<R: Rows>(
        &self,
        converted: &mut Converted,
        rows: &mut R,
        buffer: &Buffer,
        at: usize,
        (line, spans): (Line, &Spans),
        scratch: &mut Scratch,
    ) -> usize {
        let (Line::Blank { next } | Line::Record { next, .. } | Line::Bad { next, .. }) = line;
        let text = &buffer.content()[at..next];
        let fault = match line {
            _ if text.len() > self.max_record_bytes
                && line_length(text) > self.max_record_bytes =>
            {
                let kind = FaultKind::RecordTooLong { limit: self.max_record_bytes };
                Some(Fault { kind, offset: at })
            }
            Line::Blank { .. } => {
                converted.ledger.blank += 1;
                None
            }
            Line::Record { start, end, .. } => {
                let record = Record::new(buffer.content(), start, end, spans);
                self.row(converted, rows, &record, scratch).err()
            }
            Line::Bad { fault, .. } => Some(fault),
        };
        if let Some(fault) = fault {
            self.refuse(converted, text, at, fault);
        }
        next
    }

    #[inline]
    fn row<R: Rows>(
        &self,
        converted: &mut Converted,
        rows: &mut R,
        record: &Record<'_>,
        scratch: &mut Scratch,
    ) -> Result<(), Fault> {
        let made;
        let record = match self.reader.read(record, scratch) {
            Ok(Read::Plain(dialect)) => {
                self.tell(converted, dialect, record);
                record
            }
            Ok(Read::Listed(dialect)) => {
                self.tell(converted, dialect, record);
                made = scratch.listed(*record);
                &made
            }
            Ok(Read::Made(dialect)) => {
                self.tell(converted, dialect, record);
                scratch.fixes.iter().for_each(|fix| converted.ledger.repair(fix));
                made = scratch.record(*record);
                &made
            }
            Ok(Read::Several(dialect, answers)) => {
                self.tell(converted, dialect, record);
                return self.several(converted, rows, record, *answers, scratch);
            }
            Err(unread) => return converted.unread(record, unread),
        };
        self.judged(converted, rows, record)
    }

    /// Accounts for each row of a record that gives several; the fault is that of the first that is
    /// refused.
    #[cold]
    fn several<R: Rows>(
        &self,
        converted: &mut Converted,
        rows: &mut R,
        record: &Record<'_>,
        mut answers: Answers<'_>,
        scratch: &mut Scratch,
    ) -> Result<(), Fault> {
        let mut refused: Option<Fault> = None;
        let before = converted.ledger.read;
        loop {
            scratch.fixes.iter().for_each(|fix| converted.ledger.repair(fix));
            let row = match answers.next(&self.reader, record, scratch) {
                Ok(false) => break,
                Ok(true) => self.judged(converted, rows, &scratch.record(*record)),
                Err(unread) => converted.unread(record, unread),
            };
            match row {
                Err(fault) if self.on_error == OnError::Fail => return Err(fault),
                // Its line is kept once, however many of its rows are refused.
                Err(fault) if refused.is_some() => converted.ledger.skip(&fault.kind),
                Err(fault) => refused = Some(fault),
                Ok(()) if converted.failure.is_some() => break,
                Ok(()) => {}
            }
        }
        // Whoever is told of the fault counts one more.
        let rows = converted.ledger.read - before + u64::from(refused.is_some());
        converted.ledger.join(rows);
        refused.map_or(Ok(()), Err)
    }

    /// Accounts for a record as the target takes it.
    #[inline]
    fn judged<R: Rows>(
        &self,
        converted: &mut Converted,
        rows: &mut R,
        record: &Record<'_>,
    ) -> Result<(), Fault> {
        let judged = self.shape.judge(record);
        converted.present |= match &judged {
            Ok(verdict) => verdict.present,
            Err(_) => self.shape.present(record),
        };
        let verdict = judged?;
        if converted.keys.is_empty() && self.shape.missing(verdict.present).is_some() {
            converted.keys = record.keys();
        }
        if let Some(reason) = verdict.dropped {
            converted.ledger.filter(self.reader.reason(reason));
            return Ok(());
        }
        if let Some(rule) = self.broken(record) {
            if self.check == Check::Strict {
                return Err(record.fault(FaultKind::Rule { rule }));
            }
            converted.warn(rule);
        }
        if let Err(error) = rows.put(&self.shape, record, converted.lines) {
            converted.failure = Some(Failure::Run(error));
        } else {
            converted.ledger.write_row();
        }
        Ok(())
    }

    /// Counts a record of a dialect.
    #[inline]
    fn tell(&self, converted: &mut Converted, dialect: &'static str, record: &Record<'_>) {
        if converted.ledger.tell(dialect) {
            let others = self.reader.also_fits(dialect, record);
            converted.ledger.note_fits(dialect, &others);
        }
    }

    /// The rule of the consumer that a record breaks.
    #[inline]
    fn broken(&self, record: &Record<'_>) -> Option<&'static str> {
        let checker = self.checker.as_ref().filter(|_| self.check != Check::Off)?;
        checker.broken(&self.shape, record)
    }

    #[cold]
    fn refuse(&self, converted: &mut Converted, line: &[u8], start: usize, fault: Fault) {
        // Of a line that is too long, how much was read depends on the source: what is told must not.
        let length = line_length(line);
        let line = &line[..length.min(self.max_record_bytes)];
        let lines_before = converted.lines;
        let reject = |fault| {
            let raw = line[..line.len().min(KEPT)].to_vec();
            let cut = raw.len() < length;
            Reject { lines_before, start, fault, raw, cut }
        };
        match self.on_error {
            OnError::Fail => {
                let snippet = snippet(line, fault.offset - start);
                converted.failure = Some(Failure::Line { reject: reject(fault), snippet });
            }
            OnError::Skip => {
                converted.ledger.skip(&fault.kind);
                if converted.keep_rejects {
                    converted.rejects.push(reject(fault));
                }
            }
        }
    }

    /// A row of this target, made from the first record of two that is not filtered: one has the document
    /// that holds the answer, the other has not.
    ///
    /// # Errors
    ///
    /// None for a target that compiles.
    pub fn example(&self) -> Result<String, Error> {
        let (row, _) = self.convert_bytes(include_bytes!("target/example.jsonl"))?;
        let first = row.split(|&byte| byte == b'\n').next().unwrap_or_default();
        Ok(String::from_utf8_lossy(first).into_owned())
    }

    /// Converts whole lines held in memory. A last line without a line end is a line too.
    ///
    /// Unlike a run over files, this does not mind that a field in use is in none of the records: they
    /// may be a few of many.
    ///
    /// # Errors
    ///
    /// The first malformed record, unless the policy is to skip; the input is called `<bytes>`.
    pub fn convert_bytes(&self, data: &[u8]) -> Result<(Vec<u8>, Ledger), Error> {
        if let Some(seed) = self.lacks_others() {
            let (others, _) = self.gathered(data, Pool::new(seed))?;
            return self.with_others(others).convert_bytes(data);
        }
        let (rows, mut ledger) = self.gathered(data, Vec::new())?;
        ledger.bytes_out = rows.len() as u64;
        Ok((rows, ledger))
    }

    /// Gathers what whole lines come to.
    fn gathered<R: Rows>(&self, data: &[u8], mut rows: R) -> Result<(R, Ledger), Error> {
        let mut total = Total::default();
        let mut buffer = Buffer::default();
        let mut offset = byte_order_mark(data);
        while offset < data.len() {
            let piece = whole_lines(&data[offset..], DEFAULT_BLOCK_BYTES);
            buffer.reset(2 * DEFAULT_BLOCK_BYTES);
            buffer.append(piece)?;
            let mut converted = self.block(&buffer, 0, &mut rows, false);
            total.add(&mut converted, "<bytes>", offset as u64)?;
            offset += piece.len();
        }
        total.ledger.bytes_in = data.len() as u64;
        Ok((rows, total.ledger))
    }
}

/// The scanner that `RAFTFAST_CPU` asks for, or the best one.
///
/// # Errors
///
/// When there is no such CPU path, or this CPU lacks it.
pub fn chosen_scanner() -> Result<Scanner, Error> {
    let Some(cpu) = Cpu::from_env()? else { return Ok(Scanner::best()) };
    Scanner::for_cpu(cpu)
        .ok_or_else(|| Error::usage(format!("RAFTFAST_CPU: this CPU lacks {}", cpu.name())))
}

/// Bytes of a line without its line end.
fn line_length(line: &[u8]) -> usize {
    line.len() - usize::from(line.ends_with(b"\n"))
}

/// The first lines of `data`, about `wanted` bytes of them, and at least one.
fn whole_lines(data: &[u8], wanted: usize) -> &[u8] {
    let Some(block) = data.get(..wanted) else { return data };
    let end = memchr::memrchr(b'\n', block).or_else(|| memchr::memchr(b'\n', data));
    end.map_or(data, |end| &data[..=end])
}
