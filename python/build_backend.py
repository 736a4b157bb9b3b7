"""Builds the wheel: maturin's, with the program flexmac among its scripts.

The environment variable FLEXMAC_PROFILE names a profile of Cargo.toml [release]. FLEXMAC_PROGRAM is a program
that is already built.
"""

import os
import shutil
import subprocess
from pathlib import Path

import maturin
from maturin import get_requires_for_build_wheel as get_requires_for_build_wheel

HERE = Path(__file__).resolve().parent
ROOT = HERE.parent
PROFILE = os.environ.get("FLEXMAC_PROFILE", "release")


def program():
    """The program, built unless FLEXMAC_PROGRAM names it."""
    given = os.environ.get("FLEXMAC_PROGRAM")
    if given:
        return Path(given)
    command = ["cargo", "build", "--locked", "--profile", PROFILE, "-p", "flexmac"]
    subprocess.run(command, cwd=ROOT, check=True)
    return Path(os.environ.get("CARGO_TARGET_DIR", ROOT / "target")) / PROFILE / "flexmac"


def build_wheel(wheel_directory, config_settings=None, metadata_directory=None):
    scripts = HERE / "flexmac.data/scripts"
    scripts.mkdir(parents=True, exist_ok=True)
    shutil.copy2(program(), scripts / "flexmac")
    settings = {"build-args": f"--profile {PROFILE} --locked", **(config_settings or {})}
    return maturin.build_wheel(wheel_directory, settings, metadata_directory)
