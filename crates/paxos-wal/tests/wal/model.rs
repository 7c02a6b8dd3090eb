//! The log against a model of two vectors, through any sequence of operations and crashes.

use proptest::{collection::vec, prelude::*};

use crate::{Disk, RECORD_HEADER, Wal};

#[derive(Clone, Debug)]
enum Step {
    Append(Vec<u8>),
    Sync,
    /// Keeps the records at even places, and adds one.
    Checkpoint,
    /// The process ends between two calls.
    Crash,
    /// The power fails during a sync: this share of the group reached the disk, and perhaps the file's length did.
    CrashInSync {
        share: f64,
        zeros: u8,
    },
}

fn steps() -> impl Strategy<Value = Step> {
    prop_oneof![
        8 => vec(any::<u8>(), 0..40).prop_map(Step::Append),
        3 => Just(Step::Sync),
        1 => Just(Step::Checkpoint),
        1 => Just(Step::Crash),
        2 => (0.0..=1.0, prop_oneof![Just(0), any::<u8>()])
            .prop_map(|(share, zeros)| Step::CrashInSync { share, zeros }),
    ]
}

struct Model {
    disk: Disk,
    wal: Option<Wal>,
    synced: Vec<Vec<u8>>,
    unsynced: Vec<Vec<u8>>,
}

impl Model {
    fn new() -> Self {
        let mut model = Self { disk: Disk::new(), wal: None, synced: Vec::new(), unsynced: Vec::new() };
        model.reopen(false);
        model
    }

    fn wal(&mut self) -> &mut Wal {
        self.wal.as_mut().expect("open between steps")
    }

    fn step(&mut self, step: Step) {
        match step {
            Step::Append(record) => {
                self.wal().append(&record).unwrap();
                self.unsynced.push(record);
            }
            Step::Sync => {
                self.wal().sync().unwrap();
                self.synced.append(&mut self.unsynced);
            }
            Step::Checkpoint => {
                self.synced.append(&mut self.unsynced);
                let records: Vec<_> = self.synced.iter().step_by(2).cloned().chain([b"checkpoint".to_vec()]).collect();
                self.wal().checkpoint(records.iter().map(Vec::as_slice)).unwrap();
                self.synced = records;
            }
            Step::Crash => {
                self.unsynced.clear();
                self.reopen(false);
            }
            Step::CrashInSync { share, zeros } => self.crash_in_sync(share, zeros.into()),
        }
        assert_eq!(self.wal().len_bytes(), self.expected_len());
    }

    /// Lets the sync finish, and then takes the end of the file away again.
    fn crash_in_sync(&mut self, share: f64, zeros: usize) {
        let before = self.disk.log();
        self.wal().sync().unwrap();
        let after = self.disk.log();
        assert!(after.starts_with(&before), "a sync only appends");
        let kept = before.len() + ((after.len() - before.len()) as f64 * share) as usize;
        let mut end = before.len();
        for record in std::mem::take(&mut self.unsynced) {
            end += RECORD_HEADER + record.len();
            if kept < end {
                end -= RECORD_HEADER + record.len();
                break;
            }
            self.synced.push(record);
        }
        // Zeros only where they are told from damage: behind a whole record.
        let left = if zeros == 0 { after[..kept].to_vec() } else { [&after[..end], &vec![0; zeros]].concat() };
        let torn = end < left.len();
        self.disk.set_log(&left);
        self.reopen(torn);
    }

    fn reopen(&mut self, torn: bool) {
        self.wal = None;
        let (wal, recovered) = self.disk.open();
        assert_eq!(recovered.records, self.synced);
        assert_eq!(recovered.torn.is_some(), torn);
        self.wal = Some(wal);
    }

    fn expected_len(&self) -> u64 {
        let records = self.synced.iter().chain(&self.unsynced);
        (crate::FILE_HEADER + records.map(|record| RECORD_HEADER + record.len()).sum::<usize>()) as u64
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    #[test]
    fn the_log_is_what_was_synced(steps in vec(steps(), 1..40)) {
        let mut model = Model::new();
        steps.into_iter().for_each(|step| model.step(step));
        model.unsynced.clear();
        model.reopen(false);
    }
}
