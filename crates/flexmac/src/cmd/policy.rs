//! The flags of precision policies, and the policies they make.

use anyhow::Result;
use clap::{Args, ValueEnum};
use dps::{
    Courbariaux2014, Courbariaux2014Config, Na2016, Na2016Config, Planewise, PlanewiseConfig,
    Policy, Static, StaticConfig, Taras2018, Taras2018Config, TensorSpec,
};
use fxp::Format;
use rtlgen::Config;
use serde::{Deserialize, Serialize};

use crate::settings::Settings;

/// The policies there are.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum PolicyKind {
    /// Fixed formats
    Static,
    /// Na and Mukhopadhyay, ISLPED 2016: one width, by the loss
    Na2016,
    /// Courbariaux, Bengio, David 2014: fixed widths, points by overflow rates
    Courbariaux2014,
    /// Taras and Stuart 2018: overflow rate and rounding error move a side of the point each
    Taras2018,
    /// As few planes as the counters allow, by use of each tensor
    Planewise,
}

/// Constants of every policy; those of others are ignored.
#[derive(Debug, Args)]
pub struct PolicyArgs {
    #[command(flatten)]
    shared: SharedArgs,
    #[command(flatten)]
    fixed: StaticArgs,
    #[command(flatten)]
    na2016: Na2016Args,
    #[command(flatten)]
    courbariaux: Courbariaux2014Args,
    #[command(flatten)]
    taras: Taras2018Args,
    #[command(flatten)]
    planewise: PlanewiseArgs,
}

#[derive(Debug, Args)]
#[command(next_help_heading = "Several policies")]
struct SharedArgs {
    /// Width of every operand, sign included [default: static 16, courbariaux2014 10; the first
    /// one of taras2018 16]
    #[arg(long, value_name = "BITS")]
    bits: Option<u32>,
    /// Width of stored parameters and momentum [default: static the greater of 16 and --bits,
    /// courbariaux2014 12, planewise 16]
    #[arg(long, value_name = "BITS")]
    storage_bits: Option<u32>,
    /// Widest format: of na2016 at the start and after a jump, of courbariaux2014 while it
    /// calibrates, of taras2018 [default: 32, or the array's max_bits]
    #[arg(long, value_name = "BITS")]
    max_width: Option<u32>,
    /// First integer length of everything [default: courbariaux2014 5, taras2018 4]
    #[arg(long, value_name = "IL", allow_negative_numbers = true)]
    first_il: Option<i32>,
    /// Share of values that may overflow [default: courbariaux2014 and taras2018 0.0001; planewise
    /// 0.0009765625 at 8 bits, doubled by every bit less]
    #[arg(long, value_name = "SHARE")]
    overflow_limit: Option<f64>,
}

#[derive(Debug, Args)]
#[command(next_help_heading = "Policy static")]
struct StaticArgs {
    /// Integer length of the input [default: 0]
    #[arg(long, value_name = "IL", allow_negative_numbers = true)]
    il_input: Option<i32>,
    /// Integer length of parameters [default: 0]
    #[arg(long, value_name = "IL", allow_negative_numbers = true)]
    il_parameters: Option<i32>,
    /// Integer length of activations [default: 4]
    #[arg(long, value_name = "IL", allow_negative_numbers = true)]
    il_activations: Option<i32>,
    /// Integer length of gradients [default: the bound of the loss gradient, -6 at batch 64]
    #[arg(long, value_name = "IL", allow_negative_numbers = true)]
    il_gradients: Option<i32>,
}

#[derive(Debug, Args)]
#[command(next_help_heading = "Policy na2016")]
struct Na2016Args {
    /// First width of D-search [default: 16]
    #[arg(long, value_name = "BITS")]
    target_width: Option<u32>,
    /// What a jump raises the target by [default: 16]
    #[arg(long, value_name = "BITS")]
    step_width: Option<u32>,
    /// Clean iterations before an integer length shrinks [default: 20]
    #[arg(long, value_name = "N")]
    isearch_window: Option<u32>,
    /// Maxima of the loss waited for after a jump [default: 20]
    #[arg(long, value_name = "N")]
    dsearch_window: Option<u32>,
    /// Losses in the smoothed loss [default: 100]
    #[arg(long, value_name = "N")]
    loss_window: Option<u32>,
}

#[derive(Debug, Args)]
#[command(next_help_heading = "Policy courbariaux2014")]
struct Courbariaux2014Args {
    /// Iterations between two looks at the scaling factors [default: 100]
    #[arg(long, value_name = "N")]
    interval: Option<u32>,
    /// Wide iterations at the start that find the first scaling factors [default: 100]
    #[arg(long, value_name = "N")]
    calibration: Option<u32>,
}

