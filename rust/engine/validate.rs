//! Rows that are there already, checked as records are converted.

use std::sync::{Arc, Mutex, PoisonError};

use super::frame::Encoding;
use super::{Destination, Outcome, Progress, Settings, run};
use crate::convert::{Converter, OnError};
use crate::error::Error;
use crate::shape::Options;
use crate::source::Input;
use crate::validate::{Findings, Validator};

/// Checks the rows of `inputs`, one after the other. Of each rule that they break, the first `limit`
/// places are kept. A line that is no row breaks the rule of its error's name; in the account, it is
/// rejected.
///
/// # Errors
///
/// When an input cannot be read, or when `tick` ends the run.
pub fn validate(
    validator: &Arc<Validator>,
    inputs: &[Input],
    limit: usize,
    max_record_bytes: usize,
    settings: Settings,
    tick: &mut dyn FnMut(Progress) -> bool,
) -> Result<(Outcome, Findings), Error> {
    let records = Converter::new("hf", &Options::default())?
        .on_error(OnError::Skip)
        .max_record_bytes(max_record_bytes);
    let found = Arc::new(Mutex::new(Findings::default()));
    let output = Destination::Findings(Arc::clone(&found));
    let encoding = Encoding::Check(Arc::clone(validator), limit);
    let outcome = run(&records, &encoding, inputs, output, None, settings, tick)?;
    let mut found = found.lock().unwrap_or_else(PoisonError::into_inner);
    Ok((outcome, std::mem::take(&mut *found)))
}
