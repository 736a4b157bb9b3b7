"""The Python of docs/python.md runs as it stands, block after block."""

import re
from pathlib import Path

import torch

PAGE = Path(__file__).resolve().parents[2] / "docs/python.md"


def test_the_blocks_of_the_page(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    blocks = re.findall(r"^```python\n(.*?)^```$", PAGE.read_text(), re.M | re.S)
    assert len(blocks) == 3
    names = {"batches": [(torch.rand(4, 1, 28, 28), torch.arange(4))] * 2}
    for block in blocks:
        exec(compile(block, str(PAGE), "exec"), names)
    assert names["cycles"] > 0 and names["run"].iteration == 2
    assert (tmp_path / "design/config.json").exists()
    layer = torch.nn.Linear(3, 2)
    torch.nn.init.constant_(layer.bias, 5.0)  # beyond the widest output at first
    model, run = names["ft"].convert(layer, policy=names["Widening"]())
    model(torch.rand(4, 3)).sum().backward()
    run.step(0.0)
    assert run.policy.state() == {"model": 1}