#[derive(Debug, Args)]
#[command(next_help_heading = "Policy taras2018")]
struct Taras2018Args {
    /// Mean |rounding error| allowed, as a share of the largest magnitude [default: 0.0001]
    #[arg(long, value_name = "SHARE")]
    error_limit: Option<f64>,
    /// Narrowest format [default: 4]
    #[arg(long, value_name = "BITS")]
    min_width: Option<u32>,
}

/// Widths are rounded up to whole planes of the array.
#[derive(Debug, Args)]
#[command(next_help_heading = "Policy planewise (widths are rounded up to the array's chunk)")]
struct PlanewiseArgs {
    /// Width of the input [default: 4]
    #[arg(long, value_name = "BITS")]
    input_bits: Option<u32>,
    /// First width of an inner product's weights as operands [default: 4]
    #[arg(long, value_name = "BITS")]
    weight_bits: Option<u32>,
    /// First width of a convolution's weights as operands [default: 8]
    #[arg(long, value_name = "BITS")]
    shared_weight_bits: Option<u32>,
    /// First width of activations [default: 8]
    #[arg(long, value_name = "BITS")]
    activation_bits: Option<u32>,
    /// First width of gradients [default: 4]
    #[arg(long, value_name = "BITS")]
    gradient_bits: Option<u32>,
    /// First width of the loss gradient [default: 8]
    #[arg(long, value_name = "BITS")]
    loss_gradient_bits: Option<u32>,
    /// Widest operand [default: 8]
    #[arg(long, value_name = "BITS")]
    operand_bits_max: Option<u32>,
    /// Share of gradients that may overflow [default: 0.000244140625]
    #[arg(long, value_name = "SHARE")]
    gradient_overflow_limit: Option<f64>,
    /// Mean rounding error, in last places, below which a plane is missing; 0 adds none
    /// [default: 0]
    #[arg(long, value_name = "SHARE")]
    resolution: Option<f64>,
    /// Iterations between decisions that need no haste [default: 20]
    #[arg(long, value_name = "N")]
    window: Option<u32>,
    /// Iterations after which every operand takes its widest format; 0 for never [default: 0]
    #[arg(long, value_name = "N")]
    widen_at: Option<u64>,
}

impl PolicyArgs {
    /// Losses in the smoothed loss, where given.
    pub fn loss_window(&self) -> Option<u32> {
        self.na2016.loss_window
    }

    /// The policy of `kind` for `tensors` on `array`; every constant it uses is noted in `settings`.
    ///
    /// # Errors
    /// A constant out of range.
    pub fn make(
        &self,
        kind: PolicyKind,
        settings: &mut Settings,
        array: &Config,
        tensors: &[TensorSpec],
    ) -> Result<Box<dyn Policy>> {
        let widest = array.max_bits().min(fxp::MAX_BITS);
        Ok(match kind {
            PolicyKind::Static => Box::new(self.make_static(settings, widest, tensors)?),
            PolicyKind::Na2016 => {
                Box::new(Na2016::new(self.na2016_config(settings, widest), tensors)?)
            }
            PolicyKind::Courbariaux2014 => {
                let config = self.courbariaux_config(settings, widest);
                Box::new(Courbariaux2014::new(config, tensors)?)
            }
            PolicyKind::Taras2018 => {
                Box::new(Taras2018::new(self.taras_config(settings, widest), tensors)?)
            }
            PolicyKind::Planewise => {
                let config = self.planewise_config(settings, array);
                Box::new(Planewise::new(config, tensors)?)
            }
        })
    }

    fn make_static(
        &self,
        settings: &mut Settings,
        widest: u32,
        tensors: &[TensorSpec],
    ) -> Result<Static> {
        let bits = settings.take("bits", &self.shared.bits, 16.min(widest));
        let storage_bits = settings.take("storage-bits", &self.shared.storage_bits, bits.max(16));
        let mut config = StaticConfig::new(bits, storage_bits, tensors)?;
        let mut shift = |name, given: &Option<i32>, formats: &mut [&mut Format]| {
            let default = formats[0].integer_length();
            let integer_length = settings.take(name, given, default);
            formats.iter_mut().try_for_each(|format| {
                **format = Format::with_integer_length(format.bits(), integer_length)?;
                Ok::<_, fxp::FxpError>(())
            })
        };
        let args = &self.fixed;
        shift("il-input", &args.il_input, &mut [&mut config.input])?;
        let parameters = &mut [&mut config.parameter, &mut config.storage];
        shift("il-parameters", &args.il_parameters, parameters)?;
        shift("il-activations", &args.il_activations, &mut [&mut config.activation])?;
        shift("il-gradients", &args.il_gradients, &mut [&mut config.gradient])?;
        Ok(Static::new(&config, tensors))
    }

