//! Something for each slot of a window.

use alloc::collections::{VecDeque, vec_deque};
use core::ops::Range;

use crate::Slot;

/// Something for each of some slots, in their order.
///
/// A log works on a few neighbouring slots at a time: they come in at the end and leave at the front. So this is a
/// sorted ring. Where the slots have no gap, which is nearly always, a slot is found by counting from the first. It
/// takes as much memory as there are entries, whatever their slots are.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
pub struct Slots<T>(VecDeque<(Slot, T)>);

impl<T> Slots<T> {
    /// Nothing for any slot. Allocates nothing.
    #[must_use]
    pub const fn new() -> Self {
        Self(VecDeque::new())
    }

    /// What there is for `slot`.
    #[must_use]
    pub fn get(&self, slot: Slot) -> Option<&T> {
        self.find(slot).ok().map(|place| &self.0[place].1)
    }

    /// What there is for `slot`, to be changed.
    #[must_use]
    pub fn get_mut(&mut self, slot: Slot) -> Option<&mut T> {
        self.find(slot).ok().map(|place| &mut self.0[place].1)
    }

    /// What there is for `slot`; if nothing, what `new` makes.
    pub fn get_or_insert_with(&mut self, slot: Slot, new: impl FnOnce() -> T) -> &mut T {
        let place = self.find(slot).unwrap_or_else(|place| {
            self.put(place, (slot, new()));
            place
        });
        &mut self.0[place].1
    }

    /// Puts `value` there for `slot`, in the place of what there was.
    pub fn insert(&mut self, slot: Slot, value: T) {
        match self.find(slot) {
            Ok(place) => self.0[place].1 = value,
            Err(place) => self.put(place, (slot, value)),
        }
    }

    /// Nearly always at the end, which the ring can do for less than anywhere else.
    fn put(&mut self, place: usize, entry: (Slot, T)) {
        if place == self.0.len() { self.0.push_back(entry) } else { self.0.insert(place, entry) }
    }

    /// The lowest slot for which there is something.
    #[must_use]
    pub fn first(&self) -> Option<(Slot, &T)> {
        self.0.front().map(|(slot, value)| (*slot, value))
    }

    /// The highest slot for which there is something.
    #[must_use]
    pub fn last(&self) -> Option<(Slot, &T)> {
        self.0.back().map(|(slot, value)| (*slot, value))
    }

    /// Takes out the lowest slot.
    pub fn pop_first(&mut self) -> Option<(Slot, T)> {
        self.0.pop_front()
    }

    /// Forgets all slots below `slot`.
    pub fn forget_below(&mut self, slot: Slot) {
        while self.0.front().is_some_and(|(first, _)| *first < slot) {
            self.0.pop_front();
        }
    }

    /// Everything, in the order of slots.
    pub fn iter(&self) -> impl DoubleEndedIterator<Item = (Slot, &T)> + ExactSizeIterator {
        self.0.iter().map(|(slot, value)| (*slot, value))
    }

    /// Everything from `slot` on.
    pub fn from(&self, slot: Slot) -> impl Iterator<Item = (Slot, &T)> {
        self.0.range(self.place(slot)..).map(|(slot, value)| (*slot, value))
    }

    /// Everything from the first of `slots` to before the last, to be changed.
    pub fn range_mut(&mut self, slots: Range<Slot>) -> impl Iterator<Item = (Slot, &mut T)> {
        let (start, end) = (self.place(slots.start), self.place(slots.end));
        self.0.range_mut(start..end.max(start)).map(|(slot, value)| (*slot, value))
    }

    /// Where `slot` is, or would be.
    fn place(&self, slot: Slot) -> usize {
        self.find(slot).unwrap_or_else(|place| place)
    }

    /// Where `slot` is; if nowhere, where it would be.
    fn find(&self, slot: Slot) -> Result<usize, usize> {
        let (Some((first, _)), Some((last, _))) = (self.0.front(), self.0.back()) else { return Err(0) };
        if *last < slot {
            return Err(self.0.len());
        }
        // Without a gap before it, it is as far from the first as its number is.
        let counted = slot.0.checked_sub(first.0).and_then(|counted| usize::try_from(counted).ok());
        match counted {
            None => Err(0),
            Some(counted) if self.0.get(counted).is_some_and(|(found, _)| *found == slot) => Ok(counted),
            Some(_) => self.0.binary_search_by_key(&slot, |(slot, _)| *slot),
        }
    }
}

impl<T> Default for Slots<T> {
    fn default() -> Self {
        Self::new()
    }
}

impl<T> IntoIterator for Slots<T> {
    type Item = (Slot, T);
    type IntoIter = vec_deque::IntoIter<(Slot, T)>;

    fn into_iter(self) -> Self::IntoIter {
        self.0.into_iter()
    }
}

#[cfg(test)]
mod tests {
    use alloc::{collections::BTreeMap, vec::Vec};

    use super::*;

    /// The same calls on a sorted map give the same answers, for every order of a few slots, far ones among them.
    #[test]
    fn it_is_a_sorted_map() {
        let far = [0, 1, 2, 3, 7, u64::MAX];
        for order in 0..far.len().pow(4) {
            let (mut slots, mut map) = (Slots::new(), BTreeMap::new());
            let digits = (0..4_u32).map(|digit| far[order / far.len().pow(digit) % far.len()]);
            for (value, slot) in digits.enumerate().map(|(value, slot)| (value, Slot(slot))) {
                if value == 2 {
                    assert_eq!(slots.get_or_insert_with(slot, || value), map.entry(slot).or_insert(value));
                } else {
                    slots.insert(slot, value);
                    map.insert(slot, value);
                }
                let all: Vec<_> = map.iter().map(|(slot, value)| (*slot, value)).collect();
                assert!(slots.iter().eq(all.iter().copied()));
                assert_eq!((slots.first(), slots.last()), (all.first().copied(), all.last().copied()));
            }
            for slot in far.map(Slot) {
                assert_eq!(slots.get(slot), map.get(&slot));
                assert_eq!(slots.get_mut(slot).as_deref(), map.get(&slot));
                assert!(slots.from(slot).map(|(slot, _)| slot).eq(map.range(slot..).map(|(slot, _)| *slot)));
                let end = Slot(3).max(slot);
                assert!(
                    slots.range_mut(slot..end).map(|(slot, _)| slot).eq(map.range(slot..end).map(|(slot, _)| *slot))
                );
            }
            slots.forget_below(Slot(2));
            map.retain(|slot, _| Slot(2) <= *slot);
            assert_eq!(slots.pop_first(), map.pop_first());
            assert!(slots.into_iter().eq(map));
        }
    }
}
