//! Sets of styled pictures.

mod set;
