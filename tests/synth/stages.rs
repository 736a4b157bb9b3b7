//! What a run into the folder of an earlier one repeats, and what it keeps.

use std::fs;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

use flexmac_record::SynthReport;
use flexmac_synth::{Progress, SynthConfig, Target, run};

fn designs() -> [PathBuf; 2] {
    let dir = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/synth/designs");
    [dir.join("mac_pe.v"), dir.join("mac_array.v")]
}

fn config(out_dir: &Path) -> SynthConfig {
    SynthConfig::new("mac_array", Target::default_liberty(), out_dir).sources(designs())
}

/// The report without times, what ran, and what was kept.
fn synthesise(config: &SynthConfig) -> (SynthReport, Vec<String>, Vec<String>) {
    let (mut ran, mut kept) = (Vec::new(), Vec::new());
    let result = run(config, &mut |progress| match progress {
        Progress::Begin { id, .. } => ran.push(id.to_string()),
        Progress::Kept { id, stamp } => {
            assert!(stamp.is_file(), "{}", stamp.display());
            kept.push(id.to_string());
        }
        _ => {}
    });
    let mut report = result.unwrap_or_else(|error| panic!("{error}"));
    for time in &mut report.stages {
        time.wall_s = 0.0;
        time.kept = false;
    }
    ran.retain(|id| id != "prepare" && id != "report");
    ran.sort();
    kept.sort();
    (report, ran, kept)
}

const ALL: [&str; 5] = [
    "synthesis, elaborate",
    "synthesis, link",
    "synthesis, mac_array fast",
    "synthesis, mac_pe fast",
    "timing",
];

#[test]
fn a_second_run_keeps_every_stage_and_gives_the_same_report() {
    let dir = tempfile::tempdir().expect("temp dir");
    let mut config = config(dir.path());
    let (first, ran, kept) = synthesise(&config);
    assert_eq!((ran, kept.len()), (ALL.map(str::to_owned).to_vec(), 0));
    let (second, ran, kept) = synthesise(&config);
    assert_eq!((ran.len(), kept), (0, ALL.map(str::to_owned).to_vec()));
    assert_eq!(second, first);
    config.force = true;
    let (forced, ran, kept) = synthesise(&config);
    assert_eq!((ran, kept.len()), (ALL.map(str::to_owned).to_vec(), 0));
    assert_eq!(forced, first);
}

#[test]
fn one_script_is_kept_as_well() {
    let dir = tempfile::tempdir().expect("temp dir");
    let mut config = config(dir.path());
    config.target = Target::Ice40 { dsp: false };
    let (first, ran, _) = synthesise(&config);
    assert_eq!(ran, ["synthesis"]);
    let (second, _, kept) = synthesise(&config);
    assert_eq!((second, kept), (first, vec!["synthesis".to_owned()]));
    config.target = Target::Ice40 { dsp: true };
    assert_eq!(synthesise(&config).1, ["synthesis"]);
}

#[test]
fn a_changed_source_or_period_repeats_what_depends_on_it() {
    let dir = tempfile::tempdir().expect("temp dir");
    let [pe, array] = designs();
    let copy = dir.path().join("mac_pe.v");
    let text = fs::read_to_string(pe).expect("mac_pe.v");
    fs::write(&copy, &text).expect("write");
    let mut config = config(&dir.path().join("out")).sources([&copy, &array]);
    let (first, ..) = synthesise(&config);

    config.period_ps = Some(50_000.0);
    let (_, ran, _) = synthesise(&config);
    let again = ["synthesis, link", "synthesis, mac_array small", "synthesis, mac_pe small"];
    assert_eq!(ran[..3], again);
    assert_eq!(ran[3..], ["timing"]);
    config.period_ps = Some(60_000.0);
    assert_eq!(synthesise(&config).1, ["timing"]);

    // Other logic, and the folder that is run again tells why.
    let other = text.replacen("assign acc_o = acc_q;", "assign acc_o = ~acc_q;", 1);
    assert_ne!(other, text, "mac_pe.v is no longer what this test edits");
    fs::write(&copy, other).expect("write");
    let mut why = Vec::new();
    let report = run(&config, &mut |progress| {
        if let Progress::Begin { why: Some(reason), .. } = progress {
            why.push(reason);
        }
    })
    .unwrap_or_else(|error| panic!("{error}"));
    assert_eq!(why[0], "input/000_mac_pe.v changed");
    assert!(why.iter().any(|why| why == "units/mac_pe.il changed"), "{why:?}");
    assert_ne!(report.cells, first.cells);
}

#[test]
fn an_altered_or_missing_output_repeats_its_stage() {
    let dir = tempfile::tempdir().expect("temp dir");
    let config = config(dir.path());
    let (first, ..) = synthesise(&config);
    for (file, stage) in [
        ("netlist.v", "synthesis, link"),
        ("stat.json", "synthesis, link"),
        ("sta.log", "timing"),
        ("elaborated.il", "synthesis, elaborate"),
        ("units/mac_pe.fast.il", "synthesis, mac_pe fast"),
    ] {
        let path = dir.path().join(file);
        let text = fs::read_to_string(&path).expect(file);
        let half = text.len() / 2;
        for damage in [Some(text.clone() + "\n"), Some(text[..half].to_owned()), None] {
            match damage {
                Some(damage) => fs::write(&path, damage).expect("write"),
                None => fs::remove_file(&path).expect("remove"),
            }
            let (report, ran, _) = synthesise(&config);
            assert_eq!(ran, [stage], "{file}");
            assert_eq!(report, first, "{file}");
        }
    }
}

