//! The keys of an object, in the order of their first appearance.

use std::collections::HashMap;
use std::sync::Arc;

use crate::walk::{decoded, is_escaped};

#[derive(Clone, Debug, Default)]
pub(super) struct Names {
    names: Vec<Arc<str>>,
    places: HashMap<Arc<str>, usize>,
}

impl Names {
    /// The place of a key as it stands in the text, between its quotes. `next` is where it probably
    /// is: records mostly have their keys in the same order.
    #[inline]
    pub(super) fn find(&self, key: &[u8], next: usize) -> Option<usize> {
        match self.names.get(next) {
            Some(name) if name.as_bytes() == key && !is_escaped(key) => Some(next),
            _ => self.places.get(decoded(key)?.as_ref()).copied(),
        }
    }

    pub(super) fn place(&self, name: &str) -> Option<usize> {
        self.places.get(name).copied()
    }

    /// Adds a key that is not among them.
    pub(super) fn add(&mut self, name: &str) {
        let name: Arc<str> = name.into();
        self.places.insert(Arc::clone(&name), self.names.len());
        self.names.push(name);
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = &Arc<str>> {
        self.names.iter()
    }
}

impl<'a> FromIterator<&'a str> for Names {
    fn from_iter<T: IntoIterator<Item = &'a str>>(names: T) -> Self {
        let mut all = Self::default();
        names.into_iter().for_each(|name| all.add(name));
        all
    }
}
