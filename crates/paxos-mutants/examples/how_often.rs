//! How often a mutant dies in the layers that roll dice: of the seeds that the tests try, how many kill it?
//!
//! ```text
//! cargo run --release -p paxos-mutants --example how_often
//! cargo run --release -p paxos-mutants --example how_often -- L5 M15
//! ```
//!
//! A mutant that one seed in a thousand kills survives tomorrow: another message, and the same seed is another run. With
//! ten in the bound of the tests, the chance that a change which has nothing to do with it leaves none is e⁻¹⁰. So where a
//! layer must kill and fewer than [`ENOUGH`] of its seeds do, the exit code is 1.

use std::{
    env, panic,
    process::ExitCode,
    sync::Mutex,
    thread,
    time::{Duration, Instant},
};

use paxos_mutants::{Effort, Layer, Mutant, deaths};

/// How many seeds of the tests should kill what they must.
const ENOUGH: usize = 10;

/// Seeds are not counted further than this.
const MANY: usize = 100;

struct Count {
    mutant: Mutant,
    layer: Layer,
    /// The seeds that kill, and how the first does.
    seeds: Vec<u64>,
    how: String,
    time: Duration,
}

fn main() -> ExitCode {
    panic::set_hook(Box::new(|_| {})); // a node that stops is a death
    let named: Vec<String> = env::args().skip(1).collect();
    let asked = |mutant: &Mutant| named.is_empty() || named.iter().any(|name| name == mutant.name());
    let layers = [Layer::Simulation, Layer::Linearizability];
    let pairs = Mutant::all().filter(asked).flat_map(|mutant| layers.map(|layer| (mutant, layer)));
    let pairs: Vec<_> = pairs.filter(|(mutant, layer)| layer.blind_to(*mutant).is_none()).collect();
    let (left, counts) = (Mutex::new(pairs.iter()), Mutex::new(Vec::new()));
    thread::scope(|scope| {
        for _ in 0..thread::available_parallelism().map_or(1, Into::into) {
            scope.spawn(|| {
                while let Some((mutant, layer)) = { left.lock().expect("nobody panics with it").next() } {
                    let count = count(*mutant, *layer);
                    println!("{}", count.line());
                    counts.lock().expect("nobody panics with it").push(count);
                }
            });
        }
    });
    let counts = counts.into_inner().expect("nobody panics with it");
    let rare = counts.iter().filter(|count| count.is_rare()).count();
    println!("{rare} of {} that must die do so in fewer than {ENOUGH} of the seeds of the tests", counts.len());
    ExitCode::from(u8::from(0 < rare))
}

fn count(mutant: Mutant, layer: Layer) -> Count {
    let start = Instant::now();
    let mut how = String::new();
    let seen = deaths(mutant, layer, Effort::QUICK).take(MANY).inspect(|(_, words)| how.clone_from(words));
    let seeds = seen.map(|(seed, _)| seed).collect();
    Count { mutant, layer, seeds, how, time: start.elapsed() }
}

impl Count {
    fn is_rare(&self) -> bool {
        self.mutant.must_die_by(self.layer) && self.seeds.len() < ENOUGH
    }

    fn line(&self) -> String {
        let Self { mutant, layer, seeds, how, time } = self;
        let first: Vec<String> = seeds.iter().take(5).map(u64::to_string).collect();
        let must = if self.is_rare() {
            "RARE"
        } else if mutant.must_die_by(*layer) {
            ""
        } else {
            "may live"
        };
        let many = if seeds.len() == MANY { format!("{MANY} by {}", seeds[MANY - 1]) } else { seeds.len().to_string() };
        format!(
            "{mutant:<5} {layer:<16} {many:>14} {must:<9} {:>6.1} s  {}  {how}",
            time.as_secs_f64(),
            first.join(" ")
        )
    }
}
