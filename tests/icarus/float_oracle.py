"""A GEMM on a float array, from docs/arithmetic.md (section Floats), in plain integers.

Written from the document alone: it shares nothing with the Rust, the Verilog, or the host's floats.
Every finite number is an integer times a power of two, and so is a sum; cutting and rounding are shifts
of these integers. Numbers are their encodings everywhere: of an operand's format, or of binary32.
`scripts/soak` draws GEMMs here and compares every bit with RTL and reference."""

import struct

NAN, INFINITY, SIGN = 0x7FC00000, 0x7F800000, 0x80000000
# Bits of the exponent and of the fraction.
FIELDS = {"fp32": (8, 23), "bf16": (8, 7), "e4m3": (4, 3), "e5m2": (5, 2)}
FORMATS = {"fp32": ["fp32"], "bf16": ["bf16"], "fp8": ["e4m3", "e5m2"]}
# Bits of a significand in an array of each style, the hidden one included.
SIGNIFICAND = {"fp32": 24, "bf16": 8, "fp8": 4}
# By stages, with one lane and with several: results that a PE works on in turn, registers before its loop.
ONE_LANE = [(1, 0), (1, 1), (2, 1), (2, 2), (3, 2), (4, 2), (4, 3), (5, 3), (5, 4)]
LANES = [(1, 0), (1, 1), (1, 2), (2, 2), (2, 3), (3, 3), (3, 4), (4, 4), (4, 5), (5, 5), (5, 6)]


def pipeline(config):
    return (ONE_LANE if config.lanes == 1 else LANES)[config.stages - 1]


# ---- formats ------------------------------------------------------------------------------------


def split(name, encoding):
    """Sign (0 or 1), exponent field, fraction."""
    exponent_bits, fraction_bits = FIELDS[name]
    return (encoding >> (exponent_bits + fraction_bits), encoding >> fraction_bits & ((1 << exponent_bits) - 1),
            encoding & ((1 << fraction_bits) - 1))  # fmt: skip


def kind(name, encoding):
    """nan, infinity, or number."""
    exponent_bits, fraction_bits = FIELDS[name]
    _, exponent, fraction = split(name, encoding)
    if exponent != (1 << exponent_bits) - 1:
        return "number"
    if name == "e4m3":
        return "nan" if fraction == (1 << fraction_bits) - 1 else "number"
    return "nan" if fraction else "infinity"


def number(name, encoding):
    """(n, e) of a number: n times 2^e, n not normalized. The last place of a format's significand has the
    exponent e, so that products of one e have one weight in the array's window."""
    exponent_bits, fraction_bits = FIELDS[name]
    sign, exponent, fraction = split(name, encoding)
    bias = (1 << (exponent_bits - 1)) - 1
    size = fraction + (1 << fraction_bits if exponent else 0)
    at = max(exponent, 1) - bias - fraction_bits
    if name == "e5m2":  # three bits in a significand of four
        size, at = 2 * size, at - 1
    return (-size if sign else size), at


def binary32(name, encoding):
    """The encoding of the same number in binary32."""
    if kind(name, encoding) == "nan":
        return NAN
    sign = SIGN if split(name, encoding)[0] else 0
    if kind(name, encoding) == "infinity":
        return sign | INFINITY
    size, at = number(name, encoding)
    return sign | rounded(abs(size), at)


# ---- binary32 -----------------------------------------------------------------------------------


def rounded(total, at):
    """total times 2^at, to nearest, ties to even; zero is +0."""
    sign, size = (SIGN, -total) if total < 0 else (0, total)
    if size == 0:
        return 0
    # The exponent of the last place: 24 bits below the first one, and none below the smallest subnormal's.
    place = max(size.bit_length() + at - 24, -149)
    drop = place - at
    if drop <= 0:
        kept = size << -drop
    else:
        kept, rest, half = size >> drop, size & ((1 << drop) - 1), 1 << (drop - 1)
        kept += rest > half or (rest == half and kept & 1)
    # A carry into the next power of two walks into the exponent's field by itself.
    bits = min(kept + ((place + 149) << 23), INFINITY)
    return sign | bits if bits else 0


def add(accumulator, term):
    """One rounded addition of a binary32 number and a term: "nan", an encoding of infinity, or (n, e)."""
    old = kind("fp32", accumulator)
    if old == "nan" or term == "nan":
        return NAN
    if isinstance(term, int):  # infinity
        return NAN if old == "infinity" and accumulator != term else term
    if old == "infinity":
        return accumulator
    (n, e), (m, f) = number("fp32", accumulator), term
    at = min(e, f)
    return rounded((n << (e - at)) + (m << (f - at)), at)


