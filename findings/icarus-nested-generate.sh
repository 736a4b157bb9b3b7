#!/usr/bin/env bash
# iverilog 11.0-1.1 (Debian 12): the time to compile a generate block inside another one.
#
# Expected: four times as many instances of a module take about four times as long, however the module's loops are
# written.
# Seen: with a loop and a condition inside a loop it takes more than eight times as long, and with one flat loop and the
# same assignments about four times. Each inner block is one object for the whole design, with a list of all its scopes;
# every scope around it walks through that list, in two passes (elab_sig.cc and elaborate.cc, PGenerate). So the
# time grows with the square of the instances: 256 multipliers of four lanes took 20 minutes, in flat loops 20 seconds.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
apt-get download -q iverilog=11.0-1.1+b1 >/dev/null 2>&1 || { echo "cannot download iverilog"; exit 2; }
dpkg -x iverilog_*.deb root
iverilog=(root/usr/bin/iverilog -B root/usr/lib/x86_64-linux-gnu/ivl)
cat >nested.v <<'V'
module leaf (input [15:0] a, b, output [255:0] y);
  genvar i, j;
  generate
    for (i = 0; i < 16; i = i + 1) begin : row
      for (j = 0; j < 16; j = j + 1) begin : column
        if (i == 15) begin : last
          assign y[i*16+j] = ~(a[i] & b[j]);
        end else begin : other
          assign y[i*16+j] = a[i] & b[j];
        end
      end
    end
  endgenerate
endmodule
V
cat >flat.v <<'V'
module leaf (input [15:0] a, b, output [255:0] y);
  genvar i;
  generate
    for (i = 0; i < 256; i = i + 1) begin : bits
      localparam [0:0] LAST = i / 16 == 15;
      assign y[i] = (a[i/16] & b[i%16]) ^ LAST;
    end
  endgenerate
endmodule
V
cat >top.v <<'V'
module top #(parameter N = 1) (input [15:0] a, b, output [N*256-1:0] y);
  leaf u [N-1:0] (.a(a), .b(b), .y(y));
endmodule
V
"${iverilog[@]}" -V 2>/dev/null | head -1
ratio() { # of the processor seconds of 64 instances to those of 16, the least of two tries each
  python3 - "$1" "${iverilog[@]}" <<'P'
import os, subprocess, sys
def least(n):
    def once():
        before = os.times().children_user
        command = [*sys.argv[2:], f"-Ptop.N={n}", "-s", "top", "-o", "out.vvp", "top.v", sys.argv[1]]
        subprocess.run(command, check=True)
        return os.times().children_user - before
    return min(once() for _ in range(2))
few, many = least(16), least(64)
print(f"{few:.2f} s for 16, {many:.2f} s for 64", file=sys.stderr)
print(round(many / few, 1))
P
}
nested=$(ratio nested.v)
flat=$(ratio flat.v)
echo "64 instances take $nested times as long as 16 with nested blocks, $flat times with a flat loop"
awk -v n="$nested" -v f="$flat" 'BEGIN { exit !(n > 8 && f < 6.5) }' || { echo "the behaviour has changed"; exit 1; }
