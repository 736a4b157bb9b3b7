//! Data that say nothing, and layers that do nothing: every policy trains on them, or stops with a
//! reason.

use flexmac_array::ArraySpec;
use flexmac_dataset::{Dataset, Split, synthetic};
use flexmac_dps::{
    ArrayLimits, Constants, DpsError, FormatTable, Formats, Observation, POLICIES, Policy,
    PolicyKind, PolicyState, Static, StaticConfig, TensorSpec,
};
use flexmac_engine::{Engine, FloatEngine, ReferenceEngine};
use flexmac_fxp::{Format, Rounding};
use flexmac_nn::{LayerSpec, Multipliers, NetPlan, NetSpec, Number, ReluSpec, Shape};
use flexmac_record::IterationRecord;
use flexmac_train::{Solver, TrainError, Trainer, TrainerConfig, WeightTensor};

const ITERATIONS: usize = 130;

/// No range is outside. Equal weights leave gradients of a few roundings, 2^-36, which `na2016` finds.
const SHORTEST: i32 = -40;
const LONGEST: i32 = 24;

const SHAPE: Shape = Shape { height: 6, width: 6, channels: 1 };
const CLASSES: u8 = 3;

/// A convolution, a hidden layer, the scores; each can be dead.
fn tiny() -> NetSpec {
    let inner = |name: &str, outputs| LayerSpec::InnerProduct {
        name: name.to_owned(),
        outputs,
        multipliers: Multipliers::ONE,
    };
    let relu = |name: &str| LayerSpec::Relu(ReluSpec { name: name.to_owned() });
    let conv = LayerSpec::Conv {
        name: "c".to_owned(),
        channels_out: 2,
        kernel: 3,
        stride: 1,
        padding: 0,
        groups: 1,
        input_gradient: flexmac_nn::InputGradient::Patches,
        multipliers: Multipliers::ONE,
    };
    let layers = vec![conv, relu("r1"), inner("h", 5), relu("r2"), inner("s", CLASSES.into())];
    NetSpec { name: "tiny".to_owned(), input: SHAPE, layers }
}

/// The constants of a policy: defaults, and short searches.
struct Short;

impl Constants for Short {
    fn count(&mut self, name: &'static str, default: u32) -> u32 {
        match name {
            "isearch-window" => 0,
            "calibration" | "interval" => 10,
            "loss-window" | "window" => 5,
            _ => default,
        }
    }
    fn iterations(&mut self, _: &'static str, default: u64) -> u64 {
        default
    }
    fn integer_length(&mut self, _: &'static str, default: i32) -> i32 {
        default
    }
    fn share(&mut self, _: &'static str, default: f64) -> f64 {
        default
    }
}

/// What a run is to survive.
struct Case {
    name: &'static str,
    batch: usize,
    images: usize,
    pixel: fn(usize) -> u8,
    label: fn(usize) -> u8,
    weight: Option<fn(&str) -> f64>,
}

fn noise(index: usize) -> u8 {
    (index as u64).wrapping_mul(0x9e37_79b9_7f4a_7c15).to_be_bytes()[0]
}

const NOISE: Case =
    Case { name: "noise", batch: 4, images: 20, pixel: noise, label: labels, weight: None };

fn labels(image: usize) -> u8 {
    (image % usize::from(CLASSES)) as u8
}

fn cases() -> Vec<Case> {
    let dead = |name: &str| match name {
        "c.weight" => 0.01,
        "c.bias" => -0.9,
        name if name.ends_with("weight") => 0.1,
        _ => 0.0,
    };
    let one_dead = |name: &str| match name {
        "h.weight" | "h.bias" => 0.0,
        name if name.ends_with("weight") => 0.25,
        _ => 0.125,
    };
    vec![
        Case { name: "zeros", pixel: |_| 0, ..NOISE },
        Case { name: "zeros of one class", pixel: |_| 0, label: |_| 0, ..NOISE },
        Case { name: "white", pixel: |_| 255, ..NOISE },
        Case { name: "one class", label: |_| 2, ..NOISE },
        Case { name: "a batch of one", batch: 1, ..NOISE },
        Case { name: "one image", batch: 1, images: 1, ..NOISE },
        Case { name: "a short last batch", batch: 7, ..NOISE },
        Case { name: "fewer images than a batch", batch: 64, images: 5, ..NOISE },
        Case { name: "a dead layer", weight: Some(dead), ..NOISE },
        Case { name: "a layer of zeros", weight: Some(one_dead), ..NOISE },
        Case { name: "all weights zero", weight: Some(|_| 0.0), ..NOISE },
        Case { name: "nothing at all", pixel: |_| 0, weight: Some(|_| 0.0), ..NOISE },
    ]
}

