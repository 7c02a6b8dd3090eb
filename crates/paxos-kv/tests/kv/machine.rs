//! The state machine: what it does with commands, that it does each once, and that its snapshot is all of it.

use std::collections::{BTreeMap, BTreeSet};

use paxos_kv::{
    Batch, Command, Failure, Found, MAX_COMMAND, MAX_KEY, MAX_PAGE, MAX_PAGE_BYTES, MAX_SESSIONS, MAX_VALUE, Machine,
    Operation, Outcome, Page, Query, RestoreError, SessionId, WINDOW, Written,
};
use paxos_messages::{Bytes, Slot, multi::Entry};
use proptest::prelude::*;

use crate::{append, bytes, command, get, put, swap};

fn apply(machine: &mut Machine, commands: &[Command]) -> Vec<Outcome> {
    let mut outcomes = Vec::new();
    machine.apply(machine.applied(), &Entry::Command(Batch::of(commands)), |outcome| outcomes.push(outcome));
    outcomes
}

fn apply_one(machine: &mut Machine, command: Command) -> Outcome {
    let mut outcomes = apply(machine, &[command]);
    assert_eq!(outcomes.len(), 1);
    outcomes.remove(0)
}

/// A machine with the first session open.
fn machine() -> Machine {
    let mut machine = Machine::new();
    assert_eq!(apply_one(&mut machine, Command::Open { nonce: 0 }), Outcome::Opened(SessionId(1)));
    machine
}

fn value(machine: &Machine, key: &str) -> Option<Bytes> {
    match machine.read(&get(key)).unwrap() {
        Found::Value(value) => value,
        Found::Page(_) => panic!("a get finds a value"),
    }
}

#[test]
fn operations_do_what_they_say() {
    let mut machine = machine();
    let mut sequence = 0;
    let mut check = |operation: Operation, expected: Written| {
        assert_eq!(
            apply_one(&mut machine, command(sequence, operation.clone())),
            Outcome::Wrote(expected),
            "{operation:?}"
        );
        sequence += 1;
    };
    check(put("k", "a"), Written::Put { existed: false });
    check(put("k", "b"), Written::Put { existed: true });
    check(append("k", "c"), Written::Appended { length: 2 });
    check(append("new", "xyz"), Written::Appended { length: 3 });
    check(swap("k", Some("b"), "d"), Written::Compared { swapped: false, existed: true });
    check(swap("k", Some("bc"), "d"), Written::Compared { swapped: true, existed: true });
    check(swap("k", None, "e"), Written::Compared { swapped: false, existed: true });
    check(swap("absent", Some(""), "e"), Written::Compared { swapped: false, existed: false });
    check(swap("absent", None, "e"), Written::Compared { swapped: true, existed: false });
    check(Operation::Delete { key: bytes("new") }, Written::Deleted { existed: true });
    check(Operation::Delete { key: bytes("new") }, Written::Deleted { existed: false });
    let read = apply_one(&mut machine, command(sequence, Operation::Read(get("k"))));
    assert_eq!(read, Outcome::Found(Found::Value(Some(bytes("d")))));
    assert_eq!((value(&machine, "absent"), value(&machine, "new")), (Some(bytes("e")), None));
    assert_eq!((machine.keys(), machine.bytes()), (2, "k".len() + "d".len() + "absent".len() + "e".len()));
}

#[test]
fn a_range_ends_where_it_says_and_goes_on_where_it_stopped() {
    let mut machine = machine();
    for (sequence, key) in ["a", "b", "ba", "c", "d"].iter().enumerate() {
        apply_one(&mut machine, command(sequence as u64, put(key, "v")));
    }
    let range = |start: &str, end: Option<&str>, limit| {
        let query = Query::Range { start: bytes(start), end: end.map(bytes), limit };
        let Found::Page(Page { entries, next }) = machine.read(&query).unwrap() else { panic!("a page") };
        let keys: Vec<String> = entries.iter().map(|(key, _)| key.to_string()).collect();
        (keys.join(" "), next.map(|next| next.to_string()))
    };
    assert_eq!(range("", None, 9), ("a b ba c d".into(), None));
    assert_eq!(range("b", Some("d"), 9), ("b ba c".into(), None));
    assert_eq!(range("b", Some("d"), 2), ("b ba".into(), Some("c".into())));
    assert_eq!(range("c", Some("d"), 2), ("c".into(), None));
    assert_eq!(range("b", None, 0), (String::new(), Some("b".into())));
    assert_eq!(range("c", Some("b"), 9), (String::new(), None), "an end before the start is an empty range");
    assert_eq!(range("b", Some("b"), 9), (String::new(), None));
}

