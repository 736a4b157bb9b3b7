//! Layers and networks: gradients, integers.

mod fixed_point;
mod gradients;
