//! Files of the repository that the program carries: RTL, templates, proofs, studies, test benches.
//!
//! An installed `flexmac` needs no folder of its own, so these files are part of the binary. This is the
//! only crate that reaches outside its folder for them. `build.rs` lists them: a new file in `rtl/` is
//! carried without an entry anywhere.
//!
//! ```
//! let pe = flexmac_assets::rtl("flexmac_pe.v");
//! assert!(pe.contains("module flexmac_pe"));
//! ```

/// Path from the top of the repository, with `/`, and contents.
pub type Asset = (&'static str, &'static str);

/// Every carried file, in the order of paths.
pub static FILES: &[Asset] = include!(concat!(env!("OUT_DIR"), "/files.rs"));

/// The file at `path` from the top of the repository.
///
/// # Panics
/// When it is not carried: a fault of the caller, which its tests find.
pub fn text(path: &str) -> &'static str {
    let found = FILES.binary_search_by_key(&path, |(path, _)| path);
    FILES[found.unwrap_or_else(|_| panic!("{path} is not carried"))].1
}

/// The files below a folder, such as `proofs/`, in the order of paths.
pub fn below(folder: &str) -> impl Iterator<Item = Asset> {
    FILES.iter().copied().filter(move |(path, _)| path.starts_with(folder))
}

/// The Verilog file of that name in any room of `rtl/`.
///
/// # Panics
/// When it is not carried.
pub fn rtl(name: &str) -> &'static str {
    let mut found = below("rtl/").filter(|(path, _)| path.rsplit('/').next() == Some(name));
    let (_, text) = found.next().unwrap_or_else(|| panic!("rtl/**/{name} is not carried"));
    assert!(found.next().is_none(), "rtl/ has two files named {name}");
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_place_is_carried() {
        for folder in ["rtl/", "templates/", "sim/", "proofs/", "experiments/studies/"] {
            assert!(below(folder).next().is_some(), "{folder}");
        }
        assert!(!text("tests/configs.txt").is_empty());
    }

    #[test]
    fn paths_are_sorted_and_single() {
        assert!(FILES.windows(2).all(|pair| pair[0].0 < pair[1].0));
    }
}
