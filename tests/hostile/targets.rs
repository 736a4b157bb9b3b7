//! What reads files from outside, as functions of bytes: one table for the mutation test beside this
//! file and for the coverage-guided fuzzers in `fuzz/`.
//!
//! A target writes the bytes where its reader looks for a file, reads them as the program would, and
//! goes on as far as it can without a long computation: a network is planned, a run becomes a page. It
//! returns whether the bytes were taken or refused, and in what words; anything else, from a panic to an
//! allocation beyond bounds, is a fault.

use std::fs;
use std::path::Path;

use flexmac_cosim::bundle::{self, Bundle};
use flexmac_dataset::{
    DataSource, InputSpec, ListOptions, read_image_lists, read_images, read_labels,
};
use flexmac_nn::{NetPlan, NetSpec, Shape};
use flexmac_record::{PowerReport, RecordFile, WeightFormats};
use flexmac_synth::liberty::Library;
use flexmac_synth::liberty::function::Function;
use flexmac_synth::netlist::Netlist;
use flexmac_synth::{LibraryOptions, sta, yosys};
use sha2::{Digest, Sha256};

/// Taken, or why not.
pub type Verdict = Result<(), String>;

/// A reader: a folder of its own to put files in, and the bytes.
pub type Read = fn(&Path, &[u8]) -> Verdict;

/// Name, which is also that of its folder of valid files in `seeds/`, and reader.
pub const TARGETS: [(&str, Read); 34] = [
    ("npy", npy),
    ("idx", idx),
    ("idx-names", idx_names),
    ("cifar-10", cifar_10),
    ("cifar-100", cifar_100),
    ("image-list", image_list),
    ("picture", picture),
    ("weights-npz", weights_npz),
    ("weights-safetensors", weights_safetensors),
    ("checkpoint", checkpoint),
    ("checkpoint-payload", checkpoint_payload),
    ("bundle", bundle),
    ("verdicts", verdicts),
    ("network", network),
    ("design", design),
    ("study", study),
    ("run-config", run_config),
    ("history", history),
    ("result", result),
    ("weight-formats", weight_formats),
    ("synth-report", synth_report),
    ("power-report", power_report),
    ("liberty", liberty),
    ("liberty-gz", liberty_gz),
    ("lef", lef),
    ("function", function),
    ("netlist", netlist),
    ("timing-log", timing_log),
    ("stat-json", stat_json),
    ("stat-text", stat_text),
    ("abc-log", abc_log),
    ("verilator-header", verilator_header),
    ("power-log", power_log),
    ("cell-powers", cell_powers),
];

fn put(folder: &Path, name: &str, bytes: &[u8]) -> std::path::PathBuf {
    let path = folder.join(name);
    fs::write(&path, bytes).expect("the scratch folder is writable");
    path
}

/// The error with its causes, as the program prints it.
fn words(error: impl std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        text += &format!(": {error}");
        cause = error.source();
    }
    text
}

/// What a tool's output misses, and where.
fn place(error: flexmac_synth::ParseError) -> String {
    format!("line {}: expected {}, found {}", error.line, error.expected, error.found)
}

fn npy(folder: &Path, bytes: &[u8]) -> Verdict {
    let path = put(folder, "a.npy", bytes);
    let integers = crate::npy::read_matrix(&path).map(|_| ());
    let bias = crate::npy::read_bias(&path).map(|_| ());
    let floats = crate::npy::read_float_matrix(&path).map(|_| ());
    let float_bias = crate::npy::read_float_bias(&path).map(|_| ());
    integers.or(bias).or(floats).or(float_bias).map_err(|error| format!("{error:#}"))
}

/// A set in a folder whose files are all these bytes; the folder is made for one kind of set.
fn set(folder: &Path, names: &[&str], shape: Shape, classes: usize, bytes: &[u8]) -> Verdict {
    for name in names {
        put(folder, name, bytes);
    }
    let spec = InputSpec { shape, classes };
    let source = DataSource::Folder(folder.to_owned());
    let set = source.load_for(1, spec, &ListOptions::default()).map_err(words)?;
    let below = |label: u8| usize::from(label) < classes;
    assert!((0..set.train.len()).all(|number| below(set.train.label(number))));
    Ok(())
}

const COLOUR: Shape = Shape { height: 32, width: 32, channels: 3 };

fn cifar_10(folder: &Path, bytes: &[u8]) -> Verdict {
    let batches = [1, 2, 3, 4, 5].map(|batch| format!("data_batch_{batch}.bin"));
    let names: Vec<_> = batches.iter().map(String::as_str).chain(["test_batch.bin"]).collect();
    set(folder, &names, COLOUR, 10, bytes)
}

