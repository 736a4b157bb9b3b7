//! `flexmac gen`: what it writes, what it replaces, what it leaves alone.

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::{MetadataExt, symlink};
use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

use crate::support::npy::Matrix;
use crate::support::{Bench, ODD, SMALL, text, words};
use serde_json::Value;

/// Files of a design that the contract names; Verilog apart.
const FIXED_FILES: [&str; 9] = [
    "Bender.yml",
    "config.json",
    "flexmac-root.f",
    "flexmac.core",
    "flexmac.f",
    "sw/flexmac_regs.h",
    "sw/flexmac_regs.rs",
    "sw/registers.json",
    "sw/registers.md",
];

/// A 128 x 128 array generates in under a second.
const LARGEST_ARRAY_LIMIT: Duration = Duration::from_secs(1);

fn names(files: &BTreeMap<String, Vec<u8>>) -> Vec<&str> {
    files.keys().map(String::as_str).filter(|name| !name.ends_with('/')).collect()
}

#[test]
fn writes_what_the_contract_names() {
    let bench = Bench::with_design(&ODD);
    let files = bench.files("d");
    let testbench = "sim/flexmac_top_tb.v";
    let (mut verilog, others): (Vec<_>, Vec<_>) =
        names(&files).into_iter().partition(|name| name.ends_with(".v"));
    assert_eq!(verilog.pop(), Some(testbench));
    assert!(verilog.len() > 10 && verilog.iter().all(|name| name.starts_with("rtl/flexmac_")));
    assert_eq!(others, FIXED_FILES);

    let list = text(&files["flexmac.f"]);
    let mut listed: Vec<_> = list.lines().collect();
    assert_eq!(listed.last(), Some(&"rtl/flexmac_top.v"), "the top comes last");
    listed.sort_unstable();
    assert_eq!(listed, verilog, "the file list names every Verilog file once");
    let core = text(&files["flexmac.core"]);
    assert!(core.starts_with("CAPI=2:\n") && core.contains("toplevel: flexmac_top"));
    assert!(verilog.iter().all(|name| core.contains(&format!("- {name}\n"))));
    assert!(core.contains(testbench));
    let bender = text(&files["Bender.yml"]);
    assert!(verilog.iter().all(|name| bender.contains(&format!("- {name}\n"))));

    let config: Value = serde_json::from_slice(&files["config.json"]).unwrap();
    let expected = serde_json::json!({
        "rows": 3, "cols": 2, "chunk": 8, "lanes": 3, "max_bits": 32, "max_k": 20, "stages": 2,
        "fanout": 0, "depth": 64, "rounding": ["nearest", "truncate", "stochastic"],
        "style": "flex", "max_sum_bits": 88,
    });
    assert_eq!(config["parameters"], expected);
}

#[test]
fn every_verilog_file_is_one_module_of_its_name() {
    let bench = Bench::with_design(&SMALL);
    for (name, bytes) in bench.files("d/rtl") {
        let source = text(&bytes);
        let module = name.strip_suffix(".v").unwrap();
        let modules: Vec<_> = source.lines().filter(|line| line.starts_with("module ")).collect();
        assert_eq!(modules.len(), 1, "{name}");
        assert!(modules[0].starts_with(&format!("module {module}")), "{name}: {}", modules[0]);
        assert!(source.starts_with("// "), "{name} says what it is");
        assert!(source.contains("`default_nettype none\n"), "{name}");
        assert!(source.ends_with("endmodule\n\n`default_nettype wire\n"), "{name}");
        assert!(!source.contains('\t') && source.is_ascii(), "{name}");
        assert!(source.lines().all(|line| line.trim_end() == line), "{name}: spaces at an end");
    }
}

#[test]
fn two_runs_are_byte_identical_wherever_they_write() {
    let bench = Bench::with_design(&ODD);
    bench.run(&[&["gen", "--out", "elsewhere/deep"], &ODD[..]].concat());
    assert_eq!(bench.files("d"), bench.files("elsewhere/deep"));
    let here = bench.path("").display().to_string();
    for (name, bytes) in bench.files("d") {
        assert!(!text(&bytes).contains(here.trim_end_matches('/')), "{name} names a folder");
    }
}

