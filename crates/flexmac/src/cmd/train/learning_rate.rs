//! The flags of the learning rate: a schedule, and the constants that it has.

use anyhow::{Context, Result, bail};
use clap::{Args, ValueEnum};
use flexmac_train::{RateSchedule, Solver};
use serde::{Deserialize, Serialize};

use crate::settings::Settings;
use crate::shell::value_name;

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Schedule {
    /// lr (1 + gamma iteration)^-power, as in Caffe's LeNet
    Inv,
    /// lr
    Constant,
    /// Times gamma every --lr-step iterations
    Step,
    /// Times gamma at each of --lr-steps
    Multistep,
    /// Half a cosine, from lr to --lr-final over --lr-period iterations
    Cosine,
}

/// The learning rate.
#[derive(Debug, Args)]
#[command(next_help_heading = "Learning rate")]
pub struct LearningRateArgs {
    /// Learning rate at the start [default: 0.01]
    #[arg(long, value_name = "RATE")]
    lr: Option<f64>,
    /// How the learning rate changes [default: inv]
    #[arg(long, value_name = "NAME")]
    lr_schedule: Option<Schedule>,
    /// Constant of inv, or the factor of step and multistep [default: inv 0.0001, else 0.1]
    #[arg(long, value_name = "G")]
    lr_gamma: Option<f64>,
    /// Exponent of inv [default: 0.75]
    #[arg(long, value_name = "P")]
    lr_power: Option<f64>,
    /// Iterations between two steps of step
    #[arg(long, value_name = "N")]
    lr_step: Option<u64>,
    /// First iterations after each step of multistep, ascending, comma-separated
    #[arg(long, value_name = "N,N...")]
    lr_steps: Option<String>,
    /// Last learning rate of cosine [default: 0]
    #[arg(long, value_name = "RATE")]
    lr_final: Option<f64>,
    /// Iterations until cosine reaches --lr-final, and then keeps it [default: --iters of the run's
    /// start]
    #[arg(long, value_name = "N")]
    lr_period: Option<u64>,
    /// Iterations at the start in which the rate rises in a line to that of the schedule; iteration
    /// i (from 0) has its rate times (i + 1) / N [default: 0]
    #[arg(long, value_name = "N")]
    lr_warmup: Option<u64>,
}

impl LearningRateArgs {
    /// The solver with these flags, for a run of `iterations`. Settles those that the schedule has.
    ///
    /// # Errors
    /// A flag of another schedule, one that is missing, or a list that is none.
    pub(super) fn settle(
        &self,
        solver: Solver,
        iterations: u64,
        settings: &mut Settings,
    ) -> Result<Solver> {
        let base_rate = settings.take("lr", &self.lr, solver.base_rate);
        let kind = settings.take("lr-schedule", &self.lr_schedule, Schedule::Inv);
        self.refuse_others(kind)?;
        let mut solver = Solver { base_rate, ..solver };
        if matches!(kind, Schedule::Inv | Schedule::Step | Schedule::Multistep) {
            let default = if kind == Schedule::Inv { solver.gamma } else { 0.1 };
            solver.gamma = settings.take("lr-gamma", &self.lr_gamma, default);
        }
        let missing = |flag: &str, example: &str| {
            let name = value_name(&kind);
            format!(
                "--lr-schedule {name}: expected {flag} with it, found none; for example {example}"
            )
        };
        solver.schedule = match kind {
            Schedule::Inv => {
                solver.power = settings.take("lr-power", &self.lr_power, solver.power);
                RateSchedule::Inv
            }
            Schedule::Constant => RateSchedule::Constant,
            Schedule::Step => {
                let every = settings.take("lr-step", &self.lr_step, 0);
                if settings.is_default("lr-step") {
                    bail!(missing("--lr-step", "--lr-step 5000"));
                }
                RateSchedule::Step { every }
            }
            Schedule::Multistep => {
                let list = settings.take("lr-steps", &self.lr_steps, String::new());
                if settings.is_default("lr-steps") {
                    bail!(missing("--lr-steps", "--lr-steps 4000,6000"));
                }
                let at = list.split(',').map(|at| at.trim().parse()).collect::<Result<_, _>>();
                let at = at.with_context(|| {
                    format!(
                        "--lr-steps: expected numbers of iterations with commas, found {list:?}"
                    )
                })?;
                RateSchedule::Multistep { at }
            }
            Schedule::Cosine => RateSchedule::Cosine {
                final_rate: settings.take("lr-final", &self.lr_final, 0.0),
                period: settings.take("lr-period", &self.lr_period, iterations),
            },
        };
        solver.warm_up = settings.take("lr-warmup", &self.lr_warmup, 0);
        Ok(solver)
    }

    /// Refuses flags of another schedule than `kind`.
    fn refuse_others(&self, kind: Schedule) -> Result<()> {
        use Schedule::{Cosine, Inv, Multistep, Step};
        let flags: [(&str, bool, &[Schedule]); 6] = [
            ("--lr-gamma", self.lr_gamma.is_some(), &[Inv, Step, Multistep]),
            ("--lr-power", self.lr_power.is_some(), &[Inv]),
            ("--lr-step", self.lr_step.is_some(), &[Step]),
            ("--lr-steps", self.lr_steps.is_some(), &[Multistep]),
            ("--lr-final", self.lr_final.is_some(), &[Cosine]),
            ("--lr-period", self.lr_period.is_some(), &[Cosine]),
        ];
        for (flag, given, of) in flags {
            if given && !of.contains(&kind) {
                let of: Vec<_> = of.iter().map(value_name).collect();
                let (of, found) = (of.join(" or "), value_name(&kind));
                bail!("{flag}: expected --lr-schedule {of} with it, found {found}");
            }
        }
        Ok(())
    }
}
