//! The cost model against what runs count.

mod products;
