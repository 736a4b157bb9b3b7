"""Puts a model on an engine."""

import copy
from collections.abc import Collection
from typing import TypeVar

from torch import nn

from flexmac.array import Array
from flexmac.gemm import Engine
from flexmac.torch.layers import Conv2d, Linear
from flexmac.torch.policy import LayerInfo, Policy, Static
from flexmac.torch.run import Run

Model = TypeVar("Model", bound=nn.Module)


def convert(
    model: Model,
    *,
    policy: Policy | None = None,
    engine: str = "reference",
    array: Array | None = None,
    check_rate: float = 1.0,
    threads: int | None = None,
    seed: int = 0,
    rounding: str = "nearest",
    skip: Collection[str] = (),
) -> tuple[Model, Run]:
    """A copy of `model` whose Linear and Conv2d layers multiply on an engine, and the run that they share.

    The formats are the policy's [Static()]. Layers named in `skip`, and of other types, stay as they are. Layers
    are numbered in the order of `named_modules`. Make the optimizer from the copy's parameters.
    """
    names = {name for name, module in model.named_modules() if type(module) in _LAYERS}
    skip = {skip} if isinstance(skip, str) else set(skip)
    if skip - names:
        raise ValueError(f"convert: skip: expected layers among {sorted(names)}, found {sorted(skip - names)}")
    if not names - skip:
        raise ValueError("convert: expected a model with a Linear or a Conv2d, found none to convert")
    for name, module in model.named_modules():
        if name in names - skip:
            _refuse_hooks(module, name)
    run = Run(
        Static() if policy is None else policy,
        Engine(engine, array, layout="fastest", check_rate=check_rate, threads=threads),
        seed=seed,
        rounding=rounding,
    )
    converted = copy.deepcopy(model)
    made: dict[int, nn.Module] = {}
    number = 0
    for name, module in list(converted.named_modules()):
        if type(module) in _LAYERS and name not in skip:
            made[id(module)] = _LAYERS[type(module)](module, run, LayerInfo(name or "model", number))
            number += 1
    if id(converted) in made:
        return made[id(converted)], run  # type: ignore[return-value]  # a model that is one layer
    for parent in list(converted.modules()):
        # named_children would leave out the second name of a layer that a module has twice.
        for name, child in list(parent._modules.items()):
            if id(child) in made:
                setattr(parent, name, made[id(child)])
    return converted, run


def _refuse_hooks(module: nn.Module, name: str) -> None:
    """Hooks of a layer would be lost with it; torch's weight_norm is one."""
    if module._forward_hooks or module._forward_pre_hooks or module._backward_hooks:
        raise NotImplementedError(
            f"layer {name}: expected no hooks, found some; add them after convert, or leave it in float: skip={name!r}"
        )


_LAYERS: dict[type, type] = {nn.Linear: Linear, nn.Conv2d: Conv2d}
