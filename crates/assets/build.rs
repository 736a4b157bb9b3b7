//! Lists the files that the program carries; see `src/lib.rs`.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::{env, fs};

/// Folders and files of the repository, from its top.
const PLACES: [&str; 6] =
    ["rtl", "templates", "sim", "proofs", "experiments/studies", "tests/configs.txt"];

/// Names that are carried: Verilog, templates, scripts, studies; not pages.
const EXTENSIONS: [&str; 6] = ["v", "tera", "css", "py", "toml", "txt"];

fn main() {
    let top =
        PathBuf::from(env::var_os("CARGO_MANIFEST_DIR").expect("cargo sets it")).join("../..");
    let top = top.canonicalize().expect("the crate lies in the repository");
    let mut files = Vec::new();
    for place in PLACES {
        println!("cargo::rerun-if-changed={}", top.join(place).display());
        walk(&top.join(place), &mut files);
    }
    let named = |file: PathBuf| {
        let name = file.strip_prefix(&top).expect("below the top").to_str().expect("plain names");
        (name.to_owned(), file)
    };
    let mut files: Vec<(String, PathBuf)> = files.into_iter().map(named).collect();
    files.sort();
    let mut table = String::from("&[\n");
    for (name, file) in &files {
        let _ = writeln!(table, "    ({name:?}, include_str!({:?})),", file.display().to_string());
    }
    table.push(']');
    let out = PathBuf::from(env::var_os("OUT_DIR").expect("cargo sets it"));
    fs::write(out.join("files.rs"), table).expect("cargo's folder can be written");
}

/// Every carried file at or below `place`.
fn walk(place: &Path, files: &mut Vec<PathBuf>) {
    if place.is_file() {
        let extension = place.extension().and_then(|extension| extension.to_str());
        let is_carried = extension.is_some_and(|extension| EXTENSIONS.contains(&extension))
            || place.file_name().is_some_and(|name| name == "Snakefile");
        if is_carried {
            files.push(place.to_owned());
        }
        return;
    }
    let entries =
        fs::read_dir(place).unwrap_or_else(|error| panic!("{}: {error}", place.display()));
    for entry in entries {
        walk(&entry.expect("a readable folder").path(), files);
    }
}
