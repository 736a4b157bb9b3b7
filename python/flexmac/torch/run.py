"""The state of a training run: engine, policy, seed and iteration."""

import json
import operator
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from flexmac import _flexmac
from flexmac.gemm import Counters, Engine, Numbers, Seed, Stats
from flexmac.torch.formats import Format, LayerFormats
from flexmac.torch.policy import LayerInfo, Observation, Policy

Raw = NDArray[np.int32]

MODES = "nearest", "truncate", "stochastic"


@dataclass(frozen=True)
class GemmRecord:
    """Cost and counters of one GEMM of this iteration; `role` is forward, input_gradient or weight_gradient."""

    layer: str
    role: str
    stats: Stats


class Run:
    """What the converted layers of a model share. Call `step` after each iteration.

    Random streams follow from (seed, iteration, layer, role), so an iteration can be replayed alone. A layer that
    runs twice in an iteration rounds with the same streams twice.
    """

    def __init__(self, policy: Policy, engine: Engine, *, seed: int = 0, rounding: str = "nearest") -> None:
        if rounding not in MODES:
            raise ValueError(f"rounding: expected {', '.join(MODES)}, found {rounding!r}")
        self.policy, self.engine = policy, engine
        self.seed, self.iteration, self.rounding = operator.index(seed), 0, rounding
        self.records: list[GemmRecord] = []
        self._counters: dict[tuple[str, str], Counters] = {}

    @property
    def is_float(self) -> bool:
        """Whether nothing is rounded."""
        return self.engine.kind == "float"

    def step(self, loss: float) -> None:
        """Ends an iteration: the policy sees its loss and counters and chooses the next formats."""
        self.policy.step(Observation(self.iteration, float(loss), dict(self._counters)))
        self.iteration += 1
        self.records.clear()
        self._counters.clear()

    def state(self) -> dict[str, Any]:
        """What the next iterations depend on, of plain values."""
        return {
            "seed": self.seed,
            "iteration": self.iteration,
            "rounding": self.rounding,
            "policy": type(self.policy).__name__,
            "policy_state": self.policy.state(),
        }

    def restore(self, state: Mapping[str, Any]) -> None:
        """Takes the state that `state` returned."""
        name = type(self.policy).__name__
        if state["policy"] != name:
            raise ValueError(f"load_state_dict: expected the state of policy {name}, found {state['policy']}")
        self.policy.restore(state["policy_state"])
        self.seed, self.iteration, self.rounding = state["seed"], state["iteration"], state["rounding"]
        self.records.clear()
        self._counters.clear()

    def formats(self, layer: LayerInfo) -> LayerFormats:
        """The formats of a layer in this iteration."""
        return self.policy.formats(layer)

    def quantize(
        self, layer: LayerInfo, name: str, values: NDArray[Any], to: Format, *, training: bool
    ) -> Raw:
        """Rounds a tensor of a layer: `input`, `weight`, `bias` or `output_gradient`."""
        flat = np.ascontiguousarray(values, np.float64).reshape(-1)
        try:
            raw, counters = _flexmac.quantize(flat, to, self.rounding, self._streams(layer, name))
        except ValueError as error:
            raise ValueError(f"layer {layer.name}: {name}: {error}") from None
        if training:
            self._count(layer, name, Counters(**json.loads(counters)))
        return raw.reshape(values.shape)

    def round_sums(self, layer: LayerInfo, sums: NDArray[np.int64], frac: int, to: Format) -> Raw:
        """Rounds the gradient of a layer's input, summed by the host."""
        flat = np.ascontiguousarray(sums).reshape(-1)
        streams = self._streams(layer, "input_gradient")
        raw, counters = _flexmac.round_sums(flat, frac, to, self.rounding, streams)
        self._count(layer, "input_gradient", Counters(**json.loads(counters)))
        return raw.reshape(sums.shape)

    def gemm(
        self,
        layer: LayerInfo,
        role: str,
        a: tuple[Raw, Format],
        b: tuple[Raw, Format],
        out: Format,
        *,
        bias: tuple[Raw, Format] | None = None,
        counted_as: str | None = None,
        training: bool = True,
    ) -> Raw:
        """A GEMM of a layer; its counters are those of the tensor `counted_as`."""
        numbers = Numbers(
            a=a[1],
            b=b[1],
            out=out,
            bias=(32, 0) if bias is None else bias[1],
            rounding=self.rounding,
            seed=Seed(self.seed, self.iteration, layer.number, role),
        )
        try:
            result = self.engine.multiply(a[0], b[0], numbers, None if bias is None else bias[0])
        except (ValueError, RuntimeError, _flexmac.MismatchError) as error:
            raise type(error)(f"layer {layer.name}: {role}: {error}") from None
        if training:
            self.records.append(GemmRecord(layer.name, role, result.stats))
            if counted_as is not None:
                self._count(layer, counted_as, result.stats.counters)
        return result.values

    def gemm_float(
        self, layer: LayerInfo, role: str, a: NDArray[Any], b: NDArray[Any], *, training: bool = True
    ) -> NDArray[Any]:
        """A GEMM of a layer in float32."""
        result = self.engine.multiply_floats(a, b)
        if training:
            self.records.append(GemmRecord(layer.name, role, result.stats))
        return result.values

    def _streams(self, layer: LayerInfo, name: str) -> tuple[int, int, int, int, str]:
        # The numbering of `flexmac train` on a network that is a chain.
        offset, part = {
            "input": (0, "value"),
            "weight": (1, "copy"),
            "bias": (2, "copy"),
            "output_gradient": (3, "value"),
            "input_gradient": (0, "gradient"),
        }[name]
        return self.seed, self.iteration, layer.number, 3 * layer.number + offset, part

    def _count(self, layer: LayerInfo, name: str, counters: Counters) -> None:
        before = self._counters.get((layer.name, name))
        self._counters[layer.name, name] = counters if before is None else _merged(before, counters)


def _merged(one: Counters, other: Counters) -> Counters:
    return Counters(
        one.emitted + other.emitted,
        one.overflow_low + other.overflow_low,
        one.overflow_high + other.overflow_high,
        one.magnitude_or | other.magnitude_or,
        one.error_sum + other.error_sum,
    )
