//! `config.json` of a generated design: the parameters of the array, and the widths that follow from them.

use flexmac_array::{ArrayConfig, ArraySpec};
use serde::{Deserialize, Serialize};

use crate::file::RecordFile;
use crate::schema::Schema;

/// `config.json` of a generated design.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct DesignConfig {
    /// Schema version.
    #[serde(default = "Schema::absent")]
    pub schema: Schema,
    /// Program and version that generated the design: `flexmac 0.2.0`.
    pub generator: String,
    /// What the names of the design begin with; absent where that is `flexmac`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub prefix: Option<String>,
    /// The parameters, as given or by default. Not checked: see [`ArraySpec::check`].
    pub parameters: ArraySpec,
    /// Widths that follow from the parameters, for other programs. flexmac computes them again.
    pub derived: DerivedWidths,
}

/// Widths that follow from an array's parameters.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct DerivedWidths {
    /// Planes of the widest operand.
    pub max_planes: u32,
    /// Bits of a PE's accumulator.
    pub accumulator_bits: u32,
    /// Bits of an exact sum at a requantizer.
    pub sum_bits: u32,
}

impl DesignConfig {
    /// The file of a checked configuration, for a program called `generator`.
    pub fn new(config: &ArrayConfig, generator: String) -> Self {
        Self {
            schema: Schema::CURRENT,
            generator,
            prefix: None,
            parameters: config.spec().clone(),
            derived: DerivedWidths {
                max_planes: config.max_planes(),
                accumulator_bits: config.acc_bits(),
                sum_bits: config.sum_bits(),
            },
        }
    }
}

impl RecordFile for DesignConfig {
    const KIND: &'static str = "the configuration of a generated design";
}
