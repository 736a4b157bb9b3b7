//! Driving models: port widths, signs, many instances, several designs, threads, power-up.

use std::sync::Arc;

use crate::support::{cache, counter};
use verilated::{BuildSpec, Direction, Error, InPort, Library, Model, OutPort, PowerUp};

const WIDE: &str = "\
module wide (
  input clk_i, input [71:0] a_i, input [599:0] b_i, input signed [12:0] s_i,
  input [39:0] d_i, input [19:0] e_i, input [95:0] f_i,
  output [71:0] inc_o, output [599:0] inv_o, output signed [31:0] ext_o,
  output signed [4:0] neg_o, output [39:0] d_o, output [19:0] e_o, output parity_o,
  output reg [599:0] held_o
);
  assign inc_o = a_i + 72'd1;
  assign inv_o = ~b_i;
  assign ext_o = {{19{s_i[12]}}, s_i};
  assign neg_o = -s_i[4:0];
  assign d_o = ~d_i;
  assign e_o = ~e_i;
  assign parity_o = ^f_i;
  always @(posedge clk_i) held_o <= b_i;
endmodule
";

fn wide() -> Arc<Library> {
    BuildSpec::new("wide").source("wide.v", WIDE).cxx_flags(["-O1"]).build(&cache()).unwrap()
}

struct Counter {
    model: Model,
    clk: InPort,
    rst_n: InPort,
    en: InPort,
    count: OutPort,
}

impl Counter {
    fn new(library: &Arc<Library>, power_up: PowerUp) -> Self {
        let input = |name| library.port(name).unwrap().expect_bits(1).unwrap().input().unwrap();
        Self {
            clk: input("clk_i"),
            rst_n: input("rst_ni"),
            en: input("en_i"),
            count: library.port("count_o").unwrap().expect_bits(8).unwrap().output().unwrap(),
            model: library.model(power_up).unwrap(),
        }
    }

    fn cycle(&mut self) -> u64 {
        self.model.set(self.clk, 0);
        self.model.eval().unwrap();
        self.model.set(self.clk, 1);
        self.model.eval().unwrap();
        self.model.get(self.count)
    }

    fn reset(&mut self) {
        self.model.set(self.rst_n, 0);
        assert_eq!(self.cycle(), 0);
        self.model.set(self.rst_n, 1);
    }
}

#[test]
fn a_counter_counts_when_enabled() {
    let library = counter().build(&cache()).unwrap();
    let mut counter = Counter::new(&library, PowerUp::Random(7));
    counter.reset();
    counter.model.set(counter.en, 1);
    for expected in 1..=300 {
        assert_eq!(counter.cycle(), expected % 256);
    }
    counter.model.set(counter.en, 0xfe); // bits beyond the width are dropped
    assert_eq!(counter.cycle(), 300 % 256);
    assert!(!counter.model.finished());
}

#[test]
fn every_width_goes_through_unchanged() {
    let library = wide();
    let mut model = library.model(PowerUp::Zeros).unwrap();
    let port = |name: &str| library.port(name).unwrap();

    let (a, inc) = (port("a_i").wide_input().unwrap(), port("inc_o").wide_output().unwrap());
    assert_eq!((a.bits(), a.words()), (72, 3));
    model.set_words(a, &[u32::MAX, u32::MAX, 0x7f]);
    model.eval().unwrap();
    assert_eq!(model.words(inc), [0, 0, 0x80]);
    model.set_words(a, &[u32::MAX, u32::MAX, 0xffff_ffff]); // 24 bits too many
    model.eval().unwrap();
    assert_eq!(model.words(inc), [0, 0, 0]);
    assert_eq!(model.words(a), [u32::MAX, u32::MAX, 0xff], "unused bits are cleared");

    let (b, inv) = (port("b_i").wide_input().unwrap(), port("inv_o").wide_output().unwrap());
    for (index, word) in model.words_mut(b).iter_mut().enumerate() {
        *word = u32::try_from(index).unwrap() * 0x0101_0101;
    }
    model.eval().unwrap();
    for index in 0..19_u32 {
        let used = if index == 18 { 0x00ff_ffff } else { u32::MAX };
        assert_eq!(model.words(inv)[index as usize], !(index * 0x0101_0101) & used, "{index}");
    }

    let (s, ext) = (port("s_i").input().unwrap(), port("ext_o").output().unwrap());
    let neg = port("neg_o").output().unwrap();
    for value in [-4096_i64, -1, 0, 1, 5, 4095] {
        model.set(s, value.cast_unsigned());
        model.eval().unwrap();
        assert_eq!(model.get_signed(s), value);
        assert_eq!(model.get_signed(ext), value);
        assert_eq!(model.get(ext), value.cast_unsigned() & 0xffff_ffff);
        let five_bits = (-value << 59) >> 59;
        assert_eq!(model.get_signed(neg), five_bits);
    }
}

