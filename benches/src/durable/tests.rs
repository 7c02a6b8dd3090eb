use std::{
    path::Path,
    sync::{Arc, mpsc::channel},
    thread,
};

use super::{
    Application, Bytes, Counts, Disk, Load, Net, Node, Outcome, Way,
    clients::Clients,
    contenders, drive, ideal,
    wire::{self, Counters, Mail, next_message},
};

const SMALL: Load = Load { nodes: 3, payload: 32, in_flight: 8, commands: 64, every_byte: true };

#[test]
fn every_library_orders_all_commands_in_every_way() {
    let dir = tempfile::tempdir().expect("a directory");
    let many = contenders(SMALL.in_flight).into_iter().map(|contender| (contender, SMALL));
    let one = contenders(1).into_iter().map(|contender| (contender, Load { in_flight: 1, commands: 16, ..SMALL }));
    for (run, (contender, load)) in many.chain(one).enumerate() {
        let outcome = contender.run(load, &dir.path().join(run.to_string()));
        let name = (contender.library, contender.way, &outcome);
        assert!(outcome.verified, "{name:?}");
        // What was not yet measured may be applied together with the first that is.
        assert!((load.commands - load.in_flight..=load.commands).contains(&(outcome.commands as usize)), "{name:?}");
        assert_eq!(outcome.latencies.len() as u64, outcome.commands, "{name:?}");
        assert!(outcome.latencies.is_sorted(), "{name:?}");
        assert!(outcome.counts.bytes > 2 * 32 * outcome.commands, "a quorum has written all commands: {name:?}");
        assert!(outcome.counts.syncs > 0 && outcome.counts.messages > 0, "{name:?}");
    }
}

#[test]
fn a_lone_command_costs_a_sync_on_each_node() {
    let dir = tempfile::tempdir().expect("a directory");
    let load = Load { in_flight: 1, commands: 64, ..SMALL };
    for contender in contenders(1) {
        let outcome = contender.run(load, &dir.path().join(contender.library));
        // The two faster ones of three are enough to go on, and the last may write two commands at once.
        let syncs = outcome.counts.syncs as f64 / outcome.commands as f64;
        assert!((1.9..=3.3).contains(&syncs), "{}: {syncs} {outcome:?}", contender.library);
    }
}

#[test]
fn the_ideal_is_two_messages_and_a_sync() {
    let dir = tempfile::tempdir().expect("a directory");
    let outcome = ideal(SMALL, dir.path());
    assert_eq!((outcome.commands, outcome.counts.syncs, outcome.counts.messages), (64, 8, 16));
}

#[test]
fn a_library_that_swaps_repeats_or_changes_is_void() {
    let dir = tempfile::tempdir().expect("a directory");
    let run = |name: &str, run: fn(Load, Way, &Path) -> Outcome| {
        run(SMALL, Way { together: false, pipeline: 1 }, &dir.path().join(name)).verified
    };
    assert!(run("sound", drive::run::<Made<SOUND>>));
    assert!(!run("swaps", drive::run::<Made<SWAPS>>), "the last node hears them the other way round");
    assert!(!run("repeats", drive::run::<Made<REPEATS>>), "the last node hears the last one twice");
    assert!(!run("changes", drive::run::<Made<CHANGES>>), "the last node hears another command 9");
}

#[test]
fn each_client_has_one_command_and_a_group_waits_for_its_turn() {
    let load = Load { in_flight: 4, commands: 16, ..SMALL };
    let way = Way { together: false, pipeline: 2 };
    let mut clients = Clients::new(load, way, Arc::default());
    clients.begin();
    assert_eq!(clients.entries().len(), 4, "all of them");
    clients.applied(1);
    assert_eq!(clients.entries().len(), 0, "not before all nodes have the first ones");
    clients.everywhere(4);
    assert_eq!(clients.entries().len(), 1, "the one whose command is applied");
    clients.applied(3);
    assert_eq!(clients.entries().len(), 0, "two groups are under way");
    clients.applied(5);
    assert_eq!(clients.entries().len(), 4);
    assert_eq!(clients.outcome().latencies.len(), 0, "the first of {} are not measured", load.warm_up());
}

#[test]
fn more_than_a_frame_is_several_frames() {
    let counters = Arc::new(Counters::default());
    let mut ends = wire::connect(2, &counters).expect("sockets on loopback").into_iter();
    let ((mut net, _), (_other, streams)) = (ends.next().expect("a node"), ends.next().expect("another"));
    let (from, stream) = streams.into_iter().next().expect("a connection");
    let (inbox, mail) = channel();
    let reader = thread::spawn(move || wire::read(from, stream, &inbox));
    (0..5_u8).for_each(|number| net.send(1, &vec![number; 400_000]));
    net.flush();
    drop(net);
    reader.join().expect("whole frames");
    let mut received = Vec::new();
    for mail in mail {
        let Mail::Messages { from: 0, mut messages } = mail else { panic!("messages of node 0") };
        while let Some(message) = next_message(&mut messages) {
            received.push((message[0], message.len()));
        }
    }
    assert_eq!(received, (0..5).map(|number| (number, 400_000)).collect::<Vec<_>>());
    let counts = counters.since(Counts::default());
    assert_eq!((counts.messages, counts.frames), (5, 3));
}

/// A library that has a fault: its leader applies at once and copies to the others.
struct Made<const FAULT: u8> {
    id: usize,
    nodes: usize,
    entries: Vec<Vec<u8>>,
}

const SOUND: u8 = 0;
const SWAPS: u8 = 1;
const REPEATS: u8 = 2;
const CHANGES: u8 = 3;

impl<const FAULT: u8> Node for Made<FAULT> {
    fn new(id: usize, load: Load, _disk: Disk) -> Self {
        Self { id, nodes: load.nodes, entries: Vec::new() }
    }

    fn campaign(&mut self) {}

    fn leads(&self) -> bool {
        self.id == 0
    }

    fn offer(&mut self, entries: Vec<Vec<u8>>) {
        self.entries = entries;
    }

    fn receive(&mut self, _from: usize, message: Bytes) {
        self.entries.push(message.to_vec());
    }

    fn carry_out(&mut self, net: &mut Net, application: &mut Application) {
        if self.id == self.nodes - 1 && !self.entries.is_empty() {
            match FAULT {
                SWAPS => self.entries.reverse(),
                REPEATS => self.entries.push(self.entries[0].clone()),
                CHANGES => self.entries.iter_mut().filter(|entry| entry[0] == 9).for_each(|entry| entry[20] ^= 1),
                _ => {}
            }
        }
        for entry in self.entries.drain(..) {
            if self.id == 0 {
                (1..self.nodes).for_each(|to| net.send(to, &entry));
            }
            application.apply(&entry);
        }
        net.flush();
    }

    fn close(&mut self) {}
}
