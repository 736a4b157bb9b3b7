//! From a checked configuration to Verilog text, all of it in memory.
//!
//! Verilog and templates are embedded in the binary, so an installed `flexmac` needs no folder of
//! its own. Output depends on the configuration alone: no dates, paths or hash order.

use serde::Serialize;
use tera::{Context, Tera};

use crate::config::{Config, Style};
use crate::design::{Values, values, with_values};
use crate::error::RtlgenError;
use crate::registers::{c_header, json, markdown, register_map, regs_context, rust_module};
use crate::top::top_values;

/// The array with plain handshakes, which the host plays banks for.
pub const TOP: &str = "flexmac_core";

/// The accelerator behind buses, the last file of a design that has it.
pub const BUS_TOP: &str = "flexmac_top";

/// One file of a generated design.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SourceFile {
    /// Path inside the output folder, with `/`.
    pub path: String,
    /// Contents.
    pub text: String,
}

macro_rules! leaf {
    ($path:literal) => {
        ($path, include_str!(concat!("../../../rtl/", $path)))
    };
}

macro_rules! leaves {
    ($($path:literal),* $(,)?) => {
        &[$(leaf!($path)),*]
    };
}

/// Cells that every style has, copied as they are.
const LEAVES: &[Text] = leaves![
    "lib/flexmac_counter.v",
    "lib/flexmac_delay.v",
    "core/flexmac_drain.v",
    "lib/flexmac_pipe.v",
    "core/flexmac_stats.v",
];

/// ... that integer styles have.
const INTEGER_LEAVES: &[Text] = leaves![
    "pe/flexmac_accumulate.v",
    "lib/flexmac_adder.v",
    "lib/flexmac_adder_segment.v",
    "pe/flexmac_csa.v",
    "pe/flexmac_dot.v",
    "lib/flexmac_fifo.v",
    "core/flexmac_lfsr.v",
    "core/flexmac_mode.v",
    "core/flexmac_requant.v",
    "core/flexmac_results.v",
    "core/flexmac_saturate.v",
    "core/flexmac_seq.v",
    "lib/flexmac_skew.v",
    "core/flexmac_sum.v",
];

const FLEX_LEAVES: &[Text] = leaves!["pe/flexmac_pe.v"];

const FIXED_LEAVES: &[Text] = leaves!["pe/flexmac_fixed_pe.v"];

const FP32_LEAVES: &[Text] = leaves![
    "lib/flexmac_adder.v",
    "lib/flexmac_adder_segment.v",
    "pe/flexmac_fp32_add.v",
    "core/fp32/flexmac_fp32_edge.v",
    "pe/flexmac_fp32_mul.v",
    "pe/flexmac_fp32_pe.v",
    "core/fp32/flexmac_fp32_seq.v",
    "pe/flexmac_fp32_unit.v",
    "lib/flexmac_lzc.v",
];

/// ... that put the core behind buses.
const BUS_LEAVES: &[Text] = leaves![
    "bus/flexmac_axil.v",
    "bus/flexmac_bank.v",
    "bus/flexmac_check.v",
    "bus/flexmac_error.v",
    "bus/flexmac_issue.v",
    "bus/flexmac_load.v",
    "bus/flexmac_operand.v",
    "bus/flexmac_outlet.v",
    "bus/flexmac_packet.v",
    "lib/flexmac_queue.v",
    "lib/flexmac_skid.v",
];

/// Hand-written modules of the integer styles whose parameters take the values of a design.
const MODULES: &[Text] =
    leaves!["core/flexmac_column.v", "core/flexmac_array.v", "core/flexmac_core.v"];

/// ... of the float style.
const FP32_MODULES: &[Text] =
    leaves!["core/fp32/flexmac_column.v", "core/fp32/flexmac_array.v", "core/fp32/flexmac_core.v"];

/// ... that puts the core behind buses.
const BUS_MODULE: Text = leaf!("bus/flexmac_top.v");

/// Path below rtl/ and text of a file.
type Text = (&'static str, &'static str);

/// Leaf cells, and the modules above them, of a style.
fn parts(style: Style) -> (Vec<Text>, &'static [Text]) {
    match style {
        Style::Flex => ([LEAVES, INTEGER_LEAVES, FLEX_LEAVES].concat(), MODULES),
        // A one-pass PE adds its own products up.
        Style::Fixed => ([LEAVES, INTEGER_LEAVES, FIXED_LEAVES].concat(), MODULES),
        Style::Fp32 => ([LEAVES, FP32_LEAVES].concat(), FP32_MODULES),
    }
}

/// The one module that is rendered: its ports and cases follow from the register map.
const REGISTER_FILE: &str = include_str!("../../../templates/flexmac_regs.v.tera");

/// The smallest test bench of a whole design.
const TESTBENCH: &str = include_str!("../../../sim/flexmac_top_tb.v");
const TESTBENCH_FILE: &str = "sim/flexmac_top_tb.v";

