//! Judges what clients saw, and what nodes said.
//!
//! A store may be judged from inside, by what its nodes say to each other. This crate judges it from outside, by
//! nothing but what its clients asked and heard: a *history*. It knows nothing of the store and shares no code with it,
//! so a mistake is not made twice.
//!
//! The question is linearizability (Herlihy and Wing, 1990): could each operation have happened at one moment between
//! its beginning and its end, so that all answers are right? Then the store cannot be told from one that does one thing
//! after the other. If not, some answer was wrong: a stale read, a lost update, a command that was done twice, an
//! acknowledged write that is gone.
//!
//! In reading order: [`Call`] is one operation as its client saw it; `lines` is how a history is written,
//! `paxos-history/1`; [`judge`] is the verdict; `search` is how it is found, with the modules after it for what it counts
//! and remembers; [`Explanation`] is why not. Beside them stands [`judge_trace`], which judges what *nodes* said to each
//! other, a `paxos-trace/1`, against Lamport's specification.
//!
//! ```
//! use paxos_judge::{Verdict, judge, read_history};
//!
//! // Client 2 reads a value that was overwritten before it asked.
//! let history = r#"
//! {"client":1,"op":"put","key":"k","value":"old","invoke_ns":1,"return_ns":2,"outcome":"ok"}
//! {"client":1,"op":"put","key":"k","value":"new","invoke_ns":3,"return_ns":4,"outcome":"ok"}
//! {"client":2,"op":"get","key":"k","result":"old","invoke_ns":5,"return_ns":6,"outcome":"ok"}
//! "#;
//! let Verdict::NotLinearizable(why) = judge(&read_history(history.as_bytes())?)? else { panic!("it is stale") };
//! assert_eq!(why.key, "k");
//! assert_eq!(why.misfit.client, 2);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! # What it does not do
//!
//! It does not judge what spans keys, such as ranges: keys are judged one by one, which is what makes it fast, and
//! right, because a history is linearizable when that of each key is. The question is hard in general (NP-complete). It
//! is easy for many clients at a time as long as writes of a key write different values, so let them; it is not when they
//! write the same few, or swap and append much and read little. A search that grows too large is given up, as
//! [`Verdict::Undecided`]. `cargo run --release -p paxos-judge --example widths` shows what is easy and what is not.

mod call;

mod lines;

mod judge;

mod search;

mod meaning;

mod needs;

mod timeline;

mod memory;

mod explanation;

mod trace;

pub use call::{Action, Before, Call, End};
pub use explanation::Explanation;
pub use judge::{MisuseError, Verdict, judge, judge_within};
pub use lines::{LineError, MAX_LINE, read_history, write_history};
pub use trace::{TraceVerdict, judge_trace};
