"""Variable-precision MAC arrays: configure and generate them, and multiply on them, bit for bit.

>>> import numpy as np, flexmac
>>> result = flexmac.gemm(np.array([[1, -2]]).astype("int8"), np.array([[3], [4]]).astype("int8"))
>>> result.values
array([[-5]], dtype=int32)
"""

from flexmac._flexmac import MismatchError, __version__
from flexmac.array import Array, Cycles, Parameter, parameters
from flexmac.gemm import Counters, Engine, GemmResult, Seed, Stats, gemm
from flexmac.run import RunRecord, read_run

__all__ = [
    "Array",
    "Counters",
    "Cycles",
    "Engine",
    "GemmResult",
    "MismatchError",
    "Parameter",
    "RunRecord",
    "Seed",
    "Stats",
    "__version__",
    "gemm",
    "parameters",
    "read_run",
]
