"""What is proven, of which cell, at which parameters: the option matrix of `scripts/prove`.

A cell's rules are in its own file under `ifdef FORMAL`, or in a file of this folder where they are
of a rendered module. `design` names the flags of `flexmac gen` for rendered files; a parameter that
is the name of one of the design's own constants (`ACC`) is read from it.
"""

from dataclasses import dataclass, field


@dataclass(frozen=True)
class Proof:
    cell: str  # the module under proof
    says: str  # its rules in short, for the table
    how: str  # "cells" that need only rtl/, or the flags of `flexmac gen`
    parameters: dict = field(default_factory=dict)
    below: tuple = ()  # modules it instantiates
    within: tuple = ()  # ... and those whose own rules are proven along: what they are given must hold
    cut: tuple = ()  # ... and those whose outputs may be anything
    cycles: int = 1  # depth, where there is no induction; 0: any, by engine abc
    induction: int = 0  # longest temporal induction
    covers: int = 1  # cycles within which covers are reached
    engine: str = "sat"
    defines: tuple = ()
    long: bool = False  # left to `scripts/prove --long`

    @property
    def name(self):
        return " ".join([self.cell, *(f"{k}={v}" for k, v in self.parameters.items()),
                         *self.defines])  # fmt: skip

    @property
    def depth(self):
        if self.induction:
            return f"induction, at most {self.induction}"
        if self.cycles == 0:
            return "any number of cycles"
        return "all inputs" if self.cycles == 1 else f"{self.cycles} cycles"


def cell(name, says, parameters=None, **options):
    return Proof(f"flexmac_{name}", says, "cells", parameters or {}, **options)


def array(chunk, lanes, max_bits=8, max_k=6):
    return (f"--rows 2 --cols 1 --chunk {chunk} --lanes {lanes} --max-bits {max(max_bits, chunk)}"
            f" --max-k {max_k} --stages 2 --depth 16")  # fmt: skip


ACCUMULATE = ("flexmac_adder", "flexmac_adder_segment", "flexmac_pipe")
PE = ("free_dot", "flexmac_accumulate", *ACCUMULATE)
CELLS = ("FLEXMAC_CELLS",)
SMALLEST = ("--rows 1 --cols 1 --chunk 2 --lanes 1 --max-bits 4 --max-k 2 --stages 1 --depth 4")
TOP = ("flexmac_top", "free_core", "flexmac_regs", "flexmac_delay", "flexmac_counter", "free_check",
       "flexmac_operand", "flexmac_bank", "flexmac_skid")  # fmt: skip
CORE = ("flexmac_core", "flexmac_array", "flexmac_column", "flexmac_pe", "flexmac_dot",
        "flexmac_accumulate", "flexmac_adder", "flexmac_adder_segment", "flexmac_pipe", "flexmac_seq", "flexmac_drain", "flexmac_delay",
        "flexmac_results", "flexmac_fifo", "flexmac_requant", "flexmac_sum", "flexmac_mode",
        "flexmac_saturate", "flexmac_lfsr", "flexmac_stats", "flexmac_counter", "flexmac_skew")  # fmt: skip

