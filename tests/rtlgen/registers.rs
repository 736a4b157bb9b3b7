//! The committed renderings of the parameter table and the register map: pages in docs/ and the driver's
//! constants.
//! `UPDATE_GOLDEN=1` renews them.

use std::fs;
use std::path::Path;

use flexmac_rtlgen::{markdown, register_map, rust_module};

fn check(path: &str, rendered: &str) {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..").join(path);
    if std::env::var_os("UPDATE_GOLDEN").is_some() {
        fs::write(&file, rendered).unwrap();
    }
    let kept = fs::read_to_string(&file).unwrap_or_default();
    let differs = kept.lines().zip(rendered.lines()).position(|(kept, new)| kept != new);
    assert!(kept == rendered, "{path} is not what its table renders to, from line {differs:?} on");
}

#[test]
fn the_page() {
    check("docs/registers.md", &markdown(&register_map()).unwrap());
}

#[test]
fn the_page_of_parameters() {
    check("docs/parameters.md", &flexmac_array::markdown());
}

#[test]
fn the_drivers_constants() {
    check("crates/cosim/src/top/registers.rs", &rust_module(&register_map()).unwrap());
}
