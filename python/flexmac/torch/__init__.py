"""PyTorch layers whose three GEMMs run on an engine of flexmac: forward, input gradient, weight gradient."""

from flexmac.torch.convert import convert
from flexmac.torch.formats import Format, LayerFormats
from flexmac.torch.layers import Conv2d, Linear
from flexmac.torch.policy import LayerInfo, Observation, Policy, Static
from flexmac.torch.run import GemmRecord, Run

__all__ = [
    "Conv2d",
    "Format",
    "GemmRecord",
    "LayerFormats",
    "LayerInfo",
    "Linear",
    "Observation",
    "Policy",
    "Run",
    "Static",
    "convert",
]
