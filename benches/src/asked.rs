//! What a bench is asked on the command line. A word that it does not know ends it: a bench that measures something other
//! than what it was asked has a figure that nobody asked for.

use std::{collections::BTreeMap, process::ExitCode};

/// What a bench understands, beside `--bench`, which `cargo bench` passes, and `--help`.
#[derive(Clone, Copy, Debug)]
pub struct Understood {
    /// Words that stand alone.
    pub flags: &'static [&'static str],
    /// Words that a value follows.
    pub values: &'static [&'static str],
}

/// What a bench was asked.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Asked {
    flags: Vec<String>,
    values: BTreeMap<String, String>,
}

/// Why nothing is to be measured.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Instead {
    /// Somebody asks what there is.
    Help,
    /// Something is not understood: this.
    Wrong(String),
}

impl Asked {
    /// Reads the words of a command line, without the name of the program.
    ///
    /// # Errors
    ///
    /// When a word is not understood, comes twice or lacks its value, or when help is asked for.
    pub fn read(words: impl IntoIterator<Item = String>, understood: Understood) -> Result<Self, Instead> {
        let mut asked = Self::default();
        let mut words = words.into_iter();
        while let Some(word) = words.next() {
            if ["--help", "-h"].contains(&word.as_str()) {
                return Err(Instead::Help);
            }
            if word == BENCH || understood.flags.contains(&word.as_str()) {
                asked.flags.push(word);
            } else if understood.values.contains(&word.as_str()) {
                let value = words.next().filter(|value| !value.starts_with("--"));
                let value = value.ok_or_else(|| Instead::Wrong(format!("{word} needs a value")))?;
                if asked.values.insert(word.clone(), value).is_some() {
                    return Err(Instead::Wrong(format!("{word} comes twice")));
                }
            } else {
                return Err(Instead::Wrong(format!("{word:?} is not understood")));
            }
        }
        Ok(asked)
    }

    /// Whether this word is there.
    #[must_use]
    pub fn has(&self, flag: &str) -> bool {
        self.flags.iter().any(|word| word == flag)
    }

    /// Whether it is to be measured. Without `--bench` this is `cargo test`, which wants to know only that it runs.
    #[must_use]
    pub fn is_bench(&self) -> bool {
        self.has(BENCH)
    }

    /// The value that follows this word, if the word is there: a number of times.
    ///
    /// # Errors
    ///
    /// When it is no number, or 0.
    pub fn times(&self, name: &str) -> Result<Option<usize>, Instead> {
        let Some(value) = self.values.get(name) else { return Ok(None) };
        match value.parse() {
            Ok(0) | Err(_) => Err(Instead::Wrong(format!("{name} needs a number from 1, and not {value:?}"))),
            Ok(times) => Ok(Some(times)),
        }
    }

    /// Those of `all`, which have names, that are asked for by this word: one, or all when the word is not there.
    ///
    /// # Errors
    ///
    /// When none of them has the name that is asked for.
    pub fn among<T>(&self, name: &str, all: impl IntoIterator<Item = (String, T)>) -> Result<Vec<T>, Instead> {
        let (names, all): (Vec<_>, Vec<_>) = all.into_iter().unzip();
        let Some(value) = self.values.get(name) else { return Ok(all) };
        let found: Vec<T> = names.iter().zip(all).filter(|(name, _)| *name == value).map(|(_, found)| found).collect();
        if found.is_empty() {
            return Err(Instead::Wrong(format!("{name} is one of {}, and not {value:?}", names.join(" "))));
        }
        Ok(found)
    }
}

impl Instead {
    /// Says what there is, or what was wrong, and how the bench ends: with 2 if something was wrong.
    #[must_use]
    pub fn end(&self, usage: &str) -> ExitCode {
        match self {
            Self::Help => {
                println!("{usage}");
                ExitCode::SUCCESS
            }
            Self::Wrong(why) => {
                eprintln!("error: {why}\n\n{usage}");
                ExitCode::from(2)
            }
        }
    }
}

/// What `cargo bench` passes to every bench.
const BENCH: &str = "--bench";

#[cfg(test)]
mod tests {
    use super::*;

    const UNDERSTOOD: Understood = Understood { flags: &["--quick"], values: &["--rounds", "--only"] };

    fn read(words: &str) -> Result<Asked, Instead> {
        Asked::read(words.split_whitespace().map(str::to_owned), UNDERSTOOD)
    }

    #[test]
    fn what_is_understood_is_told() {
        let asked = read("--rounds 7 --quick --bench --only b").expect("it is understood");
        assert!(asked.is_bench() && asked.has("--quick"));
        assert_eq!(asked.times("--rounds"), Ok(Some(7)));
        let named = || ["a", "b"].map(|name| (name.to_owned(), name));
        assert_eq!(asked.among("--only", named()), Ok(vec!["b"]));

        let nothing = read("").expect("nothing is understood");
        assert!(!nothing.is_bench() && !nothing.has("--quick"), "cargo test passes nothing");
        assert_eq!(nothing.times("--rounds"), Ok(None));
        assert_eq!(nothing.among("--only", named()), Ok(vec!["a", "b"]));
    }

    #[test]
    fn what_is_not_understood_ends_it() {
        for words in ["--quik", "quick", "--quick=1", "--rounds", "--rounds --quick", "--only a --only b"] {
            assert!(matches!(read(words), Err(Instead::Wrong(_))), "{words}");
        }
        assert_eq!(read("--quick --help"), Err(Instead::Help));
        for words in ["--rounds 0", "--rounds -1", "--rounds many"] {
            let times = read(words).expect("a word and its value").times("--rounds");
            assert!(matches!(times, Err(Instead::Wrong(_))), "{words}");
        }
        let asked = read("--only c").expect("a word and its value");
        let found = asked.among("--only", [("a".to_owned(), 1)]);
        assert_eq!(found, Err(Instead::Wrong("--only is one of a, and not \"c\"".into())));
    }
}