impl Case {
    fn data(&self) -> Dataset {
        let split = || {
            let pixels = (0..self.images * SHAPE.len()).map(self.pixel).collect();
            Split::new(SHAPE, pixels, (0..self.images).map(self.label).collect())
        };
        Dataset { train: split(), test: split() }
    }

    fn trainer<T: Number>(
        &self,
        make: &dyn Fn(&[TensorSpec]) -> Box<dyn Policy>,
        config: TrainerConfig,
    ) -> Trainer<T> {
        let plan = NetPlan::new(&tiny(), self.batch).unwrap();
        let shapes = plan.parameter_shapes();
        let policy = make(plan.tensors());
        let config = TrainerConfig { batch: self.batch, ..config };
        let mut trainer = Trainer::new(plan, config, policy, &self.data()).unwrap();
        if let Some(weight) = self.weight {
            let tensors: Vec<_> = shapes
                .into_iter()
                .map(|(name, shape)| {
                    let values = vec![weight(&name); shape.iter().product()];
                    WeightTensor { name, shape, values, format: None }
                })
                .collect();
            trainer.set_weights(std::path::Path::new("w"), &tensors).unwrap();
        }
        trainer
    }
}

/// Arrays by the width of their sums: 88 and 48 bits.
fn arrays() -> [ArraySpec; 2] {
    [ArraySpec::default(), ArraySpec { chunk: 4, max_bits: 8, ..ArraySpec::default() }]
}

fn of_kind(
    kind: &'static PolicyKind,
    spec: &ArraySpec,
) -> impl Fn(&[TensorSpec]) -> Box<dyn Policy> + use<> {
    let limits = ArrayLimits { chunk: spec.chunk, max_bits: spec.max_bits };
    move |tensors| (kind.make)(&mut Short, &limits, tensors).unwrap()
}

/// Trains; checks every iteration, and that a restored state goes on to the same end. What is wrong
/// is returned, so that one test shows all that is.
fn survives<T: Number + serde::Serialize + serde::de::DeserializeOwned>(
    make: impl Fn() -> Trainer<T>,
    engine: &mut dyn Engine<T>,
    data: &Dataset,
) -> Result<Vec<IterationRecord>, String> {
    let mut trainer = make();
    let mut records = Vec::new();
    let mut saved = None;
    for iteration in 0..ITERATIONS {
        let cause = |error: TrainError| {
            let source = std::error::Error::source(&error).map(ToString::to_string);
            format!("iteration {iteration}: {error}: {source:?}")
        };
        let record = trainer.step(engine, data).map_err(cause)?;
        assert!(record.loss.is_finite(), "an error otherwise");
        for tensor in &record.tensors {
            let Some(formats) = tensor.formats else { continue };
            for format in [formats.forward, formats.backward, formats.update] {
                if !(SHORTEST..=LONGEST).contains(&format.integer_length()) {
                    return Err(format!("iteration {iteration}: {} is {format}", tensor.name));
                }
            }
        }
        records.push(record);
        if iteration % 50 == 20 {
            trainer.evaluate(engine, &data.test, usize::MAX).map_err(cause)?;
        }
        if iteration == 60 {
            saved = Some(serde_json::to_string(&trainer.state()).unwrap());
        }
    }
    let mut resumed = make();
    resumed.restore(serde_json::from_str(&saved.unwrap()).unwrap()).unwrap();
    for record in &records[61..] {
        if resumed.step(engine, data).unwrap() != *record {
            return Err(format!("resumed: iteration {} differs", record.iteration));
        }
    }
    Ok(records)
}

