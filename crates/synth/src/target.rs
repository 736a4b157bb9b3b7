//! The technology that a design is mapped to.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};

/// The default library: OSU 180 nm, from Debian's `qflow-tech-osu018`.
pub const OSU018_LIBERTY: &str = "/usr/share/qflow/tech/osu018/osu018_stdcells.lib";

/// The LEF file of its cells, from the same package. Three areas in the library differ from it.
pub(crate) const OSU018_LEF: &str = "/usr/share/qflow/tech/osu018/osu018_stdcells.lef";

/// Name of the library in [`OSU018_LIBERTY`].
pub(crate) const OSU018_NAME: &str = "osu018_stdcells";

/// Technology a design is mapped to.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Target {
    /// Simple gates and plain flip-flops; gives an estimate of transistors, no area and no clock.
    Generic,
    /// Lattice iCE40; gives resources before placement, no clock.
    Ice40 {
        /// Use the DSP blocks of the UltraPlus parts; other parts have none.
        dsp: bool,
    },
    /// Lattice ECP5; gives resources before placement, no clock.
    Ecp5,
    /// Xilinx 7 series; gives resources before placement, no clock.
    Xilinx,
    /// Standard cells of a Liberty file; gives area and clock.
    Liberty {
        /// A `.lib` or `.lib.gz` file.
        path: PathBuf,
    },
}

impl Target {
    /// [`Target::Liberty`] with [`OSU018_LIBERTY`].
    pub fn default_liberty() -> Self {
        Self::Liberty { path: PathBuf::from(OSU018_LIBERTY) }
    }

    /// Short name used in reports: `generic`, `ice40`, `ecp5`, `xilinx` or `liberty`.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Generic => "generic",
            Self::Ice40 { .. } => "ice40",
            Self::Ecp5 => "ecp5",
            Self::Xilinx => "xilinx",
            Self::Liberty { .. } => "liberty",
        }
    }
}