#[test]
fn an_earlier_design_is_replaced_whole() {
    let bench = Bench::with_design(&ODD);
    // What only an earlier version's design had.
    fs::write(bench.path("d/rtl/flexmac_gone.v"), "module flexmac_gone;\nendmodule\n").unwrap();
    let list = fs::read_to_string(bench.path("d/flexmac.f")).unwrap();
    fs::write(bench.path("d/flexmac.f"), list + "rtl/flexmac_gone.v\n").unwrap();
    bench.run(&[&["gen", "--out", "d"], &SMALL[..]].concat());
    let fresh = Bench::with_design(&SMALL);
    assert_eq!(bench.files(""), fresh.files(""), "the new design, and nothing beside it");
}

#[test]
fn an_empty_folder_is_taken() {
    let bench = Bench::new();
    fs::create_dir(bench.path("d")).unwrap();
    bench.run(&[&["gen", "--out", "d/"], &SMALL[..]].concat());
    assert_eq!(bench.files(""), Bench::with_design(&SMALL).files(""));
}

/// A run has a config.json too, and a design may have files of the user's beside it.
#[test]
fn what_is_not_a_design_is_never_replaced() {
    let bench = Bench::new();
    fs::create_dir_all(bench.path("run")).unwrap();
    fs::write(bench.path("run/config.json"), "{\"command\": \"train\"}").unwrap();
    let error = bench.fail(2, &["gen", "--out", "run"]);
    assert!(error.contains("the folder holds run/config.json, which is no part"), "{error}");
    bench.run(&["gen", "--out", "design"]);
    fs::write(bench.path("design/notes.txt"), "mine").unwrap();
    let before = bench.files("");
    let error = bench.fail(2, &["gen", "--rows", "2", "--out", "design"]);
    assert!(error.contains("the folder holds design/notes.txt, which is no part"), "{error}");
    assert_eq!(bench.files(""), before);
}

/// A shell may be in it, it may be a mount point, and a link's owner wants the link.
#[test]
fn the_folder_itself_stays() {
    let bench = Bench::with_design(&ODD);
    let expected = Bench::with_design(&SMALL).files("d");
    symlink("d", bench.path("link")).unwrap();
    let folder = |name: &str| fs::metadata(bench.path(name)).unwrap().ino();
    let before = folder("d");
    bench.run(&[&["gen", "--out", "link"], &SMALL[..]].concat());
    assert!(bench.path("link").is_symlink() && bench.files("d") == expected);
    bench.run(&[&["gen", "--out", "d"], &ODD[..]].concat());
    let mut here = bench.command(&[&["gen", "--out", "."], &SMALL[..]].concat());
    here.current_dir(bench.path("d")).assert().success();
    assert!(bench.files("d") == expected);
    assert_eq!(folder("d"), before);
}

#[test]
fn links_among_the_entries_go_and_what_they_lead_to_stays() {
    let bench = Bench::with_design(&SMALL);
    fs::rename(bench.path("d/rtl"), bench.path("kept")).unwrap();
    symlink("../kept", bench.path("d/rtl")).unwrap();
    fs::remove_dir_all(bench.path("d/sw")).unwrap();
    symlink("nowhere", bench.path("d/sw")).unwrap();
    let kept = bench.files("kept");
    bench.run(&[&["gen", "--out", "d"], &SMALL[..]].concat());
    assert!(bench.files("d") == Bench::with_design(&SMALL).files("d"));
    assert!(bench.files("kept") == kept && !bench.path("d/rtl").is_symlink());
}

#[test]
fn a_folder_that_another_process_writes_to_is_waited_for() {
    let bench = Bench::with_design(&SMALL);
    let lock = fs::File::open(bench.path("d")).unwrap();
    lock.lock().unwrap();
    let error = bench.fail(2, &["gen", "--out", "d"]);
    assert!(error.contains("write d: another process is writing there"), "{error}");
    let holder = std::thread::spawn(move || {
        std::thread::sleep(Duration::from_millis(300));
        drop(lock);
    });
    bench.run(&["gen", "--out", "d"]);
    holder.join().unwrap();
}

