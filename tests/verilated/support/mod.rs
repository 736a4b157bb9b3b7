//! Designs and helpers shared by the tests. Models are cached in the build folder, so only the
//! first run compiles; tests of the cache itself use a temporary one.

use std::path::Path;
use std::process::{Command, Output};

use verilated::{BuildSpec, Cache};

/// 8-bit counter with enable and synchronous reset.
pub const COUNTER: &str = "\
`default_nettype none
module counter (
  input wire clk_i, input wire rst_ni, input wire en_i, output reg [7:0] count_o
);
  always @(posedge clk_i)
    if (!rst_ni) count_o <= 8'd0;
    else if (en_i) count_o <= count_o + 8'd1;
endmodule
`default_nettype wire
";

/// The counter, lightly optimised: compile time matters more than speed.
pub fn counter() -> BuildSpec {
    BuildSpec::new("counter").source("counter.v", COUNTER).cxx_flags(["-O1"])
}

/// Cache of this test run's build folder.
pub fn cache() -> Cache {
    Cache::at(Path::new(env!("CARGO_TARGET_TMPDIR")).join("models")).unwrap()
}

/// A command that runs the test `name`, its module before it, again, to let `set` change its environment.
/// The test tells parent from child by the variable `VERILATED_TEST_CHILD`.
pub fn child(name: &str, set: impl FnOnce(&mut Command)) -> Command {
    let mut command = Command::new(std::env::current_exe().unwrap());
    command.args(["--exact", name, "--nocapture"]).env("VERILATED_TEST_CHILD", "1");
    set(&mut command);
    command
}

/// Whether this process was started by [`child`].
pub fn is_child() -> bool {
    std::env::var_os("VERILATED_TEST_CHILD").is_some()
}

/// Standard output of a child, whose one test must have passed.
pub fn text(output: Output) -> String {
    let (out, err) =
        (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success(), "child failed:\n{out}{err}");
    assert!(out.contains("test result: ok. 1 passed"), "no such test:\n{out}");
    out.into_owned()
}
