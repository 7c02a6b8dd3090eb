//! The targets, in the order in which bytes come in: off the line, off the disk, out of files.

mod answers;
mod commands;
mod frames;
mod hello;
mod history;
mod messages;
mod parts;
mod records;
mod requests;
mod run;
mod script;
mod snapshot;
mod trace;
mod wal_bytes;
mod wal_damage;

/// Something that reads bytes which somebody else wrote.
#[derive(Clone, Copy, Debug)]
pub struct Target {
    /// Its name, which is that of its file, of its folder in `corpus` and of its libFuzzer program.
    pub name: &'static str,
    /// What its bytes are, in a few words.
    pub about: &'static str,
    /// Inputs need not be longer than so many bytes: all that there is fits.
    pub longest: usize,
    /// The most memory that it may hold at a time, in bytes, beside the input.
    pub memory: usize,
    run: fn(&[u8]),
    seeds: fn() -> Vec<Seed>,
}

/// An input to begin with.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Seed {
    /// What it is: the name of its file.
    pub name: String,
    /// The input.
    pub bytes: Vec<u8>,
}

impl Target {
    /// All targets.
    pub const ALL: [Self; 15] = [
        frames::TARGET,
        hello::TARGET,
        requests::TARGET,
        answers::TARGET,
        messages::TARGET,
        parts::TARGET,
        records::TARGET,
        wal_bytes::TARGET,
        wal_damage::TARGET,
        snapshot::TARGET,
        commands::TARGET,
        script::TARGET,
        run::TARGET,
        trace::TARGET,
        history::TARGET,
    ];

    /// One that is not among [`ALL`](Self::ALL), such as one that fails: inputs of 4 KiB, and 64 MiB of memory.
    #[must_use]
    pub const fn new(name: &'static str, about: &'static str, run: fn(&[u8]), seeds: fn() -> Vec<Seed>) -> Self {
        Self { name, about, longest: 4096, memory: 64 << 20, run, seeds }
    }

    /// The target of this name, if there is one.
    #[must_use]
    pub fn named(name: &str) -> Option<&'static Self> {
        const ALL: &[Target] = &Target::ALL;
        ALL.iter().find(|target| target.name == name)
    }

    /// Reads `bytes`, however long, and whatever they are.
    ///
    /// # Panics
    ///
    /// When something does not hold.
    pub fn run(&self, bytes: &[u8]) {
        (self.run)(bytes);
    }

    /// What to begin with, made of what the program itself writes, and all that has ever failed.
    #[must_use]
    pub fn seeds(&self) -> Vec<Seed> {
        (self.seeds)()
    }
}

fn seed(name: &str, bytes: impl Into<Vec<u8>>) -> Seed {
    Seed { name: name.to_owned(), bytes: bytes.into() }
}

/// A value as it goes over a connection or into a log.
fn encoded<T: serde::Serialize>(value: &T) -> Vec<u8> {
    let mut bytes = Vec::new();
    paxos_codec::encode(value, &mut bytes).expect("it is short");
    bytes
}

/// Asserts that bytes that are a value are what that value is written as: there is one way to write it.
fn reads_back<T: serde::Serialize + serde::de::DeserializeOwned>(bytes: &[u8]) -> Option<T> {
    let value = paxos_codec::decode(bytes).ok()?;
    assert_eq!(encoded(&value), bytes, "what was read is written otherwise");
    assert_eq!(paxos_codec::encoded_len(&value), Ok(bytes.len()), "it is weighed wrongly");
    Some(value)
}

/// Frames as somebody makes them who knows the checksum: `input` is pieces, each a length, a u16, and so many bytes, and
/// each becomes the payload of a frame. So a fuzzer need not find a CRC.
fn framed(mut input: &[u8]) -> Vec<u8> {
    let mut stream = Vec::new();
    while let Some((length, rest)) = input.split_first_chunk() {
        let (payload, rest) = rest.split_at(rest.len().min(u16::from_le_bytes(*length).into()));
        let start = stream.len();
        stream.extend_from_slice(&[0; paxos_codec::FRAME_HEADER]);
        stream.extend_from_slice(payload);
        paxos_codec::close_frame(&mut stream[start..]);
        input = rest;
    }
    stream
}

/// An input of [`framed`] that becomes frames with these payloads.
fn pieces(payloads: &[Vec<u8>]) -> Vec<u8> {
    let piece = |payload: &Vec<u8>| {
        let length = u16::try_from(payload.len()).expect("a seed is short");
        [&length.to_le_bytes()[..], payload].concat()
    };
    payloads.iter().flat_map(piece).collect()
}
