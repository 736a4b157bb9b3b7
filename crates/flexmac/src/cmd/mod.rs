//! One file per subcommand: its flags and its work.

pub mod check;
pub mod data;
pub mod describe;
pub mod doctor;
pub mod estimate;
pub mod gemm;
pub mod gemm_float;
pub mod generate;
pub mod headline;
pub mod image_list_args;
pub mod image_style;
pub mod manual;
pub mod policy;
pub mod power;
pub mod report;
pub mod sweep;
pub mod synth;
pub mod train;
pub mod verify;
pub mod weights;
