//! The cost model against runs: the products it lists are the ones that training runs.

use flexmac_array::{ArrayConfig, ArraySpec, Layout};
use flexmac_cost::{Error, PrecisionProfile, sharded, workloads};
use flexmac_dataset::{DataSource, Dataset, InputSpec, ListOptions, Split};
use flexmac_dps::{Static, StaticConfig};
use flexmac_engine::ReferenceEngine;
use flexmac_nn::{NetPlan, NetSpec};
use flexmac_record::{OperandRole, RunConfig, RunData, Schema, Setting, Solver, SplitSummary};
use flexmac_train::{RunFolder, Trainer, TrainerConfig};
use serde_json::{Map, Value, json};

fn array(rows: u32, cols: u32, lanes: u32, chunk: u32, max_k: u32) -> ArrayConfig {
    let spec = ArraySpec { rows, cols, lanes, chunk, max_k, ..ArraySpec::default() };
    spec.check().expect("a legal array")
}

/// Trains an iteration and holds the model's cycles against what the engine counted.
fn model_equals_run(net: &NetSpec, batch: usize, config: &ArrayConfig) {
    let plan = NetPlan::new(net, batch).expect("plans");
    let need = InputSpec { shape: plan.input(), classes: plan.classes() };
    let data =
        DataSource::parse("synthetic").load_for(1, need, &ListOptions::default()).expect("loads");
    let mut trainer = trainer_of(net, batch, &data);
    let mut engine = ReferenceEngine::new(config.clone()).with_layout(Layout::Fastest);
    let folder = tempfile::tempdir().expect("a folder");
    let record = trainer.step(&mut engine, &data).expect("a step");

    let mut run = RunFolder::create(&folder.path().join("run"), false).expect("a run folder");
    run.append(&record, 0.0).expect("written");
    run.write_json("config.json", &settings_of(net, batch, &data)).expect("written");
    let profile = PrecisionProfile::read(&folder.path().join("run")).expect("a profile");
    assert_eq!((profile.iterations, profile.policy.as_str()), (1, "static"));

    let all = workloads(&profile, config, Layout::Fastest).expect("fits");
    for workload in &all {
        let runs =
            record.gemms.iter().filter(|g| g.layer == workload.layer && g.role == workload.role);
        let (mut macs, mut mac_passes, mut cycles) = (0, 0, flexmac_array::Cycles::default());
        for gemm in runs {
            macs += gemm.stats.macs;
            mac_passes += gemm.stats.mac_passes;
            cycles.add(&gemm.stats.cycles);
        }
        let name = format!("{} {}", workload.layer, workload.role.name());
        assert_eq!((workload.macs, workload.mac_passes), (macs, mac_passes), "{name}");
        assert_eq!(workload.cycles, cycles, "{name}");
    }
    let total: u64 = all.iter().map(|workload| workload.macs).sum();
    assert_eq!(total, record.total.macs);
    assert_eq!(profile.macs(), total);

    // What is costed for several arrays is what training on several arrays counts.
    for arrays in [1, 2, 5] {
        let mut trainer = trainer_of(net, batch, &data);
        let mut engine = ReferenceEngine::new(config.clone())
            .with_layout(Layout::Fastest)
            .with_arrays(arrays.try_into().unwrap());
        let shared = trainer.step(&mut engine, &data).expect("a step");
        let costed = sharded(&profile, config, arrays).expect("fits");
        assert_eq!(costed.cycles, shared.total.cycles.busy, "{arrays} arrays");
        assert_eq!(shared.tensors, record.tensors, "{arrays} arrays");
        if arrays == 1 {
            assert_eq!((costed.efficiency, costed.handed_on_bits), (1.0, 0));
        }
    }
}

/// The settings of a run, as the program writes them.
fn settings_of(net: &NetSpec, batch: usize, data: &Dataset) -> RunConfig<NetSpec> {
    let settings = [
        ("batch", json!(batch)),
        ("seed", json!(1)),
        ("policy", json!("static")),
        ("data", json!("synthetic")),
    ];
    let setting =
        |(name, value): (&str, Value)| (name.to_owned(), Setting { default: false, value });
    let split = |split: &Split| SplitSummary { images: split.len(), sha256: String::new() };
    RunConfig {
        schema: Schema::CURRENT,
        flexmac: String::new(),
        command: "train".to_owned(),
        settings: settings.map(setting).into(),
        network: net.clone(),
        solver: Solver::default(),
        array: Map::new(),
        data: RunData { train: split(&data.train), test: split(&data.test), mean: None },
        init_weights: None,
    }
}