#[test]
fn every_policy_survives_every_data() {
    let mut wrong = Vec::new();
    for case in cases() {
        let data = case.data();
        for rounding in Rounding::ALL {
            let config = TrainerConfig { rounding, ..TrainerConfig::default() };
            for spec in arrays() {
                let array = spec.clone().check().unwrap();
                for kind in POLICIES {
                    let make = of_kind(kind, &spec);
                    let trainer = || {
                        case.trainer::<i32>(&make, config.clone()).with_sum_bits(array.sum_bits())
                    };
                    let mut engine = ReferenceEngine::new(array.clone());
                    let run = survives(trainer, &mut engine, &data).and_then(|records| {
                        let phase = &records[ITERATIONS - 1].phase;
                        let ended = kind.name != "na2016" || phase == "dsearch";
                        if ended { Ok(()) } else { Err(format!("still {phase}")) }
                    });
                    if let Err(error) = run {
                        let (policy, name, bits) = (kind.name, case.name, spec.max_bits);
                        wrong.push(format!("{policy} on {name}, {rounding}, {bits} bits: {error}"));
                    }
                }
            }
        }
        let fixed = |tensors: &[TensorSpec]| -> Box<dyn Policy> {
            Box::new(Static::new(&StaticConfig::new(32, 32, tensors).unwrap(), tensors))
        };
        let make = || case.trainer::<f32>(&fixed, TrainerConfig::default());
        if let Err(error) = survives(make, &mut FloatEngine, &data) {
            wrong.push(format!("float on {}: {error}", case.name));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn a_search_that_finds_nothing_says_so_once() {
    let case = Case { name: "zeros", pixel: |_| 0, ..NOISE };
    let spec = ArraySpec::default();
    let make = of_kind(POLICIES.iter().find(|kind| kind.name == "na2016").unwrap(), &spec);
    let trainer = || case.trainer::<i32>(&make, TrainerConfig::default());
    let mut engine = ReferenceEngine::new(spec.check().unwrap());
    let records = survives(trainer, &mut engine, &case.data()).unwrap();
    let notes: Vec<_> = records.iter().flat_map(|record| &record.notes).collect();
    assert!(notes.iter().any(|note| note.contains("the search of tensor data ends")), "{notes:?}");
    let mut once = notes.clone();
    once.sort();
    once.dedup();
    assert_eq!(notes.len(), once.len(), "{notes:?}");
    let input = |record: &IterationRecord| record.tensors[0].formats.unwrap().forward;
    assert!(records.iter().any(|record| input(record).bits() < 32), "the search ended");
    assert!(records.iter().all(|record| input(record).integer_length() == 8));
}

#[test]
fn a_diverging_run_trains_or_stops_with_a_reason() {
    for rate in [1.0, 100.0, 1e9] {
        let solver = Solver { base_rate: rate, ..Solver::default() };
        let config = TrainerConfig { solver, ..TrainerConfig::default() };
        for kind in POLICIES {
            let spec = ArraySpec::default();
            let array = spec.clone().check().unwrap();
            let mut trainer = NOISE
                .trainer::<i32>(&of_kind(kind, &spec), config.clone())
                .with_sum_bits(array.sum_bits());
            let (mut engine, data) = (ReferenceEngine::new(array), NOISE.data());
            for _ in 0..300 {
                match trainer.step(&mut engine, &data) {
                    Ok(record) => assert!(record.loss.is_finite()),
                    Err(TrainError::Loss { .. }) => break,
                    Err(error) => panic!("{} at rate {rate}: {error}", kind.name),
                }
            }
        }
    }
}

/// A limit on sums that fit changes nothing, in no policy and no rounding.
#[test]
fn formats_whose_sums_fit_stay_as_they_are() {
    let data = synthetic(1, 100, 20);
    for spec in arrays() {
        let array = spec.clone().check().unwrap();
        for kind in POLICIES {
            let make = |limited: bool| {
                let plan = NetPlan::new(&NetSpec::mlp(), 16).unwrap();
                let policy = of_kind(kind, &spec)(plan.tensors());
                let config = TrainerConfig { batch: 16, ..TrainerConfig::default() };
                let trainer = Trainer::<i32>::new(plan, config, policy, &data).unwrap();
                if limited { trainer.with_sum_bits(array.sum_bits()) } else { trainer }
            };
            let (mut free, mut limited) = (make(false), make(true));
            let mut engine = ReferenceEngine::new(array.clone());
            for _ in 0..40 {
                let records =
                    [&mut free, &mut limited].map(|t| t.step(&mut engine, &data).unwrap());
                assert_eq!(records[0], records[1], "{}", kind.name);
                assert!(records[0].notes.is_empty());
            }
            let accuracy =
                [&mut free, &mut limited].map(|t| t.evaluate(&mut engine, &data.test, 20).unwrap());
            assert_eq!(accuracy[0], accuracy[1]);
            assert!(free.state() == limited.state());
        }
    }
}

/// Asks for the finest formats there are, and keeps what it observes.
struct Reckless {
    table: FormatTable,
    seen: std::sync::Arc<std::sync::Mutex<Vec<u32>>>,
}

impl Policy for Reckless {
    fn name(&self) -> &'static str {
        "reckless"
    }
    fn phase(&self) -> &'static str {
        "all"
    }
    fn formats(&self) -> &FormatTable {
        &self.table
    }
    fn step(&mut self, observation: &Observation<'_>) -> &FormatTable {
        self.seen.lock().unwrap().push(observation.counters[0].forward.magnitude_bits());
        &self.table
    }
    fn state(&self) -> PolicyState {
        PolicyState::new("reckless", &serde_json::json!({}))
    }
    fn restore(&mut self, _: &PolicyState) -> Result<(), DpsError> {
        Ok(())
    }
}

#[test]
fn a_policy_cannot_ask_for_sums_that_do_not_fit() {
    let case = Case { weight: Some(|name| if name == "c.bias" { 1.0 } else { 0.0 }), ..NOISE };
    let data = case.data();
    for spec in arrays() {
        let array = spec.clone().check().unwrap();
        let seen = std::sync::Arc::default();
        for lengths in [(0, -30), (-28, -28), (-60, -60)] {
            let make = |tensors: &[TensorSpec]| -> Box<dyn Policy> {
                let of = |tensor: &TensorSpec| {
                    let length = match tensor.name.as_str() {
                        "data" => lengths.0,
                        name if name.ends_with("weight") => lengths.1,
                        _ => 4,
                    };
                    Formats::uniform(Format::with_integer_length(spec.max_bits, length).unwrap())
                };
                let table = FormatTable::new(tensors.iter().map(of).collect());
                Box::new(Reckless { table, seen: std::sync::Arc::clone(&seen) })
            };
            let mut engine = ReferenceEngine::new(array.clone());
            let mut free = case.trainer::<i32>(&make, TrainerConfig::default());
            let fits = free.step(&mut engine, &data).is_ok();
            // A bias of 1 on 31 + 61 fraction bits, or on 7 + 37: more or less than 88, 48 bits.
            assert_eq!(fits, lengths == (0, -30) && spec.max_bits == 8, "{lengths:?}");

            seen.lock().unwrap().clear();
            let mut trainer = case
                .trainer::<i32>(&make, TrainerConfig::default())
                .with_sum_bits(array.sum_bits());
            let records: Vec<_> =
                (0..3).map(|_| trainer.step(&mut engine, &data).unwrap()).collect();
            trainer.evaluate(&mut engine, &data.test, 10).unwrap();
            assert_eq!(records[0].notes.is_empty(), fits);
            let mut notes: Vec<_> = records.iter().flat_map(|record| &record.notes).collect();
            let all = notes.len();
            notes.sort();
            notes.dedup_by_key(|note| note.split(" has ").next());
            assert_eq!(notes.len(), all, "each tensor is said once: {notes:?}");
            let formats = |tensor: usize| records[2].tensors[tensor].formats.unwrap().forward;
            if !fits {
                let (data, weight) = (formats(0), formats(1));
                assert!(data.bits() < spec.max_bits || weight.bits() < spec.max_bits);
                if lengths.0 == 0 {
                    // The range stays, and the policy learns in its own units that it is in use.
                    assert_eq!((data.integer_length(), weight.integer_length()), lengths);
                }
            }
            if lengths.0 == 0 {
                assert_eq!(*seen.lock().unwrap(), [spec.max_bits - 1; 3]);
            }
        }
    }
}
