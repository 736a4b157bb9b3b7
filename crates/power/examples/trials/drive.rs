//! Drives the netlist of a PE word by word, compares every result and counts the activity of every net.

use flexmac_power::Gates;
use rand::rngs::SmallRng;
use rand::{RngExt, SeedableRng};
use verilated::{BuildSpec, BusIn, BusOut, InPort, Model, PowerUp};

use crate::Result;
use crate::design::{Base, Design};

/// Operands of dot products, as real numbers that each mode quantizes to its width.
pub struct Operands {
    pub name: &'static str,
    pub a: Vec<Vec<f64>>,
    pub b: Vec<Vec<f64>>,
}

/// Length of a dot product.
pub const K: usize = 256;
/// Number of dot products in a measurement.
pub const RESULTS: usize = 24;
/// Standard deviation, relative to the largest value.
pub const SIGMA: f64 = 0.125;
const SEED: u64 = 1;

impl Operands {
    /// Normally distributed values; in the second set, A has passed a ReLU.
    pub fn measured() -> [Self; 2] {
        let mut random = SmallRng::seed_from_u64(SEED);
        let mut normal = || {
            let [u, v]: [f64; 2] = [random.random(), random.random()]; // Box and Muller
            SIGMA * (-2.0 * (1.0 - u).ln()).sqrt() * (std::f64::consts::TAU * v).cos()
        };
        let mut matrix = || (0..RESULTS).map(|_| (0..K).map(|_| normal()).collect()).collect();
        let (a, b): (Vec<Vec<f64>>, _) = (matrix(), matrix());
        let sparse = a.iter().map(|row| row.iter().map(|value| value.max(0.0)).collect()).collect();
        [Self { name: "normal", a, b: Vec::clone(&b) }, Self { name: "ReLU", a: sparse, b }]
    }

    /// Values of every size and the ends of the range, only to compare results.
    pub fn checked() -> Self {
        let mut random = SmallRng::seed_from_u64(SEED);
        let mut row = |kind: usize| -> Vec<f64> {
            let value = |_| match kind {
                0 => -1.0,
                1 => 1.0,
                2 => f64::from(random.random_range(0..2_u8)) * 2.0 - 1.0,
                _ => random.random_range(-1.0..1.0),
            };
            (0..K).map(value).collect()
        };
        let a = (0..RESULTS).map(|at| row(at % 4)).collect();
        let b = (0..RESULTS).map(|at| row(at / 4)).collect();
        Self { name: "check", a, b }
    }
}

/// Rounds to the nearest integer of `bits` bits; 1.0 is just above the largest.
fn quantize(values: &[f64], bits: u32) -> Vec<i64> {
    let end = 1_i64 << (bits - 1);
    let raw = |value: &f64| ((value * end as f64).round() as i64).clamp(-end, end - 1);
    values.iter().map(raw).collect()
}

/// A netlist that computes a wrong sum.
#[derive(Debug)]
pub struct Mismatch(String);

impl std::fmt::Display for Mismatch {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for Mismatch {}

/// The activity of a netlist on some operands.
pub struct Counted {
    pub cycles: u64,
    /// For each net, its changes and the cycles in which it was 1.
    pub nets: Vec<(u64, u64)>,
}

/// A netlist in the simulator.
pub struct Bench {
    design: Design,
    model: Model,
    clk: InPort,
    trigger: InPort,
    snapshot: BusOut,
    control: BusIn,
    a: BusIn,
    b: BusIn,
    chain_i: BusIn,
    chain_o: BusOut,
}

impl Bench {
    pub fn new(design: Design, gates: &Gates) -> Result<Self> {
        let mut spec = BuildSpec::new(&gates.netlist.top).verilator_flag("-Wno-lint");
        spec = spec.cxx_flags(["-O1"]);
        for file in gates.model(true)? {
            spec = spec.source(file.path, file.text);
        }
        let library = spec.build(&flexmac_cosim::model_cache()?)?;
        // Registers start with random values: none is reset, and no result may depend on them.
        let model = library.model(PowerUp::Random(SEED))?;
        Ok(Self {
            design,
            clk: model.port("clk_i")?.input()?,
            trigger: model.port(flexmac_cosim::PROBE_TRIGGER)?.input()?,
            snapshot: model.port(flexmac_cosim::PROBE_SNAPSHOT)?.bus_output()?,
            control: model.port("control_i")?.bus_input()?,
            a: model.port("a_i")?.bus_input()?,
            b: model.port("b_i")?.bus_input()?,
            chain_i: model.port("chain_i")?.bus_input()?,
            chain_o: model.port("chain_o")?.bus_output()?,
            model,
        })
    }

