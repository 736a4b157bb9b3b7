//! Training runs: engines, policies, what repeats and what fails.

mod engines;
mod policies;
mod training;