fn cifar_100(folder: &Path, bytes: &[u8]) -> Verdict {
    let fine = set(folder, &["train.bin", "test.bin"], COLOUR, 100, bytes);
    let spec = InputSpec { shape: COLOUR, classes: 20 };
    let coarse = DataSource::CoarseCifar100(folder.to_owned());
    let coarse = coarse.load_for(1, spec, &ListOptions::default()).map(|_| ()).map_err(words);
    fine.or(coarse)
}

/// The bytes are images of EMNIST's letters in one set, labels of QMNIST in the other.
fn idx_names(folder: &Path, bytes: &[u8]) -> Verdict {
    let mut verdicts = Vec::new();
    for (name, labels, [images, mut other]) in [
        ("emnist-letters", "idx1-ubyte", [Some(bytes), None]),
        ("qmnist", "idx2-int", [None, Some(bytes)]),
    ] {
        let place = folder.join(name);
        fs::create_dir_all(&place).expect("the scratch folder is writable");
        // One picture of a letter, for whichever of the two is not the input.
        let picture = [&[0, 0, 8, 3, 0, 0, 0, 1, 0, 0, 0, 2, 0, 0, 0, 3][..], &[9; 6]].concat();
        let one = [0, 0, 8, 1, 0, 0, 0, 1, 26];
        let images = images.unwrap_or(&picture);
        let labels_now = other.take().unwrap_or(&one);
        for part in ["train", "test"] {
            put(&place, &format!("{name}-{part}-images-idx3-ubyte"), images);
            put(&place, &format!("{name}-{part}-labels-{labels}"), labels_now);
        }
        verdicts.push(set(&place, &[], Shape { height: 3, width: 2, channels: 1 }, 26, &[]));
    }
    verdicts.remove(0).or(verdicts.remove(0))
}

fn idx(folder: &Path, bytes: &[u8]) -> Verdict {
    let path = put(folder, "a.idx", bytes);
    let images = read_images(&path).map(|images| {
        assert_eq!(images.pixels.len(), images.count * images.shape.len());
    });
    images.or_else(|_| read_labels(&path, 10).map(|_| ())).map_err(words)
}

const PICTURE: &[u8] = include_bytes!("seeds/picture/rgb.png");

fn lists(folder: &Path, list: &[u8], picture: &[u8]) -> Verdict {
    put(folder, "picture.png", picture);
    let lists = [put(folder, "train.txt", list), put(folder, "test.txt", list)];
    let need = InputSpec { shape: Shape { height: 4, width: 4, channels: 3 }, classes: 10 };
    let options = ListOptions { resize: Some(8), ..ListOptions::default() };
    read_image_lists(&lists, need, &options).map(|_| ()).map_err(words)
}

fn image_list(folder: &Path, bytes: &[u8]) -> Verdict {
    lists(folder, bytes, PICTURE)
}

fn picture(folder: &Path, bytes: &[u8]) -> Verdict {
    lists(folder, b"picture.png 0\n", bytes)
}

/// Weights for the network of the seeds.
fn weights(path: &Path) -> Verdict {
    let wanted =
        [("i1.weight", vec![10, 1]), ("i1.bias", vec![10])].map(|(name, s)| (name.to_owned(), s));
    let read = flexmac_train::read_weights(path, &wanted).map_err(words)?;
    let names: Vec<_> = read.tensors.iter().map(|tensor| &tensor.name).collect();
    assert!(wanted.iter().all(|(name, _)| names.contains(&name)), "{names:?}");
    Ok(())
}

fn weights_npz(folder: &Path, bytes: &[u8]) -> Verdict {
    weights(&put(folder, "w.npz", bytes))
}

fn weights_safetensors(folder: &Path, bytes: &[u8]) -> Verdict {
    weights(&put(folder, "w.safetensors", bytes))
}

fn checkpoint(folder: &Path, bytes: &[u8]) -> Verdict {
    let checkpoints = folder.join("checkpoints");
    fs::create_dir_all(&checkpoints).expect("the scratch folder is writable");
    put(&checkpoints, "00000003.ckpt", bytes);
    let integers = flexmac_train::load_checkpoint::<i32>(folder, false).map(|_| ());
    integers
        .or_else(|_| flexmac_train::load_checkpoint::<f32>(folder, false).map(|_| ()))
        .map_err(words)
}

