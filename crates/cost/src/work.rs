//! What a mix comes to on an array, by the cycle model that equals the RTL's counters.

use flexmac_array::{ArrayConfig, Cycles, Layout, Schedule, Style};
use flexmac_fxp::Role;
use serde::Serialize;

use crate::error::Error;
use crate::mix::{Mix, Widths};

/// One product at one pair of widths, over the whole run.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Work {
    /// The layer.
    pub layer: String,
    /// Its number, layers without parameters included.
    pub layer_index: u64,
    /// Which of its products.
    pub role: Role,
    /// Widths of A and B; none on a float array.
    pub widths: Widths,
    /// Times it ran: iterations times groups.
    pub runs: u64,
    /// Multiply-accumulates.
    pub macs: u64,
    /// Multiply-accumulates times passes.
    pub mac_passes: u64,
    /// Cycles on the array.
    pub cycles: Cycles,
    /// Rows that requantizers took from the drain chains, counted in every column of the array.
    pub drained: u64,
    /// Operand bits read from the banks: all rows and columns of the array, in cycles that compute.
    pub operand_bits: u64,
    /// Operand bits that enter the banks from outside, each tile's anew.
    pub loaded_bits: u64,
    /// Words of an operand bank that its longest command needs: planes times words.
    pub bank_words: u64,
    /// Result bits that leave, at the width that the next product reads or 32 where it is summed on
    /// the host; counted as 32 everywhere, an upper bound.
    pub result_bits: u64,
}

impl Work {
    /// Its mode: by the operands' planes on a flexible array, `(8, 8)` for 5 x 8 bits on chunk 8; by
    /// their widths on a fixed one. None on float arrays.
    pub fn mode(&self, config: &ArrayConfig) -> Widths {
        let whole = |bits| match config.style() {
            Style::Flex => config.planes(bits) * config.chunk(),
            _ => bits,
        };
        self.widths.map(|(a, b)| (whole(a), whole(b)))
    }
}

/// The work of a run on an array, product by product and width by width. A float array takes every
/// mix, its widths not looked at.
///
/// # Errors
/// Widths beyond the array's, or none where the array needs them; counts whose sum passes 64 bits.
pub fn work(mix: &Mix, config: &ArrayConfig, layout: Layout) -> Result<Vec<Work>, Error> {
    let all = scheduled(mix, config, layout)?;
    let limit = u128::from(u64::MAX) / all.len().max(1) as u128;
    let scaled = all.into_iter().map(|(product, width, runs, schedule)| {
        scaled(product, width, runs, &schedule, config, limit)
            .ok_or_else(|| too_large(mix, product))
    });
    scaled.collect()
}

/// The refusal of a run whose counts pass 64 bits.
pub(crate) fn too_large(mix: &Mix, product: &flexmac_nn::LayerGemm) -> Error {
    Error::Misfit {
        what: format!("layer {}, {}", product.layer, product.role.name()),
        expected: "counts of a run that fit 64 bits".to_owned(),
        found: format!("more, in {} iterations of {} images", mix.iterations, mix.batch),
    }
}

/// A product, its widths, how often it runs at them, and its plan.
pub(crate) type Scheduled<'m> = (&'m flexmac_nn::LayerGemm, Widths, u64, Schedule);

/// Every product of a run at all its widths, as an array would run it.
///
/// # Errors
/// As for [`work`].
pub(crate) fn scheduled<'m>(
    mix: &'m Mix,
    config: &ArrayConfig,
    layout: Layout,
) -> Result<Vec<Scheduled<'m>>, Error> {
    let mut all = Vec::new();
    for (product, widths) in mix.products.iter().zip(&mix.widths) {
        for (width, iterations) in widths {
            // A count that is too large is refused where it is used.
            let runs = iterations.saturating_mul(product.count as u64);
            let width = match (config.style(), width) {
                (Style::Fp32, _) => None,
                // A float run's products as the widest the array has.
                (Style::Fixed, None) => Some((config.max_bits(), config.max_bits())),
                (Style::Flex, None) => {
                    return Err(Error::Misfit {
                        what: format!("{} on {}", mix.policy, config.summary()),
                        expected: "a run with widths".to_owned(),
                        found: "a float run".to_owned(),
                    });
                }
                (_, Some((a, b))) if (*a).max(*b) > config.max_bits() => {
                    return Err(Error::Misfit {
                        what: format!("layer {}, {}", product.layer, product.role.name()),
                        expected: format!("at most {} bits", config.max_bits()),
                        found: format!("{a} x {b}"),
                    });
                }
                (_, width) => *width,
            };
            let bits = width.unwrap_or((config.max_bits(), config.max_bits()));
            let layout = if config.style() == Style::Fp32 { Layout::AsGiven } else { layout };
            let schedule = Schedule::laid_out(config, layout, product.shape, bits);
            all.push((product, width, runs, schedule));
        }
    }
    Ok(all)
}

/// None where a count passes `limit`.
fn scaled(
    product: &flexmac_nn::LayerGemm,
    widths: Widths,
    runs: u64,
    schedule: &Schedule,
    config: &ArrayConfig,
    limit: u128,
) -> Option<Work> {
    let (m, k, n) = product.shape;
    let once = schedule.cycles(config);
    let product_of = |a: u64, b: u64| {
        let whole = u128::from(a).checked_mul(u128::from(b))?.checked_mul(u128::from(runs))?;
        u64::try_from(whole).ok().filter(|_| whole <= limit)
    };
    let times = |count: u64| product_of(count, 1);
    let macs = (m * k * n) as u64;
    let word_bits = |lines: usize| (lines * config.lanes()) as u64 * u64::from(config.chunk());
    // A command's words, each plane once: what a bank has to hold.
    let loaded: u64 = schedule
        .tile_commands(0)
        .map(|command| {
            let words = schedule.words(command.k_len) as u64;
            words
                * (u64::from(schedule.planes_a) * word_bits(config.rows())
                    + u64::from(schedule.planes_b) * word_bits(config.cols()))
        })
        .sum();
    Some(Work {
        layer: product.layer.clone(),
        layer_index: product.index as u64,
        role: product.role,
        widths,
        runs,
        macs: times(macs)?,
        mac_passes: product_of(macs, u64::from(schedule.passes()))?,
        cycles: Cycles {
            busy: times(once.busy)?,
            compute: times(once.compute)?,
            stall: times(once.stall)?,
            load: 0,
            blocked: 0,
        },
        drained: product_of(schedule.captured_rows(config), config.cols() as u64)?,
        operand_bits: product_of(
            once.compute,
            word_bits(config.rows()) + word_bits(config.cols()),
        )?,
        loaded_bits: product_of(loaded, schedule.tiles() as u64)?,
        bank_words: u64::from(schedule.planes_a.max(schedule.planes_b))
            * schedule.tile_commands(0).map(|c| schedule.words(c.k_len)).max().unwrap_or(0) as u64,
        result_bits: product_of((m * n) as u64, 32)?,
    })
}
