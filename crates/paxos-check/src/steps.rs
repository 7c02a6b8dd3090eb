//! How each state was first reached: the state before it, and which of that state's choices led here. Six bytes each,
//! and all that is needed to make its world again.

/// The step to every state, in order of discovery.
pub(crate) struct Steps {
    parents: Vec<u32>,
    nths: Vec<u16>,
}

impl Steps {
    /// The step to the initial state, which is none.
    pub(crate) fn new() -> Self {
        Self { parents: vec![0], nths: vec![0] }
    }

    pub(crate) fn len(&self) -> usize {
        self.parents.len()
    }

    pub(crate) fn push(&mut self, parent: usize, nth: u16) {
        self.parents.push(u32::try_from(parent).expect("fewer than 2^32 states are ever remembered"));
        self.nths.push(nth);
    }

    /// The state before `state`, and which of its choices led on.
    pub(crate) fn to(&self, state: usize) -> (usize, u16) {
        (self.parents[state] as usize, self.nths[state])
    }

    pub(crate) fn bytes(&self) -> usize {
        self.parents.len() * (size_of::<u32>() + size_of::<u16>())
    }
}
