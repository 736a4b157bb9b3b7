//! A precision history as counts: how often each GEMM of a run had which operand widths.

use std::collections::BTreeMap;
use std::path::Path;

use flexmac_array::ArraySpec;
use flexmac_nn::{LayerGemm, NetPlan, NetSpec};
use flexmac_record::{HistoryReader, RecordFile, RunConfig, RunResult};
use serde_json::Value;

use crate::error::Error;
use crate::skipping::RecordedSkipping;

/// Widths of A and B of a GEMM, in bits; none in a float run.
pub type OperandWidths = Option<(u32, u32)>;

/// The GEMMs of a training run, and the number of iterations that each had at each pair of widths.
#[derive(Debug, Clone, PartialEq)]
pub struct PrecisionProfile {
    /// The network's name.
    pub network: String,
    /// Images per iteration.
    pub batch: usize,
    /// The precision policy, `float`, or a description of widths if the profile does not come from a run.
    pub policy: String,
    /// The data set; empty if the profile does not come from a run.
    pub data: String,
    /// Seed of the run.
    pub seed: u64,
    /// Number of iterations.
    pub iterations: u64,
    /// Final test accuracy, 0 to 1; none while the run has no result.
    pub accuracy: Option<f64>,
    /// The GEMMs of an iteration.
    pub gemms: Vec<LayerGemm>,
    /// For each GEMM, the number of iterations by widths.
    pub widths: Vec<BTreeMap<OperandWidths, u64>>,
    /// For each GEMM, the mean share of zeros in the operand that is no weight, 0 to 1; none where no run recorded
    /// it.
    pub zeros: Vec<Option<f64>>,
    /// Cost with skipped planes on the run's array; none if the run did not skip planes, and on several arrays.
    pub skipping: Option<RecordedSkipping>,
}

impl PrecisionProfile {
    /// A profile in which every GEMM of a network has the same widths in every iteration.
    ///
    /// # Errors
    /// A network that cannot be planned, or more multiply-accumulates than fit 64 bits.
    pub fn uniform(
        network: &NetSpec,
        batch: usize,
        iterations: u64,
        widths: OperandWidths,
    ) -> Result<Self, Error> {
        let gemms = flexmac_nn::gemms(&NetPlan::new(network, batch)?, batch);
        let macs: u128 = gemms.iter().map(|gemm| u128::from(gemm.macs())).sum();
        if macs.saturating_mul(iterations.into()) > u64::MAX.into() {
            return Err(Error::Misfit {
                what: format!("network {}", network.name),
                expected: format!("at most {} multiply-accumulates", u64::MAX),
                found: format!("more, in {iterations} iterations of {batch} images"),
            });
        }
        let policy = match widths {
            None => "float".to_owned(),
            Some((a, b)) => format!("{a}x{b} bits"),
        };
        Ok(Self {
            network: network.name.clone(),
            batch,
            policy,
            data: String::new(),
            seed: 0,
            iterations,
            accuracy: None,
            widths: vec![BTreeMap::from([(widths, iterations)]); gemms.len()],
            zeros: vec![None; gemms.len()],
            skipping: None,
            gemms,
        })
    }

    /// Reads the profile of the run in a folder. For a run that has not ended, it covers the iterations in the
    /// history.
    ///
    /// # Errors
    /// [`Error::Record`]: a folder without a run, or a run whose files contradict each other.
    pub fn read(run: &Path) -> Result<Self, Error> {
        let path = run.join("config.json");
        let config = RunConfig::<NetSpec>::read(&path)?;
        let setting = |name: &str| config.setting(name);
        let number = |name: &str| {
            setting(name)
                .and_then(Value::as_u64)
                .ok_or_else(|| Error::file(&path, &format!("a number as setting {name:?}"), "none"))
        };
        // The images of a batch fit into memory, so their number fits `usize`.
        let batch = number("batch")? as usize;
        let plan = NetPlan::new(&config.network, batch)?;
        let gemms = flexmac_nn::gemms(&plan, batch);
        let history = run.join("history.jsonl");
        let one = setting("arrays").and_then(Value::as_u64).unwrap_or(1) == 1;
        let skips = one && setting("skip-planes").is_some_and(|value| *value == Value::Bool(true));
        let array = skips.then(|| serde_json::from_value(Value::Object(config.array.clone())));
        let array = array
            .transpose()
            .map_err(|found| Error::file(&path, "the parameters of an array", found))?;
        let History { iterations, widths, zeros, skipping } =
            History::read(&history, plan.tensors().len(), &gemms, array)?;
        let text = |name: &str| setting(name).and_then(Value::as_str).unwrap_or("").to_owned();
        let float = widths.iter().any(|widths| widths.contains_key(&None));
        let result = run.join("result.json");
        let accuracy =
            if result.is_file() { Some(RunResult::read(&result)?.accuracy) } else { None };
        Ok(Self {
            network: config.network.name.clone(),
            batch,
            policy: if float { "float".to_owned() } else { text("policy") },
            data: text("data"),
            seed: number("seed")?,
            iterations,
            accuracy,
            gemms,
            widths,
            zeros,
            skipping,
        })
    }

