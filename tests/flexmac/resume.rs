//! Runs that are killed, stopped or damaged, and go on: `flexmac train --resume`.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::thread;
use std::time::Duration;

use tempfile::TempDir;

/// A run in which every part of the state changes: formats, widths, momentum, smoothed losses.
const RUN: [&str; 22] = [
    "--net",
    "mlp",
    "--data",
    "synthetic",
    "--batch",
    "8",
    "--seed",
    "5",
    "--iters",
    "60",
    "--checkpoint-every",
    "7",
    "--eval-every",
    "9",
    "--eval-images",
    "40",
    "--isearch-window",
    "1",
    "--dsearch-window",
    "2",
    "--loss-window",
    "4",
];

/// Kills, each at another point; the places follow from this many steps through one run's time.
const KILLS: u64 = 12;

fn flexmac(flags: &[&str], out: &Path) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_flexmac"));
    command.arg("train").args(flags).arg("--out").arg(out).stdin(Stdio::null());
    command
}

fn finish(flags: &[&str], out: &Path) -> Output {
    let output = flexmac(flags, out).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    output
}

/// Exit code 2 and everything in `words` on stderr.
fn refused(flags: &[&str], out: &Path, words: &[&str]) {
    let output = flexmac(flags, out).output().unwrap();
    let text = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(2), "{text}");
    for word in words {
        assert!(text.contains(word), "{word:?} is not in: {text}");
    }
}

/// Name and bytes of all that must not depend on interruptions.
fn results(out: &Path) -> Vec<(String, Vec<u8>)> {
    let mut paths: Vec<PathBuf> = ["history.jsonl", "history.csv", "config.json"]
        .map(|name| out.join(name))
        .into_iter()
        .chain(fs::read_dir(out.join("weights")).unwrap().map(|entry| entry.unwrap().path()))
        .collect();
    paths.sort();
    paths.iter().map(|path| (path.display().to_string(), fs::read(path).unwrap())).collect()
}

fn assert_same(found: &Path, expected: &Path) {
    let (found, expected) = (results(found), results(expected));
    assert_eq!(found.len(), expected.len());
    for ((name, found), (_, expected)) in found.iter().zip(&expected) {
        assert!(found == expected, "{name} differs");
    }
    assert!(found.len() > 3 + 8, "weights, momentum and formats are compared");
}

fn checkpoints(out: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(out.join("checkpoints")).unwrap();
    let mut paths: Vec<_> = entries.map(|entry| entry.unwrap().path()).collect();
    paths.retain(|path| path.extension().is_some_and(|extension| extension == "ckpt"));
    paths.sort();
    paths
}

fn lines(out: &Path) -> usize {
    fs::read_to_string(out.join("history.csv")).map_or(0, |text| text.lines().count())
}

/// Starts a run, kills it when its history has `until` lines and `more` microseconds have passed.
fn kill(flags: &[&str], out: &Path, until: usize, more: u64) {
    let mut child =
        flexmac(flags, out).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
    while lines(out) < until && child.try_wait().unwrap().is_none() {
        thread::sleep(Duration::from_micros(200));
    }
    thread::sleep(Duration::from_micros(more));
    child.kill().unwrap();
    child.wait().unwrap();
}

#[test]
fn a_run_killed_at_any_moment_ends_as_if_it_had_not_been() {
    let folder = TempDir::new().unwrap();
    let whole = folder.path().join("whole");
    finish(&RUN, &whole);
    let names: Vec<_> =
        checkpoints(&whole).iter().map(|path| path.file_name().unwrap().to_owned()).collect();
    assert_eq!(names, ["00000056.ckpt", "00000060.ckpt"], "the last two are kept");

    // One run killed again and again, further on each time.
    let often = folder.path().join("often");
    let mut hash = 1_u64;
    for number in 0..KILLS {
        hash = hash.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        let flags: &[&str] = if often.join("config.json").exists() { &["--resume"] } else { &RUN };
        // In the first runs before any checkpoint, later anywhere.
        kill(flags, &often, 2 + (number * 5) as usize, hash >> 51);
        assert!(!often.join("result.json").exists());
    }
    finish(&["--resume"], &often);
    assert_same(&often, &whole);

    // Runs killed once.
    for until in [1, 8, 30, 61] {
        hash = hash.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        let once = folder.path().join(format!("once{until}"));
        kill(&RUN, &once, until, hash >> 51);
        if once.join("config.json").exists() {
            // With the flags it was started with: none contradicts.
            finish(&[&RUN[..], &["--resume"]].concat(), &once);
        } else {
            // Killed before there was a run: nothing stands in the way of starting it.
            finish(&RUN, &once);
        }
        assert_same(&once, &whole);
    }
}

