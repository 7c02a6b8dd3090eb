//! `paxos merge`: the parts of a sweep, as one.

use std::{path::PathBuf, process::ExitCode};

use clap::Args;

use super::report::Report;
use crate::{args::usage, output::say, search::UNDECIDED};

const EXAMPLES: &str = "\
Examples:
  cargo paxos merge 0.json 1.json 2.json 3.json
  cargo paxos merge *.json --out all.json --json

The files must be of one protocol, one version and one commit: a seed means the same run in those only.

Exit code: 0 held in every run, 1 violated, 2 usage or files that do not belong together, 3 seeds are missing, 4 it failed.";

/// Join what the parts of a sweep have written, and say which seeds are missing or were run twice
#[derive(Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Merge {
    /// What `cargo paxos sweep --out` has written
    #[arg(required = true)]
    files: Vec<PathBuf>,
    /// Write the whole to this file
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
    /// Print one JSON object
    #[arg(long)]
    json: bool,
}

impl Merge {
    pub(crate) fn run(self) -> anyhow::Result<ExitCode> {
        let mut reports = Vec::new();
        for file in &self.files {
            match Report::read(file) {
                Ok(report) => reports.push(report),
                Err(error) => return Ok(usage(format!("{error:#}"))),
            }
        }
        let (whole, twice) = match merge(reports) {
            Ok(merged) => merged,
            Err(problem) => return Ok(usage(problem)),
        };
        if let Some(out) = &self.out {
            whole.write(out)?;
        }
        whole.print(self.json)?;
        if !self.json {
            let missing = |(first, end)| say(format_args!("missing: seeds {first}..{end}"));
            gaps(&whole).into_iter().for_each(missing);
            let is_twice = |(first, end)| say(format_args!("run twice, and counted twice: seeds {first}..{end}"));
            twice.into_iter().for_each(is_twice);
        }
        Ok(match &whole.broken {
            Some(_) => ExitCode::from(1),
            None if whole.is_complete() => ExitCode::SUCCESS,
            None => ExitCode::from(UNDECIDED),
        })
    }
}

/// The seeds that nobody has run.
fn gaps(whole: &Report) -> Vec<(u64, u64)> {
    let begins = whole.seeds.iter().map(|(first, _)| *first).chain([whole.wanted.1]);
    let ends = [whole.wanted.0].into_iter().chain(whole.seeds.iter().map(|(_, end)| *end));
    ends.zip(begins).filter(|(end, begin)| end < begin).collect()
}

/// All of them as one, and the seeds that are in two.
fn merge(reports: Vec<Report>) -> Result<(Report, Vec<(u64, u64)>), String> {
    let mut reports = reports.into_iter();
    let mut whole = reports.next().ok_or("there is nothing to merge")?;
    for other in reports {
        for (what, here, there) in [
            ("protocols", Some(&whole.protocol), Some(&other.protocol)),
            ("mutants", whole.mutant.as_ref(), other.mutant.as_ref()),
            ("versions", Some(&whole.version), Some(&other.version)),
            ("commits", whole.commit.as_ref(), other.commit.as_ref()),
            ("faults", whole.faults.as_ref(), other.faults.as_ref()),
            ("code (their first seeds are different runs)", Some(&whole.first_run), Some(&other.first_run)),
        ] {
            if here != there {
                return Err(format!("these are of different {what}: {here:?} and {there:?}"));
            }
        }
        if (whole.of, whole.failing_ms) != (other.of, other.failing_ms) {
            return Err(format!(
                "these are parts of seeds {:?} and of seeds {:?}, or fail for other times",
                whole.of, other.of
            ));
        }
        if whole.nodes != other.nodes {
            return Err(format!("these are of clusters of {} and of {} nodes", whole.nodes, other.nodes));
        }
        whole.seeds.extend(other.seeds);
        whole.choices += other.choices;
        whole.simulated_ms += other.simulated_ms;
        whole.seconds += other.seconds;
        for (what, count) in other.counts {
            *whole.counts.entry(what).or_default() += count;
        }
        let both = [whole.broken.take(), other.broken];
        whole.broken = both.into_iter().flatten().min_by_key(|broken| broken.seed);
    }
    whole.wanted = whole.of;
    whole.seeds.sort_unstable();
    let (mut joined, mut twice): (Vec<(u64, u64)>, Vec<_>) = (Vec::new(), Vec::new());
    for (first, end) in whole.seeds {
        match joined.last_mut() {
            Some((_, last)) if first <= *last => {
                if first < *last {
                    twice.push((first, end.min(*last)));
                }
                *last = end.max(*last);
            }
            _ => joined.push((first, end)),
        }
    }
    whole.seeds = joined;
    Ok((whole, twice))
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;

    fn report(seeds: (u64, u64)) -> Report {
        Report {
            protocol: "multi".into(),
            nodes: 3,
            mutant: None,
            version: "0".into(),
            commit: Some("c".into()),
            faults: None,
            failing_ms: None,
            first_run: "1".into(),
            seeds: vec![seeds],
            wanted: seeds,
            of: (0, 20),
            choices: 10,
            simulated_ms: 1,
            seconds: 1.0,
            counts: BTreeMap::from([("crashes".to_owned(), 2)]),
            broken: None,
        }
    }

    #[test]
    fn parts_become_a_whole_and_gaps_and_overlaps_are_said() {
        let merged =
            |parts: &[(u64, u64)]| merge(parts.iter().copied().map(report).collect()).expect("they belong together");
        let (whole, twice) = merged(&[(10, 20), (0, 10)]);
        assert!(whole.is_complete() && twice.is_empty());
        assert_eq!((whole.runs(), whole.choices, whole.counts["crashes"]), (20, 20, 4));
        assert_eq!(gaps(&whole), []);
        for (parts, missing) in [
            ([(0, 10), (12, 20)], vec![(10, 12)]),
            ([(0, 10), (10, 15)], vec![(15, 20)]),
            ([(5, 10), (12, 19)], vec![(0, 5), (10, 12), (19, 20)]),
        ] {
            let (whole, twice) = merged(&parts);
            assert!(!whole.is_complete() && twice.is_empty());
            assert_eq!(gaps(&whole), missing);
        }
        let (whole, twice) = merged(&[(0, 10), (5, 20)]);
        assert!(whole.is_complete());
        assert_eq!(twice, [(5, 10)]);
    }

    #[test]
    fn what_does_not_belong_together_is_refused() {
        let other = Report { commit: None, ..report((10, 20)) };
        assert!(merge(vec![report((0, 10)), other]).is_err_and(|problem| problem.contains("commits")));
        let other = Report { first_run: "2".into(), ..report((10, 20)) };
        assert!(merge(vec![report((0, 10)), other]).is_err_and(|problem| problem.contains("code")));
        let other = Report { of: (0, 30), ..report((10, 20)) };
        assert!(merge(vec![report((0, 10)), other]).is_err_and(|problem| problem.contains("parts of seeds")));
        let other = Report { nodes: 5, ..report((10, 20)) };
        assert!(merge(vec![report((0, 10)), other]).is_err_and(|problem| problem.contains("nodes")));
    }
}