#[test]
fn a_file_of_the_users_in_a_folder_of_ours_is_kept() {
    let bench = Bench::with_design(&SMALL);
    for name in
        ["rtl/wrapper.v", "rtl/flexmac_pe.v.orig", "rtl/mine.v", "sim/run.sh", "sw/driver/main.c"]
    {
        let path = bench.path("d").join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(&path, "mine").unwrap();
        if name == "rtl/mine.v" {
            // As it must be to be simulated.
            let list = fs::read_to_string(bench.path("d/flexmac.f")).unwrap();
            fs::write(bench.path("d/flexmac.f"), list + "./rtl/mine.v\n").unwrap();
        }
        let before = bench.files("");
        let error = bench.fail(2, &["gen", "--out", "d"]);
        let top: Vec<_> = name.split('/').take(2).collect();
        let expected = format!("the folder holds d/{}, which is no part", top.join("/"));
        assert!(error.contains(&expected), "{error}");
        assert_eq!(bench.files(""), before);
        fs::remove_file(&path).unwrap();
        let _ = fs::remove_dir(path.parent().unwrap());
    }
    bench.run(&["gen", "--out", "d"]);
}

/// Each state that `kill -9` can leave, one move at a time, is no design, and the next one starts from
/// what was there before.
#[test]
fn what_a_killed_generator_left_is_undone() {
    let entries = [
        "config.json",
        "flexmac.f",
        "flexmac-root.f",
        "Bender.yml",
        "flexmac.core",
        "rtl",
        "sim",
        "sw",
    ];
    let whole = Bench::with_design(&ODD).files("d");
    let float = ["--style", "fp32"];
    for (start, moves) in [(&SMALL[..], 16), (&float[..], 14), (&[], 8)] {
        for done in 0..=moves {
            let bench = Bench::new();
            fs::create_dir(bench.path("d")).unwrap();
            if !start.is_empty() {
                bench.run(&[&["gen", "--out", "d"], start].concat());
            }
            let before = bench.files("d");
            let had: Vec<_> =
                entries.into_iter().filter(|e| bench.path("d").join(e).exists()).collect();
            bench.run(&[&["gen", "--out", "new"], &ODD[..]].concat());
            let staging = bench.path("d/.flexmac-gen");
            let [new, old] = ["new", "old"].map(|name| staging.join(name));
            fs::create_dir_all(&old).unwrap();
            fs::rename(bench.path("new"), &new).unwrap();
            fs::write(staging.join("had"), had.join("\n")).unwrap();
            let aside = had.iter().map(|name| (bench.path("d").join(name), old.join(name)));
            let into =
                entries.iter().rev().map(|name| (new.join(name), bench.path("d").join(name)));
            let order: Vec<_> = aside.chain(into).collect();
            assert_eq!(order.len(), moves);
            for (from, to) in order.iter().take(done) {
                fs::rename(from, to).unwrap();
            }
            if done > 0 && done < moves {
                bench.fail(2, &["estimate", "--config", "d", "--bits", "4x4"]);
            }
            // One that cannot write leaves what was there, or the new design if that was complete.
            let full = format!("trap '' XFSZ; ulimit -f 8; exec {}", env!("CARGO_BIN_EXE_flexmac"));
            let output = Command::new("bash")
                .args(["-c", &format!("{full} gen --out d --rows 4")])
                .current_dir(bench.path(""))
                .output()
                .unwrap();
            assert_eq!(output.status.code(), Some(2), "{output:?}");
            let expected = if done == moves { &whole } else { &before };
            assert!(bench.files("d") == *expected, "{start:?} after {done} moves");
            bench.run(&[&["gen", "--out", "d"], &ODD[..]].concat());
            assert!(bench.files("d") == whole, "{start:?} after {done} moves");
        }
    }
}

#[test]
fn a_path_through_the_designs_own_folders_is_the_folder() {
    let bench = Bench::with_design(&SMALL);
    let mut inside = bench.command(&[&["gen", "--out", "rtl/.."], &ODD[..]].concat());
    inside.current_dir(bench.path("d")).assert().success();
    assert!(bench.files("d") == Bench::with_design(&ODD).files("d"));
    let before = bench.files("");
    let error = bench.fail(2, &["gen", "--out", "nosuch/.."]);
    assert!(error.contains("nosuch/..: expected a folder with a name"), "{error}");
    assert!(bench.files("") == before);
}

