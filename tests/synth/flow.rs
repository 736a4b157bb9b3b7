//! A small MAC array through every target, on Debian's tools and OSU 180 nm library.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use flexmac_record::SynthReport;
use flexmac_synth::{OSU018_LIBERTY, Progress, SynthConfig, Target, run};

fn designs() -> [PathBuf; 2] {
    let dir = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/synth/designs");
    [dir.join("mac_pe.v"), dir.join("mac_array.v")]
}

fn config(target: Target, out_dir: &Path) -> SynthConfig {
    SynthConfig::new("mac_array", target, out_dir).sources(designs())
}

fn synthesise(config: &SynthConfig) -> SynthReport {
    run(config, &mut |_| {}).unwrap_or_else(|error| panic!("{error}"))
}

/// 2 x 2 PEs of 8 + 1 + 12 bits, plus 8 + 8 + 2 bits of operand and control registers.
const REGISTER_BITS: u64 = 4 * (8 + 1 + 12) + 18;

fn count(report: &SynthReport, prefix: &str) -> u64 {
    report.cells.iter().filter(|(name, _)| name.starts_with(prefix)).map(|(_, count)| count).sum()
}

#[test]
fn generic_gives_gates_and_no_area() {
    let dir = tempfile::tempdir().expect("temp dir");
    let report = synthesise(&config(Target::Generic, dir.path()));
    assert_eq!(count(&report, "$_DFF"), REGISTER_BITS);
    let gates = report.gates.expect("estimate");
    // 16 transistors for each flip-flop are the least there can be.
    assert!(gates.transistors > 16 * REGISTER_BITS, "{gates:?}");
    assert!(!gates.lower_bound);
    assert_eq!(gates.nand2_equivalents, gates.transistors as f64 / 4.0);
    assert_eq!((report.area_um2, report.timing, report.fpga), (None, None, None));
    assert_eq!(report.modules.len(), 2);
    assert_eq!((report.modules[1].module.as_str(), report.modules[1].instances), ("mac_pe", 4));
}

#[test]
fn ice40_gives_resources() {
    let dir = tempfile::tempdir().expect("temp dir");
    let report = synthesise(&config(Target::Ice40 { dsp: false }, dir.path()));
    let fpga = report.fpga.expect("resources");
    assert_eq!(fpga.ffs, REGISTER_BITS);
    assert!(fpga.luts > 100 && fpga.carries > 0, "{fpga:?}");
    assert_eq!((fpga.brams, fpga.sprams, fpga.dsps), (0, 0, 0));
}

#[test]
fn ecp5_and_xilinx_give_resources() {
    for target in [Target::Ecp5, Target::Xilinx] {
        let dir = tempfile::tempdir().expect("temp dir");
        let report = synthesise(&config(target, dir.path()));
        let fpga = report.fpga.expect("resources");
        assert_eq!(fpga.ffs, REGISTER_BITS, "{}", report.target);
        // The four multipliers are DSP blocks or LUTs; the accumulators are carries.
        assert!(fpga.carries > 0 && (fpga.dsps == 4 || fpga.luts > 100), "{fpga:?}");
        assert_eq!((report.area_um2, report.timing, report.gates), (None, None, None));
    }
}