# ---- a GEMM -------------------------------------------------------------------------------------


def word_sum(style, lanes, factors, names):
    """The sum of a word's products: "nan", an encoding of infinity, or (n, e)."""
    infinite, products = set(), []
    for pair in factors:
        kinds = [kind(name, x) for name, x in zip(names, pair)]
        sign = split(names[0], pair[0])[0] ^ split(names[1], pair[1])[0]
        if "nan" in kinds:
            return "nan"
        sizes = [None if k == "infinity" else number(name, x) for k, name, x in zip(kinds, names, pair)]
        if None in sizes:
            if any(size is not None and size[0] == 0 for size in sizes):
                return "nan"
            infinite.add(SIGN * sign | INFINITY)
        elif sizes[0][0] and sizes[1][0]:
            products.append((sizes[0][0] * sizes[1][0], sizes[0][1] + sizes[1][1]))
    if infinite:
        return infinite.pop() if len(infinite) == 1 else "nan"
    if not products:
        return 0, 0
    top = max(e for _, e in products)
    if lanes == 1:
        return products[0]
    guard = max(2 * SIGNIFICAND[style], 24) + 3 - 2 * SIGNIFICAND[style]
    total = 0
    for m, e in products:
        cut = abs(m) << guard >> (top - e)
        total += -cut if m < 0 else cut
    return total, top - guard


