"""The three GEMMs of a layer, in fixed point and in float32, as functions that autograd knows.

A row of A is an image or a patch, W is the weight (N, K), Y the output: Y = A W^T, dA = dY W, dW = dY^T A, as in
`flexmac train` (crates/nn/src/layer/affine.rs).
"""

import math
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch.autograd.function import once_differentiable

from flexmac import _flexmac
from flexmac.torch.formats import Format, LayerFormats, patch_gradient, weight_gradient
from flexmac.torch.geometry import Patches, Rows
from flexmac.torch.policy import LayerInfo
from flexmac.torch.run import Raw, Run

Geometry = Rows | Patches
Gradients = tuple[torch.Tensor | None, torch.Tensor | None, torch.Tensor | None, None, None]


class Place:
    """Where a layer stands: in which run, under which name and number, and how its input lies."""

    def __init__(self, run: Run, layer: LayerInfo, geometry: Geometry) -> None:
        self.run, self.layer, self.geometry = run, layer, geometry


class Fixed(torch.autograd.Function):
    """In the formats of the run's policy."""

    @staticmethod
    def forward(
        ctx: Any, x: torch.Tensor, weight: torch.Tensor, bias: torch.Tensor | None, place: Place, training: bool
    ) -> torch.Tensor:
        run, layer, geometry = place.run, place.layer, place.geometry
        formats = run.formats(layer)
        raw = run.quantize(layer, "input", _array(x), formats.input, training=training)
        matrix = geometry.weight(_array(weight))
        weights = run.quantize(layer, "weight", matrix, formats.weight, training=training)
        added = None if bias is None else _bias(place, _array(bias), formats, training)
        values = run.gemm(
            layer,
            "forward",
            (geometry.unfold(raw), formats.input),
            (weights.T, formats.weight),
            formats.output,
            bias=added,
            counted_as="output",
            training=training,
        )
        # Formats, seed and iteration are those of the forward pass, whatever the run does before the backward.
        ctx.place, ctx.formats, ctx.iteration = place, formats, run.iteration
        ctx.raw, ctx.weights, ctx.shapes, ctx.dtype = raw, weights, (x.shape, weight.shape), x.dtype
        return _tensor(geometry.output(values, tuple(x.shape)), formats.output, x.dtype)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, gradient: torch.Tensor) -> Gradients:
        run, layer, geometry = ctx.place.run, ctx.place.layer, ctx.place.geometry
        if run.iteration != ctx.iteration:
            raise RuntimeError(
                f"layer {layer.name}: expected backward before the run's step, found iteration {run.iteration} "
                f"after a forward in {ctx.iteration}; call step after backward"
            )
        formats, needed = ctx.formats, ctx.needs_input_grad
        matrix = geometry.output_back(_array(gradient))
        dy = run.quantize(layer, "output_gradient", matrix, formats.output_gradient, training=True)
        dx = dw = db = None
        if needed[2]:
            sums = dy.sum(axis=0, dtype=np.int64)
            db = _tensor(sums, formats.output_gradient, ctx.dtype)
        if needed[1]:
            out = weight_gradient(formats.weight)
            a = geometry.unfold(ctx.raw), formats.input
            values = run.gemm(layer, "weight_gradient", (dy.T, formats.output_gradient), a, out)
            dw = _tensor(geometry.weight_back(values, tuple(ctx.shapes[1])), out, ctx.dtype)
        if needed[0]:
            dx = _tensor(_input_gradient(ctx, dy), formats.input_gradient, ctx.dtype)
        return dx, dw, db, None, None


def _input_gradient(ctx: Any, dy: Raw) -> Raw:
    run, layer, geometry, formats = ctx.place.run, ctx.place.layer, ctx.place.geometry, ctx.formats
    a, b = (dy, formats.output_gradient), (ctx.weights, formats.weight)
    to: Format = formats.input_gradient
    if isinstance(geometry, Rows):
        values: Raw = run.gemm(layer, "input_gradient", a, b, to, counted_as="input_gradient")
        return values
    out = patch_gradient(to)
    patches = run.gemm(layer, "input_gradient", a, b, out)
    sums = geometry.fold(patches.astype(np.int64), tuple(ctx.shapes[0]))
    rounded: Raw = run.round_sums(layer, sums, out.frac, to)
    return rounded


class Float(torch.autograd.Function):
    """In float32, rounded nowhere else: for comparison."""

    @staticmethod
    def forward(
        ctx: Any, x: torch.Tensor, weight: torch.Tensor, bias: torch.Tensor | None, place: Place, training: bool
    ) -> torch.Tensor:
        geometry = place.geometry
        a = geometry.unfold(_array(x).astype(np.float32))
        weights = np.ascontiguousarray(geometry.weight(_array(weight)), np.float32)
        values = place.run.gemm_float(place.layer, "forward", a, weights.T, training=training)
        if bias is not None:
            values = values + _array(bias).astype(np.float32)
        ctx.place, ctx.a, ctx.weights = place, a, weights
        ctx.shapes, ctx.dtype = (x.shape, weight.shape), x.dtype
        return torch.from_numpy(np.ascontiguousarray(geometry.output(values, tuple(x.shape)))).to(x.dtype)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, gradient: torch.Tensor) -> Gradients:
        run, layer, geometry = ctx.place.run, ctx.place.layer, ctx.place.geometry
        dy = np.ascontiguousarray(geometry.output_back(_array(gradient)), np.float32)

        def tensor(values: NDArray[Any]) -> torch.Tensor:
            return torch.from_numpy(np.ascontiguousarray(values)).to(ctx.dtype)

        dx = dw = db = None
        if ctx.needs_input_grad[2]:
            db = tensor(dy.sum(axis=0, dtype=np.float64))
        if ctx.needs_input_grad[1]:
            values = run.gemm_float(layer, "weight_gradient", dy.T, ctx.a)
            dw = tensor(geometry.weight_back(values, tuple(ctx.shapes[1])))
        if ctx.needs_input_grad[0]:
            values = run.gemm_float(layer, "input_gradient", dy, ctx.weights)
            if isinstance(geometry, Patches):
                values = geometry.fold(values, tuple(ctx.shapes[0]))
            dx = tensor(values)
        return dx, dw, db, None, None


def _array(tensor: torch.Tensor) -> NDArray[Any]:
    """A tensor's memory as an array."""
    array: NDArray[Any] = tensor.detach().numpy()
    return array


def _tensor(raw: NDArray[Any], format: Format, dtype: torch.dtype) -> torch.Tensor:
    """The values of raw integers; exact in float32 up to 25 bits, in float64 always."""
    values = np.ascontiguousarray(raw, np.float64) * math.ldexp(1.0, -format.frac)
    return torch.from_numpy(values).to(dtype)


def _bias(place: Place, bias: NDArray[Any], formats: LayerFormats, training: bool) -> tuple[Raw, Format]:
    """A bias in its format, and no finer than the unit of the array's sums, to which it is rounded to nearest."""
    grid = Format(32, formats.input.frac + formats.weight.frac)
    values = np.ascontiguousarray(bias, np.float64)
    if formats.bias is not None:
        raw = place.run.quantize(place.layer, "bias", values, formats.bias, training=training)
        if formats.bias.frac <= grid.frac:
            return raw[np.newaxis], formats.bias
        values = raw * math.ldexp(1.0, -formats.bias.frac)
    raw, _ = _flexmac.quantize(values, grid, "nearest", (0, 0, 0, 0, "copy"))
    return raw, grid