#[test]
fn a_foreign_folder_is_refused_and_left_alone() {
    let bench = Bench::new();
    fs::create_dir_all(bench.path("mine/rtl")).unwrap();
    fs::write(bench.path("mine/thesis.tex"), "years of work").unwrap();
    fs::write(bench.path("mine/rtl/flexmac_core.v"), "module mine;\nendmodule\n").unwrap();
    let before = bench.files("");
    let error = bench.fail(2, &["gen", "--out", "mine"]);
    assert_eq!(
        error,
        "error: gen: write mine: the folder holds mine/rtl, which is no part of a generated \
         design; choose another --out or remove it\n"
    );
    assert_eq!(bench.files(""), before);
}

#[test]
fn nothing_is_half_written_where_writing_fails() {
    let bench = Bench::new();
    fs::write(bench.path("file"), "in the way").unwrap();
    let before = bench.files("");
    // A folder name that fits, whose staging name does not.
    let long = "x".repeat(250);
    for out in ["file", "file/design", "file/more/design", &long] {
        let error = bench.fail(2, &["gen", "--out", out]);
        assert!(error.starts_with("error: gen: ") && error.contains(out), "{error}");
        assert_eq!(bench.files(""), before, "--out {out}");
    }
}

#[test]
fn an_illegal_configuration_leaves_the_earlier_design() {
    let bench = Bench::with_design(&SMALL);
    let before = bench.files("");
    bench.fail(2, &["gen", "--out", "d", "--rows", "0"]);
    assert_eq!(bench.files(""), before);
}

#[test]
fn json_lists_exactly_what_was_written() {
    let bench = Bench::new();
    let record = bench.run(&[&["gen", "--json", "--out", "d"], &SMALL[..]].concat());
    let record: Value = serde_json::from_str(&record).unwrap();
    let listed: Vec<_> =
        record["files"].as_array().unwrap().iter().map(|file| file.as_str().unwrap()).collect();
    let mut sorted = listed.clone();
    sorted.sort_unstable();
    let files = bench.files("d");
    let written: Vec<_> = names(&files).iter().map(|name| format!("d/{name}")).collect();
    assert_eq!(sorted, written);
    let config: Value = serde_json::from_slice(&files["config.json"]).unwrap();
    assert_eq!(record["config"], config["parameters"]);
    assert_eq!(record["out"], "d");
}

#[test]
fn the_largest_array_generates_quickly() {
    let bench = Bench::new();
    // The fastest of three, for other tests run beside this one.
    let elapsed = (0..3).map(|_| {
        let start = Instant::now();
        bench.run(&["gen", "--rows", "128", "--cols", "128", "--lanes", "16", "--out", "d"]);
        start.elapsed()
    });
    let fastest = elapsed.min().unwrap();
    assert!(fastest < LARGEST_ARRAY_LIMIT, "{fastest:?}");
    let array = text(&bench.files("d/rtl")["flexmac_array.v"]);
    assert!(array.contains(" ROWS       = 128,") && array.contains(" COLS       = 128,"));
}

#[test]
fn a_mode_that_is_not_built_has_no_stream() {
    let bench = Bench::new();
    bench.run(&["gen", "--rounding", "truncate,nearest,truncate", "--out", "d"]);
    let files = bench.files("d");
    let config: Value = serde_json::from_slice(&files["config.json"]).unwrap();
    let expected = serde_json::json!(["nearest", "truncate"]);
    assert_eq!(config["parameters"]["rounding"], expected, "sorted, without repeats");
    let rendered = text(&files["rtl/flexmac_core.v"]) + &text(&files["rtl/flexmac_column.v"]);
    assert!(rendered.contains("STOCHASTIC(0)") || rendered.contains("STOCHASTIC = 0"));
}

/// Runs a tool in a folder; it must succeed and say nothing.
fn quiet(mut tool: Command, folder: &Path) {
    let output = tool.current_dir(folder).output().unwrap();
    let said = text(&[output.stdout, output.stderr].concat());
    assert!(output.status.success() && said.is_empty(), "{tool:?}: {}\n{said}", output.status);
}

fn tool(line: &str) -> Command {
    let line = words(line);
    let mut tool = Command::new(&line[0]);
    tool.args(&line[1..]);
    tool
}

