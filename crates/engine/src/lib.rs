//! The [`Engine`] trait, which every matrix-multiply backend implements, and two backends.
//!
//! [`ReferenceEngine`] computes the exact results of an array of a given configuration, without
//! simulating it, and takes its cycles from the cycle model. [`FloatEngine`] is the
//! single-precision baseline. Engines that simulate the RTL are in `flexmac-cosim`; this crate
//! contains no Verilog.
//!
//! ```
//! use flexmac_array::ArraySpec;
//! use flexmac_engine::{Engine, Gemm, Operand, ReferenceEngine};
//! use flexmac_fxp::{Format, Rounding, SeedPath};
//! use ndarray::array;
//!
//! let array = ArraySpec { rows: 2, cols: 2, ..ArraySpec::default() }.check()?;
//! let (a, b) = (array![[1, -2], [3, 4]], array![[5], [6]]);
//! let operand = Format::new(8, 0)?; // 8 bits, none behind the binary point
//! let gemm = Gemm {
//!     a: Operand { values: a.view(), format: operand },
//!     b: Operand { values: b.view(), format: operand },
//!     bias: None,
//!     out: Format::new(16, 0)?,
//!     rounding: Rounding::Nearest,
//!     seed: SeedPath::alone(1),
//!     keep_sums: false,
//! };
//! let result = ReferenceEngine::new(array).gemm(&gemm)?;
//! assert_eq!(result.values, array![[-7], [39]]);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod engine;
mod error;
mod float;
mod float_array;
mod lower;
mod mismatch;
mod reference;
mod rounded;
mod sample;
mod skipping;

pub use engine::{
    Element, Engine, Gemm, GemmResult, ImplicitGemm, Operand, PlaneSkipping, RowSink, Stats,
};
pub use error::{EngineError, GemmError};
pub use float::FloatEngine;
pub use float_array::{float_formats, lower as lower_float};
pub use lower::{IntegerGemm, check_sum_range, lower, sum_bits_needed};
pub use mismatch::{Difference, Mismatch, Reproduction, WaveDump};
pub use reference::ReferenceEngine;
pub use rounded::{OperandRounding, RoundedEngine};
pub use sample::{Sample, wrong_share_bound, wrong_tiles_bound};
pub use skipping::Skipping;
