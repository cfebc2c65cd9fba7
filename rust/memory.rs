//! Memory for work that takes it in a way that cannot fail.

use std::collections::TryReserveError;
use std::hint::black_box;

/// Asks for memory, and gives it back. It is not touched, so no page of it is made.
pub(crate) fn ask(bytes: usize) -> Result<(), TryReserveError> {
    let mut memory = Vec::<u8>::new();
    memory.try_reserve_exact(bytes)?;
    // Memory that nobody looks at would not even be asked for.
    black_box(&mut memory);
    Ok(())
}
