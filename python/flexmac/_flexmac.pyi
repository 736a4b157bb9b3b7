from os import PathLike
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

__version__: str

class MismatchError(Exception): ...

class Array:
    def __new__(cls, given: list[tuple[str, str]]) -> Array: ...
    def parameters(self) -> str: ...
    def summary(self) -> str: ...
    def cycles(self, shape: tuple[int, int, int], bits: tuple[int, int], layout: str) -> str: ...
    def generate(self, out: str | PathLike[str]) -> list[Path]: ...

class Numbers:
    """What `Engine.gemm` reads the formats, the rounding mode and the seed from: any object with these."""

    a: tuple[int, int]
    b: tuple[int, int]
    bias: tuple[int, int]
    out: tuple[int, int]
    rounding: str
    seed: tuple[int, int, int, str]
    raw: bool

class Engine:
    def __new__(cls, kind: str, array: Array, layout: str, check_rate: float, threads: int) -> Engine: ...
    def gemm(
        self, a: Any, b: Any, bias: Any | None, numbers: Any
    ) -> tuple[NDArray[np.int32], NDArray[np.int64] | None, str]: ...
    def gemm_float(self, a: Any, b: Any) -> tuple[NDArray[np.float32], None, str]: ...

def parameters() -> str: ...
def quantize(
    values: NDArray[np.float64], to: tuple[int, int], rounding: str, streams: tuple[int, int, int, int, str]
) -> tuple[NDArray[np.int32], str]: ...
def round_sums(
    sums: NDArray[np.int64],
    frac: int,
    to: tuple[int, int],
    rounding: str,
    streams: tuple[int, int, int, int, str],
) -> tuple[NDArray[np.int32], str]: ...
def read_run(folder: str | PathLike[str]) -> str: ...
