//! The engine trait: float, exact reference, Verilated RTL, and both compared.

mod engine;
mod error;
mod float;
mod lower;
mod mismatch;
mod reference;

pub use engine::{Element, Engine, Operand, Outcome, Product, Stats};
pub use error::EngineError;
pub use float::FloatEngine;
pub use mismatch::Mismatch;
pub use reference::ReferenceEngine;
