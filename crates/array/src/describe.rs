//! Every parameter with its type, range, default and meaning: the one table behind
//! `flexmac describe` and the help of `flexmac gen`.

use serde::Serialize;

use crate::config::ArraySpec;

/// One parameter of a configuration.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Parameter {
    /// Its name in config.json; the flag writes `-` for `_`.
    pub name: &'static str,
    /// Its type.
    pub kind: &'static str,
    /// Legal values.
    pub range: &'static str,
    /// Value when not given.
    pub default: String,
    /// What it does and costs.
    pub meaning: &'static str,
}

/// All parameters, in the order in which people read them.
pub fn parameters() -> Vec<Parameter> {
    let d = ArraySpec::default();
    let row =
        |name, kind, range, default, meaning| Parameter { name, kind, range, default, meaning };
    vec![
        row(
            "rows",
            "integer",
            "1..=128",
            d.rows.to_string(),
            "results per column of one tile; area grows with rows x cols",
        ),
        row("cols", "integer", "1..=128", d.cols.to_string(), "results per row of one tile"),
        row(
            "chunk",
            "integer",
            "2, 4, 8, 16",
            d.chunk.to_string(),
            "multiplier width P: operands of a and b bits take ceil(a/P) x ceil(b/P) passes; styles \
             fixed and fp32 multiply max_bits in one pass and take no chunk",
        ),
        row(
            "lanes",
            "integer",
            "1..=16",
            d.lanes.to_string(),
            "products per PE and cycle, along K",
        ),
        row(
            "max_bits",
            "integer",
            "chunk..=32",
            d.max_bits.to_string(),
            "widest operand, sign included",
        ),
        row(
            "max_k",
            "integer",
            "1..=262144",
            d.max_k.to_string(),
            "longest exact dot product of one command, which sizes the accumulators; longer ones \
             accumulate over commands",
        ),
        row(
            "stages",
            "integer",
            "1..=4",
            d.stages.to_string(),
            "pipeline registers inside a PE: accumulator, + adder tree, + half of it, + sum; up to 5 in \
             style fixed, 8 in style fp32",
        ),
        row(
            "fanout",
            "integer",
            "0..=128",
            d.fanout.to_string(),
            "operand and control registers every n PEs along rows and columns: 1 is fully systolic, \
             0 broadcasts from one register at the array's edge, and is all that style fp32 has",
        ),
        row(
            "depth",
            "integer",
            "power of two, 1..=65536, at least max_bits/chunk",
            d.depth.to_string(),
            "words per operand bank; a word is one plane of `lanes` consecutive k of every row or column",
        ),
        row(
            "rounding",
            "list",
            "nearest, truncate, stochastic",
            d.rounding.to_string(),
            "modes the requantizers can do; without stochastic no random streams are built",
        ),
        row(
            "style",
            "name",
            "flex, fixed, fp32",
            d.style.to_string(),
            "processing element: flexible; or a baseline, one-pass integers of max_bits or IEEE \
             binary32",
        ),
    ]
}
