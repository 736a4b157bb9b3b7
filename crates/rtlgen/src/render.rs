//! From a checked configuration to Verilog text, all of it in memory.
//!
//! Verilog and templates are embedded in the binary, so an installed `flexmac` needs no folder of
//! its own. Output depends on the configuration alone: no dates, paths or hash order.

use flexmac_array::{ArrayConfig, Style};
use serde::Serialize;
use tera::{Context, Tera};

use crate::design::{Values, values, with_values};
use crate::error::RtlgenError;
use crate::prefix::Prefix;
use crate::registers::{c_header, json, markdown, register_map, regs_context, rust_module};
use crate::top::top_values;

/// The array with plain handshakes, which the host plays banks for.
pub const TOP: &str = "flexmac_core";

/// The accelerator behind buses, the last file of a design that has it.
pub const BUS_TOP: &str = "flexmac_top";

/// [`BUS_TOP`] with streams of a power of two of bytes.
pub const PADDED_TOP: &str = "flexmac_padded";

/// One file of a generated design.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SourceFile {
    /// Path inside the output folder, with `/`.
    pub path: String,
    /// Contents.
    pub text: String,
}

/// Cells that every style has, copied as they are.
const LEAVES: &[&str] = &[
    "flexmac_counter.v",
    "flexmac_delay.v",
    "flexmac_drain.v",
    "flexmac_pipe.v",
    "flexmac_stats.v",
];

/// ... that integer styles have.
const INTEGER_LEAVES: &[&str] = &[
    "flexmac_accumulate.v",
    "flexmac_adder.v",
    "flexmac_adder_segment.v",
    "flexmac_csa.v",
    "flexmac_dot.v",
    "flexmac_fifo.v",
    "flexmac_lfsr.v",
    "flexmac_mode.v",
    "flexmac_requant.v",
    "flexmac_results.v",
    "flexmac_saturate.v",
    "flexmac_seq.v",
    "flexmac_skew.v",
    "flexmac_sum.v",
];

const FLEX_LEAVES: &[&str] = &["flexmac_pe.v"];

const FIXED_LEAVES: &[&str] = &["flexmac_fixed_pe.v"];

/// ... that float styles have.
const FLOAT_LEAVES: &[&str] = &[
    "flexmac_adder.v",
    "flexmac_adder_segment.v",
    "flexmac_csa.v",
    "flexmac_dot.v",
    "flexmac_float_add.v",
    "flexmac_float_blocks.v",
    "flexmac_float_chain.v",
    "flexmac_float_decode.v",
    "flexmac_float_edge.v",
    "flexmac_float_mul.v",
    "flexmac_float_pe.v",
    "flexmac_float_scale.v",
    "flexmac_float_seq.v",
    "flexmac_float_tree.v",
    "flexmac_lzc.v",
];

/// ... that put the core behind buses.
const BUS_LEAVES: &[&str] = &[
    "flexmac_axil.v",
    "flexmac_bank.v",
    "flexmac_check.v",
    "flexmac_error.v",
    "flexmac_issue.v",
    "flexmac_load.v",
    "flexmac_operand.v",
    "flexmac_outlet.v",
    "flexmac_packet.v",
    "flexmac_queue.v",
    "flexmac_skid.v",
];

/// Modules of the integer styles whose parameters take the values of a design, below `rtl/`.
const MODULES: &[&str] = &["core/flexmac_column.v", "core/flexmac_array.v", "core/flexmac_core.v"];

/// ... of the float styles.
const FLOAT_MODULES: &[&str] =
    &["core/float/flexmac_column.v", "core/float/flexmac_array.v", "core/float/flexmac_core.v"];

/// ... that put the core behind buses.
const BUS_MODULES: &[&str] = &["bus/flexmac_padded.v", "bus/flexmac_top.v"];

