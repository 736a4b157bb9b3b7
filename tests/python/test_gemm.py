"""`gemm` against int64 products of NumPy and torch, on every engine, and what it refuses."""

import functools
import signal
import subprocess
import sys

import numpy as np
import pytest
import torch

import flexmac

DTYPES = {8: np.int8, 16: np.int16, 32: np.int32}


def operand(random, shape, bits):
    """A matrix over the whole range of `bits`, contiguous or not."""
    rows, columns = shape
    dtype = DTYPES[8 if bits <= 8 else 16 if bits <= 16 else 32]
    limit = 1 << (bits - 1)
    draw = random.integers(-limit, limit, (2 * rows, 3 * columns), dtype=np.int64).astype(dtype)
    return random.choice(4), {
        0: lambda: draw[:rows, :columns].copy(),
        1: lambda: draw[::2, ::3],
        2: lambda: draw[:rows, :columns][::-1, ::-1],
        3: lambda: np.asfortranarray(draw[:rows, :columns]),
    }


def matrix(random, shape, bits):
    choice, layouts = operand(random, shape, bits)
    return layouts[choice]()


@pytest.mark.parametrize("number", range(60))
def test_raw_sums_are_int64_products(number):
    random = np.random.default_rng(number)
    m, k, n = random.integers(1, 40, 3)
    bits_a, bits_b = (int(bits) for bits in random.integers(2, 29, 2))
    a, b = matrix(random, (m, k), bits_a), matrix(random, (k, n), bits_b)
    result = flexmac.gemm(a, b, bits_a=bits_a, bits_b=bits_b, raw=True)
    expected = torch.from_numpy(a.astype(np.int64)) @ torch.from_numpy(b.astype(np.int64))
    assert np.array_equal(result.sums, a.astype(np.int64) @ b.astype(np.int64))
    assert np.array_equal(result.sums, expected.numpy())
    assert result.values.dtype == np.int32
    assert np.array_equal(result.values, np.clip(result.sums, -(2**31), 2**31 - 1))
    assert result.stats.macs == m * k * n


def test_rounding_bias_and_saturation():
    random = np.random.default_rng(1)
    a, b = matrix(random, (9, 20), 8), matrix(random, (20, 6), 8)
    bias = random.integers(-1000, 1000, 6).astype(np.int32)
    sums = a.astype(np.int64) @ b.astype(np.int64) + bias.astype(np.int64) * 4
    limits = -(2**9), 2**9 - 1
    for mode, added in ("nearest", 32), ("truncate", 0):
        result = flexmac.gemm(a, b, bias=bias, bias_shift=2, shift=6, bits_out=10, round=mode)
        assert np.array_equal(result.values, np.clip((sums + added) >> 6, *limits)), mode
    counters = result.stats.counters
    assert counters.overflow_high == ((sums >> 6) >= limits[1]).sum()
    assert counters.overflow_low == ((sums >> 6) <= limits[0]).sum()


def test_stochastic_rounding_replays():
    random = np.random.default_rng(2)
    a, b = matrix(random, (30, 20), 8), matrix(random, (20, 30), 8)

    def rounded(seed):
        return flexmac.gemm(a, b, shift=9, round="stochastic", seed=seed).values

    assert np.array_equal(rounded(3), rounded(flexmac.Seed(run=3)))
    assert not np.array_equal(rounded(3), rounded(4))
    assert not np.array_equal(rounded(3), rounded(flexmac.Seed(3, 1)))


def test_rtl_and_checked_agree_with_the_reference():
    array = flexmac.Array(rows=3, cols=5, lanes=3, max_bits=16)
    random = np.random.default_rng(3)
    engines = {kind: flexmac.Engine(kind, array, threads=2) for kind in ("reference", "rtl", "checked")}
    for bits in 8, 13, 16:
        a, b = matrix(random, (7, 11), bits), matrix(random, (11, 8), bits)
        settings = {"bits_a": bits, "bits_b": bits, "shift": bits, "bits_out": bits, "round": "stochastic"}
        results = {kind: flexmac.gemm(a, b, engine=engine, **settings) for kind, engine in engines.items()}
        for kind, result in results.items():
            assert np.array_equal(result.values, results["reference"].values), kind
            assert result.stats.cycles == results["reference"].stats.cycles, kind
            assert result.stats.cycles == array.cycles(7, 11, 8, bits_a=bits, bits_b=bits)
        assert results["checked"].stats.tiles_checked == results["checked"].stats.tiles > 1
        assert results["reference"].stats.tiles_checked == 0


def test_a_sample_of_tiles_is_checked():
    array = flexmac.Array(rows=3, cols=5, lanes=3, max_bits=16)
    engine = flexmac.Engine("checked", array, check_rate=0.2, threads=1)
    a, b = np.ones((60, 4), np.int8), np.ones((4, 60), np.int8)
    stats = flexmac.gemm(a, b, engine=engine).stats
    assert 0 < stats.tiles_checked < stats.tiles


