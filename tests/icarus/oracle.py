"""Expected behaviour of flexmac_core, from its contract, in plain integers.

Draws cases for one configuration, works out what the core must answer, and writes both as
$readmemh files for flexmac_core_tb.v. It shares nothing with the Rust reference: products are
Python sums, rounding is `//`, and digits are shifts of whole integers.

A case is one product under one mode: tiles in a row, each one or more commands (pieces of K).
All randomness comes from one seeded `random.Random`.
"""

import random

ROUNDINGS = {"nearest": 0, "truncate": 1, "stochastic": 2}
BASE_ZERO, BASE_PRELOAD, BASE_KEEP = 0, 1, 2

# slots a command should take at most, so that wide operands on narrow chunks stay short
WORK = 500
WORK_EXTREMES = 2500  # where only the longest K fills the accumulator


class Config:
    """What a generated design's config.json says, and the port widths that follow."""

    def __init__(self, record):
        p = record["parameters"]
        self.rows, self.cols = p["rows"], p["cols"]
        self.chunk, self.lanes = p["chunk"], p["lanes"]
        self.max_bits, self.max_k, self.depth = p["max_bits"], p["max_k"], p["depth"]
        self.stages, self.fanout, self.style = p["stages"], p["fanout"], p["style"]
        self.rounding = [name for name in ROUNDINGS if name in p["rounding"]]
        self.sum_bits = record["derived"]["sum_bits"]

    def latency(self):
        """What of a busy time the parameters add: registers inside a PE, one before every block of
        columns, and, where a column has several blocks, one for each of them on the way up."""
        across = -(-self.cols // (self.fanout or self.cols))
        up = -(-self.rows // (self.fanout or self.rows))
        return self.stages + across + (up if up > 1 else 0)

    def planes(self, bits):
        return -(-bits // self.chunk)

    def words(self, k):
        return -(-k // self.lanes)

    def piece_limit(self, planes_a, planes_b):
        """Longest K of one command."""
        return min(self.max_k, self.depth // max(planes_a, planes_b) * self.lanes)

    def port_widths(self):
        """Parameters of the testbench: sizes, and widths of counts and addresses."""
        counts = {
            "AW": self.depth - 1,
            "WW": self.depth,
            "NW": self.planes(self.max_bits),
            "RW": self.rows,
            "CW": self.cols,
        }
        widths = {name: max(1, largest.bit_length()) for name, largest in counts.items()}
        sizes = {"ROWS": self.rows, "COLS": self.cols, "P": self.chunk, "V": self.lanes}
        return {**sizes, "SUM": self.sum_bits, **widths}


class Mode:
    """shift as asked for (the core gets it clamped), width of the results, rounding by name."""

    def __init__(self, shift, bits, rounding):
        self.shift, self.bits, self.rounding = shift, bits, rounding


class Tile:
    """a[row][k], b[k][col]; pieces of K sum to its length; preload[row][col] or None."""

    def __init__(self, bits_a, bits_b, a, b, pieces, preload, seeds):
        self.bits_a, self.bits_b = bits_a, bits_b
        self.a, self.b, self.pieces = a, b, pieces
        self.preload, self.seeds = preload, seeds
        self.rows, self.cols = len(a), len(b[0])

    def sum(self, row, col):
        product = sum(x * self.b[k][col] for k, x in enumerate(self.a[row]))
        return product + (self.preload[row][col] if self.preload else 0)


# ---- the arithmetic -----------------------------------------------------------------------------


def limits(bits):
    return -(1 << (bits - 1)), (1 << (bits - 1)) - 1


def lfsr_word(state):
    """24 random bits of a state."""
    return state >> 8


def lfsr_next(state):
    for _ in range(32):
        state = (state >> 1) ^ (0x80200003 if state & 1 else 0)
    return state


def round_sum(total, shift, rounding, word):
    """Rounded value of total * 2^-shift, and the error in 2^-8 of its last place."""
    if shift <= 0:
        return total << -shift, 0
    if rounding == "nearest":
        rounded = (2 * total + (1 << shift)) // (1 << (shift + 1))
    elif rounding == "truncate":
        rounded = total // (1 << shift)
    else:
        drawn = min(shift, 24)
        noise = (word >> (24 - drawn)) << (shift - drawn)
        rounded = (total + noise) // (1 << shift)
    floor = total // (1 << shift)
    fraction = ((total - (floor << shift)) << 8) >> shift
    return rounded, fraction if rounded == floor else 256 - fraction


class Expected:
    """Result beats, exact sums and counters of a case."""

    def __init__(self, config, case):
        mode = case.mode
        low_limit, high_limit = limits(mode.bits)
        self.beats = []  # (tile, row, last, results, sums)
        self.emitted = self.low = self.high = self.magnitude = self.error = 0
        for number, tile in enumerate(case.tiles):
            states = [seed or 1 for seed in tile.seeds]
            for row in range(tile.rows):
                results, sums = [], []
                for col in range(tile.cols):
                    total = tile.sum(row, col)
                    assert fits(total, config.sum_bits)
                    rounded, error = round_sum(
                        total, mode.shift, mode.rounding, lfsr_word(states[col])
                    )
                    result = min(max(rounded, low_limit), high_limit)
                    results.append(result)
                    sums.append(total)
                    self.emitted += 1
                    self.low += rounded <= low_limit
                    self.high += rounded >= high_limit
                    self.magnitude |= result if result >= 0 else ~result
                    self.error += error
                self.beats.append((number, row, row == tile.rows - 1, results, sums))
                states = [lfsr_next(state) for state in states]
        self.count_cycles(config, case)

    def count_cycles(self, config, case):
        """Slots that issue a word, and slots a capture waits, when nothing is ever late."""
        self.compute = self.stall = 0
        rows_draining = 0
        for tile in case.tiles:
            planes_a, planes_b = config.planes(tile.bits_a), config.planes(tile.bits_b)
            for piece in tile.pieces:
                for s in range(planes_a + planes_b - 1):
                    pairs = sum(0 <= s - i < planes_b for i in range(planes_a))
                    slots = pairs * config.words(piece)
                    self.compute += slots
                    self.stall += max(0, rows_draining - slots)
                    rows_draining = tile.rows
        self.rows_last = rows_draining


def fits(value, bits):
    low, high = limits(bits)
    return low <= value <= high


# ---- drawing cases ------------------------------------------------------------------------------


class Case:
    def __init__(self, kind, mode, tiles):
        self.kind, self.mode, self.tiles = kind, mode, tiles

    def describe(self):
        mode = self.mode
        tiles = ", ".join(
            f"{t.rows}x{t.cols} {t.bits_a}x{t.bits_b} bits K={'+'.join(map(str, t.pieces))}"
            f"{' preload' if t.preload else ''}"
            for t in self.tiles
        )
        return f"{self.kind}: shift {mode.shift} bits {mode.bits} {mode.rounding}; {tiles}"


class Draw:
    """Draws cases of one configuration. One method per kind of case."""

    KINDS = (
        "plain", "k_one", "ragged", "split", "few", "shifts", "extremes",
        "preloads", "widths_out", "burst", "ties", "at_limit", "beyond", "pairs_of_extremes",
    )  # fmt: skip

    def __init__(self, config, seed):
        self.config, self.rng = config, random.Random(seed)

    def cases(self, count):
        for number in range(count):
            lap, kind = divmod(number, len(self.KINDS))
            modes = self.config.rounding
            rounding = modes[(lap + kind) % len(modes)]
            yield getattr(self, self.KINDS[kind])(self.KINDS[kind], rounding)

    # pieces of a case

    def bits(self):
        """Operand width: the widest, a whole number of chunks, or any."""
        chunk, widest = self.config.chunk, self.config.max_bits
        whole = chunk * self.rng.randint(1, widest // chunk)
        return self.rng.choice([widest, whole, self.rng.randint(2, widest)])

    def value(self, bits):
        return self.rng.randint(*limits(bits))

    def corner(self, bits):
        low, high = limits(bits)
        return self.rng.choice([low, high, low + 1, -1, 0, 1, self.jagged(bits)])

    def jagged(self, bits):
        """The smallest top digit above the largest other digits."""
        below = (self.config.planes(bits) - 1) * self.config.chunk
        return limits(bits)[0] + (1 << below) - 1

    def matrix(self, rows, cols, draw):
        return [[draw() for _ in range(cols)] for _ in range(rows)]

    def longest(self, bits_a, bits_b, work):
        """Longest K of one command that takes about `work` slots."""
        planes_a, planes_b = self.config.planes(bits_a), self.config.planes(bits_b)
        within = max(1, work // (planes_a * planes_b)) * self.config.lanes
        return max(1, min(self.config.piece_limit(planes_a, planes_b), within))

    def seeds(self):
        return [self.rng.choice([0, 1, self.rng.getrandbits(32), self.rng.getrandbits(32)])
                for _ in range(self.config.cols)]  # fmt: skip

    def tile(self, pieces=None, bits=None, shape=None, a=None, b=None, preload=False,
             work=WORK):  # fmt: skip
        """A tile; what is not given is drawn. pieces, a and b may depend on (bits_a, bits_b)."""
        config, rng = self.config, self.rng
        bits_a, bits_b = bits or (self.bits(), self.bits())
        rows, cols = shape or rng.choice(
            [(config.rows, config.cols), (rng.randint(1, config.rows), rng.randint(1, config.cols))]
        )
        longest = self.longest(bits_a, bits_b, work)
        pieces = pieces(longest) if pieces else [rng.randint(1, longest)]
        k = sum(pieces)
        a = self.matrix(rows, k, a or (lambda: self.value(bits_a)))
        b = self.matrix(k, cols, b or (lambda: self.value(bits_b)))
        tile = Tile(bits_a, bits_b, a, b, pieces, None, self.seeds())
        if preload:
            self.aim(tile, lambda: self.value(config.sum_bits - 2))
        return tile

    def aim(self, tile, target):
        """Preloads so that the sums become drawn targets, or as near as can be."""
        low, high = limits(self.config.sum_bits)
        products = [[tile.sum(r, c) for c in range(tile.cols)] for r in range(tile.rows)]
        tile.preload = [
            [min(max(target() - product, low - min(product, 0)), high - max(product, 0))
             for product in row]
            for row in products
        ]  # fmt: skip
        return tile

    def fitting_shift(self, tiles, bits):
        """A shift that brings the sums to about `bits`."""
        largest = max(abs(t.sum(r, c)) for t in tiles for r in range(t.rows) for c in range(t.cols))
        return largest.bit_length() - bits + self.rng.randint(-1, 3)

    def finish(self, kind, rounding, tiles, bits=None, shift=None):
        bits = bits or self.rng.randint(2, 32)
        if shift is None:
            shift = self.fitting_shift(tiles, bits)
        return Case(kind, Mode(shift, bits, rounding), tiles)

    def tiles(self, most, **options):
        return [self.tile(**options) for _ in range(self.rng.randint(1, most))]

    # kinds

    def plain(self, kind, rounding):
        return self.finish(kind, rounding, self.tiles(3, preload=self.rng.random() < 0.5))

    def k_one(self, kind, rounding):
        return self.finish(kind, rounding, self.tiles(4, pieces=lambda longest: [1]))

    def ragged(self, kind, rounding):
        lanes = self.config.lanes

        def pieces(longest):
            whole = self.rng.randint(1, longest) // lanes * lanes
            return [max(1, whole - self.rng.randrange(lanes))]

        return self.finish(kind, rounding, self.tiles(3, pieces=pieces))

    def split(self, kind, rounding):
        def pieces(longest):
            most = self.rng.choice([longest, max(1, longest // 4)])
            return [longest] + [self.rng.randint(1, most) for _ in range(self.rng.randint(1, 3))]

        tiles = self.tiles(2, pieces=pieces) + [self.tile(pieces=pieces, preload=True)]
        return self.finish(kind, rounding, tiles)

    def few(self, kind, rounding):
        config, rng = self.config, self.rng
        shapes = [(1, 1), (1, config.cols), (config.rows, 1)]
        shapes.append((rng.randint(1, config.rows), rng.randint(1, config.cols)))
        rng.shuffle(shapes)
        return self.finish(kind, rounding, [self.tile(shape=shape) for shape in shapes])

    def shifts(self, kind, rounding):
        """Any shift, also beyond what the core takes: clamping must then change nothing."""
        wide = self.config.sum_bits
        shift = self.rng.choice(
            [-31, -40, wide + 24, wide + 40, wide, self.rng.randint(-30, -1), 0, 1, 23, 24, 25,
             self.rng.randint(1, wide + 24)]
        )  # fmt: skip
        return self.finish(kind, rounding, self.tiles(2, preload=self.rng.random() < 0.5),
                           shift=shift)  # fmt: skip

    def extremes(self, kind, rounding):
        """Every operand the same corner value, over the longest K: the accumulator's worst."""
        tiles = []
        for _ in range(2):
            bits = self.rng.choice([(self.config.max_bits,) * 2, (self.bits(), self.bits())])
            x, y = (self.rng.choice([*limits(b), -1, self.jagged(b)]) for b in bits)
            tiles.append(
                self.tile(
                    pieces=lambda longest: [longest], bits=bits,
                    a=lambda: x, b=lambda: y, work=WORK_EXTREMES,
                )
            )  # fmt: skip
        return self.finish(kind, rounding, tiles)

    def pairs_of_extremes(self, kind, rounding):
        """Corner values mixed, over the longest K."""
        bits = self.bits(), self.bits()
        tiles = self.tiles(
            2, pieces=lambda longest: [longest], bits=bits,
            a=lambda: self.corner(bits[0]), b=lambda: self.corner(bits[1]),
        )  # fmt: skip
        return self.finish(kind, rounding, tiles)

    def preloads(self, kind, rounding):
        """Sums across the whole width, up to its ends."""
        low, high = limits(self.config.sum_bits)

        def target():
            return self.rng.choice([low, high, self.rng.randint(low, high), self.corner(40)])

        tiles = [self.aim(tile, target) for tile in self.tiles(2)]
        return self.finish(kind, rounding, tiles)

    def widths_out(self, kind, rounding):
        return self.finish(kind, rounding, self.tiles(3), bits=self.rng.choice([2, 3, 4, 31, 32]))

    def burst(self, kind, rounding):
        """Tiles shorter than their drains."""
        narrow = self.config.chunk
        tiles = [
            self.tile(
                pieces=lambda longest: [min(longest, self.config.lanes)] * self.rng.randint(1, 2),
                bits=(narrow, self.rng.choice([narrow, self.bits()])),
                preload=self.rng.random() < 0.3,
            )
            for _ in range(self.rng.randint(4, 8))
        ]
        return self.finish(kind, rounding, tiles)

    def ties(self, kind, rounding):
        """Sums at and next to a half of the last place."""
        bits, shift = self.rng.randint(3, 20), self.rng.randint(1, self.config.sum_bits - 22)

        def target():
            return (self.value(bits) << shift) + (1 << (shift - 1)) + self.rng.randint(-1, 1)

        tiles = [self.aim(tile, target) for tile in self.tiles(2)]
        return self.finish(kind, rounding, tiles, bits, shift)

    def at_limit(self, kind, rounding):
        """Rounded values at the limits of the result and one or two either side."""
        bits, shift = self.rng.randint(2, 32), self.rng.randint(-4, self.config.sum_bits - 36)

        def target():
            value = self.rng.choice(limits(bits)) + self.rng.randint(-2, 2)
            if shift <= 0:
                return value >> -shift
            return (value << shift) + self.rng.randrange(1 << shift)

        tiles = [self.aim(tile, target) for tile in self.tiles(2)]
        return self.finish(kind, rounding, tiles, bits, shift)

    def beyond(self, kind, rounding):
        """Values around 2^32 and 2^33, where the rounded value's width ends."""
        shift = self.rng.randint(-31, self.config.sum_bits - 36)

        def target():
            edge = self.rng.choice([-1, 1]) << self.rng.choice([31, 32, 33, 34])
            value = edge + self.rng.randint(-2, 2)
            return value >> -shift if shift <= 0 else (value << shift) - self.rng.randint(0, 1)

        tiles = [self.aim(tile, target) for tile in self.tiles(2)]
        return self.finish(kind, rounding, tiles, self.rng.choice([2, 17, 32, 32]), shift)


# ---- vectors ------------------------------------------------------------------------------------


class Memory:
    """Lines of one $readmemh file."""

    def __init__(self, bits):
        self.bits, self.lines = bits, []

    def add(self, value):
        self.lines.append(f"{value & ((1 << self.bits) - 1):0{-(-self.bits // 4)}x}")

    def add_record(self, fields):
        for field in fields:
            self.add(field)

    def add_packed(self, values, bits):
        """Elements of `bits`, the first lowest."""
        self.add(pack(values, bits))

    def write(self, path):
        if not self.lines:
            self.add(0)
        path.write_text("\n".join(self.lines) + "\n")


def pack(values, bits):
    word = 0
    for place, value in enumerate(values):
        word |= (value & ((1 << bits) - 1)) << (place * bits)
    return word


CASE_FIELDS = 16
COMMAND_FIELDS = 10
BEAT_FIELDS = 4


class Vectors:
    """All files of one configuration, and the testbench parameters that size its memories."""

    def __init__(self, config, seed):
        self.config = config
        self.rng = random.Random(seed + 1)  # values of dead lanes, rows and columns: never matter
        operands = config.lanes * config.chunk
        self.memories = {
            "case": Memory(64),
            "cmd": Memory(64),
            "beat": Memory(64),
            "op_a": Memory(config.rows * operands),
            "op_b": Memory(config.cols * operands),
            "pre": Memory(config.cols * config.sum_bits),
            "seed": Memory(config.cols * 32),
            "res": Memory(config.cols * 32),
            "sum": Memory(config.cols * config.sum_bits),
        }
        self.cases = 0

    def add_case(self, case, expected):
        memory, sum_bits = self.memories, self.config.sum_bits
        stochastic = case.mode.rounding == "stochastic"
        for tile in case.tiles:
            self.add_commands(tile)
            if tile.preload:
                for row in tile.preload:
                    memory["pre"].add_packed(self.pad(row, sum_bits), sum_bits)
            if stochastic:
                memory["seed"].add_packed(tile.seeds, 32)
        for number, row, last, results, sums in expected.beats:
            memory["beat"].add_record([number, row, last, len(results)])
            memory["res"].add_packed(results, 32)
            memory["sum"].add_packed(sums, sum_bits)
        shift = min(max(case.mode.shift, -31), sum_bits + 24)
        memory["case"].add_record([
            len(memory["cmd"].lines) // COMMAND_FIELDS,
            len(memory["pre"].lines),
            len(memory["seed"].lines),
            len(memory["res"].lines),
            shift & 0xFF,
            case.mode.bits,
            ROUNDINGS[case.mode.rounding],
            expected.emitted,
            expected.low,
            expected.high,
            expected.magnitude,
            expected.error,
            expected.compute,
            expected.stall,
            expected.rows_last,
            1000 + 40 * (expected.compute + expected.stall + len(expected.beats)),
        ])  # fmt: skip
        self.cases += 1

    def add_commands(self, tile):
        config, memory = self.config, self.memories
        planes_a, planes_b = config.planes(tile.bits_a), config.planes(tile.bits_b)
        start = 0
        for number, piece in enumerate(tile.pieces):
            base = BASE_PRELOAD if tile.preload else BASE_ZERO
            memory["cmd"].add_record([
                planes_a,
                planes_b,
                config.words(piece),
                tile.rows,
                tile.cols,
                base if number == 0 else BASE_KEEP,
                number == len(tile.pieces) - 1,
                self.rng.getrandbits(1),
                len(memory["op_a"].lines),
                len(memory["op_b"].lines),
            ])  # fmt: skip
            rows = [row[start : start + piece] for row in tile.a]
            cols = [[tile.b[start + k][c] for k in range(piece)] for c in range(tile.cols)]
            self.add_bank(memory["op_a"], planes_a, piece, rows, config.rows)
            self.add_bank(memory["op_b"], planes_b, piece, cols, config.cols)
            start += piece

    def add_bank(self, memory, planes, length, vectors, places):
        """Plane by plane, word by word; every place's lanes hold consecutive k, zero beyond."""
        chunk, lanes = self.config.chunk, self.config.lanes
        for plane in range(planes):
            for word in range(self.config.words(length)):
                ks = range(word * lanes, (word + 1) * lanes)
                digits = [
                    (vector[k] >> (plane * chunk)) if k < length else 0
                    for vector in vectors
                    for k in ks
                ]
                dead = (places - len(vectors)) * lanes
                digits += [self.rng.getrandbits(chunk) for _ in range(dead)]
                memory.add_packed(digits, chunk)

    def pad(self, row, bits):
        return row + [self.rng.getrandbits(bits) for _ in range(self.config.cols - len(row))]

    def write(self, folder):
        for name, memory in self.memories.items():
            memory.write(folder / f"{name}.hex")

    def parameters(self):
        sizes = {f"N_{name.upper()}": len(m.lines) for name, m in self.memories.items()}
        return {**self.config.port_widths(), **sizes, "CASES": self.cases}
