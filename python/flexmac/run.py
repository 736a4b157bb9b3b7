"""Files of a training run as data."""

import json
from dataclasses import dataclass
from os import PathLike
from typing import Any

from flexmac import _flexmac


@dataclass(frozen=True)
class RunRecord:
    """Settings, iterations and result of a run; docs/runfiles.md describes every field."""

    config: dict[str, Any]
    history: list[dict[str, Any]]
    result: dict[str, Any] | None


def read_run(folder: str | PathLike[str]) -> RunRecord:
    """Reads the folder of a run. `result` is None while it is unfinished."""
    return RunRecord(**json.loads(_flexmac.read_run(folder)))
