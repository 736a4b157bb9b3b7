//! What the generator renders and the repository keeps.

mod registers;