    /// A profile of another network, which may be too large to train, with widths in the same proportions. Each
    /// GEMM gets the widths of this network's GEMMs of the same role, weighted by multiply-accumulates.
    ///
    /// # Errors
    /// A network that cannot be planned.
    pub fn transferred_to(
        &self,
        network: &NetSpec,
        batch: usize,
        iterations: u64,
    ) -> Result<Self, Error> {
        let other = Self::uniform(network, batch, iterations, None)?;
        let widths = other
            .gemms
            .iter()
            .map(|gemm| {
                let mut shares: BTreeMap<OperandWidths, u64> = BTreeMap::new();
                for (own, widths) in self.gemms.iter().zip(&self.widths) {
                    if own.role == gemm.role {
                        for (width, count) in widths {
                            *shares.entry(*width).or_default() += count * own.macs();
                        }
                    }
                }
                apportion(&shares, iterations)
            })
            .collect();
        let policy = format!("{} of {}", self.policy, self.network);
        Ok(Self { policy, data: String::new(), accuracy: None, widths, seed: self.seed, ..other })
    }

    /// The profile with the given widths for every GEMM.
    pub fn with_widths(&self, widths: OperandWidths) -> Self {
        let all = BTreeMap::from([(widths, self.iterations)]);
        Self { widths: vec![all; self.gemms.len()], skipping: None, ..self.clone() }
    }

    /// The profile with a share of its iterations (0 to 1) at 32 x 32 bits; the others keep their proportions. A
    /// float run is unchanged.
    pub fn with_wide_share(&self, share: f64) -> Self {
        if self.is_float() {
            return self.clone();
        }
        // At most the number of iterations.
        let wide = (self.iterations as f64 * share).round() as u64;
        let widths = self.widths.iter().map(|widths| {
            let mut parts = apportion(widths, self.iterations - wide);
            if wide > 0 {
                *parts.entry(Some((flexmac_fxp::MAX_BITS, flexmac_fxp::MAX_BITS))).or_default() +=
                    wide;
            }
            parts
        });
        Self { widths: widths.collect(), skipping: None, ..self.clone() }
    }

    /// The profile as if no planes had been skipped.
    pub fn without_skipping(&self) -> Self {
        Self { skipping: None, ..self.clone() }
    }

    /// Whether it is a float run, which has no widths.
    pub fn is_float(&self) -> bool {
        self.widths.iter().any(|widths| widths.contains_key(&None))
    }

    /// Multiply-accumulates of the whole run.
    pub fn macs(&self) -> u64 {
        self.gemms.iter().map(LayerGemm::macs).sum::<u64>() * self.iterations
    }

    /// The share of multiply-accumulates at each pair of widths, 0 to 1.
    pub fn shares(&self) -> BTreeMap<OperandWidths, f64> {
        let mut shares = BTreeMap::new();
        let total = self.macs() as f64;
        for (gemm, widths) in self.gemms.iter().zip(&self.widths) {
            for (width, count) in widths {
                *shares.entry(*width).or_default() += (gemm.macs() * count) as f64 / total;
            }
        }
        shares
    }
}

/// Divides `total` iterations in the proportions of `shares`, by largest remainder.
fn apportion(shares: &BTreeMap<OperandWidths, u64>, total: u64) -> BTreeMap<OperandWidths, u64> {
    let sum: u128 = shares.values().map(|share| u128::from(*share)).sum();
    let exact = |share: u64| u128::from(share) * u128::from(total);
    let mut parts: Vec<(OperandWidths, u64, u128)> = shares
        .iter()
        // The quotient is at most `total`.
        .map(|(width, share)| (*width, (exact(*share) / sum) as u64, exact(*share) % sum))
        .collect();
    let left = total - parts.iter().map(|part| part.1).sum::<u64>();
    parts.sort_by(|a, b| b.2.cmp(&a.2).then(a.0.cmp(&b.0)));
    for part in parts.iter_mut().take(usize::try_from(left).unwrap_or(usize::MAX)) {
        part.1 += 1;
    }
    parts.into_iter().filter(|part| part.1 > 0).map(|part| (part.0, part.1)).collect()
}