#[test]
fn an_interrupted_run_keeps_its_last_iteration_and_ends_the_same() {
    let folder = TempDir::new().unwrap();
    let (whole, stopped) = (folder.path().join("whole"), folder.path().join("stopped"));
    finish(&RUN, &whole);
    let child = flexmac(&RUN, &stopped).stdout(Stdio::null()).stderr(Stdio::null()).spawn();
    let mut child = child.unwrap();
    while lines(&stopped) < 12 {
        thread::sleep(Duration::from_micros(200));
    }
    let pid = child.id().to_string();
    assert!(Command::new("kill").args(["-INT", &pid]).status().unwrap().success());
    assert_eq!(child.wait().unwrap().code(), Some(130));
    let done = lines(&stopped) - 1;
    let newest = checkpoints(&stopped).pop().unwrap();
    assert_eq!(newest.file_stem().unwrap().to_str().unwrap(), format!("{done:08}"));
    assert!(stopped.join("result.json").exists());
    finish(&["--resume"], &stopped);
    assert_same(&stopped, &whole);
}

#[test]
fn a_float_run_goes_on_too_and_may_grow() {
    let folder = TempDir::new().unwrap();
    let out = folder.path().join("run");
    let float =
        ["--net", "mlp", "--data", "synthetic", "--engine", "float", "--checkpoint-every", "10"];
    finish(&[&float[..], &["--iters", "20"]].concat(), &out);
    finish(&["--resume", "--iters", "30"], &out);
    assert_eq!(lines(&out), 31);
    // The longer run is now the run.
    finish(&["--resume"], &out);
    refused(
        &["--resume", "--iters", "20"],
        &out,
        &["--iters: expected at least the run's 30, found 20"],
    );
    refused(
        &["--resume", "--engine", "reference"],
        &out,
        &["--engine: expected one that trains like \"float\""],
    );
    // Longer at once: all but the accuracy measured at the shorter run's end is the same.
    let long = folder.path().join("long");
    finish(&[&float[..], &["--iters", "30"]].concat(), &long);
    for name in ["weights/ip1.weight.npy", "weights/ip2.bias.momentum.npy"] {
        assert!(fs::read(out.join(name)).unwrap() == fs::read(long.join(name)).unwrap(), "{name}");
    }
}

#[test]
fn damage_is_refused_by_name_and_the_previous_checkpoint_leads_to_the_same_end() {
    let folder = TempDir::new().unwrap();
    let (whole, out) = (folder.path().join("whole"), folder.path().join("run"));
    finish(&RUN, &whole);
    kill(&RUN, &out, 40, 0);
    let [before, newest] = checkpoints(&out).try_into().unwrap();
    let sound = fs::read(&newest).unwrap();
    let history = fs::read(out.join("history.jsonl")).unwrap();
    let newest_name = newest.display().to_string();
    fs::write(&newest, &sound[..sound.len() / 2]).unwrap();
    refused(&["--resume"], &out, &[&newest_name, "cut short", "--resume-previous"]);
    let mut altered = sound.clone();
    altered[sound.len() - 9] ^= 4;
    fs::write(&newest, &altered).unwrap();
    refused(&["--resume"], &out, &[&newest_name, "expected SHA-256", "--resume-previous"]);
    fs::write(&newest, "not ours").unwrap();
    refused(&["--resume"], &out, &[&newest_name, "expected the magic"]);
    assert!(fs::read(out.join("history.jsonl")).unwrap() == history, "a refusal changes nothing");
    assert!(before.exists());

    // A history that lost what the checkpoint saw.
    fs::write(&newest, &sound).unwrap();
    fs::write(out.join("history.jsonl"), &history[..200]).unwrap();
    refused(&["--resume"], &out, &["history.jsonl: expected at least", "found 200"]);
    // With a torn line and more than the checkpoint saw.
    fs::write(out.join("history.jsonl"), [&history[..], b"{\"iteration\":"].concat()).unwrap();
    fs::write(&newest, &altered).unwrap();
    finish(&["--resume-previous"], &out);
    assert_same(&out, &whole);
    assert!(newest.with_extension("ckpt.aside").exists());
}

