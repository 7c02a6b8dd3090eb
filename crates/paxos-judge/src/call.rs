//! One operation, as its client saw it.

use std::fmt;

/// A client's operation on one key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Call {
    /// Who called. A client does one thing at a time, and nothing after a call whose end it did not see.
    pub client: u64,
    /// The key.
    pub key: String,
    /// What was asked, and what was answered if anything was.
    pub action: Action,
    /// When it was called, in nanoseconds of the one clock of the history: before anything was sent.
    pub invoke: u64,
    /// How it ended.
    pub end: End,
}

/// What was asked. What was answered is there when the call [returned](End::Returned); an answer that was not given is
/// `None` and is not judged.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Action {
    /// What is the value?
    Get {
        /// The value that was found; `None` for an absent key.
        result: Option<String>,
    },
    /// Let this be the value.
    Put {
        /// The value.
        value: String,
        /// What is said of the value before.
        before: Before,
    },
    /// Let there be no value.
    Delete {
        /// What is said of the value before.
        before: Before,
    },
    /// If the value is the expected one, let this be the value.
    CompareAndSwap {
        /// What it must be; `None` for an absent key.
        expect: Option<String>,
        /// The value from then on.
        value: String,
        /// Whether it was done.
        swapped: bool,
        /// What is said of the value before.
        before: Before,
    },
    /// Put this behind the value; an absent key has an empty one.
    Append {
        /// What is put behind it.
        suffix: String,
        /// What is said of the value before.
        before: Before,
    },
}

/// What a write says of the value that it found.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Before {
    /// Whether there was one.
    pub existed: Option<bool>,
    /// What it was; the inner `None` for an absent key.
    pub value: Option<Option<String>>,
}

/// How a call ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum End {
    /// It was answered at this time: after everything was received.
    Returned(u64),
    /// It certainly had no effect, and never will.
    Failed(u64),
    /// Nobody knows. It may take effect at any time after it was called, or never.
    Unknown,
}

impl Call {
    /// What the value is after it, when it is `state` before it; `None` if it would have been answered something else.
    pub(crate) fn after(&self, state: Option<&str>) -> Option<Option<String>> {
        let answered = self.returned().is_some();
        let fits = |before: &Before| {
            let existed = before.existed.is_none_or(|existed| existed == state.is_some());
            let value = before.value.as_ref().is_none_or(|value| value.as_deref() == state);
            !answered || (existed && value)
        };
        match &self.action {
            Action::Get { result } => (!answered || result.as_deref() == state).then(|| state.map(str::to_owned)),
            Action::Put { value, before } => fits(before).then(|| Some(value.clone())),
            Action::Delete { before } => fits(before).then_some(None),
            Action::CompareAndSwap { expect, value, swapped, before } => {
                let equal = expect.as_deref() == state;
                let fits = (!answered || *swapped == equal) && fits(before);
                fits.then(|| if equal { Some(value.clone()) } else { state.map(str::to_owned) })
            }
            Action::Append { suffix, before } => {
                fits(before).then(|| Some([state.unwrap_or_default(), suffix].concat()))
            }
        }
    }

    /// When it was over, as far as anybody knows.
    pub(crate) const fn returned(&self) -> Option<u64> {
        match self.end {
            End::Returned(at) => Some(at),
            End::Failed(_) | End::Unknown => None,
        }
    }
}

/// Shown as `client 3 [10..12]: get = "v"`, with the times of its beginning and end.
impl fmt::Display for Call {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { client, action, invoke, end, .. } = self;
        match end {
            End::Returned(at) => write!(f, "client {client} [{invoke}..{at}]: {action}"),
            End::Failed(at) => write!(f, "client {client} [{invoke}..{at}]: {action}, failed"),
            End::Unknown => write!(f, "client {client} [{invoke}..]: {action}, outcome unknown"),
        }
    }
}

impl fmt::Display for Action {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Get { result } => write!(f, "get = {}", Shown(result.as_deref())),
            Self::Put { value, before } => write!(f, "put {}{before}", Shown(Some(value))),
            Self::Delete { before } => write!(f, "delete{before}"),
            Self::CompareAndSwap { expect, value, swapped, before } => {
                let done = if *swapped { "swapped" } else { "not swapped" };
                write!(f, "cas {} to {} = {done}{before}", Shown(expect.as_deref()), Shown(Some(value)))
            }
            Self::Append { suffix, before } => write!(f, "append {}{before}", Shown(Some(suffix))),
        }
    }
}

impl fmt::Display for Before {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (&self.value, self.existed) {
            (Some(value), _) => write!(f, ", was {}", Shown(value.as_deref())),
            (None, Some(true)) => f.write_str(", existed"),
            (None, Some(false)) => f.write_str(", was absent"),
            (None, None) => Ok(()),
        }
    }
}

/// A value; a long one by its last bytes, which is where appended ones differ.
pub(crate) struct Shown<'a>(pub(crate) Option<&'a str>);

impl fmt::Display for Shown<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            None => f.write_str("absent"),
            Some(value) => match value.char_indices().nth_back(SHOWN).filter(|_| value.chars().count() > SHOWN) {
                None => write!(f, "{value:?}"),
                Some((start, first)) => write!(f, "…{:?}", &value[start + first.len_utf8()..]),
            },
        }
    }
}

/// The most characters of a value that are shown.
const SHOWN: usize = 48;
