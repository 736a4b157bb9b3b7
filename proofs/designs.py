"""The generated designs for proofs and faults, one folder per set of flags."""

import re
import subprocess
import threading
from pathlib import Path

from solver import ToolError


class Designs:
    def __init__(self, flexmac, work):
        self.flexmac, self.work, self.made = flexmac, work, {}
        self.lock = threading.Lock()

    def get(self, flags):
        """The design's rtl folder."""
        with self.lock:
            return self.generated(flags)

    def generated(self, flags):
        if flags not in self.made:
            folder = self.work / f"design{len(self.made)}"
            command = [str(self.flexmac), "gen", *flags.split(), "--out", str(folder)]
            try:
                done = subprocess.run(command, capture_output=True, text=True)
            except OSError as error:
                raise ToolError(f"{self.flexmac}: {error}; build it: cargo build --release -p "
                                "flexmac, or name it with --flexmac") from error  # fmt: skip
            if done.returncode != 0:
                raise ToolError(f"{' '.join(command)}: exit {done.returncode}\n{done.stderr}")
            self.made[flags] = folder / "rtl"
        return self.made[flags]


# folders of rtl/ with the modules of a design
ROOMS = ("pe", "core", "core/float", "bus", "lib")
# modules rendered with a design's parameter values; all others are copied unchanged
WITH_VALUES = ("flexmac_array", "flexmac_column", "flexmac_core", "flexmac_top")


def leaf(root, module):
    """The file of a leaf cell in rtl/, or None."""
    if module in WITH_VALUES:
        return None
    paths = (root / "rtl" / room / f"{module}.v" for room in (*ROOMS, "trials"))
    return next((path for path in paths if path.exists()), None)


def constant(rtl, name):
    """The value of a parameter in the core of a design."""
    text = (Path(rtl) / "flexmac_core.v").read_text()
    found = re.search(rf"parameter +{name} += (\d+)[,\n]", text)
    if not found:
        raise ToolError(f"{rtl}/flexmac_core.v: no parameter {name} with a number")
    return int(found.group(1))
