//! Rendered designs against the ones kept in ../golden, whose README.md says how to renew them.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use crate::support::{Bench, difference, text, words};

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

/// Modules whose parameters take the values of a design; the others are copied as they are.
const WITH_VALUES: [&str; 5] =
    ["flexmac_array.v", "flexmac_column.v", "flexmac_core.v", "flexmac_top.v", "flexmac_padded.v"];

/// A leaf cell of rtl/, in whichever room it is.
fn leaf(path: &str) -> Option<String> {
    let name = path.strip_prefix("rtl/").filter(|name| !WITH_VALUES.contains(name))?;
    ["pe", "core", "core/float", "bus", "lib"]
        .iter()
        .find_map(|room| fs::read_to_string(root().join("rtl").join(room).join(name)).ok())
}

/// Folders of a design.
const FOLDERS: [&str; 4] = ["", "rtl/", "sim/", "sw/"];

/// Files below a folder, none when it is not there yet.
fn kept(folder: &Path) -> BTreeMap<String, String> {
    let mut files = BTreeMap::new();
    for prefix in FOLDERS {
        let folder = folder.join(prefix);
        for entry in fs::read_dir(&folder).into_iter().flatten() {
            let path = entry.unwrap().path();
            if path.is_file() {
                let name = path.file_name().unwrap().to_str().unwrap();
                files.insert(format!("{prefix}{name}"), fs::read_to_string(&path).unwrap());
            }
        }
    }
    files
}

fn check(name: &str) {
    let folder = root().join("tests/golden").join(name);
    let flags = words(&fs::read_to_string(folder.join("flags")).unwrap());
    let bench = Bench::with_design(&flags.iter().map(String::as_str).collect::<Vec<_>>());
    let mut rendered = BTreeMap::new();
    for (path, bytes) in bench.files("d") {
        match leaf(&path) {
            _ if path.ends_with('/') => {}
            Some(source) => assert!(source == text(&bytes), "{path} is not a copy of its source"),
            None => drop(rendered.insert(path, text(&bytes))),
        }
    }
    let expected = folder.join("expected");
    if std::env::var_os("UPDATE_GOLDEN").is_some() {
        if expected.exists() {
            fs::remove_dir_all(&expected).unwrap();
        }
        for folder in FOLDERS {
            fs::create_dir_all(expected.join(folder)).unwrap();
        }
        for (path, source) in &rendered {
            fs::write(expected.join(path), source).unwrap();
        }
        return;
    }
    let kept = kept(&expected);
    let mut report = String::new();
    for path in kept.keys().chain(rendered.keys().filter(|path| !kept.contains_key(*path))) {
        match (kept.get(path), rendered.get(path)) {
            (Some(kept), Some(rendered)) => {
                if let Some(lines) = difference(kept, rendered) {
                    report += &format!("{path}, {lines}");
                }
            }
            (kept, _) => {
                let what = if kept.is_some() { "no longer generated" } else { "new" };
                report += &format!("{path} is {what}\n");
            }
        }
    }
    assert!(report.is_empty(), "tests/golden/{name}/expected: - kept, + generated\n{report}");
}

/// The smallest design: one row, column, lane, plane and rounding mode.
#[test]
fn one() {
    check("one");
}

/// Nothing divides anything: lanes 3, a narrow top plane, every pipeline stage, every mode.
#[test]
fn odd() {
    check("odd");
}

/// Registers between blocks of two PEs, of which neither rows nor columns are a whole number.
#[test]
fn blocks() {
    check("blocks");
}

/// One pass over whole operands of an odd width.
#[test]
fn fixed() {
    check("fixed");
}

/// Floats, with two results per PE.
#[test]
fn fp32() {
    check("fp32");
}

/// Floats of 8 bits, with five results per PE.
#[test]
fn fp8() {
    check("fp8");
}
