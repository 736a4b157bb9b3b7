//! The flexmac command line: flags, glue and printing; the work is in the libraries.
//!
//! Results go to stdout, diagnostics to stderr. Exit 0 success, 1 a comparison or proof failed,
//! 2 a usage, input or tool error, 130 an interrupt.

/// `println!` that returns an error, and does not panic, when the reader has closed the output.
macro_rules! outln {
    ($($arg:tt)*) => {
        std::io::Write::write_fmt(
            &mut std::io::stdout(),
            format_args!("{}\n", format_args!($($arg)*)),
        )?
    };
}

/// `eprintln!` that ignores a closed stderr.
macro_rules! errln {
    ($($arg:tt)*) => {{
        let line = format!("{}\n", format_args!($($arg)*));
        let _ = std::io::Write::write_all(&mut std::io::stderr(), line.as_bytes());
    }};
}

mod bundles;
mod cmd;
mod config_args;
mod engines;
mod exit;
mod former_flags;
mod hint;
mod interrupt;
mod npy;
mod progress;
mod replay;
mod run_config;
mod settings;
mod shell;
mod tools;
mod workflow;

use std::process::ExitCode;

use clap::{CommandFactory, FromArgMatches, Parser, Subcommand};

/// Variable-precision training hardware: generate it, co-simulate training on it, synthesize it.
#[derive(Debug, Parser)]
#[command(name = "flexmac", version, max_term_width = 100)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Generate the Verilog of an array.
    Gen(cmd::generate::GenArgs),
    /// List every parameter of an array: type, range, default, meaning.
    Describe(cmd::describe::DescribeArgs),
    /// Multiply two matrices on an array, on its reference, or on both and compare.
    Gemm(cmd::gemm::GemmArgs),
    /// Train a network under a precision policy: on an array, on its reference, or in float.
    Train(Box<cmd::train::TrainArgs>),
    /// Check bundles of sampled tiles of a run on the RTL, here or by a Snakemake workflow.
    Check(Box<cmd::check::CheckArgs>),
    /// Verify a generated design: lint, small and random GEMMs on the RTL, proofs.
    Verify(cmd::verify::VerifyArgs),
    /// Write a run's weights for other programs.
    Weights(cmd::weights::WeightsArgs),
    /// Map a generated design to gates: area and clock.
    Synth(cmd::synth::SynthArgs),
    /// Simulate a netlist on training operands: compare it with the reference, measure energy per
    /// precision mode.
    Power(Box<cmd::power::PowerArgs>),
    /// Estimate cycles, bandwidth and utilisation of training a network on arrays of many sizes.
    Estimate(cmd::estimate::EstimateArgs),
    /// Run a design-space study as a Snakemake workflow.
    Sweep(cmd::sweep::SweepArgs),
    /// Compare the runs of a study on its flexible arrays with the same training on its baselines.
    Headline(cmd::headline::HeadlineArgs),
    /// Get and check data sets.
    Data(cmd::data::DataArgs),
    /// Show which tools and data sets are here, and what a command misses.
    Doctor(cmd::doctor::DoctorArgs),
    /// Show a run, or several side by side, as one HTML page with plots.
    Report(cmd::report::ReportArgs),
    /// Write the manual: one page, or one for each command.
    Man(cmd::manual::ManArgs),
    /// Write completions for a shell.
    Completions(cmd::manual::CompletionsArgs),
}

fn main() -> ExitCode {
    let words = former_flags::rename(std::env::args_os(), former_flags::note);
    let matches = with_negative_numbers(Cli::command()).get_matches_from(words);
    let command = Cli::from_arg_matches(&matches).unwrap_or_else(|error| error.exit()).command;
    let result = engines::check_threads().and_then(|()| run(command));
    exit::report(result)
}

/// Takes `-1` after an option as its value, so that the error says what the option expects, and not
/// that there is no option `-1`.
fn with_negative_numbers(command: clap::Command) -> clap::Command {
    let names: Vec<_> = command.get_subcommands().map(|sub| sub.get_name().to_owned()).collect();
    let command = command.mut_args(|arg| match arg.is_positional() {
        true => arg,
        false => arg.allow_negative_numbers(true),
    });
    names.into_iter().fold(command, |all, name| all.mut_subcommand(name, with_negative_numbers))
}

fn run(command: Command) -> anyhow::Result<()> {
    match command {
        Command::Gen(args) => cmd::generate::run(&args),
        Command::Describe(args) => cmd::describe::run(&args),
        Command::Gemm(args) => cmd::gemm::run(&args),
        Command::Train(args) => cmd::train::run(&args),
        Command::Check(args) => cmd::check::run(&args),
        Command::Verify(args) => cmd::verify::run(&args),
        Command::Weights(args) => cmd::weights::run(&args),
        Command::Synth(args) => cmd::synth::run(&args),
        Command::Power(args) => cmd::power::run(&args),
        Command::Estimate(args) => cmd::estimate::run(&args),
        Command::Sweep(args) => cmd::sweep::run(&args, &Cli::command()),
        Command::Headline(args) => cmd::headline::run(&args),
        Command::Data(args) => cmd::data::run(&args),
        Command::Doctor(args) => cmd::doctor::run(&args),
        Command::Report(args) => cmd::report::run(&args),
        Command::Man(args) => cmd::manual::man(&args, Cli::command()),
        Command::Completions(args) => cmd::manual::completions(&args, Cli::command()),
    }
}
