//! Saves a GEMM on which RTL and reference differ, so that it can be replayed alone.

use std::path::{Path, PathBuf};

use anyhow::Result;
use flexmac_array::Layout;
use flexmac_cosim::ReplayHook;
use flexmac_engine::Gemm;
use ndarray::ArrayView2;

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

/// A hook that writes the operands and the design of a failing GEMM to [`folder`] and names the
/// `flexmac gemm` command that replays it.
pub fn save_gemm(design: ArrayDesign, run: Option<&Path>, skip_planes: bool) -> ReplayHook {
    let folder = folder(run);
    let skipping = if skip_planes { " --skip-planes" } else { "" };
    Box::new(move |product| match save(&design, &folder, product, LAYOUT) {
        Ok(command) => Some(command + skipping),
        // Report the difference even if its operands cannot be saved.
        Err(error) => Some(format!("not available: {error:#}")),
    })
}

/// A hook for GEMMs on which a netlist and the reference differ: saves the operands to
/// `OUT/mismatch` and names the command that replays them on the netlist.
pub fn save_gate_gemm(design: ArrayDesign, netlist: &Path, out: &Path) -> ReplayHook {
    let (netlist, folder) = (netlist.to_owned(), out.join("mismatch"));
    Box::new(move |product| match save(&design, &folder, product, Layout::AsGiven) {
        Ok(command) => Some(format!("{command} --netlist {}", word(&netlist))),
        Err(error) => Some(format!("not available: {error:#}")),
    })
}

/// Like [`save_gemm`], for GEMMs of floats.
pub fn save_float_gemm(design: ArrayDesign, run: Option<&Path>) -> ReplayHook<f32> {
    let folder = folder(run);
    Box::new(move |product| match save_floats(&design, &folder, product, LAYOUT) {
        Ok(command) => Some(command),
        Err(error) => Some(format!("not available: {error:#}")),
    })
}

/// Like [`save_gate_gemm`], for GEMMs of floats.
pub fn save_gate_float_gemm(design: ArrayDesign, netlist: &Path, out: &Path) -> ReplayHook<f32> {
    let (netlist, folder) = (netlist.to_owned(), out.join("mismatch"));
    Box::new(move |product| match save_floats(&design, &folder, product, Layout::AsGiven) {
        Ok(command) => Some(format!("{command} --netlist {}", word(&netlist))),
        Err(error) => Some(format!("not available: {error:#}")),
    })
}

fn save_floats(
    design: &ArrayDesign,
    folder: &Path,
    product: &Gemm<'_, f32>,
    layout: Layout,
) -> Result<String> {
    std::fs::create_dir_all(folder)?;
    flexmac_rtlgen::write_copy(&design.config, &design.sources, &folder.join("design"))?;
    let write = |name: &str, values: ArrayView2<'_, f32>| -> Result<String> {
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
        "flexmac gemm --config {} --engine checked --a {a} --b {b}{bias} --format-a {} --format-b {} \
         --layout {layout} --out {}",
        word(folder.join("design")),
        product.a.format,
        product.b.format,
        word(folder.join("c.npy")),
    ))
}

fn save(
    design: &ArrayDesign,
    folder: &Path,
    product: &Gemm<'_, i32>,
    layout: Layout,
) -> Result<String> {
    std::fs::create_dir_all(folder)?;
    flexmac_rtlgen::write_copy(&design.config, &design.sources, &folder.join("design"))?;
    let write = |name: &str, values: ArrayView2<'_, i32>| -> Result<PathBuf> {
        let path = folder.join(name);
        npy::write_matrix(&path, values)?;
        Ok(path)
    };
    let a = write("a.npy", product.a.values)?;
    let b = write("b.npy", product.b.values)?;
    let sum_frac = product.a.format.frac() + product.b.format.frac();
    let bias = match &product.bias {
        None => String::new(),
        Some(bias) => {
            let path = write("bias.npy", bias.values)?;
            format!(" --bias {} --bias-shift {}", word(&path), sum_frac - bias.format.frac())
        }
    };
    let seed = product.seed;
    Ok(format!(
        "flexmac gemm --config {} --engine checked --a {} --b {} --bits-a {} --bits-b {}{bias} \
         --shift {} --bits-out {} --round {} --seed {} --seed-path {},{},{} --layout {layout} --out {}",
        word(folder.join("design")),
        word(&a),
        word(&b),
        product.a.format.bits(),
        product.b.format.bits(),
        sum_frac - product.out.frac(),
        product.out.bits(),
        product.rounding,
        seed.run,
        seed.iteration,
        seed.layer,
        seed.role.name(),
        word(folder.join("c.npy")),
    ))
}
