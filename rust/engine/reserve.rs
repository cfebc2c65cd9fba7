//! Space on the disk, asked for ahead of the writes.

use std::fs::File;

/// Bytes asked for at once. From 16 MiB on, more makes no difference.
const STEP: u64 = 64 << 20;

/// How far space has been reserved for a file that is written from its start.
///
/// ext4 looks for room page by page while it buffers writes, unless it has been told before: writes in
/// pieces of 256 KiB went from 5.2 to 9.5 GB/s. The reserve is a favour that the file system may
/// refuse, and is never needed for the bytes to be right. Only ext4 is asked: elsewhere it was not
/// measured, and tmpfs would clear the pages first.
#[derive(Debug, Default)]
pub(super) struct Reserve {
    /// Bytes of the file that have room; `None` where reserving is of no use.
    reserved: Option<u64>,
}

impl Reserve {
    /// For an empty file of our own.
    pub(super) fn new(file: &File) -> Self {
        Self { reserved: is_ext4(file).then_some(0) }
    }

    /// Makes room for writes up to `end`. If that fails, there is no more asking, and what was taken
    /// before the failure is given back: the disk may be nearly full.
    pub(super) fn up_to(&mut self, file: &File, end: u64) {
        let Some(reserved) = self.reserved.filter(|&reserved| reserved < end) else { return };
        let more = STEP.max(end - reserved);
        if keep_space(file, reserved, more) {
            self.reserved = Some(reserved + more);
        } else {
            self.release(file);
        }
    }

    /// Gives back the room that was not needed after all. A failure leaves some bytes of the disk
    /// taken, and the file right.
    pub(super) fn release(&mut self, file: &File) {
        if self.reserved.take().is_some()
            && let Ok(metadata) = file.metadata()
        {
            let _ = file.set_len(metadata.len());
        }
    }
}

#[cfg(target_os = "linux")]
fn is_ext4(file: &File) -> bool {
    const EXT4: u32 = 0xef53;
    rustix::fs::fstatfs(file).is_ok_and(|status| u32::try_from(status.f_type) == Ok(EXT4))
}

#[cfg(target_os = "linux")]
fn keep_space(file: &File, offset: u64, length: u64) -> bool {
    use rustix::fs::{FallocateFlags, fallocate};
    fallocate(file, FallocateFlags::KEEP_SIZE, offset, length).is_ok()
}

#[cfg(not(target_os = "linux"))]
fn is_ext4(_: &File) -> bool {
    false
}

#[cfg(not(target_os = "linux"))]
fn keep_space(_: &File, _: u64, _: u64) -> bool {
    false
}
