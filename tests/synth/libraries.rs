//! Cell libraries beside their layouts, and operating conditions.

use std::fs;
use std::path::Path;

use flexmac_synth::{CellSizes, LibraryOptions, OSU018_LIBERTY, read_library};
use tempfile::TempDir;

/// Cells of 16, 24, 32 and 40 um2 in two conditions.
const LIBRARY: &str = "library (small) {
  time_unit : \"1ns\"; capacitive_load_unit (1, pf); nom_process : 1; nom_temperature : 25; nom_voltage : 1.8;
  operating_conditions (slow) { process : 1.2; temperature : 125; voltage : 1.62; }
  operating_conditions (typical) { process : 1; temperature : 25; voltage : 1.8; }
  cell (A) { area : 16; pin (X) { direction : input; capacitance : 0.01; } }
  cell (B) { area : 24; pin (X) { direction : input; capacitance : 0.01; } }
  cell (C) { area : 32; pin (X) { direction : input; capacitance : 0.01; } }
  cell (D) { area : 40; pin (X) { direction : input; capacitance : 0.01; } }
}
";

/// Their outlines, 10 um high: D is smaller than its library says.
fn lef(widths: [f64; 4]) -> String {
    let cells = ["A", "B", "C", "D"].iter().zip(widths);
    cells
        .map(|(cell, width)| format!("MACRO {cell}\n SIZE {width} BY 10 ;\nEND {cell}\n"))
        .collect()
}

fn options(sizes: CellSizes) -> LibraryOptions {
    LibraryOptions { sizes, ..LibraryOptions::default() }
}

#[test]
fn areas_come_from_the_layouts_beside() {
    let folder = TempDir::new().expect("temp dir");
    let path = folder.path().join("small.lib");
    fs::write(&path, LIBRARY).expect("write");
    let area = |options: &LibraryOptions, cell: &str| {
        read_library(&path, options).expect("reads").library.cells[cell].area_um2
    };
    assert_eq!(area(&LibraryOptions::default(), "D"), Some(40.0));

    let beside = folder.path().join("small.lef");
    fs::write(&beside, lef([1.6, 2.4, 3.2, 3.0])).expect("write");
    let loaded = read_library(&path, &LibraryOptions::default()).expect("reads");
    assert_eq!(loaded.library.cells["D"].area_um2, Some(30.0));
    assert_eq!(loaded.lef, Some(beside.display().to_string()));
    assert!(loaded.canonical.contains("area : 30;") && !loaded.canonical.contains("area : 40;"));
    let note = loaded.library.notes.iter().find(|note| note.starts_with("areas from"));
    let expected = "1 of 4 differ from the library's: D 30 um2, not 40";
    assert!(note.is_some_and(|note| note.ends_with(expected)), "{note:?}");
    assert_eq!(area(&options(CellSizes::Library), "D"), Some(40.0));

    // Areas in another unit are those of the library, unless asked for.
    fs::write(&beside, lef([0.8, 1.2, 1.6, 2.0])).expect("write");
    let loaded = read_library(&path, &LibraryOptions::default()).expect("reads");
    assert_eq!((loaded.library.cells["A"].area_um2, loaded.lef), (Some(16.0), None));
    let note = loaded.library.notes.iter().find(|note| note.contains("are not used"));
    assert!(note.is_some_and(|note| note.ends_with("4 of 4 differ from the library's")));
    assert_eq!(area(&options(CellSizes::Lef(beside.clone())), "A"), Some(8.0));

    // A file of a technology has no cells.
    fs::write(&beside, "LAYER m1\nEND m1\n").expect("write");
    assert_eq!(area(&LibraryOptions::default(), "A"), Some(16.0));
    let error =
        read_library(&path, &options(CellSizes::Lef(beside.clone()))).expect_err("no cells");
    let expected = format!("expected a MACRO of a cell in {}, found none", path.display());
    assert!(error.to_string().contains(&expected), "{error}");
    fs::write(&beside, "MACRO A\nSIZE 1 BY ;\n").expect("write");
    let error = read_library(&path, &LibraryOptions::default()).expect_err("broken").to_string();
    assert!(error.contains("small.lef:2: expected SIZE width"), "{error}");
}

#[test]
fn three_areas_of_osu_are_those_of_its_layouts_wherever_it_lies() {
    let folder = TempDir::new().expect("temp dir");
    let copy = folder.path().join("copy.lib");
    fs::copy(OSU018_LIBERTY, &copy).expect("copy");
    for path in [Path::new(OSU018_LIBERTY), &copy] {
        let library = read_library(path, &LibraryOptions::default()).expect("reads").library;
        for (cell, area) in [("NAND3X1", 32.0), ("OAI21X1", 32.0), ("LATCH", 56.0), ("INVX1", 16.0)]
        {
            assert_eq!(library.cells[cell].area_um2, Some(area), "{cell}");
        }
        assert!(library.notes.iter().any(|note| note.contains("3 of 32 differ")));
    }
}

#[test]
fn operating_conditions_can_be_chosen() {
    let folder = TempDir::new().expect("temp dir");
    let path = folder.path().join("small.lib");
    fs::write(&path, LIBRARY).expect("write");
    let chosen = |name: Option<&str>| {
        let conditions = name.map(str::to_owned);
        read_library(&path, &LibraryOptions { conditions, ..LibraryOptions::default() })
    };
    for (wanted, expected) in [(None, "typical"), (Some("slow"), "slow")] {
        let loaded = chosen(wanted).expect("reads");
        assert_eq!(loaded.library.operating_conditions.as_deref(), Some(expected));
        assert!(loaded.canonical.contains(&format!("default_operating_conditions : {expected};")));
    }
    let error = chosen(Some("fast")).expect_err("none of this name").to_string();
    let expected =
        "expected operating conditions that the library defines: slow, typical, found fast";
    assert!(error.contains(expected), "{error}");
}
