//! The constants of stochastic gradient descent, and the learning rate that follows from them.

use serde::{Deserialize, Serialize};

/// How the learning rate changes over a run. The constants `base_rate`, `gamma` and `power` are those of
/// [`Solver`].
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "kebab-case", deny_unknown_fields)]
#[non_exhaustive]
pub enum RateSchedule {
    /// `base_rate` (1 + `gamma` iteration)^-`power`, Caffe's policy `inv`.
    #[default]
    Inv,
    /// `base_rate`.
    Constant,
    /// `base_rate` `gamma`^floor(iteration / `every`), Caffe's policy `step`.
    Step {
        /// Iterations between two steps.
        every: u64,
    },
    /// `base_rate` `gamma`^(number of `at` that are at most the iteration), Caffe's policy `multistep`.
    Multistep {
        /// The first iteration of each step, ascending.
        at: Vec<u64>,
    },
    /// Half a period of a cosine, from `base_rate` at iteration 0 to `final_rate` at iteration `period` and
    /// from then on.
    Cosine {
        /// The last rate.
        final_rate: f64,
        /// Iterations until then.
        period: u64,
    },
}

impl RateSchedule {
    fn is_inv(&self) -> bool {
        *self == Self::Inv
    }
}

/// Constants of stochastic gradient descent with momentum and weight decay, as Caffe's solver has them.
/// The defaults are those of Caffe's LeNet (`lenet_solver.prototxt`).
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Solver {
    /// Learning rate of the first iteration, apart from warm-up.
    pub base_rate: f64,
    /// Share of the last update that is added to the next.
    pub momentum: f64,
    /// Weight decay, of weights and biases.
    pub decay: f64,
    /// Constant of the schedules `inv`, `step` and `multistep`.
    pub gamma: f64,
    /// Constant of the schedule `inv`.
    pub power: f64,
    /// How the rate changes. Files of runs that follow `inv` leave it out, like those of versions that had
    /// no other.
    #[serde(default, skip_serializing_if = "RateSchedule::is_inv")]
    pub schedule: RateSchedule,
    /// Iterations at the start whose rate is that of the schedule times (iteration + 1) / `warm_up`.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub warm_up: u64,
}

fn is_zero(count: &u64) -> bool {
    *count == 0
}

impl Default for Solver {
    fn default() -> Self {
        Self {
            base_rate: 0.01,
            momentum: 0.9,
            decay: 5e-4,
            gamma: 1e-4,
            power: 0.75,
            schedule: RateSchedule::Inv,
            warm_up: 0,
        }
    }
}

impl Solver {
    /// Learning rate of an iteration. It depends on nothing but the constants and the iteration, so a resumed
    /// run continues it.
    ///
    /// ```
    /// let solver = flexmac_record::Solver::default();
    /// assert_eq!(solver.rate(0), 0.01);
    /// assert!((solver.rate(10_000) - 0.01 * 2_f64.powf(-0.75)).abs() < 1e-12);
    /// ```
    pub fn rate(&self, iteration: u64) -> f64 {
        // Iterations stay far below 2^53.
        let now = iteration as f64;
        let rate = match &self.schedule {
            RateSchedule::Inv => self.base_rate * (1.0 + self.gamma * now).powf(-self.power),
            RateSchedule::Constant => self.base_rate,
            RateSchedule::Step { every } => self.stepped(iteration / (*every).max(1)),
            RateSchedule::Multistep { at } => {
                self.stepped(at.iter().filter(|first| **first <= iteration).count() as u64)
            }
            RateSchedule::Cosine { final_rate, period } if iteration >= *period => *final_rate,
            RateSchedule::Cosine { final_rate, period } => {
                let angle = std::f64::consts::PI * now / *period as f64;
                final_rate + (self.base_rate - final_rate) * 0.5 * (1.0 + angle.cos())
            }
        };
        if iteration < self.warm_up { rate * (now + 1.0) / self.warm_up as f64 } else { rate }
    }

