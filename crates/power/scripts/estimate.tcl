# Power of a netlist with OpenSTA's default activity: every input changes once in ten cycles, and the
# activity of all other nets follows from the functions of the cells.
# Placeholders: @TOP@, @CLOCK@, @VERSIONS@ (versions.tcl), @PERIOD_PS@, @CONDITIONS@.
read_liberty cells.lib
read_verilog netlist_sta.v
link_design @TOP@
@CONDITIONS@
set_cmd_units -time ps
create_clock -name clk -period @PERIOD_PS@ [get_ports @CLOCK@]
# OpenSTA assumes one change per second for cells that no clock reaches, so inputs get a delay from the clock.
foreach port [all_inputs] {
  if {[get_name $port] ne {@CLOCK@}} { set_input_delay 0 -clock clk $port }
}
# Sums cells instead of using report_power. OpenSTA weights the internal energies of a cell by the share of
# each input in the changes of its output. For a cell whose output never changes this is (almost) 0 / 0;
# such a cell uses no energy.
@VERSIONS@
set sums {0.0 0.0 0.0}
set still 0
foreach instance [sta::network_leaf_instances] {
  lassign [sta::instance_power $instance $corner] internal switching leakage
  if {[string match -nocase *nan* $internal] && $switching < 1e-30} {
    set internal 0.0
    incr still
  }
  set sums [lmap sum $sums part [list $internal $switching $leakage] {expr {$sum + $part}}]
}
puts "FLEXMAC estimate $sums $still"
puts "FLEXMAC done"
