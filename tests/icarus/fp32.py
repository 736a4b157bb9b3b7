"""A product on an array of style fp32, from docs/arithmetic.md, in plain integers.

Written from the document alone: it shares nothing with the Rust, the Verilog, or the host's floats.
A finite binary32 number is an integer times 2^-149, a product of two an integer times 2^-298, and so
is a sum; rounding is a shift of that integer. Numbers are their 32 bits everywhere.
`scripts/soak` draws products here and compares every bit with RTL and reference."""

import struct

NAN, INFINITY, SIGN = 0x7FC00000, 0x7F800000, 0x80000000
MINUS_ZERO = SIGN
# By stages: partial sums per lane, and registers in front of the loop that adds them up.
LEVELS = {1: 1, 2: 1, 3: 2, 4: 2, 5: 3, 6: 4, 7: 4, 8: 5}
IN_FRONT = {1: 0, 2: 1, 3: 1, 4: 2, 5: 2, 6: 2, 7: 3, 8: 3}


# ---- binary32 -----------------------------------------------------------------------------------


def is_nan(bits):
    return bits & ~SIGN > INFINITY


def is_infinite(bits):
    return bits & ~SIGN == INFINITY


def scaled(bits):
    """The value of finite bits times 2^149."""
    exponent, fraction = bits >> 23 & 0xFF, bits & 0x7FFFFF
    size = fraction if exponent == 0 else (fraction | 0x800000) << (exponent - 1)
    return -size if bits & SIGN else size


def rounded(total, zero):
    """Bits of total * 2^-298 to nearest, ties to even; `zero` where it is exactly that."""
    if total == 0:
        return zero
    sign, size = (SIGN, -total) if total < 0 else (0, total)
    # Of the last place: 24 bits above it, and none below the smallest subnormal's.
    place = max(size.bit_length() - 24, 149)
    kept, rest, half = size >> place, size & ((1 << place) - 1), 1 << (place - 1)
    kept += rest > half or (rest == half and kept & 1)
    # A carry into the next power of two walks into the exponent's field by itself.
    bits = kept + ((place - 149) << 23)
    return sign | min(bits, INFINITY)


def fma(a, b, c):
    """a * b + c, rounded once."""
    sign = (a ^ b) & SIGN
    if is_nan(a) or is_nan(b) or is_nan(c):
        return NAN
    if is_infinite(a) or is_infinite(b):
        if a & ~SIGN == 0 or b & ~SIGN == 0:
            return NAN
        return NAN if is_infinite(c) and c != INFINITY | sign else INFINITY | sign
    if is_infinite(c):
        return c
    product = scaled(a) * scaled(b)
    # Zero and zero of one sign keep it; everything else that comes to nothing is +0.
    both = product == 0 and scaled(c) == 0 and c & SIGN == sign
    return rounded(product + (scaled(c) << 149), sign if both else 0)


def add(a, b):
    return fma(0x3F800000, a, b)


# ---- a product ----------------------------------------------------------------------------------


def neighbours(values):
    """0 and 1, 2 and 3, ... until one is left; an odd one out waits."""
    while len(values) > 1:
        pairs = [add(*values[at : at + 2]) for at in range(0, len(values) - 1, 2)]
        values = pairs + values[len(pairs) * 2 :]
    return values[0]


