//! What a call means to the search: which values it fits, and which value it leaves.
//!
//! Values are numbered, so that comparing them is cheap, and each call is put into few words once: a put that says that
//! it found `"a"` fits one value, one that says that it found something fits all but "absent", and a compare-and-swap that
//! swapped is then no more than a put that found what it expected.

use std::{collections::HashMap, rc::Rc};

use crate::{Action, Before, Call, End};

/// A call in few words.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Meaning {
    pub(crate) fits: Fits,
    pub(crate) effect: Effect,
}

/// The values that a call can have found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fits {
    Any,
    Only(usize),
    /// All but these two, which may be the same.
    AllBut([usize; 2]),
}

/// What a call makes of a value that it fits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Effect {
    Keep,
    Become(usize),
    /// The second, if it was the first: a compare-and-swap of which nobody knows what became.
    Swap(usize, usize),
    /// This is put behind it, and what it was before is not known from the call alone.
    Append(usize),
}

impl Meaning {
    /// Of a call that did not fail; `None` if its answer contradicts itself.
    pub(crate) fn of(call: &Call, values: &mut Values) -> Option<Self> {
        let answered = matches!(call.end, End::Returned(_));
        let (fits, effect) = match &call.action {
            Action::Get { result } if answered => (Fits::Only(values.number(result.as_deref())), Effect::Keep),
            Action::Get { .. } => (Fits::Any, Effect::Keep),
            Action::Put { value, before } => {
                (values.found(before, answered)?, Effect::Become(values.number(Some(value))))
            }
            Action::Delete { before } => (values.found(before, answered)?, Effect::Become(Values::ABSENT)),
            Action::Append { suffix, before } => match values.found(before, answered)? {
                Fits::Only(value) => {
                    let suffix = values.number(Some(suffix));
                    (Fits::Only(value), Effect::Become(values.appended(value, suffix)))
                }
                fits => (fits, Effect::Append(values.number(Some(suffix)))),
            },
            Action::CompareAndSwap { expect, value, swapped, before } => {
                let (expect, value) = (values.number(expect.as_deref()), values.number(Some(value)));
                let found = values.found(before, answered)?;
                match (answered, swapped) {
                    (false, _) => (Fits::Any, Effect::Swap(expect, value)),
                    (true, true) => (found.fits(expect).then_some(Fits::Only(expect))?, Effect::Become(value)),
                    (true, false) => (found.but(expect)?, Effect::Keep),
                }
            }
        };
        Some(Self { fits, effect })
    }

    /// Whether it writes one value over whatever there is, or whatever but one.
    pub(crate) const fn overwrites(self) -> Option<usize> {
        match (self.fits, self.effect) {
            (Fits::Any | Fits::AllBut(_), Effect::Become(value)) => Some(value),
            _ => None,
        }
    }
}

impl Fits {
    pub(crate) fn fits(self, value: usize) -> bool {
        match self {
            Self::Any => true,
            Self::Only(only) => only == value,
            Self::AllBut(but) => !but.contains(&value),
        }
    }

    /// These without one; `None` when nothing is left.
    fn but(self, value: usize) -> Option<Self> {
        match self {
            Self::Any => Some(Self::AllBut([value; 2])),
            Self::AllBut([but, _]) => Some(Self::AllBut([but, value])),
            Self::Only(only) => (only != value).then_some(self),
        }
    }
}

/// The values of a key that were met, each with a number.
pub(crate) struct Values {
    texts: Vec<Option<Rc<str>>>,
    numbers: HashMap<Rc<str>, usize>,
    text_bytes: usize,
}

impl Values {
    /// A key begins absent.
    pub(crate) const ABSENT: usize = 0;

    pub(crate) fn new() -> Self {
        Self { texts: vec![None], numbers: HashMap::new(), text_bytes: 0 }
    }

    pub(crate) const fn len(&self) -> usize {
        self.texts.len()
    }

    pub(crate) fn text(&self, number: usize) -> Option<&str> {
        self.texts[number].as_deref()
    }

    /// The number of a value that was met.
    pub(crate) fn met(&self, text: &str) -> Option<usize> {
        self.numbers.get(text).copied()
    }

    pub(crate) fn number(&mut self, value: Option<&str>) -> usize {
        let Some(text) = value else { return Self::ABSENT };
        if let Some(number) = self.met(text) {
            return number;
        }
        let (number, text) = (self.texts.len(), Rc::<str>::from(text));
        self.text_bytes += text.len();
        self.texts.push(Some(Rc::clone(&text)));
        self.numbers.insert(text, number);
        number
    }

    /// A value with another behind it; an absent one is empty.
    pub(crate) fn appended(&mut self, value: usize, suffix: usize) -> usize {
        let text = [value, suffix].map(|part| self.text(part).unwrap_or_default()).concat();
        self.number(Some(&text))
    }

    /// Forgets values until there are so many: those that were met last, and that nobody has kept a number of.
    pub(crate) fn forget(&mut self, count: usize) {
        for text in self.texts.drain(count..).flatten() {
            self.text_bytes -= text.len();
            self.numbers.remove(&text);
        }
    }

    /// About how much memory they take.
    pub(crate) fn bytes(&self) -> usize {
        self.text_bytes + VALUE_BYTES * self.texts.len()
    }

    /// What a write found, as far as it says; `None` if it says two things.
    fn found(&mut self, before: &Before, answered: bool) -> Option<Fits> {
        match (&before.value, before.existed) {
            _ if !answered => Some(Fits::Any),
            (Some(value), existed) => existed
                .is_none_or(|existed| existed == value.is_some())
                .then(|| Fits::Only(self.number(value.as_deref()))),
            (None, Some(true)) => Some(Fits::AllBut([Self::ABSENT; 2])),
            (None, Some(false)) => Some(Fits::Only(Self::ABSENT)),
            (None, None) => Some(Fits::Any),
        }
    }
}

/// Of a value without its text: its entries in the tables, which are half empty at times.
const VALUE_BYTES: usize = 80;
