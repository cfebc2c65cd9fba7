//! The answers from which rejected ones are taken, gathered before the first row is made.

use std::sync::{Arc, Mutex, PoisonError};

use super::frame::Encoding;
use super::{Destination, Progress, Settings, run};
use crate::convert::Converter;
use crate::error::Error;
use crate::pool::Pool;
use crate::source::Input;

/// The converter with the answers of `inputs`, if it takes rejected ones from among them and has none yet.
/// For that, the inputs are read: all of them, whatever part of them is to be converted.
///
/// # Errors
///
/// When a record is malformed, or when an input can be read only once. Batches are read here, and it is up
/// to the caller to give the same ones again.
pub fn with_others(
    converter: &Converter,
    inputs: &[Input],
    settings: Settings,
    tick: &mut dyn FnMut(Progress) -> bool,
) -> Result<Converter, Error> {
    let Some(seed) = converter.lacks_others() else { return Ok(converter.clone()) };
    let again = |input: &Input| input.schema().is_some() || input.can_be_read_again();
    if let Some(once) = inputs.iter().find(|input| !again(input)) {
        return Err(once.read_once(
            "the answers of other records are known only after reading all records, and this can be read \
             only once; put it into a file",
        ));
    }
    let found = Arc::new(Mutex::new(Pool::new(seed)));
    let output = Destination::Answers(Arc::clone(&found));
    let encoding = Encoding::Answers(Arc::clone(&found));
    run(converter, &encoding, inputs, output, None, settings, tick)?;
    let mut found = found.lock().unwrap_or_else(PoisonError::into_inner);
    Ok(converter.with_others(std::mem::take(&mut *found)))
}
