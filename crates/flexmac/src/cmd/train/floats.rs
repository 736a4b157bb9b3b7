//! Settings of float runs: how operands become numbers of the array's formats, and the loss scale.

use std::fmt;

use anyhow::{Result, bail};
use clap::{Args, ValueEnum};
use flexmac_array::{ArrayConfig, Style};
use flexmac_engine::OperandRounding;
use flexmac_float::{FloatRounding, Overflow};
use flexmac_train::LossScale;
use serde::{Deserialize, Serialize};

use super::plan::EngineKind;
use crate::settings::Settings;
use crate::shell::value_name;

/// Flags of float runs.
#[derive(Debug, Args)]
pub(super) struct FloatArgs {
    /// Rounding of the operands of every GEMM to the formats of an array of style bf16 or fp8
    /// [default: nearest]
    #[arg(long, value_name = "MODE")]
    operand_round: Option<OperandMode>,
    /// Powers of two that bring the operands of every GEMM to the range of the formats of an array of
    /// style fp8 [default: tensor]
    #[arg(long, value_name = "WHICH")]
    operand_scale: Option<OperandScale>,
    /// What float runs multiply the loss by, so that small gradients are not lost: a power of two, or
    /// dynamic [default: 1]
    #[arg(long, value_name = "SCALE")]
    loss_scale: Option<LossScale>,
}

/// How operands are rounded.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum OperandMode {
    /// To nearest, ties to even
    Nearest,
    /// At random, in proportion to the distance
    Stochastic,
}

/// How operands are scaled.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum OperandScale {
    /// Each operand by its own largest magnitude; numbers beyond a format saturate
    Tensor,
    /// Not at all; numbers beyond a format become infinity, or NaN in E4M3
    None,
}

impl fmt::Display for OperandMode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&value_name(self))
    }
}

impl fmt::Display for OperandScale {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&value_name(self))
    }
}

/// Settled float settings.
#[derive(Debug, Clone, Copy)]
pub(super) struct FloatSettings {
    /// How operands are rounded on a float array whose operands are not binary32.
    pub operands: Option<OperandRounding>,
    /// The loss scale.
    pub loss_scale: LossScale,
}

impl FloatArgs {
    /// Settles the settings that apply to the run.
    ///
    /// # Errors
    /// Flags that do not apply.
    pub fn settle(
        &self,
        engine: EngineKind,
        config: &ArrayConfig,
        settings: &mut Settings,
    ) -> Result<FloatSettings> {
        let style = config.style();
        let on_array = engine != EngineKind::Float;
        let found = || match on_array {
            true => format!("an array of style {style}"),
            false => "--engine float".to_owned(),
        };
        let narrow = on_array && matches!(style, Style::Bf16 | Style::Fp8);
        let operands = OperandRounding::of(style).filter(|_| narrow);
        let operands = match operands {
            None => {
                if let Some(mode) = self.operand_round {
                    let found = found();
                    bail!(
                        "--operand-round {mode}: expected an array of style bf16 or fp8, found {found}"
                    );
                }
                None
            }
            Some(recipe) => {
                let mode =
                    settings.take("operand-round", &self.operand_round, OperandMode::Nearest);
                let rounding = match mode {
                    OperandMode::Nearest => FloatRounding::Nearest,
                    OperandMode::Stochastic => FloatRounding::Stochastic,
                };
                Some(OperandRounding { rounding, ..recipe })
            }
        };
        let operands = match operands.filter(|recipe| recipe.scaled) {
            None => {
                if let Some(scale) = self.operand_scale {
                    let found = found();
                    bail!("--operand-scale {scale}: expected an array of style fp8, found {found}");
                }
                operands
            }
            Some(recipe) => {
                match settings.take("operand-scale", &self.operand_scale, OperandScale::Tensor) {
                    OperandScale::Tensor => Some(recipe),
                    OperandScale::None => Some(OperandRounding {
                        scaled: false,
                        overflow: Overflow::Infinity,
                        ..recipe
                    }),
                }
            }
        };
        let loss_scale = match self.loss_scale {
            Some(scale) if on_array && !style.is_float() => {
                let found = found();
                bail!("--loss-scale {scale}: expected floats, found {found}; leave it out");
            }
            given => settings.take_given("loss-scale", &given, LossScale::default())?,
        };
        Ok(FloatSettings { operands, loss_scale })
    }
}
