//! Loops compiled for several vector instruction sets, with the choice made at run time.
//!
//! A release binary is compiled for the oldest machine of its architecture. [`vectorized`] compiles
//! a loop for newer ones too and picks the best at run time. Results do not depend on the choice:
//! no floating-point operation is fused or reordered.

/// A loop to vectorize. Its body and all functions it calls must be `#[inline(always)]`.
pub trait Kernel {
    /// The loop's result.
    type Output;

    /// Runs the loop.
    fn run(self) -> Self::Output;
}

/// Runs a kernel with the widest vectors that the processor has.
///
/// ```
/// use flexmac_fxp::{Kernel, vectorized};
///
/// struct Sum<'a>(&'a [i32]);
///
/// impl Kernel for Sum<'_> {
///     type Output = i32;
///
///     #[inline(always)]
///     fn run(self) -> i32 {
///         self.0.iter().sum()
///     }
/// }
///
/// assert_eq!(vectorized(Sum(&[1, 2, 3])), 6);
/// ```
pub fn vectorized<K: Kernel>(kernel: K) -> K::Output {
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
