//! Memory for work that takes it in a way that cannot fail, and memory that is given back.

use std::collections::TryReserveError;
use std::hint::black_box;

/// Lets the allocator keep what is given back, so that a portion finds what the one before it had.
///
/// The C library of GNU takes each block of more than 128 KiB from the system and gives it back, and what is
/// free at the end of its heaps beyond that, until it learns from a larger block that was given back, up to
/// 32 MiB (`mallopt(3)`, `M_MMAP_THRESHOLD`). In the first conversion of a program it never learnt enough: of
/// 1 GB to Parquet, 240,000 page faults were a quarter of the time, and a fifth on the way back. So it is
/// shown a block of the size that it should keep, for which no page is made. Other allocators, and one that
/// has seen such a block, take no notice.
pub(crate) fn keep() {
    /// The most that it learns from; twice as much is kept of a heap. A worker frees 17 MiB after each row
    /// group that it wrote, and 43 after one that it read.
    const SHOWN: usize = (32 << 20) - (64 << 10);
    // Where there is not as much, nothing is kept.
    let _ = ask(SHOWN);
}

/// Asks for memory, and gives it back. It is not touched, so no page of it is made.
pub(crate) fn ask(bytes: usize) -> Result<(), TryReserveError> {
    let mut memory = Vec::<u8>::new();
    memory.try_reserve_exact(bytes)?;
    // Memory that nobody looks at would not even be asked for.
    black_box(&mut memory);
    Ok(())
}
