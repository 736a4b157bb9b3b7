"""The package: its types, its program, designs and runs."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

import flexmac

PROGRAM = Path(sys.executable).with_name("flexmac")
PACKAGE = Path(__file__).resolve().parents[2] / "python"


def flexmac_program(*words):
    return subprocess.run([PROGRAM, *map(str, words)], capture_output=True, text=True, check=False)


def test_the_wheel_brings_the_program():
    assert flexmac_program("--version").stdout == f"flexmac {flexmac.__version__}\n"
    wrong = flexmac_program("gen", "--rows", "0", "--out", "unused")
    assert wrong.returncode == 2


def test_errors_are_those_of_the_program(tmp_path):
    printed = flexmac_program("gen", "--rows", "0", "--chunk", "3", "--out", tmp_path / "design").stderr
    with pytest.raises(ValueError) as caught:
        flexmac.Array(rows=0, chunk=3)
    assert str(caught.value) in printed


def test_a_design_is_that_of_the_program(tmp_path):
    array = flexmac.Array(rows=2, cols=3, rounding=["nearest", "truncate"])
    files = array.generate(tmp_path / "one")
    made = flexmac_program("gen", "--rows", 2, "--cols", 3, "--rounding", "nearest,truncate", "--out", tmp_path / "two")
    assert made.returncode == 0, made.stderr
    assert {file.name for file in files} >= {"config.json", "flexmac_core.v"}
    for file in files:
        assert file.read_bytes() == (tmp_path / "two" / file.relative_to(tmp_path / "one")).read_bytes()
    foreign = tmp_path / "foreign"
    foreign.mkdir()
    (foreign / "notes.txt").write_text("mine")
    with pytest.raises(ValueError, match="foreign"):
        array.generate(foreign)


def test_parameters_are_those_of_the_program():
    described = json.loads(flexmac_program("describe", "--json").stdout)
    assert [entry.name for entry in flexmac.parameters()] == [entry["name"] for entry in described]


def test_a_run_is_read_as_data(tmp_path):
    folder = tmp_path / "run"
    trained = flexmac_program("train", "--net", "mlp", "--data", "synthetic", "--iters", 3, "--out", folder)
    assert trained.returncode == 0, trained.stderr
    run = flexmac.read_run(folder)
    assert [record["iteration"] for record in run.history] == [0, 1, 2]
    assert run.config["command"] == "train" and 0 <= run.result["accuracy"] <= 1
    (folder / "result.json").unlink()
    assert flexmac.read_run(folder).result is None
    (folder / "history.jsonl").write_text("{}\n")
    with pytest.raises(ValueError, match="history.jsonl"):
        flexmac.read_run(folder)


def test_types():
    command = [sys.executable, "-m", "mypy", "--config-file", PACKAGE / "pyproject.toml", PACKAGE / "flexmac"]
    checked = subprocess.run(command, capture_output=True, text=True, check=False)
    assert checked.returncode == 0, checked.stdout + checked.stderr
