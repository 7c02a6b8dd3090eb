//! Why a search cannot go on from a file, or write it. Every message names the file, and says what to do.

use std::{error::Error, fmt, io, path::PathBuf};

/// Why a search cannot go on from a file, or write it. A file that is refused is as it was.
#[derive(Debug)]
#[non_exhaustive]
pub enum StateFileError {
    /// Another search has it open.
    InUse {
        /// The file.
        path: PathBuf,
    },
    /// It is something else than the file of a search.
    Foreign {
        /// The file.
        path: PathBuf,
    },
    /// Its format is another one than this code writes.
    Version {
        /// The file.
        path: PathBuf,
        /// Its version.
        found: u32,
    },
    /// It is the file of another search.
    AnotherSearch {
        /// The file.
        path: PathBuf,
        /// What it is of, where this differs first.
        found: String,
        /// What was asked for.
        asked: String,
    },
    /// Its bytes are not those that were written.
    Damaged {
        /// The file.
        path: PathBuf,
        /// Where what does not check begins, in bytes from the start. All before it is good.
        offset: u64,
    },
    /// The code that wrote it went from a state to other worlds than this code goes to.
    OtherCode {
        /// The file.
        path: PathBuf,
        /// The state, by its number in order of discovery.
        state: usize,
    },
    /// The operating system refused.
    Io {
        /// What was tried, as a verb.
        action: &'static str,
        /// The file.
        path: PathBuf,
        /// What it said.
        error: io::Error,
    },
}

impl fmt::Display for StateFileError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::InUse { path } => write!(f, "{} is in use by another search", path.display()),
            Self::Foreign { path } => {
                write!(f, "{} is not the file of a search: name a new one, or one that a search wrote", path.display())
            }
            Self::Version { path, found } => {
                write!(f, "{} has format {found}, which is not known here: name a new file", path.display())
            }
            Self::AnotherSearch { path, found, asked } => {
                write!(f, "{} is of another search: it says {found:?}, asked is {asked:?}", path.display())
            }
            Self::Damaged { path, offset: 0 } => {
                write!(f, "{} is damaged at its begin: name a new file", path.display())
            }
            Self::Damaged { path, offset } => write!(
                f,
                "{} is damaged at byte {offset}. What is before it is good: a copy that ends there can be gone on from",
                path.display()
            ),
            Self::OtherCode { path, state } => write!(
                f,
                "{} was written by other code: its state {state} leads to other worlds now. Name a new file",
                path.display()
            ),
            Self::Io { action, path, error } => write!(f, "cannot {action} {}: {error}", path.display()),
        }
    }
}

impl Error for StateFileError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        match self {
            Self::Io { error, .. } => Some(error),
            Self::InUse { .. }
            | Self::Foreign { .. }
            | Self::Version { .. }
            | Self::AnotherSearch { .. }
            | Self::Damaged { .. }
            | Self::OtherCode { .. } => None,
        }
    }
}
