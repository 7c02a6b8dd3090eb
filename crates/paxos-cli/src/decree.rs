//! What the clusters of this binary decide on: a text of limited size.

use std::{fmt, str::FromStr};

use serde::{Deserialize, Serialize};

/// A text of 1 to [`Decree::LIMIT`] bytes. The limit holds wherever one comes from: an argument, a frame or a log.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub(crate) struct Decree(String);

impl Decree {
    /// The longest text, in bytes: well below a frame, which may have to carry it with a vote around it.
    pub(crate) const LIMIT: usize = 64 * 1024;

    /// The whole text; `Display` may show less.
    pub(crate) fn as_str(&self) -> &str {
        &self.0
    }
}

impl TryFrom<String> for Decree {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        match text.len() {
            0 => Err("a value has at least one byte".into()),
            length if Self::LIMIT < length => {
                Err(format!("a value has at most {} bytes, and this one has more", Self::LIMIT))
            }
            _ => Ok(Self(text)),
        }
    }
}

impl FromStr for Decree {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        text.to_owned().try_into()
    }
}

impl From<Decree> for String {
    fn from(decree: Decree) -> Self {
        decree.0
    }
}

/// For one line of a log or a terminal: the beginning, without anything that could break the line.
impl fmt::Display for Decree {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut shown: String =
            self.0.chars().take(SHOWN).map(|c| if c.is_control() { char::REPLACEMENT_CHARACTER } else { c }).collect();
        if self.0.chars().nth(SHOWN).is_some() {
            shown.push('…');
        }
        f.pad(&shown)
    }
}

/// The characters of a text that are shown in a line.
const SHOWN: usize = 40;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_decree_has_limits() {
        let check = |length: usize, fits: bool| assert_eq!("x".repeat(length).parse::<Decree>().is_ok(), fits);
        check(0, false);
        check(1, true);
        check(Decree::LIMIT, true);
        check(Decree::LIMIT + 1, false);
    }

    #[test]
    fn a_decree_takes_one_line() {
        let check = |text: &str, shown: &str| assert_eq!(text.parse::<Decree>().unwrap().to_string(), shown);
        check("blue", "blue");
        check("a\nb\x1b[31m", "a\u{fffd}b\u{fffd}[31m");
        check(&"ä".repeat(41), &format!("{}…", "ä".repeat(40)));
    }
}
