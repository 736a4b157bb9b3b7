"""One GEMM on the core, driven by cocotb, for experiments/simulation_speed/run. This file is both the test
module and the program that builds and runs the simulation. It awaits one trigger per clock cycle; operands
are packed before the measured time, and results are checked with Python's integers after it.

    cocotb_gemm.py build SIMULATOR FOLDER SOURCES...
    cocotb_gemm.py run SIMULATOR FOLDER

FOLDER has shape.json, a.i32 and b.i32; seconds and cycles are written to its time.json. The environment
variable GEMM_FOLDER must name the same folder.
"""

import array
import json
import os
import pathlib
import sys
import time

import cocotb
from cocotb.clock import Clock
from cocotb.triggers import RisingEdge
from cocotb.types import LogicArray

FOLDER = pathlib.Path(os.environ["GEMM_FOLDER"])
SHAPE = json.loads((FOLDER / "shape.json").read_text())
ROWS, COLS, LANES, CHUNK = (SHAPE[name] for name in ("rows", "cols", "lanes", "chunk"))
M, K, N, BITS = (SHAPE[name] for name in ("m", "k", "n", "bits"))
PLANES, WORDS, ACROSS = -(-BITS // CHUNK), -(-K // LANES), -(-N // COLS)
TILES = -(-M // ROWS) * ACROSS


def read(name):
    return array.array("i", (FOLDER / f"{name}.i32").read_bytes())


def banks(lines, ports, value):
    """The words of each band of `ports` lines, plane after plane; `value(line, k)` is an element."""
    mask, width = (1 << CHUNK) - 1, ports * LANES * CHUNK
    result = []
    for first in range(0, lines, ports):
        bank = []
        for plane in range(PLANES):
            for word in range(WORDS):
                bits = 0
                for line in range(min(ports, lines - first)):
                    for lane in range(min(LANES, K - word * LANES)):
                        digit = value(first + line, word * LANES + lane) >> (plane * CHUNK) & mask
                        bits |= digit << ((line * LANES + lane) * CHUNK)
                bank.append(LogicArray(bits, width))
        result.append(bank)
    return result


@cocotb.test()
async def gemm(dut):
    a, b = read("a"), read("b")
    banks_a = banks(M, ROWS, lambda line, k: a[line * K + k])
    banks_b = banks(N, COLS, lambda line, k: b[k * N + line])
    clk, ren, busy, ready = dut.clk_i, dut.op_ren_o, dut.busy_o, dut.cmd_ready_o
    address_a, address_b, op_a, op_b = dut.op_addr_a_o, dut.op_addr_b_o, dut.op_a_i, dut.op_b_i
    valid, data = dut.res_valid_o, dut.res_data_o
    for name in ("cmd_valid_i", "pre_valid_i", "seed_valid_i", "pre_data_i", "seed_data_i",
                 "op_a_i", "op_b_i", "ctr_clear_i"):
        getattr(dut, name).value = 0
    dut.rst_ni.value = 0
    dut.res_ready_i.value = 1
    dut.mode_shift_i.value, dut.mode_bits_i.value, dut.mode_round_i.value = BITS, 32, 0
    cocotb.start_soon(Clock(clk, 10, unit="ns").start())
    edge = RisingEdge(clk)
    for _ in range(3):
        await edge
    dut.rst_ni.value = 1
    dut.ctr_clear_i.value = 1
    await edge
    dut.ctr_clear_i.value = 0

    def offer(tile):
        dut.cmd_valid_i.value = tile < TILES
        if tile == TILES:
            return
        dut.cmd_planes_a_i.value = dut.cmd_planes_b_i.value = PLANES
        dut.cmd_words_i.value = WORDS
        dut.cmd_rows_i.value = min(ROWS, M - tile // ACROSS * ROWS)
        dut.cmd_cols_i.value = min(COLS, N - tile % ACROSS * COLS)
        dut.cmd_base_i.value, dut.cmd_emit_i.value, dut.cmd_bank_i.value = 0, 1, tile & 1

    offered, beats = 0, []
    bank_a = bank_b = None
    started, cpu = time.perf_counter(), time.process_time()
    offer(offered)
    while True:
        # Reads give the values before the edge; writes take effect after it.
        await edge
        if valid.value:
            beats.append(data.value)
        if ren.value:
            op_a.value = bank_a[address_a.value.to_unsigned()]
            op_b.value = bank_b[address_b.value.to_unsigned()]
        if offered < TILES:
            if ready.value:
                bank_a, bank_b = banks_a[offered // ACROSS], banks_b[offered % ACROSS]
                offered += 1
                offer(offered)
        elif not busy.value:
            break
    seconds, cpu = time.perf_counter() - started, time.process_time() - cpu
    cycles = dut.ctr_busy_o.value.to_unsigned()
    check(a, b, beats)
    (FOLDER / "time.json").write_text(json.dumps({"seconds": seconds, "cpu_seconds": cpu, "cycles": cycles}))


def check(a, b, beats):
    """Compares every result with the exact one."""
    rows_of = [min(ROWS, M - tile // ACROSS * ROWS) for tile in range(TILES)]
    assert len(beats) == sum(rows_of), (len(beats), rows_of)
    beats = iter(beats)
    for tile, rows in enumerate(rows_of):
        for row in range(tile // ACROSS * ROWS, tile // ACROSS * ROWS + rows):
            word = next(beats).to_unsigned()
            for place in range(min(COLS, N - tile % ACROSS * COLS)):
                column = tile % ACROSS * COLS + place
                exact = sum(a[row * K + k] * b[k * N + column] for k in range(K))
                found = word >> (32 * place) & 0xFFFFFFFF
                expected = (exact + (1 << (BITS - 1)) >> BITS) & 0xFFFFFFFF
                assert found == expected, (row, column, expected, found)


# The flags of the engine's models.
VERILATOR = ["-O3", "--x-assign", "unique", "--x-initial", "unique", "-Wno-fatal"]


def main():
    from cocotb_tools.runner import get_results, get_runner

    verb, simulator, folder, *files = sys.argv[1:]
    runner, folder = get_runner(simulator), pathlib.Path(folder)
    place = {"build_dir": folder / "build", "hdl_toplevel": "flexmac_core"}
    log = folder / f"{verb}.log"
    if verb == "build":
        runner.build(sources=files, timescale=("1ns", "1ps"), log_file=log,
                     build_args=VERILATOR if simulator == "verilator" else [], **place)  # fmt: skip
        return
    results = runner.test(test_module="cocotb_gemm", hdl_toplevel_lang="verilog",
                          test_dir=folder, log_file=log,
                          results_xml=folder / "results.xml", **place)  # fmt: skip
    if get_results(results) != (1, 0):
        sys.exit(log.read_text())


if __name__ == "__main__":
    main()
