//! The claims that are small enough for every test run hold, with exactly the states they must have.

use std::fs;

use paxos_check::Limits;
use paxos_models::claims;

#[test]
fn the_quick_claims_hold_with_their_number_of_states() {
    let rows = rows_of_the_book();
    for claim in claims::all().into_iter().filter(|claim| claim.quick) {
        let report = claim.check(&Limits::default(), |_| {});
        assert_eq!(report.progress.states, claim.states, "{}", claim.what);
        assert_eq!(claim.is_kept(&report), Some(true), "{}: {:?}", claim.what, report.verdict);
        let row = rows.iter().find(|row| row[6] == format!("`{}`", claim.name)).expect("a row of the book");
        let (depth, mebibytes) = (report.progress.depth, report.progress.bytes.div_ceil(1 << 20));
        assert_eq!((&row[3], &row[5]), (&depth.to_string(), &mebibytes.to_string()), "the book on {}", claim.what);
    }
}

/// The rows of the book's tables of claims, each in its cells: what is explored, states, depth, seconds, MiB, command; with
/// a bar before the first and after the last.
fn rows_of_the_book() -> Vec<Vec<String>> {
    let chapter = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/src/checker.md");
    let book = fs::read_to_string(chapter).expect("the chapter");
    let cells = |line: &str| -> Vec<String> { line.split('|').map(|cell| cell.trim().to_owned()).collect() };
    let rows = book.lines().map(cells).filter(|row| row.len() == 8 && row[6].starts_with('`'));
    rows.filter(|row| row[1] != "every run of").collect()
}

/// The tables of the book, whose rows `cargo paxos check claims --update` writes, have every claim, with its number.
#[test]
fn the_book_claims_what_is_claimed() {
    let rows = rows_of_the_book();
    let shown: Vec<_> = rows.iter().map(|row| (row[6].as_str(), row[1].as_str(), row[2].replace(',', ""))).collect();
    let claimed = claims::all();
    let claimed: Vec<_> = claimed
        .iter()
        .map(|claim| {
            let limit = claim.depth.map(|depth| format!(": **not exhaustive**, runs of up to {depth} choices"));
            let what = format!("{}{}", claim.what, limit.unwrap_or_default());
            (format!("`{}`", claim.name), what, claim.states.to_string())
        })
        .collect();
    let claimed: Vec<_> =
        claimed.iter().map(|(name, what, states)| (name.as_str(), what.as_str(), states.clone())).collect();
    assert_eq!(shown, claimed);
}
