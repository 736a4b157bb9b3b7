//! What the names of a design begin with, so that several arrays fit into one system.
//!
//! Sources, templates and tools of this workspace know one prefix, `flexmac`. A design with another
//! one is rendered as usual and renamed at the end; where it is read back, its Verilog gets the
//! usual names again. So simulation, synthesis and reports of all designs are alike.

use std::fmt;
use std::str::FromStr;

use crate::error::RtlgenError;
use crate::registers::register_map;
use crate::render::{SourceFile, module_names};

/// The usual prefix.
const USUAL: &str = "flexmac";

/// A macro that chooses bodies for standard cells in every design alike.
const SHARED: &str = "FLEXMAC_CELLS";

/// Most letters of a prefix.
const LONGEST: usize = 32;

/// What the names of modules, files, packages and constants begin with: lower-case letters, digits
/// and single underscores between them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Prefix(String);

impl Default for Prefix {
    fn default() -> Self {
        Self(USUAL.to_owned())
    }
}

impl fmt::Display for Prefix {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0)
    }
}

impl FromStr for Prefix {
    type Err = RtlgenError;

    fn from_str(text: &str) -> Result<Self, RtlgenError> {
        let plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_';
        let is_word = text.starts_with(|c: char| c.is_ascii_lowercase())
            && text.chars().all(plain)
            && !text.ends_with('_')
            && !text.contains("__")
            && text.len() <= LONGEST;
        // x_float and x would both name a module x_float_pe, x_irq and x a constant X_IRQ_STATUS.
        let (_, end) = text.rsplit_once('_').unwrap_or_default();
        let names = names();
        let begins_a_name = names.iter().any(|name| {
            name.strip_prefix(end)
                .and_then(|rest| rest.strip_prefix('_'))
                .is_some_and(|rest| names.iter().any(|name| name == rest))
        });
        match is_word && !begins_a_name {
            true => Ok(Self(text.to_owned())),
            false => Err(RtlgenError::Prefix { found: text.to_owned() }),
        }
    }
}

impl Prefix {
    /// Whether it is the usual one.
    pub fn is_usual(&self) -> bool {
        self.0 == USUAL
    }

    /// A name or text with the usual prefix, with this one.
    pub fn rename(&self, text: &str) -> String {
        renamed(text, USUAL, &self.0)
    }

    /// A name or text with this prefix, with the usual one.
    pub fn usual(&self, text: &str) -> String {
        renamed(text, &self.0, USUAL)
    }

    /// The files of a design under this prefix.
    ///
    /// # Errors
    /// [`RtlgenError::PrefixTaken`] if a name of the design begins with it, so that names could meet.
    pub(crate) fn rename_all(
        &self,
        files: Vec<SourceFile>,
    ) -> Result<Vec<SourceFile>, RtlgenError> {
        if self.is_usual() {
            return Ok(files);
        }
        let begin = format!("{}_", self.0);
        let upper = begin.to_uppercase();
        let taken = |word: &&str| word.starts_with(&begin) || word.starts_with(&upper);
        for file in files.iter().filter(|file| file.path.contains('/')) {
            if let Some(found) = words(&file.text).find(taken) {
                let found = found.to_owned();
                return Err(RtlgenError::PrefixTaken { prefix: self.0.clone(), found });
            }
        }
        Ok(files.into_iter().map(|file| self.renamed_file(file)).collect())
    }

    fn renamed_file(&self, file: SourceFile) -> SourceFile {
        SourceFile { path: self.rename(&file.path), text: self.rename(&file.text) }
    }
}

/// Names of modules and registers, without a prefix.
fn names() -> Vec<String> {
    let map = register_map();
    let registers = map.registers().map(|register| register.name.clone());
    let fields = map
        .registers()
        .flat_map(|register| register.fields.iter().map(|field| register.field_name(field)));
    let modules = module_names().into_iter().map(str::to_owned);
    modules.chain(registers).chain(fields).collect()
}

fn is_part(c: char) -> bool {
    c.is_ascii_alphanumeric() || c == '_' || c == '$'
}

/// The identifiers of a text, its numbers and words.
fn words(text: &str) -> impl Iterator<Item = &str> {
    text.split(|c| !is_part(c)).filter(|word| !word.is_empty())
}

