//! Frames of zstd.

use ::zstd::zstd_safe::zstd_sys::ZSTD_ErrorCode;
use ::zstd::zstd_safe::{DCtx, DParameter, ErrorCode, InBuffer, OutBuffer, ResetDirective};

use super::{Decoder, Flaw, Step};

/// The binary logarithm of the longest window that `zstd` takes unless it is asked for more.
const WINDOW_LOG: u32 = 27;

/// The same when it is asked.
const LONG_WINDOW_LOG: u32 = 31;

pub(super) struct Zstd(DCtx<'static>);

impl Zstd {
    pub(super) fn new(long: bool) -> Result<Self, Flaw> {
        let mut context = DCtx::try_create().ok_or(Flaw::OutOfMemory)?;
        let window_log = if long { LONG_WINDOW_LOG } else { WINDOW_LOG };
        context.set_parameter(DParameter::WindowLogMax(window_log)).map_err(flaw)?;
        Ok(Self(context))
    }
}

impl Decoder for Zstd {
    fn step(&mut self, input: &[u8], output: &mut [u8]) -> Result<Step, Flaw> {
        let mut input = InBuffer::around(input);
        let mut output = OutBuffer::around(output);
        // What is still expected; nothing is only when a frame has been decoded and put out whole.
        let expected = self.0.decompress_stream(&mut output, &mut input).map_err(flaw)?;
        Ok(Step { consumed: input.pos(), produced: output.pos(), ended: expected == 0 })
    }

    fn restart(&mut self) -> Result<(), Flaw> {
        self.0.reset(ResetDirective::SessionOnly).map_err(flaw)?;
        Ok(())
    }
}

/// The library gives errors as lengths that cannot be: the number of the error, negated.
fn flaw(error: ErrorCode) -> Flaw {
    use ZSTD_ErrorCode as Code;
    let table = [
        (Code::ZSTD_error_prefix_unknown, Flaw::Garbage),
        (Code::ZSTD_error_frameParameter_windowTooLarge, Flaw::TooLong),
        (Code::ZSTD_error_checksum_wrong, Flaw::Checksum),
        (Code::ZSTD_error_dictionary_wrong, Flaw::Dictionary),
        (Code::ZSTD_error_version_unsupported, Flaw::Unsupported),
        (Code::ZSTD_error_frameParameter_unsupported, Flaw::Unsupported),
        (Code::ZSTD_error_memory_allocation, Flaw::OutOfMemory),
    ];
    let known = table.iter().find(|(code, _)| *code as usize == error.wrapping_neg());
    known.map_or(Flaw::Corrupt, |&(_, flaw)| flaw)
}
