//! `raft-io` 1.0, with its `MemoryLog`.
//!
//! What is chosen for it, and why:
//!
//! - It takes one command a step and sends it on at once, so commands that are offered one by one are as many messages:
//!   it has no batching of its own. That all of them are one entry, made by the application, is its better way.
//! - `max_batch` is the number of commands in flight, though a follower that keeps up never needs it.
//! - A heartbeat is due with every tick, so that the one tick after the last command is the closing word. No other
//!   tick happens after the election.
//! - Commands are `Vec<u8>`: it takes no others, and copies them for each follower, for the log and for the
//!   application.
//! - What is committed travels with the next command, as in the others.

use raft_io::{Action, Event, Message, RaftConfig, RaftNode};

use super::{
    Application, Load, Node, Post,
    command::{joined, written},
};

/// One node of `raft-io`. `TOGETHER`: all commands that are offered together are one entry.
pub(super) struct RaftIo<const TOGETHER: bool> {
    library: RaftNode,
    load: Load,
    application: Application,
}

impl<const TOGETHER: bool> Node for RaftIo<TOGETHER> {
    type Command = Vec<u8>;
    type Message = Message;

    fn command(number: u64, load: Load) -> Vec<u8> {
        written(number, load.payload)
    }

    fn new(id: usize, load: Load) -> Self {
        let config =
            RaftConfig::new(id as u64, 0..load.nodes as u64).with_heartbeat_interval(1).with_max_batch(load.in_flight);
        Self { library: RaftNode::new(config), load, application: Application::new(load) }
    }

    fn campaign(&mut self, post: &mut Post<Message>) {
        self.step(Event::Tick, post);
    }

    fn leads(&self) -> bool {
        self.library.is_leader()
    }

    fn offer(&mut self, commands: impl Iterator<Item = Vec<u8>>, post: &mut Post<Message>) {
        if TOGETHER {
            self.step(Event::Propose(joined(commands, self.load.payload)), post);
        } else {
            commands.for_each(|command| self.step(Event::Propose(command), post));
        }
    }

    fn receive(&mut self, _from: usize, message: Message, post: &mut Post<Message>) {
        self.step(Event::Message(message), post);
    }

    fn flush(&mut self, _post: &mut Post<Message>) {
        // Each step is carried out as it is taken.
    }

    fn close(&mut self, post: &mut Post<Message>) {
        self.step(Event::Tick, post);
    }

    fn application(&self) -> &Application {
        &self.application
    }
}

impl<const TOGETHER: bool> RaftIo<TOGETHER> {
    fn step(&mut self, event: Event, post: &mut Post<Message>) {
        for action in self.library.step(event).expect("memory does not fail") {
            match action {
                Action::Send { to, message } => post.send(to as usize, message),
                Action::Apply { command, .. } => self.application.apply_joined(&command),
                other => panic!("no snapshot, read or change of members is asked for: {other:?}"),
            }
        }
    }
}