/// The text with `from_` at the beginning of its identifiers replaced by `to_`, in capitals too.
fn renamed(text: &str, from: &str, to: &str) -> String {
    if from == to {
        return text.to_owned();
    }
    let pairs = [(from.to_owned(), to.to_owned()), (from.to_uppercase(), to.to_uppercase())];
    let rename = |word: &str| {
        let rest = |from: &str| word.strip_prefix(from).filter(|rest| rest.starts_with('_'));
        let found = pairs.iter().find_map(|(from, to)| Some(format!("{to}{}", rest(from)?)));
        found.filter(|_| word != SHARED).unwrap_or_else(|| word.to_owned())
    };
    let mut result = String::with_capacity(text.len());
    let mut rest = text;
    while !rest.is_empty() {
        let word = rest.find(|c| !is_part(c)).unwrap_or(rest.len());
        result += &rename(&rest[..word]);
        rest = &rest[word..];
        let gap = rest.find(is_part).unwrap_or(rest.len());
        result += &rest[..gap];
        rest = &rest[gap..];
    }
    result
}

#[cfg(test)]
mod tests {
    use super::*;
    use flexmac_array::{ArraySpec, Style};

    use crate::render::package;

    fn prefix(text: &str) -> Prefix {
        text.parse().unwrap()
    }

    #[test]
    fn identifiers_are_renamed_whole() {
        let text = "flexmac_top u (); // flexmac 0.2.0, my_flexmac_top, flexmac.f `FLEXMAC_CELLS\n\
                    #define FLEXMAC_REGS_H 4'hf rtl/flexmac_pe.v";
        let there = "npu0_top u (); // flexmac 0.2.0, my_flexmac_top, flexmac.f `FLEXMAC_CELLS\n\
                     #define NPU0_REGS_H 4'hf rtl/npu0_pe.v";
        assert_eq!(prefix("npu0").rename(text), there);
        assert_eq!(prefix("npu0").usual(there), text);
        assert_eq!(Prefix::default().rename(text), text);
    }

    #[test]
    fn prefixes_are_plain_names_that_no_two_designs_can_share() {
        for good in ["flexmac", "npu", "npu_0", "flexmac_b", "a", "adder", &"x".repeat(32)] {
            assert_eq!(prefix(good).to_string(), good);
        }
        for bad in [
            "",
            "0npu",
            "_npu",
            "npu_",
            "n__pu",
            "NPU",
            "n-pu",
            "n pu",
            "n:pu",
            "npü",
            "n/pu",
            "npu_float",
            "flexmac_float",
            "flexmac_fixed",
            "npu_irq",
            &"x".repeat(33),
        ] {
            let error = bad.parse::<Prefix>().unwrap_err().to_string();
            assert!(error.starts_with("prefix: expected ") && error.ends_with(&format!("{bad:?}")));
        }
    }

    #[test]
    fn a_design_keeps_nothing_of_the_usual_prefix_and_gets_it_back() {
        for style in Style::ALL {
            let config = ArraySpec::of_style(style).check().unwrap();
            let (usual, npu) = (Prefix::default(), prefix("npu_2"));
            let (plain, other) =
                (package(&config, &usual).unwrap(), package(&config, &npu).unwrap());
            assert_eq!(plain.len(), other.len());
            for (plain, other) in plain.iter().zip(&other) {
                let left = words(&other.text).chain(words(&other.path)).find(|word| {
                    let word = word.to_lowercase();
                    word.starts_with("flexmac_") && word != SHARED.to_lowercase()
                });
                assert_eq!(left, None, "{}", other.path);
                assert_eq!(npu.usual(&other.path), plain.path);
                if plain.path.ends_with(".v") {
                    assert!(npu.usual(&other.text) == plain.text, "{}", plain.path);
                }
            }
        }
    }

    #[test]
    fn names_of_a_design_never_meet() {
        let config = ArraySpec::default().check().unwrap();
        for (taken, example) in [("cmd", "cmd_"), ("u", "u_"), ("s_axil", "s_axil_"), ("f", "f_")] {
            let error = package(&config, &prefix(taken)).unwrap_err().to_string();
            let expected =
                format!("prefix {taken}: expected one that no name of the design begins");
            assert!(error.starts_with(&expected) && error.contains(example), "{error}");
        }
    }
}
