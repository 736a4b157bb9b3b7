//! Loops over slices, compiled for the widest vectors this machine has.
//!
//! A release binary runs on any machine of its architecture, so it is compiled for the oldest one.
//! [`vectorized`] compiles a loop for newer ones too and picks at run time; results are the same
//! integers (and the same doubles: nothing is fused or reordered).

/// A loop that becomes vectors: its body must be `#[inline(always)]`, and so must what it calls.
pub(crate) trait Kernel {
    /// What it returns.
    type Output;

    /// Runs it.
    fn run(self) -> Self::Output;
}

/// Runs a kernel on the widest vectors there are.
pub(crate) fn vectorized<K: Kernel>(kernel: K) -> K::Output {
    struct Dispatched<K>(K);

    impl<K: Kernel> pulp::NullaryFnOnce for Dispatched<K> {
        type Output = K::Output;

        #[inline(always)]
        fn call(self) -> K::Output {
            self.0.run()
        }
    }

    pulp::Arch::new().dispatch(Dispatched(kernel))
}
