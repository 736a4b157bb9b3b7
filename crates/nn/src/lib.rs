//! Layers, networks, data, solver and training loop.
