//! Tests of the built binary: one test binary, one module for each subject. docs/testing.md says how to
//! run one.
//!
//! Tests run in parallel in one process: no test changes its environment, its current folder or its
//! limits. A test that needs others starts a process.

// Helpers.
mod support;

// Commands.
mod arrays;
mod bundles;
mod check_rate;
mod describe;
mod doctor;
mod energy;
mod float_formats;
mod float_training;
mod former_flags;
mod gemm;
mod gemm_float;
mod generate;
mod image_style;
mod manual;
mod old_runs;
mod report;
mod residual;
mod resume;
mod skipping;
mod stochastic;
mod threads;
mod tools;
mod training;
mod verify;
mod waves;
mod weights;

// Committed output: Verilog, messages for bad input.
mod errors;
mod golden;

// Faults of the RTL, the machine, its clock and the environment of a run.
mod clock;
mod faults;
mod outside;
mod system;

// Hostile files and flags.
mod bombs;
mod flags;
mod hostile;
mod mutate;
#[path = "../hostile/targets.rs"]
mod targets;

#[path = "../../crates/flexmac/src/npy.rs"]
#[allow(dead_code, reason = "the program's own reader; what writes is not needed here")]
mod npy;