def test_floats():
    random = np.random.default_rng(4)
    a = random.standard_normal((5, 7)).astype(np.float32)
    b = random.standard_normal((7, 3)).astype(np.float32)
    result = flexmac.gemm(a, torch.from_numpy(b), engine="float")
    assert np.allclose(result.values, a @ b, rtol=1e-5)


def test_torch_tensors_are_read_where_they_lie():
    a = torch.arange(12, dtype=torch.int32).reshape(4, 3).t()
    b = torch.arange(20, dtype=torch.int16).reshape(4, 5)
    result = flexmac.gemm(a, b, bits_a=8, bits_b=8, raw=True)
    assert torch.equal(torch.from_numpy(result.sums), a.long() @ b.long())


EIGHT = np.ones((4, 4), np.int8)


@pytest.mark.parametrize(
    ("call", "error", "text"),
    [
        (lambda: flexmac.gemm(EIGHT, EIGHT.astype(np.int64)), TypeError, "B: expected int8, int16 or int32, found int64"),
        (lambda: flexmac.gemm(EIGHT.astype(np.float32), EIGHT), TypeError, "A: expected int8, int16 or int32, found float32"),
        (lambda: flexmac.gemm(EIGHT.astype(np.int32).astype(">i4"), EIGHT), TypeError, "of foreign byte order"),
        (lambda: flexmac.gemm(EIGHT[0], EIGHT), ValueError, "A: expected a matrix, found shape"),
        (lambda: flexmac.gemm([[1]], EIGHT), TypeError, "found list"),
        (lambda: flexmac.gemm(EIGHT, EIGHT[:3]), ValueError, "expected A of (M, K) and B of (K, N)"),
        (lambda: flexmac.gemm(EIGHT[:, :0], EIGHT[:0]), ValueError, "found M=4 K=0 N=4"),
        (lambda: flexmac.gemm(EIGHT * 100, EIGHT, bits_a=4), ValueError, "4"),
        (lambda: flexmac.gemm(EIGHT, EIGHT, bits_a=33), ValueError, "expected bits in 2..=32"),
        (lambda: flexmac.gemm(EIGHT, EIGHT, shift=1 << 30), ValueError, "out: expected -1024 to 1024 fraction bits"),
        (lambda: flexmac.gemm(EIGHT, EIGHT, round="up"), ValueError, "expected nearest, truncate or stochastic"),
        (lambda: flexmac.gemm(EIGHT, EIGHT, engine="gpu"), ValueError, "expected float, reference, rtl or checked"),
        (lambda: flexmac.gemm(EIGHT, EIGHT, engine="float"), TypeError, "A: expected float32, found int8"),
        (lambda: flexmac.gemm(EIGHT, EIGHT, bias=np.zeros(3, np.int32)), ValueError, "expected a bias of shape"),
        (lambda: flexmac.gemm(EIGHT, EIGHT, seed=flexmac.Seed(role="x")), ValueError, "role: expected one of"),
        (lambda: flexmac.Array(rows=0, cols=200), ValueError, "2 illegal parameters"),
        (lambda: flexmac.Array(size=1), ValueError, "expected a parameter, one of rows"),
        (lambda: flexmac.Array(rows="many"), ValueError, "array: rows: expected an integer"),
        (lambda: flexmac.Array(max_bits=8).cycles(1, 1, 1, bits_a=9, bits_b=8), ValueError, "expected 2..=8, found 9"),
        (lambda: flexmac.Engine("checked", check_rate=0.0), ValueError, "check_rate: expected a share above 0"),
        (lambda: flexmac.Engine("rtl", threads=0), ValueError, "threads: expected 1 to 1024"),
        (lambda: flexmac.gemm(torch.ones(2, 2, dtype=torch.cfloat), EIGHT), TypeError, "A: expected int8"),
    ],
)  # fmt: skip
def test_refused(call, error, text):
    with pytest.raises(error) as caught:
        call()
    assert text in str(caught.value)


def test_huge_shapes_are_refused_before_memory_is_asked_for():
    column = np.broadcast_to(np.int8(1), (1 << 40, 1))
    with pytest.raises(ValueError, match="split it"):
        flexmac.gemm(column, column.T)


def test_an_interrupt_ends_a_loop_of_gemms():
    code = (
        "import numpy as np, flexmac\n"
        "a = np.ones((256, 256), np.int8)\n"
        "print('begun', flush=True)\n"
        "while True: flexmac.gemm(a, a)\n"
    )
    # What runs in the background of a shell ignores interrupts, and its children do too, unless they are told otherwise.
    listens = functools.partial(signal.signal, signal.SIGINT, signal.SIG_DFL)
    command = [sys.executable, "-c", code]
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
    with subprocess.Popen(command, preexec_fn=listens, **pipes) as child:
        try:
            assert child.stdout.readline() == "begun\n"
            child.send_signal(signal.SIGINT)
            _, errors = child.communicate(timeout=60)
        finally:
            child.kill()
    assert "KeyboardInterrupt" in errors and child.returncode != 0