#[test]
fn a_page_is_bounded() {
    let mut machine = machine();
    let keys = MAX_PAGE as u64 + 1;
    let commands: Vec<Command> = (0..keys)
        .map(|number| Command::Do {
            session: SessionId(1),
            sequence: number,
            acknowledged: number,
            operation: put(&format!("{number:05}"), ""),
        })
        .collect();
    apply(&mut machine, &commands);
    let all = Query::Range { start: bytes(""), end: None, limit: u32::MAX };
    let Found::Page(page) = machine.read(&all).unwrap() else { panic!("a page") };
    assert_eq!((page.entries.len(), page.next), (MAX_PAGE, Some(bytes("01024"))));

    let mut machine = self::machine();
    for number in 0..4 {
        let value = Bytes::from(vec![0; MAX_VALUE]);
        apply_one(&mut machine, command(number, Operation::Put { key: bytes(&number.to_string()), value }));
    }
    let Found::Page(page) = machine.read(&all).unwrap() else { panic!("a page") };
    assert_eq!(page.entries.len(), MAX_PAGE_BYTES / (MAX_VALUE + 1));
    assert_eq!(page.next, Some(bytes("1")), "the first entry is there however long it is");
}

#[test]
fn what_is_too_long_is_an_error_and_changes_nothing() {
    let mut machine = machine();
    let key = |length| Bytes::from(vec![b'k'; length]);
    let value = |length| Bytes::from(vec![b'v'; length]);
    let before = machine.clone();
    let long_key = Operation::Put { key: key(MAX_KEY + 1), value: value(0) };
    let long_value = Operation::Put { key: key(1), value: value(MAX_VALUE + 1) };
    let long_expected =
        Operation::CompareAndSwap { key: key(1), expected: Some(value(MAX_VALUE + 1)), value: value(0) };
    for (operation, failure) in [
        (long_key, Failure::KeyTooLong),
        (long_value, Failure::ValueTooLong),
        (long_expected, Failure::ValueTooLong),
        (Operation::Read(Query::Get { key: key(MAX_KEY + 1) }), Failure::KeyTooLong),
        (Operation::Delete { key: key(MAX_KEY + 1) }, Failure::KeyTooLong),
    ] {
        let command = command(0, operation);
        assert_eq!(command.borrowed().check(), Err(failure));
        assert_eq!(apply_one(&mut machine, command), Outcome::Failed(failure));
    }
    assert_eq!((machine.keys(), machine.sessions()), (before.keys(), before.sessions()));

    let fits = Operation::Put { key: key(MAX_KEY), value: value(MAX_VALUE) };
    assert_eq!(apply_one(&mut machine, command(0, fits)), Outcome::Wrote(Written::Put { existed: false }));
    let more = Operation::Append { key: key(MAX_KEY), suffix: value(1) };
    assert_eq!(apply_one(&mut machine, command(1, more.clone())), Outcome::Failed(Failure::ValueTooLong));
    let longest =
        Operation::CompareAndSwap { key: key(MAX_KEY), expected: Some(value(MAX_VALUE)), value: value(MAX_VALUE) };
    let longest = Batch::of(&[command(2, longest)]);
    assert!(longest.len() <= MAX_COMMAND && MAX_COMMAND < (1 << 20) - 2_048, "a slot carries any command");

    // That it was too long is kept like any answer, though by now it would fit.
    apply_one(&mut machine, command(2, Operation::Delete { key: key(MAX_KEY) }));
    assert_eq!(apply_one(&mut machine, command(1, more)), Outcome::Failed(Failure::ValueTooLong));
}

