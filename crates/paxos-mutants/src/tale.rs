//! The stored scripts, told again: each shows its mutant, and does not show the reference.

use paxos_basic::Replica;
use paxos_messages::Ballot;
use paxos_process::NodeId;
use paxos_sim::{Happening, Script, ScriptError, Scriptable, World};

use crate::{History, Home, Mutant, Requests, Wrong, WrongLog, WrongService, clients, play, store_world};

/// A script that was told.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tale {
    /// The script, with what happened written below each command.
    pub text: String,
    /// What is wrong in it, in words.
    pub shows: Option<String>,
}

/// Tells `text` as a script of `mutant`, or, if not `is_wrong`, of the reference in its place.
///
/// # Errors
///
/// The first command that cannot be carried out: a right node often does not say what a wrong one does.
pub fn tell(mutant: Mutant, text: &str, is_wrong: bool) -> Result<Tale, ScriptError> {
    let wrong = is_wrong.then_some(mutant);
    if mutant.home() == Home::Disk {
        return disk(text, wrong);
    }
    // Whoever has no rule wrong need not break anything.
    let text = if is_wrong { text.to_owned() } else { text.replace("expect ", "# expect ") };
    let script = Script::parse(&text)?;
    let setting = script.header.setting();
    let quorums = setting.quorums;
    match mutant.home() {
        Home::World(scenario, _) | Home::Story(scenario, _) => match scenario.requests {
            Requests::Basic(_) => invariants(&script, World::new(setting, |id| Wrong::<char>::new(wrong, id, quorums))),
            Requests::Multi(_) => {
                invariants(&script, World::new(setting, |id| WrongLog::<char>::new(wrong, id, quorums)))
            }
        },
        Home::Clients => {
            let mut history = History::default();
            let mut watch = |happening: Happening<'_, WrongService>| history.see(&happening);
            let told = script.replay(store_world(wrong, setting, true), &mut watch)?;
            let shows = clients::wrong(&history.calls()).map(|why| format!("not linearizable: {}", why.misfit));
            Ok(Tale { text: told.text, shows })
        }
        Home::Time("basic") if is_wrong => {
            learned(&script, World::new(setting, |id| Wrong::<char>::new(wrong, id, quorums)))
        }
        Home::Time("basic") => learned(&script, World::new(setting, |id| Replica::<char>::new(id, quorums))),
        Home::Time(_) => {
            let told = script.replay(World::new(setting, |id| WrongLog::<char>::new(wrong, id, quorums)), &mut ())?;
            let leads = |node| told.world.process(NodeId(node)).replica().leads();
            let first = Some(Ballot { round: 1, node: NodeId(1) });
            let shows = match mutant {
                Mutant::V1 => {
                    leads(3).is_none().then_some("node 3 reaches everybody, and nobody leads whom it follows")
                }
                _ => (leads(1) != first).then_some("a leader that reaches a quorum is deposed again and again"),
            };
            Ok(Tale { text: told.text, shows: shows.map(str::to_owned) })
        }
        Home::Disk => unreachable!("it has a script of its own kind"),
    }
}

/// What the script of `mutant` shows of the reference, which should be nothing. It is told as far as it goes, mostly not to
/// its end: a right node does not say what the next command delivers.
pub(crate) fn of_the_reference(mutant: Mutant) -> Option<String> {
    let script = mutant.script();
    let told = tell(mutant, script, false).or_else(|error| {
        let lines: Vec<&str> = script.lines().take(error.line.saturating_sub(1)).collect();
        let tale = tell(mutant, &lines.join("\n"), false)?;
        // Half a story of progress has not come to what it would show.
        Ok(Tale { shows: tale.shows.filter(|_| !matches!(mutant.home(), Home::Time(_))), ..tale })
    });
    told.map_or_else(|error: ScriptError| Some(format!("it cannot be told: {error}")), |tale| tale.shows)
}

fn disk(text: &str, wrong: Option<Mutant>) -> Result<Tale, ScriptError> {
    let told = play(text, wrong).map_err(|what| ScriptError { line: 0, what })?;
    match told.stuck {
        Some(line) => Err(ScriptError { line, what: "this cannot happen now".to_owned() }),
        None => Ok(Tale { text: told.text, shows: told.forgot.then(|| "violates DurableBeforeVote".to_owned()) }),
    }
}

fn invariants<P: Scriptable>(script: &Script, world: World<P>) -> Result<Tale, ScriptError> {
    let told = script.replay(world, &mut ())?;
    let expected = script.header.expect;
    let breaks = told.violated.iter().rev().find(|(failed, _)| expected.is_none_or(|expected| expected == *failed));
    Ok(Tale { shows: breaks.map(|(failed, line)| format!("violates {failed}, line {line}")), text: told.text })
}

fn learned<P: Scriptable>(script: &Script, world: World<P>) -> Result<Tale, ScriptError> {
    let told = script.replay(world, &mut ())?;
    let nothing = told.world.history().learned().is_empty();
    Ok(Tale { text: told.text, shows: nothing.then(|| "nobody has learned anything".to_owned()) })
}