/// What lies behind a checksum that is right.
fn checkpoint_payload(folder: &Path, bytes: &[u8]) -> Verdict {
    let mut whole = b"FLEXMACK".to_vec();
    whole.extend(1_u32.to_le_bytes());
    whole.extend((bytes.len() as u64).to_le_bytes());
    whole.extend(Sha256::digest(bytes));
    whole.extend(bytes);
    checkpoint(folder, &whole)
}

/// What lies before a checksum that is right.
fn bundle(_: &Path, bytes: &[u8]) -> Verdict {
    let whole = [bytes, Sha256::digest(bytes).as_slice()].concat();
    let bundle = Bundle::decode(&whole).map_err(words)?;
    let again = Bundle::decode(&bundle.encode().map_err(words)?).map_err(words)?;
    assert!(again == bundle, "a bundle that is written comes back");
    Ok(())
}

fn verdicts(_: &Path, bytes: &[u8]) -> Verdict {
    let text = String::from_utf8(bytes.to_vec()).map_err(words)?;
    let verdicts = bundle::Verdict::in_lines(&text).map_err(words)?;
    bundle::Merged::new(&verdicts).map(|_| ()).map_err(words)
}

fn network(folder: &Path, bytes: &[u8]) -> Verdict {
    let path = put(folder, "n.toml", bytes);
    let spec = NetSpec::load(&path.display().to_string()).map_err(words)?;
    let plan = NetPlan::new(&spec, 64).map_err(words)?;
    let products = flexmac_nn::gemms(&plan, 64);
    assert!(!products.is_empty(), "a network multiplies");
    Ok(())
}

fn design(folder: &Path, bytes: &[u8]) -> Verdict {
    put(folder, "config.json", bytes);
    let config = flexmac_rtlgen::read(folder).map_err(words)?;
    let bits = u64::from(config.acc_bits()) + u64::from(config.sum_bits());
    assert!(bits < 1000, "{bits}");
    Ok(())
}

fn study(folder: &Path, bytes: &[u8]) -> Verdict {
    let text = String::from_utf8(bytes.to_vec()).map_err(words)?;
    let study: flexmac_cost::Study = toml::from_str(&text).map_err(words)?;
    study.check(folder).map_err(words)
}

const CONFIG: &[u8] = include_bytes!("seeds/run-config/config.json");
const HISTORY: &[u8] = include_bytes!("seeds/history/history.jsonl");
const RESULT: &[u8] = include_bytes!("seeds/result/result.json");

/// A run as a page and its drawings, and as work to be costed.
fn run(folder: &Path, config: &[u8], history: &[u8], result: &[u8]) -> Verdict {
    put(folder, "config.json", config);
    put(folder, "history.jsonl", history);
    put(folder, "result.json", result);
    // Either reader may refuse what the other takes.
    let profile = flexmac_cost::PrecisionProfile::read(folder)
        .map(|profile| profile.shares())
        .map(|_| ())
        .map_err(words);
    let run = flexmac_report::Run::read(folder, true).map_err(words)?;
    let plots = flexmac_report::run_plots(&run, 0);
    assert!(!plots.is_empty());
    let page = flexmac_report::page(&[run.clone(), run], &flexmac_report::Hardware::default())
        .map_err(words)?;
    assert!(page.ends_with("</html>\n"), "a whole page");
    profile
}

fn run_config(folder: &Path, bytes: &[u8]) -> Verdict {
    run(folder, bytes, HISTORY, RESULT)
}

fn history(folder: &Path, bytes: &[u8]) -> Verdict {
    run(folder, CONFIG, bytes, RESULT)
}

fn result(folder: &Path, bytes: &[u8]) -> Verdict {
    run(folder, CONFIG, HISTORY, bytes)
}

fn synth_report(folder: &Path, bytes: &[u8]) -> Verdict {
    let report = flexmac_report::read_synth(&put(folder, "report.json", bytes)).map_err(words)?;
    let hardware =
        flexmac_report::Hardware { synth: Some(report), ..flexmac_report::Hardware::default() };
    put(folder, "config.json", CONFIG);
    put(folder, "history.jsonl", HISTORY);
    put(folder, "result.json", RESULT);
    let run = flexmac_report::Run::read(folder, false).map_err(words)?;
    flexmac_report::page(&[run], &hardware).map(|_| ()).map_err(words)
}

fn weight_formats(folder: &Path, bytes: &[u8]) -> Verdict {
    let formats = WeightFormats::read(&put(folder, "formats.json", bytes)).map_err(words)?;
    let _ = formats.to_json().expect("a map of names");
    Ok(())
}

