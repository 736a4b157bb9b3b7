//! Faults to seed into a design's Verilog, from the list in ../../faults/faults.toml.

use std::fs;
use std::path::Path;

use serde::Deserialize;

const LIST: &str = include_str!("../../faults/faults.toml");

/// A file, and what the list says is wrong with it.
pub type Fault = [&'static str; 2];

/// Other random bits from a tile's second row on: one in a few results is off by one.
pub const RANDOM_BITS: Fault = ["flexmac_lfsr.v", "wrong tap"];

/// No rounding error is counted.
pub const NO_ERRORS: Fault = ["flexmac_stats.v", "rounding error not counted"];

/// Captures do not wait for rows of the tile before that still drain.
pub const NO_STALLS: Fault = ["flexmac_seq.v", "stall not counted"];

/// Nothing is ever captured: the core stands still.
pub const NO_CAPTURE: Fault = ["flexmac_seq.v", "never captures"];

#[derive(Deserialize)]
struct List {
    fault: Vec<Entry>,
}

#[derive(Deserialize)]
struct Entry {
    file: String,
    what: String,
    text: String,
    wrong: String,
    by: Vec<String>,
}

fn entries() -> Vec<Entry> {
    toml::from_str::<List>(LIST).expect("tests/faults/faults.toml").fault
}

/// File and meaning of each fault that the check `by` has to catch.
pub fn share(by: &str) -> Vec<[String; 2]> {
    let share = entries().into_iter().filter(|entry| entry.by.iter().any(|check| check == by));
    share.map(|entry| [entry.file, entry.what]).collect()
}

/// Writes the fault, which the list has for the check `by`, into the design in `folder`.
pub fn seed(folder: &Path, by: &str, [file, what]: Fault) {
    let entries = entries();
    let entry = entries
        .iter()
        .find(|entry| entry.file == file && entry.what == what)
        .unwrap_or_else(|| panic!("no fault {file}: {what} in the list"));
    assert!(entry.by.iter().any(|check| check == by), "{file}: {what} is not for {by}");
    let path = folder.join("rtl").join(file);
    let source = fs::read_to_string(&path).unwrap();
    // The rules behind the logic may say the same words.
    let end = source.find("`ifdef FORMAL").unwrap_or(source.len());
    let (logic, rules) = source.split_at(end);
    let places = logic.matches(&entry.text).count();
    assert_eq!(places, 1, "{:?} in {file}: change the list with the RTL", entry.text);
    fs::write(&path, logic.replace(&entry.text, &entry.wrong) + rules).unwrap();
}
