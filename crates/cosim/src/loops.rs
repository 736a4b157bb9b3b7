//! The form of the array that models are built from: loops over its processing elements instead of
//! an instance of each.
//!
//! `sim/flexmac_array.v` has the ports and the state of `flexmac_array`, and is proven equal to it
//! (`proofs/loops.py`). A model of it runs several times as many cycles per second, and takes a
//! fraction of the time to build. The proof holds for the text of this program's own RTL, so a
//! design takes this form only if its array consists of exactly that text. An edited array, one of
//! another version and one of another style are simulated as they are.

use flexmac_array::{ArrayConfig, Style};
use flexmac_rtlgen::SourceFile;

/// The file to replace.
const ARRAY: &str = "flexmac_array.v";

/// What the array consists of.
const PARTS: [&str; 12] = [
    ARRAY,
    "flexmac_accumulate.v",
    "flexmac_adder.v",
    "flexmac_adder_segment.v",
    "flexmac_column.v",
    "flexmac_core.v",
    "flexmac_csa.v",
    "flexmac_delay.v",
    "flexmac_dot.v",
    "flexmac_pe.v",
    "flexmac_pipe.v",
    "flexmac_skew.v",
];

/// More blocks are not worth it: Verilator writes the loops out once per block.
const MOST_BLOCKS: u32 = 16;

/// A variable that has every array simulated as it is written, with the value `instances`.
const VARIABLE: &str = "FLEXMAC_ARRAY";

/// Loops over rows become vector instructions at the usual level of optimization, if they may cost
/// code for vectors that are not full. Above that level, g++ writes short loops out first.
pub(crate) const CXX_FLAGS: [&str; 3] = ["-O2", "-ftree-vectorize", "-fvect-cost-model"];

/// The design with its array as loops; none if it has to be simulated as it is written.
pub(crate) fn in_loops(config: &ArrayConfig, sources: &[SourceFile]) -> Option<Vec<SourceFile>> {
    if std::env::var(VARIABLE).is_ok_and(|form| form == "instances") {
        return None;
    }
    replace(config, sources)
}

fn replace(config: &ArrayConfig, sources: &[SourceFile]) -> Option<Vec<SourceFile>> {
    let blocks = config.row_blocks() * config.col_blocks();
    if config.style() != Style::Flex || blocks > MOST_BLOCKS {
        return None;
    }
    let own = flexmac_rtlgen::verilog(config).ok()?;
    let same = PARTS.iter().all(|part| {
        let text = only(&own, part);
        text.is_some() && text == only(sources, part)
    });
    let array = flexmac_assets::text("sim/flexmac_array.v");
    same.then(|| {
        let replaced = |file: &SourceFile| match name(file) == ARRAY {
            true => SourceFile { path: file.path.clone(), text: array.to_owned() },
            false => file.clone(),
        };
        sources.iter().map(replaced).collect()
    })
}

/// The text of the one file of that name.
fn only<'s>(sources: &'s [SourceFile], wanted: &str) -> Option<&'s str> {
    let mut found = sources.iter().filter(|file| name(file) == wanted);
    let file = found.next()?;
    found.next().is_none().then_some(&*file.text)
}

fn name(file: &SourceFile) -> &str {
    file.path.rsplit('/').next().unwrap_or(&file.path)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn design(flags: &str) -> (ArrayConfig, Vec<SourceFile>) {
        let spec = flexmac_array::ArraySpec::from_flags(flags.split_whitespace()).unwrap();
        let config = spec.check().unwrap();
        let sources = flexmac_rtlgen::verilog(&config).unwrap();
        (config, sources)
    }

    #[test]
    fn only_the_array_is_replaced() {
        let (config, sources) = design("--rows 3 --cols 5 --lanes 3");
        let replaced = replace(&config, &sources).unwrap();
        assert_eq!(replaced.len(), sources.len());
        for (before, after) in sources.iter().zip(&replaced) {
            assert_eq!(before.path, after.path);
            assert_eq!(before.text != after.text, name(before) == ARRAY, "{}", before.path);
        }
    }

    #[test]
    fn edited_arrays_are_simulated_as_they_are() {
        let (config, sources) = design("--rows 2 --cols 2");
        for part in PARTS {
            let mut edited = sources.clone();
            let file = edited.iter_mut().find(|file| name(file) == part).unwrap();
            file.text.push('\n');
            assert!(replace(&config, &edited).is_none(), "{part}");
        }
        let mut twice = sources.clone();
        twice.push(SourceFile { path: "other/flexmac_pe.v".into(), text: String::new() });
        assert!(replace(&config, &twice).is_none());
        let mut other = sources;
        let file = other.iter_mut().find(|file| name(file) == "flexmac_requant.v").unwrap();
        file.text.push('\n');
        assert!(replace(&config, &other).is_some(), "not a part of the array");
    }

    #[test]
    fn other_styles_are_simulated_as_they_are() {
        for flags in [
            "--style fixed --max-bits 8",
            "--style fp32",
            "--rows 8 --cols 8 --fanout 1", // too many blocks
        ] {
            let (config, sources) = design(flags);
            assert!(replace(&config, &sources).is_none(), "{flags}");
        }
    }
}