    /// Runs all dot products back to back.
    ///
    /// The registers of a word are enabled with it, the accumulator one cycle later. A significance is
    /// captured in the cycle after its last sum, while the first sum of the next is added, and drained
    /// one cycle later.
    pub fn run(&mut self, bits: (u32, u32), operands: &Operands) -> Result<Counted> {
        let (mut words, mut wanted, mut scale) = (Vec::new(), Vec::new(), 0);
        for (a, b) in operands.a.iter().zip(&operands.b) {
            let (a, b) = (quantize(a, bits.0), quantize(b, bits.1));
            let (more, places) = self.design.words(bits, &a, &b);
            words.extend(more);
            scale = places;
            wanted.push(a.iter().zip(&b).map(|(a, b)| a * b).sum::<i64>());
        }
        let (mut captured, mut last) = (Vec::new(), Vec::new());
        let mut counter = Counter::default();
        let base = |at: usize| words.get(at).map(|word| word.base);
        // a sum is captured if the next word has another significance
        let capture = |next: usize| match base(next) {
            Some(Base::Acc) => None,
            Some(Base::Shift) => Some(false),
            Some(Base::Clear) | None => (1..=words.len()).contains(&next).then_some(true),
        };
        for cycle in 0..words.len() + 5 {
            let word = words.get(cycle);
            let added = cycle.checked_sub(1).and_then(base);
            let take = cycle.checked_sub(1).and_then(capture);
            let drain = cycle.checked_sub(2).and_then(capture).is_some();
            let bits = [
                (word.is_some(), 0b1111),
                (added.is_some(), 1 << 4),
                (added == Some(Base::Clear), 1 << 5),
                (added == Some(Base::Shift), 1 << 6),
                (take.is_some(), 1 << 7),
                (take == Some(true), 1 << 8),
                (drain, 1 << 9),
            ];
            let control = bits.iter().filter(|bit| bit.0).map(|bit| bit.1).sum();
            self.write(self.control, control);
            self.write(self.a, word.map_or(0, |word| word.a));
            self.write(self.b, word.map_or(0, |word| word.b));
            self.write(self.chain_i, 0);
            self.model.set(self.clk, 0);
            self.model.eval()?;
            self.model.set(self.trigger, 1);
            self.model.eval()?;
            self.model.set(self.trigger, 0);
            self.read_snapshot(&mut last);
            counter.count(&last);
            if let Some(whole) = cycle.checked_sub(3).and_then(capture) {
                captured.push((self.chain(), whole));
            }
            self.model.set(self.clk, 1);
            self.model.eval()?;
        }
        self.compare(bits, operands, &captured, &wanted, scale)?;
        Ok(Counted { cycles: counter.cycles, nets: counter.nets })
    }

    fn write(&mut self, port: BusIn, value: u64) {
        let words = [value as u32, (value >> 32) as u32];
        self.model.write_bus(port, &words[..port.words()]);
    }

    fn read_snapshot(&self, nets: &mut Vec<u32>) {
        nets.resize(self.snapshot.words(), 0);
        self.model.read_bus(self.snapshot, nets);
    }

    /// The value at the end of the chain, sign-extended.
    fn chain(&self) -> i64 {
        let mut words = [0; 2];
        self.model.read_bus(self.chain_o, &mut words[..self.chain_o.words()]);
        let value = u64::from(words[1]) << 32 | u64::from(words[0]);
        let unused = 64 - self.design.acc_bits();
        (value << unused) as i64 >> unused
    }

    /// Compares result digits at their places with the sums of products.
    fn compare(
        &self,
        bits: (u32, u32),
        operands: &Operands,
        captured: &[(i64, bool)],
        wanted: &[i64],
        scale: u32,
    ) -> Result<()> {
        let (mut sum, mut place, mut found) = (0_i128, 0, Vec::new());
        for (value, whole) in captured {
            sum += i128::from(*value) << place;
            place += self.design.plane();
            if *whole {
                found.push(sum);
                (sum, place) = (0, 0);
            }
        }
        let wanted: Vec<i128> = wanted.iter().map(|sum| i128::from(*sum) << scale).collect();
        if found == wanted {
            return Ok(());
        }
        let at = found.iter().zip(&wanted).position(|(found, wanted)| found != wanted);
        let message = match at {
            Some(at) => format!(
                "{}, {}x{}, operands {}: result {at}: expected {}, found {}",
                self.design.name, bits.0, bits.1, operands.name, wanted[at], found[at]
            ),
            None => format!("expected {} results, found {}", wanted.len(), found.len()),
        };
        Err(Box::new(Mismatch(message)))
    }
}

/// Counts toggles of every net between snapshots, and cycles in which it is 1.
#[derive(Default)]
struct Counter {
    cycles: u64,
    last: Vec<u32>,
    nets: Vec<(u64, u64)>,
}

impl Counter {
    fn count(&mut self, snapshot: &[u32]) {
        if !self.last.is_empty() {
            self.cycles += 1;
            self.nets.resize(32 * snapshot.len(), (0, 0));
            for (word, (now, last)) in snapshot.iter().zip(&self.last).enumerate() {
                for bit in 0..32 {
                    let net = &mut self.nets[32 * word + bit];
                    net.0 += u64::from((now ^ last) >> bit & 1);
                    net.1 += u64::from(now >> bit & 1);
                }
            }
        }
        self.last = snapshot.to_vec();
    }
}
