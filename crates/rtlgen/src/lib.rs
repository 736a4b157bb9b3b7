//! Checked array configuration, rendered Verilog, closed-form cycle model.
