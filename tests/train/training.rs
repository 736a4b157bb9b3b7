//! Whole runs on the synthetic set: they learn, they repeat, they resume, they fail clearly.

use std::fs;
use std::path::Path;
use std::sync::atomic::AtomicBool;

use flexmac_array::ArraySpec;
use flexmac_dataset::{Dataset, synthetic};
use flexmac_dps::{
    Na2016, Na2016Config, Planewise, PlanewiseConfig, Policy, Static, StaticConfig, TensorSpec,
};
use flexmac_engine::{
    Engine, EngineError, FloatEngine, Gemm, GemmError, GemmResult, ReferenceEngine,
};
use flexmac_fxp::Rounding;
use flexmac_nn::{NetPlan, NetSpec};
use flexmac_record::{IterationRecord, RunResult};
use flexmac_train::{
    Engines, RunFolder, RunFolderError, Solver, TrainError, Trainer, TrainerConfig,
    TrainingSchedule, check_data, named_weights,
};
use tempfile::TempDir;

/// Seed 1, 150 iterations of 16 images; chance is 0.1.
const MLP_ACCURACY: f64 = 0.85;

fn reference() -> ReferenceEngine {
    ReferenceEngine::new(ArraySpec::default().check().unwrap())
}

fn config(rounding: Rounding) -> TrainerConfig {
    TrainerConfig { batch: 16, rounding, ..TrainerConfig::default() }
}

/// A dynamic policy hurried enough to pass through all its stages in few iterations.
fn hurried(tensors: &[TensorSpec]) -> Box<dyn Policy> {
    let config = Na2016Config {
        isearch_window: 1,
        dsearch_window: 2,
        loss_window: 4,
        ..Na2016Config::default()
    };
    Box::new(Na2016::new(config, tensors).unwrap())
}

fn fixed(bits: u32, storage_bits: u32) -> impl Fn(&[TensorSpec]) -> Box<dyn Policy> {
    move |tensors| {
        let config = StaticConfig::new(bits, storage_bits, tensors).unwrap();
        Box::new(Static::new(&config, tensors))
    }
}

fn trainer<T: flexmac_nn::Number>(
    net: &str,
    config: TrainerConfig,
    policy: impl Fn(&[TensorSpec]) -> Box<dyn Policy>,
    data: &Dataset,
) -> Trainer<T> {
    let plan = NetPlan::new(&NetSpec::by_name(net).unwrap(), config.batch).unwrap();
    let policy = policy(plan.tensors());
    Trainer::new(plan, config, policy, data).unwrap()
}

fn schedule(iterations: u64) -> TrainingSchedule {
    TrainingSchedule {
        iterations,
        evaluate_every: 4,
        evaluate_images: 30,
        final_images: 200,
        checkpoint_every: 5,
    }
}

fn run_reference(
    trainer: &mut Trainer<i32>,
    data: &Dataset,
    iterations: u64,
    folder: &Path,
) -> RunResult {
    let mut folder = RunFolder::create(folder, false).unwrap();
    let mut engines = Engines { train: &mut reference(), evaluate: &mut reference() };
    let never = AtomicBool::new(false);
    let (schedule, folder) = (schedule(iterations), Some(&mut folder));
    flexmac_train::run(trainer, &mut engines, data, &schedule, folder, &never, &mut |_| {}).unwrap()
}

/// Every file of a run that must repeat, by name.
fn repeatable(folder: &Path) -> Vec<(String, Vec<u8>)> {
    let mut files = Vec::new();
    for sub in [folder.to_owned(), folder.join("weights")] {
        for entry in fs::read_dir(sub).unwrap() {
            let path = entry.unwrap().path();
            let name = path.strip_prefix(folder).unwrap().display().to_string();
            if path.is_file() && name != "timing.csv" && name != "result.json" {
                files.push((name, fs::read(path).unwrap()));
            }
        }
    }
    files.sort();
    files
}

#[test]
fn reruns_write_the_same_bytes_under_every_rounding() {
    let data = synthetic(3, 200, 60);
    for rounding in Rounding::ALL {
        let folders = [TempDir::new().unwrap(), TempDir::new().unwrap()];
        for folder in &folders {
            let mut trainer = trainer("lenet-small", config(rounding), hurried, &data);
            run_reference(&mut trainer, &data, 10, folder.path());
        }
        let [first, second] = folders.map(|folder| repeatable(folder.path()));
        let names: Vec<_> = first.iter().map(|(name, _)| name.as_str()).collect();
        assert!(names.contains(&"weights/conv2.weight.npy"), "{names:?}");
        assert!(names.contains(&"history.jsonl") && names.contains(&"weights/formats.json"));
        assert_eq!(first.len(), 2 + 8 * 2 + 1, "{names:?}");
        for (a, b) in first.iter().zip(&second) {
            assert!(a == b, "{} differs under {rounding}", a.0);
        }
    }
}

