//! Builds, caches, loads and drives Verilator models; knows no MAC.
