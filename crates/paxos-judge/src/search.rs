//! The search for an order: Wing and Gong's, with Lowe's memory.
//!
//! Begin with nothing done. Any call that has begun before the first one of the others ended may be the next, if it
//! answers what it should in the state that there is. Try one, go on, and come back when nothing fits (Wing and Gong,
//! *Testing and Verifying Concurrent Objects*, 1993). What is left to do depends only on which calls are done and on the
//! state, so a pair of those that was seen before need not be tried again (Lowe, *Testing for Linearizability*, 2017).
//!
//! Three things keep it short, and change no verdict:
//!
//! - A call of unknown outcome is tried last: mostly it is not needed.
//! - A read that fits is done at once, and nothing else is tried in its place: in any order that has it later, it can as
//!   well be here.
//! - While only appends can happen before a read must, the value has to begin as that read found it.

use std::collections::{HashMap, HashSet};

use crate::{Action, Call, End};

/// What a search found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Found {
    /// An order, as positions of calls, of all that returned, and of those of unknown outcome that it needs.
    Order(Vec<usize>),
    /// There is none.
    Nothing,
    /// It has seen as many states as it may.
    GivenUp,
}

/// Looks for an order of `calls`, all of one key and none failed.
pub(crate) fn search(calls: &[Call], most_states: usize) -> Found {
    let mut search = Search::new(calls);
    let mut candidate = search.first();
    while search.seen.len() <= most_states {
        candidate = match candidate {
            Candidate::Event(at) => match search.kind(at) {
                Kind::Called(call) if search.attempt(call, candidate) => search.first(),
                Kind::Called(_) => Candidate::Event(search.events[at].next),
                // It must have been done by here, and is not. Perhaps one of unknown outcome comes first.
                Kind::Returned(call) => Candidate::Unknown { position: 0, before: call },
                // Whatever has returned is done; the others need not be.
                Kind::End => return Found::Order(search.done.iter().map(|done| done.call).collect()),
            },
            Candidate::Unknown { position, before } => match search.unknown(position, before) {
                Some(call) if search.attempt(call, candidate) => search.first(),
                Some(_) => Candidate::Unknown { position: position + 1, before },
                // Nothing fits: a choice before was wrong.
                None => match search.go_back() {
                    Some(next) => next,
                    None => return Found::Nothing,
                },
            },
        };
    }
    Found::GivenUp
}

/// What is tried next.
#[derive(Clone, Copy)]
enum Candidate {
    /// What happens here, in the order of time.
    Event(usize),
    /// The call of unknown outcome at this position among those, if it began before that call returned.
    Unknown { position: usize, before: usize },
}

struct Search<'a> {
    calls: &'a [Call],
    /// Beginnings and ends of what returned, in the order of time, as a list from which calls that are done are taken.
    events: Vec<Event>,
    /// Where in `events` a call begins and returns.
    places: Vec<(usize, usize)>,
    /// The calls of unknown outcome, in the order of their beginnings.
    unknown: Vec<usize>,
    states: States,
    state: usize,
    /// What is done, in order.
    done: Vec<Done>,
    /// The same as bits.
    bits: Vec<u64>,
    seen: HashSet<(Box<[u64]>, usize)>,
}

#[derive(Clone, Copy)]
struct Event {
    kind: Kind,
    before: usize,
    next: usize,
}

#[derive(Clone, Copy)]
enum Kind {
    Called(usize),
    Returned(usize),
    /// Behind all that has returned, and before it.
    End,
}

struct Done {
    call: usize,
    /// The state before it.
    state: usize,
    /// What it was chosen as: the next one is tried when it was wrong. None, if there was no choice.
    chosen: Option<Candidate>,
}

impl<'a> Search<'a> {
    fn new(calls: &'a [Call]) -> Self {
        // Intervals are closed, so of two events at one time a beginning comes first.
        let mut times: Vec<(u64, bool, usize)> = Vec::new();
        let mut unknown = Vec::new();
        for (position, call) in calls.iter().enumerate() {
            match call.end {
                End::Returned(at) => times.extend([(call.invoke, false, position), (at, true, position)]),
                End::Unknown => unknown.push(position),
                End::Failed(_) => unreachable!("what failed is not looked at"),
            }
        }
        times.sort_unstable();
        unknown.sort_by_key(|position| calls[*position].invoke);
        let last = times.len() + 1;
        let mut events = vec![Event { kind: Kind::End, before: last, next: 1 }];
        let mut places = vec![(START, START); calls.len()];
        for (_, is_end, call) in times {
            let here = events.len();
            let kind = if is_end { Kind::Returned(call) } else { Kind::Called(call) };
            if is_end {
                places[call].1 = here;
            } else {
                places[call].0 = here;
            }
            events.push(Event { kind, before: here - 1, next: here + 1 });
        }
        events.push(Event { kind: Kind::End, before: last - 1, next: START });
        Self {
            calls,
            events,
            places,
            unknown,
            states: States::new(),
            state: States::ABSENT,
            done: Vec::new(),
            bits: vec![0; calls.len().div_ceil(64)],
            seen: HashSet::new(),
        }
    }

