//! `flexmac verify`: checks a generated design as it is in its folder. The steps are independent:
//! when one fails, the others still run.

mod lint;
mod proofs;

use std::path::{Path, PathBuf};
use std::time::Instant;

use anyhow::{Context, Result, bail};
use clap::{Args, ValueEnum};
use flexmac_array::{ArrayConfig, ArraySpec, Style};
use flexmac_cosim::{CheckedEngine, FloatTrial, RtlEngine, SimulationError, Trial};
use flexmac_engine::{Element, Engine, EngineError, Gemm, GemmError};
use rand::SeedableRng;
use rand::rngs::StdRng;
use serde::Serialize;

use crate::engines::{ArrayDesign, rtl_engine};
use crate::exit::Differs;
use crate::shell::value_name;
use crate::tools;

/// Name and flags of `flexmac gen`, one configuration a line.
const SUPPORTED: &str = "tests/configs.txt";

/// A step of the verification.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum VerifyStep {
    /// Verilator, Icarus and Yosys give no warning
    Lint,
    /// RTL and reference agree on every GEMM of small operands
    Exhaustive,
    /// RTL and reference agree on random GEMMs
    Random,
    /// The rules of its modules are proven (needs python3, yosys, z3, iverilog)
    Proofs,
}

impl VerifyStep {
    /// The tools that it runs, without those that build a model.
    fn tools(self) -> &'static [&'static str] {
        match self {
            Self::Lint => &["verilator", "iverilog", "yosys"],
            Self::Exhaustive | Self::Random => &[],
            Self::Proofs => &["python3", "yosys", "z3", "iverilog"],
        }
    }
}

/// Flags of `flexmac verify`.
#[derive(Debug, Args)]
pub struct VerifyArgs {
    /// Generated design: the folder that `flexmac gen` wrote, with its Verilog as it is there
    #[arg(long, value_name = "DIR", required_unless_present = "supported")]
    config: Option<PathBuf>,
    /// Verify every configuration that ./scripts/test lints, in place of one design; takes hours
    #[arg(long, conflicts_with = "config")]
    supported: bool,
    /// Only the configuration of this name, of --supported
    #[arg(long, value_name = "NAME", requires = "supported")]
    name: Option<String>,
    /// Steps, comma-separated [default: all]
    #[arg(long, value_enum, value_delimiter = ',')]
    only: Vec<VerifyStep>,
    /// Number of random GEMMs
    #[arg(long, value_name = "N", default_value_t = 200,
          value_parser = clap::value_parser!(u64).range(1..))]
    cases: u64,
    /// Seed of the random GEMMs
    #[arg(long, value_name = "N", default_value_t = 1)]
    seed: u64,
    /// Skip planes in the GEMMs of integers, whose random operands then are narrow or zero in places
    #[arg(long)]
    skip_planes: bool,
    /// Also run the proofs that take minutes each
    #[arg(long)]
    long: bool,
    /// Print a line of JSON for each step
    #[arg(long)]
    json: bool,
}

impl VerifyArgs {
    /// The steps asked for, in their order.
    fn steps(&self) -> Vec<VerifyStep> {
        let steps = VerifyStep::value_variants().iter().copied();
        steps.filter(|step| self.only.is_empty() || self.only.contains(step)).collect()
    }
}

/// The result of a step.
#[derive(Debug, Serialize)]
struct Answer<'a> {
    /// Folder of the design, or name of the configuration.
    design: &'a str,
    step: VerifyStep,
    passed: bool,
    /// What was compared, linted or proven.
    what: String,
    /// Where it failed, why.
    found: Option<String>,
    seconds: f64,
}

/// What was checked, or what failed.
type Found = Result<String, String>;

/// Verifies the designs.
///
/// # Errors
/// [`Differs`] if a step failed; a tool that is missing or did not run.
pub fn run(args: &VerifyArgs) -> Result<()> {
    let steps = args.steps().into_iter().flat_map(VerifyStep::tools).copied();
    tools::warn_untried("verify", &steps.collect::<Vec<_>>());
    let mut failed = Vec::new();
    if let Some(folder) = &args.config {
        verify(args, &folder.display().to_string(), folder, &mut failed)?;
    } else {
        let scratch = tempfile::tempdir().context("verify: make a folder")?;
        for (name, config) in supported(args.name.as_deref())? {
            let folder = scratch.path().join(&name);
            flexmac_rtlgen::write(&config, &folder).with_context(|| format!("verify: {name}"))?;
            verify(args, &name, &folder, &mut failed)?;
        }
    }
    match failed.as_slice() {
        [] => Ok(()),
        failed => Err(Differs(format!("verify: failed: {}", failed.join(", "))).into()),
    }
}

