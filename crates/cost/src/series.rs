//! Runs that differ in their seed only, and what they say together.

use flexmac_array::ArrayConfig;
use serde::{Deserialize, Serialize};

use crate::array_model::ArrayModel;
use crate::cost_report::CostReport;
use crate::error::Error;
use crate::precision_profile::{OperandWidths, PrecisionProfile};

/// A mean over seeds, and how far it may be from the mean of all seeds.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct SeedMean {
    /// The mean.
    pub mean: f64,
    /// Half the width of its 95 % confidence interval, by Student's t; none with a single seed.
    pub half_width: Option<f64>,
    /// Number of seeds.
    pub seeds: usize,
}

impl SeedMean {
    /// The mean of `values`, one a seed; none without values.
    ///
    /// ```
    /// use flexmac_cost::SeedMean;
    ///
    /// let mean = SeedMean::of(&[0.90, 0.91, 0.92]).expect("three values");
    /// assert!((mean.mean - 0.91).abs() < 1e-12);
    /// // t of two degrees of freedom is 4.303, the standard deviation 0.01.
    /// assert!((mean.half_width.expect("more than one") - 4.303 * 0.01 / 3_f64.sqrt()).abs() < 1e-5);
    /// assert_eq!(SeedMean::of(&[0.9]).expect("one").half_width, None);
    /// ```
    pub fn of(values: &[f64]) -> Option<Self> {
        let seeds = values.len();
        if seeds == 0 {
            return None;
        }
        let count = seeds as f64;
        let mean = values.iter().sum::<f64>() / count;
        let half_width = (seeds > 1).then(|| {
            let squares: f64 = values.iter().map(|value| (value - mean).powi(2)).sum();
            student_t(seeds - 1) * (squares / (count - 1.0) / count).sqrt()
        });
        Some(Self { mean, half_width, seeds })
    }
}

/// The 97.5 % quantile of Student's t distribution. Between the degrees of freedom of the table it is that of the next
/// smaller one, so that an interval is rather too wide.
fn student_t(degrees: usize) -> f64 {
    const QUANTILES: [(usize, f64); 22] = [
        (1, 12.706),
        (2, 4.303),
        (3, 3.182),
        (4, 2.776),
        (5, 2.571),
        (6, 2.447),
        (7, 2.365),
        (8, 2.306),
        (9, 2.262),
        (10, 2.228),
        (11, 2.201),
        (12, 2.179),
        (13, 2.160),
        (14, 2.145),
        (15, 2.131),
        (16, 2.120),
        (18, 2.101),
        (20, 2.086),
        (25, 2.060),
        (30, 2.042),
        (60, 2.000),
        (120, 1.980),
    ];
    let below = QUANTILES.iter().rev().find(|(known, _)| *known <= degrees);
    below.expect("at least one degree of freedom").1
}

/// Runs of one network under one policy, which differ in their seeds.
#[derive(Debug, Clone)]
pub struct RunSeries {
    /// Its name in tables.
    pub name: String,
    /// The design of the study on whose array it trained, if it names one.
    pub design: Option<String>,
    /// One profile a seed, at least one.
    pub profiles: Vec<PrecisionProfile>,
}

impl RunSeries {
    /// The policy, which all of its runs have.
    pub fn policy(&self) -> &str {
        &self.profiles[0].policy
    }

    /// Whether its runs have no operand widths.
    pub fn is_float(&self) -> bool {
        self.profiles[0].is_float()
    }

    /// Test accuracy (0 to 1) over the runs that have a result.
    pub fn accuracy(&self) -> Option<SeedMean> {
        let found: Vec<_> = self.profiles.iter().filter_map(|profile| profile.accuracy).collect();
        SeedMean::of(&found)
    }

    /// By how much its accuracy exceeds another's, over the seeds that both have.
    pub fn accuracy_above(&self, other: &Self) -> Option<SeedMean> {
        let pairs = self.profiles.iter().filter_map(|own| {
            let same = other.profiles.iter().find(|other| other.seed == own.seed)?;
            Some(own.accuracy? - same.accuracy?)
        });
        SeedMean::of(&pairs.collect::<Vec<_>>())
    }

    /// The widest operand of all its runs, in bits; none in float runs.
    pub fn widest(&self) -> Option<u32> {
        let widths = self.profiles.iter().flat_map(|profile| &profile.widths);
        widths.flat_map(|widths| widths.keys()).flatten().map(|(a, b)| *a.max(b)).max()
    }

