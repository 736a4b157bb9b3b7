//! The crate's one error type.

use std::path::PathBuf;

use thiserror::Error;

use crate::mismatch::Mismatch;

/// Why a product was not computed.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum EngineError {
    /// Numbers that do not fit their formats or shapes.
    #[error(transparent)]
    Fxp(#[from] fxp::FxpError),
    /// An operand is wider than the array's multipliers can be made.
    #[error(
        "gemm: operand {operand} is {found} bits wide, the array's max_bits is {max_bits}; generate \
         a wider array or narrow the operand"
    )]
    TooWide {
        /// `A` or `B`.
        operand: char,
        /// Its width.
        found: u32,
        /// The configuration's.
        max_bits: u32,
    },
    /// Integers for a float array, or floats for an integer one.
    #[error(
        "gemm: the array is of style {style} and multiplies {expected}, found {found}; generate an \
         array of another style or convert the operands"
    )]
    Style {
        /// The array's style.
        style: rtlgen::Style,
        /// What it multiplies.
        expected: &'static str,
        /// What it was given.
        found: &'static str,
    },
    /// Several arrays asked to share a product of floats.
    #[error(
        "gemm: {arrays} arrays share sums of integers, which are exact in any order; sums of floats \
         are not, expected one array"
    )]
    FloatGroup {
        /// How many.
        arrays: usize,
    },
    /// The array was generated without this rounding mode.
    #[error(
        "gemm: rounding {found} asked for, the array was generated with {available}; add it to \
         --rounding-modes of flexmac gen"
    )]
    RoundingAbsent {
        /// The mode asked for.
        found: fxp::Rounding,
        /// What the array has.
        available: fxp::RoundingSet,
    },
    /// A dimension is zero.
    #[error("gemm: expected M, K and N of at least 1, found M={m} K={k} N={n}")]
    Empty {
        /// Rows of A.
        m: usize,
        /// Columns of A.
        k: usize,
        /// Columns of B.
        n: usize,
    },
    /// The bias neither has the result's shape nor is one row of it.
    #[error("gemm: expected a bias of shape (1, {n}) or ({m}, {n}), found ({}, {})", found.0, found.1)]
    BiasShape {
        /// Rows of the result.
        m: usize,
        /// Columns of the result.
        n: usize,
        /// The bias's shape.
        found: (usize, usize),
    },
    /// The bias has bits below the sums' last place.
    #[error(
        "gemm: the bias has {bias_frac} fraction bits, the sums have {sum_frac}; round it to the \
         sums' grid first"
    )]
    BiasGrid {
        /// The bias's fraction length.
        bias_frac: i32,
        /// The sums' fraction length.
        sum_frac: i32,
    },
    /// A sum could pass the width of the array's sums.
    #[error(
        "gemm: with K={k}, {bits_a} x {bits_b} bits and this bias a sum may need {needed} bits, the \
         array's sums have {available}; shift the bias less, or split K"
    )]
    SumRange {
        /// Inner dimension.
        k: usize,
        /// Width of A.
        bits_a: u32,
        /// Width of B.
        bits_b: u32,
        /// Bits the bound asks for.
        needed: u32,
        /// `sum_bits` of the configuration.
        available: u32,
    },
    /// The Verilog could not be rendered.
    #[error(transparent)]
    Rtlgen(#[from] rtlgen::RtlgenError),
    /// The model could not be built, loaded, driven or traced.
    #[error(transparent)]
    Verilated(#[from] verilated::Error),
    /// The Verilog is not a design of the configuration that came with it.
    #[error(
        "rtl: the Verilog does not match its configuration ({summary}): {source}; generate the \
         design again"
    )]
    Design {
        /// The configuration.
        summary: String,
        /// The port that differs.
        source: Box<verilated::Error>,
    },
    /// A file of waves or a bundle could not be put in place.
    #[error("{action} {}: {source}", path.display())]
    File {
        /// What was tried.
        action: &'static str,
        /// The file.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// A file is not a bundle that can be checked.
    #[error("{what}: expected {expected}, found {found}")]
    Bundle {
        /// Which part of it.
        what: &'static str,
        /// What a bundle has there.
        expected: String,
        /// What is there.
        found: String,
    },
    /// The model stopped answering.
    #[error(
        "rtl: no progress for {cycles} cycles at command {command} of {commands}; the sequencer \
         should need at most {expected}"
    )]
    Hang {
        /// Cycles waited.
        cycles: u64,
        /// Commands sent so far.
        command: usize,
        /// Commands in all.
        commands: usize,
        /// Cycles the model allows for the whole product.
        expected: u64,
    },
    /// An access over the bus failed.
    #[error("top: {access} of register 0x{address:03x}: expected OKAY, found {found}")]
    Bus {
        /// `read` or `write`.
        access: &'static str,
        /// Byte address.
        address: u32,
        /// What came instead.
        found: &'static str,
    },
    /// The accelerator refused a command or found a packet of the wrong length.
    #[error(
        "top: error code {code} at command {command} since reset (docs/registers.md names the codes)"
    )]
    Device {
        /// Value of the error register.
        code: u32,
        /// Number of the command.
        command: u32,
    },
    /// A result packet has the wrong number of beats.
    #[error("top: result packet of tile {tile}: expected {expected} beats, found {found}")]
    ResultPacket {
        /// The tile.
        tile: u64,
        /// Live rows of the tile.
        expected: usize,
        /// Beats up to TLAST; 0 when there was none.
        found: usize,
    },
    /// RTL and reference differ.
    #[error("{0}")]
    Mismatch(Box<Mismatch>),
}