#[test]
fn contradictions_and_empty_folders_are_refused() {
    let folder = TempDir::new().unwrap();
    let out = folder.path().join("run");
    refused(
        &["--resume"],
        &out,
        &["config.json", "expected a run (flexmac train --out makes one)"],
    );
    kill(&RUN, &out, 20, 0);
    let flags = ["--resume", "--seed", "6", "--lr", "0.5", "--policy", "static"];
    let words = [
        "--seed: expected 5, found 6",
        "--lr: expected 0.01, found 0.5",
        "--policy: expected \"na2016\"",
    ];
    refused(&flags, &out, &words);
    refused(&RUN, &out, &["expected an empty or new folder", "--force", "--resume"]);
    // A run that was killed and is started anew begins anew.
    let anew = ["--data", "synthetic", "--iters", "3", "--net", "mlp", "--force"];
    finish(&anew, &out);
    assert_eq!((lines(&out), checkpoints(&out).len()), (4, 1));
}

#[test]
fn a_full_disk_and_an_unwritable_folder_are_errors_and_spare_earlier_checkpoints() {
    let folder = TempDir::new().unwrap();
    let out = folder.path().join("run");
    let short = [&RUN[..6], &["--iters", "20", "--checkpoint-every", "7"]].concat();
    finish(&short, &out);
    // The device that is always full, where the checkpoint of iteration 35 is to be staged.
    let staged = out.join("checkpoints/00000035.ckpt.part");
    symlink("/dev/full", &staged).unwrap();
    let words = ["write", "00000035.ckpt", "No space left on device"];
    refused(&["--resume", "--iters", "60"], &out, &words);
    let names = |path: &PathBuf| path.file_name().unwrap().to_owned();
    let kept: Vec<_> = checkpoints(&out).iter().map(names).collect();
    assert_eq!(kept, ["00000021.ckpt", "00000028.ckpt"]);
    finish(&["--resume"], &out);

    refused(
        &RUN,
        Path::new("/dev/null/run"),
        &["create run folder /dev/null/run", "Not a directory"],
    );
    let blocked = folder.path().join("blocked");
    fs::write(&blocked, "a file").unwrap();
    refused(&[&RUN[..], &["--force"]].concat(), &blocked, &["create run folder"]);
}

/// Every kind of layer, small.
const NETWORK: &str = "
name = 'all'
input = { height = 28, width = 28, channels = 1 }
layers = [
  { type = 'conv', name = 'c1', channels_out = 4, kernel = 5, stride = 2 },
  { type = 'relu', name = 'r1' },
  { type = 'max-pool', name = 'p1', kernel = 3, stride = 2, padding = 1 },
  { type = 'lrn', name = 'n1', size = 3, alpha = 0.5 },
  { type = 'conv', name = 'c2', channels_out = 6, kernel = 3, padding = 1, groups = 2 },
  { type = 'avg-pool', name = 'p2', kernel = 3, stride = 2 },
  { type = 'inner-product', name = 'i1', outputs = 20 },
  { type = 'dropout', name = 'd1', ratio = 0.5 },
  { type = 'inner-product', name = 'i2', outputs = 10 },
]
";

