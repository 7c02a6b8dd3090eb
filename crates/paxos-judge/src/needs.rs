//! What the calls that are not done yet need, and what they can make, counted for each value.
//!
//! A value that was found by a call that is not done has to be there when it is done. If it is not there now, and no
//! call that is left can make it, the search need not go on. If on the other hand nobody left cares for the value that is
//! there, it may be overwritten at any time.

use crate::meaning::{Effect, Fits, Meaning, Values};

/// Counts over the calls that are not done.
pub(crate) struct Needs {
    of: Vec<OfValue>,
    /// Calls that put something behind a value of which they do not say what it was.
    appends: usize,
    /// Calls of unknown outcome that can do something else than that.
    unknown_writes: usize,
}

/// What is left that has to do with one value.
#[derive(Clone, Default)]
struct OfValue {
    /// Calls that returned and found it.
    finders: usize,
    /// Compare-and-swaps of unknown outcome that expect it.
    hopeful: usize,
    /// Calls that returned and fit any value but this one, and perhaps one more.
    refusers: usize,
    /// Calls that let it be the value: those that returned, and those of unknown outcome.
    makers: Makers,
    /// Calls that put it behind another value.
    appenders: Makers,
    /// Of those values that are appended somewhere, the ones it ends with.
    suffixes: Box<[usize]>,
}

#[derive(Clone, Copy, Default)]
struct Makers {
    returned: usize,
    unknown: usize,
}

impl Needs {
    /// Of calls that returned, and calls of unknown outcome.
    pub(crate) fn new(returned: &[Meaning], unknown: &[Meaning], values: &Values) -> Self {
        let mut needs = Self { of: vec![OfValue::default(); values.len()], appends: 0, unknown_writes: 0 };
        returned.iter().for_each(|meaning| needs.count(*meaning, true, |count| *count += 1));
        unknown.iter().for_each(|meaning| needs.count(*meaning, false, |count| *count += 1));
        let suffixes: Vec<usize> = (1..values.len()).filter(|value| 0 < needs.of[*value].appenders.all()).collect();
        let mut lengths: Vec<usize> = suffixes.iter().filter_map(|suffix| Some(values.text(*suffix)?.len())).collect();
        lengths.sort_unstable();
        lengths.dedup();
        for value in 1..values.len() {
            if needs.of[value].finders == 0 {
                continue;
            }
            let text = values.text(value).unwrap_or_default();
            // Nothing behind something changes nothing; nothing behind an absent value makes an empty one.
            let ends = lengths.iter().filter(|length| 0 < **length || text.is_empty());
            let ends = ends.filter_map(|length| values.met(text.get(text.len().checked_sub(*length)?..)?));
            let suffixes: Vec<usize> = ends.filter(|end| 0 < needs.of[*end].appenders.all()).collect();
            needs.of[value].suffixes = suffixes.into();
        }
        needs
    }

    /// A call is done.
    pub(crate) fn done(&mut self, meaning: Meaning, returned: bool) {
        self.count(meaning, returned, |count| *count -= 1);
    }

    /// A call is not done after all.
    pub(crate) fn undone(&mut self, meaning: Meaning, returned: bool) {
        self.count(meaning, returned, |count| *count += 1);
    }

    fn count(&mut self, Meaning { fits, effect }: Meaning, returned: bool, count: impl Fn(&mut usize)) {
        match fits {
            Fits::Any => {}
            Fits::Only(value) => count(&mut self.of[value].finders),
            Fits::AllBut([one, other]) => {
                count(&mut self.of[one].refusers);
                if one != other {
                    count(&mut self.of[other].refusers);
                }
            }
        }
        match effect {
            Effect::Keep => {}
            Effect::Become(value) => count(self.of[value].makers.of(returned)),
            Effect::Swap(expect, value) => {
                count(&mut self.of[expect].hopeful);
                count(self.of[value].makers.of(returned));
            }
            Effect::Append(suffix) => {
                count(&mut self.appends);
                count(self.of[suffix].appenders.of(returned));
            }
        }
        if !returned && !matches!(effect, Effect::Append(_)) {
            count(&mut self.unknown_writes);
        }
    }

    /// Whether some value was found that is not there and that nobody makes.
    pub(crate) fn cannot_be_met(&self, state: usize) -> bool {
        (0..self.of.len()).any(|value| value != state && self.is_last_chance(value))
    }

    /// Whether the value was found by calls that are left, and nobody left can make it: while it is there it must stay
    /// until they are done, and when it is not there they never will be.
    pub(crate) fn is_last_chance(&self, value: usize) -> bool {
        0 < self.finders(value) && !self.is_made(value, Makers::all)
    }

    /// Whether a call of unknown outcome can make the value.
    pub(crate) fn is_made_by_unknown(&self, value: usize) -> bool {
        self.is_made(value, |makers| makers.unknown)
    }

    fn is_made(&self, value: usize, count: impl Fn(&Makers) -> usize) -> bool {
        let Some(of) = self.of.get(value) else { return true };
        0 < count(&of.makers) || of.suffixes.iter().any(|suffix| 0 < count(&self.of[*suffix].appenders))
    }

    /// Whether a call with this effect can make the value, which some call found.
    pub(crate) fn makes(&self, effect: Effect, value: usize) -> bool {
        match effect {
            Effect::Keep => false,
            Effect::Become(made) | Effect::Swap(_, made) => made == value,
            Effect::Append(suffix) => self.of[value].suffixes.contains(&suffix),
        }
    }

    /// How many calls that returned found the value.
    pub(crate) fn finders(&self, value: usize) -> usize {
        self.of.get(value).map_or(0, |of| of.finders)
    }

    /// Whether some call does something with this very value, or with any.
    pub(crate) fn is_used(&self, value: usize) -> bool {
        0 < self.appends || self.of.get(value).is_some_and(|of| 0 < of.finders + of.hopeful)
    }

    /// As [`is_used`](Self::is_used), but calls that found the value do not matter.
    pub(crate) fn is_used_unseen(&self, value: usize) -> bool {
        0 < self.appends || self.of.get(value).is_some_and(|of| 0 < of.hopeful)
    }

    /// Whether some call fits other values and not this one.
    pub(crate) fn is_refused(&self, value: usize) -> bool {
        self.of.get(value).is_some_and(|of| 0 < of.refusers)
    }

    /// Whether all calls of unknown outcome are appends.
    pub(crate) const fn unknown_only_append(&self) -> bool {
        self.unknown_writes == 0
    }

    /// Whether a call of unknown outcome is worth doing that makes the second value of the first. If not, whatever comes
    /// next writes over the second or does not look at it, and would do so as well with the first.
    pub(crate) fn is_worth(&self, effect: Effect, from: usize, to: usize) -> bool {
        let itself = usize::from(matches!(effect, Effect::Append(_)));
        let used = itself < self.appends || self.of.get(to).is_some_and(|of| 0 < of.finders + of.hopeful);
        from != to && (used || self.is_refused(from))
    }
}

impl Makers {
    const fn all(&self) -> usize {
        self.returned + self.unknown
    }

    const fn of(&mut self, returned: bool) -> &mut usize {
        if returned { &mut self.returned } else { &mut self.unknown }
    }
}
