#!/usr/bin/env bash
# OpenSTA 2.0.17 (Debian 12: opensta 0~20191111gitc018cb2+dfsg-1) on a library of one flip-flop.
#
# Expected: the clock pin states rise_power 1 and fall_power 3 (in pJ), so one clock cycle, which has one rise and
# one fall, takes 4 pJ, and at 1 GHz 4 mW.
# Seen: 8 mW. Each of the two transitions is charged with the sum of both tables. A library whose two tables are
# both 2 gives the same 8 mW.
# It matters because most of the energy of a clocked array, before layout, is inside its flip-flops.
set -euo pipefail
version=0~20191111gitc018cb2+dfsg-1
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
apt-get download -q "opensta=$version" libtcl8.6 >/dev/null 2>&1 || { echo "cannot download opensta=$version"; exit 2; }
for package in ./*.deb; do dpkg -x "$package" root; done
sta() { LD_LIBRARY_PATH="$work/root/usr/lib/x86_64-linux-gnu" TCL_LIBRARY=/usr/share/tcltk/tcl8.6 "$work/root/usr/bin/sta" "$@"; }

library() { # RISE FALL
  cat <<LIB
library (one) {
  delay_model : table_lookup;
  time_unit : "1ns"; voltage_unit : "1V"; current_unit : "1mA"; leakage_power_unit : "1mW";
  capacitive_load_unit (1, pf);
  slew_lower_threshold_pct_rise : 20; slew_upper_threshold_pct_rise : 80;
  slew_lower_threshold_pct_fall : 20; slew_upper_threshold_pct_fall : 80;
  input_threshold_pct_rise : 50; input_threshold_pct_fall : 50;
  output_threshold_pct_rise : 50; output_threshold_pct_fall : 50;
  power_lut_template (slew) { variable_1 : input_transition_time; index_1 ("0.1, 1"); }
  nom_voltage : 1; nom_process : 1; nom_temperature : 25;
  operating_conditions (typical) { process : 1; voltage : 1; temperature : 25; }
  cell (FF) {
    area : 1;
    ff (IQ, IQN) { next_state : "D"; clocked_on : "CK"; }
    pin (CK) { direction : input; clock : true; capacitance : 0.001;
      internal_power () {
        rise_power (slew) { index_1 ("0.1, 1"); values ("$1, $1"); }
        fall_power (slew) { index_1 ("0.1, 1"); values ("$2, $2"); }
      } }
    pin (D) { direction : input; capacitance : 0.001; }
    pin (Q) { direction : output; function : "IQ";
      timing () { related_pin : "CK"; timing_type : rising_edge;
        cell_rise (scalar) { values ("0.1"); } cell_fall (scalar) { values ("0.1"); }
        rise_transition (scalar) { values ("0.1"); } fall_transition (scalar) { values ("0.1"); } } }
  }
}
LIB
}
cat >top.v <<'V'
module top (clk, q);
  input clk;
  output q;
  FF u (.CK(clk), .D(q), .Q(q));
endmodule
V
cat >power.tcl <<'TCL'
read_liberty one.lib
read_verilog top.v
link_design top
set_operating_conditions typical
create_clock -name clk -period 1 [get_ports clk]
sta::set_power_pin_activity [sta::find_pin u/D] 0 0.5
sta::set_power_pin_activity [sta::find_pin u/Q] 0 0.5
puts "internal [lindex [sta::instance_power [sta::find_instance u] [sta::cmd_corner]] 0]"
TCL
seen=$(sta -version)
[ "$seen" = 2.0.17 ] || { echo "expected version 2.0.17, found $seen"; exit 1; }
for tables in "1 3" "2 2" "4 0"; do
  # shellcheck disable=SC2086 # two words
  library $tables >one.lib
  watts=$(sta -no_init -no_splash -exit power.tcl | sed -n 's/^internal //p')
  echo "rise_power, fall_power in pJ: $tables; 1 GHz, data still: $watts W"
  python3 -c "import sys; sys.exit(not abs(float('$watts') / 8e-3 - 1) < 1e-3)" || { echo "expected 0.008"; exit 1; }
done
