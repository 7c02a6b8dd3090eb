//! The search for an order: Wing and Gong's, with Lowe's memory.
//!
//! Begin with nothing done. Any call that has begun before the first one of the others ended may be the next, if it
//! answers what it should in the state that there is. Try one, go on, and come back when nothing fits (Wing and Gong,
//! *Testing and Verifying Concurrent Objects*, 1993). What is left to do depends only on which calls are done and on the
//! state, so a pair of those that was seen before need not be tried again (Lowe, *Testing for Linearizability*, 2017).
//!
//! That alone tries every order of the writes that overlap, and a few clients more make it hopeless. What keeps it short
//! is to look at what the calls that are left have found. None of it changes a verdict:
//!
//! - A read that fits is done at once, and nothing else is tried in its place: in any order that has it later, it can as
//!   well be here.
//! - When nobody left cares for the value that is there, a write is done at once that may be now and whose value is read
//!   only by reads that may be now ([`Search::free_write`]). Most writes are of this kind, and none of them is a choice.
//! - A value that was found and that nobody can make again is not left before all that found it are done, and what must
//!   be done before them must leave it ([`Search::is_dead_end`]).
//! - The next call that must be, and found a certain value, can find it only if what may come before it makes that value.
//!   If only appends may, the value that is there has to be its beginning.
//! - A call of unknown outcome is tried last, and only if somebody left can tell that it was done.
//!
//! If every write of a key writes another value, and reads say what they found, hardly a choice is left. It becomes hard
//! again when many calls at a time write the same few values, or append, and few read.

use crate::{
    Call,
    meaning::{Effect, Fits, Meaning, Values},
    memory::Memory,
    needs::Needs,
    timeline::{Kind, Timeline},
};

/// What a search found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Found {
    /// An order, as positions of calls, of all that returned, and of those of unknown outcome that it needs.
    Order(Vec<usize>),
    /// There is none.
    Nothing,
    /// It has used as much memory as it may.
    GivenUp,
}

/// Looks for an order of `calls`, all of one key and none failed.
pub(crate) fn search(calls: &[Call], most_bytes: usize) -> Found {
    let Some(mut search) = Search::new(calls) else { return Found::Nothing };
    if search.needs.cannot_be_met(search.state) {
        return Found::Nothing;
    }
    let mut candidate = search.without_choice();
    while search.memory.bytes() + search.values.bytes() <= most_bytes {
        // Nothing fits: a choice before was wrong.
        let Some(tried) = candidate.or_else(|| search.go_back()) else { return Found::Nothing };
        candidate = match tried {
            Candidate::Event(at) => match search.left.kind(at) {
                Kind::Called(call) if search.attempt(call, Some(tried)) => search.without_choice(),
                Kind::Called(_) => Some(Candidate::Event(search.left.next(at))),
                // It must have been done by here, and is not. Perhaps one of unknown outcome comes first.
                Kind::Returned(call) => Some(Candidate::Unknown { call: search.returned, before: call }),
                // Whatever has returned is done; the others need not be.
                Kind::End => return Found::Order(search.order()),
            },
            Candidate::Unknown { call, before } if search.may_precede(call, before) => {
                match search.attempt(call, Some(tried)) {
                    true => search.without_choice(),
                    false => Some(Candidate::Unknown { call: call + 1, before }),
                }
            }
            Candidate::Unknown { .. } => None,
        };
    }
    Found::GivenUp
}

/// What is tried next.
#[derive(Clone, Copy)]
enum Candidate {
    /// What happens here, in the order of time.
    Event(usize),
    /// This call of unknown outcome, if it began before that call returned.
    Unknown { call: usize, before: usize },
}

/// Calls are numbered: first those that returned, then those of unknown outcome, both in the order of their beginnings.
struct Search<'a> {
    calls: Vec<&'a Call>,
    /// Where each was in what was given.
    positions: Vec<usize>,
    meanings: Vec<Meaning>,
    /// How many returned.
    returned: usize,
    /// What is left of those that returned, in time.
    left: Timeline,
    values: Values,
    needs: Needs,
    state: usize,
    /// What is done, in order.
    done: Vec<Done>,
    /// The same as bits, of calls that returned, and of the others.
    bits: [Vec<u64>; 2],
    memory: Memory,
}

struct Done {
    call: usize,
    /// The state before it.
    state: usize,
    /// What it was chosen as: the next one is tried when it was wrong. None, if there was no choice.
    chosen: Option<Candidate>,
    /// The words of bits that are not empty, of both kinds, when it is done.
    words: [usize; 2],
}

