//! CPU paths that this architecture does not have.

use std::mem::MaybeUninit;

use super::{Finder, Rewriter, StringScanner};
use crate::scan::find::Pairs;
use crate::scan::rewrite::{Rewrite, Rewritten};
use crate::scan::string::StringEnd;

/// Cannot be made here.
#[derive(Clone, Copy, Debug)]
pub(in crate::scan) enum Avx512 {}

/// Cannot be made here.
#[derive(Clone, Copy, Debug)]
pub(in crate::scan) enum Avx2 {}

impl Avx512 {
    pub(in crate::scan) fn detect() -> Option<Self> {
        None
    }
}

impl Avx2 {
    pub(in crate::scan) fn detect() -> Option<Self> {
        None
    }
}

impl StringScanner for Avx512 {
    fn string(self, _: &[u8], _: usize) -> StringEnd {
        match self {}
    }
}

impl StringScanner for Avx2 {
    fn string(self, _: &[u8], _: usize) -> StringEnd {
        match self {}
    }
}

impl Rewriter for Avx512 {
    fn rewrite<R: Rewrite>(self, _: &[u8], _: &mut [MaybeUninit<u8>]) -> Rewritten {
        match self {}
    }
}

impl Rewriter for Avx2 {
    fn rewrite<R: Rewrite>(self, _: &[u8], _: &mut [MaybeUninit<u8>]) -> Rewritten {
        match self {}
    }
}

impl Finder for Avx512 {
    fn find(self, _: &[u8], _: &Pairs, _: impl FnMut(usize) -> bool) -> bool {
        match self {}
    }
}

impl Finder for Avx2 {
    fn find(self, _: &[u8], _: &Pairs, _: impl FnMut(usize) -> bool) -> bool {
        match self {}
    }
}
