//! A network's training on arrays of many sizes: cycles by the exact model, what the memories have to
//! deliver, and by which of the two a product is bound.

use flexmac_array::{ArrayConfig, Cycles, Layout};
use flexmac_fxp::Role;
use serde::{Deserialize, Serialize};

use crate::error::Error;
use crate::mix::{Mix, Widths};
use crate::work::work;

/// A layer's product on an array, over all iterations and widths.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ProductEstimate {
    /// The layer.
    pub layer: String,
    /// Which of its products.
    pub role: Role,
    /// Multiply-accumulates.
    pub macs: u64,
    /// Mean passes of one.
    pub passes_per_mac: f64,
    /// Cycles.
    pub cycles: Cycles,
    /// Share of busy cycles in which every lane of every PE works for the product.
    pub utilisation: f64,
    /// Bits that enter the operand banks.
    pub loaded_bits: u64,
    /// Bits of results.
    pub result_bits: u64,
    /// Words of a bank that its longest command needs.
    pub bank_words: u64,
}

impl ProductEstimate {
    /// Multiply-accumulates per byte that crosses the array's pins.
    pub fn intensity(&self) -> f64 {
        self.macs as f64 / ((self.loaded_bits + self.result_bits) as f64 / 8.0)
    }

    /// Multiply-accumulates per cycle.
    pub fn rate(&self) -> f64 {
        self.macs as f64 / self.cycles.busy as f64
    }
}

/// A run on an array.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Estimate {
    /// The array in words.
    pub config: String,
    /// Rows and columns.
    pub rows: usize,
    /// Columns.
    pub cols: usize,
    /// Iterations.
    pub iterations: u64,
    /// All products.
    pub total: ProductEstimate,
    /// By layer and role, in the network's order.
    pub products: Vec<ProductEstimate>,
    /// Bits a cycle that keep the array busy: operands and results, mean of the run.
    pub bits_per_cycle: f64,
    /// Most multiply-accumulates a cycle at one pass.
    pub peak: f64,
}

/// Costs a run on an array.
///
/// # Errors
/// A run that does not fit the array.
pub fn estimate(mix: &Mix, config: &ArrayConfig) -> Result<Estimate, Error> {
    let mut products: Vec<ProductEstimate> = Vec::new();
    let mut passes: Vec<u64> = Vec::new();
    for work in work(mix, config, Layout::Fastest)? {
        let at = products.iter().position(|p| p.layer == work.layer && p.role == work.role);
        let at = at.unwrap_or_else(|| {
            products.push(empty(&work.layer, work.role));
            passes.push(0);
            products.len() - 1
        });
        let product = &mut products[at];
        product.macs += work.macs;
        product.cycles.add(&work.cycles);
        product.loaded_bits += work.loaded_bits;
        product.result_bits += work.result_bits;
        product.bank_words = product.bank_words.max(work.bank_words);
        passes[at] += work.mac_passes;
    }
    let pes = config.rows() * config.cols();
    let peak = (pes * config.lanes()) as f64;
    let mut total = empty("all", Role::Forward);
    for (product, passes) in products.iter_mut().zip(&passes) {
        finish(product, *passes, peak);
        total.macs += product.macs;
        total.cycles.add(&product.cycles);
        total.loaded_bits += product.loaded_bits;
        total.result_bits += product.result_bits;
        total.bank_words = total.bank_words.max(product.bank_words);
    }
    finish(&mut total, passes.iter().sum(), peak);
    let bits = (total.loaded_bits + total.result_bits) as f64;
    Ok(Estimate {
        config: config.summary(),
        rows: config.rows(),
        cols: config.cols(),
        iterations: mix.iterations,
        bits_per_cycle: bits / total.cycles.busy as f64,
        total,
        products,
        peak,
    })
}

fn empty(layer: &str, role: Role) -> ProductEstimate {
    ProductEstimate {
        layer: layer.to_owned(),
        role,
        macs: 0,
        passes_per_mac: 0.0,
        cycles: Cycles::default(),
        utilisation: 0.0,
        loaded_bits: 0,
        result_bits: 0,
        bank_words: 0,
    }
}

fn finish(product: &mut ProductEstimate, passes: u64, peak: f64) {
    product.passes_per_mac = passes as f64 / product.macs as f64;
    product.utilisation = passes as f64 / (product.cycles.busy as f64 * peak);
}

/// The widths at which a product runs most often.
pub fn commonest(mix: &Mix, product: usize) -> Widths {
    mix.widths[product].iter().max_by_key(|(_, count)| **count).and_then(|(widths, _)| *widths)
}