impl<'a> Search<'a> {
    /// None, if an answer contradicts itself.
    fn new(calls: &'a [Call]) -> Option<Self> {
        let is_unknown = |position: &usize| calls[*position].returned().is_none();
        let mut positions: Vec<usize> = (0..calls.len()).collect();
        positions.sort_by_key(|position| (is_unknown(position), calls[*position].invoke));
        let returned = positions.partition_point(|position| !is_unknown(position));
        let calls: Vec<&Call> = positions.iter().map(|position| &calls[*position]).collect();
        let mut values = Values::new();
        let meanings: Vec<Meaning> = calls.iter().map(|call| Meaning::of(call, &mut values)).collect::<Option<_>>()?;
        let needs = Needs::new(&meanings[..returned], &meanings[returned..], &values);
        let left = Timeline::new(&calls[..returned]);
        let bits = [returned, calls.len() - returned].map(|count| vec![0; count.div_ceil(64)]);
        let (state, done, memory) = (Values::ABSENT, Vec::new(), Memory::new());
        Some(Self { calls, positions, meanings, returned, left, values, needs, state, done, bits, memory })
    }

    fn order(&self) -> Vec<usize> {
        self.done.iter().map(|done| self.positions[done.call]).collect()
    }

    /// Whether there is a call of unknown outcome of this number, and it may come before `before` returns.
    fn may_precede(&self, call: usize, before: usize) -> bool {
        self.calls.get(call).is_some_and(|call| Some(call.invoke) <= self.calls[before].returned())
    }

    fn is_done(&self, call: usize) -> bool {
        let (kind, word, bit) = self.bit(call);
        self.bits[kind][word] & bit != 0
    }

    /// Which kind of call it is, and where its bit is among those.
    const fn bit(&self, call: usize) -> (usize, usize, u64) {
        let (kind, place) = if call < self.returned { (0, call) } else { (1, call - self.returned) };
        (kind, place / 64, 1 << (place % 64))
    }

    /// The value after a call that fits.
    fn after(&mut self, call: usize) -> Option<usize> {
        let Meaning { fits, effect } = self.meanings[call];
        fits.fits(self.state).then(|| match effect {
            Effect::Become(value) => value,
            Effect::Swap(expect, value) if expect == self.state => value,
            Effect::Keep | Effect::Swap(..) => self.state,
            Effect::Append(suffix) => self.values.appended(self.state, suffix),
        })
    }

    /// Does what may as well be done now as later, and says what is to be tried then. None, if there is a dead end.
    fn without_choice(&mut self) -> Option<Candidate> {
        loop {
            let read = self.left.may_be_next().find(|call| {
                let Meaning { fits, effect } = self.meanings[*call];
                effect == Effect::Keep && fits.fits(self.state)
            });
            let Some(call) = read.or_else(|| self.free_write()) else {
                return Some(Candidate::Event(self.left.first()));
            };
            if !self.attempt(call, None) {
                return None;
            }
        }
    }

    /// A write that may be next and that costs nothing, when nobody left cares for the value that is there.
    ///
    /// Take any order of what is left. It begins with a write over the value that is there, since no read fits. Move the
    /// free write to the front, and all reads of its value with it: those may be now too. The write that was the first
    /// does not mind. The one that came after those that were moved does not either; it was a write over their value,
    /// since nobody else uses that. Only calls that refuse one value and fit all others might have needed to find just
    /// this one: so the values that they might find instead, those of writes that may come before it, must not be refused.
    fn free_write(&self) -> Option<usize> {
        if self.needs.is_used(self.state) {
            return None;
        }
        self.left.may_be_next().find(|call| {
            let meaning = self.meanings[*call];
            let Some(value) = meaning.overwrites().filter(|_| meaning.fits.fits(self.state)) else { return false };
            let is_read =
                |other: &usize| self.meanings[*other] == Meaning { fits: Fits::Only(value), effect: Effect::Keep };
            let must_be_there = value == Values::ABSENT && self.needs.is_refused(value);
            !(must_be_there || self.needs.is_used_unseen(value))
                && self.needs.finders(value) == self.left.may_be_next().filter(is_read).count()
                && !self.is_refused_before(*call)
        })
    }

    /// Whether one of the other calls that may come before `before` makes a value that is refused by some call.
    fn is_refused_before(&self, before: usize) -> bool {
        let refused = |call: usize| match self.meanings[call].effect {
            Effect::Become(value) | Effect::Swap(_, value) => self.needs.is_refused(value),
            Effect::Keep | Effect::Append(_) => false,
        };
        let mut unknown = (self.returned..).take_while(|call| self.may_precede(*call, before));
        self.left.called_before_end_of(before).any(|call| call != before && refused(call))
            || unknown.any(|call| !self.is_done(call) && refused(call))
    }

