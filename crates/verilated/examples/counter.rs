//! Builds a counter from Verilog text, drives it, reads it, and writes waves.
//!
//! `cargo run --release -p verilated --example counter [WAVES.fst]`

use std::path::PathBuf;

use verilated::{BuildSpec, Cache, PowerUp, TraceKind};

const COUNTER: &str = "
module counter #(
  parameter WIDTH = 8
) (
  input  wire             clk_i,
  input  wire             rst_ni,
  input  wire             en_i,
  output reg  [WIDTH-1:0] count_o
);
  always @(posedge clk_i)
    if (!rst_ni) count_o <= {WIDTH{1'b0}};
    else if (en_i) count_o <= count_o + 1'b1;
endmodule
";

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let waves = std::env::args_os().nth(1).map(PathBuf::from);

    // The first run builds the library in some seconds; later runs take it from the cache.
    let library = BuildSpec::new("counter")
        .source("counter.v", COUNTER)
        .verilator_flag("-GWIDTH=12")
        .trace(if waves.is_some() { TraceKind::Fst } else { TraceKind::None })
        .build(&Cache::from_env()?)?;
    println!("{:?}: {}", library.origin(), library.path().display());

    // Direction and width are checked here, once.
    let clk = library.port("clk_i")?.input()?;
    let reset = library.port("rst_ni")?.input()?;
    let enable = library.port("en_i")?.input()?;
    let count = library.port("count_o")?.expect_bits(12)?.output()?;

    // Registers without reset start with random values, the same for the same seed.
    let mut model = library.model(PowerUp::Random(1))?;
    if let Some(file) = &waves {
        model.trace_open(file)?;
    }

    for cycle in 0..100 {
        model.set(reset, u64::from(cycle >= 2));
        model.set(enable, u64::from(cycle % 2 == 0));
        for level in [0, 1] {
            model.set(clk, level);
            model.eval()?;
            if waves.is_some() {
                model.trace_dump(2 * cycle + level)?;
            }
        }
    }
    model.trace_close()?;

    println!("count {}", model.get(count));
    assert_eq!(model.get(count), 49, "the even cycles from 2 to 98");
    Ok(())
}
