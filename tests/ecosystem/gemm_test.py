"""Drives flexmac_top as its user would, with public bus models, and compares with NumPy.

Knows nothing of the generator but what `flexmac gen` wrote: config.json and sw/registers.json.
Runs inside a simulator; run.py starts it.
"""

import itertools
import json
import os
import random
from pathlib import Path

import cocotb
import numpy as np
from cocotb.clock import Clock
from cocotb.triggers import ClockCycles, RisingEdge, with_timeout
from cocotbext.axi import (
    AxiLiteBus, AxiLiteMaster, AxiResp, AxiStreamBus, AxiStreamFrame, AxiStreamSink,
    AxiStreamSource)

DESIGN = Path(os.environ["FLEXMAC_DESIGN"])
PARAMETERS = json.loads((DESIGN / "config.json").read_text())["parameters"]
REGISTERS = {
    register["name"]: register
    for group in json.loads((DESIGN / "sw/registers.json").read_text())["groups"]
    for register in group["registers"]
}


def field(register, name, value):
    """A value at its place in a register."""
    (found,) = [f for f in REGISTERS[register]["fields"] if f["name"] == name]
    return (value & ((1 << found["bits"]) - 1)) << found["lsb"]


def pack(digits, bits):
    """Small numbers side by side, the first lowest, as whole bytes."""
    word = 0
    for place, digit in enumerate(digits):
        word |= (int(digit) & ((1 << bits) - 1)) << (place * bits)
    return word.to_bytes((len(digits) * bits + 7) // 8, "little")


def padded(stream, data, beat, rng):
    """A frame of whole beats; on a stream with TKEEP, with anything in the bytes that pad each of them."""
    keep = getattr(stream.bus, "tkeep", None)
    if keep is None:
        return AxiStreamFrame(data)
    padding = len(keep) - beat
    assert padding >= 0 and len(keep) & (len(keep) - 1) == 0, f"{len(keep)} bytes in a beat"
    beats = [data[at:at + beat] + rng.randbytes(padding) for at in range(0, len(data), beat)]
    return AxiStreamFrame(b"".join(beats), tkeep=([1] * beat + [0] * padding) * len(beats))


class Accelerator:
    """Registers and streams of one flexmac_top, or flexmac_padded."""

    def __init__(self, dut, seed):
        self.dut = dut
        clock, reset = dut.aclk, dut.aresetn
        more = {"reset_active_level": False}
        self.bus = AxiLiteMaster(AxiLiteBus.from_prefix(dut, "s_axil"), clock, reset, **more)

        def source(name):
            return AxiStreamSource(AxiStreamBus.from_prefix(dut, name), clock, reset, **more)

        self.a = source("s_axis_a")
        self.b = source("s_axis_b")
        self.preload = source("s_axis_preload")
        self.result = AxiStreamSink(
            AxiStreamBus.from_prefix(dut, "m_axis_result"), clock, reset, **more)
        dut.s_axis_seed_tvalid.value = 0
        dut.s_axis_seed_tdata.value = 0
        self.rng = rng = random.Random(seed)
        pauses = lambda: (rng.random() < 0.3 for _ in itertools.count())
        for stream in (self.a, self.b, self.preload, self.result):
            stream.set_pause_generator(pauses())
        write, read = self.bus.write_if, self.bus.read_if
        for channel in (write.aw_channel, write.w_channel, write.b_channel, read.ar_channel,
                        read.r_channel):
            channel.set_pause_generator(pauses())

    async def start(self):
        cocotb.start_soon(Clock(self.dut.aclk, 10, unit="ns").start())
        self.dut.aresetn.value = 0
        await ClockCycles(self.dut.aclk, 4)
        self.dut.aresetn.value = 1
        await ClockCycles(self.dut.aclk, 2)

    async def write(self, name, value):
        reply = await self.bus.write(REGISTERS[name]["offset"], value.to_bytes(4, "little"))
        assert reply.resp == AxiResp.OKAY, name

    async def read(self, name):
        reply = await self.bus.read(REGISTERS[name]["offset"], 4)
        assert reply.resp == AxiResp.OKAY, name
        return int.from_bytes(reply.data, "little")

    async def tile(self, a, b, bits, shift, bits_out, bias=None):
        """One command: round(a @ b + bias), a of at most rows x K, b of K x at most cols."""
        chunk, lanes = PARAMETERS["chunk"], PARAMETERS["lanes"]
        (rows, k), cols = a.shape, b.shape[1]
        words = -(-k // lanes)

        def operand(stream, lines, ports, width):
            full = np.zeros((ports, words * lanes), dtype=np.int64)
            full[: lines.shape[0], :k] = lines
            beats = b""
            for plane in range(-(-width // chunk)):
                for word in range(words):
                    part = full[:, word * lanes:(word + 1) * lanes] >> (plane * chunk)
                    beats += pack(part.flatten(), chunk)
            return padded(stream, beats, (ports * lanes * chunk + 7) // 8, self.rng)

        await self.write("k", k)
        await self.write("shape", field("shape", "rows", rows) | field("shape", "cols", cols))
        await self.write("bits", field("bits", "a", bits[0]) | field("bits", "b", bits[1])
                         | field("bits", "out", bits_out))
        await self.write("mode", field("mode", "shift", shift))
        base = 0
        if bias is not None:
            base = 1
            slot = await self.read("param_preload_bits")
            full = np.zeros((rows, PARAMETERS["cols"]), dtype=object)
            full[:, :cols] = bias
            beats = [pack(row, slot) for row in full]
            await self.preload.send(padded(self.preload, b"".join(beats), len(beats[0]), self.rng))
        await self.write("start", field("start", "base", base) | field("start", "emit", 1))
        await self.a.send(operand(self.a, a, PARAMETERS["rows"], bits[0]))
        await self.b.send(operand(self.b, b.T, PARAMETERS["cols"], bits[1]))
        frame = await with_timeout(self.result.recv(), 100, "us")
        values = np.frombuffer(bytes(frame.tdata), dtype="<i4")
        return values.reshape(rows, PARAMETERS["cols"])[:, :cols]


def expected(a, b, shift, bits_out, bias):
    """Exact sums, rounded to nearest with ties up, saturated."""
    sums = a.astype(object) @ b.astype(object)
    if bias is not None:
        sums = sums + bias
    half = 1 << (shift - 1) if shift else 0
    limit = 1 << (bits_out - 1)
    return np.clip((sums + half) >> shift, -limit, limit - 1).astype(np.int64)


def integers(rng, shape, bits):
    return rng.integers(-(1 << (bits - 1)), 1 << (bits - 1), shape)


@cocotb.test()
async def parameters_read_back(dut):
    """Every number of config.json, over the bus."""
    accelerator = Accelerator(dut, 1)
    await accelerator.start()
    assert await accelerator.read("id") == 0x464D4143
    for name, value in PARAMETERS.items():
        if isinstance(value, int):
            assert await accelerator.read(f"param_{name}") == value, name
    reply = await accelerator.bus.read(0xFFC, 4)
    assert reply.resp == AxiResp.SLVERR


@cocotb.test()
async def only_whole_words_are_written(dut):
    """A byte or a half-word changes nothing and is refused."""
    accelerator = Accelerator(dut, 3)
    await accelerator.start()
    await accelerator.write("scratch", 0x11223344)
    offset = REGISTERS["scratch"]["offset"]
    for first, length in ((0, 1), (3, 1), (0, 2), (2, 2), (1, 3)):
        reply = await accelerator.bus.write(offset + first, bytes([0xAA] * length))
        assert reply.resp == AxiResp.SLVERR, (first, length)
    start = REGISTERS["start"]["offset"]
    reply = await accelerator.bus.write(start + 1, b"\x01")
    assert reply.resp == AxiResp.SLVERR
    assert await accelerator.read("scratch") == 0x11223344
    assert await accelerator.read("submitted") == 0
    assert await accelerator.read("error") == 0


@cocotb.test()
async def tiles_match_numpy(dut):
    """Random widths and shapes, K = 1, K off the lanes, extremes of the widest operands."""
    accelerator = Accelerator(dut, 2)
    await accelerator.start()
    rng = np.random.default_rng(2016)
    widest, chunk = PARAMETERS["max_bits"], PARAMETERS["chunk"]
    deepest = PARAMETERS["depth"] // -(-widest // chunk) * PARAMETERS["lanes"]
    longest = min(deepest, PARAMETERS["max_k"], 40)
    for case in range(12):
        bits = (widest, widest) if case < 2 else tuple(rng.integers(2, widest + 1, 2).tolist())
        k = 1 if case == 0 else int(rng.integers(1, longest + 1))
        rows = int(rng.integers(1, PARAMETERS["rows"] + 1))
        cols = int(rng.integers(1, PARAMETERS["cols"] + 1))
        a, b = integers(rng, (rows, k), bits[0]), integers(rng, (k, cols), bits[1])
        if case == 1:
            a[:], b[:] = -(1 << (bits[0] - 1)), -(1 << (bits[1] - 1))
        bias = integers(rng, (rows, cols), 30).astype(object) if case % 2 else None
        shift = int(rng.integers(0, sum(bits)))
        bits_out = int(rng.integers(2, 33))
        found = await accelerator.tile(a, b, bits, shift, bits_out, bias)
        np.testing.assert_array_equal(found, expected(a, b, shift, bits_out, bias), f"case {case}")
    assert await accelerator.read("error") == 0
    assert await accelerator.read("results") == 12


@cocotb.test()
async def an_interrupt_ends_a_refused_command(dut):
    """K = 0 raises irq, names its error, and leaves a working array."""
    accelerator = Accelerator(dut, 3)
    await accelerator.start()
    await accelerator.write("irq_enable", field("irq_enable", "error", 1))
    await accelerator.write("k", 0)
    await accelerator.write("start", 0)
    if not dut.irq.value:
        await with_timeout(RisingEdge(dut.irq), 1, "us")
    codes = {value["name"]: value["value"] for value in REGISTERS["error"]["fields"][0]["values"]}
    assert await accelerator.read("error") == codes["k"]
    await accelerator.write("irq_status", field("irq_status", "error", 1))
    await accelerator.write("control", field("control", "clear_error", 1))
    await ClockCycles(dut.aclk, 1)
    assert not dut.irq.value
    assert await accelerator.read("error") == 0
    ones = np.ones((1, 1), dtype=np.int64)
    assert (await accelerator.tile(ones, ones, (2, 2), 0, 8))[0, 0] == 1