/// What a profile takes from a run's history.
struct History {
    iterations: u64,
    widths: Vec<BTreeMap<OperandWidths, u64>>,
    zeros: Vec<Option<f64>>,
    skipping: Option<RecordedSkipping>,
}

impl History {
    /// `array` is that of a run that skipped planes.
    fn read(
        path: &Path,
        tensors: usize,
        gemms: &[LayerGemm],
        array: Option<ArraySpec>,
    ) -> Result<Self, Error> {
        let mut skipping = array.map(|array| RecordedSkipping::new(array, gemms.len()));
        let mut widths = vec![BTreeMap::new(); gemms.len()];
        // For each GEMM, the sum of the shares and their number.
        let mut zeros = vec![(0.0, 0_u64); gemms.len()];
        let mut iterations = 0;
        let mut history = HistoryReader::open(path, false)?;
        while let Some(line) = history.next().transpose()? {
            if line.tensors.len() != tensors {
                let expected = format!("the network's {tensors} tensors");
                return Err(history.refuse(expected, line.tensors.len()).into());
            }
            let mut now = Vec::with_capacity(gemms.len());
            for (gemm, widths) in gemms.iter().zip(&mut widths) {
                let bits = |source: flexmac_nn::OperandSource| {
                    line.tensors[source.tensor].formats.map(|formats| source.bits(&formats))
                };
                let own = bits(gemm.a).zip(bits(gemm.b));
                *widths.entry(own).or_default() += 1;
                now.push(own);
            }
            for record in &line.gemms {
                let same =
                    |gemm: &LayerGemm| gemm.role == record.role && gemm.layer == record.layer;
                let index = gemms.iter().position(same);
                if let (Some(skipping), Some(index)) = (&mut skipping, index)
                    && skipping.add(index, now[index], record).is_none()
                {
                    let (expected, found) = ("skipped planes, in counts of 64 bits", "others");
                    return Err(history.refuse(expected, found).into());
                }
                let Some(share) = record.zeros else { continue };
                if !(0.0..=1.0).contains(&share) {
                    return Err(history.refuse("a share of zeros from 0 to 1", share).into());
                }
                if let Some(index) = index {
                    zeros[index].0 += share;
                    zeros[index].1 += 1;
                }
            }
            if skipping.is_some() && line.gemms.len() != gemms.len() {
                let expected = format!("the network's {} GEMMs", gemms.len());
                return Err(history.refuse(expected, line.gemms.len()).into());
            }
            iterations += 1;
        }
        // Far fewer than 2^53 records.
        let mean = |(sum, count): (f64, u64)| (count > 0).then(|| sum / count as f64);
        Ok(Self { iterations, widths, zeros: zeros.into_iter().map(mean).collect(), skipping })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn iterations_are_apportioned_whole() {
        let shares = BTreeMap::from([(Some((8, 8)), 5), (Some((8, 16)), 3), (None, 0)]);
        let parts = apportion(&shares, 7);
        // 4.375 and 2.625: the larger remainder gets the remaining iteration.
        assert_eq!(parts, BTreeMap::from([(Some((8, 8)), 4), (Some((8, 16)), 3)]));
    }

    #[test]
    fn a_mix_is_carried_to_another_network_by_role() {
        let lenet = NetSpec::lenet();
        let profile = PrecisionProfile::uniform(&lenet, 64, 10, Some((8, 16))).unwrap();
        let other = NetSpec::load("mlp").unwrap();
        let carried = profile.transferred_to(&other, 32, 100).unwrap();
        assert_eq!((carried.batch, carried.iterations), (32, 100));
        assert!(carried.widths.iter().all(|w| *w == BTreeMap::from([(Some((8, 16)), 100)])));
        assert_eq!(carried.shares(), BTreeMap::from([(Some((8, 16)), 1.0)]));
        let wide = profile.with_wide_share(0.3);
        let expected = BTreeMap::from([(Some((8, 16)), 7), (Some((32, 32)), 3)]);
        assert!(wide.widths.iter().all(|widths| *widths == expected));
    }
}
