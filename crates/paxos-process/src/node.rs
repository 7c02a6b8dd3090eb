//! Names of nodes, and sets of them.

use core::fmt;

/// The name of a node: 0 to 63, shown as `n1`. By convention a cluster's nodes are numbered from 1.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(try_from = "u8", into = "u8"))]
pub struct NodeId(pub u8);

impl NodeId {
    /// One more than the largest name: a [`NodeSet`] has this many bits.
    pub const LIMIT: u8 = 64;
}

impl fmt::Display for NodeId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "n{}", self.0)
    }
}

impl From<NodeId> for u8 {
    fn from(id: NodeId) -> Self {
        id.0
    }
}

/// Numbers from outside are checked: a name past [`NodeId::LIMIT`] fits in no [`NodeSet`].
impl TryFrom<u8> for NodeId {
    type Error = NodeIdOutOfRange;

    fn try_from(number: u8) -> Result<Self, NodeIdOutOfRange> {
        if number < Self::LIMIT { Ok(Self(number)) } else { Err(NodeIdOutOfRange(number)) }
    }
}

/// A number that is no node's name because it is not below [`NodeId::LIMIT`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NodeIdOutOfRange(pub u8);

impl fmt::Display for NodeIdOutOfRange {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "node {} is out of range: nodes are numbered 0 to {}", self.0, NodeId::LIMIT - 1)
    }
}

impl core::error::Error for NodeIdOutOfRange {}

/// A set of nodes, as bits: `Copy`, ordered, and without allocation.
#[derive(Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct NodeSet(u64);

impl NodeSet {
    /// No node.
    pub const EMPTY: Self = Self(0);

    /// The nodes 1 to `count`: the usual cluster.
    ///
    /// # Panics
    ///
    /// When `count` is not below [`NodeId::LIMIT`].
    #[must_use]
    pub const fn first(count: u8) -> Self {
        assert!(count < NodeId::LIMIT, "a cluster has at most 63 nodes, numbered from 1");
        Self(((1 << count) - 1) << 1)
    }

    /// Just `node`.
    ///
    /// # Panics
    ///
    /// When `node` is not below [`NodeId::LIMIT`].
    #[must_use]
    pub const fn only(node: NodeId) -> Self {
        Self::EMPTY.with(node)
    }

    /// This set and `node`.
    ///
    /// # Panics
    ///
    /// When `node` is not below [`NodeId::LIMIT`].
    #[must_use]
    pub const fn with(self, node: NodeId) -> Self {
        assert!(node.0 < NodeId::LIMIT, "nodes are numbered 0 to 63");
        Self(self.0 | 1 << node.0)
    }

    /// Adds `node`; true when it was not there before.
    ///
    /// # Panics
    ///
    /// When `node` is not below [`NodeId::LIMIT`].
    pub const fn insert(&mut self, node: NodeId) -> bool {
        let before = self.0;
        *self = self.with(node);
        self.0 != before
    }

    /// This set without `node`.
    #[must_use]
    pub const fn without(self, node: NodeId) -> Self {
        if node.0 < NodeId::LIMIT { Self(self.0 & !(1 << node.0)) } else { self }
    }

    /// Whether `node` is in the set.
    #[must_use]
    pub const fn contains(self, node: NodeId) -> bool {
        node.0 < NodeId::LIMIT && self.0 >> node.0 & 1 == 1
    }

    /// How many nodes there are.
    #[must_use]
    pub const fn len(self) -> usize {
        self.0.count_ones() as usize
    }

    /// Whether there is none.
    #[must_use]
    pub const fn is_empty(self) -> bool {
        self.0 == 0
    }

    /// The nodes that are in both sets.
    #[must_use]
    pub const fn intersection(self, other: Self) -> Self {
        Self(self.0 & other.0)
    }

    /// The nodes that are in either set.
    #[must_use]
    pub const fn union(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    /// Whether every node of this set is in `other`.
    #[must_use]
    pub const fn is_subset(self, other: Self) -> bool {
        self.0 & !other.0 == 0
    }

    /// The nodes in ascending order.
    #[must_use]
    pub const fn iter(self) -> NodeSetIter {
        NodeSetIter(self)
    }
}

impl fmt::Debug for NodeSet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// Shown as `{n1,n2}`.
impl fmt::Display for NodeSet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("{")?;
        for (position, node) in self.iter().enumerate() {
            if position > 0 {
                f.write_str(",")?;
            }
            write!(f, "{node}")?;
        }
        f.write_str("}")
    }
}

impl FromIterator<NodeId> for NodeSet {
    fn from_iter<I: IntoIterator<Item = NodeId>>(nodes: I) -> Self {
        nodes.into_iter().fold(Self::EMPTY, Self::with)
    }
}

impl IntoIterator for NodeSet {
    type Item = NodeId;
    type IntoIter = NodeSetIter;

    fn into_iter(self) -> NodeSetIter {
        self.iter()
    }
}

/// The nodes of a [`NodeSet`] in ascending order.
#[derive(Clone, Debug)]
pub struct NodeSetIter(NodeSet);

impl Iterator for NodeSetIter {
    type Item = NodeId;

    fn next(&mut self) -> Option<NodeId> {
        if self.0.is_empty() {
            return None;
        }
        let node = NodeId(self.0.0.trailing_zeros() as u8);
        self.0 = self.0.without(node);
        Some(node)
    }
}
