//! Saves a GEMM on which RTL and reference differ, so that it can be replayed alone.

use std::path::{Path, PathBuf};

use anyhow::Result;
use flexmac_array::Layout;
use flexmac_cosim::{CheckedEngine, ReplayHook};
use flexmac_engine::{Element, Gemm};
use ndarray::ArrayView2;
use ndarray_npy::WritableElement;

use crate::engines::ArrayDesign;
use crate::npy;
use crate::shell::word;

/// Layout of the GEMMs of training on the array.
pub const LAYOUT: Layout = Layout::Fastest;

/// The folder in which training saves a mismatch: `RUN/mismatch`, or a new folder in the system's
/// temporary folder.
pub fn folder(run: Option<&Path>) -> PathBuf {
    match run {
        Some(run) => run.join("mismatch"),
        None => std::env::temp_dir().join(format!("flexmac-mismatch-{}", std::process::id())),
    }
}

/// Element types of GEMMs that can be saved and replayed.
pub trait Replayed: Element + WritableElement {
    /// Gives the engine the hook.
    fn attach(engine: CheckedEngine, replay: ReplayHook<Self>) -> CheckedEngine;

    /// The flags of `flexmac gemm` for the formats of a GEMM, and for all that its result depends on
    /// besides operands, bias and layout.
    fn flags(product: &Gemm<'_, Self>) -> String;
}

impl Replayed for i32 {
    fn attach(engine: CheckedEngine, replay: ReplayHook<Self>) -> CheckedEngine {
        engine.with_replay(replay)
    }

    fn flags(product: &Gemm<'_, Self>) -> String {
        let sum_frac = product.a.format.frac() + product.b.format.frac();
        let bias_shift = product.bias.as_ref().map_or_else(String::new, |bias| {
            format!("--bias-shift {} ", sum_frac - bias.format.frac())
        });
        let seed = product.seed;
        format!(
            "{bias_shift}--bits-a {} --bits-b {} --shift {} --bits-out {} --round {} --seed {} \
             --seed-path {},{},{}",
            product.a.format.bits(),
            product.b.format.bits(),
            sum_frac - product.out.frac(),
            product.out.bits(),
            product.rounding,
            seed.run,
            seed.iteration,
            seed.layer,
            seed.role.name(),
        )
    }
}

impl Replayed for f32 {
    fn attach(engine: CheckedEngine, replay: ReplayHook<Self>) -> CheckedEngine {
        engine.with_float_replay(replay)
    }

    fn flags(product: &Gemm<'_, Self>) -> String {
        format!("--format-a {} --format-b {}", product.a.format, product.b.format)
    }
}

/// A hook that writes the operands and the design of a failing GEMM to [`folder`] and names the
/// `flexmac gemm` command that replays it.
pub fn save_gemm<T: Replayed>(
    design: ArrayDesign,
    run: Option<&Path>,
    skip_planes: bool,
) -> ReplayHook<T> {
    let flags = if skip_planes { " --skip-planes" } else { "" };
    hook(design, folder(run), LAYOUT, flags.to_owned())
}

/// A hook for GEMMs on which a netlist and the reference differ: saves the operands to
/// `OUT/mismatch` and names the command that replays them on the netlist.
pub fn save_gate_gemm<T: Replayed>(
    design: ArrayDesign,
    netlist: &Path,
    out: &Path,
) -> ReplayHook<T> {
    let flags = format!(" --netlist {}", word(netlist));
    hook(design, out.join("mismatch"), Layout::AsGiven, flags)
}

/// A hook that saves a GEMM to `folder`; `flags` end the command that replays it.
fn hook<T: Replayed>(
    design: ArrayDesign,
    folder: PathBuf,
    layout: Layout,
    flags: String,
) -> ReplayHook<T> {
    Box::new(move |product| match save(&design, &folder, product, layout) {
        Ok(command) => Some(command + &flags),
        // Report the difference even if its operands cannot be saved.
        Err(error) => Some(format!("not available: {error:#}")),
    })
}

fn save<T: Replayed>(
    design: &ArrayDesign,
    folder: &Path,
    product: &Gemm<'_, T>,
    layout: Layout,
) -> Result<String> {
    std::fs::create_dir_all(folder)?;
    flexmac_rtlgen::write_copy(&design.config, &design.sources, &folder.join("design"))?;
    let write = |name: &str, values: ArrayView2<'_, T>| -> Result<String> {
        let path = folder.join(name);
        npy::write_matrix(&path, values)?;
        Ok(word(&path))
    };
    let (a, b) = (write("a.npy", product.a.values)?, write("b.npy", product.b.values)?);
    let bias = match &product.bias {
        None => String::new(),
        Some(bias) => format!(" --bias {}", write("bias.npy", bias.values)?),
    };
    Ok(format!(
        "flexmac gemm --config {} --engine checked --a {a} --b {b}{bias} {} --layout {layout} --out {}",
        word(folder.join("design")),
        T::flags(product),
        word(folder.join("c.npy")),
    ))
}