    fn kind(&self, event: usize) -> Kind {
        self.events[event].kind
    }

    fn first(&self) -> Candidate {
        Candidate::Event(self.events[START].next)
    }

    /// The call of unknown outcome at `position`, if there is one that may come before `before` returns.
    fn unknown(&self, position: usize, before: usize) -> Option<usize> {
        let call = *self.unknown.get(position)?;
        (Some(self.calls[call].invoke) <= self.calls[before].returned()).then_some(call)
    }

    /// Does `call` next, if it is not done, fits, and leads to something new.
    fn attempt(&mut self, call: usize, chosen: Candidate) -> bool {
        let (word, bit) = (call / 64, 1 << (call % 64));
        if self.bits[word] & bit != 0 {
            return false;
        }
        let Some(state) = self.states.after(self.state, call, &self.calls[call]) else {
            return false;
        };
        self.bits[word] |= bit;
        if !self.seen.insert((self.bits.clone().into(), state)) {
            self.bits[word] &= !bit;
            return false;
        }
        self.done.push(Done { call, state: self.state, chosen: (!reads_only(&self.calls[call])).then_some(chosen) });
        self.state = state;
        let (begins, returns) = self.places[call];
        self.take_out(begins);
        self.take_out(returns);
        if self.is_dead_end() {
            self.undo();
            return false;
        }
        true
    }

    /// Undoes the last choice, with what was done after it without one, and says what to try in its place.
    fn go_back(&mut self) -> Option<Candidate> {
        loop {
            match self.undo()? {
                Some(Candidate::Event(event)) => return Some(Candidate::Event(self.events[event].next)),
                Some(Candidate::Unknown { position, before }) => {
                    return Some(Candidate::Unknown { position: position + 1, before });
                }
                None => {}
            }
        }
    }

    fn undo(&mut self) -> Option<Option<Candidate>> {
        let Done { call, state, chosen } = self.done.pop()?;
        self.state = state;
        self.bits[call / 64] &= !(1 << (call % 64));
        let (begins, returns) = self.places[call];
        self.put_back(returns);
        self.put_back(begins);
        Some(chosen)
    }

    /// Whether the next read that must happen cannot: only appends may happen before it, and they leave what is there.
    fn is_dead_end(&self) -> bool {
        let mut event = self.events[START].next;
        let only_appends = |call: &Call| matches!(call.action, Action::Get { .. } | Action::Append { .. });
        loop {
            match self.events[event].kind {
                Kind::Called(call) if only_appends(&self.calls[call]) => event = self.events[event].next,
                Kind::Called(_) | Kind::End => return false,
                Kind::Returned(call) => {
                    let Action::Get { result } = &self.calls[call].action else {
                        event = self.events[event].next;
                        continue;
                    };
                    let state = self.states.values[self.state].as_deref();
                    let extends = result.as_deref().unwrap_or("").starts_with(state.unwrap_or(""));
                    let fits = extends && result.is_some() >= state.is_some();
                    return !fits && self.unknown.iter().all(|unknown| only_appends(&self.calls[*unknown]));
                }
            }
        }
    }

    /// What is not in the list, since it has not returned, is not taken out.
    fn take_out(&mut self, event: usize) {
        if event != START {
            let Event { before, next, .. } = self.events[event];
            (self.events[before].next, self.events[next].before) = (next, before);
        }
    }

    /// Undoes the last [`take_out`](Self::take_out) that was not undone.
    fn put_back(&mut self, event: usize) {
        if event != START {
            let Event { before, next, .. } = self.events[event];
            (self.events[before].next, self.events[next].before) = (event, event);
        }
    }
}

/// Whether a call leaves any state as it is in which it fits. It is not enough that it leaves this one: to put what is
/// there already may be needed later.
const fn reads_only(call: &Call) -> bool {
    let read = matches!(call.action, Action::Get { .. } | Action::CompareAndSwap { swapped: false, .. });
    read && matches!(call.end, End::Returned(_))
}

/// The states of a key that were met, each with a number, so that comparing them is cheap.
struct States {
    values: Vec<Option<String>>,
    numbers: HashMap<Option<String>, usize>,
    /// What a call makes of a state, once it was found out.
    after: HashMap<(usize, usize), Option<usize>>,
}

impl States {
    /// A key begins absent.
    const ABSENT: usize = 0;

    fn new() -> Self {
        Self { values: vec![None], numbers: HashMap::from([(None, Self::ABSENT)]), after: HashMap::new() }
    }

    fn after(&mut self, state: usize, position: usize, call: &Call) -> Option<usize> {
        let Self { values, numbers, after } = self;
        *after.entry((state, position)).or_insert_with(|| {
            let value = call.after(values[state].as_deref())?;
            let new = values.len();
            let number = *numbers.entry(value).or_insert_with_key(|value| {
                values.push(value.clone());
                new
            });
            Some(number)
        })
    }
}

/// Where the list of events begins: there is no event.
const START: usize = 0;
