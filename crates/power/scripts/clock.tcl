# Power of two buffers of a clock tree, one that drives clock pins and one that drives buffers, and of
# flip-flops whose clock runs while their other pins do not change. OpenSTA 2.0.17 counts this power for
# flip-flops behind a clock gate, whether the gate is open or closed.
# Placeholders: @VERSIONS@ (versions.tcl), @PERIOD_PS@, @CONDITIONS@, @LEAF_FF@, @BRANCH_FF@ (loads in
# femtofarads), @PROBES@ (the flip-flops), @STILL@ (their pins other than the clock).
read_liberty cells.lib
read_verilog clock.v
link_design flexmac_clock
@CONDITIONS@
set_cmd_units -time ps -capacitance fF
create_clock -name clk -period @PERIOD_PS@ [get_ports clk_i]
puts "FLEXMAC period_ps [get_property [get_clocks clk] period]"
set_load -pin_load @LEAF_FF@ [get_ports leaf_o]
set_load -pin_load @BRANCH_FF@ [get_ports branch_o]
@VERSIONS@
puts "FLEXMAC activity_unit $activity_unit"
foreach name {@STILL@} { sta::set_power_pin_activity [sta::find_pin $name] 0 0.5 }
foreach name {leaf branch @PROBES@} {
  puts "FLEXMAC $name [sta::instance_power [sta::find_instance $name] $corner]"
}
puts "FLEXMAC done"