#[test]
fn an_operation_is_done_once_however_often_it_is_in_the_log() {
    let mut machine = machine();
    let (a, b) = (command(0, append("k", "a")), command(1, append("k", "b")));
    // They may come in any order and any number of times, in one batch or in many.
    let outcomes = apply(&mut machine, &[b.clone(), a.clone(), b.clone()]);
    let appended = |length| Outcome::Wrote(Written::Appended { length });
    assert_eq!(outcomes, [appended(1), appended(2), appended(1)]);
    assert_eq!(apply(&mut machine, &[a, b]), [appended(2), appended(1)]);
    assert_eq!(value(&machine, "k"), Some(bytes("ba")));
}

#[test]
fn a_read_in_the_log_is_read_again() {
    let mut machine = machine();
    let read = command(0, Operation::Read(get("k")));
    assert_eq!(apply_one(&mut machine, read.clone()), Outcome::Found(Found::Value(None)));
    apply_one(&mut machine, command(1, put("k", "v")));
    assert_eq!(apply_one(&mut machine, read), Outcome::Found(Found::Value(Some(bytes("v")))));
}

#[test]
fn a_session_has_a_window() {
    let mut machine = machine();
    let at = |sequence, acknowledged| Command::Do {
        session: SessionId(1),
        sequence,
        acknowledged,
        operation: append("k", "x"),
    };
    let mut check = |sequence, acknowledged, expected: Result<u64, Failure>| {
        let expected = expected.map_or_else(Outcome::Failed, |length| Outcome::Wrote(Written::Appended { length }));
        let outcome = apply_one(&mut machine, at(sequence, acknowledged));
        assert_eq!(outcome, expected, "{sequence} acknowledging all below {acknowledged}");
    };
    check(WINDOW, 0, Err(Failure::TooManyUnderWay));
    check(WINDOW - 1, 0, Ok(1));
    check(0, 0, Ok(2));
    check(WINDOW, 1, Ok(3));
    check(0, 1, Err(Failure::Acknowledged));
    check(0, 0, Err(Failure::Acknowledged));
    check(WINDOW - 1, 0, Ok(1));
    check(WINDOW, 1, Ok(3));
    check(WINDOW + 1, WINDOW + 1, Ok(4));
    check(WINDOW - 1, 0, Err(Failure::Acknowledged));
    check(7, u64::MAX, Err(Failure::Acknowledged));
    check(u64::MAX, u64::MAX, Ok(5));
    assert!(Failure::Acknowledged.is_unknown() && !Failure::TooManyUnderWay.is_unknown());
}

#[test]
fn a_session_expires_when_newer_ones_need_its_place_and_is_never_begun_again() {
    let mut machine = machine();
    let written = command(0, append("k", "x"));
    apply(&mut machine, &vec![Command::Open { nonce: 0 }; MAX_SESSIONS - 1]);
    assert_eq!(machine.sessions(), MAX_SESSIONS);
    // Session 1 is used, so 2 has been unused for the longest.
    assert_eq!(apply_one(&mut machine, written.clone()), Outcome::Wrote(Written::Appended { length: 1 }));
    apply_one(&mut machine, Command::Open { nonce: 0 });
    let second = |sequence| Command::Do { session: SessionId(2), sequence, acknowledged: 0, operation: put("k", "y") };
    assert_eq!(apply_one(&mut machine, second(0)), Outcome::Failed(Failure::SessionExpired));
    assert_eq!(machine.sessions(), MAX_SESSIONS);

    // When session 1 is gone too, what was asked in it is not done a second time.
    apply(&mut machine, &vec![Command::Open { nonce: 0 }; MAX_SESSIONS]);
    assert_eq!(apply_one(&mut machine, written), Outcome::Failed(Failure::SessionExpired));
    assert_eq!(value(&machine, "k"), Some(bytes("x")));
    assert!(Failure::SessionExpired.is_unknown());
}