PROOFS = [
    # products: the plain body, then the tree of bits
    *(cell("dot", "sum of the lanes' products as integers, every kind of planes, nothing lost at the"
           " top", {"CHUNK": p, "LANES": v, "PAIR_WIDTH": s}, below=("flexmac_pipe",), engine="z3")
      for p, v, s in ((2, 1, 5), (2, 2, 6), (4, 1, 9))),
    *(cell("dot", "the same of the carry-save tree", {"CHUNK": p, "LANES": v, "PAIR_WIDTH": s}, defines=CELLS,
           below=("flexmac_csa", "flexmac_pipe"), engine="z3")
      for p, v, s in ((2, 1, 5), (2, 2, 6), (4, 1, 9))),
    # multipliers with modes, tried and not shipped
    *(cell("split_dot", "whole, the lanes' products, every kind of planes; split, both products of"
           " halves; nothing lost at the top", {"CHUNK": 4, "LANES": v, "PAIR_WIDTH": s},
           below=("flexmac_csa", "flexmac_pipe"), engine="z3", long=v > 1)
      for v, s in ((1, 9), (2, 10))),
    *(cell("fused_dot", "the products of each mode at their places, every kind of planes, nothing lost"
           f" at the top{two}", {"CHUNK": 4, "PAIR_WIDTH": 10},
           below=("flexmac_dot", "flexmac_csa", "flexmac_pipe"), defines=defines, long=not two)
      for two, defines in (("; digits of a other than 0 two at a time", (*CELLS, "F_TWO")), ("", CELLS))),
    *(cell("csa", "two words add up to all words, nothing lost at the top", {"WORDS": n, "WIDTH": w},
           below=("flexmac_pipe",)) for n, w in ((1, 3), (2, 3), (3, 5), (4, 5), (6, 4))),
    *(cell("accumulate", "base plus pair, its offset taken off", {"PAIR_WIDTH": s, "ACC_WIDTH": a},
           below=ACCUMULATE) for s, a in ((5, 6), (19, 31), (69, 76))),
    *(cell("accumulate", "the same by full adders and carry select", {"PAIR_WIDTH": s, "ACC_WIDTH": a},
           below=ACCUMULATE, defines=CELLS) for s, a in ((5, 6), (19, 31), (69, 76))),
    *(Proof("flexmac_pe", "no overflow while intervals fit ACC; digits and accumulator are the exact"
            " sum of all products at their places; captures and drains", array(p, v),
            {"CHUNK": p, "LANES": v, "ACC_WIDTH": "ACC_WIDTH", "REGISTERS": 4}, PE, induction=4, covers=6, long=p > 4)
      for p, v in ((2, 1), (2, 3), (4, 2), (8, 1), (16, 1))),
    # requantizer
    *(cell("mode", "masks and shift amount from shift and bits", {"SUM_WIDTH": s}) for s in (48, 88)),
    cell("saturate", "between the limits for any width; overflow flags"),
    *(cell("sum", "any row, any order of additions: base + aligned, carries lost nowhere",
           {"SUM_WIDTH": s, "ROWS": r, "ROW_INDEX_WIDTH": i}, induction=4, covers=4, long=s > 48)
      for s, r, i in ((48, 1, 1), (48, 3, 2), (88, 2, 1))),
    cell("requant", "the sum that reaches rounding: digit at its place, plus what it is added to",
         {"CHUNK": 8, "ACC_WIDTH": 24, "SUM_WIDTH": 48, "ROWS": 2, "ROW_INDEX_WIDTH": 1, "SIGNIFICANCE_WIDTH": 2, "RESULTS": 2,
          "STOCHASTIC": 1},
         below=("flexmac_sum", "flexmac_lfsr", "flexmac_saturate", "flexmac_fifo"), cycles=4, covers=8),
    *(cell("requant", "result, flags and error are the definition, every mode, every shift, any sum",
           {"CHUNK": 8, "ACC_WIDTH": 24, "SUM_WIDTH": s, "ROWS": 2, "ROW_INDEX_WIDTH": 1, "SIGNIFICANCE_WIDTH": 2, "RESULTS": 2,
          "STOCHASTIC": 1},
           below=("free_sum", "flexmac_lfsr", "flexmac_saturate", "flexmac_fifo"), cycles=7, covers=8,
           defines=("F_FREE_SUM",), long=s > 48) for s in (48, 72)),
    cell("lfsr", "a word is 32 bit-steps of x^32+x^22+x^2+x+1 of each bit; seeds", induction=4,
         covers=4),
    *(cell("stats", "counters grow by the live columns' flags and errors", {"COLS": c, "COLS_WIDTH": w},
           below=("flexmac_counter",), induction=4, covers=6) for c, w in ((1, 1), (3, 2))),
    # control
    *(cell("seq", "walk of pairs and words, addresses in range, captures spaced by rows, every slot"
           " issues or waits, waits bounded",
           {"ADDR_WIDTH": a, "WORDS_WIDTH": a + 1, "PLANES_WIDTH": n, "ROWS_WIDTH": r, "COLS_WIDTH": 2, "SIGNIFICANCE_WIDTH": s}, induction=4, covers=16,
           long=a > 3) for a, n, r, s in ((3, 2, 2, 3), (5, 3, 3, 4))),
    *(cell("drain", "rows through the stages in order, once; idle r + LAG + 5 slots after a capture",
           {"ROWS_WIDTH": r, "COLS_WIDTH": c, "ROW_INDEX_WIDTH": i, "SIGNIFICANCE_WIDTH": s, "LAG": 0}, below=("flexmac_delay",), induction=4,
           covers=18) for r, c, i, s in ((2, 1, 1, 1), (2, 3, 1, 2), (4, 2, 3, 3))),
    cell("drain", "the same with registers on the way", below=("flexmac_delay",), cycles=11,
         covers=18, parameters={"ROWS_WIDTH": 2, "COLS_WIDTH": 1, "ROW_INDEX_WIDTH": 1, "SIGNIFICANCE_WIDTH": 1, "LAG": 2}),
    *(cell("fifo", "order kept, no word lost or doubled", {"WIDTH": 3, "DEPTH": d}, induction=4, covers=8)
      for d in (2, 3, 5)),
    *(cell("results", "never more results than room; offers are those that landed, and stay",
           {"LAG": g, "DEPTH": g + 1, "COLS_WIDTH": 2}, below=("flexmac_delay", "flexmac_fifo"),
           induction=g + 4, covers=g + 8) for g in (1, 3)),
    *(cell("skew", "N cycles, always", {"WIDTH": 2, "CYCLES": n}, induction=6, covers=6) for n in (0, 1, 3)),
    *(cell("counter", "cleared, grows, holds", {"WIDTH": w, "ADD_WIDTH": a}, induction=4, covers=4)
      for w, a in ((8, 1), (48, 13))),
    *(cell("pipe", "a register with enable, or a wire", {"WIDTH": 5, "REGISTER": on}, induction=4, covers=4)
      for on in (0, 1)),
    *(cell("delay", "N enabled cycles, in order", {"WIDTH": 2, "CYCLES": n}, induction=4, covers=8)
      for n in (0, 1, 3)),
    *(Proof("core", "one command of symbolic operands: the exact sum, rounded; no deadlock", SMALLEST,
            {"NA": a, "NB": b, "K": k, "SHIFT": s, "BOUND": n}, CORE, cycles=n + 2, covers=n + 2,
            engine="abc")
      for a, b, k, s, n in ((1, 1, 2, 0, 14), (2, 2, 2, 1, 20))),
    # the other styles
    cell("adder_segment", "sum and carry as integers"),
    *(cell("adder", "a + b + carry modulo 2^W", {"WIDTH": w}, below=("flexmac_adder_segment",),
           defines=defines) for w, defines in ((1, CELLS), (12, CELLS), (13, CELLS), (36, CELLS),
                                               (79, CELLS), (36, ()))),
    *(cell("fixed_pe", "accumulator is the sum of the lanes' products as integers, over any number of"
           " words; captures and drains", {"CHUNK": w, "LANES": v, "ACC_WIDTH": 2 * w + 4, "REGISTERS": regs},
           below=("flexmac_dot", "flexmac_accumulate", *ACCUMULATE), induction=8, covers=9, long=w > 8) for w, v, regs in ((2, 1, 0), (3, 3, 8), (3, 2, 15), (9, 1, 2))),
    cell("lzc", "as many zeros, then a one"),
    cell("fp32_unit", "the same number as a product"),
    cell("fp32_edge", "without a preload a sum passes unchanged, subnormals too; NaN and infinities",
         below=("flexmac_adder_segment", "flexmac_adder", "flexmac_pipe", "flexmac_lzc", "flexmac_fp32_unit",
                "flexmac_fp32_add"), cycles=8, covers=8),
    *(cell("fp32_seq", "words in order, then the steps, then one capture, spaced by rows; every slot"
           " issues, reduces or waits", {"ADDR_WIDTH": 3, "WORDS_WIDTH": 4, "ROWS_WIDTH": 2, "COLS_WIDTH": 2, "PARTIAL_SUMS": l, "REDUCTION_STEPS": r, "REDUCTION_CODES": ops},
           induction=4, covers=18) for l, r, ops in ((1, 0, 0), (3, 5, 0o54321))),
    # buses
    cell("axil", "responses stay; every request done once, in order, answered within a bound; registers"
         " written whole",
         {"ADDR_WIDTH": 4}, induction=4, covers=14),
    *(cell("skid", "order kept, no beat lost or doubled; offers stay; a beat inside is offered", {"WIDTH": w},
           induction=4, covers=8) for w in (1, 3)),
    *(cell("queue", "order kept, no entry lost or doubled; flags count", {"WIDTH": 2, "ADDR_WIDTH": a}, induction=4,
           covers=10) for a in (1, 2)),
    cell("packet", "exactly `length` beats a packet, TLAST early or late; the next begins with its"
         " first; offers stay; no wait of its own", {"WIDTH": 2, "LENGTH_WIDTH": 3}, induction=4, covers=14),
    *(cell("outlet", "order kept, every packet ended, a beat on display stays, whatever is cleared",
           {"WIDTH": w}, induction=4, covers=10) for w in (1, 3)),
    *(cell("operand", "beat n of a packet is word n of the bank, zeros where it is short", {"WIDTH": 2, "ADDR_WIDTH": a,
           "LENGTH_WIDTH": a + 1}, within=("flexmac_packet", "flexmac_bank"), cycles=14, covers=14) for a in (1, 2)),
    *(cell("check", "the first broken limit; planes, words and lengths of a legal command",
           {"ROWS": 3, "COLS": 5, "CHUNK": p, "LANES": v, "MAX_BITS": 13, "MAX_K": k, "DEPTH": 8, "SHIFT_MAX": 72,
            "RECIPROCAL": r, "RECIPROCAL_SHIFT": n, "WORDS_WIDTH": 4, "PLANES_WIDTH": w}, cycles=4, covers=6)
      for p, v, k, r, n, w in ((8, 1, 8, 524288, 19, 2), (2, 3, 40, 699051, 21, 3))),
    Proof("top", "ports: answers and results stay, every request answered once and within a bound",
          SMALLEST, below=(*TOP, "flexmac_queue", "flexmac_packet", "flexmac_load", "flexmac_issue", "flexmac_error"),
          within=("flexmac_axil", "flexmac_outlet"), induction=4, covers=12),
    *(Proof("top", "the same, and what every bus cell is given, for any registers and any core", SMALLEST,
            below=TOP, within=("flexmac_axil", "flexmac_outlet", "flexmac_queue", "flexmac_packet",
                               "flexmac_load", "flexmac_issue", "flexmac_error"),
            cut=("flexmac_regs", "*flexmac_counter*"), cycles=n, covers=n, defines=("F_PROGRAMS",),
            engine="abc", long=n > 12) for n in (12, 20)),
    Proof("regs", "registers.json: fields read at their places and store what is written; events,"
          " strobes, errors; high words held", SMALLEST, below=("flexmac_regs",), engine="abc", cycles=0,
          covers=8),
    cell("error", "the first error, and whose, until a clear", induction=4, covers=4),
    cell("issue", "every command taken once, in its mode, and its bank released once; the mode is still"
         " while the core is busy", {"MODE_WIDTH": 2}, induction=4, covers=14),
    cell("load", "no bank filled before it is read, nor read before it is full; commands in order, once,"
         " without a wait", {"COMMAND_WIDTH": 2}, induction=4, covers=14),
    *(cell("bank", "a read shows what was last written, and stays", {"WIDTH": 2, "ADDR_WIDTH": a}, induction=4,
           covers=6) for a in (1, 2)),
]  # fmt: skip
