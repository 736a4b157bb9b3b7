//! The parameters of an array: the one table that declares them.
//!
//! From an entry follow its field and default in [`ArraySpec`], its key in `config.json`, its range
//! check, its flag in `flexmac gen` and every command that makes an array, its line in
//! `flexmac describe` and in docs/parameters.md, its read-back register in `flexmac_top`, and messages
//! that list parameters. Rules between parameters are code, in [`ArraySpec::check`].
//!
//! A new parameter is a new entry at the end, so that keys and registers keep their places. With
//! `#[serde(default = "default::name")]` before it, designs and runs from before it are read with its
//! default.

use flexmac_fxp::RoundingSet;

use crate::parameter::{DependentDefault, Description, Parameter, Value, parameter_table};
use crate::style::Style;

parameter_table! {
    /// Parameters as asked for, not yet checked.
    pub struct ArraySpec;

    rows: u32 = 8, {
        meaning: "results per column of one tile; area grows with rows x cols",
        help: "Rows of processing elements",
        range: |_| 1..=128,
    }
    cols: u32 = 8, {
        meaning: "results per row of one tile",
        help: "Columns of processing elements",
        range: |_| 1..=128,
    }
    chunk: u32 = 8, {
        meaning: "multiplier width P: operands of a and b bits take ceil(a/P) x ceil(b/P) passes; the \
                  other styles multiply max_bits in one pass and take no chunk",
        help: "Multiplier width P",
        unit: "BITS",
        legal: Some("2, 4, 8, 16"),
        dependent_default: Some(DependentDefault {
            words: "whole operands in the other styles",
            value: |spec| spec.style.default_chunk(spec.max_bits).into(),
        }),
    }
    lanes: u32 = 4, {
        meaning: "products per PE and cycle, along K",
        help: "Products per PE and cycle",
        range: |_| 1..=16,
    }
    max_bits: u32 = 32, {
        meaning: "widest operand, sign included; styles fp32, bf16 and fp8 have 32, 16 and 8",
        help: "Widest operand",
        unit: "BITS",
        range: |_| 2..=32,
        legal: Some("chunk..=32"),
        dependent_default: Some(DependentDefault {
            words: "the format's in float styles",
            value: |spec| spec.style.default_max_bits().into(),
        }),
    }
    max_k: u32 = 4096, {
        meaning: "longest exact dot product of one command, which sizes the accumulators; longer ones \
                  accumulate over commands",
        help: "Longest exact dot product of one command",
        range: |_| 1..=1 << 18,
    }
    stages: u32 = 2, {
        meaning: "pipeline registers inside a PE: accumulator, + adder tree, + half of it, + sum; up to 5 in \
                  style fixed, 11 in float styles (9 with one lane)",
        help: "Pipeline registers inside a PE",
        range: |spec| 1..=spec.style.max_stages(spec.lanes),
    }
    fanout: u32 = 0, {
        meaning: "operand and control registers every n PEs along rows and columns: 1 is fully systolic, \
                  0 broadcasts from one register at the array's edge, and is all that float styles have",
        help: "Operand registers every n PEs, 0 for broadcast",
        range: |_| 0..=128,
    }
    depth: u32 = 1024, {
        meaning: "words per operand bank; a word is one plane of `lanes` consecutive k of every row or column",
        help: "Words per operand bank",
        unit: "WORDS",
        range: |_| 1..=1 << 16,
        legal: Some("power of two, 1..=65536, at least max_bits/chunk"),
    }
    rounding: RoundingSet = RoundingSet::all(), {
        meaning: "modes the requantizers can do; without stochastic no random streams are built",
        help: "Rounding modes to build, comma-separated",
        unit: "MODES",
        dependent_default: Some(DependentDefault {
            words: "nearest in float styles",
            value: |spec| spec.style.default_rounding().into(),
        }),
    }
    style: Style = Style::Flex, {
        meaning: "processing element: flexible; or a baseline, one-pass integers of max_bits, or floats: IEEE \
                  binary32, bfloat16, or E4M3 and E5M2",
        help: "Processing element",
        unit: "STYLE",
    }
}

impl ArraySpec {
    /// The defaults of a style.
    pub fn of_style(style: Style) -> Self {
        let named = |parameter: &&Parameter| parameter.name == "style";
        Self::with(PARAMETERS.iter().find(named).map(|parameter| (parameter, style.into())))
    }

    /// The parameters given, and defaults for the others. A default that depends on other parameters
    /// follows those given.
    pub fn with(given: impl IntoIterator<Item = (&'static Parameter, Value)>) -> Self {
        let mut spec = Self::default();
        let mut named = Vec::new();
        for (parameter, value) in given {
            (parameter.set)(&mut spec, value);
            named.push(parameter.name);
        }
        for parameter in PARAMETERS.iter().filter(|parameter| !named.contains(&parameter.name)) {
            if let Some(default) = &parameter.dependent_default {
                let value = (default.value)(&spec);
                (parameter.set)(&mut spec, value);
            }
        }
        spec
    }

    /// The parameters that flags give, each followed by its value: `--rows 4 --rounding nearest`.
    ///
    /// # Errors
    /// A word that is no flag of a parameter, a flag without a value, a value of another type.
    pub fn from_flags<'a>(words: impl IntoIterator<Item = &'a str>) -> Result<Self, String> {
        let mut words = words.into_iter();
        let mut given = Vec::new();
        while let Some(flag) = words.next() {
            let name = flag.strip_prefix("--").unwrap_or_default();
            let parameter = PARAMETERS.iter().find(|parameter| parameter.flag() == name);
            let parameter = parameter
                .ok_or_else(|| format!("expected the flag of a parameter, found {flag:?}"))?;
            let text = words.next().ok_or_else(|| format!("{flag}: expected a value"))?;
            let value = parameter.parse(text).map_err(|error| format!("{flag}: {error}"))?;
            given.push((parameter, value));
        }
        Ok(Self::with(given))
    }