    /// The rate after `steps` steps.
    fn stepped(&self, steps: u64) -> f64 {
        // After 2^31 steps any factor has reached 0, 1 or infinity.
        self.base_rate * self.gamma.powi(i32::try_from(steps).unwrap_or(i32::MAX))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn solver(schedule: RateSchedule) -> Solver {
        Solver { base_rate: 0.5, gamma: 0.25, schedule, ..Solver::default() }
    }

    #[test]
    fn inv_is_what_it_was_to_the_bit() {
        let default = Solver::default();
        let other = Solver { gamma: 0.5, power: 2.0, ..Solver::default() };
        for iteration in 0..20_000 {
            let expected = 0.01 * (1.0 + 1e-4 * iteration as f64).powf(-0.75);
            assert_eq!(default.rate(iteration).to_bits(), expected.to_bits());
        }
        assert_eq!([0, 2, 6].map(|i| other.rate(i)), [0.01, 0.01 / 4.0, 0.01 / 16.0]);
    }

    #[test]
    fn a_constant_rate_is_constant() {
        assert_eq!([0, 1, 1 << 40].map(|i| solver(RateSchedule::Constant).rate(i)), [0.5; 3]);
    }

    #[test]
    fn steps_multiply_every_so_many_iterations() {
        let solver = solver(RateSchedule::Step { every: 3 });
        let rates: Vec<_> = (0..10).map(|i| solver.rate(i)).collect();
        let level = [0.5, 0.125, 0.03125, 0.007_812_5];
        let expected: Vec<_> = (0..10).map(|i| level[i / 3]).collect();
        assert_eq!(rates, expected);
        assert_eq!(solver.rate(u64::MAX / 2), 0.0);
    }

    #[test]
    fn multiple_steps_multiply_where_they_are_listed() {
        let solver = solver(RateSchedule::Multistep { at: vec![2, 5, 6] });
        let rates: Vec<_> = (0..8).map(|i| solver.rate(i)).collect();
        let (a, b, c, d) = (0.5, 0.125, 0.03125, 0.007_812_5);
        assert_eq!(rates, [a, a, b, b, b, c, d, d]);
    }

    #[test]
    fn a_cosine_falls_from_the_first_rate_to_the_last_and_stays() {
        let solver = solver(RateSchedule::Cosine { final_rate: 0.1, period: 60 });
        // cos 0, 60, 90, 120 degrees.
        let expected =
            [(0, 0.5), (20, 0.4), (30, 0.3), (40, 0.2), (60, 0.1), (61, 0.1), (999, 0.1)];
        for (iteration, rate) in expected {
            assert!((solver.rate(iteration) - rate).abs() < 1e-15, "{iteration}");
        }
        assert_eq!(solver.rate(0), 0.5);
        assert_eq!(solver.rate(60), 0.1);
        assert!((0..60).all(|i| solver.rate(i) > solver.rate(i + 1)));
    }

    #[test]
    fn warm_up_is_linear_under_every_schedule() {
        let schedules = [
            RateSchedule::Inv,
            RateSchedule::Constant,
            RateSchedule::Step { every: 2 },
            RateSchedule::Multistep { at: vec![3] },
            RateSchedule::Cosine { final_rate: 0.0, period: 9 },
        ];
        for schedule in schedules {
            let cold = solver(schedule.clone());
            let warm = Solver { warm_up: 4, ..cold.clone() };
            for (iteration, factor) in [0.25, 0.5, 0.75, 1.0, 1.0, 1.0].into_iter().enumerate() {
                let (warm, cold) = (warm.rate(iteration as u64), cold.rate(iteration as u64));
                assert!((warm - factor * cold).abs() < 1e-15, "{schedule:?} {iteration}");
            }
        }
    }

    #[test]
    fn files_without_a_schedule_follow_inv_and_stay_as_they_are() {
        let text =
            r#"{"base_rate":0.01,"momentum":0.9,"decay":0.0005,"gamma":0.0001,"power":0.75}"#;
        let solver: Solver = serde_json::from_str(text).unwrap();
        assert_eq!(solver, Solver::default());
        assert_eq!(serde_json::to_string(&solver).unwrap(), text);
        let schedule = RateSchedule::Multistep { at: vec![1, 2] };
        let other = Solver { schedule, warm_up: 7, ..Solver::default() };
        let text = serde_json::to_string(&other).unwrap();
        assert!(
            text.ends_with(r#""schedule":{"kind":"multistep","at":[1,2]},"warm_up":7}"#),
            "{text}"
        );
        assert_eq!(serde_json::from_str::<Solver>(&text).unwrap(), other);
    }
}
