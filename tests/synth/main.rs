//! Yosys and OpenSTA on small designs.

mod errors;
mod flow;
mod libraries;
mod ram;
mod stages;
