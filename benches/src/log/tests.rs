use super::{Application, CELLS, Load, Node, Outcome, Post, contenders, run};

#[test]
fn every_library_orders_all_commands_in_every_cell() {
    for (nodes, payload, in_flight) in CELLS {
        for contender in contenders(payload, in_flight) {
            let load = Load { nodes, payload, in_flight, commands: 3 * in_flight, every_byte: true };
            let outcome = (contender.run)(load, &mut |work| work());
            assert!(outcome.verified, "{} {} {load:?}", contender.library, contender.together);
        }
    }
}

#[test]
fn an_application_sees_what_is_wrong() {
    let load = Load { nodes: 3, payload: 32, in_flight: 1, commands: 1, every_byte: true };
    let command = |number| super::command::written(number, 32);
    let told = |entries: &[Vec<u8>]| {
        let mut application = Application::new(load);
        entries.iter().for_each(|entry| application.apply_joined(entry));
        (application.in_order(), application.applied())
    };
    assert_eq!(told(&[command(0), command(1)]), (true, 2));
    assert_eq!(told(&[[command(0), command(1)].concat()]), (true, 2));
    assert!(!told(&[command(1)]).0, "one is missing");
    assert!(!told(&[command(0), command(0)]).0, "one comes twice");
    assert!(!told(&[command(0), command(2), command(1)]).0, "the order is another");
    assert!(!told(&[command(0)[..31].to_vec()]).0, "one is shortened");
    for at in 0..32 {
        let mut changed = command(0);
        changed[at] ^= 1;
        assert!(!told(&[changed]).0, "byte {at} is another");
    }
}

#[test]
fn a_library_that_loses_changes_or_delays_is_void() {
    let load = Load { nodes: 3, payload: 32, in_flight: 4, commands: 8, every_byte: false };
    let verified = |outcome: Outcome| outcome.verified;
    assert!(verified(run::<Made<SOUND>>(load, &mut |work| work())));
    assert!(!verified(run::<Made<LOSES>>(load, &mut |work| work())), "the last node never hears of command 9");
    assert!(!verified(run::<Made<SWAPS>>(load, &mut |work| work())), "the last node hears them the other way round");
    assert!(!verified(run::<Made<LATE>>(load, &mut |work| work())), "the leader itself decides only when it must");
}

#[test]
fn messages_are_counted_between_nodes_and_without_the_closing_ones() {
    let load = Load { nodes: 3, payload: 32, in_flight: 4, commands: 8, every_byte: false };
    assert_eq!(run::<Made<SOUND>>(load, &mut |work| work()).messages, 4);
}

/// A library made for these tests: its leader decides alone, and tells the others. `FAULT` is what is wrong with it.
struct Made<const FAULT: u8> {
    id: usize,
    nodes: usize,
    late: Vec<Vec<u8>>,
    application: Application,
}

const SOUND: u8 = 0;
const LOSES: u8 = 1;
const SWAPS: u8 = 2;
const LATE: u8 = 3;

impl<const FAULT: u8> Node for Made<FAULT> {
    type Command = Vec<u8>;
    type Message = Vec<Vec<u8>>;

    fn command(number: u64, load: Load) -> Vec<u8> {
        super::command::written(number, load.payload)
    }

    fn new(id: usize, load: Load) -> Self {
        Self { id, nodes: load.nodes, late: Vec::new(), application: Application::new(load) }
    }

    fn campaign(&mut self, _post: &mut Post<Self::Message>) {}

    fn leads(&self) -> bool {
        self.id == 0
    }

    fn offer(&mut self, commands: impl Iterator<Item = Vec<u8>>, post: &mut Post<Self::Message>) {
        let commands: Vec<_> = commands.collect();
        (1..self.nodes).for_each(|to| post.send(to, commands.clone()));
        self.late.extend(commands);
    }

    fn receive(&mut self, _from: usize, mut message: Self::Message, _post: &mut Post<Self::Message>) {
        let last = self.id == self.nodes - 1;
        if FAULT == SWAPS && last {
            message.reverse();
        }
        let lost = |command: &Vec<u8>| FAULT == LOSES && last && command[0] == 9;
        message.iter().filter(|command| !lost(command)).for_each(|command| self.application.apply(command));
    }

    fn flush(&mut self, _post: &mut Post<Self::Message>) {
        if FAULT != LATE {
            self.late.drain(..).for_each(|command| self.application.apply(&command));
        }
    }

    fn close(&mut self, post: &mut Post<Self::Message>) {
        self.late.drain(..).for_each(|command| self.application.apply(&command));
        (1..self.nodes).for_each(|to| post.send(to, Vec::new()));
    }

    fn application(&self) -> &Application {
        &self.application
    }
}
