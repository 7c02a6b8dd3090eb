//! What a bench says about its figures.

use std::fs;

/// The value below which this part of all values lies.
///
/// # Panics
///
/// When there is no value.
#[must_use]
pub fn quantile(mut values: Vec<f64>, part: f64) -> f64 {
    values.sort_by(f64::total_cmp);
    values[((values.len() - 1) as f64 * part).round() as usize]
}

/// Whether something was reached, in a word.
#[must_use]
pub const fn verdict(met: bool) -> &'static str {
    if met { "met" } else { "missed" }
}

/// The machine's load averages, where the system tells them: a figure without them means little.
#[must_use]
pub fn load_average() -> String {
    fs::read_to_string("/proc/loadavg")
        .map(|text| text.split(' ').take(3).collect::<Vec<_>>().join(" "))
        .unwrap_or_else(|_| String::from("unknown"))
}
