//! One lane of the float PE, a fused multiply-add, against the host's, through Verilator: ten million cases.
//!
//! `FLEXMAC_FMA_CASES` and `FLEXMAC_FMA_SEED` choose a longer or another run.

use std::env;

use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};
use verilated::{BuildSpec, PowerUp};

const CELLS: [(&str, &str); 12] = [
    ("flexmac_float_decode.v", include_str!("../../rtl/pe/flexmac_float_decode.v")),
    ("flexmac_float_mul.v", include_str!("../../rtl/pe/flexmac_float_mul.v")),
    ("flexmac_float_scale.v", include_str!("../../rtl/pe/flexmac_float_scale.v")),
    ("flexmac_float_tree.v", include_str!("../../rtl/pe/flexmac_float_tree.v")),
    ("flexmac_float_add.v", include_str!("../../rtl/pe/flexmac_float_add.v")),
    ("flexmac_dot.v", include_str!("../../rtl/pe/flexmac_dot.v")),
    ("flexmac_csa.v", include_str!("../../rtl/pe/flexmac_csa.v")),
    ("flexmac_adder.v", include_str!("../../rtl/lib/flexmac_adder.v")),
    ("flexmac_adder_segment.v", include_str!("../../rtl/lib/flexmac_adder_segment.v")),
    ("flexmac_lzc.v", include_str!("../../rtl/lib/flexmac_lzc.v")),
    ("flexmac_pipe.v", include_str!("../../rtl/lib/flexmac_pipe.v")),
    ("float_fma.v", include_str!("float_fma.v")),
];

/// Limits and their neighbours, of both signs.
const SPECIAL: [u32; 16] = [
    0x0000_0000, // zero
    0x0000_0001, // smallest subnormal
    0x0000_0002,
    0x007f_ffff, // largest subnormal
    0x0080_0000, // smallest normal
    0x0080_0001,
    0x00ff_ffff,
    0x3300_0000, // 2^-25
    0x3380_0000, // 2^-24
    0x3f7f_ffff,
    0x3f80_0000, // 1
    0x3f80_0001,
    0x7f7f_ffff, // largest
    0x7f80_0000, // infinity
    0x7f80_0001, // a signaling NaN
    0x7fc0_0000, // a quiet one
];

fn variable(name: &str, default: u64) -> u64 {
    env::var(name).ok().and_then(|value| value.parse().ok()).unwrap_or(default)
}

/// A number of one of eight kinds.
fn number(rng: &mut StdRng) -> u32 {
    let (bits, kind) = (rng.next_u32(), rng.next_u32());
    let with_exponent = |exponent: u32| bits & 0x807f_ffff | exponent << 23;
    match kind % 8 {
        0 => SPECIAL[(kind >> 8) as usize % SPECIAL.len()] | bits & 0x8000_0000,
        1 => with_exponent(0),
        2 => with_exponent(1 + (kind >> 8) % 30),
        3 => with_exponent(225 + (kind >> 8) % 30),
        // one run of ones: carries that go all the way
        4 => with_exponent((kind >> 8) % 255) & 0xff80_0000 | ((1 << ((kind >> 16) % 24)) - 1),
        5 => with_exponent(120 + (kind >> 8) % 16),
        _ => bits,
    }
}

/// Three numbers; in every fourth case the addend all but cancels the product, or lies where its
/// last places meet the product's.
fn case(rng: &mut StdRng) -> [u32; 3] {
    let (a, b, c) = (number(rng), number(rng), number(rng));
    let choice = rng.next_u32();
    let product = f32::from_bits(a) * f32::from_bits(b);
    match choice % 8 {
        0 => [a, b, (-product).to_bits().wrapping_add(choice >> 8 & 7).wrapping_sub(3)],
        1 => {
            let exponent = (product.to_bits() >> 23 & 0xff) + (choice >> 8) % 60;
            [a, b, c & 0x807f_ffff | exponent.saturating_sub(30).min(254) << 23]
        }
        _ => [a, b, c],
    }
}

/// The array has one NaN and one zero.
fn expected([a, b, c]: [u32; 3]) -> u32 {
    let sum = f32::from_bits(a).mul_add(f32::from_bits(b), f32::from_bits(c));
    match sum {
        0.0 => 0,
        _ if sum.is_nan() => 0x7fc0_0000,
        _ => sum.to_bits(),
    }
}

/// Plays `count` cases, one a clock cycle, into a pipeline of these registers.
fn play(front_registers: u32, loop_registers: u32, seed: u64, count: u64) {
    let mut spec = BuildSpec::new("float_fma")
        .verilator_flag(format!("-GFRONT_REGISTERS=7'd{front_registers}"))
        .verilator_flag(format!("-GLOOP_REGISTERS=4'd{loop_registers}"));
    for (name, text) in CELLS {
        spec = spec.source(name, text);
    }
    let library = spec.build(&flexmac_cosim::model_cache().unwrap()).unwrap();
    let mut model = library.model(PowerUp::Random(seed)).unwrap();
    let input = |name: &str| library.port(name).unwrap().input().unwrap();
    let (clk, sum) = (input("clk_i"), library.port("sum_o").unwrap().output().unwrap());
    let operands = ["a_i", "b_i", "c_i"].map(input);
    // The addend joins the product where it enters the adder.
    let (to_adder, latency) = {
        let before = front_registers.count_ones() as usize;
        (before, before + loop_registers.count_ones() as usize)
    };
    let mut rng = StdRng::seed_from_u64(seed);
    let mut under_way = std::collections::VecDeque::new();
    for number in 0..count + latency as u64 {
        let case = case(&mut rng);
        under_way.push_back(case);
        let addend = under_way.iter().rev().nth(to_adder).map_or(0, |case| case[2]);
        model.set(clk, 0);
        for (port, value) in operands.into_iter().zip([case[0], case[1], addend]) {
            model.set(port, value.into());
        }
        model.eval().unwrap();
        model.set(clk, 1);
        model.eval().unwrap();
        if under_way.len() > latency {
            let [a, b, c] = under_way.pop_front().unwrap();
            let (found, expected) = (model.get(sum) as u32, expected([a, b, c]));
            assert!(
                found == expected,
                "case {number} of seed {seed}: {a:08x} * {b:08x} + {c:08x}: expected \
                 {expected:08x}, found {found:08x}; registers {front_registers:07b} {loop_registers:04b}"
            );
        }
    }
}

#[test]
fn ten_million_cases_agree_with_the_host() {
    let seed = variable("FLEXMAC_FMA_SEED", 1);
    play(0, 0, seed, variable("FLEXMAC_FMA_CASES", 10_000_000));
}

/// Registers move results and change none.
#[test]
fn a_full_pipeline_agrees_too() {
    play(0b110_0110, 0b1111, variable("FLEXMAC_FMA_SEED", 1) + 1, 1_000_000);
}
