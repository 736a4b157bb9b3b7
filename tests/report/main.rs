//! Pages from run folders.

mod errors;
mod page;
mod support;
