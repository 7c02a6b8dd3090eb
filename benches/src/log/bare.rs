//! No library, and no agreement: the leader makes entries, gives each follower a copy, and all apply them.
//!
//! This is what is left when a replicated log costs nothing: making a batch, carrying a message and applying commands.
//! Every row pays for it, so no ratio can be larger than a row by this one.

use super::{Application, Carried, Load, Node, Payload, Post};

/// One node without a library.
pub(super) struct Bare<C> {
    id: usize,
    nodes: usize,
    entries: Vec<C>,
    /// Kept whole, as the libraries keep theirs.
    log: Vec<C>,
    application: Application,
}

impl<C: Carried> Node for Bare<C> {
    type Command = C::Payload;
    type Message = Vec<C>;

    fn command(number: u64, load: Load) -> C::Payload {
        C::Payload::numbered(number, load.payload)
    }

    fn new(id: usize, load: Load) -> Self {
        Self { id, nodes: load.nodes, entries: Vec::new(), log: Vec::new(), application: Application::new(load) }
    }

    fn campaign(&mut self, _post: &mut Post<Vec<C>>) {}

    fn leads(&self) -> bool {
        self.id == 0
    }

    fn offer(&mut self, commands: impl Iterator<Item = C::Payload>, _post: &mut Post<Vec<C>>) {
        C::carry(commands, |entry| self.entries.push(entry));
    }

    fn receive(&mut self, _from: usize, entries: Vec<C>, _post: &mut Post<Vec<C>>) {
        self.entries = entries;
    }

    fn flush(&mut self, post: &mut Post<Vec<C>>) {
        if self.leads() {
            (1..self.nodes).for_each(|to| post.send(to, self.entries.clone()));
        }
        for entry in &self.entries {
            entry.commands().iter().for_each(|command| self.application.apply(command.as_ref()));
        }
        self.log.append(&mut self.entries);
    }

    fn close(&mut self, _post: &mut Post<Vec<C>>) {}

    fn application(&self) -> &Application {
        &self.application
    }
}
