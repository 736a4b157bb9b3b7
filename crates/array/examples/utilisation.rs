//! Utilisation of an array by the GEMMs of LeNet's training, from the cycle model.
//!
//! ```text
//! cargo run --release -p flexmac-array --example utilisation [BITS [ROWS COLS LANES [BATCH]]]
//! ```
//!
//! Utilisation is useful multiplications divided by what all lanes of all PEs could do in the busy
//! cycles. It is the product of four factors:
//!
//! | factor | of | lost to |
//! | --- | --- | --- |
//! | edges | PEs | tiles that the GEMM's rows and columns do not fill |
//! | lanes | lanes | a K that is not a multiple of the lanes |
//! | drain | slots | significances shorter than the number of rows still draining |
//! | fill | busy cycles | filling and emptying the pipeline, once per GEMM |

use flexmac_array::{ArrayConfig, ArraySpec, Layout, Schedule};

/// (name, M, K, N) of a GEMM.
type Gemm = (String, usize, usize, usize);

fn main() {
    let numbers: Vec<u32> = std::env::args().skip(1).map(|arg| number(&arg)).collect();
    let get = |index: usize, default| numbers.get(index).copied().unwrap_or(default);
    let bits = get(0, 16);
    let spec = ArraySpec {
        rows: get(1, 16),
        cols: get(2, 16),
        lanes: get(3, 4),
        max_k: 1 << 18,
        ..ArraySpec::default()
    };
    let config = spec.check().unwrap_or_else(|errors| fail(&errors.to_string()));
    if !(2..=config.max_bits()).contains(&bits) {
        fail(&format!("BITS: expected 2..={}, found {bits}", config.max_bits()));
    }
    let batch = get(4, 64) as usize;
    if batch == 0 {
        fail("BATCH: expected at least 1, found 0");
    }
    println!("{}, {bits} x {bits} bits, batch {batch}", config.summary());
    println!(
        "| product | M x K x N | rows of the array | edges | lanes | drain | fill | utilisation | as \
         given | busy cycles |"
    );
    println!("| --- | --- | --- | --- | --- | --- | --- | --- | --- | --- |");
    let mut total = Total::default();
    for gemm in lenet(batch) {
        total.add(&config, &gemm, bits);
    }
    let (ideal, busy, given) = (total.ideal, total.busy as f64, total.given as f64);
    println!(
        "| all | | | | | | | {} | {} | {} |",
        percent(ideal / busy),
        percent(ideal / given),
        total.busy
    );
}

fn number(arg: &str) -> u32 {
    arg.parse().unwrap_or_else(|_| fail(&format!("expected a number, found {arg:?}")))
}

fn fail(message: &str) -> ! {
    eprintln!("error: utilisation: {message}");
    std::process::exit(2);
}

/// The three GEMMs of each layer of LeNet (crates/nn/nets/lenet.toml). The first layer has no input
/// gradient.
fn lenet(batch: usize) -> Vec<Gemm> {
    let (image, kernel, pool): (usize, usize, usize) = (28, 5, 2);
    let first = image - kernel + 1;
    let second = first / pool - kernel + 1;
    let flat = (second / pool).pow(2) * 50;
    // name, M, weights per filter, filters
    let layers = [
        ("conv1", batch * first.pow(2), kernel * kernel, 20),
        ("conv2", batch * second.pow(2), kernel * kernel * 20, 50),
        ("ip1", batch, flat, 500),
        ("ip2", batch, 500, 10),
    ];
    let gemms = layers.iter().enumerate().flat_map(|(index, &(layer, m, k, n))| {
        let name = |role: &str| format!("{layer} {role}");
        [
            Some((name("forward"), m, k, n)),
            (index > 0).then(|| (name("input gradient"), m, n, k)),
            Some((name("weight gradient"), n, m, k)),
        ]
    });
    gemms.flatten().collect()
}

#[derive(Default)]
struct Total {
    /// Cycles at full utilisation.
    ideal: f64,
    busy: u64,
    given: u64,
}

impl Total {
    fn add(&mut self, config: &ArrayConfig, (name, m, k, n): &Gemm, bits: u32) {
        let plan = |layout| Schedule::laid_out(config, layout, (*m, *k, *n), (bits, bits));
        let (fastest, given) = (plan(Layout::Fastest), plan(Layout::AsGiven));
        let (cycles, as_given) = (fastest.cycles(config), given.cycles(config).busy);
        let (busy, compute) = (cycles.busy as f64, cycles.compute as f64);
        let pes = config.rows() * config.cols();
        let ideal =
            (m * k * n) as f64 * f64::from(fastest.passes()) / (pes * config.lanes()) as f64;
        let lanes = *k as f64 / (fastest.words(*k) * config.lanes()) as f64;
        let slots = compute + cycles.stall as f64;
        let order = if fastest.transposed { "N" } else { "M" };
        println!(
            "| {name} | {m} x {k} x {n} | {order} in bands of {} | {} | {} | {} | {} | {} | {} | {} |",
            fastest.band_rows(),
            percent(ideal / compute / lanes),
            percent(lanes),
            percent(compute / slots),
            percent(slots / busy),
            percent(ideal / busy),
            percent(ideal / as_given as f64),
            cycles.busy
        );
        self.ideal += ideal;
        self.busy += cycles.busy;
        self.given += as_given;
    }
}

fn percent(share: f64) -> String {
    format!("{:.1} %", share * 100.0)
}