def pieces(config, k):
    """Lengths of the commands that K is cut into: the longest there is, the rest last."""
    longest = config.piece_limit(1, 1)
    return [longest] * (k // longest) + ([k % longest] if k % longest else [])


def dot(config, row, column, bias):
    """One result; `bias` may be None."""
    partials, begin = [], 0  # partials[w][v], the partial sum of word w and lane v
    for length in pieces(config, len(row)):
        for first in range(begin, begin + length, config.lanes):
            end = min(first + config.lanes, begin + length)
            before = len(partials) - LEVELS[config.stages]
            sums = list(partials[before]) if before >= 0 else [MINUS_ZERO] * config.lanes
            # A lane beyond the end adds -0 x 0, which is nothing.
            for lane, k in enumerate(range(first, end)):
                sums[lane] = fma(row[k], column[k], sums[lane])
            partials.append(sums)
        begin += length
    levels = LEVELS[config.stages]
    last = [[MINUS_ZERO] * config.lanes] * levels + partials
    total = neighbours([neighbours(lanes) for lanes in last[-levels:]])
    return total if bias is None else add(total, bias)


class Expected:
    """Results, counters and cycles of a product."""

    def __init__(self, config, a, b, bias):
        rows, k, cols = len(a), len(b), len(b[0])
        columns = [list(column) for column in zip(*b)]
        self.values = [
            [dot(config, a[row], columns[col], bias and bias[row if len(bias) > 1 else 0][col])
             for col in range(cols)] for row in range(rows)
        ]  # fmt: skip
        emitted = [bits for line in self.values for bits in line]
        self.emitted, self.magnitude, self.error = len(emitted), 0, 0
        self.low = emitted.count(INFINITY | SIGN)
        self.high = emitted.count(INFINITY)
        self.count_cycles(config, rows, k, cols)

    def count_cycles(self, config, rows, k, cols):
        """A tile's words, the slots that its capture waits for rows of the one before, and all."""
        levels = LEVELS[config.stages]
        adding = levels * ((config.lanes - 1).bit_length() + (levels - 1).bit_length()) + levels - 1
        words = sum(config.words(piece) for piece in pieces(config, k))
        self.compute = self.stall = slots = draining = 0
        for top in range(0, rows, config.rows):
            for _ in range(0, cols, config.cols):
                self.compute += words
                self.stall += max(0, draining - words - adding)
                slots += max(words + adding, draining)
                draining = min(config.rows, rows - top)
        self.busy = slots + draining + 9 + IN_FRONT[config.stages] + 1


# ---- drawing ------------------------------------------------------------------------------------


def draw(rng, kind):
    """A number of a kind."""
    sign = rng.choice([0, SIGN])
    if kind == "bits":
        return rng.getrandbits(32)
    if kind == "near":  # sums that cancel and round
        return sign | rng.randint(123, 131) << 23 | rng.getrandbits(23)
    if kind == "ties":  # few bits set: halves are frequent
        return sign | rng.randint(115, 139) << 23 | rng.choice([0, 1, 1 << 22, 3 << 21, 0x7FFFFF])
    if kind == "small":  # products on either side of the smallest normal number
        return sign | rng.randint(50, 76) << 23 | rng.getrandbits(23)
    if kind == "subnormal":
        return sign | rng.choice([rng.getrandbits(23), 1, 0x7FFFFF, 0x800000])
    if kind == "large":  # products on either side of infinity
        return sign | rng.randint(186, 194) << 23 | rng.getrandbits(23)
    if kind == "integer":
        return bits_of(rng.randint(-9, 9))
    specials = [0, INFINITY, NAN, 1, 0x7FFFFF, 0x800000, 0x7F7FFFFF, 0x3F800000, 0x7F800001]
    return sign | rng.choice(specials)


KINDS = ["bits", "near", "near", "ties", "small", "subnormal", "large", "integer", "special"]


def matrix(rng, rows, cols):
    """One kind, or one with a few of another."""
    kind, other = rng.choice(KINDS), rng.choice(KINDS)
    rate = rng.choice([0, 0, 0.02, 0.3])
    return [[draw(rng, other if rng.random() < rate else kind) for _ in range(cols)]
            for _ in range(rows)]  # fmt: skip


def bits_of(number):
    return struct.unpack("<I", struct.pack("<f", number))[0]


# ---- a check of the model itself ----------------------------------------------------------------

if __name__ == "__main__":
    import random
    from fractions import Fraction

    def value(bits):
        return Fraction(scaled(bits), 1 << 149)

    def check(random_cases):
        """Results are nearest: no neighbour is nearer, and of two as near the even one is taken."""
        rng = random.Random(1)
        for _ in range(random_cases):
            kind = rng.choice(KINDS)
            a, b, c = (draw(rng, rng.choice([kind, rng.choice(KINDS)])) for _ in range(3))
            found = fma(a, b, c)
            if any(bits & ~SIGN >= INFINITY for bits in (a, b, c, found)):
                continue
            exact = value(a) * value(b) + value(c)
            distance = abs(value(found) - exact)
            for near in (found + 1, found - 1):
                if is_infinite(near) or (near ^ found) & SIGN or near < 0:
                    continue
                other = abs(value(near) - exact)
                assert distance < other or (distance == other and found & 1 == 0), (a, b, c)
        return random_cases

    print(f"{check(100_000)} multiply-adds: each the nearest")