#[test]
fn threads_do_not_change_a_run() {
    let data = synthetic(3, 100, 20);
    let train = |threads| {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
        pool.install(|| {
            let mut trainer =
                trainer::<i32>("lenet-small", config(Rounding::Stochastic), hurried, &data);
            (0..4).for_each(|_| drop(trainer.step(&mut reference(), &data).unwrap()));
            trainer.state()
        })
    };
    assert_eq!(train(1), train(3));
}

/// A network with normalizations, a sum, and a projected shortcut that a second sum joins.
fn residual() -> NetSpec {
    let layers = r#"
        {"type": "conv", "name": "a", "channels_out": 4, "kernel": 3, "stride": 3},
        {"type": "batch-norm", "name": "n"}, {"type": "relu", "name": "r"},
        {"type": "conv", "name": "b", "channels_out": 4, "kernel": 3, "padding": 1},
        {"type": "batch-norm", "name": "m"}, {"type": "add", "name": "s", "with": "r"},
        {"type": "conv", "name": "c", "channels_out": 6, "kernel": 3, "padding": 1, "stride": 2},
        {"type": "batch-norm", "name": "o"}, {"type": "branch", "name": "p", "from": "s"},
        {"type": "conv", "name": "d", "channels_out": 6, "kernel": 1, "stride": 2},
        {"type": "add", "name": "t", "with": "o"},
        {"type": "avg-pool", "name": "g", "kernel": 2, "stride": 2},
        {"type": "inner-product", "name": "e", "outputs": 10}"#;
    let input = r#"{"height": 28, "width": 28, "channels": 1}"#;
    let text = format!(r#"{{"name": "residual", "input": {input}, "layers": [{layers}]}}"#);
    serde_json::from_str(&text).unwrap()
}

/// Weights with a negative or an infinite running variance are refused, and nothing changes.
fn refuses_impossible_variances(trainer: &mut Trainer<i32>) {
    let state = trainer.state();
    let good = named_weights(trainer.plan(), &state.params, &state.buffers).unwrap();
    for value in [-1e-9, 1e39] {
        let mut weights = good.clone();
        let variance = weights.iter_mut().find(|tensor| tensor.name == "m.running_var").unwrap();
        variance.values[2] = value;
        let error = trainer.set_weights(Path::new("w.npz"), &weights).unwrap_err().to_string();
        let words =
            "tensor m.running_var: expected numbers of single precision, of at least 0, found";
        assert!(error.contains(words) && error.ends_with(" at index 2"), "{error}");
    }
    assert!(trainer.state() == state);
}

#[test]
fn a_residual_network_trains_and_its_state_goes_on_bit_for_bit() {
    let data = synthetic(3, 400, 100);
    let make = || {
        let mut config = config(Rounding::Stochastic);
        config.solver.base_rate = 0.05;
        let plan = NetPlan::new(&residual(), config.batch).unwrap();
        let policy = Planewise::new(PlanewiseConfig::default(), plan.tensors()).unwrap();
        Trainer::<i32>::new(plan, config, Box::new(policy), &data).unwrap()
    };
    let mut whole = make();
    let first = whole.step(&mut reference(), &data).unwrap().loss;
    let mut saved = None;
    for iteration in 1..60 {
        if iteration == 40 {
            saved = Some(serde_json::to_string(&whole.state()).unwrap());
        }
        // An evaluation changes neither parameters nor running means.
        whole.evaluate(&mut reference(), &data.test, 16).unwrap();
        whole.step(&mut reference(), &data).unwrap();
    }
    let accuracy = whole.evaluate(&mut reference(), &data.test, 100).unwrap();
    assert!(whole.totals().smoothed_loss < 0.6 * first, "{}", whole.totals().smoothed_loss);
    assert!(accuracy > 0.6, "{accuracy}");
    let mut resumed = make();
    resumed.restore(serde_json::from_str(&saved.unwrap()).unwrap()).unwrap();
    (40..60).for_each(|_| drop(resumed.step(&mut reference(), &data).unwrap()));
    refuses_impossible_variances(&mut resumed);
    let (resumed, whole) = (resumed.state(), whole.state());
    assert_eq!(resumed.params, whole.params);
    assert_eq!(resumed.buffers, whole.buffers);
    assert_eq!(whole.buffers.len(), 6, "mean and variance of three normalizations");
}

#[test]
fn a_restored_state_goes_on_bit_for_bit() {
    let data = synthetic(3, 100, 20);
    let make = || trainer::<i32>("mlp", config(Rounding::Stochastic), hurried, &data);
    let mut whole = make();
    let mut saved = None;
    for iteration in 0..12 {
        if iteration == 7 {
            saved = Some(serde_json::to_string(&whole.state()).unwrap());
        }
        // Looking must not touch.
        whole.evaluate(&mut reference(), &data.test, 16).unwrap();
        whole.step(&mut reference(), &data).unwrap();
    }
    let mut resumed = make();
    resumed.restore(serde_json::from_str(&saved.unwrap()).unwrap()).unwrap();
    (7..12).for_each(|_| drop(resumed.step(&mut reference(), &data).unwrap()));
    assert_eq!(resumed.state().params, whole.state().params);

    let mut other = trainer::<i32>("lenet-small", config(Rounding::Nearest), hurried, &data);
    let error = other.restore(whole.state()).unwrap_err().to_string();
    assert!(error.contains("training state: expected conv1.weight"), "{error}");
}

#[test]
fn an_mlp_learns_in_float_and_in_narrow_fixed_point() {
    let data = synthetic(1, 2000, 500);
    let solver = Solver { base_rate: 0.05, ..Solver::default() };
    let config = TrainerConfig { solver, ..config(Rounding::Stochastic) };

    let mut float = trainer::<f32>("mlp", config.clone(), fixed(32, 32), &data);
    for _ in 0..150 {
        float.step(&mut FloatEngine, &data).unwrap();
    }
    let accuracy = float.evaluate(&mut FloatEngine, &data.test, usize::MAX).unwrap();
    assert!(accuracy > MLP_ACCURACY, "float {accuracy}");

    type Make<'a> = &'a dyn Fn(&[TensorSpec]) -> Box<dyn Policy>;
    let policies: [(&str, Make<'_>); 3] =
        [("16", &fixed(16, 16)), ("8 stored as 16", &fixed(8, 16)), ("na2016", &hurried)];
    for (name, policy) in policies {
        let mut trainer = trainer::<i32>("mlp", config.clone(), policy, &data);
        for _ in 0..150 {
            trainer.step(&mut reference(), &data).unwrap();
        }
        let accuracy = trainer.evaluate(&mut reference(), &data.test, usize::MAX).unwrap();
        assert!(accuracy > MLP_ACCURACY, "{name}: {accuracy}");
    }
}

#[test]
fn a_history_tells_widths_formats_and_costs() {
    let data = synthetic(3, 100, 20);
    let mut trainer = trainer::<i32>("mlp", config(Rounding::Nearest), hurried, &data);
    let mut phases = Vec::new();
    for _ in 0..60 {
        let record = trainer.step(&mut reference(), &data).unwrap();
        let widths = record.widths.unwrap();
        phases.push((record.phase.clone(), widths.forward));
        // ip1 forward and weight gradient (no input gradient: nothing before it learns), ip2 all.
        assert_eq!(record.gemms.len(), 5);
        let macs = 2 * 16 * 784 * 16 + 3 * 16 * 16 * 10;
        assert_eq!(record.total.macs, macs);
        let passes = u64::from(widths.forward.div_ceil(8)).pow(2);
        assert_eq!(record.total.mac_passes, macs * passes);
        assert!(record.total.cycles.busy > 0);
        let zeros: Vec<_> = record.gemms.iter().map(|gemm| gemm.zeros.unwrap()).collect();
        assert!(zeros.iter().all(|share| (0.0..=1.0).contains(share)), "{zeros:?}");
        // Forward ip1, ip2; backward ip2 (input, weight), ip1. ip2's input has passed a ReLU, and both its gradients
        // are products of the same operand.
        assert!(zeros[1] > 0.1 && zeros[1] < 1.0 && zeros[2] == zeros[3], "{zeros:?}");
        let text = serde_json::to_string(&record).unwrap();
        assert_eq!(serde_json::from_str::<IterationRecord>(&text).unwrap().gemms, record.gemms);
    }
    assert_eq!(phases[0], ("isearch".to_owned(), 32));
    assert!(phases.contains(&("dsearch".to_owned(), 16)), "{phases:?}");
}

#[test]
fn a_diverging_run_names_its_iteration() {
    let data = synthetic(3, 100, 20);
    let solver = Solver { base_rate: 1e30, ..Solver::default() };
    let config = TrainerConfig { solver, ..config(Rounding::Nearest) };
    let mut trainer = trainer::<f32>("mlp", config, fixed(32, 32), &data);
    let error = (0..10).find_map(|_| trainer.step(&mut FloatEngine, &data).err()).unwrap();
    assert!(matches!(error, TrainError::Loss { iteration: 1.., .. }), "{error}");
    assert!(error.to_string().contains("expected a finite number"), "{error}");
}

#[test]
fn settings_out_of_range_are_named() {
    let data = synthetic(3, 20, 20);
    let plan = |batch| NetPlan::new(&NetSpec::mlp(), batch);
    assert!(plan(0).unwrap_err().to_string().contains("expected batch of at least 1, found 0"));
    let refused = |config: TrainerConfig| {
        let plan = plan(1).unwrap();
        let policy = fixed(16, 16)(plan.tensors());
        Trainer::<i32>::new(plan, config, policy, &data).err().unwrap().to_string()
    };
    let solver = Solver { momentum: 1.0, ..Solver::default() };
    let error = refused(TrainerConfig { solver, ..TrainerConfig::default() });
    assert_eq!(error, "training: expected momentum in 0..1, found 1");
    let solver = Solver { base_rate: f64::NAN, ..Solver::default() };
    let error = refused(TrainerConfig { solver, ..TrainerConfig::default() });
    assert_eq!(error, "training: expected learning rate above 0, found NaN");
}

#[test]
fn data_that_do_not_fit_the_network_are_named() {
    let data = synthetic(3, 20, 20);
    let mut spec = NetSpec::mlp();
    spec.input.width = 20;
    let plan = NetPlan::new(&spec, 4).unwrap();
    let error = check_data(&data, &plan).unwrap_err().to_string();
    assert!(error.contains("expected images of 28x20x1, found training images of 28x28x1"));
    let mut spec = NetSpec::mlp();
    spec.layers.pop();
    spec.layers.push(flexmac_nn::LayerSpec::InnerProduct {
        name: "ip2".to_owned(),
        outputs: 9,
        multipliers: flexmac_nn::Multipliers::ONE,
    });
    let error = check_data(&data, &NetPlan::new(&spec, 4).unwrap()).unwrap_err().to_string();
    assert!(error.contains("expected at least 10 outputs for the labels, found 9"), "{error}");
}

#[test]
fn a_folder_in_use_is_refused_unless_forced() {
    let data = synthetic(3, 40, 20);
    let folder = TempDir::new().unwrap();
    let fresh = || trainer::<i32>("mlp", config(Rounding::Nearest), fixed(16, 16), &data);
    run_reference(&mut fresh(), &data, 2, folder.path());
    fs::write(folder.path().join("notes.txt"), "mine").unwrap();
    let error = RunFolder::create(folder.path(), false).unwrap_err();
    assert!(matches!(error, RunFolderError::InUse { .. }));
    assert!(error.to_string().contains("expected an empty or new folder, found"), "{error}");
    RunFolder::create(folder.path(), true).unwrap();
    assert!(!folder.path().join("result.json").exists(), "a stale result");
    assert_eq!(fs::read_to_string(folder.path().join("notes.txt")).unwrap(), "mine");
    let file = folder.path().join("notes.txt");
    assert!(matches!(RunFolder::create(&file, true).unwrap_err(), RunFolderError::Io { .. }));
}

#[test]
fn a_stopped_run_ends_like_a_whole_one() {
    let data = synthetic(3, 40, 20);
    let folder = TempDir::new().unwrap();
    let mut out = RunFolder::create(folder.path(), false).unwrap();
    let mut trainer = trainer::<i32>("mlp", config(Rounding::Nearest), fixed(16, 16), &data);
    let mut engines = Engines { train: &mut reference(), evaluate: &mut reference() };
    let stop = AtomicBool::new(false);
    let mut watch = |record: &IterationRecord| {
        stop.store(record.iteration == 1, std::sync::atomic::Ordering::Relaxed);
    };
    let schedule = schedule(50);
    let summary = flexmac_train::run(
        &mut trainer,
        &mut engines,
        &data,
        &schedule,
        Some(&mut out),
        &stop,
        &mut watch,
    )
    .unwrap();
    assert_eq!((summary.iterations, summary.stopped), (3, true));
    let history = fs::read_to_string(folder.path().join("history.csv")).unwrap();
    assert_eq!(history.lines().count(), 1 + 3);
    assert!(folder.path().join("weights/ip1.weight.npy").exists());
    assert!(folder.path().join("result.json").exists());
}

/// Fails at its nth product.
struct Failing(u32);

impl Engine<i32> for Failing {
    fn gemm(&mut self, product: &Gemm<'_, i32>) -> Result<GemmResult<i32>, EngineError> {
        self.0 -= 1;
        if self.0 == 0 {
            return Err(GemmError::Empty { m: 0, k: 1, n: 1 }.into());
        }
        reference().gemm(product)
    }

    fn name(&self) -> &'static str {
        "failing"
    }
}

#[test]
fn an_engines_error_names_layer_and_product_and_keeps_its_cause() {
    let data = synthetic(3, 40, 20);
    let mut trainer = trainer::<i32>("mlp", config(Rounding::Nearest), fixed(16, 16), &data);
    let error = trainer.step(&mut Failing(4), &data).unwrap_err();
    assert_eq!(error.to_string(), "layer ip2, input_gradient GEMM");
    let cause = std::error::Error::source(&error).unwrap();
    assert!(matches!(cause.downcast_ref(), Some(EngineError::Gemm(GemmError::Empty { .. }))));
}