    /// The parameters in which two arrays differ, with the value of each.
    pub fn differences(&self, other: &Self) -> Vec<(&'static Parameter, Value, Value)> {
        let both = |parameter: &'static Parameter| {
            (parameter, (parameter.get)(self), (parameter.get)(other))
        };
        PARAMETERS.iter().map(both).filter(|(_, mine, its)| mine != its).collect()
    }
}

/// Type, range, default and meaning of every parameter, in the order of config.json.
pub fn describe() -> Vec<Description> {
    PARAMETERS.iter().map(Parameter::describe).collect()
}

/// The page docs/parameters.md.
pub fn markdown() -> String {
    let mut page = String::from(
        "# Parameters of an array\n\n\
         Generated from the table in `crates/array/src/parameters.rs` by `flexmac describe --markdown`.\n\n\
         Each parameter is a flag of `flexmac gen` (`max_bits` is `--max-bits`), a key of `config.json`, and \
         a register of\n[`flexmac_top`](registers.md#parameters).\n\n\
         | parameter | type | legal values | default | meaning |\n| --- | --- | --- | --- | --- |\n",
    );
    for parameter in PARAMETERS {
        let Description { name, kind, range, meaning, .. } = parameter.describe();
        let default = parameter.default_words();
        page += &format!("| `{name}` | {kind} | {range} | {default} | {meaning} |\n");
    }
    page
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dependent_defaults_follow_what_is_given() {
        let spec = ArraySpec::from_flags(["--style", "fixed", "--max-bits", "13"]).unwrap();
        assert_eq!((spec.chunk, spec.rounding), (13, RoundingSet::all()));
        let spec = ArraySpec::from_flags(["--chunk", "4", "--style", "fp32"]).unwrap();
        assert_eq!((spec.chunk, spec.rounding.to_string().as_str()), (4, "nearest"));
        for (style, bits) in
            [(Style::Flex, 32), (Style::Fp32, 32), (Style::Bf16, 16), (Style::Fp8, 8)]
        {
            let spec = ArraySpec::of_style(style);
            assert_eq!((spec.style, spec.max_bits), (style, bits));
            assert!(spec.check().is_ok(), "{style}");
        }
        assert_eq!(ArraySpec::from_flags([]).unwrap(), ArraySpec::default());
    }

    #[test]
    fn words_that_are_no_flags_are_named() {
        let error = |words: &[&str]| ArraySpec::from_flags(words.iter().copied()).unwrap_err();
        assert_eq!(error(&["--size", "3"]), "expected the flag of a parameter, found \"--size\"");
        assert_eq!(error(&["--rows"]), "--rows: expected a value");
        assert_eq!(error(&["--rows", "many"]), "--rows: expected an integer, found \"many\"");
    }

    #[test]
    fn differences_name_both_values() {
        let one = ArraySpec::default();
        let other = ArraySpec { rows: 4, style: Style::Fixed, ..one.clone() };
        let words: Vec<_> = one
            .differences(&other)
            .into_iter()
            .map(|(parameter, mine, its)| format!("{} {mine} {its}", parameter.name))
            .collect();
        assert_eq!(words, ["rows 8 4", "style flex fixed"]);
    }

    /// Order and spelling that files have had since 0.1.0.
    #[test]
    fn config_json_keeps_its_keys() {
        let json = serde_json::to_string(&ArraySpec::default()).unwrap();
        let first = "{\"rows\":8,\"cols\":8,\"chunk\":8,\"lanes\":4,\"max_bits\":32,\"max_k\":4096,\
                     \"stages\":2,\"fanout\":0,\"depth\":1024,\
                     \"rounding\":[\"nearest\",\"truncate\",\"stochastic\"],\"style\":\"flex\"";
        assert!(json.starts_with(first), "{json}");
        let missing = serde_json::from_str::<ArraySpec>("{\"rows\": 1}").unwrap_err().to_string();
        assert!(missing.starts_with("missing field `cols`"), "{missing}");
    }

    #[test]
    fn keys_are_the_names_of_the_table() {
        let json = serde_json::to_value(ArraySpec::default()).unwrap();
        let keys: Vec<_> = json.as_object().unwrap().keys().cloned().collect();
        let mut names: Vec<_> = PARAMETERS.iter().map(|parameter| parameter.name).collect();
        names.sort_unstable(); // as the keys of a map
        assert_eq!(keys, names);
    }
}
