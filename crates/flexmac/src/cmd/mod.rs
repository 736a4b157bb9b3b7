//! One file per subcommand: its flags and what it does with them.

pub mod describe;
pub mod gemm;
pub mod generate;
