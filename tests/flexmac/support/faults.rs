//! Faults to seed into a design's Verilog.

use std::fs;
use std::path::Path;

/// A file, a text that it has once, and a wrong one.
pub type Fault = [&'static str; 3];

/// Other random bits from a tile's second row on: one in a few results is off by one.
pub const RANDOM_BITS: Fault = ["flexmac_lfsr.v", "32'h80200003", "32'h80200001"];

/// No rounding error is counted.
pub const NO_ERRORS: Fault =
    ["flexmac_stats.v", "error_q <= error_sum;", "error_q <= {EW{1'b0}} & error_sum;"];

/// Captures do not wait for rows of the tile before that still drain.
pub const NO_STALLS: Fault = [
    "flexmac_seq.v",
    "assign wait_o = due_q && !chains_free;",
    "assign wait_o = due_q && !chains_free && 1'b0;",
];

/// Nothing is ever captured: the core stands still.
pub const NO_CAPTURE: Fault = [
    "flexmac_seq.v",
    "wire capture = due_q && chains_free;",
    "wire capture = due_q && chains_free && 1'b0;",
];

/// Writes the fault into the design in `folder`.
pub fn seed(folder: &Path, [file, right, wrong]: Fault) {
    let path = folder.join("rtl").join(file);
    let text = fs::read_to_string(&path).unwrap();
    let count = text.matches(right).count();
    assert_eq!(count, 1, "{right:?} in {file}: change the fault with the RTL");
    fs::write(&path, text.replace(right, wrong)).unwrap();
}
