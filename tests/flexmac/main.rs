//! The program from outside: one binary, a module a subject. docs/testing.md says how to run one.
//!
//! Tests here run side by side in one process: none changes its environment, its current folder or its
//! limits. What needs another environment starts a process of its own.

// What the tests share.
mod support;

// Commands.
mod arrays;
mod bundles;
mod check_rate;
mod describe;
mod energy;
mod former_flags;
mod gemm;
mod gemm_float;
mod generate;
mod image_style;
mod manual;
mod old_runs;
mod report;
mod resume;
mod stochastic;
mod threads;
mod tools;
mod training;
mod verify;
mod waves;
mod weights;

// Committed output: Verilog, messages of bad input.
mod errors;
mod golden;

// Faults of the RTL, of the machine, of its clock, of what surrounds a run.
mod clock;
mod faults;
mod outside;
mod system;

// Files and flags that mean harm.
mod bombs;
mod flags;
mod hostile;
mod mutate;
#[path = "../hostile/targets.rs"]
mod targets;

#[path = "../../crates/flexmac/src/npy.rs"]
#[allow(dead_code, reason = "the program's own reader; what writes is not needed here")]
mod npy;
