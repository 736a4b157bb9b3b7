"""Linear and Conv2d on an engine."""

from collections.abc import Mapping
from typing import Any, cast

import torch
from torch import nn

from flexmac.torch.affine import Fixed, Float, Geometry, Place
from flexmac.torch.geometry import Patches, Rows
from flexmac.torch.policy import LayerInfo
from flexmac.torch.run import Run


class _Layer(nn.Module):
    """Weight and bias of a layer of torch, and its place in a run."""

    def __init__(self, layer: nn.Linear | nn.Conv2d, run: Run, info: LayerInfo, geometry: Geometry) -> None:
        super().__init__()
        self.weight, self.bias = layer.weight, layer.bias
        self.train(layer.training)
        self._place = Place(run, info, geometry)

    def _multiply(self, x: torch.Tensor) -> torch.Tensor:
        name = self._place.layer.name
        if x.device.type != "cpu" or self.weight.device.type != "cpu":
            raise ValueError(f"layer {name}: expected tensors on the CPU, found {x.device}; move the model there")
        if x.dtype not in (torch.float32, torch.float64) or x.dtype != self.weight.dtype:
            raise TypeError(
                f"layer {name}: expected an input of the weight's type, float32 or float64, found {x.dtype} and "
                f"{self.weight.dtype}; convert it, and leave autocast"
            )
        if x.numel() == 0:
            raise ValueError(f"layer {name}: expected an input with elements, found shape {tuple(x.shape)}")
        function = Float if self._place.run.is_float else Fixed
        # Inside a function gradients are always off. An evaluation leaves no records.
        training = torch.is_grad_enabled()
        return cast(torch.Tensor, function.apply(x, self.weight, self.bias, self._place, training))

    def get_extra_state(self) -> dict[str, Any]:
        """The run's state: every layer has it, so that any part of a model resumes."""
        return {"layer": self._place.layer.number, **self._place.run.state()}

    def set_extra_state(self, state: Mapping[str, Any]) -> None:
        """Restores the run's state."""
        info = self._place.layer
        if state["layer"] != info.number:
            raise ValueError(f"layer {info.name}: expected the state of layer {info.number}, found {state['layer']}")
        self._place.run.restore(state)


class Linear(_Layer):
    """`torch.nn.Linear` on an engine."""

    def __init__(self, layer: nn.Linear, run: Run, info: LayerInfo) -> None:
        super().__init__(layer, run, info, Rows())

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        if x.ndim == 0 or x.shape[-1] != self.weight.shape[1]:
            raise ValueError(
                f"layer {self._place.layer.name}: expected (..., {self.weight.shape[1]}), found {tuple(x.shape)}"
            )
        return self._multiply(x.reshape(-1, x.shape[-1])).reshape(*x.shape[:-1], -1)


class Conv2d(_Layer):
    """`torch.nn.Conv2d` on an engine: any filter, stride and zero padding; one group, no dilation."""

    def __init__(self, layer: nn.Conv2d, run: Run, info: LayerInfo) -> None:
        super().__init__(layer, run, info, _patches(layer, info.name))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        if x.ndim != 4 or x.shape[1] != self.weight.shape[1]:
            raise ValueError(
                f"layer {self._place.layer.name}: expected (batch, {self.weight.shape[1]}, rows, columns), found "
                f"{tuple(x.shape)}"
            )
        return self._multiply(x)


def _patches(layer: nn.Conv2d, name: str) -> Patches:
    """The geometry of a convolution; what is not supported is refused by name."""
    expected = {"dilation": (1, 1), "groups": 1, "padding_mode": "zeros"}
    for setting, value in expected.items():
        found = getattr(layer, setting)
        if found != value:
            raise NotImplementedError(
                f"layer {name}: {setting}: expected {value}, found {found}; leave the layer in float: skip={name!r}"
            )
    if isinstance(layer.padding, str):
        raise NotImplementedError(
            f"layer {name}: padding: expected numbers, found {layer.padding!r}; give the number of pixels"
        )
    kernel, stride, padding = (cast(tuple[int, int], pair) for pair in (layer.kernel_size, layer.stride, layer.padding))
    return Patches(kernel, stride, padding)
