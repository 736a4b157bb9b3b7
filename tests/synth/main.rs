//! Yosys and OpenSTA on small designs.

mod errors;
mod flow;
mod ram;
mod stages;
