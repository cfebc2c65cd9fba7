//! Streams of bzip2.

use ::bzip2::{Decompress, Error, Status};

use super::{Decoder, Flaw, Step};

pub(super) struct Bzip2(Decompress);

impl Bzip2 {
    pub(super) fn new() -> Self {
        // The way that needs less memory takes twice the time.
        Self(Decompress::new(false))
    }
}

impl Decoder for Bzip2 {
    fn step(&mut self, input: &[u8], output: &mut [u8]) -> Result<Step, Flaw> {
        let before = (self.0.total_in(), self.0.total_out());
        let status = self.0.decompress(input, output).map_err(|error| match error {
            Error::DataMagic => Flaw::Garbage,
            _ => Flaw::Corrupt,
        })?;
        if status == Status::MemNeeded {
            return Err(Flaw::OutOfMemory);
        }
        let after = (self.0.total_in(), self.0.total_out());
        Ok(Step::from_totals(before, after, status == Status::StreamEnd))
    }

    fn restart(&mut self) -> Result<(), Flaw> {
        *self = Self::new();
        Ok(())
    }
}
