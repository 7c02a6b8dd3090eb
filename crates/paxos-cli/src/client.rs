//! `paxos propose` and `paxos learn`: a client asks one node, and waits no longer than it likes.

use std::{
    io::{self, Read},
    net::SocketAddr,
    process::ExitCode,
    time::{Duration, Instant},
};

use anyhow::{Context, bail};
use paxos_messages::single::{Output, Request};
use paxos_node::ClientError;
use serde_json::json;

use crate::{
    args,
    decree::Decree,
    output::{self, say},
};

/// A client of a node that decides a [`Decree`].
pub(crate) type Asker = paxos_node::Client<Request<Decree>, Output<Decree>>;

/// Propose a value to a running cluster, and print the value that is chosen
///
/// One value is chosen, once and for all: this one, or another that somebody else has proposed.
#[derive(clap::Args)]
#[command(after_help = PROPOSE_EXAMPLES)]
pub(crate) struct Propose {
    /// The node to ask, HOST:PORT
    #[arg(long, value_name = "ADDR", value_parser = args::address)]
    to: SocketAddr,
    /// The value, at most 64 KiB; - reads it from stdin
    value: String,
    #[command(flatten)]
    asking: Asking,
}

/// Ask a running cluster which value is chosen, without proposing one
///
/// The node that is asked finds out by a round of its own, if it does not know.
#[derive(clap::Args)]
#[command(after_help = LEARN_EXAMPLES)]
pub(crate) struct Learn {
    /// The node to ask, HOST:PORT
    #[arg(long, value_name = "ADDR", value_parser = args::address)]
    from: SocketAddr,
    #[command(flatten)]
    asking: Asking,
}

/// What both take.
#[derive(clap::Args)]
struct Asking {
    /// How long to wait for the answer, such as 500ms, 5s or 2m
    #[arg(long, default_value = "5s", value_name = "TIME", value_parser = args::duration)]
    timeout: Duration,
    /// The name of the node's cluster
    #[arg(long, default_value = "paxos", value_name = "NAME")]
    cluster: String,
    /// Print the answer as one JSON object
    #[arg(long)]
    json: bool,
}

const PROPOSE_EXAMPLES: &str = "Examples:
  cargo paxos propose --to 127.0.0.1:7001 blue
  cargo paxos propose --to 127.0.0.1:7001 --timeout 500ms --json blue
  printf blue | cargo paxos propose --to 127.0.0.1:7001 -

Exit code: 0 a value is chosen (perhaps another), 2 usage, 3 no answer: the outcome is unknown, 4 it failed: the \
node was not asked.";

const LEARN_EXAMPLES: &str = "Examples:
  cargo paxos learn --from 127.0.0.1:7003
  cargo paxos learn --from 127.0.0.1:7003 --json

Exit code: 0 answered (a value, or that none is chosen yet), 2 usage, 3 no answer: it is unknown, 4 it failed: the node \
was not asked.";

impl Propose {
    pub(crate) fn run(self) -> anyhow::Result<ExitCode> {
        let text = if self.value == "-" { from_stdin()? } else { self.value };
        let value: Decree = match text.try_into() {
            Ok(value) => value,
            Err(problem) => return Ok(args::usage(problem)),
        };
        let unknown = "the outcome is unknown: your value may be chosen, now or later. `cargo paxos learn` finds out";
        let chosen = match self.asking.ask(self.to, &Request::Propose(value.clone()), unknown) {
            Ok(Output::Learned(chosen)) => chosen,
            Ok(output) => bail!("the node has answered {output}, which answers no proposal"),
            Err(code) => return Ok(code),
        };
        let ours = chosen == value;
        let line = if self.asking.json {
            json!({ "chosen": chosen, "ours": ours }).to_string()
        } else if ours {
            format!("chosen: {}\nThat is the value you proposed.", chosen.as_str())
        } else {
            format!("chosen: {}\nThat is somebody else's value; yours was not chosen and will not be.", chosen.as_str())
        };
        say(line);
        Ok(ExitCode::SUCCESS)
    }
}

impl Learn {
    pub(crate) fn run(self) -> ExitCode {
        let unknown = "whether a value is chosen is unknown. Are enough nodes running?";
        let output = match self.asking.ask(self.from, &Request::Learn, unknown) {
            Ok(output) => output,
            Err(code) => return code,
        };
        let line = match (output, self.asking.json) {
            (Output::Learned(chosen), true) => json!({ "chosen": chosen }).to_string(),
            (Output::Learned(chosen), false) => format!("chosen: {}", chosen.as_str()),
            (Output::NothingChosen { below }, true) => {
                json!({ "chosen": null, "below": below.to_string() }).to_string()
            }
            (Output::NothingChosen { below }, false) => {
                format!("Nothing is chosen yet: nothing was in any ballot below {below}, and nothing can be any more.")
            }
        };
        say(line);
        ExitCode::SUCCESS
    }
}

impl Asking {
    /// Asks, and says in an error whether anything can have come of it: `unknown` if so.
    ///
    /// # Errors
    ///
    /// The exit code; why there is no answer is told.
    fn ask(&self, node: SocketAddr, request: &Request<Decree>, unknown: &str) -> Result<Output<Decree>, ExitCode> {
        let failed = |why: String, is_unknown| output::failed(why, is_unknown, self.json);
        let deadline = Instant::now() + self.timeout;
        let mut client = Asker::connect(node, &self.cluster, None, deadline)
            .map_err(|error| failed(format!("{node} was not asked anything: {error}"), false))?;
        client.ask(request, deadline).map_err(|error| match error {
            ClientError::TimedOut => {
                failed(format!("no answer from {} in {:?}: {unknown}", client.node(), self.timeout), true)
            }
            error if error.is_unknown() => failed(format!("{error}: {unknown}"), true),
            error => failed(error.to_string(), false),
        })
    }
}

/// All of stdin, without the newline that ends a text file.
fn from_stdin() -> anyhow::Result<String> {
    let mut text = String::new();
    io::stdin().take(Decree::LIMIT as u64 + 2).read_to_string(&mut text).context("cannot read the value from stdin")?;
    if text.ends_with('\n') {
        text.pop();
    }
    Ok(text)
}
