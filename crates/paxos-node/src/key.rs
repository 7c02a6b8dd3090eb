//! The key of a cluster: whoever holds it belongs to the cluster, and nobody else does.
//!
//! One secret for all nodes and clients, and not a certificate for each: Paxos trusts every member as far as any, so
//! telling them apart by cryptography would protect nothing that the protocol does not give away anyway. A shared key
//! needs no authority, no clock and no renewal, and two hashes of a session key cost less than a record of TLS. What
//! it does not do is hide: see the crate's documentation.

use std::{
    error::Error,
    fmt, fs, io,
    path::{Path, PathBuf},
    str::FromStr,
};

use hmac::{Hmac, Mac};
use sha2::Sha256;

/// A secret of 32 bytes that all nodes and clients of a cluster share. `Debug` does not show it, and there is no
/// `Display`, so that it gets into no log by accident.
#[derive(Clone, PartialEq, Eq)]
pub struct Key([u8; LENGTH]);

impl Key {
    /// The key that these bytes are. They must come from a source of randomness that nobody can guess, as those of
    /// [`Key::generate`] do: a password is no key.
    #[must_use]
    pub const fn from_bytes(bytes: [u8; LENGTH]) -> Self {
        Self(bytes)
    }

    /// A new key, from the randomness of the operating system.
    ///
    /// # Errors
    ///
    /// When the system has none to give.
    pub fn generate() -> io::Result<Self> {
        Ok(Self(random()?))
    }

    /// Reads a key from a file of 64 hexadecimal digits, and perhaps spaces or newlines around them.
    ///
    /// # Errors
    ///
    /// When the file cannot be read or holds something else. The error does not say what.
    pub fn read(file: impl AsRef<Path>) -> Result<Self, KeyError> {
        let file = file.as_ref();
        // A file that is no key may be as long as a disk.
        let read = fs::File::open(file).and_then(|opened| io::read_to_string(io::Read::take(opened, LONGEST_FILE)));
        match read {
            Ok(text) => text.parse(),
            // Bytes that are no text are no key either.
            Err(error) if error.kind() == io::ErrorKind::InvalidData => Err(KeyError::Malformed),
            Err(error) => Err(KeyError::Unreadable(file.to_owned(), error)),
        }
    }

    /// The 64 digits that [`Key::read`] reads: for writing a key file, which only the cluster may be able to read.
    #[must_use]
    pub fn to_hex(&self) -> String {
        self.0.iter().map(|byte| format!("{byte:02x}")).collect()
    }

    /// HMAC-SHA256 under this key.
    pub(crate) fn mac(&self) -> Hmac<Sha256> {
        Hmac::new_from_slice(&self.0).expect("HMAC takes a key of any length")
    }
}

/// `Key(..)`: a secret is not for logs.
impl fmt::Debug for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Key(..)")
    }
}

impl FromStr for Key {
    type Err = KeyError;

    fn from_str(text: &str) -> Result<Self, KeyError> {
        let digits = text.trim().as_bytes();
        if digits.len() != 2 * LENGTH {
            return Err(KeyError::Malformed);
        }
        let value = |digit: u8| char::from(digit).to_digit(16).ok_or(KeyError::Malformed);
        let mut bytes = [0; LENGTH];
        for (byte, pair) in bytes.iter_mut().zip(digits.chunks_exact(2)) {
            *byte = (value(pair[0])? << 4 | value(pair[1])?) as u8;
        }
        Ok(Self(bytes))
    }
}

/// Bytes that nobody can guess, and nobody has had before: a key, or a nonce.
pub(crate) fn random() -> io::Result<[u8; LENGTH]> {
    let mut bytes = [0; LENGTH];
    getrandom::fill(&mut bytes).map_err(|error| io::Error::other(error.to_string()))?;
    Ok(bytes)
}

/// Why there is no key.
#[derive(Debug)]
pub enum KeyError {
    /// The file cannot be read.
    Unreadable(PathBuf, io::Error),
    /// It is not 64 hexadecimal digits.
    Malformed,
}

impl fmt::Display for KeyError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unreadable(file, error) => write!(f, "cannot read the key file {}: {error}", file.display()),
            Self::Malformed => write!(f, "a key is {} hexadecimal digits", 2 * LENGTH),
        }
    }
}

impl Error for KeyError {}

/// The bytes of a key, and of a nonce.
pub(crate) const LENGTH: usize = 32;
/// Far more than a key file has.
const LONGEST_FILE: u64 = 1024;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_survives_its_file_and_shows_itself_to_nobody() {
        let directory = tempfile::tempdir().unwrap();
        let file = directory.path().join("key");
        let key = Key::generate().unwrap();
        fs::write(&file, format!("{}\n", key.to_hex())).unwrap();
        assert!(Key::read(&file).unwrap() == key);
        assert!(Key::generate().unwrap() != key);
        assert_eq!(format!("{key:?}"), "Key(..)");
    }

    #[test]
    fn what_is_no_key_is_refused() {
        let check =
            |text: &str| assert_eq!(text.parse::<Key>().unwrap_err().to_string(), "a key is 64 hexadecimal digits");
        check("");
        check(&"a".repeat(63));
        check(&"a".repeat(65));
        check(&"g".repeat(64));
        check(&"ä".repeat(32));
        let directory = tempfile::tempdir().unwrap();
        let error = Key::read(directory.path().join("none")).unwrap_err().to_string();
        assert!(error.starts_with("cannot read the key file"), "{error}");
    }
}