const FILE_LIST: &str = include_str!("../../../templates/flexmac.f.tera");
const FUSESOC: &str = include_str!("../../../templates/flexmac.core.tera");
const BENDER: &str = include_str!("../../../templates/Bender.yml.tera");

/// Context of the file list, the FuseSoC core and the Bender manifest.
#[derive(Debug, Serialize)]
struct Package {
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
pub fn verilog(config: &Config) -> Result<Vec<SourceFile>, RtlgenError> {
    let (mut leaves, modules) = parts(config.style());
    leaves.sort_unstable_by_key(|(path, _)| file_name(path));
    let values = values(config);
    let mut files: Vec<_> = leaves.into_iter().map(copy).collect();
    files.extend(modules.iter().map(|module| instance(config, *module, &values)));
    if has_bus_top(config) {
        files.extend(BUS_LEAVES.iter().copied().map(copy));
        files.push(register_file(config)?);
        files.push(instance(config, BUS_MODULE, &top_values(config)));
    }
    Ok(files)
}

/// Whether a design has `flexmac_top`: its registers and streams are those of the flexible array.
fn has_bus_top(config: &Config) -> bool {
    config.spec().style == Style::Flex
}

fn file_name(path: &'static str) -> &'static str {
    path.rsplit('/').next().unwrap_or(path)
}

/// A leaf cell, as it is.
fn copy((path, text): Text) -> SourceFile {
    SourceFile { path: format!("rtl/{}", file_name(path)), text: text.to_owned() }
}

/// A module whose parameters take the values of the design.
fn instance(config: &Config, (path, text): Text, values: &Values) -> SourceFile {
    let head = head(config, &format!("rtl/{path}"));
    SourceFile {
        path: format!("rtl/{}", file_name(path)),
        text: format!("{head}\n{}", with_values(text, values)),
    }
}

fn register_file(config: &Config) -> Result<SourceFile, RtlgenError> {
    let regs = regs_context(&register_map(), head(config, "templates/flexmac_regs.v.tera"));
    let text = render_text("flexmac_regs", REGISTER_FILE, &regs)?;
    Ok(SourceFile { path: "rtl/flexmac_regs.v".to_owned(), text })
}

/// First line of a generated module.
fn head(config: &Config, source: &str) -> String {
    format!(
        "// Generated by flexmac {} from {source} for {}.",
        env!("CARGO_PKG_VERSION"),
        config.summary()
    )
}

/// Everything `flexmac gen` writes apart from config.json: Verilog, a testbench, file list, FuseSoC
/// core, Bender manifest, and the register map for software.
///
/// # Errors
/// [`RtlgenError::Template`], which would be a fault of this program.
pub fn package(config: &Config) -> Result<Vec<SourceFile>, RtlgenError> {
    let mut files = verilog(config)?;
    let package = Package {
        version: env!("CARGO_PKG_VERSION"),
        description: format!("flexmac array, {}", config.summary()),
        files: files.iter().map(|file| file.path.clone()).collect(),
        toplevel: if has_bus_top(config) { BUS_TOP } else { TOP },
        has_testbench: has_bus_top(config),
        testbench: TESTBENCH_FILE,
    };
    for (name, template) in
        [("flexmac.f", FILE_LIST), ("flexmac.core", FUSESOC), ("Bender.yml", BENDER)]
    {
        let text = render_text(name, template, &package)?;
        files.push(SourceFile { path: name.to_owned(), text });
    }
    if has_bus_top(config) {
        files.extend(bus_extras(config)?);
    }
    Ok(files)
}

/// What comes with `flexmac_top`: a testbench, and the register map for software.
fn bus_extras(config: &Config) -> Result<Vec<SourceFile>, RtlgenError> {
    let mut files = Vec::new();
    let map = register_map();
    let head = head(config, TESTBENCH_FILE);
    let text = format!("{head}\n{}", with_values(TESTBENCH, &top_values(config)));
    files.push(SourceFile { path: TESTBENCH_FILE.to_owned(), text });
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
    use crate::config::ConfigSpec;

    #[test]
    fn output_depends_on_the_configuration_alone() {
        let config = ConfigSpec::default().check().unwrap();
        assert_eq!(package(&config).unwrap(), package(&config).unwrap());
    }

    #[test]
    fn every_file_holds_the_module_it_is_named_after() {
        let spec = ConfigSpec { rows: 3, cols: 5, lanes: 3, ..ConfigSpec::default() };
        let baseline = |style: Style| ConfigSpec {
            style,
            chunk: style.default_chunk(32),
            rounding: style.default_rounding(),
            ..spec.clone()
        };
        let specs = Style::ALL.map(baseline);
        for file in specs.into_iter().flat_map(|spec| verilog(&spec.check().unwrap()).unwrap()) {
            let name = file.path.strip_prefix("rtl/").unwrap().strip_suffix(".v").unwrap();
            assert!(file.text.contains(&format!("\nmodule {name} ")), "{}", file.path);
            assert!(!file.text.contains("{{ ") && !file.text.contains("{%"), "{}", file.path);
            assert!(file.text.lines().all(|line| line.trim_end() == line), "{}", file.path);
        }
    }
}
