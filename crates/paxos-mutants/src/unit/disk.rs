//! Checks of a node and its disk.

use crate::{Happens, Mutant, WrongStore};

/// How many there are.
pub(super) const COUNT: usize = CHECKS.len();

/// Each is a run after which the node must remember what it has said, or be down.
const CHECKS: [(&str, &[Happens]); 4] = {
    use Happens::{Compact, Damage, Fail, PowerCut, Prepare, Restart, Stop};
    [
        ("a_damaged_record_is_not_an_end", &[Prepare(1), Stop, Damage(0), Restart]),
        ("a_failed_sync_is_the_end", &[Fail, Prepare(1), PowerCut, Restart]),
        ("a_name_is_stable_when_its_directory_is", &[Compact, Prepare(1), PowerCut, Restart]),
        ("what_was_read_is_stable", &[Fail, Prepare(1), Stop, Restart, Prepare(1), PowerCut, Restart]),
    ]
};

/// The checks that fail where `wrong` is wrong.
pub(super) fn failing(wrong: Option<Mutant>) -> Vec<&'static str> {
    let fails = |run: &[Happens]| {
        let mut store = WrongStore::new(wrong);
        for happens in run {
            // A node that is down already need not be stopped, nor one that is up be started.
            if store.may(*happens) {
                store.apply(*happens, &mut |_| {});
            }
        }
        store.forgets()
    };
    CHECKS.iter().filter(|(_, run)| fails(run)).map(|(name, _)| *name).collect()
}
