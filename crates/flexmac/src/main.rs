//! The flexmac command line.
fn main() {}