#[test]
fn what_is_no_command_gets_an_answer_and_ends_its_batch() {
    let mut machine = machine();
    let good = Batch::of(&[command(0, put("k", "v"))]);
    let text: Vec<u8> = good.commands().map(|_| 0).collect();
    assert_eq!(text.len(), 1);
    for wrong in
        [&b"\x09"[..], b"\x03", b"\x03abcdefghabcdefghabcdefgh\xff\xff", b"\x05aaaaaaaabbbbbbbbcccccccc\x01\x00k\x02"]
    {
        let open = b"\x00\x01\x02\x03\x04\x05\x06\x07\x08";
        let batch = Batch::from(Bytes::from([open, wrong, open].concat()));
        let mut outcomes = Vec::new();
        machine.apply(machine.applied(), &Entry::Command(batch), |outcome| outcomes.push(outcome));
        assert!(matches!(outcomes[..], [Outcome::Opened(_), Outcome::Failed(Failure::Unreadable)]), "{outcomes:?}");
    }
    assert_eq!(machine.keys(), 0);
}

#[test]
fn a_digest_tells_what_clients_were_answered() {
    // The same entries after as many commands, and another operation would be done when it is asked again.
    let after = |commands: [Command; 2]| {
        let mut machine = machine();
        apply(&mut machine, &commands);
        machine
    };
    let [first, second, other] = [0, 1, 2].map(|sequence| command(sequence, put("k", "v")));
    let (one, another) = (after([first.clone(), second]), after([first, other]));
    assert_eq!((one.keys(), one.bytes()), (another.keys(), another.bytes()));
    assert_ne!(one.digest(), another.digest());
}

#[test]
#[should_panic(expected = "slot s2 is applied where s1 is next")]
fn a_gap_is_not_applied() {
    machine().apply(Slot(2), &Entry::Noop, |_| {});
}

#[test]
fn a_snapshot_says_what_is_wrong_with_it() {
    let mut machine = machine();
    apply(&mut machine, &[command(0, put("k", "v")), command(1, put("l", "w"))]);
    let snapshot = machine.snapshot();
    assert_eq!(Machine::restore(&snapshot), Ok(machine));
    let good = snapshot.as_slice();
    let check = |bytes: &[u8], error| assert_eq!(Machine::restore(&bytes.into()), Err(error));
    check(b"", RestoreError::Short);
    check(b"GET / HTTP", RestoreError::NoSnapshot);
    check(&good[..9], RestoreError::Short);
    check(&[&good[..8], &[9, 0][..], &good[10..]].concat(), RestoreError::Version(9));
    check(&good[..good.len() - 1], RestoreError::Damaged);
    check(&[good, b"\0"].concat(), RestoreError::Damaged);
    for position in 10..good.len() {
        let mut damaged = good.to_vec();
        damaged[position] ^= 1;
        check(&damaged, RestoreError::Damaged);
    }
    assert!(RestoreError::Version(9).to_string().contains("version 9"));
}

/// Commands as clients make them: some are asked again, some acknowledge.
fn commands() -> impl Strategy<Value = Vec<Command>> {
    let key = prop::sample::select(vec!["a", "b", "bb", "c", ""]);
    let text = prop::sample::select(vec!["", "x", "y", "xy", "a longer value than others"]);
    let operation =
        (0..6, key, text.clone(), prop::option::of(text)).prop_map(|(kind, key, text, expected)| match kind {
            0 => put(key, text),
            1 => Operation::Delete { key: bytes(key) },
            2 => swap(key, expected, text),
            3 => Operation::Read(get(key)),
            _ => append(key, text),
        });
    let one = (1_u64..4, 0_u64..12, 0_u64..6, operation).prop_map(|(session, sequence, acknowledged, operation)| {
        let session = SessionId(session);
        Command::Do { session, sequence, acknowledged: acknowledged.min(sequence), operation }
    });
    let one = prop_oneof![1 => Just(Command::Open { nonce: 0 }), 8 => one];
    prop::collection::vec(one, 0..60)
}

/// The store as simple as it gets: maps, and nothing ever forgotten but what was acknowledged.
#[derive(Default)]
struct Model {
    opened: u64,
    acknowledged: BTreeMap<u64, u64>,
    answers: BTreeMap<(u64, u64), Written>,
    entries: BTreeMap<Vec<u8>, Vec<u8>>,
}

