//! The engine trait: float, exact reference, Verilated RTL, and both compared.