/// Set in the child process of the test below: where it synthesises until it is killed.
const CHILD: &str = "FLEXMAC_SYNTH_KILLED_IN";

#[test]
fn a_killed_run_goes_on_where_it_was_and_gives_the_same_report() {
    if let Some(out) = std::env::var_os(CHILD) {
        let mut config = config(Path::new(&out));
        config.jobs = 1;
        let _ = run(&config, &mut |progress| println!("\nprogress {progress}"));
        return;
    }
    let dir = tempfile::tempdir().expect("temp dir");
    let (whole, ..) = synthesise(&config(&dir.path().join("whole")));
    // Where and before what it is killed; a machine that takes its time may let a stage end first.
    for (number, stage) in ALL.into_iter().enumerate() {
        let killed = (0..20).find_map(|attempt| {
            let out = dir.path().join(format!("{number}-{attempt}"));
            killed_in(&out, stage).then_some(out)
        });
        let out = killed.unwrap_or_else(|| panic!("never killed in {stage}"));
        assert!(!out.join("report.json").exists());
        let (report, ran, kept) = synthesise(&config(&out));
        assert_eq!(report, whole, "killed in {stage}");
        assert!(ran.contains(&stage.to_owned()), "{ran:?}");
        assert_eq!(ran.len() + kept.len(), ALL.len());
        assert_eq!(kept.contains(&ALL[0].to_owned()), stage != ALL[0], "{stage}: {kept:?}");
        let rest = fs::read_dir(&out).expect("list").flatten();
        let rest: Vec<_> = rest.map(|entry| entry.file_name()).collect();
        assert!(!rest.iter().any(|name| name.to_string_lossy().starts_with(".run")), "{rest:?}");
    }
}

/// Runs the child and ends it by SIGKILL as soon as the tool of `stage` has its folder, which is after the stage
/// is announced; tells whether it was in it.
fn killed_in(out: &Path, stage: &str) -> bool {
    let mut child = Command::new(std::env::current_exe().expect("test binary"))
        .args(["--exact", "stages::a_killed_run_goes_on_where_it_was_and_gives_the_same_report"])
        .arg("--nocapture")
        .env(CHILD, out)
        .stdout(Stdio::piped())
        .spawn()
        .expect("starts");
    let lines = BufReader::new(child.stdout.take().expect("piped")).lines();
    let begins = format!("progress {stage}");
    let seen = lines.map_while(Result::ok).any(|line| line == begins);
    let scratch = out.join(format!(".run-{}", stage.replace(", ", "-").replace(' ', "-")));
    while !scratch.is_dir() && child.try_wait().expect("asks").is_none() {
        std::thread::sleep(Duration::from_micros(200));
    }
    child.kill().expect("kill");
    child.wait().expect("reap");
    seen && scratch.is_dir()
}

#[test]
fn the_best_of_several_orders_is_kept_with_all_of_them() {
    let dir = tempfile::tempdir().expect("temp dir");
    let plain = synthesise(&config(&dir.path().join("plain"))).0;
    let mut config = config(&dir.path().join("orders"));
    config.orders = 4;
    let (found, ..) = synthesise(&config);

    let tries = &found.tries;
    assert_eq!(tries.iter().map(|attempt| attempt.order).collect::<Vec<_>>(), [0, 1, 2, 3]);
    let timing = plain.timing.expect("timing");
    assert_eq!(Some(tries[0].area_um2), plain.area_um2);
    assert_eq!(tries[0].period_ps, timing.period_ps);
    assert!(tries.iter().any(|attempt| attempt.area_um2 != tries[0].area_um2), "{tries:?}");
    let product = |area_um2: f64, period_ps: f64| area_um2 * period_ps;
    let products = tries.iter().map(|attempt| product(attempt.area_um2, attempt.period_ps));
    let timing = found.timing.as_ref().expect("timing");
    let best = product(found.area_um2.expect("an area"), timing.period_ps);
    assert_eq!(best, products.fold(f64::INFINITY, f64::min));

    let (again, ran, _) = synthesise(&config);
    assert_eq!((again, ran.len()), (found, 0));
}

#[test]
fn a_search_finds_the_shortest_period_and_keeps_its_tries() {
    let dir = tempfile::tempdir().expect("temp dir");
    let plain = synthesise(&config(&dir.path().join("plain"))).0;
    let plain = plain.timing.expect("timing").period_ps;
    let mut config = config(&dir.path().join("search"));
    config.search_period = true;
    let (found, ..) = synthesise(&config);

    let tries = &found.tries;
    assert!(tries.len() >= 3, "{tries:?}");
    assert!(tries[0].units.iter().all(|unit| unit.recipe == "small"), "{tries:?}");
    let best = tries.iter().map(|attempt| attempt.period_ps).fold(f64::INFINITY, f64::min);
    assert!(best < plain, "{best} {plain}");
    for attempt in tries {
        assert_eq!(attempt.met, attempt.period_ps <= attempt.given_ps, "{attempt:?}");
        assert!(config.out_dir.join(&attempt.folder).join("netlist.v").is_file(), "{attempt:?}");
    }
    let timing = found.timing.as_ref().expect("timing");
    assert_eq!(timing.given_period_ps, best.ceil());
    assert!(timing.worst_slack_ps >= 0.0, "{timing:?}");
    let best_tries = tries.iter().filter(|attempt| attempt.period_ps.ceil() == best.ceil());
    let area = best_tries.map(|attempt| attempt.area_um2).fold(f64::INFINITY, f64::min);
    assert_eq!(found.area_um2, Some(area));

    let (again, ran, _) = synthesise(&config);
    assert_eq!((again, ran.len()), (found, 0));
}
