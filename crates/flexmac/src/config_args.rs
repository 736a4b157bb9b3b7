//! The flags that choose an array, shared by `gen` and by commands that can make one on the fly.

use clap::Args;
use flexmac_array::{ArrayConfig, ArraySpec, ConfigErrors, Style};
use flexmac_fxp::{Rounding, RoundingSet};

/// Parameters of an array; `flexmac describe` explains each.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Array parameters (flexmac describe)")]
pub struct ConfigArgs {
    /// Rows of processing elements
    #[arg(long, value_name = "N", default_value_t = ArraySpec::default().rows)]
    rows: u32,
    /// Columns of processing elements
    #[arg(long, value_name = "N", default_value_t = ArraySpec::default().cols)]
    cols: u32,
    /// Multiplier width P [default: 8; whole operands in styles fixed and fp32]
    #[arg(long, value_name = "BITS")]
    chunk: Option<u32>,
    /// Products per PE and cycle
    #[arg(long, value_name = "N", default_value_t = ArraySpec::default().lanes)]
    lanes: u32,
    /// Widest operand
    #[arg(long, value_name = "BITS", default_value_t = ArraySpec::default().max_bits)]
    max_bits: u32,
    /// Longest exact dot product of one command
    #[arg(long, value_name = "N", default_value_t = ArraySpec::default().max_k)]
    max_k: u32,
    /// Pipeline registers inside a PE
    #[arg(long, value_name = "N", default_value_t = ArraySpec::default().stages)]
    stages: u32,
    /// Operand registers every n PEs, 0 for broadcast
    #[arg(long, value_name = "N", default_value_t = ArraySpec::default().fanout)]
    fanout: u32,
    /// Words per operand bank
    #[arg(long, value_name = "WORDS", default_value_t = ArraySpec::default().depth)]
    depth: u32,
    /// Rounding modes to build, comma-separated [default: nearest,truncate,stochastic; nearest in
    /// style fp32]
    #[arg(long = "rounding-modes", value_name = "MODES", value_delimiter = ',')]
    rounding_modes: Vec<Rounding>,
    /// Processing element
    #[arg(long, value_name = "STYLE", default_value_t = ArraySpec::default().style)]
    style: Style,
}

impl ConfigArgs {
    /// The checked configuration.
    ///
    /// # Errors
    /// Every broken rule at once.
    pub fn check(&self) -> Result<ArrayConfig, ConfigErrors> {
        let spec = ArraySpec {
            rows: self.rows,
            cols: self.cols,
            chunk: self.chunk.unwrap_or_else(|| self.style.default_chunk(self.max_bits)),
            lanes: self.lanes,
            max_bits: self.max_bits,
            max_k: self.max_k,
            stages: self.stages,
            fanout: self.fanout,
            depth: self.depth,
            rounding: RoundingSet::new(self.rounding_modes.iter().copied())
                .unwrap_or_else(|| self.style.default_rounding()),
            style: self.style,
        };
        spec.check()
    }
}
