//! Makes the engine that a command asks for, on a generated design.

use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};
use std::sync::mpsc::{self, RecvTimeoutError};
use std::time::Duration;

use anyhow::{Context, Result, bail};
use flexmac_array::{ArrayConfig, Layout};
use flexmac_cosim::{CheckedEngine, ReplayHook, RtlEngine, SimulationError, Waves};
use flexmac_engine::{Engine, ReferenceEngine};
use flexmac_rtlgen::{Prefix, SourceFile};

use crate::cmd::gemm::ArrayEngine;
use crate::replay::Replayed;
use crate::tools;

/// A generated design: a configuration and the Verilog that implements it.
#[derive(Debug, Clone)]
pub struct ArrayDesign {
    /// The checked configuration.
    pub config: ArrayConfig,
    /// The Verilog, under the usual names.
    pub sources: Vec<SourceFile>,
    /// What its names begin with in its folder.
    pub prefix: Prefix,
    /// The Verilog is a mapped netlist with its cells' models, not RTL.
    pub gates: bool,
}

impl ArrayDesign {
    /// Reads a generated design and its Verilog files from a folder.
    pub fn read(folder: &Path) -> Result<Self> {
        let hint = || format!("--config {}", folder.display());
        let config = flexmac_rtlgen::read(folder).with_context(hint)?;
        let sources = flexmac_rtlgen::read_sources(folder).with_context(hint)?;
        let prefix = flexmac_rtlgen::read_prefix(folder).with_context(hint)?;
        Ok(Self { config, sources, prefix, gates: false })
    }

    /// The folder that the design was read from, or, if its names are not the usual ones, a copy of it in
    /// `scratch` where they are.
    pub fn usual_folder(&self, folder: &Path, scratch: &Path) -> Result<PathBuf> {
        if self.prefix.is_usual() {
            return Ok(folder.to_owned());
        }
        let copy = scratch.join("usual");
        flexmac_rtlgen::write_copy(&self.config, &self.sources, &copy)?;
        Ok(copy)
    }

    /// Reads a generated design, with the netlist of `flexmac synth` in place of its Verilog.
    pub fn read_netlist(folder: &Path, netlist: &Path) -> Result<Self> {
        let design = Self::read(folder)?;
        let hint = || format!("--netlist {}", netlist.display());
        let gates = flexmac_power::Gates::read(netlist).with_context(hint)?;
        gates.check_array(&design.config).with_context(hint)?;
        Ok(Self { sources: gates.model(false)?, gates: true, ..design })
    }

    /// Generates a design in memory.
    pub fn generate(config: ArrayConfig) -> Result<Self> {
        let sources = flexmac_rtlgen::verilog(&config)?;
        Ok(Self { config, sources, prefix: Prefix::default(), gates: false })
    }
}

/// Options of an engine. None changes a result.
#[derive(Debug, Clone, Copy)]
pub struct EngineOptions<'a> {
    /// How GEMMs lie on the array.
    pub layout: Layout,
    /// File for the waveform of every cycle.
    pub trace: Option<&'a Path>,
    /// Models that share the tiles of a GEMM; one per core if not given.
    pub threads: Option<NonZeroUsize>,
    /// Arrays that share each GEMM; the images of a batch are divided among them.
    pub arrays: NonZeroUsize,
    /// Whether planes of sign extension and panels of zeros are skipped.
    pub skip_planes: bool,
    /// Share of the tiles that the checked engine also runs on the RTL.
    pub check_rate: f64,
    /// File for the waveform of a tile on which RTL and reference differ.
    pub waves: &'a Path,
}

/// Most models that share a GEMM.
const MAX_MODELS: usize = 1024;

/// Parses a number of models.
pub fn models(text: &str) -> Result<NonZeroUsize, String> {
    let models = text.parse().ok().filter(|models: &NonZeroUsize| models.get() <= MAX_MODELS);
    models.ok_or_else(|| format!("expected a number from 1 to {MAX_MODELS}"))
}

