//! One acceptor in somebody else's program: a socket, a file and a driver of your own, and not one crate more.
//!
//! ```text
//! cargo run -p import_one_role
//! ```
//!
//! Look at `Cargo.toml` beside `src`: the acceptor, its words, and the contract; `cargo tree -p import_one_role` shows that
//! nothing else comes along. Then at `answer`, the driver: it is a dozen lines, and their order is the point. Records are
//! written and synced first, the answers that wait for them leave after that.
//!
//! The language on the wire is lines of text, made up for this program: the acceptor does not care how it is reached.
//!
//! To see why the order matters, take out the `sync_data`, imagine the power failing behind it, and read the chapter on crash
//! and disk.

use std::{
    error::Error,
    fs::{File, OpenOptions},
    io::{self, BufRead as _, BufReader, Write as _},
    net::{Shutdown, TcpListener, TcpStream},
    path::Path,
    thread,
};

use paxos_acceptor::single::Acceptor;
use paxos_messages::{
    Ballot, Vote,
    single::{Effects, Event, Message, Record},
};
use paxos_process::{NodeId, Process as _};

fn main() -> Result<(), Box<dyn Error>> {
    let path = std::env::temp_dir().join(format!("import_one_role-{}", std::process::id()));
    println!("A program with an acceptor in it, and a client that is not Rust for all the acceptor knows:\n");
    // ANCHOR: conversation
    talk(
        &path,
        &[
            ("prepare 1 2", "promise 1 2 nothing"),
            ("accept 1 2 blue", "accepted 1 2 blue"),
            ("prepare 1 1", "refused 1 1 for 1 2"),
        ],
    )?;
    println!("\nThe program ends, and starts again. All that is left is the file:\n");
    talk(&path, &[("accept 1 1 green", "refused 1 1 for 1 2"), ("prepare 2 1", "promise 2 1 blue of 1 2")])?;
    // ANCHOR_END: conversation
    std::fs::remove_file(&path)?;
    println!("\nWhat it promised and voted for was on the disk before it was said, so it still holds.");
    Ok(())
}

/// Serves one connection on loopback with the acceptor that `path` remembers, and says these lines to it.
fn talk(path: &Path, lines: &[(&str, &str)]) -> Result<(), Box<dyn Error>> {
    let listener = TcpListener::bind(("127.0.0.1", 0))?;
    let address = listener.local_addr()?;
    thread::scope(|scope| {
        let server = scope.spawn(|| serve(&listener.accept()?.0, path));
        let stream = TcpStream::connect(address)?;
        let mut answers = BufReader::new(&stream).lines();
        for (line, expected) in lines {
            writeln!(&stream, "{line}")?;
            let answer = answers.next().ok_or("the acceptor has hung up")??;
            println!("    {line:<18} → {answer}");
            assert_eq!(answer, *expected);
        }
        stream.shutdown(Shutdown::Both)?;
        server.join().map_err(|_| "the acceptor panicked")??;
        Ok(())
    })
}

// ANCHOR: driver
/// The driver: a line is an event, a record is a line of the file, a message is a line back.
fn serve(stream: &TcpStream, path: &Path) -> io::Result<()> {
    let mut acceptor = Acceptor::<String>::new();
    let mut log = OpenOptions::new().create(true).append(true).read(true).open(path)?;
    for line in BufReader::new(&log).lines() {
        acceptor.replay(record(&line?).ok_or(io::ErrorKind::InvalidData)?);
    }
    for line in BufReader::new(stream).lines() {
        let Some(question) = question(&line?) else { continue };
        answer(&mut acceptor, question, &mut log, stream)?;
    }
    Ok(())
}

/// One step, and what a driver owes it: the disk first, then what waits for the disk.
fn answer(
    acceptor: &mut Acceptor<String>,
    message: Message<String>,
    log: &mut File,
    mut to: &TcpStream,
) -> io::Result<()> {
    let mut out = Effects::new();
    acceptor.step(Event::Receive { from: NodeId(1), message }, &mut out);
    for sent in &out.sends {
        writeln!(to, "{}", words(&sent.message))?;
    }
    for record in &out.records {
        writeln!(log, "{}", line(record))?;
    }
    log.sync_data()?;
    for sent in &out.sends_after_sync {
        writeln!(to, "{}", words(&sent.message))?;
    }
    Ok(())
}
// ANCHOR_END: driver

fn question(line: &str) -> Option<Message<String>> {
    match *line.split(' ').collect::<Vec<_>>() {
        ["prepare", round, node] => Some(Message::Prepare { ballot: ballot(round, node)? }),
        ["accept", round, node, value] => {
            Some(Message::Accept { ballot: ballot(round, node)?, value: value.to_owned() })
        }
        _ => None,
    }
}

fn words(message: &Message<String>) -> String {
    let say = |ballot: &Ballot| format!("{} {}", ballot.round, ballot.node.0);
    match message {
        Message::Promise { ballot, accepted: None } => format!("promise {} nothing", say(ballot)),
        Message::Promise { ballot, accepted: Some(vote) } => {
            format!("promise {} {} of {}", say(ballot), vote.value, say(&vote.ballot))
        }
        Message::Accepted { ballot, value } => format!("accepted {} {value}", say(ballot)),
        Message::Refused { ballot, promised, .. } => format!("refused {} for {}", say(ballot), say(promised)),
        Message::Prepare { .. } | Message::Accept { .. } | Message::Learn { .. } => {
            unreachable!("an acceptor says none of these")
        }
    }
}

fn line(record: &Record<String>) -> String {
    match record {
        Record::Promised(ballot) => format!("promised {} {}", ballot.round, ballot.node.0),
        Record::Accepted(vote) => format!("accepted {} {} {}", vote.ballot.round, vote.ballot.node.0, vote.value),
        Record::Round(_) => unreachable!("an acceptor opens no ballots"),
    }
}

fn record(line: &str) -> Option<Record<String>> {
    match *line.split(' ').collect::<Vec<_>>() {
        ["promised", round, node] => Some(Record::Promised(ballot(round, node)?)),
        ["accepted", round, node, value] => {
            Some(Record::Accepted(Vote { ballot: ballot(round, node)?, value: value.to_owned() }))
        }
        _ => None,
    }
}

fn ballot(round: &str, node: &str) -> Option<Ballot> {
    let node = NodeId::try_from(node.parse::<u8>().ok()?).ok()?;
    Some(Ballot { round: round.parse().ok()?, node })
}
