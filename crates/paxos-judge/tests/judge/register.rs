//! Histories of a register that is right: each call happens at one moment between its beginning and its end.

use paxos_judge::{Action, Before, Call, End};

/// What clients do. Chances are in percent; what is neither read, nor swapped, nor appended, nor deleted, is put.
#[derive(Clone, Copy)]
pub(crate) struct Load {
    pub(crate) clients: u64,
    pub(crate) calls: u64,
    pub(crate) read: u64,
    pub(crate) swap: u64,
    pub(crate) append: u64,
    pub(crate) delete: u64,
    /// How often nobody hears the answer.
    pub(crate) unknown: u64,
    /// How many values there are to write. Many: no two writes write the same.
    pub(crate) values: u64,
    /// Whether puts and deletes say if there was a value.
    pub(crate) existed: bool,
}

impl Load {
    /// Puts and reads, every put of another value.
    pub(crate) const fn reads(clients: u64, calls: u64, read: u64) -> Self {
        Self { clients, calls, read, swap: 0, append: 0, delete: 0, unknown: 0, values: u64::MAX, existed: false }
    }

    pub(crate) fn history(self, seed: u64) -> Vec<Call> {
        let mut dice = Dice(seed);
        // When each client asks, when it happens, and when it is answered: nobody waits.
        let mut free = vec![0; usize::try_from(self.clients).expect("few")];
        let mut times: Vec<[u64; 4]> = (0..self.calls)
            .map(|number| {
                let client = number % self.clients;
                let free = &mut free[usize::try_from(client).expect("few")];
                let asked = *free + 1 + dice.below(20);
                let happens = asked + 1 + dice.below(500);
                *free = happens + 1 + dice.below(500);
                [happens, asked, *free, client]
            })
            .collect();
        times.sort_unstable();
        let mut value = None;
        let mut seen = vec![None; free.len()];
        let mut names: Vec<u64> = (0..self.clients).collect();
        let mut history = Vec::new();
        for (number, [_, asked, answered, client]) in (0_u64..).zip(times) {
            let client = usize::try_from(client).expect("few");
            let action = self.act(&mut dice, number, &mut value, &seen[client]);
            let unknown = dice.below(100) < self.unknown;
            let end = if unknown { End::Unknown } else { End::Returned(answered) };
            history.push(Call { client: names[client], key: "k".into(), action, invoke: asked, end });
            seen[client].clone_from(&value);
            if unknown {
                names[client] += self.clients;
            }
        }
        history
    }

    fn act(self, dice: &mut Dice, number: u64, state: &mut Option<String>, expect: &Option<String>) -> Action {
        let new = if self.values == u64::MAX { number } else { dice.below(self.values) }.to_string();
        let before = Before { existed: self.existed.then_some(state.is_some()), value: None };
        let die = dice.below(100);
        let [read, swap, append, delete] = [self.read, self.swap, self.append, self.delete];
        if die < read {
            return Action::Get { result: state.clone() };
        }
        if die < read + swap {
            let swapped = state == expect;
            if swapped {
                *state = Some(new.clone());
            }
            return Action::CompareAndSwap { expect: expect.clone(), value: new, swapped, before: Before::default() };
        }
        if die < read + swap + append {
            let suffix = format!("{new}.");
            state.get_or_insert_default().push_str(&suffix);
            return Action::Append { suffix, before: Before::default() };
        }
        if die < read + swap + append + delete {
            *state = None;
            return Action::Delete { before };
        }
        *state = Some(new.clone());
        Action::Put { value: new, before }
    }
}

/// Numbers as if thrown: the same for the same seed.
pub(crate) struct Dice(pub(crate) u64);

impl Dice {
    pub(crate) fn below(&mut self, most: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (mixed ^ (mixed >> 31)) % most
    }
}

/// A read after all others of what the register was long before.
pub(crate) fn with_a_stale_read(mut history: Vec<Call>) -> Vec<Call> {
    let written = history.iter().rev().skip(history.len() / 2).find_map(|call| match &call.action {
        Action::Put { value, .. } => Some(value.clone()),
        _ => None,
    });
    let last = history.iter().filter_map(|call| match call.end {
        End::Returned(at) => Some(at),
        _ => None,
    });
    let last = last.max().unwrap_or_default();
    let action = Action::Get { result: written };
    history.push(Call { client: u64::MAX, key: "k".into(), action, invoke: last + 1, end: End::Returned(last + 2) });
    history
}
