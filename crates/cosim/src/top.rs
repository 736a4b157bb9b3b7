//! Drives the accelerator `flexmac_top` through its pins only, like a system around it.
//!
//! [`TopDriver`] is an AXI4-Lite master with a source or sink on every AXI4-Stream port, optionally
//! with random delays. [`TopEngine`] computes GEMMs as software would: it writes registers, sends
//! packets, receives results and reads the counters.

mod axil;
mod driver;
mod engine;
#[rustfmt::skip]
pub mod registers;
mod stream;

pub use axil::Response;
pub use driver::TopDriver;
pub use engine::{TopCommand, TopEngine};
pub use stream::{Beat, Sink, Source};
