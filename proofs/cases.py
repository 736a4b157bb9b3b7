"""The proofs that `scripts/prove` runs: which rules of which cell, at which parameters.

The rules of a leaf cell are in its own file under `ifdef FORMAL`; those of a rendered module are in
this folder. `how` is "cells" or the flags of `flexmac gen` that render the design. A parameter whose
value is a name (`"ACC_WIDTH"`) takes the value of that constant in the design.
"""

from dataclasses import dataclass, field


@dataclass(frozen=True)
class Proof:
    cell: str  # the module under proof
    says: str  # its rules, summarised for the table
    how: str  # "cells" if rtl/ is enough, else the flags of `flexmac gen`
    parameters: dict = field(default_factory=dict)
    below: tuple = ()  # modules that it instantiates
    within: tuple = ()  # ... and those whose rules are proven too; their input assumptions become rules
    cut: tuple = ()  # ... and those whose outputs are left free
    cycles: int = 1  # depth of a proof without induction; 0: unbounded, by engine abc
    induction: int = 0  # most steps of temporal induction; 0: none
    covers: int = 1  # cycles within which every cover must be reached
    engine: str = "sat"
    defines: tuple = ()
    long: bool = False  # proven only with `scripts/prove --long`

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
    # products: the plain body, then the carry-save tree
    *(cell("dot", "the exact sum of the lanes' products, for signed and unsigned planes; no carry is"
           " lost at the top", {"CHUNK": p, "LANES": v, "PAIR_WIDTH": s}, below=("flexmac_pipe",), engine="z3")
      for p, v, s in ((2, 1, 5), (2, 2, 6), (4, 1, 9))),
    *(cell("dot", "the same for the carry-save tree", {"CHUNK": p, "LANES": v, "PAIR_WIDTH": s}, defines=CELLS,
           below=("flexmac_csa", "flexmac_pipe"), engine="z3")
      for p, v, s in ((2, 1, 5), (2, 2, 6), (4, 1, 9))),
    # trial multipliers with modes, which are not shipped
    *(cell("split_dot", "mode whole: the lanes' products, for signed and unsigned planes; mode split:"
           " both products of halves; no carry is lost at the top", {"CHUNK": 4, "LANES": v, "PAIR_WIDTH": s},
           below=("flexmac_csa", "flexmac_pipe"), engine="z3", long=v > 1)
      for v, s in ((1, 9), (2, 10))),
    *(cell("fused_dot", "the products of each mode at their places, for signed and unsigned planes; no"
           f" carry is lost at the top{two}", {"CHUNK": 4, "PAIR_WIDTH": 10},
           below=("flexmac_dot", "flexmac_csa", "flexmac_pipe"), defines=defines, long=not two)
      for two, defines in (("; at most two slices of a nonzero at a time", (*CELLS, "F_TWO")), ("", CELLS))),
    *(cell("csa", "the two output words add up to the sum of all words; no carry is lost at the top", {"WORDS": n, "WIDTH": w},
           below=("flexmac_pipe",)) for n, w in ((1, 3), (2, 3), (3, 5), (4, 5), (6, 4))),
    *(cell("accumulate", "base plus the pair, minus the pair's offset", {"PAIR_WIDTH": s, "ACC_WIDTH": a},
           below=ACCUMULATE) for s, a in ((5, 6), (19, 31), (69, 76))),
    *(cell("accumulate", "the same, built from full adders and carry-select adders", {"PAIR_WIDTH": s, "ACC_WIDTH": a},
           below=ACCUMULATE, defines=CELLS) for s, a in ((5, 6), (19, 31), (69, 76))),
    *(Proof("flexmac_pe", "no overflow while the intervals fit the accumulator; result digits and"
            " accumulator are the exact sum of all products at their places; capture and drain", array(p, v),
            {"CHUNK": p, "LANES": v, "ACC_WIDTH": "ACC_WIDTH", "REGISTERS": 4}, PE, induction=4, covers=6, long=p > 4)
      for p, v in ((2, 1), (2, 3), (4, 2), (8, 1), (16, 1))),
    # requantizer
    *(cell("mode", "masks and shift amount match the shift and the result width", {"SUM_WIDTH": s}) for s in (48, 88)),
    cell("saturate", "the result is the value clamped to the limits of any width; overflow flags"),
    *(cell("sum", "base + aligned, for any row and any order of additions; no carry is lost",
           {"SUM_WIDTH": s, "ROWS": r, "ROW_INDEX_WIDTH": i}, induction=4, covers=4, long=s > 48)
      for s, r, i in ((48, 1, 1), (48, 3, 2), (88, 2, 1))),
    cell("requant", "the sum that reaches rounding is the base plus the result digit at its place",
         {"CHUNK": 8, "ACC_WIDTH": 24, "SUM_WIDTH": 48, "ROWS": 2, "ROW_INDEX_WIDTH": 1, "SIGNIFICANCE_WIDTH": 2, "RESULTS": 2,
          "STOCHASTIC": 1},
         below=("flexmac_sum", "flexmac_lfsr", "flexmac_saturate", "flexmac_fifo"), cycles=4, covers=8),
    *(cell("requant", "result, flags and error equal their definition, for every mode, every shift and any sum",
           {"CHUNK": 8, "ACC_WIDTH": 24, "SUM_WIDTH": s, "ROWS": 2, "ROW_INDEX_WIDTH": 1, "SIGNIFICANCE_WIDTH": 2, "RESULTS": 2,
          "STOCHASTIC": 1},
           below=("free_sum", "flexmac_lfsr", "flexmac_saturate", "flexmac_fifo"), cycles=7, covers=8,
           defines=("F_FREE_SUM",), long=s > 48) for s in (48, 72)),
    cell("lfsr", "a word is 32 steps of x^32+x^22+x^2+x+1, for each state of one bit; seeds", induction=4,
         covers=4),
    *(cell("stats", "counters add up the flags and errors of the columns in use", {"COLS": c, "COLS_WIDTH": w},
           below=("flexmac_counter",), induction=4, covers=6) for c, w in ((1, 1), (3, 2))),
    # control
    *(cell("seq", "visits each pair of planes and each word once, in order; addresses in range; at least"
           " r slots between captures; each slot issues or waits, and waits are bounded",
           {"ADDR_WIDTH": a, "WORDS_WIDTH": a + 1, "PLANES_WIDTH": n, "ROWS_WIDTH": r, "COLS_WIDTH": 2, "SIGNIFICANCE_WIDTH": s}, induction=4, covers=16,
           long=a > 3) for a, n, r, s in ((3, 2, 2, 3), (5, 3, 3, 4))),
    *(cell("drain", "each row passes the stages once, in order; idle r + LAG + 5 slots after a capture",
           {"ROWS_WIDTH": r, "COLS_WIDTH": c, "ROW_INDEX_WIDTH": i, "SIGNIFICANCE_WIDTH": s, "LAG": 0}, below=("flexmac_delay",), induction=4,
           covers=18) for r, c, i, s in ((2, 1, 1, 1), (2, 3, 1, 2), (4, 2, 3, 3))),
    cell("drain", "the same with LAG above 0", below=("flexmac_delay",), cycles=11,
         covers=18, parameters={"ROWS_WIDTH": 2, "COLS_WIDTH": 1, "ROW_INDEX_WIDTH": 1, "SIGNIFICANCE_WIDTH": 1, "LAG": 2}),
    *(cell("fifo", "order kept; no word lost or duplicated", {"WIDTH": 3, "DEPTH": d}, induction=4, covers=8)
      for d in (2, 3, 5)),
    *(cell("results", "never more results than room; a result is offered once it has arrived, and stays",
           {"LAG": g, "DEPTH": g + 1, "COLS_WIDTH": 2}, below=("flexmac_delay", "flexmac_fifo"),
           induction=g + 4, covers=g + 8) for g in (1, 3)),
    *(cell("skew", "a delay of exactly N cycles", {"WIDTH": 2, "CYCLES": n}, induction=6, covers=6) for n in (0, 1, 3)),
    *(cell("counter", "clears, adds, holds", {"WIDTH": w, "ADD_WIDTH": a}, induction=4, covers=4)
      for w, a in ((8, 1), (48, 13))),
    *(cell("pipe", "a register with enable, or a wire", {"WIDTH": 5, "REGISTER": on}, induction=4, covers=4)
      for on in (0, 1)),
    *(cell("delay", "a delay of N enabled cycles; order kept", {"WIDTH": 2, "CYCLES": n}, induction=4, covers=8)
      for n in (0, 1, 3)),
    *(Proof("core", "one command with symbolic operands: the exact sum, rounded; no deadlock", SMALLEST,
            {"NA": a, "NB": b, "K": k, "SHIFT": s, "BOUND": n}, CORE, cycles=n + 2, covers=n + 2,
            engine="abc")
      for a, b, k, s, n in ((1, 1, 2, 0, 14), (2, 2, 2, 1, 20))),
    # the other styles
    cell("adder_segment", "sum and carry out are exact"),
    *(cell("adder", "a + b + carry modulo 2^W", {"WIDTH": w}, below=("flexmac_adder_segment",),
           defines=defines) for w, defines in ((1, CELLS), (12, CELLS), (13, CELLS), (36, CELLS),
                                               (79, CELLS), (36, ()))),
    *(cell("fixed_pe", "the accumulator is the exact sum of the lanes' products over any number of words;"
           " capture and drain", {"CHUNK": w, "LANES": v, "ACC_WIDTH": 2 * w + 4, "REGISTERS": regs},
           below=("flexmac_dot", "flexmac_accumulate", *ACCUMULATE), induction=8, covers=9, long=w > 8) for w, v, regs in ((2, 1, 0), (3, 3, 8), (3, 2, 15), (9, 1, 2))),
    cell("lzc", "the value starts with as many zeros as counted, then a one"),
    cell("fp32_unit", "the product represents the same number"),
    cell("fp32_edge", "without a preload a sum passes unchanged, also a subnormal; NaN and infinities",
         below=("flexmac_adder_segment", "flexmac_adder", "flexmac_pipe", "flexmac_lzc", "flexmac_fp32_unit",
                "flexmac_fp32_add"), cycles=8, covers=8),
    *(cell("fp32_seq", "words in order, then the reduction steps, then one capture; at least r slots"
           " between captures; each slot issues, reduces or waits", {"ADDR_WIDTH": 3, "WORDS_WIDTH": 4, "ROWS_WIDTH": 2, "COLS_WIDTH": 2, "PARTIAL_SUMS": l, "REDUCTION_STEPS": r, "REDUCTION_CODES": ops},
           induction=4, covers=18) for l, r, ops in ((1, 0, 0), (3, 5, 0o54321))),
    # buses
    cell("axil", "responses stay until accepted; each request is executed once, in order, and answered"
         " within a bound; registers are written whole",
         {"ADDR_WIDTH": 4}, induction=4, covers=14),
    *(cell("skid", "order kept; no beat lost or duplicated; an offered beat stays; a stored beat is offered", {"WIDTH": w},
           induction=4, covers=8) for w in (1, 3)),
    *(cell("queue", "order kept; no entry lost or duplicated; count and flags are right", {"WIDTH": 2, "ADDR_WIDTH": a}, induction=4,
           covers=10) for a in (1, 2)),
    cell("packet", "exactly `length` beats per packet, with TLAST early or late; the next packet starts"
         " at its first beat; an offered beat stays; no wait cycles are added", {"WIDTH": 2, "LENGTH_WIDTH": 3}, induction=4, covers=14),
    *(cell("outlet", "order kept; every packet is ended; an offered beat stays, also through a clear",
           {"WIDTH": w}, induction=4, covers=10) for w in (1, 3)),
    *(cell("operand", "beat n of a packet is word n of the bank; zeros fill a short packet", {"WIDTH": 2, "ADDR_WIDTH": a,
           "LENGTH_WIDTH": a + 1}, within=("flexmac_packet", "flexmac_bank"), cycles=14, covers=14) for a in (1, 2)),
    *(cell("check", "reports the first broken limit; planes, words and lengths of a legal command",
           {"ROWS": 3, "COLS": 5, "CHUNK": p, "LANES": v, "MAX_BITS": 13, "MAX_K": k, "DEPTH": 8, "SHIFT_MAX": 72,
            "RECIPROCAL": r, "RECIPROCAL_SHIFT": n, "WORDS_WIDTH": 4, "PLANES_WIDTH": w}, cycles=4, covers=6)
      for p, v, k, r, n, w in ((8, 1, 8, 524288, 19, 2), (2, 3, 40, 699051, 21, 3))),
    Proof("top", "ports: responses and results stay; each request is answered once, within a bound",
          SMALLEST, below=(*TOP, "flexmac_queue", "flexmac_packet", "flexmac_load", "flexmac_issue", "flexmac_error"),
          within=("flexmac_axil", "flexmac_outlet"), induction=4, covers=12),
    *(Proof("top", "the same, and the input assumptions of every bus cell, for any registers and core", SMALLEST,
            below=TOP, within=("flexmac_axil", "flexmac_outlet", "flexmac_queue", "flexmac_packet",
                               "flexmac_load", "flexmac_issue", "flexmac_error"),
            cut=("flexmac_regs", "*flexmac_counter*"), cycles=n, covers=n, defines=("F_PROGRAMS",),
            engine="abc", long=n > 12) for n in (12, 20)),
    Proof("regs", "as registers.json says: fields are read and written at their places; events, strobes,"
          " errors; high words are held", SMALLEST, below=("flexmac_regs",), engine="abc", cycles=0,
          covers=8),
    cell("error", "keeps the first error and the number of its command until a clear", induction=4, covers=4),
    cell("issue", "each command is accepted once, in its mode, and its bank released once; the mode is"
         " constant while the core is busy", {"MODE_WIDTH": 2}, induction=4, covers=14),
    cell("load", "no bank is refilled before it has been read, or read before it is full; each command"
         " runs once, in order, without a wait", {"COMMAND_WIDTH": 2}, induction=4, covers=14),
    *(cell("bank", "a read returns the word last written, and holds it", {"WIDTH": 2, "ADDR_WIDTH": a}, induction=4,
           covers=6) for a in (1, 2)),
]  # fmt: skip
