"""The configuration of an array."""

import json
from collections.abc import Iterable
from dataclasses import dataclass
from os import PathLike
from pathlib import Path
from typing import Any

from flexmac import _flexmac


@dataclass(frozen=True)
class Cycles:
    """Clock cycles of a GEMM by activity; `busy` is all of them."""

    busy: int
    compute: int
    stall: int
    load: int
    blocked: int


@dataclass(frozen=True)
class Parameter:
    """What a parameter of an array takes and means."""

    name: str
    kind: str
    range: str
    default: str
    meaning: str


def parameters() -> list[Parameter]:
    """Every parameter of `Array`."""
    return [Parameter(**entry) for entry in json.loads(_flexmac.parameters())]


class Array:
    """A checked configuration. `parameters()` lists the keywords; those left out have their defaults.

    Raises ValueError with every broken rule at once.
    """

    def __init__(self, **given: int | str | Iterable[str]) -> None:
        self._array = _flexmac.Array([(name, _text(value)) for name, value in given.items()])

    @property
    def parameters(self) -> dict[str, Any]:
        """The value of every parameter, as in config.json."""
        values: dict[str, Any] = json.loads(self._array.parameters())
        return values

    def cycles(
        self, m: int, k: int, n: int, *, bits_a: int, bits_b: int, layout: str = "as-given"
    ) -> Cycles:
        """The cycles that a GEMM of (m, k) by (k, n) takes, exactly those that the RTL counts."""
        return Cycles(**json.loads(self._array.cycles((m, k, n), (bits_a, bits_b), layout)))

    def generate(self, out: str | PathLike[str]) -> list[Path]:
        """Writes the Verilog and what belongs to it into the folder `out`; returns the files."""
        return self._array.generate(out)

    def __repr__(self) -> str:
        return f"<flexmac.Array {self._array.summary()}>"


def _text(value: int | str | Iterable[str]) -> str:
    """A value as the parameter's flag takes it."""
    return str(value) if isinstance(value, (int, str)) else ",".join(value)