fn verify(args: &VerifyArgs, name: &str, folder: &Path, failed: &mut Vec<String>) -> Result<()> {
    let design = ArrayDesign::read(folder)?;
    for step in args.steps() {
        let begun = Instant::now();
        let found = match step {
            VerifyStep::Lint => lint::run(folder, &design)?,
            VerifyStep::Proofs => proofs::run(folder, &design, args.long)?,
            VerifyStep::Exhaustive | VerifyStep::Random => simulate(args, step, &design)?,
        };
        let label = value_name(&step);
        if found.is_err() {
            failed.push(format!("{label} of {name}"));
        }
        let (passed, what, found) = match found {
            Ok(what) => (true, what, None),
            Err(found) => (false, String::new(), Some(found)),
        };
        let seconds = begun.elapsed().as_secs_f64();
        let answer = Answer { design: name, step, passed, what, found, seconds };
        if args.json {
            outln!("{}", serde_json::to_string(&answer)?);
            continue;
        }
        let verdict = if passed { "ok  " } else { "FAIL" };
        let said = answer.found.as_ref().unwrap_or(&answer.what);
        outln!("{verdict} {name}  {label:<10}  {seconds:6.1} s  {said}");
    }
    Ok(())
}

/// The supported configurations, or the one of a name.
fn supported(only: Option<&str>) -> Result<Vec<(String, ArrayConfig)>> {
    let lines = flexmac_assets::text(SUPPORTED).lines().filter(|line| !line.starts_with('#'));
    let all: Vec<_> = lines.filter_map(|line| line.split_once(':')).collect();
    let chosen: Vec<_> =
        all.iter().filter(|(name, _)| only.is_none_or(|only| only == *name)).collect();
    if chosen.is_empty() {
        let names: Vec<_> = all.iter().map(|(name, _)| *name).collect();
        bail!(
            "verify: --name: expected one of {}, found {}",
            names.join(", "),
            only.unwrap_or_default()
        );
    }
    let parse = |(name, flags): &&(&str, &str)| {
        let spec = ArraySpec::from_flags(flags.split_whitespace());
        let config = spec.map_err(anyhow::Error::msg).and_then(|spec| Ok(spec.check()?));
        Ok(((*name).to_owned(), config.with_context(|| format!("{SUPPORTED}: {name}"))?))
    };
    chosen.iter().map(parse).collect()
}

/// Co-simulates trials, every bit, sum, counter and cycle compared.
fn simulate(args: &VerifyArgs, step: VerifyStep, design: &ArrayDesign) -> Result<Found> {
    let config = &design.config;
    let rtl =
        rtl_engine(&config.summary(), || RtlEngine::as_written(config.clone(), &design.sources))?;
    if args.skip_planes && config.style().is_float() {
        bail!("verify: --skip-planes: expected an array of integers, found {}", config.summary());
    }
    let mut engine = CheckedEngine::new(rtl.with_plane_skipping(args.skip_planes));
    let mut random = StdRng::seed_from_u64(args.seed);
    let (seed, skips) = (args.seed, args.skip_planes);
    let mut compared = Compared { step, seed, skips, products: 0, results: 0 };
    match (config.style(), step) {
        (Style::Fp32 | Style::Bf16 | Style::Fp8, VerifyStep::Exhaustive) => {
            compared.all(&mut engine, FloatTrial::exhaustive(config), FloatTrial::gemm)
        }
        (Style::Fp32 | Style::Bf16 | Style::Fp8, _) => {
            let trials = (0..args.cases).map(|_| FloatTrial::random(config, &mut random));
            compared.all(&mut engine, trials, FloatTrial::gemm)
        }
        (_, VerifyStep::Exhaustive) => {
            compared.all(&mut engine, Trial::exhaustive(config), Trial::gemm)
        }
        (_, _) => {
            let trials = (0..args.cases).map(|_| {
                let trial = Trial::random(config, &mut random);
                if args.skip_planes { trial.narrowed(&mut random) } else { trial }
            });
            compared.all(&mut engine, trials, Trial::gemm)
        }
    }
}

/// Whether RTL and reference differ, or the RTL gave no result.
fn is_difference(error: &EngineError) -> bool {
    match error {
        EngineError::Mismatch(_) => true,
        EngineError::Backend(error) => {
            matches!(error.downcast_ref(), Some(SimulationError::Hang { .. }))
        }
        _ => false,
    }
}

/// Counts of what was compared.
struct Compared {
    step: VerifyStep,
    seed: u64,
    /// Whether planes are skipped.
    skips: bool,
    products: u64,
    results: usize,
}

impl Compared {
    fn all<C, T: Element>(
        &mut self,
        engine: &mut CheckedEngine,
        trials: impl IntoIterator<Item = C>,
        product: for<'a> fn(&'a C) -> Gemm<'a, T>,
    ) -> Result<Found>
    where
        CheckedEngine: Engine<T>,
    {
        for (number, trial) in (1_u64..).zip(trials) {
            match engine.gemm(&product(&trial)) {
                Ok(outcome) => {
                    self.products += 1;
                    self.results += outcome.values.len();
                }
                // A random GEMM may need a wider sum than the array has.
                Err(EngineError::Gemm(GemmError::SumRange { .. })) => {}
                Err(error) if is_difference(&error) => {
                    let again = match self.step {
                        VerifyStep::Random => {
                            let skipping = if self.skips { " --skip-planes" } else { "" };
                            format!(" of --seed {}, --cases {number}{skipping}", self.seed)
                        }
                        _ => String::new(),
                    };
                    return Ok(Err(format!("product {number}{again}: {error}")));
                }
                Err(error) => return Err(error).context("verify"),
            }
        }
        if self.results == 0 {
            bail!("verify: expected products whose sums fit the array, found none; more --cases");
        }
        Ok(Ok(format!("{} products, {} results compared", self.products, self.results)))
    }
}
