//! The detector and the reads, each by itself.

use alloc::vec::Vec;

use paxos_messages::multi::{Output, Refusal, Timer};
use paxos_process::{NodeId, NodeSet, TimerOp};
use paxos_quorums::Quorums;

use crate::{Detector, Reads};

type Effects = paxos_messages::multi::Effects<u64>;

const ME: NodeId = NodeId(1);
const OTHER: NodeId = NodeId(2);
const THIRD: NodeId = NodeId(3);

fn members(n: u8) -> NodeSet {
    NodeSet::first(n)
}

fn majority(n: u8) -> Quorums {
    Quorums::majority(members(n)).unwrap()
}

/// A question is put; a quorum that is willing, this node included, makes a campaign, and no more than one.
#[test]
fn a_quorum_of_willing_makes_one_campaign() {
    let (mut detector, mut out) = (Detector::new(ME, majority(5)), Effects::new());
    assert!(!detector.willing(OTHER, 0), "nothing was asked");
    assert!(!detector.silence(&mut out));
    assert_eq!(detector.round(), 1, "the others are to be asked");
    assert_eq!(out.timers, [TimerOp::Set(Timer::Election)]);
    assert!(!detector.willing(OTHER, 0), "an answer to an earlier question");
    assert!(!detector.willing(OTHER, 1) && !detector.willing(OTHER, 1), "one node is one");
    assert!(detector.willing(THIRD, 1));
    assert!(!detector.willing(NodeId(4), 1), "one campaign for one question");
    detector.silence(&mut out);
    assert!(!detector.willing(OTHER, 1) && !detector.willing(OTHER, 2));
    detector.heard(THIRD, &mut out);
    assert!(!detector.willing(THIRD, 2), "a leader has been heard in the meantime");
}

#[test]
fn a_node_alone_need_not_ask() {
    let mut out = Effects::new();
    assert!(Detector::new(ME, majority(1)).silence(&mut out));
    let flexible = Quorums::flexible(members(3), 3, 1).unwrap();
    assert!(!Detector::new(ME, flexible).silence(&mut out), "it could not be elected");
    let flexible = Quorums::flexible(members(3), 1, 3).unwrap();
    assert!(!Detector::new(ME, flexible).silence(&mut out), "it could be elected, and be of no use");
}

#[test]
fn a_leader_is_heard_until_it_is_silent() {
    let (mut detector, mut out) = (Detector::new(ME, majority(3)), Effects::new());
    assert!(detector.heard(THIRD, &mut out), "it is news");
    assert!(!detector.heard(THIRD, &mut out), "it is none");
    assert_eq!(detector.leader(), Some(THIRD));
    detector.silence(&mut out);
    assert_eq!(detector.leader(), None);
    detector.elected(&mut out);
    assert_eq!(detector.leader(), Some(ME), "a leader hears itself");
    detector.deposed(&mut out);
    assert_eq!(detector.leader(), None);
}

/// Each time a leader looks, it must have heard a quorum since it looked before.
#[test]
fn a_leader_looks_whether_it_hears_a_quorum() {
    for (quorums, needed) in [(majority(1), 0), (majority(4), 2), (Quorums::flexible(members(5), 4, 2).unwrap(), 1)] {
        let (mut detector, mut out) = (Detector::new(ME, quorums), Effects::new());
        detector.elected(&mut out);
        for answers in 0..4 {
            quorums.members().without(ME).iter().take(answers).for_each(|id| detector.alive(id));
            assert_eq!(detector.has_quorum(&mut out), needed <= answers.min(quorums.members().len() - 1), "{answers}");
        }
        assert_eq!(detector.has_quorum(&mut out), needed == 0, "what was heard before it looked does not count");
    }
}

/// All sequences of six reads and answers, against the rule: a read may be answered when a quorum has answered a
/// question that was asked after it.
#[test]
fn a_read_waits_for_a_question_of_its_own() {
    let quorums = majority(3);
    for sequence in 0..5_usize.pow(6) {
        let (mut reads, mut out, mut next) = (Reads::new(), Effects::new(), 0);
        // For each read, the round that was current when it came; and who has answered which round.
        let (mut came, mut answers) = (Vec::new(), Vec::<(u64, NodeId)>::new());
        for turn in 0..6_u32 {
            let (before, round) = (out.outputs.len(), reads.round());
            let begins = match sequence / 5_usize.pow(turn) % 5 {
                0 => {
                    came.push(round);
                    next += 1;
                    reads.ask(next - 1)
                }
                which => {
                    let round = if which < 4 { round } else { round.saturating_sub(1) };
                    let from = NodeId(which.min(3) as u8);
                    answers.push((round, from));
                    reads.answer(from, round, &quorums, &mut out)
                }
            };
            assert_eq!(begins, reads.round() == round + 1, "a new question is put when it says so");
            for output in &out.outputs[before..] {
                let Output::Readable(read) = output else { panic!("{output:?}") };
                let came = came[usize::try_from(*read).unwrap()];
                let voters = |asked| answers.iter().filter(move |(round, _)| *round == asked).map(|(_, from)| *from);
                let confirmed = (came + 1..=round).any(|asked| voters(asked).collect::<NodeSet>().len() >= 2);
                assert!(confirmed, "read {read} came in round {came}: {answers:?}");
            }
        }
        let answered = out.outputs.len() as u64;
        reads.give_up(None, &mut out);
        assert_eq!(out.outputs.len() as u64, next, "each read has one answer");
        let why = Refusal::NotLeader(None);
        let given_up = (answered..next).map(|read| Output::Unreadable { read, why });
        assert!(out.outputs.iter().skip(answered as usize).cloned().eq(given_up));
    }
}
