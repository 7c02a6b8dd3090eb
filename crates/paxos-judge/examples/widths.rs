//! How long the judge takes, by the number of clients at a time: `cargo run --release -p paxos-judge --example widths`.

#[path = "../tests/judge/register.rs"]
mod register;

use std::time::Instant;

use paxos_judge::{Call, Verdict, judge_within};
use register::{Load, with_a_stale_read};

fn main() {
    println!("2000 calls of one key, at most 100 MB, seconds:");
    let mixed = |clients| Load { swap: 20, existed: true, unknown: 1, ..Load::reads(clients, 2_000, 40) };
    let loads: [(&str, &dyn Fn(u64) -> Load); 9] = [
        ("80 % reads", &|clients| Load::reads(clients, 2_000, 80)),
        ("50 % reads", &|clients| Load::reads(clients, 2_000, 50)),
        ("10 % reads", &|clients| Load::reads(clients, 2_000, 10)),
        ("50 % reads, 2 % unknown, puts say if a value existed", &|clients| Load {
            unknown: 2,
            existed: true,
            ..Load::reads(clients, 2_000, 50)
        }),
        ("40 % reads, 20 % swaps, 1 % unknown", &mixed),
        ("the same with 5 % deletes", &|clients| Load { delete: 5, ..mixed(clients) }),
        ("50 % reads, 50 % appends", &|clients| Load { append: 50, ..Load::reads(clients, 2_000, 50) }),
        ("50 % reads, 10 % appends", &|clients| Load { append: 10, ..Load::reads(clients, 2_000, 50) }),
        ("50 % reads, puts of 5 values", &|clients| Load { values: 5, ..Load::reads(clients, 2_000, 50) }),
    ];
    for (name, load) in loads {
        for stale in [false, true] {
            let took = [8, 16, 32, 64].map(|clients| {
                let history = load(clients).history(clients);
                time(&if stale { with_a_stale_read(history) } else { history })
            });
            println!("{name}{}: {}", if stale { ", and a stale read" } else { "" }, took.join(", "));
        }
    }
}

fn time(history: &[Call]) -> String {
    let begin = Instant::now();
    let verdict = match judge_within(history, 100_000_000).expect("clients do one thing at a time") {
        Verdict::Linearizable { .. } => "",
        Verdict::NotLinearizable(_) => " (not)",
        Verdict::Undecided { .. } => " (undecided)",
    };
    format!("{:.3}{verdict}", begin.elapsed().as_secs_f64())
}