fn trainer_of(net: &NetSpec, batch: usize, data: &Dataset) -> Trainer<i32> {
    let plan = NetPlan::new(net, batch).expect("plans");
    let settings = TrainerConfig { batch, ..TrainerConfig::default() };
    let formats = StaticConfig::new(11, 16, plan.tensors()).expect("legal widths");
    let policy = Box::new(Static::new(&formats, plan.tensors()));
    Trainer::<i32>::new(plan, settings, policy, data).expect("a trainer")
}

#[test]
fn the_model_counts_what_training_runs() {
    for (config, batch) in
        [(array(8, 8, 4, 8, 4096), 4), (array(3, 5, 3, 2, 100), 2), (array(1, 1, 1, 16, 7), 1)]
    {
        for net in ["lenet-small", "mlp", "lenet"] {
            model_equals_run(&NetSpec::load(net).expect("known"), batch, &config);
        }
    }
}

/// Groups of a convolution are products of their own, with strides and padding around.
#[test]
fn grouped_convolutions_count_every_group() {
    let text = r#"
name = "grouped"
input = { height = 28, width = 28, channels = 1 }

layers = [
  { type = "conv", name = "c1", channels_out = 4, kernel = 5, stride = 3 },
  { type = "conv", name = "c2", channels_out = 6, kernel = 3, stride = 2, padding = 1, groups = 2 },
  { type = "conv", name = "c3", channels_out = 4, kernel = 3, groups = 2 },
  { type = "inner-product", name = "out", outputs = 10 },
]
"#;
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("grouped.toml");
    std::fs::write(&path, text).expect("written");
    let net = NetSpec::load(path.to_str().expect("a name")).expect("reads");
    model_equals_run(&net, 3, &array(4, 3, 2, 8, 64));
}

/// Which operands count as sparse follows from the zeros that the run recorded; a run that recorded none is judged by
/// its network's ReLUs, not by the numbers of its layers.
#[test]
fn sparse_operands_are_those_of_the_run() {
    let (net, batch, config) = (NetSpec::lenet(), 2, array(8, 8, 4, 8, 4096));
    let plan = NetPlan::new(&net, batch).expect("plans");
    let need = InputSpec { shape: plan.input(), classes: plan.classes() };
    let data =
        DataSource::parse("synthetic").load_for(1, need, &ListOptions::default()).expect("loads");
    let mut trainer = trainer_of(&net, batch, &data);
    let mut engine = ReferenceEngine::new(config.clone()).with_layout(Layout::Fastest);
    let record = trainer.step(&mut engine, &data).expect("a step");
    // Layers whose forward GEMM has sparse operands, if conv1 recorded these shares in two iterations.
    let sparse = |shares: [Option<f64>; 2]| {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("run");
        let mut run = RunFolder::create(&path, false).expect("a run folder");
        for (iteration, share) in shares.into_iter().enumerate() {
            let mut record = record.clone();
            record.iteration = iteration as u64;
            record.gemms.iter_mut().for_each(|gemm| gemm.zeros = None);
            record.gemms[0].zeros = share;
            run.append(&record, 0.0).expect("written");
        }
        run.write_json("config.json", &settings_of(&net, batch, &data)).expect("written");
        let profile = PrecisionProfile::read(&path)?;
        let all = workloads(&profile, &config, Layout::Fastest)?;
        let sparse = all.iter().filter(|w| w.operands == OperandRole::ForwardSparse);
        Ok::<_, Error>(sparse.map(|workload| workload.layer.clone()).collect::<Vec<_>>())
    };
    assert_eq!(sparse([None, None]).expect("reads"), ["ip2"]);
    assert_eq!(sparse([Some(0.25), Some(0.36)]).expect("reads"), ["conv1", "ip2"]);
    assert_eq!(sparse([Some(0.25), Some(0.34)]).expect("reads"), ["ip2"]);
    let error = sparse([Some(0.5), Some(1.5)]).expect_err("no share").to_string();
    assert!(error.contains("line 2: expected a share of zeros from 0 to 1, found 1.5"), "{error}");
}

#[test]
fn a_run_that_is_not_whole_is_refused() {
    let folder = tempfile::tempdir().expect("a folder");
    let error = PrecisionProfile::read(folder.path()).expect_err("no run").to_string();
    assert!(error.contains("config.json"), "{error}");
    std::fs::write(folder.path().join("config.json"), "{}").expect("written");
    let error = PrecisionProfile::read(folder.path()).expect_err("no settings").to_string();
    assert!(error.contains("expected the settings of a run"), "{error}");
}
