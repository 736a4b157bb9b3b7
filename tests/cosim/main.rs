//! The RTL against the reference: the core, the array behind its buses, the multiply-add of floats;
//! training on every engine.

mod fma;
mod matrix;
mod skipping;
mod top;
mod training;