    fn na2016_config(&self, settings: &mut Settings, widest: u32) -> Na2016Config {
        let args = &self.na2016;
        let first = Na2016Config::default();
        let max_bits = settings.take("max-width", &self.shared.max_width, widest);
        let target = first.target_bits.min(max_bits);
        Na2016Config {
            max_bits,
            target_bits: settings.take("target-width", &args.target_width, target),
            step_bits: settings.take("step-width", &args.step_width, first.step_bits),
            isearch_window: settings.take(
                "isearch-window",
                &args.isearch_window,
                first.isearch_window,
            ),
            dsearch_window: settings.take(
                "dsearch-window",
                &args.dsearch_window,
                first.dsearch_window,
            ),
            loss_window: settings.take("loss-window", &args.loss_window, first.loss_window),
            ..first
        }
    }

    fn courbariaux_config(&self, settings: &mut Settings, widest: u32) -> Courbariaux2014Config {
        let (shared, args) = (&self.shared, &self.courbariaux);
        let first = Courbariaux2014Config::default();
        Courbariaux2014Config {
            bits: settings.take("bits", &shared.bits, first.bits.min(widest)),
            storage_bits: settings.take("storage-bits", &shared.storage_bits, first.storage_bits),
            integer_length: settings.take("first-il", &shared.first_il, first.integer_length),
            overflow_limit: settings.take(
                "overflow-limit",
                &shared.overflow_limit,
                first.overflow_limit,
            ),
            interval: settings.take("interval", &args.interval, first.interval),
            calibration: settings.take("calibration", &args.calibration, first.calibration),
            calibration_bits: settings.take("max-width", &shared.max_width, widest),
        }
    }

    fn taras_config(&self, settings: &mut Settings, widest: u32) -> Taras2018Config {
        let (shared, args) = (&self.shared, &self.taras);
        let first = Taras2018Config::default();
        let bits_max = settings.take("max-width", &shared.max_width, widest);
        Taras2018Config {
            overflow_limit: settings.take(
                "overflow-limit",
                &shared.overflow_limit,
                first.overflow_limit,
            ),
            error_limit: settings.take("error-limit", &args.error_limit, first.error_limit),
            bits: settings.take("bits", &shared.bits, first.bits.min(bits_max)),
            integer_length: settings.take("first-il", &shared.first_il, first.integer_length),
            bits_min: settings.take("min-width", &args.min_width, first.bits_min),
            bits_max,
        }
    }

    fn planewise_config(&self, settings: &mut Settings, array: &Config) -> PlanewiseConfig {
        let (shared, args) = (&self.shared, &self.planewise);
        let first = PlanewiseConfig::default();
        let mut bits = |name, given: &Option<u32>, default| settings.take(name, given, default);
        let widths = PlanewiseConfig {
            chunk: array.spec().chunk,
            input_bits: bits("input-bits", &args.input_bits, first.input_bits),
            weight_bits: bits("weight-bits", &args.weight_bits, first.weight_bits),
            shared_weight_bits: bits(
                "shared-weight-bits",
                &args.shared_weight_bits,
                first.shared_weight_bits,
            ),
            activation_bits: bits("activation-bits", &args.activation_bits, first.activation_bits),
            gradient_bits: bits("gradient-bits", &args.gradient_bits, first.gradient_bits),
            loss_gradient_bits: bits(
                "loss-gradient-bits",
                &args.loss_gradient_bits,
                first.loss_gradient_bits,
            ),
            operand_bits_max: bits(
                "operand-bits-max",
                &args.operand_bits_max,
                first.operand_bits_max,
            ),
            storage_bits: bits("storage-bits", &shared.storage_bits, first.storage_bits),
            window: bits("window", &args.window, first.window),
            ..first
        };
        let mut share = |name, given: &Option<f64>, default| settings.take(name, given, default);
        PlanewiseConfig {
            overflow_limit: share("overflow-limit", &shared.overflow_limit, first.overflow_limit),
            gradient_overflow_limit: share(
                "gradient-overflow-limit",
                &args.gradient_overflow_limit,
                first.gradient_overflow_limit,
            ),
            resolution: share("resolution", &args.resolution, first.resolution),
            widen_at: settings.take("widen-at", &args.widen_at, first.widen_at),
            ..widths
        }
    }
}
