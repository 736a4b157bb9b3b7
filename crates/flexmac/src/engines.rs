//! From an engine's name and a design to something that multiplies.

use std::path::Path;
use std::sync::mpsc::{self, RecvTimeoutError};
use std::time::Duration;

use anyhow::{Context, Result};
use cosim::{CheckedEngine, Engine, ReferenceEngine, ReplayHook, RtlEngine};
use rtlgen::{Config, Layout, SourceFile};

use crate::cmd::gemm::FixedEngine;

/// A configuration and the Verilog that implements it.
#[derive(Debug, Clone)]
pub struct Design {
    /// The checked configuration.
    pub config: Config,
    /// The Verilog.
    pub sources: Vec<SourceFile>,
}

impl Design {
    /// Reads a generated design from its folder, Verilog as it stands there.
    pub fn read(folder: &Path) -> Result<Self> {
        let hint = || format!("--config {}", folder.display());
        let config = rtlgen::read(folder).with_context(hint)?;
        let sources = rtlgen::read_sources(folder).with_context(hint)?;
        Ok(Self { config, sources })
    }

    /// Generates a design in memory.
    pub fn generate(config: Config) -> Result<Self> {
        let sources = rtlgen::verilog(&config)?;
        Ok(Self { config, sources })
    }
}

/// Makes an integer engine. `replay` is told of a product on which RTL and reference differ.
pub fn fixed_engine(
    kind: FixedEngine,
    design: &Design,
    layout: Layout,
    trace: Option<&Path>,
    replay: Option<ReplayHook>,
) -> Result<Box<dyn Engine<i32>>> {
    let config = design.config.clone();
    if kind == FixedEngine::Reference {
        return Ok(Box::new(ReferenceEngine::new(config).with_layout(layout)));
    }
    let rtl =
        patiently(&config.summary(), || RtlEngine::new(config.clone(), &design.sources, trace))?
            .with_layout(layout);
    if kind == FixedEngine::Rtl {
        return Ok(Box::new(rtl));
    }
    let checked = CheckedEngine::new(rtl);
    Ok(Box::new(match replay {
        Some(hook) => checked.with_replay(hook),
        None => checked,
    }))
}

/// Runs a build that is quick when cached, and says what it is when it is not.
fn patiently<T>(summary: &str, build: impl FnOnce() -> T) -> T {
    let (done, waiting) = mpsc::channel::<()>();
    std::thread::scope(|scope| {
        scope.spawn(move || {
            if waiting.recv_timeout(QUICK) == Err(RecvTimeoutError::Timeout) {
                eprintln!(
                    "rtl: building the model of {summary} with Verilator; cached from then on"
                );
            }
        });
        let built = build();
        drop(done);
        built
    })
}

/// A cached model loads within this time.
const QUICK: Duration = Duration::from_secs(1);
