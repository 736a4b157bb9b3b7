//! `flexmac_top` over its pins: what a system around it would do, and nothing else.
//!
//! [`TopDriver`] is a bus master with a stream source or sink on every stream, each late at random
//! where asked for. [`TopEngine`] runs whole products through it as software would: registers
//! written, packets sent, results taken, counters read back.

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
