"""Checks that the random stream has the full period 2^32 - 1, by the order of a matrix over GF(2).

One word takes 32 bit-steps. Their logic consists of XORs only, which Yosys checks, so a word is a
linear function of the state. Its matrix M has as columns the successors of the 32 states with one bit
set, which simulation reads from the register. M has order 2^32 - 1 = 3 * 5 * 17 * 257 * 65537 if
M^(2^32-1) = I and M^((2^32-1)/p) != I for each of these primes p. 65537 divides 2^d - 1 for no d below
32, so an M of that order has an irreducible characteristic polynomial, and every state except 0 lies
on one cycle of 2^32 - 1 words. (One bit-step has the same order, because M is its 32nd power and 32
has no common factor with 2^32 - 1.)
"""

import time

from solver import ToolError, call, yosys

PERIOD = (1 << 32) - 1
PRIMES = (3, 5, 17, 257, 65537)
IDENTITY = [1 << i for i in range(32)]

BENCH = """
module bench;
  reg clk = 1'b0, load = 1'b1;
  reg [31:0] seed;
  integer i;
  wire [23:0] word;
  flexmac_lfsr u_lfsr (.clk_i(clk), .step_i(1'b1), .load_i(load), .seed_i(seed), .word_o(word));
  initial begin
    for (i = 0; i < 32; i = i + 1) begin
      seed = 32'd1 << i;
      load = 1'b1;
      #1 clk = 1'b1;
      #1 clk = 1'b0;
      load = 1'b0;
      #1 clk = 1'b1;
      #1 clk = 1'b0;
      $display("%h", u_lfsr.state_q);
    end
  end
endmodule
"""


def apply(matrix, vector):
    result = 0
    for i, column in enumerate(matrix):
        if vector >> i & 1:
            result ^= column
    return result


def multiply(a, b):
    return [apply(a, column) for column in b]


def power(matrix, exponent):
    result = IDENTITY
    while exponent:
        if exponent & 1:
            result = multiply(result, matrix)
        matrix = multiply(matrix, matrix)
        exponent >>= 1
    return result


def columns(folder, cell):
    """The state one word after each state with a single bit set, from simulation."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "bench.v").write_text(BENCH)
    code, text = call(["iverilog", "-g2005", "-o", "bench.vvp", "bench.v", cell], folder)
    if code != 0:
        raise ToolError(f"iverilog: {text}")
    _, text = call(["vvp", "-n", "bench.vvp"], folder)
    found = [int(line, 16) for line in text.split()]
    if len(found) != 32:
        raise ToolError(f"vvp: 32 states expected, found {len(found)}: {text[:200]}")
    return found


def fault(matrix):
    if power(matrix, PERIOD) != IDENTITY:
        return "M^(2^32-1) is not I"
    for prime in PRIMES:
        if power(matrix, PERIOD // prime) == IDENTITY:
            return f"M^((2^32-1)/{prime}) is I: the period is shorter"
    return None


STEPPING = """module stepping (input wire clk_i, output wire [23:0] word_o);
  flexmac_lfsr u_lfsr (
      .clk_i(clk_i), .step_i(1'b1), .load_i(1'b0), .seed_i(32'd0), .word_o(word_o)
  );
endmodule
"""


def linear(folder, cell):
    """None if a word's gates are XORs only, at least one per bit, else the error of Yosys."""
    (folder / "stepping.v").write_text(STEPPING)
    script = f"read_verilog {cell} stepping.v\nhierarchy -check -top stepping\n"
    script += "proc\nflatten\nopt\nsimplemap\nopt\n"
    script += "select -assert-min 32 t:$_XOR_\n"
    script += "select -assert-count 32 t:$_DFF*\n"
    script += "select -assert-none c:* t:$_XOR_ %d t:$_DFF* %d\n"
    failed = yosys(folder, "linear.ys", script)
    return failed and f"not XORs alone: {failed}"


def check(folder, cell):
    matrix = columns(folder, cell)
    return linear(folder, cell) or fault(matrix)


def run(work, _designs, root):
    begun = time.monotonic()
    failed = check(work / "lfsr", root / "rtl" / "core" / "flexmac_lfsr.v")
    yield (
        "period of flexmac_lfsr", "a word is linear; all states but 0 lie on one cycle of"
        " 2^32 - 1 words", "order of its matrix", time.monotonic() - begun, failed,
    )  # fmt: skip
