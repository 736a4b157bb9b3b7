//! Prints how many evaluations per second Rust can make of a small model: the cost of a call.
//!
//! `cargo run --release -p verilated --example evaluations`

use std::time::Instant;

use verilated::{BuildSpec, Cache, PowerUp, Result};

const COUNTER: &str = "\
module counter (input clk_i, input en_i, output reg [7:0] count_o);
  always @(posedge clk_i) if (en_i) count_o <= count_o + 8'd1;
endmodule
";
const CYCLES: u32 = 5_000_000;

fn main() -> Result<()> {
    let library =
        BuildSpec::new("counter").source("counter.v", COUNTER).build(&Cache::from_env()?)?;
    let mut model = library.model(PowerUp::Zeros)?;
    let clk = library.port("clk_i")?.input()?;
    let en = library.port("en_i")?.input()?;
    let count = library.port("count_o")?.output()?;
    model.set(en, 1);
    let start = Instant::now();
    let mut sum = 0;
    for _ in 0..CYCLES {
        model.set(clk, 0);
        model.eval()?;
        model.set(clk, 1);
        model.eval()?;
        sum += model.get(count);
    }
    let seconds = start.elapsed().as_secs_f64();
    println!("library {:?}, checksum {sum}", library.origin());
    println!("{:.1} million evaluations per second", 2.0 * f64::from(CYCLES) / seconds / 1e6);
    Ok(())
}
