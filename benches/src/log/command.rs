//! Commands, how a library carries them, and the application that is told them.

use std::{
    fmt::Debug,
    hash::{Hash, Hasher},
    slice,
    sync::Arc,
};

use bytes::Bytes;

/// A command: its number, then bytes that follow from the number.
pub trait Payload: Clone + Debug + Eq + Ord + Hash + AsRef<[u8]> {
    /// The command of this number.
    fn numbered(number: u64, size: usize) -> Self;
}

impl Payload for [u8; 16] {
    fn numbered(number: u64, size: usize) -> Self {
        written(number, size).try_into().expect("commands of 16 bytes")
    }
}

impl Payload for Bytes {
    fn numbered(number: u64, size: usize) -> Self {
        let bytes = Self::from(written(number, size));
        // The first clone allocates the counter that all clones share: that belongs to making the command.
        drop(bytes.clone());
        bytes
    }
}

/// The bytes of the command of this number.
pub(crate) fn written(number: u64, size: usize) -> Vec<u8> {
    let mut bytes = vec![filling(number); size];
    bytes[..NUMBER].copy_from_slice(&number.to_le_bytes());
    bytes
}

const fn filling(number: u64) -> u8 {
    (number.wrapping_mul(31) >> 2) as u8
}

/// The bytes of a number.
const NUMBER: usize = 8;

/// An entry of a log that takes values.
pub trait Carried: Clone + Debug + Eq + Ord + Hash {
    /// What is in it.
    type Payload: Payload;
    /// Whether all commands that are offered together are one entry.
    const TOGETHER: bool;

    /// Makes entries of commands that are offered together.
    fn carry(commands: impl Iterator<Item = Self::Payload>, propose: impl FnMut(Self));

    /// The commands in it, in order.
    fn commands(&self) -> &[Self::Payload];
}

/// An entry for each command.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct One<P>(P);

impl<P: Payload> Carried for One<P> {
    type Payload = P;
    const TOGETHER: bool = false;

    fn carry(commands: impl Iterator<Item = P>, propose: impl FnMut(Self)) {
        commands.map(Self).for_each(propose);
    }

    fn commands(&self) -> &[P] {
        slice::from_ref(&self.0)
    }
}

/// One entry for all commands that are offered together. Copies of it share them.
#[derive(Clone, Debug, Eq, PartialOrd, Ord)]
pub struct Batch<P>(Arc<[P]>);

/// Copies are equal at a glance.
impl<P: PartialEq> PartialEq for Batch<P> {
    fn eq(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.0, &other.0) || self.0 == other.0
    }
}

/// Of the commands, wherever they are.
impl<P: Hash> Hash for Batch<P> {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.0.hash(state);
    }
}

impl<P: Payload> Carried for Batch<P> {
    type Payload = P;
    const TOGETHER: bool = true;

    fn carry(commands: impl Iterator<Item = P>, mut propose: impl FnMut(Self)) {
        propose(Self(commands.collect()));
    }

    fn commands(&self) -> &[P] {
        &self.0
    }
}

/// The same for a log that takes bytes: commands of one size, one after the other, are one entry.
pub(super) fn joined(commands: impl Iterator<Item = impl AsRef<[u8]>>, size: usize) -> Vec<u8> {
    let (count, _) = commands.size_hint();
    let mut bytes = Vec::with_capacity(count * size);
    commands.for_each(|command| bytes.extend_from_slice(command.as_ref()));
    bytes
}

/// The application of one node: it counts commands, and looks whether each is the next.
#[derive(Debug)]
pub struct Application {
    size: usize,
    every_byte: bool,
    applied: u64,
    in_order: bool,
}

impl Application {
    pub(crate) const fn new(load: super::Load) -> Self {
        Self { size: load.payload, every_byte: load.every_byte, applied: 0, in_order: true }
    }

    /// Takes the next command.
    pub fn apply(&mut self, command: &[u8]) {
        let filling = filling(self.applied);
        self.in_order &= command.len() == self.size
            && command.first_chunk() == Some(&self.applied.to_le_bytes())
            && command.last() == Some(&filling)
            && (!self.every_byte || command[NUMBER..].iter().all(|byte| *byte == filling));
        self.applied += 1;
    }

    /// Takes the commands of an entry that is bytes.
    pub fn apply_joined(&mut self, entry: &[u8]) {
        entry.chunks(self.size).for_each(|command| self.apply(command));
    }

    /// How many commands it has been told.
    #[must_use]
    pub const fn applied(&self) -> u64 {
        self.applied
    }

    /// Whether each was the next.
    #[must_use]
    pub const fn in_order(&self) -> bool {
        self.in_order
    }
}
