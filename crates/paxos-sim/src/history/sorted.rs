//! A sorted set with a fingerprint that is kept up to date: a history only grows, and what is added to it is small.

use std::{
    hash::{Hash, Hasher},
    ops::Deref,
};

use crate::world::fingerprint;

/// A sorted list without repeats.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Sorted<T> {
    items: Vec<T>,
    /// The sum of the fingerprints of the items.
    sum: u64,
}

impl<T> Sorted<T> {
    pub(crate) const fn new() -> Self {
        Self { items: Vec::new(), sum: 0 }
    }
}

impl<T: Ord + Hash> Sorted<T> {
    /// Inserts an item, unless it is there.
    pub(crate) fn insert(&mut self, item: T) {
        if let Err(position) = self.items.binary_search(&item) {
            self.sum = self.sum.wrapping_add(fingerprint(&item));
            self.items.insert(position, item);
        }
    }

    /// Removes the items that are not to be kept.
    pub(crate) fn retain(&mut self, keep: impl Fn(&T) -> bool) {
        for removed in self.items.extract_if(.., |item| !keep(item)) {
            self.sum = self.sum.wrapping_sub(fingerprint(&removed));
        }
    }

    /// Changes the item at a position, which must not move it.
    pub(crate) fn update(&mut self, position: usize, change: impl FnOnce(&mut T)) {
        let item = &mut self.items[position];
        self.sum = self.sum.wrapping_sub(fingerprint(item));
        change(item);
        self.sum = self.sum.wrapping_add(fingerprint(item));
    }
}

impl<T> Deref for Sorted<T> {
    type Target = [T];

    fn deref(&self) -> &[T] {
        &self.items
    }
}

impl<T> Hash for Sorted<T> {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.sum.hash(state);
    }
}