#[test]
fn a_bus_handle_takes_any_width() {
    let library = wide();
    let mut model = library.model(PowerUp::Zeros).unwrap();
    let input = |name: &str| library.port(name).unwrap().bus_input().unwrap();
    let output = |name: &str| library.port(name).unwrap().bus_output().unwrap();
    let mut one = [0; 1];
    let mut two = [0; 2];
    let mut three = [0; 3];
    model.write_bus(input("clk_i"), &[3]);
    model.write_bus(input("e_i"), &[0xfff1_2345]);
    model.write_bus(input("d_i"), &[0x89ab_cdef, 0xffff_ff12]);
    model.write_bus(input("a_i"), &[1, 2, 0xffff_ff03]);
    model.eval().unwrap();
    model.read_bus(input("clk_i"), &mut one);
    assert_eq!(one, [1]);
    model.read_bus(output("e_o"), &mut one);
    assert_eq!(one, [0xe_dcba]);
    model.read_bus(output("d_o"), &mut two);
    assert_eq!(two, [!0x89ab_cdef, 0xed]);
    model.read_bus(output("inc_o"), &mut three);
    assert_eq!(three, [2, 2, 3]);
}

#[test]
fn odd_names_includes_and_split_output() {
    let text = "\
`include \"inc/ops.vh\"
module odd (input [7:0] class, input [11:4] \\a.b[c] , input __x, output [0:7] y_o);
  wire [7:0] b = \\a.b[c] ;
  assign y_o = `OP(class, b) ^ {8{__x}};
endmodule
";
    let library = BuildSpec::new("odd")
        .source("odd.v", text)
        .source("inc/ops.vh", "`define OP(a, b) ((a) + (b))\n")
        .verilator_flag("--language")
        .verilator_flag("1364-2005")
        .verilator_flag("--output-split")
        .verilator_flag("1")
        .cxx_flags(["-O0"])
        .build(&cache())
        .unwrap();
    let mut model = library.model(PowerUp::Ones).unwrap();
    let input = |name: &str| library.port(name).unwrap().input().unwrap();
    model.set(input("class"), 3);
    model.set(input("a.b[c]"), 4);
    model.set(input("__x"), 1);
    model.eval().unwrap();
    assert_eq!(model.get(library.port("y_o").unwrap().output().unwrap()), 0xff ^ 7);
}

#[test]
fn instances_are_independent_and_share_handles() {
    let library = counter().build(&cache()).unwrap();
    let mut counters: Vec<_> =
        (0..64).map(|seed| Counter::new(&library, PowerUp::Random(seed))).collect();
    for counter in &mut counters {
        counter.reset();
    }
    for _ in 0..10 {
        for (index, counter) in counters.iter_mut().enumerate() {
            counter.model.set(counter.en, u64::from(index % 3 == 0));
            counter.cycle();
        }
    }
    for (index, counter) in counters.iter().enumerate() {
        let expected = if index % 3 == 0 { 10 } else { 0 };
        assert_eq!(counter.model.get(counter.count), expected, "instance {index}");
        assert_eq!(counters[0].model.get(counter.count), 10, "handle of instance {index}");
    }
}