impl Model {
    fn run(&mut self, command: &Command) -> Outcome {
        let Command::Do { session, sequence, acknowledged, operation } = command else {
            self.opened += 1;
            return Outcome::Opened(SessionId(self.opened));
        };
        if self.opened < session.0 {
            return Outcome::Failed(Failure::SessionExpired);
        }
        let below = self.acknowledged.entry(session.0).or_default();
        *below = (*below).max(*acknowledged);
        if sequence < below {
            return Outcome::Failed(Failure::Acknowledged);
        }
        if let Some(answer) = self.answers.get(&(session.0, *sequence)) {
            return Outcome::Wrote(*answer);
        }
        let of = |bytes: &Bytes| bytes.as_slice().to_vec();
        let written = match operation {
            Operation::Read(Query::Get { key }) => {
                let value = self.entries.get(key.as_slice());
                return Outcome::Found(Found::Value(value.map(|value| value.as_slice().into())));
            }
            Operation::Read(Query::Range { .. }) => unreachable!("none is made"),
            Operation::Put { key, value } => {
                Written::Put { existed: self.entries.insert(of(key), of(value)).is_some() }
            }
            Operation::Delete { key } => Written::Deleted { existed: self.entries.remove(key.as_slice()).is_some() },
            Operation::CompareAndSwap { key, expected, value } => {
                let found = self.entries.get(key.as_slice()).cloned();
                let swapped = found == expected.as_ref().map(of);
                if swapped {
                    self.entries.insert(of(key), of(value));
                }
                Written::Compared { swapped, existed: found.is_some() }
            }
            Operation::Append { key, suffix } => {
                let value = self.entries.entry(of(key)).or_default();
                value.extend(suffix.as_slice());
                Written::Appended { length: value.len() as u64 }
            }
        };
        self.answers.insert((session.0, *sequence), written);
        Outcome::Wrote(written)
    }
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    /// Whatever the log, and wherever a batch ends, the machine answers what the model does.
    #[test]
    fn the_machine_is_its_model(commands in commands(), size in 1_usize..8) {
        let (mut machine, mut model) = (Machine::new(), Model::default());
        for batch in commands.chunks(size) {
            let expected: Vec<Outcome> = batch.iter().map(|command| model.run(command)).collect();
            prop_assert_eq!(apply(&mut machine, batch), expected);
        }
        let found: BTreeMap<Vec<u8>, Vec<u8>> = match machine.read(&Query::Range { start: bytes(""), end: None, limit: 99 }) {
            Ok(Found::Page(page)) => page.entries.iter().map(|(key, value)| (key.as_slice().to_vec(), value.as_slice().to_vec())).collect(),
            _ => panic!("a page"),
        };
        prop_assert_eq!(found, model.entries);
    }

    /// A snapshot at any moment is the whole state: whoever goes on from it answers the rest of the log like whoever
    /// applied all of it, also what was asked before the snapshot.
    #[test]
    fn a_snapshot_is_the_whole_state(commands in commands(), at in any::<prop::sample::Index>()) {
        let at = at.index(commands.len() + 1);
        let mut lived = Machine::new();
        apply(&mut lived, &commands[..at]);
        let mut restored = Machine::restore(&lived.snapshot()).unwrap();
        prop_assert_eq!(&restored, &lived);
        prop_assert_eq!(restored.digest(), lived.digest());
        let again = [&commands[at..], &commands[..at]].concat();
        prop_assert_eq!(apply(&mut restored, &again), apply(&mut lived, &again));
        prop_assert_eq!(restored.digest(), lived.digest());
        prop_assert_eq!(restored.snapshot(), lived.snapshot());
    }

    /// A batch gives back the commands that were put into it.
    #[test]
    fn a_batch_is_its_commands(commands in commands()) {
        let batch = Batch::of(&commands);
        let back: Vec<_> = batch.commands().map(Result::unwrap).collect();
        let put: Vec<_> = commands.iter().map(Command::borrowed).collect();
        prop_assert_eq!(back, put);
    }

    /// Equal states have equal digests, and different ones different.
    #[test]
    fn a_digest_is_of_all_the_state(commands in commands()) {
        let (mut machine, mut digests, mut states) = (Machine::new(), BTreeSet::new(), BTreeSet::new());
        for command in &commands {
            digests.insert(machine.digest());
            states.insert(machine.clone());
            apply(&mut machine, std::slice::from_ref(command));
        }
        prop_assert_eq!(digests.len(), states.len());
    }
}
