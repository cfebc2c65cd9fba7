//! The values of dictionaries, which the batches of a table have in common: they are checked once, or each
//! batch would take as long as the dictionary is.

use std::cell::RefCell;
use std::sync::Arc;

use arrow_array::Array;
use arrow_data::ArrayData;

use crate::error::Error;
use crate::value::Node;

/// The values that the batches before had. By default none were seen.
#[derive(Debug, Default)]
pub(crate) struct Dictionaries(RefCell<Vec<Seen>>);

#[derive(Debug)]
struct Seen {
    values: ArrayData,
    node: Arc<Node>,
    /// Whether the batch has them that is taken in.
    is_used: bool,
}

impl Dictionaries {
    /// The values, which are made if they are not those of the batch before: they are the same memory then,
    /// which is held here and cannot be that of others.
    pub(super) fn get(
        &self,
        values: &dyn Array,
        make: impl FnOnce() -> Result<Node, Error>,
    ) -> Result<Arc<Node>, Error> {
        let values = values.to_data();
        if let Some(seen) = self.0.borrow_mut().iter_mut().find(|seen| seen.values.ptr_eq(&values))
        {
            seen.is_used = true;
            return Ok(Arc::clone(&seen.node));
        }
        let node = Arc::new(make()?);
        self.0.borrow_mut().push(Seen { values, node: Arc::clone(&node), is_used: true });
        Ok(node)
    }

    /// Forgets those that the batch did not have that was taken in.
    pub(crate) fn next_batch(&self) {
        self.0.borrow_mut().retain_mut(|seen| std::mem::take(&mut seen.is_used));
    }
}