#[test]
fn instances_run_on_threads_and_move_between_them() {
    let library = counter().build(&cache()).unwrap();
    let start = |seed| {
        let mut counter = Counter::new(&library, PowerUp::Random(seed));
        counter.reset();
        counter.model.set(counter.en, 1);
        counter
    };
    let models: Vec<_> = (0..4).map(start).collect();
    let threads: Vec<_> = models
        .into_iter()
        .map(|mut counter| {
            std::thread::spawn(move || {
                for _ in 0..1000 {
                    counter.cycle();
                }
                counter
            })
        })
        .collect();
    for thread in threads {
        let mut counter = thread.join().unwrap();
        assert_eq!(counter.cycle(), 1001 % 256);
    }
}

#[test]
fn two_designs_live_in_one_process() {
    let (counting, widening) = (counter().build(&cache()).unwrap(), wide());
    let mut counter = Counter::new(&counting, PowerUp::Zeros);
    let mut wide = widening.model(PowerUp::Zeros).unwrap();
    counter.reset();
    counter.model.set(counter.en, 1);
    let d = widening.port("d_i").unwrap().input().unwrap();
    let inverted = widening.port("d_o").unwrap().output().unwrap();
    for expected in 1..5 {
        wide.set(d, expected);
        wide.eval().unwrap();
        assert_eq!(counter.cycle(), expected);
        assert_eq!(wide.get(inverted), !expected & 0xff_ffff_ffff);
    }
    drop(counting);
    assert_eq!(counter.cycle(), 5, "the model keeps its library loaded");
}

#[test]
#[should_panic(expected = "port handle of another library")]
fn a_handle_of_another_library_panics() {
    let library = counter().build(&cache()).unwrap();
    let en = library.port("en_i").unwrap().input().unwrap();
    wide().model(PowerUp::Zeros).unwrap().set(en, 1);
}

#[test]
fn power_up_state_is_chosen_and_repeatable() {
    let library = wide();
    let held = library.port("held_o").unwrap().wide_output().unwrap();
    let clk = library.port("clk_i").unwrap().input().unwrap();
    let state = |power_up| {
        let mut model = library.model(power_up).unwrap();
        assert_eq!(model.get(clk), 0, "inputs start at 0");
        model.eval().unwrap();
        model.words(held).to_vec()
    };
    assert!(state(PowerUp::Zeros).iter().all(|word| *word == 0));
    assert!(state(PowerUp::Ones)[..18].iter().all(|word| *word == u32::MAX));
    let first = state(PowerUp::Random(1));
    assert_eq!(first, state(PowerUp::Random(1)));
    assert_ne!(first, state(PowerUp::Random(2)));
    let ones: u32 = first.iter().map(|word| word.count_ones()).sum();
    assert!((200..400).contains(&ones), "{ones} of 600 bits are 1");
    let elsewhere =
        std::thread::scope(|scope| scope.spawn(|| state(PowerUp::Random(1))).join().unwrap());
    assert_eq!(first, elsewhere, "the thread does not matter");
}

#[test]
fn ports_are_listed_and_misuse_is_named() {
    let library = wide();
    let held = library.ports().iter().find(|port| port.name == "held_o").unwrap();
    assert_eq!((held.direction, held.bits), (Direction::Out, 600));
    let message = library.port("nope").unwrap_err().to_string();
    assert!(message.starts_with("`wide` has no port `nope`; its ports are: "), "{message}");
    assert!(message.contains("inc_o"), "{message}");
    let error = library.port("held_o").unwrap().output().unwrap_err();
    assert!(matches!(error, Error::PortMismatch { .. }), "{error}");
}