/// Refuses a RAYON_NUM_THREADS above the cores of any machine: Rayon would start all those threads.
///
/// # Errors
/// The variable's value.
pub fn check_threads() -> Result<()> {
    let Ok(text) = std::env::var("RAYON_NUM_THREADS") else { return Ok(()) };
    // Rayon ignores a value that is not a number.
    match text.parse::<usize>() {
        Ok(threads) if threads > MAX_MODELS => {
            bail!("RAYON_NUM_THREADS: expected 0 to {MAX_MODELS}, 0 one a core, found {threads}")
        }
        _ => Ok(()),
    }
}

/// Threads to use where the command line does not say: RAYON_NUM_THREADS, by which a workflow tells
/// each of its jobs what share of the machine it has, or one a core.
pub fn cores() -> std::io::Result<NonZeroUsize> {
    let given = std::env::var("RAYON_NUM_THREADS").ok().and_then(|text| text.parse().ok());
    given.map_or_else(std::thread::available_parallelism, Ok)
}

/// Makes an engine for the element type of the design. `replay` is called with a GEMM on which RTL
/// and reference differ.
pub fn array_engine<T: Replayed>(
    kind: ArrayEngine,
    design: &ArrayDesign,
    options: EngineOptions<'_>,
    replay: ReplayHook<T>,
) -> Result<Box<dyn Engine<T>>>
where
    ReferenceEngine: Engine<T>,
    RtlEngine: Engine<T>,
    CheckedEngine: Engine<T>,
{
    let config = design.config.clone();
    let EngineOptions { layout, trace, threads, arrays, skip_planes, check_rate, waves } = options;
    if kind == ArrayEngine::Reference {
        let reference = ReferenceEngine::new(config)
            .with_layout(layout)
            .with_arrays(arrays)
            .with_plane_skipping(skip_planes);
        return Ok(Box::new(reference));
    }
    let rtl = rtl_engine(&config.summary(), || match design.gates {
        false => RtlEngine::new(config.clone(), &design.sources, trace),
        true => RtlEngine::gates(config.clone(), &design.sources),
    })?
    .with_layout(layout)
    .with_plane_skipping(skip_planes);
    let rtl = match arrays.get() {
        1 => rtl.with_models(threads.map_or_else(cores, Ok)?)?,
        _ => rtl.with_arrays(arrays)?,
    };
    if kind == ArrayEngine::Rtl {
        return Ok(Box::new(rtl));
    }
    let checked = CheckedEngine::new(rtl).with_rate(check_rate);
    let mut checked = checked.with_context(|| {
        format!("--check-rate: expected a share above 0 and at most 1, found {check_rate}")
    })?;
    if !design.gates {
        checked = checked.with_waves(waves_of_a_tile(design, waves));
    }
    Ok(Box::new(T::attach(checked, replay)))
}

/// Writes the waveform of a tile on which RTL and reference differ to `file`.
fn waves_of_a_tile(design: &ArrayDesign, file: &Path) -> Waves {
    let announce = |config: &ArrayConfig, file: &Path| {
        let (summary, file) = (config.summary(), file.display());
        errln!("rtl: building the model of {summary} with waves, to show a tile in {file}");
    };
    Waves { sources: design.sources.clone(), file: file.to_owned(), announce }
}

/// Builds a model. Prints a notice if this takes longer than to load a cached model, and warns of a Verilator that
/// the tests have not run with.
pub fn rtl_engine(
    summary: &str,
    build: impl FnOnce() -> Result<RtlEngine, SimulationError>,
) -> Result<RtlEngine, SimulationError> {
    let (done, waiting) = mpsc::channel::<()>();
    let engine = std::thread::scope(|scope| {
        scope.spawn(move || {
            if waiting.recv_timeout(QUICK) == Err(RecvTimeoutError::Timeout) {
                errln!("rtl: building the model of {summary} with Verilator; cached from then on");
            }
        });
        let built = build();
        drop(done);
        built
    })?;
    tools::warn_of_version("rtl", "verilator", engine.verilator_version());
    Ok(engine)
}

/// A cached model loads within this time.
const QUICK: Duration = Duration::from_secs(1);
