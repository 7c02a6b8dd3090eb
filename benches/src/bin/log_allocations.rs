//! How often replicated logs allocate. A program of its own for the bench `log_memory`, which runs it: an allocator that
//! counts is slower than one that does not, and would be in the way of the clock.
//!
//! A line for each row of that bench: nodes, bytes of a command, commands in flight, library, whether the commands are
//! one entry, and allocations for one command on all nodes together. Here the applications look at every byte.

use std::process::ExitCode;

use allocation_counter::measure;
use benches::log::{CELLS, Load, contenders};

fn main() -> ExitCode {
    let mut verified = true;
    for (nodes, payload, in_flight) in CELLS {
        for contender in contenders(payload, in_flight) {
            let load = Load { nodes, payload, in_flight, commands: COMMANDS.max(8 * in_flight), every_byte: true };
            let mut allocations = 0;
            let outcome = (contender.run)(load, &mut |work| allocations = measure(work).count_total);
            verified &= outcome.verified;
            let each = allocations as f64 / load.commands as f64;
            println!("{nodes} {payload} {in_flight} {} {} {each:.4}", contender.library, contender.together);
        }
    }
    if verified { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

/// Many enough that the growth of a log, which doubles, weighs little.
const COMMANDS: usize = 4096;
