"""Rules of flexmac_regs, generated from the register map that `flexmac gen` writes (registers.json).

1. A write stores its data in the fields of a read-write register and changes nothing else; a reset
   zeroes them. Fields of a write-only register appear at the output in the cycle of the write, with
   its strobe.
2. An event sets its bit of a write-one-to-clear register. The bit stays set until a one is written to
   it, a reset or a clear; an event in that cycle wins.
3. A read returns every field at its place and zeros between fields. The high word of a counter is the
   one from the cycle in which its low word was read.
4. A read or write of a word outside the map, or a write to a read-only word, is answered with an
   error; no other access is.
"""

import json

QUEUE_WORDS = 16  # commands that the queue before the banks holds
STYLES = ["flex", "fixed", "fp32", "bf16", "fp8"]

PORTS = [("clk_i", 1), ("rst_ni", 1), ("clear_i", 1), ("write_i", 1), ("write_addr_i", 12),
         ("write_data_i", 32), ("read_i", 1), ("read_addr_i", 12)]  # fmt: skip
ANSWERS = [("write_error_o", 1), ("read_data_o", 32), ("read_error_o", 1)]


def registers(rtl):
    """Registers of the design that this rtl folder belongs to; each field gets the name of its port."""
    page = json.loads((rtl.parent / "sw" / "registers.json").read_text())
    for group in page["groups"]:
        for register in group["registers"]:
            for field in register["fields"]:
                parts = [register["name"], *([] if field["name"] == "value" else [field["name"]])]
                field["port"] = "_".join(parts)
            yield register


def constants(rtl):
    """Values of the fields that parameters or the generator fix, by port, from config.json."""
    config = json.loads((rtl.parent / "config.json").read_text())
    version = config["generator"].split()[-1].split(".")
    sums = config["derived"]["sum_bits"]
    known = {"id": int.from_bytes(b"FMAC", "big"), "param_sum_bits": sums,
             "param_preload_bits": (sums + 31) // 32 * 32, "param_queue": QUEUE_WORDS}  # fmt: skip
    for part, number in zip(("major", "minor", "patch"), version):
        known[f"version_{part}"] = int(number)
    for name, value in config["parameters"].items():
        if name == "rounding":
            modes = ("nearest", "truncate", "stochastic")
            known.update({f"param_rounding_{mode}": int(mode in value) for mode in modes})
        else:
            known[f"param_{name}"] = STYLES.index(value) if name == "style" else value
    return known


def word(fields, suffix):
    """The fields at their places in 64 bits."""
    return " | ".join(f"({{64'd0, {f['port']}{suffix}}} << {f['lsb']})" for f in fields) or "64'd0"


def rules(rtl):
    """The module `regs`: the rules, around a flexmac_regs with free inputs."""
    inputs, outputs = list(PORTS), list(ANSWERS)
    state, checks, reads, writable, low = [], [], [], [], []
    known = constants(rtl)
    for register in registers(rtl):
        name, fields, access = register["name"], register["fields"], register["access"]
        at = f"10'd{register['offset'] // 4}"
        mask = sum(((1 << f["bits"]) - 1) << f["lsb"] for f in fields)
        hit = f"(write_i && write_addr_i[11:2] == {at})"
        shown = f"m_{name}"
        if access == "read-only" and all(f["port"] in known for f in fields):
            shown = f"64'd{sum(known[f['port']] << f['lsb'] for f in fields)}"
        elif access == "read-only":
            inputs += [(f["port"] + "_i", f["bits"]) for f in fields]
            shown = f"({word(fields, '_i')})"
        else:
            outputs += [(f["port"] + "_o", f["bits"]) for f in fields]
            writable.append(f"write_addr_i[11:2] == {at}")
            data = f"(write_data_i & 32'd{mask})"
        if access == "write-only":
            shown = "64'd0"
            outputs.append((f"{name}_write_o", 1))
            checks += [f"{name}_write_o == {hit}", f"!{hit} || ({word(fields, '_o')}) == {data}"]
        elif access == "read-write":
            state.append((shown, "!rst_ni", f"{hit} ? {data} : m_{name}"))
            checks.append(f"!settled || ({word(fields, '_o')}) == m_{name}")
        elif access == "write-one-to-clear":
            inputs += [(f["port"] + "_i", f["bits"]) for f in fields]
            state.append((shown, "!rst_ni || clear_i",
                          f"({word(fields, '_i')}) | (m_{name} & ~({hit} ? {data} : 32'd0))"))  # fmt: skip
            checks.append(f"!settled || ({word(fields, '_o')}) == m_{name}")
        reads.append((at, f"{shown} & 64'hffffffff", "settled"))
        if register["width"] == 64:
            low.append((at, shown))
            reads.append((f"10'd{register['offset'] // 4 + 1}", "high", "held"))
    return module(inputs, outputs, state, checks, reads, writable, low)


def module(inputs, outputs, state, checks, reads, writable, low):
    known = " || ".join(f"read_addr_i[11:2] == {at}" for at, *_ in reads)
    checks = [
        f"write_error_o == !({' || '.join(writable)})",
        f"read_error_o == !({known})",
        *checks,
        *(f"read_addr_i[11:2] != {at} || !{when} || read_data_o == ({value})"
          for at, value, when in reads),
    ]  # fmt: skip
    ports = ", ".join(f".{name}({name})" for name, _ in inputs + outputs)
    lines = ["`default_nettype none", "module regs ("]
    lines.append(",\n".join(f"  input wire [{bits - 1}:0] {name}" for name, bits in inputs))
    lines += [");", *(f"  wire [{bits - 1}:0] {name};" for name, bits in outputs)]
    lines += [f"  flexmac_regs u_regs ({ports});"]
    lines += ["  reg settled = 1'b0, held = 1'b0;", "  reg [63:0] high;"]
    lines += [f"  reg [63:0] {name};" for name, *_ in state]
    lines += ["  always @(posedge clk_i) begin", "    if (!rst_ni) settled <= 1'b1;"]
    for name, cleared, then in state:
        lines.append(f"    {name} <= {cleared} ? 64'd0 : {then};")
    for at, value in low:
        lines.append(f"    if (read_i && read_addr_i[11:2] == {at}) "
                     f"begin high <= ({value}) >> 32; held <= 1'b1; end")  # fmt: skip
    lines += ["  end", "  always @* begin"]
    lines += [f"    assert ({check});" for check in checks]
    lines += ["    cover (settled && held && high != 0 && !read_error_o && read_data_o == high);",
              "    cover (settled && m_scratch == 64'hdead0000 && write_error_o);",
              "    cover (settled && m_irq_status == 64'd2);"]  # fmt: skip
    return "\n".join([*lines, "  end", "endmodule", "`default_nettype wire", ""])