/// Paths of a design's Verilog from the folder above it.
fn listed(bench: &Bench, design: &str) -> String {
    let list = fs::read_to_string(bench.path(design).join("flexmac.f")).unwrap();
    list.lines().map(|file| format!("{design}/{file} ")).collect()
}

#[test]
fn the_file_lists_work_from_another_folder() {
    let bench = Bench::with_design(&SMALL);
    fs::create_dir(bench.path("away")).unwrap();
    let away = &bench.path("away");
    for root in ["../d".to_owned(), bench.path("d").display().to_string()] {
        for line in [
            "verilator --lint-only --top-module flexmac_top -f ../d/flexmac-root.f",
            "iverilog -g2005 -s flexmac_top -o /dev/null -c ../d/flexmac-root.f",
            "iverilog -g2005 -s flexmac_top -o /dev/null -f ../d/flexmac-root.f",
        ] {
            let mut run = tool(line);
            run.env("FLEXMAC_ROOT", &root);
            quiet(run, away);
        }
    }
    quiet(tool("verilator --lint-only --top-module flexmac_top -F ../d/flexmac.f"), away);
    // The comment's own words, for a tool that reads no lists.
    let list = fs::read_to_string(bench.path("d/flexmac-root.f")).unwrap();
    let line = list.lines().find_map(|line| line.strip_prefix("//   yosys -p ")).unwrap();
    let line = format!("yosys -q -p {}", line.replace("DIR", "../d"));
    let mut shell = Command::new("sh");
    shell.args(["-c", &line]);
    quiet(shell, away);
    let plain = fs::read_to_string(bench.path("d/flexmac.f")).unwrap();
    let files: Vec<_> = list.lines().filter(|line| !line.starts_with("//")).collect();
    let files: String =
        files.iter().map(|line| line.replacen("$(FLEXMAC_ROOT)/", "", 1) + "\n").collect();
    assert_eq!(files, plain);
}

/// Arrays of different parameters and styles, and one without a prefix, side by side.
#[test]
fn arrays_of_different_prefixes_fit_into_one_system() {
    let bench = Bench::with_design(&SMALL);
    let wide = "--rows 2 --cols 3 --lanes 2 --chunk 4 --max-bits 8 --max-k 32 --depth 16";
    bench.run(&words(&format!("gen {wide} --prefix npu --out npu")));
    let float = "--rows 1 --cols 1 --lanes 2 --style fp32 --max-k 16 --depth 16";
    bench.run(&words(&format!("gen {float} --prefix vec_2 --out vec")));
    let designs = ["d", "npu", "vec"];
    let files: String = designs.map(|design| listed(&bench, design)).concat();
    fs::write(
        bench.path("soc.v"),
        "module soc;\n  flexmac_top a ();\n  npu_top b ();\n  vec_2_core c ();\nendmodule\n",
    )
    .unwrap();
    let here = &bench.path("");
    quiet(
        tool(&format!("verilator --lint-only -Wno-PINMISSING --top-module soc {files} soc.v")),
        here,
    );
    quiet(tool(&format!("iverilog -g2005 -s soc -o /dev/null {files} soc.v")), here);
    let mut yosys = Command::new("yosys");
    yosys.args(["-q", "-p"]);
    yosys
        .arg(format!("read_verilog {files} soc.v; hierarchy -check -top soc; proc; check -assert"));
    quiet(yosys, here);

    // Software sees both, and a package manager tells them apart.
    fs::write(
        bench.path("both.c"),
        "#include \"d/sw/flexmac_regs.h\"\n#include \"npu/sw/npu_regs.h\"\n\
         int both[] = { FLEXMAC_START, NPU_START, NPU_ERROR_CODE_DEPTH };\n",
    )
    .unwrap();
    quiet(tool("cc -Wall -Werror -fsyntax-only both.c"), here);
    let named = |file: &str, begin: &str| -> Vec<String> {
        let name = |design: &str| {
            let text = fs::read_to_string(bench.path(design).join(file)).unwrap();
            text.lines().find_map(|line| line.trim().strip_prefix(begin)).unwrap().to_owned()
        };
        designs.map(name).to_vec()
    };
    let version = env!("CARGO_PKG_VERSION");
    let vlnv = |name: &str| format!("flexmac:{name}:array:{version}");
    assert_eq!(named("flexmac.core", "name: "), ["flexmac", "npu", "vec_2"].map(vlnv));
    assert_eq!(named("Bender.yml", "name: "), ["flexmac", "npu", "vec_2"]);
    let files = bench.files("npu");
    let others = names(&files).into_iter().filter(|name| name.contains('/'));
    assert!(others.clone().count() > 30);
    for name in others.filter(|name| !name.starts_with("sw/registers.")) {
        assert!(name.split('/').nth(1).unwrap().starts_with("npu_"), "{name}");
        let bytes = text(&files[name]);
        let left = bytes.match_indices("flexmac_").next();
        assert!(left.is_none(), "{name}: {left:?}");
    }
    // The testbench of the design runs.
    let bench_files = listed(&bench, "npu") + "npu/sim/npu_top_tb.v";
    quiet(tool(&format!("iverilog -g2005 -s npu_top_tb -o tile {bench_files}")), here);
    let said = tool("vvp tile").current_dir(here).output().unwrap();
    assert!(text(&said.stdout).contains("PASS"), "{said:?}");
}

