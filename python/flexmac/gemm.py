"""GEMMs on an engine."""

import json
import os
from dataclasses import dataclass
from typing import Any, NamedTuple, Protocol, runtime_checkable

import numpy as np
from numpy.typing import NDArray

from flexmac import _flexmac
from flexmac.array import Array, Cycles


@runtime_checkable
class DLPack(Protocol):
    """An array of another library that shares its memory, such as a torch tensor."""

    def __dlpack__(self, *, stream: Any = ...) -> Any: ...

    def __dlpack_device__(self) -> Any: ...


Matrix = NDArray[Any] | DLPack


class Seed(NamedTuple):
    """Where the random bits of stochastic rounding come from."""

    run: int = 0
    iteration: int = 0
    layer: int = 0
    role: str = "forward"


@dataclass(frozen=True)
class Counters:
    """What the array's requantizers counted."""

    emitted: int
    overflow_low: int
    overflow_high: int
    magnitude_or: int
    error_sum: int


@dataclass(frozen=True)
class Stats:
    """The cost of a GEMM, and what its counters counted."""

    counters: Counters
    cycles: Cycles
    tiles: int
    tiles_checked: int
    macs: int
    mac_passes: int

    @classmethod
    def parse(cls, text: str) -> "Stats":
        """From the JSON of histories."""
        fields = json.loads(text)
        counters, cycles = Counters(**fields.pop("counters")), Cycles(**fields.pop("cycles"))
        return cls(counters, cycles, **fields)


@dataclass(frozen=True)
class GemmResult:
    """Values (int32, or float32 of engine float), the exact sums if asked for, and statistics."""

    values: NDArray[Any]
    sums: NDArray[np.int64] | None
    stats: Stats


@dataclass(frozen=True)
class Numbers:
    """Formats (bits, fraction bits) of a GEMM's operands and result, and how it rounds."""

    a: tuple[int, int]
    b: tuple[int, int]
    out: tuple[int, int]
    bias: tuple[int, int] = (32, 0)
    rounding: str = "nearest"
    seed: Seed = Seed()
    raw: bool = False


class Engine:
    """What multiplies: `float`, `reference`, `rtl`, or `checked` (both compared; MismatchError if they differ).

    `check_rate` is the share of tiles that `checked` also runs on the RTL; `threads` is the number of models
    that share a GEMM on the RTL [one a core]. Building a model takes seconds, once for an array.
    """

    def __init__(
        self,
        kind: str = "reference",
        array: Array | None = None,
        *,
        layout: str = "as-given",
        check_rate: float = 1.0,
        threads: int | None = None,
    ) -> None:
        self.kind = kind
        self.array = Array() if array is None else array
        count = len(os.sched_getaffinity(0)) if threads is None else threads
        self._engine = _flexmac.Engine(kind, self.array._array, layout, check_rate, count)

    def multiply(self, a: Matrix, b: Matrix, numbers: Numbers, bias: Matrix | None = None) -> GemmResult:
        """round(A B + bias) in these formats."""
        added = None if bias is None else _matrix(bias)
        values, sums, stats = self._engine.gemm(_matrix(a), _matrix(b), added, numbers)
        return GemmResult(values, sums, Stats.parse(stats))

    def multiply_floats(self, a: Matrix, b: Matrix) -> GemmResult:
        """A B in float32, of engine float."""
        values, _, stats = self._engine.gemm_float(_matrix(a), _matrix(b))
        return GemmResult(values, None, Stats.parse(stats))

    def __repr__(self) -> str:
        return f"<flexmac.Engine {self.kind} {self.array!r}>"


def gemm(
    a: Matrix,
    b: Matrix,
    *,
    engine: Engine | str = "reference",
    array: Array | None = None,
    bits_a: int | None = None,
    bits_b: int | None = None,
    bias: Matrix | None = None,
    bias_shift: int = 0,
    shift: int = 0,
    bits_out: int = 32,
    round: str = "nearest",
    seed: Seed | int = 0,
    raw: bool = False,
) -> GemmResult:
    """C = round((A B + bias * 2^bias_shift) * 2^-shift), saturated to `bits_out` bits.

    A (M, K) and B (K, N) are int8, int16 or int32, or float32 on engine float, with any strides; int32 is read
    where it lies. `bits_a` and `bits_b` are the operands' widths [those of their types]. Nobody may write to the
    operands meanwhile. The names are those of the command `flexmac gemm`.
    """
    if isinstance(engine, str):
        engine = Engine(engine, array)
    elif array is not None:
        raise ValueError("gemm: expected an array or an engine, which has one, found both; leave array out")
    a, b = _matrix(a), _matrix(b)
    if engine.kind == "float":
        return engine.multiply_floats(a, b)
    numbers = Numbers(
        a=(_width(a) if bits_a is None else bits_a, 0),
        b=(_width(b) if bits_b is None else bits_b, 0),
        out=(bits_out, -shift),
        bias=(32, -bias_shift),
        rounding=round,
        seed=seed if isinstance(seed, Seed) else Seed(run=seed),
        raw=raw,
    )
    if bias is not None:
        bias = _matrix(bias)
        bias = bias[np.newaxis, :] if bias.ndim == 1 else bias
    return engine.multiply(a, b, numbers, bias)


def _matrix(array: Matrix) -> NDArray[Any]:
    """The array of NumPy over the same memory."""
    if isinstance(array, DLPack) and not isinstance(array, np.ndarray):
        array = np.from_dlpack(array)
    if not isinstance(array, np.ndarray):
        found = type(array).__name__
        raise TypeError(f"gemm: expected an array of NumPy, or one with __dlpack__, found {found}")
    # A copy only of elements that do not lie at multiples of their size, which no engine reads.
    return array if array.flags.aligned else array.copy()


def _width(array: NDArray[Any]) -> int:
    return min(8 * array.dtype.itemsize, 32)
