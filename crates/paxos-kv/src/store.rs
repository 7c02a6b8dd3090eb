//! Keys and values, in the order of keys.

use alloc::{collections::BTreeMap, vec::Vec};
use core::ops::Bound;

use paxos_messages::Bytes;

use crate::{
    Failure, Found, MAX_PAGE, MAX_PAGE_BYTES, MAX_STORE, MAX_VALUE, Operation, Outcome, Page, Query, Written,
    hash::Fold,
};

/// The entries, and what is known of all of them together.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct Store {
    /// Keys are shared with the pages that hold them: a client that asks for many at a time costs no copy of each.
    entries: BTreeMap<Bytes, Cell>,
    /// The sum of the hashes of all entries: it does not depend on their order, and a write changes two of them.
    sum: u64,
    /// The bytes of all keys and values.
    bytes: usize,
}

#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
struct Cell {
    value: Bytes,
    /// Of key and value.
    hash: u64,
}

impl Store {
    pub(crate) const fn new() -> Self {
        Self { entries: BTreeMap::new(), sum: 0, bytes: 0 }
    }

    /// Carries out an operation that has been [checked](crate::Command::check).
    pub(crate) fn run(&mut self, operation: &Operation<&[u8]>) -> Outcome {
        self.run_within(MAX_STORE, operation)
    }

    fn run_within(&mut self, most: usize, operation: &Operation<&[u8]>) -> Outcome {
        if let Operation::Put { key, value }
        | Operation::CompareAndSwap { key, value, .. }
        | Operation::Append { key, suffix: value } = operation
            && most < self.bytes + (self.entries.len() + 1) * PER_ENTRY + key.len() + value.len()
        {
            return Outcome::Failed(Failure::StoreFull);
        }
        let written = match *operation {
            Operation::Read(ref query) => return Outcome::Found(self.read(query)),
            Operation::Put { key, value } => Written::Put { existed: self.put(key, value.into()) },
            Operation::Delete { key } => Written::Deleted { existed: self.delete(key) },
            Operation::CompareAndSwap { key, expected, value } => {
                let found = self.get(key);
                let (existed, swapped) = (found.is_some(), found.map(Bytes::as_slice) == expected);
                if swapped {
                    self.put(key, value.into());
                }
                Written::Compared { swapped, existed }
            }
            Operation::Append { key, suffix } => {
                let former = self.get(key).map_or(&[][..], Bytes::as_slice);
                let length = former.len() + suffix.len();
                if MAX_VALUE < length {
                    return Outcome::Failed(Failure::ValueTooLong);
                }
                let mut value = Vec::with_capacity(length);
                value.extend_from_slice(former);
                value.extend_from_slice(suffix);
                self.put(key, value.into());
                Written::Appended { length: length as u64 }
            }
        };
        Outcome::Wrote(written)
    }

    pub(crate) fn read(&self, query: &Query<&[u8]>) -> Found {
        match *query {
            Query::Get { key } => Found::Value(self.get(key).cloned()),
            Query::Range { start, end, limit } => Found::Page(self.page(start, end, limit)),
        }
    }

    fn get(&self, key: &[u8]) -> Option<&Bytes> {
        self.entries.get(key).map(|cell| &cell.value)
    }

    fn page(&self, start: &[u8], end: Option<&[u8]>, limit: u32) -> Page {
        let mut page = Page { entries: Vec::new(), next: None };
        if end.is_some_and(|end| end <= start) {
            return page;
        }
        let limit = usize::try_from(limit).map_or(MAX_PAGE, |limit| limit.min(MAX_PAGE));
        let range = (Bound::Included(start), end.map_or(Bound::Unbounded, Bound::Excluded));
        let mut bytes = 0;
        for (key, cell) in self.entries.range::<[u8], _>(range) {
            bytes += key.len() + cell.value.len();
            let full = MAX_PAGE_BYTES < bytes && !page.entries.is_empty();
            if full || page.entries.len() == limit {
                page.next = Some(key.clone());
                break;
            }
            page.entries.push((key.clone(), cell.value.clone()));
        }
        page
    }

    /// Returns whether the key had a value.
    fn put(&mut self, key: &[u8], value: Bytes) -> bool {
        let hash = Fold::new().bytes(key).bytes(value.as_slice()).finish();
        self.sum = self.sum.wrapping_add(hash);
        self.bytes += value.len();
        if let Some(cell) = self.entries.get_mut(key) {
            self.sum = self.sum.wrapping_sub(cell.hash);
            self.bytes -= cell.value.len();
            *cell = Cell { value, hash };
            return true;
        }
        self.bytes += key.len();
        self.entries.insert(key.into(), Cell { value, hash });
        false
    }

    fn delete(&mut self, key: &[u8]) -> bool {
        let Some(cell) = self.entries.remove(key) else { return false };
        self.sum = self.sum.wrapping_sub(cell.hash);
        self.bytes -= key.len() + cell.value.len();
        true
    }

    pub(crate) fn len(&self) -> usize {
        self.entries.len()
    }

    pub(crate) const fn bytes(&self) -> usize {
        self.bytes
    }

    /// A part of the digest.
    pub(crate) fn fold(&self, fold: Fold) -> Fold {
        fold.word(self.entries.len() as u64).word(self.sum)
    }

    /// Keys and values in order.
    pub(crate) fn entries(&self) -> impl Iterator<Item = (&[u8], &[u8])> {
        self.entries.iter().map(|(key, cell)| (key.as_slice(), cell.value.as_slice()))
    }

    /// A store of these entries, whose keys ascend.
    pub(crate) fn of<'a>(entries: impl Iterator<Item = (&'a [u8], &'a [u8])>) -> Self {
        let mut store = Self::new();
        let (sum, bytes) = (&mut store.sum, &mut store.bytes);
        let cells = entries.map(|(key, value)| {
            let hash = Fold::new().bytes(key).bytes(value).finish();
            *sum = sum.wrapping_add(hash);
            *bytes += key.len() + value.len();
            (key.into(), Cell { value: value.into(), hash })
        });
        store.entries = cells.collect();
        store
    }
}

/// What an entry costs beside its bytes, about: a snapshot says their lengths.
const PER_ENTRY: usize = 16;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_full_store_takes_nothing_more_until_something_is_deleted() {
        let (mut store, most) = (Store::new(), 3 * (PER_ENTRY + 10));
        let put = |key: &'static [u8]| Operation::Put { key, value: b"12345678".as_slice() };
        for key in [b"k1", b"k2", b"k3"] {
            assert_eq!(store.run_within(most, &put(key)), Outcome::Wrote(Written::Put { existed: false }));
        }
        let full = Outcome::Failed(Failure::StoreFull);
        assert_eq!(store.run_within(most, &put(b"k4")), full);
        assert_eq!(store.run_within(most, &Operation::Append { key: b"k1".as_slice(), suffix: b"9" }), full);
        assert_eq!((store.len(), store.bytes()), (3, 30), "nothing was done");
        store.run_within(most, &Operation::Delete { key: b"k1".as_slice() });
        assert_eq!(store.run_within(most, &put(b"k4")), Outcome::Wrote(Written::Put { existed: false }));
    }
}
