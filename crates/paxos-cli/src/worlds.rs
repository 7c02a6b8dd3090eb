//! Which world a script or a run is about: here the names of protocols become processes.

use std::hash::Hash;

use paxos_kv::Service;
use paxos_mutants::{Mutant, Wrong, WrongLog, store_world};
use paxos_sim::{Header, Invariant, Scriptable, World};
use serde::{Serialize, de::DeserializeOwned};

/// What is to be done with a world of whichever protocol.
pub(crate) trait InWorld {
    /// What comes of it.
    type Output;

    /// Does it. Calling `fresh` gives the world at its beginning, again and again.
    fn run<P>(self, fresh: impl Fn() -> World<P>, kind: &Kind) -> Self::Output
    where
        P: Scriptable<Message: Serialize + DeserializeOwned> + Hash;
}

/// What the processes of a world are in Rust, and by what they are judged.
pub(crate) struct Kind {
    pub(crate) uses: &'static [&'static str],
    pub(crate) process: &'static str,
    pub(crate) make: String,
    /// The same as `judged`, in Rust.
    pub(crate) judged_by: &'static str,
    pub(crate) judged: Vec<Invariant>,
}

/// Does `what` in the world that `header` describes.
///
/// # Errors
///
/// When there is no such protocol or mutant, or it has no such option.
pub(crate) fn enter<W: InWorld>(header: &Header, what: W) -> Result<W::Output, String> {
    let (setting, quorums) = (header.setting(), header.quorums);
    let mutant = header.mutant.as_deref().map(str::parse::<Mutant>).transpose()?;
    if let Some(other) = mutant.filter(|mutant| mutant.protocol() != header.protocol) {
        return Err(format!("{other} is a mutant of protocol {}", other.protocol()));
    }
    check_options(header)?;
    let option = |name: &str, otherwise: u64| header.options.get(name).copied().unwrap_or(otherwise);
    let default = paxos_multi::Options::default();
    let log =
        paxos_multi::Options { window: option("window", default.window), retain: option("retain", default.retain) };
    let log_words = format!("paxos_multi::Options {{ window: {}, retain: {} }}", log.window, log.retain);
    let kind = |uses, process, make| Kind {
        uses,
        process,
        make,
        judged_by: "Invariant::ALL",
        judged: Invariant::ALL.to_vec(),
    };
    Ok(match (header.protocol.as_str(), mutant) {
        ("basic", None) => {
            let kind = kind(&["paxos_basic::Replica"], "Replica<String>", "Replica::new(id, quorums)".to_owned());
            what.run(|| World::new(setting, |id| paxos_basic::Replica::<String>::new(id, quorums)), &kind)
        }
        ("basic", Some(mutant)) => {
            let make = format!("Wrong::new(Some(Mutant::{mutant}), id, quorums)");
            let kind = kind(&["paxos_mutants::{Mutant, Wrong}"], "Wrong<String>", make);
            what.run(|| World::new(setting, |id| Wrong::<String>::new(Some(mutant), id, quorums)), &kind)
        }
        ("multi", None) => {
            let make = format!("Replica::new(id, quorums, {log_words})");
            let kind = kind(&["paxos_multi::Replica"], "Replica<String>", make);
            what.run(|| World::new(setting, |id| paxos_multi::Replica::<String>::new(id, quorums, log)), &kind)
        }
        ("multi", Some(mutant)) => {
            let make = format!("WrongLog::new(Some(Mutant::{mutant}), id, quorums)");
            let kind = kind(&["paxos_mutants::{Mutant, WrongLog}"], "WrongLog<String>", make);
            what.run(|| World::new(setting, |id| WrongLog::<String>::new(Some(mutant), id, quorums)), &kind)
        }
        ("raft", None) => {
            let make = format!("Replica::new(id, quorums, {log_words})");
            let kind = kind(&["paxos_raft::Replica"], "Replica<String>", make.replace("paxos_multi", "paxos_raft"));
            what.run(|| World::new(setting, |id| paxos_raft::Replica::<String>::new(id, quorums, log)), &kind)
        }
        ("kv", None) => {
            let store = store(header);
            let make = format!("Service::new(Replica::new(id, quorums, {log_words}), {store:?})");
            let uses = &["paxos_kv::{Batch, Options, Service}", "paxos_multi::Replica"];
            let mut kind = kind(uses, "Service<Replica<Batch>>", make);
            // A batch of several commands is nobody's wish, as a judge of values sees it.
            kind.judged.retain(|invariant| *invariant != Invariant::Validity);
            kind.judged_by =
                "Invariant::ALL.map(|all| if all == Invariant::Validity { Invariant::Agreement } else { all })";
            let service = |id| Service::new(paxos_multi::Replica::new(id, quorums, log), store);
            what.run(|| World::new(setting, service), &kind)
        }
        ("kv", Some(mutant)) => {
            let options = "Options { pipeline: 2, batch_commands: 1, compact_after: 60, ..Options::default() }";
            let make = format!("WrongService::new(Some(Mutant::{mutant}), id, quorums, {options})");
            let uses = &["paxos_kv::Options", "paxos_mutants::{Mutant, WrongService}"];
            what.run(|| store_world(Some(mutant), setting, true), &kind(uses, "WrongService", make))
        }
        (protocol, _) => {
            return Err(format!("no protocol is called {protocol:?}; there are `basic`, `multi`, `raft` and `kv`"));
        }
    })
}

/// The options of a store: those of `paxos node` where the head says nothing.
fn store(header: &Header) -> paxos_kv::Options {
    let paxos_kv::Options { pipeline, batch_bytes, batch_commands, queue_bytes, compact_after } = Default::default();
    let option = |name: &str, otherwise: u64| header.options.get(name).copied().unwrap_or(otherwise);
    let size = |name: &str, otherwise: usize| {
        header.options.get(name).map_or(otherwise, |value| usize::try_from(*value).unwrap_or(usize::MAX))
    };
    paxos_kv::Options {
        pipeline: size("pipeline", pipeline),
        batch_bytes: size("batch_bytes", batch_bytes),
        batch_commands: size("batch_commands", batch_commands),
        queue_bytes: size("queue_bytes", queue_bytes),
        compact_after: option("compact_after", compact_after),
    }
}

fn check_options(header: &Header) -> Result<(), String> {
    let known: &[&str] = match header.protocol.as_str() {
        "multi" | "raft" => &["window", "retain"],
        "kv" => &["window", "retain", "pipeline", "batch_bytes", "batch_commands", "queue_bytes", "compact_after"],
        _ => &[],
    };
    match header.options.keys().find(|name| !known.contains(&name.as_str())) {
        Some(name) => Err(format!("{} has no option {name:?}; it has {known:?}", header.protocol)),
        None => Ok(()),
    }
}
