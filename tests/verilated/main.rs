//! Models: built, cached, driven, traced.

mod cache;
mod errors;
mod models;
mod support;
mod waves;
