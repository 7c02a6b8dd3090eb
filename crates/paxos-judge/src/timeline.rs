//! Beginnings and ends of the calls that returned, in the order of time, as a list from which calls that are done are
//! taken, and put back in the opposite order.

use crate::Call;

/// What is left of the list. Calls are numbered in the order of their beginnings.
pub(crate) struct Timeline {
    events: Vec<Event>,
    /// Where each call begins and returns.
    places: Vec<(usize, usize)>,
}

#[derive(Clone, Copy)]
struct Event {
    kind: Kind,
    before: usize,
    next: usize,
}

/// What happens.
#[derive(Clone, Copy)]
pub(crate) enum Kind {
    Called(usize),
    Returned(usize),
    /// Behind all that has returned, and before it.
    End,
}

impl Timeline {
    /// Of calls that all returned.
    pub(crate) fn new(calls: &[&Call]) -> Self {
        // Intervals are closed, so of two events at one time a beginning comes first.
        let times = calls.iter().enumerate().filter_map(|(call, Call { invoke, .. })| {
            let returned = calls[call].returned()?;
            Some([(*invoke, false, call), (returned, true, call)])
        });
        let mut times: Vec<(u64, bool, usize)> = times.flatten().collect();
        times.sort_unstable();
        let last = times.len() + 1;
        let mut events = vec![Event { kind: Kind::End, before: last, next: 1 }];
        let mut places = vec![(START, START); calls.len()];
        for (here, (_, is_end, call)) in (1..).zip(times) {
            let kind = if is_end { Kind::Returned(call) } else { Kind::Called(call) };
            *(if is_end { &mut places[call].1 } else { &mut places[call].0 }) = here;
            events.push(Event { kind, before: here - 1, next: here + 1 });
        }
        events.push(Event { kind: Kind::End, before: last - 1, next: START });
        Self { events, places }
    }

    pub(crate) fn kind(&self, event: usize) -> Kind {
        self.events[event].kind
    }

    pub(crate) fn first(&self) -> usize {
        self.next(START)
    }

    pub(crate) fn next(&self, event: usize) -> usize {
        self.events[event].next
    }

    /// What is left, each with its place, until the end.
    pub(crate) fn left(&self) -> impl Iterator<Item = (usize, Kind)> {
        std::iter::successors(Some(self.first()), |event| Some(self.next(*event)))
            .map(|event| (event, self.kind(event)))
            .take_while(|(_, kind)| !matches!(kind, Kind::End))
    }

    /// The calls that may be next: those that have begun when the first one returns.
    pub(crate) fn may_be_next(&self) -> impl Iterator<Item = usize> {
        self.left().map_while(|(_, kind)| called(kind))
    }

    /// The calls that have begun before that event.
    pub(crate) fn called_before(&self, event: usize) -> impl Iterator<Item = usize> {
        self.left().take_while(move |(at, _)| *at != event).filter_map(|(_, kind)| called(kind))
    }

    /// The calls that have begun when that one returns.
    pub(crate) fn called_before_end_of(&self, call: usize) -> impl Iterator<Item = usize> {
        self.called_before(self.places[call].1)
    }

    pub(crate) fn take_out(&mut self, call: usize) {
        let (begins, returns) = self.places[call];
        for event in [begins, returns] {
            let Event { before, next, .. } = self.events[event];
            (self.events[before].next, self.events[next].before) = (next, before);
        }
    }

    /// Undoes the last [`take_out`](Self::take_out) that was not undone.
    pub(crate) fn put_back(&mut self, call: usize) {
        let (begins, returns) = self.places[call];
        for event in [returns, begins] {
            let Event { before, next, .. } = self.events[event];
            (self.events[before].next, self.events[next].before) = (event, event);
        }
    }
}

const fn called(kind: Kind) -> Option<usize> {
    match kind {
        Kind::Called(call) => Some(call),
        Kind::Returned(_) | Kind::End => None,
    }
}

/// Where the list begins: there is no event.
const START: usize = 0;
