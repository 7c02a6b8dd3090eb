//! What a judge may read off the service's words: what it may read off those of the log.
//!
//! A value that is wanted is a batch of one command. A judge of `Validity` needs a service that makes no others: let
//! [`Options::batch_commands`](crate::Options) be 1.

use alloc::vec::Vec;

use paxos_messages::{
    Fact, Memory, Observed, Phase,
    multi::{self, Entry},
};

use crate::{Ask, Batch, Output, Request, Service, service::Log};

impl<R: Log + Observed<Decree = Entry<Batch>>> Observed for Service<R> {
    type Decree = Entry<Batch>;

    const GIVES_UP_VOTES: bool = R::GIVES_UP_VOTES;

    fn said(&self, message: &Self::Message) -> Option<Fact<Self::Decree>> {
        self.replica().said(message)
    }

    fn told(&self, output: &Output) -> Option<Fact<Self::Decree>> {
        match output {
            Output::Applied { slot, entry } => {
                self.replica().told(&multi::Output::Chosen { slot: *slot, value: entry.clone() })
            }
            Output::Restored { upto } => Some(Fact::Installed { upto: *upto }),
            Output::Answer { .. } | Output::Leads { .. } | Output::Follows { .. } => None,
        }
    }

    fn wanted(request: &Request) -> Option<Self::Decree> {
        match request {
            Request::Client { ask: Ask::Execute(command), .. } => {
                Some(Entry::Command(Batch::of(core::slice::from_ref(command))))
            }
            Request::Client { .. } | Request::Campaign | Request::Transfer(_) => None,
        }
    }

    fn unasked() -> Vec<Self::Decree> {
        R::unasked()
    }

    fn without_memory(&self, life: u64) -> Option<Self> {
        Some(Self::new(self.replica().without_memory(life)?, self.options()))
    }

    fn memory(&self) -> Memory<Self::Decree> {
        self.replica().memory()
    }

    fn phase(message: &Self::Message) -> Phase {
        R::phase(message)
    }
}
