//! Streams of xz.

use liblzma::stream::{Action, Error, Status, Stream, TELL_UNSUPPORTED_CHECK};

use super::{Decoder, Flaw, Step};

/// Memory for a dictionary of 128 MiB and the decoder around it. `xz -9` asks for half of that.
const MEMORY: u64 = 129 << 20;

pub(super) struct Xz {
    stream: Stream,
    memory: u64,
}

impl Xz {
    pub(super) fn new(long: bool) -> Result<Self, Flaw> {
        let memory = if long { u64::MAX } else { MEMORY };
        Ok(Self { stream: decoder(memory)?, memory })
    }
}

impl Decoder for Xz {
    fn step(&mut self, input: &[u8], output: &mut [u8]) -> Result<Step, Flaw> {
        let before = (self.stream.total_in(), self.stream.total_out());
        let status = self.stream.process(input, output, Action::Run).map_err(flaw)?;
        let after = (self.stream.total_in(), self.stream.total_out());
        Ok(Step::from_totals(before, after, status == Status::StreamEnd))
    }

    fn restart(&mut self) -> Result<(), Flaw> {
        self.stream = decoder(self.memory)?;
        Ok(())
    }
}

fn decoder(memory: u64) -> Result<Stream, Flaw> {
    Stream::new_stream_decoder(memory, TELL_UNSUPPORTED_CHECK).map_err(flaw)
}

fn flaw(error: Error) -> Flaw {
    match error {
        Error::Format => Flaw::Garbage,
        Error::MemLimit => Flaw::TooLong,
        Error::Mem => Flaw::OutOfMemory,
        Error::Options | Error::NoCheck | Error::UnsupportedCheck => Flaw::Unsupported,
        Error::Data | Error::Program => Flaw::Corrupt,
    }
}
