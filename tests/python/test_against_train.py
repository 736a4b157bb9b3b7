"""An iteration of flexmac.torch against one of `flexmac train`, from the same weights on the same images.

The set has as many images as a batch, so that both see all of them, in whatever order. Compared is, for each GEMM of
each layer, everything that the run's history has of it: values emitted, overflows, the OR of all magnitudes, the sum of
all rounding errors, cycles, tiles, passes. Rounding is to nearest, so that none of it depends on the order.
"""

import struct
import subprocess
import sys
from dataclasses import asdict, replace
from pathlib import Path

import numpy as np
import torch
from torch import nn

import flexmac
import flexmac.torch as ft

PROGRAM = Path(sys.executable).with_name("flexmac")
BATCH = 64
NAMES = {"0": "conv1", "2": "conv2", "5": "ip1", "7": "ip2"}  # of lenet-small


class Static(ft.Static):
    """Class scores are real numbers on the host: they have 32 bits, as in `flexmac train`."""

    def formats(self, layer):
        formats = super().formats(layer)
        return replace(formats, output=ft.Format.of(32, 12)) if layer.name == "7" else formats


def write_idx(path, array):
    path.write_bytes(bytes([0, 0, 8, array.ndim]) + struct.pack(f">{array.ndim}I", *array.shape) + array.tobytes())


def lenet_small():
    torch.manual_seed(6)
    model = nn.Sequential(
        nn.Conv2d(1, 8, 5), nn.MaxPool2d(2, 2), nn.Conv2d(8, 16, 5), nn.MaxPool2d(2, 2),
        nn.Flatten(), nn.Linear(256, 32), nn.ReLU(), nn.Linear(32, 10),
    ).double()  # fmt: skip
    with torch.no_grad():  # on the grid of parameters that are stored in 16 bits
        for parameter in model.parameters():
            parameter.copy_((parameter * 2**15).round() / 2**15)
    return model


def write_weights(path, model):
    """Filters in the order channels out, row, column, channel in; inner products as torch has them."""
    arrays = {}
    for number, name in NAMES.items():
        weight = model[int(number)].weight.detach().float().numpy()
        arrays[f"{name}.weight"] = weight.transpose(0, 2, 3, 1).copy() if weight.ndim == 4 else weight
        arrays[f"{name}.bias"] = model[int(number)].bias.detach().float().numpy()
    np.savez(path, **arrays)


def test_every_gemm_of_an_iteration_is_that_of_flexmac_train(tmp_path):
    random = np.random.default_rng(7)
    images = random.integers(0, 256, (BATCH, 28, 28)).astype(np.uint8)
    labels = (np.arange(BATCH) % 10).astype(np.uint8)
    data = tmp_path / "data"
    data.mkdir()
    for split in "train", "t10k":
        write_idx(data / f"{split}-images-idx3-ubyte", images)
        write_idx(data / f"{split}-labels-idx1-ubyte", labels)
    model = lenet_small()
    write_weights(tmp_path / "weights.npz", model)
    words = "train --net lenet-small --engine reference --policy static --bits 8 --round nearest --iters 1"
    files = ["--data", data, "--init-weights", tmp_path / "weights.npz", "--init-order", "chw"]
    command = [PROGRAM, *words.split(), *files, "--out", tmp_path / "run"]
    trained = subprocess.run(command, capture_output=True, text=True, check=False)
    assert trained.returncode == 0, trained.stderr
    record = flexmac.read_run(tmp_path / "run").history[0]

    array = flexmac.read_run(tmp_path / "run").config["array"]
    converted, run = ft.convert(model, policy=Static(8), array=flexmac.Array(**array))
    scores = converted(torch.from_numpy(images / 255.0)[:, None])
    loss = nn.functional.cross_entropy(scores, torch.from_numpy(labels.astype(np.int64)))
    loss.backward()
    assert abs(loss.item() - record["loss"]) < 1e-12
    ours = {(NAMES[gemm.layer], gemm.role): asdict(gemm.stats) for gemm in run.records}
    theirs = {(gemm["layer"], gemm["role"]): gemm["stats"] for gemm in record["gemms"]}
    assert len(theirs) == 11 and ours.keys() == theirs.keys()
    for gemm, stats in theirs.items():
        assert ours[gemm] == stats, gemm
        assert stats["counters"]["magnitude_or"] > 0, gemm
