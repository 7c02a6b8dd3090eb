//! What is due, and when: the earliest first, and of two at one time the one that was entered first.

use std::{
    cmp::{Ordering, Reverse},
    collections::BinaryHeap,
};

/// Nanoseconds since the run began.
pub(super) type Time = u64;

/// The list of what is to come.
#[derive(Debug)]
pub(super) struct Agenda<T> {
    heap: BinaryHeap<Reverse<Entry<T>>>,
    entered: u64,
}

#[derive(Debug)]
struct Entry<T> {
    at: Time,
    number: u64,
    due: T,
}

impl<T> Agenda<T> {
    pub(super) const fn new() -> Self {
        Self { heap: BinaryHeap::new(), entered: 0 }
    }

    pub(super) fn enter(&mut self, at: Time, due: T) {
        self.entered += 1;
        self.heap.push(Reverse(Entry { at, number: self.entered, due }));
    }

    /// Puts off what was due: it keeps its place among what is put off to the same time.
    pub(super) fn put_off(&mut self, at: Time, number: u64, due: T) {
        self.heap.push(Reverse(Entry { at, number, due }));
    }

    pub(super) fn next(&mut self) -> Option<(Time, u64, T)> {
        self.heap.pop().map(|Reverse(Entry { at, number, due })| (at, number, due))
    }
}

impl<T> Ord for Entry<T> {
    fn cmp(&self, other: &Self) -> Ordering {
        (self.at, self.number).cmp(&(other.at, other.number))
    }
}

impl<T> PartialOrd for Entry<T> {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl<T> PartialEq for Entry<T> {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other).is_eq()
    }
}

impl<T> Eq for Entry<T> {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_earliest_comes_first_and_equals_keep_their_order() {
        let mut agenda = Agenda::new();
        for (at, due) in [(5, 'c'), (1, 'a'), (5, 'd'), (2, 'b')] {
            agenda.enter(at, due);
        }
        let (at, number, due) = agenda.next().unwrap();
        agenda.put_off(5, number, due);
        assert_eq!((at, due), (1, 'a'));
        let rest: String = std::iter::from_fn(|| agenda.next()).map(|(.., due)| due).collect();
        assert_eq!(rest, "bcad");
    }
}