    /// Whether it is an integer run that needs the whole width of an array, and no more.
    pub fn fills(&self, config: &ArrayConfig) -> bool {
        self.widest() == Some(config.max_bits())
    }

    /// The first series of float runs on no array: what others are compared with.
    pub fn float(all: &[Self]) -> Option<&Self> {
        all.iter().find(|series| series.is_float() && series.design.is_none())
    }

    /// The mean cost of its runs on an array ([`CostReport::new`]).
    ///
    /// # Errors
    /// A run that does not fit the array.
    pub fn cost(
        &self,
        array: &ArrayModel,
        widths: Option<OperandWidths>,
    ) -> Result<CostReport, Error> {
        mean_cost(&self.profiles, array, widths)
    }

    /// The mean costs on an array if no planes are skipped, and with those that all of its runs skipped on this
    /// array; the same where they skipped none.
    ///
    /// # Errors
    /// As for [`Self::cost`].
    pub(crate) fn both_costs(
        &self,
        array: &ArrayModel,
        widths: Option<OperandWidths>,
    ) -> Result<[CostReport; 2], Error> {
        let skipped = self.cost(array, widths)?;
        if self.profiles.iter().all(|profile| profile.skipping.is_none()) {
            return Ok([skipped; 2]);
        }
        let full: Vec<_> = self.profiles.iter().map(PrecisionProfile::without_skipping).collect();
        Ok([mean_cost(&full, array, widths)?, skipped])
    }
}

fn mean_cost(
    profiles: &[PrecisionProfile],
    array: &ArrayModel,
    widths: Option<OperandWidths>,
) -> Result<CostReport, Error> {
    let costs = profiles.iter().map(|profile| CostReport::new(profile, array, widths));
    Ok(CostReport::mean(&costs.collect::<Result<Vec<_>, _>>()?))
}

#[cfg(test)]
mod tests {
    use super::*;
    use flexmac_nn::NetSpec;

    fn series(accuracies: &[(u64, Option<f64>)], widths: OperandWidths) -> RunSeries {
        let profile = |(seed, accuracy): &(u64, Option<f64>)| {
            let uniform = PrecisionProfile::uniform(&NetSpec::mlp(), 4, 10, widths).unwrap();
            PrecisionProfile { seed: *seed, accuracy: *accuracy, ..uniform }
        };
        let profiles = accuracies.iter().map(profile).collect();
        RunSeries { name: "s".to_owned(), design: None, profiles }
    }

    #[test]
    fn differences_are_between_equal_seeds() {
        let ours = series(&[(1, Some(0.5)), (2, Some(0.7)), (3, Some(0.9)), (4, None)], None);
        let float = series(&[(3, Some(0.8)), (1, Some(0.6)), (4, Some(0.1))], None);
        let above = ours.accuracy_above(&float).expect("two pairs");
        assert!(above.mean.abs() < 1e-12 && above.seeds == 2, "{above:?}");
        // -0.1 and 0.1: a standard deviation of 0.1414 over two, times t of one degree of freedom.
        let half_width = above.half_width.expect("two values");
        assert!((half_width - 12.706 * 0.1).abs() < 1e-9, "{half_width}");
        assert_eq!(ours.accuracy().expect("three").seeds, 3);
        assert_eq!(ours.accuracy_above(&series(&[(7, Some(0.5))], None)), None);
    }

    #[test]
    fn quantiles_fall_and_end_near_the_normal_ones() {
        let quantiles: Vec<_> = (1..200).map(student_t).collect();
        assert!(quantiles.is_sorted_by(|a, b| a >= b));
        assert_eq!((quantiles[16], quantiles[198]), (2.120, 1.980));
    }

    #[test]
    fn a_run_fills_the_array_of_its_widest_operand() {
        let spec = |max_bits| flexmac_array::ArraySpec {
            style: flexmac_array::Style::Fixed,
            chunk: max_bits,
            max_bits,
            ..flexmac_array::ArraySpec::default()
        };
        let run = series(&[(1, None)], Some((4, 8)));
        let fills = |bits| run.fills(&spec(bits).check().unwrap());
        assert_eq!([fills(8), fills(16)], [true, false]);
        assert!(!series(&[(1, None)], None).fills(&spec(8).check().unwrap()));
    }
}