/// A design with names of its own is simulated, linted and synthesized like any other.
#[test]
fn a_prefix_changes_names_and_nothing_else() {
    let bench = Bench::with_design(&SMALL);
    let plain = bench.files("d");
    bench.run(&[&["gen", "--out", "p", "--prefix", "npu"], &SMALL[..]].concat());
    bench.run(&[&["gen", "--out", "q", "--prefix", "flexmac"], &SMALL[..]].concat());
    assert_eq!(bench.files("q"), plain, "the usual prefix");
    bench.write("a.npy", &Matrix::new(1, 2, [3, -2]));
    bench.write("b.npy", &Matrix::new(2, 1, [5, 7]));
    let record = |design: &str| {
        bench.run(&words(&format!(
            "gemm --config {design} --engine checked --a a.npy --b b.npy --bits-a 4 --bits-b 4 --out c.npy \
             --json"
        )))
    };
    assert_eq!(record("p"), record("d"));
    bench.run(&words("verify --config p --only lint"));
    let report = |design: &str, top: &str| -> Value {
        let line = format!("synth --config {design} --target generic --top {top} --out s-{design}");
        bench.command(&words(&line)).assert().success();
        let mut report: Value = serde_json::from_slice(
            &fs::read(bench.path(&format!("s-{design}/report.json"))).unwrap(),
        )
        .unwrap();
        let report = report.as_object_mut().unwrap();
        report.retain(|name, _| ["top", "cells", "modules"].contains(&name.as_str()));
        assert!(report.contains_key("top"));
        Value::Object(report.clone())
    };
    assert_eq!(report("p", "npu_lfsr"), report("d", "flexmac_lfsr"));
    // Written over by one of another prefix, whole.
    bench.run(&[&["gen", "--out", "p", "--prefix", "vec"], &SMALL[..]].concat());
    bench.run(&[&["gen", "--out", "fresh", "--prefix", "vec"], &SMALL[..]].concat());
    assert_eq!(bench.files("p"), bench.files("fresh"));
}

#[test]
fn prefixes_that_could_meet_are_refused() {
    let bench = Bench::new();
    for (prefix, expected) in [
        ("NPU", "prefix: expected lower-case letters"),
        ("0npu", "prefix: expected lower-case letters"),
        ("my-npu", "prefix: expected lower-case letters"),
        ("npu_float", "prefix: expected lower-case letters"),
        ("cmd", "prefix cmd: expected one that no name of the design begins with, found cmd_"),
    ] {
        let error = bench.fail(2, &words(&format!("gen --prefix {prefix} --out d")));
        assert!(error.contains(expected), "{error}");
        assert!(!bench.path("d").exists(), "{prefix}");
    }
    bench.run(&words("gen --rows 1 --cols 1 --prefix npu --out d"));
    let config = fs::read_to_string(bench.path("d/config.json")).unwrap();
    fs::write(bench.path("d/config.json"), config.replace("\"npu\"", "\"../npu\"")).unwrap();
    let error = bench.fail(2, &words("estimate --config d --net mlp"));
    assert!(error.contains("prefix: expected lower-case letters"), "{error}");
}