#[test]
fn ice40_multiplies_in_dsp_blocks_on_request() {
    let dir = tempfile::tempdir().expect("temp dir");
    let top = dir.path().join("wide.v");
    // Yosys gives a DSP block only to products of 11 bits and more.
    fs::write(
        &top,
        "module wide(input clk_i, input rst_ni, input [7:0] a_i, input [7:0] b_i, output [23:0] acc_o);
  mac_pe #(.WIDTH(8), .ACC_WIDTH(24)) u_pe (.clk_i(clk_i), .rst_ni(rst_ni), .clear_i(1'b0),
    .valid_i(1'b1), .a_i(a_i), .b_i(b_i), .acc_o(acc_o));
endmodule
",
    )
    .expect("write");
    let [pe, _] = designs();
    let mut config = SynthConfig::new("wide", Target::Ice40 { dsp: false }, dir.path().join("out"))
        .sources([pe, top]);
    config.flatten = true;
    let soft = synthesise(&config).fpga.expect("resources");
    config.target = Target::Ice40 { dsp: true };
    let hard = synthesise(&config).fpga.expect("resources");
    assert_eq!((soft.dsps, hard.dsps), (0, 1));
    assert!(hard.luts < soft.luts, "{hard:?} {soft:?}");
}

#[test]
fn liberty_gives_area_clock_and_a_folder_that_can_be_run_again() {
    let dir = tempfile::tempdir().expect("temp dir");
    let out = dir.path().join("deep/out");
    let mut stages = Vec::new();
    let mut config = config(Target::default_liberty(), &out);
    config.period_ps = Some(3000.0);
    config.jobs = 1;
    let report = run(&config, &mut |progress| match progress {
        Progress::Begin { id, why } => stages.push((id, why)),
        other => panic!("{other}"),
    })
    .unwrap_or_else(|error| panic!("{error}"));

    let names: Vec<_> = stages.iter().map(|(id, _)| id.to_string()).collect();
    assert_eq!((names[0].as_str(), names[1].as_str()), ("prepare", "synthesis, elaborate"));
    assert_eq!(names[names.len() - 3..], ["synthesis, link", "timing", "report"]);
    assert!(stages.iter().all(|(_, why)| why.is_none()), "nothing was there before");
    let mut timed: Vec<_> = report.stages.iter().map(|time| time.id.to_string()).collect();
    let mut named = names;
    timed.sort();
    named.sort();
    assert_eq!(timed, named);
    assert_eq!(count(&report, "DFF"), REGISTER_BITS);
    let area = report.area_um2.expect("area");
    let sequential = report.sequential_area_um2.expect("sequential area");
    // The smallest flip-flop of the library takes 96 um2.
    assert!(sequential >= 96.0 * REGISTER_BITS as f64 && sequential < area);
    assert!((sequential + report.combinational_area_um2.expect("rest") - area).abs() < 1e-6);

    let timing = report.timing.as_ref().expect("timing");
    assert_eq!(timing.given_period_ps, 3000.0);
    assert!((timing.period_ps - (3000.0 - timing.worst_slack_ps)).abs() < 1e-6);
    assert!((timing.fmax_mhz * timing.period_ps - 1e6).abs() < 1e-3);
    // A 4 x 4 bit product and a 12-bit sum in 180 nm: between two gates and ten nanoseconds.
    assert!((500.0..10_000.0).contains(&timing.period_ps), "{timing:?}");
    assert!((3..60).contains(&timing.levels), "{timing:?}");
    assert!(timing.overall_period_ps >= timing.period_ps);
    for point in [&timing.start, &timing.end] {
        assert!(point.contains("_q"), "registers carry their source name: {point}");
    }

    let library = report.library.as_ref().expect("library");
    assert_eq!(library.name, "osu018_stdcells");
    assert_eq!(library.time_unit_ps, 1000.0);
    assert_eq!(library.buffer.as_deref(), Some("BUFX2"));
    assert_eq!(library.sha256.len(), 64);
    assert_eq!(report.tools.len(), 2);
    assert!(report.tools[0].version.starts_with("Yosys "));

    for name in report.scripts.iter().chain(&report.logs).chain([&report.netlist]) {
        assert!(out.join(name).is_file(), "{name}");
    }
    assert!(!out.join("report.json.new").exists());
    let text = fs::read_to_string(out.join("report.json")).expect("report.json");
    let stored: SynthReport = serde_json::from_str(&text).expect("reads back");
    assert_eq!(stored.area_um2, report.area_um2);
    assert_eq!(stored.timing.map(|t| t.period_ps), report.timing.map(|t| t.period_ps));
}

/// The cells of a library with clock gates are read into Yosys as modules; they are not mapped.
#[test]
fn clock_gates_are_used_and_only_the_design_is_mapped() {
    let dir = tempfile::tempdir().expect("temp dir");
    let library = dir.path().join("gated.lib");
    let text = fs::read_to_string(OSU018_LIBERTY).expect("osu018");
    let end = text.rfind('}').expect("end of the library");
    let gate = "cell (ICG) { area : 200; clock_gating_integrated_cell : latch_posedge;
        pin (CK) { direction : input; clock_gate_clock_pin : true; capacitance : 0.01; }
        pin (EN) { direction : input; clock_gate_enable_pin : true; capacitance : 0.01; }
        pin (GCK) { direction : output; clock_gate_out_pin : true; function : \"CK\";
          timing () { related_pin : CK; timing_sense : positive_unate;
            cell_rise (scalar) { values (\"0.1\"); } rise_transition (scalar) { values (\"0.1\"); }
            cell_fall (scalar) { values (\"0.1\"); } fall_transition (scalar) { values (\"0.1\"); }
          } } }\n";
    fs::write(&library, format!("{}{gate}}}\n", &text[..end])).expect("write");
    let mut config = config(Target::Liberty { path: library }, &dir.path().join("out"));
    config.clock_gates = true;
    let report = synthesise(&config);
    // Two gates in each PE: one for the product, one for the accumulator, which has a reset as well.
    assert_eq!(count(&report, "ICG"), 8);
    let units: Vec<_> = report.units.iter().map(|unit| unit.unit.as_str()).collect();
    assert_eq!(units.len(), 2, "{units:?}");
}

#[test]
fn modules_add_up_to_the_total() {
    let dir = tempfile::tempdir().expect("temp dir");
    let report = synthesise(&config(Target::default_liberty(), dir.path()));
    let total = report.area_um2.expect("area");
    let sum: f64 = report
        .modules
        .iter()
        .map(|module| module.own_area_um2.expect("area") * module.instances as f64)
        .sum();
    assert!((sum - total).abs() < 1e-6 * total, "{sum} {total}");
    assert_eq!(report.modules[0].area_um2, Some(total));
}

#[test]
fn flat_and_hierarchical_areas_agree() {
    let dir = tempfile::tempdir().expect("temp dir");
    let mut config = config(Target::default_liberty(), &dir.path().join("tree"));
    let tree = synthesise(&config);
    config.flatten = true;
    config.out_dir = dir.path().join("flat");
    let flat = synthesise(&config);
    assert_eq!(flat.modules.len(), 1);
    // The PEs' copies of the valid bit hold the same value; a flat run merges the four into one.
    assert_eq!(count(&tree, "DFF"), REGISTER_BITS);
    assert_eq!(count(&flat, "DFF"), REGISTER_BITS - 3);
    // Flattening optimises across the PE border and buffers the broadcasts; it is the same design.
    let (tree, flat) = (tree.area_um2.expect("area"), flat.area_um2.expect("area"));
    assert!((tree - flat).abs() < 0.1 * tree, "hierarchical {tree}, flat {flat}");
}

#[test]
fn a_period_decides_how_modules_are_mapped() {
    let dir = tempfile::tempdir().expect("temp dir");
    let mut config = config(Target::default_liberty(), dir.path());
    for flatten in [false, true] {
        config.flatten = flatten;
        config.period_ps = Some(20_000.0);
        let loose = synthesise(&config);
        assert!(loose.units.iter().all(|unit| unit.recipe == "small"), "{:?}", loose.units);
        config.period_ps = Some(100.0);
        let tight = synthesise(&config);
        assert!(tight.units.iter().any(|unit| unit.recipe != "small"), "{:?}", tight.units);
        let period = |report: &SynthReport| report.timing.as_ref().expect("timing").period_ps;
        assert!(period(&tight) < period(&loose), "{} {}", period(&tight), period(&loose));
        assert_eq!(tight.timing.expect("timing").given_period_ps, 100.0);
    }
}

/// The scripts beside the results, run by hand, give the results.
#[test]
fn scripts_can_be_run_by_hand() {
    let dir = tempfile::tempdir().expect("temp dir");
    let mut config = config(Target::default_liberty(), dir.path());
    config.keep = true;
    let report = synthesise(&config);
    let netlist = fs::read(dir.path().join("netlist.v")).expect("netlist.v");
    let log = fs::read_to_string(dir.path().join("sta.log")).expect("sta.log");
    for name in ["netlist.v", "netlist_sta.v", "elaborated.il"] {
        fs::remove_file(dir.path().join(name)).expect(name);
    }
    let by_hand = |tool: &str, args: &[&str]| {
        let output = Command::new(tool).args(args).current_dir(dir.path()).output().expect(tool);
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stdout));
        String::from_utf8_lossy(&output.stdout).into_owned()
    };
    by_hand("yosys", &["-q", "-s", "elaborate.ys"]);
    assert!(dir.path().join("elaborated.il").is_file());
    by_hand("yosys", &["-q", "-s", "synth.ys"]);
    assert_eq!(fs::read(dir.path().join("netlist.v")).expect("netlist.v"), netlist);
    let again = by_hand("sta", &["-no_init", "-no_splash", "-exit", "timing.tcl"]);
    assert_eq!(again, log);
    assert!(report.scripts.contains(&"synth.ys".to_owned()));
}

#[test]
fn a_compressed_library_gives_the_same_numbers_and_is_cleaned_up() {
    let dir = tempfile::tempdir().expect("temp dir");
    let packed = dir.path().join("osu.lib.gz");
    let file = fs::File::create(&packed).expect("create");
    let mut encoder = flate2::write::GzEncoder::new(file, flate2::Compression::fast());
    std::io::Write::write_all(&mut encoder, &fs::read(OSU018_LIBERTY).expect("osu018"))
        .expect("write");
    encoder.finish().expect("finish");

    let plain = synthesise(&config(Target::default_liberty(), &dir.path().join("plain")));
    let out = dir.path().join("packed");
    let mut config = config(Target::Liberty { path: packed }, &out);
    let unpacked = synthesise(&config);
    assert_eq!(unpacked.cells, plain.cells);
    assert_eq!(unpacked.timing, plain.timing);
    let sha256 =
        |report: &SynthReport| report.library.as_ref().map(|library| library.sha256.clone());
    assert_eq!(sha256(&unpacked), sha256(&plain));
    assert!(!out.join("cells.lib").exists());

    config.keep = true;
    synthesise(&config);
    assert!(out.join("cells.lib").is_file());
}
