"""Policies: what chooses the formats of each iteration."""

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from flexmac.gemm import Counters
from flexmac.torch.formats import Format, LayerFormats


@dataclass(frozen=True)
class LayerInfo:
    """A converted layer: its name in the model, and its number, from 0."""

    name: str
    number: int


@dataclass(frozen=True)
class Observation:
    """What a policy learns from an iteration.

    `counters` has those of a layer's roundings by (layer's name, tensor): `input`, `weight`, `bias`,
    `output`, `output_gradient` and `input_gradient`.
    """

    iteration: int
    loss: float
    counters: Mapping[tuple[str, str], Counters]


class Policy(ABC):
    """The base of every policy. A policy with a state overrides `step`, `state` and `restore` too."""

    @abstractmethod
    def formats(self, layer: LayerInfo) -> LayerFormats:
        """The formats of a layer in the next iteration."""

    def step(self, observation: Observation) -> None:  # noqa: B027 (a policy without a state does nothing)
        """Takes what the last iteration showed."""

    def state(self) -> dict[str, Any]:
        """What `restore` needs, of plain values."""
        return {}

    def restore(self, state: Mapping[str, Any]) -> None:
        """Takes the state that `state` returned."""
        if state:
            raise ValueError(f"policy {type(self).__name__}: expected no state, found {dict(state)!r}")


class Static(Policy):
    """Fixed formats of `bits` bits; integer lengths as in `flexmac train --policy static`."""

    def __init__(
        self,
        bits: int = 8,
        *,
        il_input: int = 0,
        il_parameters: int = 0,
        il_activations: int = 4,
        il_gradients: int = -6,
    ) -> None:
        self._input = Format.of(bits, il_input)
        self._weight = Format.of(bits, il_parameters)
        self._activation = Format.of(bits, il_activations)
        self._gradient = Format.of(bits, il_gradients)

    def formats(self, layer: LayerInfo) -> LayerFormats:
        return LayerFormats(
            input=self._input if layer.number == 0 else self._activation,
            weight=self._weight,
            output=self._activation,
            output_gradient=self._gradient,
            input_gradient=self._gradient,
            bias=self._weight,
        )
