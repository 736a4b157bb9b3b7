//! Yosys and OpenSTA runs, parsed into typed reports.
