//! The tables that people read say what the code says.

use std::{collections::BTreeSet, fs, path::Path};

use paxos_mutants::{Layer, Mutant};

fn read(file: &str) -> String {
    fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join(file)).expect("a file of this workspace")
}

/// The cells of the rows of a table.
fn rows(text: &str) -> Vec<Vec<String>> {
    let cells = |line: &str| line.split('|').map(|cell| cell.trim().to_owned()).collect();
    text.lines().filter(|line| line.trim_start_matches("//! ").starts_with('|')).map(cells).collect()
}

/// The words of a cell that look like the name of a mutant: a capital, digits, perhaps a small letter.
fn names(cell: &str) -> impl Iterator<Item = &str> {
    let is_name = |word: &&str| {
        let digits = word.get(1..).map(|rest| rest.trim_end_matches(['b', 'c', 'd']));
        word.starts_with(['A', 'B', 'D', 'L', 'M', 'S', 'V'])
            && digits.is_some_and(|digits| !digits.is_empty() && digits.chars().all(|digit| digit.is_ascii_digit()))
    };
    cell.split(|c: char| !c.is_alphanumeric()).filter(is_name)
}

#[test]
fn the_catalogue_has_every_mistake_and_every_mutant() {
    let text = read("src/lib.rs");
    let table = rows(&text);
    let named: BTreeSet<&str> = table.iter().flat_map(|row| names(&row[2])).collect();
    let all: BTreeSet<&str> = Mutant::all().map(Mutant::name).collect();
    assert_eq!(named, all);
    let words = table.iter().flat_map(|row| row[1].split([' ', ',']));
    let numbers: Vec<u32> = words.filter_map(|word| word.parse().ok()).collect();
    assert_eq!(numbers, (1..=25).collect::<Vec<_>>(), "each number of the catalogue, once and in order");
    let spared = table.iter().filter(|row| row[2].starts_with("none: ")).count();
    assert_eq!(spared, 4, "what has no mutant says why");
}

/// The chapter on what tests cannot show counts, for each layer, whom it kills, lets live and is blind to.
#[test]
fn the_book_counts_as_the_matrix_does() {
    let chapter = read("../../docs/src/what-tests-cannot-show.md");
    let table = rows(&chapter);
    for layer in Layer::ALL {
        let name = match layer {
            Layer::Unit => "unit test",
            other => other.name(),
        };
        let row = table.iter().find(|row| row[1] == name).unwrap_or_else(|| panic!("no row is about {layer}"));
        let count = |cell: &str| cell.split([':', ' ']).next().and_then(|count| count.parse::<usize>().ok());
        let must = Mutant::all().filter(|mutant| mutant.must_die_by(layer)).count();
        let blind = Mutant::all().filter(|mutant| layer.blind_to(*mutant).is_some()).count();
        assert_eq!(count(&row[4]), Some(must), "{layer} kills");
        assert_eq!(count(&row[5]), Some(Mutant::all().count() - must - blind), "{layer} lets live");
        assert_eq!(count(&row[6]).unwrap_or(0), blind, "{layer} is blind to: {}", row[6]);
    }
}
