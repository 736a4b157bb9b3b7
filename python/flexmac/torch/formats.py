"""Fixed-point formats of a layer's operands."""

from dataclasses import dataclass
from typing import NamedTuple


class Format(NamedTuple):
    """`bits` in total, sign included, `frac` of them behind the binary point: value = raw * 2^-frac."""

    bits: int
    frac: int

    @classmethod
    def of(cls, bits: int, integer_length: int) -> "Format":
        """`integer_length` bits before the binary point, the sign not counted."""
        return cls(bits, bits - 1 - integer_length)

    @property
    def integer_length(self) -> int:
        """Bits before the binary point, the sign not counted."""
        return self.bits - 1 - self.frac


@dataclass(frozen=True)
class LayerFormats:
    """The formats of a layer in one iteration. Without one, a bias is rounded to the grid of the sums alone."""

    input: Format
    weight: Format
    output: Format
    output_gradient: Format
    input_gradient: Format
    bias: Format | None = None


HEADROOM = 8
"""Integer bits of a weight gradient beyond the weight's own, as in `flexmac train`."""

GUARD_BITS = 8
"""Fraction bits of patch gradients beyond those of the input's gradient, at most."""


def weight_gradient(weight: Format) -> Format:
    """The format in which the gradient of a weight leaves the array."""
    return Format.of(32, weight.integer_length + HEADROOM)


def patch_gradient(gradient: Format) -> Format:
    """The format in which gradients of patches leave the array, before the host sums them."""
    return Format(32, gradient.frac + min(GUARD_BITS, 32 - gradient.bits))
