//! Fixed-point formats, rounding, the random stream and the exact GEMM reference.
