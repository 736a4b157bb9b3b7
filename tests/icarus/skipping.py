"""Passes and cycles of a GEMM with skipped planes, from docs/arithmetic.md and docs/hardware.md alone."""

from itertools import pairwise


class Skipping:
    """The plan of a GEMM whose lines lie on the rows of the array, in bands of `height`, and whose places lie
    on its columns. `bits` are the widths of both operands, `lines` and `places` their elements over K."""

    def __init__(self, config, bits, lines, places, height):
        self.config, self.k = config, len(lines[0])
        self.limit = config.piece_limit(*(config.planes(width) for width in bits))
        self.bands = [lines[top : top + height] for top in range(0, len(lines), height)]
        self.columns = [places[left : left + config.cols] for left in range(0, len(places), config.cols)]
        drained = min(height, len(lines)) * config.lanes
        options = [self.cost(length) for length in self.lengths(drained)]
        # The longest pieces among equals come first.
        self.busy, self.compute, self.stall, self.mac_passes = min(options, key=lambda cost: cost[0])

    def lengths(self, drained):
        """Candidates for the length of a piece, the longest first."""
        config, found = self.config, {self.limit}
        half = max(1, -(-(drained // 2) // config.lanes)) * config.lanes
        if min(half, self.limit) < self.k:
            found.add(min(half, self.limit))
        length = drained
        while length < min(self.limit, self.k):
            found.add(length)
            length *= 2
        return sorted(found, reverse=True)

    def pieces(self, length):
        whole = max(1, self.k // length)
        ends = [number * length for number in range(whole)]
        if self.k - ends[-1] > self.limit:
            ends.append(whole * length)
        return list(pairwise([*ends, self.k]))

    def planes(self, panel, piece):
        """Planes that the elements of a panel need, 0 for zeros."""
        width = 0
        for line in panel:
            for value in line[piece[0] : piece[1]]:
                if value:
                    # One bit more than the magnitude of y or -y - 1 has.
                    width = max(width, (value if value > 0 else -value - 1).bit_length() + 1)
        return self.config.planes(width)

    def cost(self, length):
        """Busy cycles, words, stalls, and passes of all multiply-accumulates."""
        config, pieces = self.config, self.pieces(length)
        needs = [[[self.planes(panel, piece) for piece in pieces] for panel in panels]
                 for panels in (self.bands, self.columns)]  # fmt: skip
        compute = slots = passes = draining = 0
        for band, on_rows in zip(self.bands, needs[0]):
            for column, on_columns in zip(self.columns, needs[1]):
                commands = [(end - start, a, b)
                            for (start, end), a, b in zip(pieces, on_rows, on_columns) if a and b]  # fmt: skip
                for k, a, b in commands or [(min(config.lanes, pieces[0][1]), 1, 1)]:
                    words = config.words(k)
                    passes += len(band) * len(column) * k * a * b
                    for s in range(a + b - 1):
                        pairs = sum(0 <= s - i < b for i in range(a))
                        compute += words * pairs
                        slots += max(words * pairs, draining)
                        draining = len(band)
        return slots + draining + 8 + config.latency(), compute, slots - compute, passes
