//! `flexmac gen`: what it writes, what it replaces, what it leaves alone.

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::{MetadataExt, symlink};
use std::process::Command;
use std::time::{Duration, Instant};

use crate::support::{Bench, ODD, SMALL, text};
use serde_json::Value;

/// Files of a design that the contract names; Verilog apart.
const FIXED_FILES: [&str; 8] = [
    "Bender.yml",
    "config.json",
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
        "style": "flex",
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
    let entries = ["config.json", "flexmac.f", "Bender.yml", "flexmac.core", "rtl", "sim", "sw"];
    let whole = Bench::with_design(&ODD).files("d");
    let float = ["--style", "fp32"];
    for (start, moves) in [(&SMALL[..], 14), (&float[..], 12), (&[], 7)] {
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