fn power_report(folder: &Path, bytes: &[u8]) -> Verdict {
    let report = PowerReport::read(&put(folder, "power.json", bytes)).map_err(words)?;
    let _ = report.cases.iter().map(|case| case.cells.total()).sum::<f64>();
    let _ = report.to_json().expect("numbers and words");
    Ok(())
}

fn liberty(_: &Path, bytes: &[u8]) -> Verdict {
    let (library, canonical) = Library::read(bytes).map_err(place)?;
    let _ = (library.tie(true), library.tie(false), library.buffer_pins(), library.inverter());
    let _ = (library.clock_gate(), library.flip_flop());
    // What the tools get reads as the same cells.
    let usable = library.cells.values().filter(|cell| !cell.excluded).count();
    if usable > 0 {
        let (again, same) = Library::read(canonical.as_bytes()).expect("canonical text reads");
        assert_eq!(again.cells.len(), usable);
        assert_eq!(same, canonical);
    }
    // A cell that cannot be modelled is refused by name.
    for name in library.cells.keys() {
        let _ = library.model(name);
    }
    Ok(())
}

fn liberty_gz(folder: &Path, bytes: &[u8]) -> Verdict {
    flexmac_synth::read_library(&put(folder, "a.lib.gz", bytes), &LibraryOptions::default())
        .map(|_| ())
        .map_err(words)
}

fn lef(_: &Path, bytes: &[u8]) -> Verdict {
    let areas = flexmac_synth::lef::cell_areas(&String::from_utf8_lossy(bytes)).map_err(place)?;
    assert!(areas.values().all(|area| *area > 0.0));
    Ok(())
}

fn function(_: &Path, bytes: &[u8]) -> Verdict {
    let function = Function::parse(&String::from_utf8_lossy(bytes))?;
    let _ = (function.verilog(&mut str::to_owned), function.eval(&|name| name.len() % 2 == 0));
    Ok(())
}

fn netlist(_: &Path, bytes: &[u8]) -> Verdict {
    let netlist = Netlist::parse(&String::from_utf8_lossy(bytes)).map_err(place)?;
    netlist.flatten("top").map(|_| ()).map_err(words)
}

fn timing_log(_: &Path, bytes: &[u8]) -> Verdict {
    let log = String::from_utf8_lossy(bytes);
    let _ = sta::error_lines(&log);
    sta::parse(&log, sta::NOMINAL_PERIOD_PS).map(|_| ()).map_err(place)
}

fn stat_json(_: &Path, bytes: &[u8]) -> Verdict {
    yosys::parse_stat_json(&String::from_utf8_lossy(bytes)).map(|_| ()).map_err(place)
}

fn stat_text(_: &Path, bytes: &[u8]) -> Verdict {
    let text = String::from_utf8_lossy(bytes);
    let _ = yosys::parse_transistors(&text);
    yosys::parse_chip_area(&text, "flexmac_core").map(|_| ()).map_err(place)
}

fn abc_log(_: &Path, bytes: &[u8]) -> Verdict {
    yosys::parse_abc_delay(&String::from_utf8_lossy(bytes)).map(|_| ()).map_err(place)
}

fn verilator_header(_: &Path, bytes: &[u8]) -> Verdict {
    let ports = verilated::header_ports("top", &String::from_utf8_lossy(bytes)).map_err(words)?;
    assert!(ports.iter().all(|port| port.bits > 0), "a port of no bits");
    Ok(())
}

/// A log of power.tcl, or of clock.tcl, which goes without totals.
fn power_log(folder: &Path, bytes: &[u8]) -> Verdict {
    let text = String::from_utf8_lossy(bytes).into_owned();
    let log = flexmac_power::Log::finished(text, folder.join("power.log")).map_err(words)?;
    log.check_period(3449.866211).map_err(words)?;
    let buffers = ["leaf", "branch"].map(|name| log.marked(&format!("FLEXMAC {name} "), 2));
    if let [Ok(leaf), Ok(branch)] = buffers {
        assert!(leaf.len().min(branch.len()) >= 2);
        return Ok(());
    }
    // One cell that takes all of it.
    log.check_total(1, &[log.total(1).map_err(words)?]).map_err(words)
}

fn cell_powers(folder: &Path, bytes: &[u8]) -> Verdict {
    let path = folder.join("power_0.txt");
    let watts =
        flexmac_power::cell_powers(&String::from_utf8_lossy(bytes), 4, 2, &path).map_err(words)?;
    assert_eq!(watts.len(), 6);
    assert!(watts.iter().flatten().all(|watts| watts.is_finite()));
    Ok(())
}