def pieces(config, k):
    """Lengths of the commands that K is cut into: the longest there is, the rest last."""
    longest = piece_limit(config)
    return [longest] * (k // longest) + ([k % longest] if k % longest else [])


def piece_limit(config):
    """A bank of B has a word for each result that a PE works on."""
    return min(config.max_k, config.depth // pipeline(config)[0] * config.lanes)


def dot(config, style, names, row, column, bias):
    """One result; `bias` may be None."""
    accumulator, begin = 0, 0
    for length in pieces(config, len(row)):
        for first in range(begin, begin + length, config.lanes):
            end = min(first + config.lanes, begin + length)
            factors = list(zip(row[first:end], column[first:end]))
            accumulator = add(accumulator, word_sum(style, config.lanes, factors, names))
        begin += length
    if bias is None:
        return accumulator
    what = kind("fp32", bias)
    return add(accumulator, "nan" if what == "nan" else bias if what == "infinity" else number("fp32", bias))


class Expected:
    """Results, counters and cycles of a GEMM."""

    def __init__(self, config, style, names, a, b, bias):
        rows, k, cols = len(a), len(b), len(b[0])
        columns = [list(column) for column in zip(*b)]
        self.values = [
            [dot(config, style, names, a[row], columns[col], bias and bias[row if len(bias) > 1 else 0][col])
             for col in range(cols)] for row in range(rows)
        ]  # fmt: skip
        emitted = [bits for line in self.values for bits in line]
        self.emitted, self.magnitude, self.error = len(emitted), 0, 0
        self.low = emitted.count(INFINITY | SIGN)
        self.high = emitted.count(INFINITY)
        # The result is the same in every layout; the cycles are those of the fastest, the first of equals.
        layouts = [(rows, cols, config.rows), (cols, rows, config.rows)]
        if config.layout == "fastest":
            layouts += [(m, n, -(-m // -(-m // config.rows))) for m, n, _ in layouts]
        else:
            layouts = layouts[:1]
        counts = [cycles(config, m, k, n, band) for m, n, band in layouts]
        self.busy, self.compute, self.stall = min(counts, key=lambda count: count[0])


def cycles(config, rows, k, cols, band):
    """(busy, compute, stall): a tile's words, each in as many slots as a PE has results; the slots in which its
    results wait for the beats of the tile before; and all."""
    results, in_front = pipeline(config)
    words = results * sum(-(-piece // config.lanes) for piece in pieces(config, k))
    compute = stall = slots = draining = 0
    for top in range(0, rows, band):
        for left in range(0, cols, results * config.cols):
            compute += words
            stall += max(0, draining - words)
            slots += max(words, draining)
            blocks = -(-min(results * config.cols, cols - left) // config.cols)
            draining = min(band, rows - top) * blocks
    return slots + draining + 9 + in_front + 1, compute, stall


# ---- drawing ------------------------------------------------------------------------------------


def draw(rng, name, what):
    """A number of a kind."""
    exponent_bits, fraction_bits = FIELDS[name]
    sign = rng.choice([0, 1 << (exponent_bits + fraction_bits)])
    top, bias = (1 << exponent_bits) - 1, (1 << (exponent_bits - 1)) - 1
    fraction = rng.getrandbits(fraction_bits)

    def of(exponent, fraction=fraction):
        return sign | min(max(exponent, 0), top) << fraction_bits | fraction

    if what == "bits":
        return rng.getrandbits(1 + exponent_bits + fraction_bits)
    if what == "near":  # sums that cancel and round
        return of(rng.randint(bias - 4, bias + 4))
    if what == "wide":  # products on either side of the window's end
        return of(rng.randint(bias - 14, bias + 14))
    if what == "ties":  # few bits set: halves are frequent
        ones = (1 << fraction_bits) - 1
        return of(rng.randint(bias - 12, bias + 12), rng.choice([0, 1, ones, (ones + 1) // 2]))
    if what == "small":  # products on either side of the smallest normal number
        return of(rng.randint(bias // 2 - 13, bias // 2 + 13))
    if what == "subnormal":
        return of(rng.randint(0, 1))
    if what == "large":  # products on either side of infinity
        return of(rng.randint(bias * 3 // 2 - 4, bias * 3 // 2 + 4))
    specials = [0, of(top, 0), of(top), of(top - 1), of(0, 1), of(1, 0), of(bias, 0)]
    return sign | rng.choice(specials)


KINDS = ["bits", "near", "near", "wide", "ties", "small", "subnormal", "large", "special"]


def matrix(rng, name, rows, cols):
    """One kind, or one with a few of another."""
    most, other = rng.choice(KINDS), rng.choice(KINDS)
    rate = rng.choice([0, 0, 0.02, 0.3])
    return [[draw(rng, name, other if rng.random() < rate else most) for _ in range(cols)]
            for _ in range(rows)]  # fmt: skip


# ---- a check of the model itself ----------------------------------------------------------------

if __name__ == "__main__":
    import random
    from fractions import Fraction

    def value(name, encoding):
        n, e = number(name, encoding)
        return n * Fraction(2) ** e

    def check(random_cases):
        """A word's sum is exact but for what is cut off, and each addition gives the nearest number: no
        neighbour is nearer, and of two as near the even one is taken."""
        rng = random.Random(1)
        for _ in range(random_cases):
            style = rng.choice(list(FORMATS))
            names = [rng.choice(FORMATS[style]) for _ in range(2)]
            lanes = rng.choice([1, 1, 2, 4])
            what = [rng.choice(KINDS) for _ in range(2)]
            factors = [tuple(draw(rng, name, rng.choice(what)) for name in names) for _ in range(lanes)]
            old = draw(rng, "fp32", rng.choice(KINDS))
            found = add(old, word_sum(style, lanes, factors, names))
            if any(kind(name, x) != "number" for pair in factors for name, x in zip(names, pair)):
                continue
            if kind("fp32", old) != "number" or kind("fp32", found) != "number":
                continue
            products = [value(names[0], x) * value(names[1], y) for x, y in factors]
            total, at = word_sum(style, lanes, factors, names)
            lost = abs(total * Fraction(2) ** at - sum(products))
            assert lost == 0 if lanes == 1 else lost < lanes * Fraction(2) ** at, factors
            exact = value("fp32", old) + total * Fraction(2) ** at
            distance = abs(value("fp32", found) - exact)
            for near in (found + 1, found - 1):
                if near < 0 or kind("fp32", near) != "number" or (near ^ found) & SIGN:
                    continue
                other = abs(value("fp32", near) - exact)
                assert distance < other or (distance == other and found & 1 == 0), (old, factors)
        return random_cases

    def host(encoding):
        return struct.unpack("<f", struct.pack("<I", encoding))[0]

    assert [host(binary32("e4m3", x)) for x in (0x38, 0x7E, 0x01, 0x88)] == [1.0, 448.0, 2.0**-9, -(2.0**-6)]
    assert [host(binary32("e5m2", x)) for x in (0x3C, 0x7B, 0x01, 0xFC)] == [1.0, 57344.0, 2.0**-16, -float("inf")]
    assert host(binary32("bf16", 0x4049)) == 3.140625
    print(f"{check(60_000)} words: sums exact up to the window, each addition the nearest")
