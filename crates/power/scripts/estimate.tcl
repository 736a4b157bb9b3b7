# What OpenSTA makes of a netlist without measured activity: every input changes once in ten cycles,
# and the rest follows from the cells' functions.
# Placeholders: @TOP@, @CLOCK@, @PERIOD_PS@, @CONDITIONS@.
read_liberty cells.lib
read_verilog netlist_sta.v
link_design @TOP@
@CONDITIONS@
set_cmd_units -time ps
create_clock -name clk -period @PERIOD_PS@ [get_ports @CLOCK@]
# A cell that no clock reaches counts as one change a second: inputs belong to the clock.
foreach port [all_inputs] {
  if {[get_name $port] ne {@CLOCK@}} { set_input_delay 0 -clock clk $port }
}
# Cell by cell, not by report_power: OpenSTA weighs a cell's internal energies by its inputs' shares of
# the output's changes, and has 0 / 0 for a cell whose output never changes, give or take its smallest
# number. Such a cell spends none.
set corner [sta::cmd_corner]
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
