//! Work on bytes of strangers by a library that may panic where they are broken.

use std::cell::Cell;
use std::panic::{AssertUnwindSafe, catch_unwind, set_hook, take_hook};
use std::sync::Once;

thread_local! {
    /// Whether a panic of this thread is one of such work.
    static EXPECTED: Cell<bool> = const { Cell::new(false) };
}

/// Does some work; gives nothing if it panics, which nobody is told of.
pub(super) fn attempt<T>(work: impl FnOnce() -> T) -> Option<T> {
    static QUIET: Once = Once::new();
    QUIET.call_once(|| {
        let told = take_hook();
        set_hook(Box::new(move |panic| {
            if !EXPECTED.get() {
                told(panic);
            }
        }));
    });
    let before = EXPECTED.replace(true);
    // What the work was about is given up with it.
    let done = catch_unwind(AssertUnwindSafe(work)).ok();
    EXPECTED.set(before);
    done
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_panic_is_nothing() {
        assert_eq!(attempt(|| 1), Some(1));
        assert_eq!(attempt(|| [1][[1].len()]), None);
        assert!(!EXPECTED.get());
    }
}
