//! Training runs: engines, policies, what repeats and what fails.

mod policies;
mod survival;
mod training;