    /// Does `call` next, if it is not done, fits, is no dead end, and leads to something new.
    fn attempt(&mut self, call: usize, chosen: Option<Candidate>) -> bool {
        let values = self.values.len();
        let good = !self.is_done(call) && self.after(call).is_some_and(|state| self.step(call, state, chosen));
        if !good {
            self.values.forget(values);
        }
        good
    }

    /// Does `call`, which leads to `state`, if that is good for something. What a read leads to is not remembered: from
    /// there it is a short way to a choice that is.
    fn step(&mut self, call: usize, state: usize, chosen: Option<Candidate>) -> bool {
        let meaning = self.meanings[call];
        if self.returned <= call && !self.needs.is_worth(meaning.effect, self.state, state) {
            return false;
        }
        let (kind, word, bit) = self.bit(call);
        self.bits[kind][word] |= bit;
        let mut words = self.done.last().map_or([0; 2], |done| done.words);
        words[kind] = words[kind].max(word + 1);
        self.needs.done(meaning, kind == 0);
        self.done.push(Done { call, state: self.state, chosen, words });
        let left = std::mem::replace(&mut self.state, state);
        if kind == 0 {
            self.left.take_out(call);
        }
        let is_read = meaning.effect == Effect::Keep;
        let good = !self.is_dead_end(left) && (is_read || self.is_new(words));
        if !good {
            self.undo();
        }
        good
    }

    fn is_new(&mut self, words: [usize; 2]) -> bool {
        let Kind::Called(first) = self.left.kind(self.left.first()) else { return true };
        // Values that nobody left looks at are one value.
        let same = !(self.needs.is_used(self.state) || self.needs.is_refused(self.state));
        let value = if same { usize::MAX } else { self.state };
        let before = first / 64;
        let window = self.bits[0].get(before..words[0]).unwrap_or_default();
        self.memory.is_new(value, before, window, &self.bits[1][..words[1]])
    }

    /// Undoes the last choice, with what was done after it without one, and says what to try in its place.
    fn go_back(&mut self) -> Option<Candidate> {
        loop {
            match self.undo()? {
                Some(Candidate::Event(event)) => return Some(Candidate::Event(self.left.next(event))),
                Some(Candidate::Unknown { call, before }) => {
                    return Some(Candidate::Unknown { call: call + 1, before });
                }
                None => {}
            }
        }
    }

    fn undo(&mut self) -> Option<Option<Candidate>> {
        let Done { call, state, chosen, .. } = self.done.pop()?;
        self.state = state;
        let (kind, word, bit) = self.bit(call);
        self.bits[kind][word] &= !bit;
        self.needs.undone(self.meanings[call], kind == 0);
        if kind == 0 {
            self.left.put_back(call);
        }
        Some(chosen)
    }

    /// Whether it is plain that the rest cannot be done, after a step from the state `left`.
    fn is_dead_end(&self, left: usize) -> bool {
        let (state, needs) = (self.state, &self.needs);
        if left != state && needs.is_last_chance(left) {
            return true;
        }
        let must_stay = needs.is_last_chance(state);
        let (mut finders, mut is_first) = (0, true);
        let mut only_appends = needs.unknown_only_append();
        for (at, kind) in self.left.left() {
            match kind {
                Kind::Called(call) => {
                    let Meaning { fits, effect } = self.meanings[call];
                    finders += usize::from(fits == Fits::Only(state));
                    only_appends &= matches!(effect, Effect::Keep | Effect::Append(_));
                }
                Kind::Returned(call) => {
                    // It comes before all that begin later, so while the value must stay for one of those, it must keep it.
                    if is_first && must_stay && finders < needs.finders(state) && !self.keeps(call) {
                        return true;
                    }
                    is_first = false;
                    if let Fits::Only(found) = self.meanings[call].fits {
                        return found != state && !self.can_become(found, at, only_appends);
                    }
                }
                Kind::End => {}
            }
        }
        false
    }

    /// Whether it fits the value that is there and leaves it.
    fn keeps(&self, call: usize) -> bool {
        let Meaning { fits, effect } = self.meanings[call];
        let keeps = match effect {
            Effect::Become(value) => value == self.state,
            Effect::Keep | Effect::Swap(..) => true,
            Effect::Append(suffix) => self.values.text(suffix) == Some(""),
        };
        keeps && fits.fits(self.state)
    }

    /// Whether what may happen before that event can make the value.
    fn can_become(&self, value: usize, event: usize, only_appends: bool) -> bool {
        if only_appends {
            let [text, found] = [self.state, value].map(|value| self.values.text(value));
            if found.is_none() || !found.unwrap_or_default().starts_with(text.unwrap_or_default()) {
                return false;
            }
        }
        self.needs.is_made_by_unknown(value)
            || self.left.called_before(event).any(|call| self.needs.makes(self.meanings[call].effect, value))
    }
}