/// Leaf cells, and the modules above them, of a style.
fn parts(style: Style) -> (Vec<&'static str>, &'static [&'static str]) {
    match style {
        Style::Flex => ([LEAVES, INTEGER_LEAVES, FLEX_LEAVES].concat(), MODULES),
        // A one-pass PE adds its own products up.
        Style::Fixed => ([LEAVES, INTEGER_LEAVES, FIXED_LEAVES].concat(), MODULES),
        Style::Fp32 | Style::Bf16 | Style::Fp8 => ([LEAVES, FLOAT_LEAVES].concat(), FLOAT_MODULES),
    }
}

/// A hand-written cell, as it is.
fn leaf(name: &&str) -> SourceFile {
    SourceFile { path: format!("rtl/{name}"), text: flexmac_assets::rtl(name).to_owned() }
}

/// A module whose parameters take the values of the design; `source` is its path in the repository.
fn module(config: &ArrayConfig, source: &str, values: &Values) -> SourceFile {
    let folder = source.split('/').next().unwrap_or(source);
    let name = source.rsplit('/').next().unwrap_or(source);
    let text = with_values(flexmac_assets::text(source), values);
    SourceFile { path: format!("{folder}/{name}"), text: head(config, source) + &text }
}

/// The one module that is rendered: its ports and cases follow from the register map.
fn register_file(config: &ArrayConfig) -> Result<SourceFile, RtlgenError> {
    let source = "templates/flexmac_regs.v.tera";
    let context = regs_context(&register_map(), config, head(config, source).trim_end().to_owned());
    let text = render_text("flexmac_regs", flexmac_assets::text(source), &context)?;
    Ok(SourceFile { path: "rtl/flexmac_regs.v".to_owned(), text })
}

/// The smallest test bench of a whole design.
const TESTBENCH: &str = "sim/flexmac_top_tb.v";

/// Context of the file list, the FuseSoC core and the Bender manifest.
#[derive(Debug, Serialize)]
struct Package {
    name: String,
    version: &'static str,
    description: String,
    files: Vec<String>,
    toplevel: &'static str,
    has_testbench: bool,
    testbench: &'static str,
}

/// The Verilog of a design: leaf cells, then the modules above them, the top last.
///
/// # Errors
/// [`RtlgenError::Template`], which would be a fault of this program.
pub fn verilog(config: &ArrayConfig) -> Result<Vec<SourceFile>, RtlgenError> {
    let (mut leaves, modules) = parts(config.style());
    leaves.sort_unstable();
    let values = values(config);
    let mut files: Vec<_> = leaves.iter().map(leaf).collect();
    files.extend(modules.iter().map(|path| module(config, &format!("rtl/{path}"), &values)));
    if has_bus_top(config) {
        files.extend(BUS_LEAVES.iter().map(leaf));
        files.push(register_file(config)?);
        let values = top_values(config);
        files
            .extend(BUS_MODULES.iter().map(|path| module(config, &format!("rtl/{path}"), &values)));
    }
    Ok(files)
}

/// Whether a design has `flexmac_top`: its registers and streams are those of the flexible array.
fn has_bus_top(config: &ArrayConfig) -> bool {
    config.spec().style == Style::Flex
}

/// First line of a generated module.
fn head(config: &ArrayConfig, source: &str) -> String {
    format!(
        "// Generated by flexmac {} from {source} for {}.\n",
        env!("CARGO_PKG_VERSION"),
        config.summary()
    )
}

/// Everything `flexmac gen` writes apart from config.json: Verilog, a testbench, file lists, FuseSoC
/// core, Bender manifest, and the register map for software.
///
/// # Errors
/// [`RtlgenError::PrefixTaken`]; [`RtlgenError::Template`], which would be a fault of this program.
pub fn package(config: &ArrayConfig, prefix: &Prefix) -> Result<Vec<SourceFile>, RtlgenError> {
    let mut files = verilog(config)?;
    let package = Package {
        name: prefix.to_string(),
        version: env!("CARGO_PKG_VERSION"),
        description: format!("flexmac array, {}", config.summary()),
        files: files.iter().map(|file| file.path.clone()).collect(),
        toplevel: if has_bus_top(config) { BUS_TOP } else { TOP },
        has_testbench: has_bus_top(config),
        testbench: TESTBENCH,
    };
    for name in ["flexmac.f", "flexmac-root.f", "flexmac.core", "Bender.yml"] {
        let template = flexmac_assets::text(&format!("templates/{name}.tera"));
        let text = render_text(name, template, &package)?;
        files.push(SourceFile { path: name.to_owned(), text });
    }
    if has_bus_top(config) {
        files.extend(bus_extras(config)?);
    }
    prefix.rename_all(files)
}

/// Names of all modules of all styles, without what they begin with.
pub(crate) fn module_names() -> Vec<&'static str> {
    let mut files: Vec<_> = Style::ALL
        .into_iter()
        .flat_map(|style| {
            let (leaves, modules) = parts(style);
            leaves.into_iter().chain(modules.iter().copied())
        })
        .chain(BUS_LEAVES.iter().copied())
        .chain(BUS_MODULES.iter().copied())
        .chain(["flexmac_regs.v"])
        .filter_map(|path| path.rsplit('/').next()?.strip_prefix("flexmac_")?.strip_suffix(".v"))
        .collect();
    files.sort_unstable();
    files.dedup();
    files
}

/// What comes with `flexmac_top`: a testbench, and the register map for software.
fn bus_extras(config: &ArrayConfig) -> Result<Vec<SourceFile>, RtlgenError> {
    let mut files = Vec::new();
    let map = register_map();
    files.push(module(config, TESTBENCH, &top_values(config)));
    for (name, text) in [
        ("flexmac_regs.h", c_header(&map)?),
        ("flexmac_regs.rs", rust_module(&map)?),
        ("registers.json", json(&map)),
        ("registers.md", markdown(&map)?),
    ] {
        files.push(SourceFile { path: format!("sw/{name}"), text });
    }
    Ok(files)
}

/// Renders one template that includes no other.
pub(crate) fn render_text<C: Serialize>(
    name: &'static str,
    template: &'static str,
    context: &C,
) -> Result<String, RtlgenError> {
    let mut tera = Tera::default();
    tera.add_raw_templates([(name, template)]).map_err(|error| template_error(name, &error))?;
    let context = Context::from_serialize(context).map_err(|error| template_error(name, &error))?;
    tera.render(name, &context).map_err(|error| template_error(name, &error))
}

fn template_error(name: &'static str, error: &tera::Error) -> RtlgenError {
    RtlgenError::Template { name, message: error.to_string() }
}

#[cfg(test)]
mod tests {
    use super::*;
    use flexmac_array::ArraySpec;

    #[test]
    fn output_depends_on_the_configuration_alone() {
        let config = ArraySpec::default().check().unwrap();
        let prefix = Prefix::default();
        assert_eq!(package(&config, &prefix).unwrap(), package(&config, &prefix).unwrap());
    }

    #[test]
    fn every_file_holds_the_module_it_is_named_after() {
        let specs = Style::ALL.map(|style| ArraySpec {
            rows: 3,
            cols: 5,
            lanes: 3,
            ..ArraySpec::of_style(style)
        });
        for file in specs.into_iter().flat_map(|spec| verilog(&spec.check().unwrap()).unwrap()) {
            let name = file.path.strip_prefix("rtl/").unwrap().strip_suffix(".v").unwrap();
            assert!(file.text.contains(&format!("\nmodule {name} ")), "{}", file.path);
            assert!(!file.text.contains("{{ ") && !file.text.contains("{%"), "{}", file.path);
            assert!(file.text.lines().all(|line| line.trim_end() == line), "{}", file.path);
        }
    }
}