#[test]
fn a_network_of_every_layer_from_a_file_repeats_and_goes_on() {
    let folder = TempDir::new().unwrap();
    let net = folder.path().join("all.toml");
    fs::write(&net, NETWORK).unwrap();
    let net_name = net.display().to_string();
    let flags = [&["--net", &net_name][..], &RUN[2..]].concat();
    let (whole, out) = (folder.path().join("whole"), folder.path().join("run"));
    finish(&flags, &whole);
    kill(&flags, &out, 30, 0);
    // A run has its network in its settings; the file may have gone on to something else.
    fs::write(&net, NETWORK.replace("= 20", "= 21")).unwrap();
    let given = ["--resume", "--net", &net_name];
    refused(&given, &out, &["network: expected", "config.json"]);
    finish(&["--resume"], &out);
    assert_same(&out, &whole);
}

#[test]
fn a_network_that_does_not_fit_names_file_and_layer() {
    let folder = TempDir::new().unwrap();
    let net = folder.path().join("n.toml");
    let name = net.display().to_string();
    let flags = ["--net", &name, "--data", "synthetic"];
    let out = folder.path().join("run");
    fs::write(&net, NETWORK.replace("ratio", "rate")).unwrap();
    refused(&flags, &out, &["n.toml, layer d1", "unknown field `rate`"]);
    fs::write(&net, NETWORK.replace("kernel = 5", "kernel = 29")).unwrap();
    refused(&flags, &out, &["layer c1: expected an input of at least 29x29", "found 28x28x1"]);
    fs::write(&net, NETWORK.replace("height = 28", "height = 32")).unwrap();
    refused(&flags, &out, &["input: expected images of 32x28x1, found training images of 28x28x1"]);
    fs::write(&net, NETWORK.replace("groups = 2", "groups = 3")).unwrap();
    refused(&flags, &out, &["layer c2: expected input channels that 3 groups share, found 4"]);
    assert!(!out.exists(), "nothing is written before all is checked");
}

/// Runs on a file system that fills up early, halfway or late, is made larger, and the run goes on.
#[test]
fn a_full_disk_ends_a_run_which_goes_on_when_there_is_room() {
    let folder = TempDir::new().unwrap();
    let whole = folder.path().join("whole");
    finish(&RUN, &whole);
    let size = Command::new("du").arg("-sk").arg(&whole).output().unwrap().stdout;
    let size: u64 =
        String::from_utf8(size).unwrap().split_whitespace().next().unwrap().parse().unwrap();
    for kilobytes in [size / 5, size / 2, size * 4 / 5] {
        let disk = folder.path().join(format!("disk{kilobytes}"));
        fs::create_dir(&disk).unwrap();
        let out = folder.path().join(format!("out{kilobytes}"));
        // A mount of its own, gone with the shell; -r lets any user have one.
        let script = r#"mount -t tmpfs -o size=${SIZE}k tmpfs "$DISK" || exit 9
            flexmac=$1; shift
            "$flexmac" train "$@" --out "$DISK/run"; first=$?
            mount -o remount,size=100m "$DISK" || exit 9
            if [ -e "$DISK/run/checkpoints" ] && ls "$DISK/run/checkpoints" | grep -q ckpt
            then "$flexmac" train "$@" --resume --out "$DISK/run"
            else "$flexmac" train "$@" --force --out "$DISK/run"
            fi || exit 8
            cp -r "$DISK/run" "$OUT" && exit $first"#;
        let output = Command::new("unshare")
            .args(["--user", "--map-root-user", "--mount", "sh", "-c", script, "sh"])
            .arg(env!("CARGO_BIN_EXE_flexmac"))
            .args(RUN)
            .env("SIZE", kilobytes.to_string())
            .env("DISK", &disk)
            .env("OUT", &out)
            .stdin(Stdio::null())
            .output()
            .unwrap();
        let text = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(2), "{kilobytes} kB: {text}");
        assert!(text.contains("No space left on device"), "{text}");
        assert!(text.contains(&format!("{}/run/", disk.display())), "a file is named: {text}");
        assert_same(&out, &whole);
    }
}
